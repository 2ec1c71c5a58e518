//! The stand-in for BigQuery, Dataproc and IAM over plain HTTP: what the tests share, and what all its services have in common.

use std::time::Duration;

use ork_emulators::Keyring;
use ork_emulators::services::{Services, ServicesOptions};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// The stand-in with its clock at rest, and a client.
pub(crate) struct World {
    pub(crate) stand_in: Services,
    client: Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::at_speed(0.0).await
    }

    pub(crate) async fn at_speed(speed: f64) -> Self {
        Self::with(speed, Keyring::default()).await
    }

    pub(crate) async fn with(speed: f64, keyring: Keyring) -> Self {
        let options = ServicesOptions {
            speed,
            keyring,
            ..ServicesOptions::default()
        };
        Self {
            stand_in: Services::start(options).await.unwrap(),
            client: Client::new(),
        }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", self.stand_in.endpoint());
        let request = self.client.request(method, url);
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        request.send().await.unwrap()
    }

    /// The status and the JSON of the answer; no JSON is null.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let response = self.send(method, path, &body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, Value::Null).await
    }

    /// The JSON of an answer that must be good.
    pub(crate) async fn good(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, value) = self.ask(method, path, body).await;
        assert!(status < 300, "{method} {path}: {status} {value}");
        value
    }

    pub(crate) async fn control(&self, path: &str, body: Value) {
        let (status, answer) = self.ask("POST", &format!("/control/{path}"), body).await;
        assert!(status < 300, "{path}: {status} {answer}");
    }

    pub(crate) fn pass(&self, seconds: f64) {
        self.stand_in.advance(Duration::from_secs_f64(seconds));
    }

    /// Makes a query of BigQuery with this id.
    pub(crate) async fn query(&self, id: &str, query: &str) -> Value {
        let body = json!({
            "jobReference": {"projectId": "p", "jobId": id},
            "configuration": {"query": {"query": query}},
        });
        self.good("POST", JOBS, body).await
    }

    /// Where a job of BigQuery stands.
    pub(crate) async fn state(&self, id: &str) -> String {
        let job = self.good("GET", &format!("{JOBS}/{id}"), Value::Null).await;
        job["status"]["state"].as_str().unwrap().to_owned()
    }
}

pub(crate) const JOBS: &str = "/bigquery/v2/projects/p/jobs";

#[tokio::test]
async fn scripts_come_from_the_control_for_one_job_and_for_the_next_ones() {
    let world = World::new().await;
    let failing = json!({"times": 2, "script": {"fail": "backendError: down"}});
    world.control("scripts", failing).await;
    let named =
        json!({"service": "bigquery", "job": "named", "script": {"seconds": 30, "fail": ""}});
    world.control("scripts", named).await;
    let (_, waiting) = world.get("/control/scripts").await;
    assert_eq!(waiting.as_array().unwrap().len(), 2);
    for id in ["one", "named", "three"] {
        world.query(id, "SELECT 1").await;
    }
    world.pass(2.0);
    let state = |id: &'static str| world.state(id);
    assert_eq!(state("named").await, "RUNNING");
    for (id, failed) in [("one", true), ("three", false)] {
        let (_, job) = world.get(&format!("{JOBS}/{id}")).await;
        assert_eq!(job["status"]["state"], "DONE");
        assert_eq!(!job["status"]["errorResult"].is_null(), failed, "{id}");
    }
    // One that runs already can be told to end.
    let over = json!({"job": "named", "script": {"seconds": 0, "fail": "invalid: enough"}});
    world.control("scripts", over).await;
    let (_, job) = world.get(&format!("{JOBS}/named")).await;
    assert_eq!(job["status"]["errorResult"]["message"], "enough");
    let (_, waiting) = world.get("/control/scripts").await;
    assert_eq!(waiting, json!([]));
    // What nobody scripted does what the defaults say.
    world.control("defaults", json!({"forever": true})).await;
    world.query("four", "SELECT 1").await;
    world.pass(1e6);
    assert_eq!(state("four").await, "RUNNING");
}

#[tokio::test]
async fn faults_meet_the_calls_they_are_for_as_often_as_they_should() {
    let world = World::new().await;
    world.query("a", "SELECT 1").await;
    world.query("b", "SELECT 1").await;
    let get = |id: &str| format!("{JOBS}/{id}");
    for (fault, status, code, reason) in [
        (json!({"status": 503}), 503, "UNAVAILABLE", "backendError"),
        (
            json!({"status": 403}),
            403,
            "PERMISSION_DENIED",
            "accessDenied",
        ),
        (json!({"status": 404}), 404, "NOT_FOUND", "notFound"),
        (
            json!({"status": 403, "reason": "quotaExceeded", "message": "too much"}),
            403,
            "PERMISSION_DENIED",
            "quotaExceeded",
        ),
    ] {
        let mut fault = fault;
        fault["service"] = json!("bigquery");
        fault["on"] = json!("get");
        fault["job"] = json!("a");
        fault["times"] = json!(1);
        world.control("faults", fault).await;
        assert_eq!(world.get(&get("b")).await.0, 200, "another job");
        let (met, body) = world.get(&get("a")).await;
        assert_eq!((met, &body["error"]["status"]), (status, &json!(code)));
        assert_eq!(body["error"]["errors"][0]["reason"], reason);
        assert_eq!(world.get(&get("a")).await.0, 200, "it is used up");
    }
    let quota = json!({"on": "get", "project": "p", "status": 429, "retry_after": 7, "times": 2});
    world.control("faults", quota).await;
    for _ in 0..2 {
        let answer = world.send("GET", &get("a"), &Value::Null).await;
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "7");
    }
    assert_eq!(world.get(&get("a")).await.0, 200);
    // Done, and the answer is lost.
    let lost = json!({"on": "insert", "status": 503, "after": true, "times": 1});
    world.control("faults", lost).await;
    let body =
        json!({"jobReference": {"jobId": "c"}, "configuration": {"query": {"query": "SELECT 1"}}});
    assert_eq!(world.ask("POST", JOBS, body).await.0, 503);
    assert_eq!(world.get(&get("c")).await.0, 200);
    // Late.
    let late = json!({"on": "get", "delay_ms": 200, "times": 1});
    world.control("faults", late).await;
    let begun = std::time::Instant::now();
    assert_eq!(world.get(&get("a")).await.0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    // Until they are cleared.
    world.control("faults", json!({"status": 500})).await;
    for _ in 0..3 {
        assert_eq!(world.get(&get("a")).await.0, 500);
    }
    let (_, all) = world.get("/control/faults").await;
    assert_eq!(all.as_array().unwrap().len(), 1);
    world.good("DELETE", "/control/faults", Value::Null).await;
    assert_eq!(world.get(&get("a")).await.0, 200);
    let calls = world.stand_in.calls();
    assert_eq!(calls["bigquery get 429"], 2);
    assert_eq!(calls["bigquery insert 503"], 1);
}

#[tokio::test]
async fn nonsense_on_the_control_is_refused_with_its_reason() {
    let world = World::new().await;
    for (path, body, why) in [
        ("faults", json!({"times": 1}), "nothing happens"),
        ("faults", json!({"status": 200}), "200"),
        ("faults", json!({"status": 503, "times": 0}), "never"),
        ("faults", json!({"status": 503, "on": "fly"}), "fly"),
        ("scripts", json!({"script": {"seconds": -1}}), "seconds"),
        ("scripts", json!({"script": {"second": 1}}), "second"),
        ("scripts", json!({"times": 0, "script": {}}), "never"),
        ("scripts", json!({"script": {"schema": [{}]}}), "schema"),
        (
            "defaults",
            json!({"cancel_seconds": 1e12}),
            "cancel_seconds",
        ),
        ("clock", json!({"speed": -1}), "speed"),
        ("clock", json!({"advance_seconds": -1}), "advance_seconds"),
    ] {
        let (status, answer) = world
            .ask("POST", &format!("/control/{path}"), body.clone())
            .await;
        assert_eq!(status, 400, "{path} {body}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
    }
}

#[tokio::test]
async fn the_clock_is_put_forward_and_hurried() {
    let world = World::new().await;
    world
        .query("slow", "-- ork: {\"seconds\": 3600}\nSELECT 1")
        .await;
    world
        .control("clock", json!({"advance_seconds": 3599}))
        .await;
    assert_eq!(world.state("slow").await, "RUNNING");
    world.control("clock", json!({"speed": 1000})).await;
    crate::support::until("a second passes in a thousandth of one", || async {
        (world.state("slow").await == "DONE").then_some(())
    })
    .await;
    let (_, clock) = world.get("/control/clock").await;
    assert_eq!(clock["speed"], 1000.0);
}

#[tokio::test]
async fn a_wipe_forgets_one_projects_jobs_scripts_and_faults() {
    let world = World::new().await;
    for project in ["p", "q"] {
        let path = format!("/bigquery/v2/projects/{project}/jobs");
        let body = json!({"jobReference": {"jobId": "a"}, "configuration": {"query": {"query": "SELECT 1"}}});
        world.good("POST", &path, body).await;
        let fault = json!({"project": project, "on": "list", "status": 503});
        world.control("faults", fault).await;
        let script = json!({"project": project, "job": "later", "script": {"seconds": 9}});
        world.control("scripts", script).await;
    }
    world.control("wipe/p", Value::Null).await;
    assert_eq!(world.get(&format!("{JOBS}/a")).await.0, 404);
    assert_eq!(world.get(JOBS).await.0, 200);
    assert_eq!(world.get("/bigquery/v2/projects/q/jobs").await.0, 503);
    let (_, scripts) = world.get("/control/scripts").await;
    assert_eq!(scripts.as_array().unwrap().len(), 1);
    let left: Vec<_> = world
        .stand_in
        .jobs()
        .into_iter()
        .map(|job| job.project)
        .collect();
    assert_eq!(left, ["q"]);
    let (_, jobs) = world.get("/control/jobs?project=q&service=bigquery").await;
    assert_eq!(jobs[0]["state"], "running");
}
