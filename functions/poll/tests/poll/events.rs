//! Word of a job's end, in the shapes that Google sends: the run that waits for the job is found, and the service is asked.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use ork_core::Value;
use ork_core::ids::RunId;
use ork_core::run::RunStatus;
use ork_engine::label_of;
use ork_engine::ports::JobStatus;
use ork_host::Role;
use ork_host::settings::{Auth, Caller};
use ork_host::testing::{Answer, World, hint, post, send, settings};
use serde_json::json;

const AUDIT: &str = "google.cloud.audit.log.v1.written";
const YAML: &str = "name: w\ntasks:\n  a: {command: work}\n  b: {command: work, depends_on: [a]}\n";
const JOB: &str = "ork_0123456789abcdef";
const EXECUTION: &str = "etl-x7k2p";

fn routes(world: &World) -> Router {
    ork_poll::router(world.engine(), &settings(Role::Poll))
}

/// A run whose first task waits for `job`.
async fn waiting(world: &World, run: &str, job: Value) {
    waiting_for_all(world, run, &[job]).await;
}

async fn waiting_for_all(world: &World, run: &str, jobs: &[Value]) {
    world.start("w", run).await;
    post(&routes(world), "/push", hint("poll", run)).await;
    let started = world.started();
    assert_eq!(started.len(), 1, "the first task");
    world.hand_over(&started[0], jobs).await;
}

fn query(id: &str) -> Value {
    json!({"service_type": "bigquery", "project": "acme", "job_id": id, "location": "EU"})
}

fn execution() -> Value {
    json!({
        "service_type": "cloudrun", "project": "acme", "region": "europe-west1",
        "job_name": "etl", "execution_id": EXECUTION,
    })
}

/// A request of Eventarc: attributes as headers.
async fn binary(routes: &Router, kind: &str, data: &Value) -> Answer {
    let request = Request::post("/events")
        .header("content-type", "application/json; charset=utf-8")
        .header("ce-specversion", "1.0")
        .header(
            "ce-id",
            "projects/acme/logs/cloudaudit.googleapis.com%2Fdata_access1",
        )
        .header(
            "ce-source",
            "//cloudaudit.googleapis.com/projects/acme/logs/data_access",
        )
        .header("ce-type", kind)
        .body(Body::from(data.to_string()));
    send(routes, request.expect("a request")).await
}

fn structured(data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": "1", "type": AUDIT, "datacontenttype": "application/json",
        "source": "//cloudaudit.googleapis.com/projects/acme/logs/data_access", "data": data,
    })
}

/// A message of a log's sink, as Pub/Sub pushes it.
fn pushed(entry: &Value) -> Value {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(entry.to_string());
    json!({
        "message": {
            "attributes": {"logging.googleapis.com/timestamp": "2026-11-22T01:00:00.123456Z"},
            "data": data, "messageId": "7", "publishTime": "2026-11-22T01:00:01Z",
        },
        "subscription": "projects/acme/subscriptions/eventarc-europe-west1-ork-sub-123",
    })
}

fn entry(log: &str, payload: Value) -> Value {
    json!({
        "insertId": "jpllvgecd7bx", "logName": format!("projects/acme/logs/cloudaudit.googleapis.com%2F{log}"),
        "protoPayload": payload, "severity": "INFO", "timestamp": "2026-11-22T01:00:00.123456Z",
    })
}

/// As in Google's sample of `jobservice.jobcompleted`.
fn completed(id: &str, labels: Value) -> Value {
    entry(
        "data_access",
        json!({
            "authenticationInfo": {"principalEmail": "etl@acme.example"},
            "methodName": "jobservice.jobcompleted", "serviceName": "bigquery.googleapis.com",
            "resourceName": format!("projects/acme/jobs/{id}"), "status": {},
            "serviceData": {
                "@type": "type.googleapis.com/google.cloud.bigquery.logging.v1.AuditData",
                "jobCompletedEvent": {
                    "eventName": "query_job_completed",
                    "job": {
                        "jobConfiguration": {"labels": labels, "query": {"query": "SELECT 1"}},
                        "jobName": {"jobId": id, "location": "EU", "projectId": "acme"},
                        "jobStatus": {"error": {}, "state": "DONE"},
                    },
                },
            },
        }),
    )
}

/// As BigQueryAuditMetadata has it.
fn change(id: &str, change: &str, state: &str) -> Value {
    let mut entry = entry(
        "data_access",
        json!({
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "methodName": "google.cloud.bigquery.v2.JobService.InsertJob",
            "serviceName": "bigquery.googleapis.com",
            "resourceName": format!("projects/acme/jobs/{id}"),
            "metadata": {
                "@type": "type.googleapis.com/google.cloud.audit.BigQueryAuditMetadata",
                change: {
                    "job": {
                        "jobName": format!("projects/acme/jobs/{id}"),
                        "jobConfig": {"type": "QUERY", "queryConfig": {"query": "SELECT 1"}},
                        "jobStatus": {"jobState": state},
                    },
                },
            },
        }),
    );
    entry["operation"] = json!({"id": "1-acme:EU.x", "last": state == "DONE"});
    entry
}

/// As Cloud Run writes it when an execution ends.
fn ran(name: &str, environment: Value) -> Value {
    let mut entry = entry(
        "system_event",
        json!({
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "methodName": "/Jobs.RunJob", "serviceName": "run.googleapis.com", "resourceName": name,
            "status": {"message": "Execution etl-x7k2p has completed successfully."},
            "response": {
                "apiVersion": "run.googleapis.com/v1", "kind": "Execution",
                "metadata": {"name": EXECUTION, "namespace": "123456", "labels": {"run.googleapis.com/job": "etl"}},
                "spec": {"template": {"spec": {"containers": [{"image": "i", "env": environment}]}}},
                "status": {"conditions": [{"type": "Completed", "status": "True"}], "succeededCount": 1},
            },
        }),
    );
    entry["resource"] = json!({
        "type": "cloud_run_job",
        "labels": {"job_name": "etl", "location": "europe-west1", "project_id": "acme"},
    });
    entry
}

fn bare(name: &str, method: &str) -> Value {
    let payload = json!({
        "methodName": method, "serviceName": "run.googleapis.com", "resourceName": name,
    });
    entry("system_event", payload)
}

#[tokio::test]
async fn whichever_way_word_of_a_jobs_end_comes_its_run_goes_on() {
    let full = format!("projects/acme/locations/europe-west1/jobs/etl/executions/{EXECUTION}");
    let short = format!("namespaces/acme/executions/{EXECUTION}");
    let run_id =
        json!([{"name": "OTHER", "value": "x"}, {"name": "ORK_RUN_ID", "value": "My_run"}]);
    let label = label_of(&RunId::new("My_run").expect("a run id"));
    let entries = [
        (query(JOB), completed(JOB, json!({}))),
        (query(JOB), completed(JOB, json!({"ork-run": label}))),
        (query(JOB), change(JOB, "jobChange", "DONE")),
        (query(JOB), change(JOB, "jobInsertion", "DONE")),
        (execution(), ran(&short, json!([]))),
        (execution(), ran(&short, run_id)),
        (execution(), bare(&full, "google.cloud.run.v2.Jobs.RunJob")),
        (execution(), bare(&short, "/Jobs.RunJob")),
        (
            execution(),
            bare("namespaces/acme/jobs/etl", "/Jobs.RunJob"),
        ),
        (
            execution(),
            bare(&full, "google.cloud.run.v2.Executions.CancelExecution"),
        ),
    ];
    for (n, (job, entry)) in entries.iter().enumerate() {
        for wrapping in [
            "binary",
            "structured",
            "pushed",
            "pushed by Eventarc",
            "bare",
        ] {
            let world = World::default();
            world.deploy(YAML).await;
            waiting(&world, "My_run", job.clone()).await;
            for id in [JOB, EXECUTION] {
                world.job_is(id, JobStatus::Succeeded);
            }
            let routes = routes(&world);
            let told = match wrapping {
                "binary" => binary(&routes, AUDIT, entry).await,
                "structured" => post(&routes, "/events", structured(entry).to_string()).await,
                "pushed" => post(&routes, "/events", pushed(entry).to_string()).await,
                "bare" => post(&routes, "/events", entry.to_string()).await,
                _ => {
                    let kind = "google.cloud.pubsub.topic.v1.messagePublished";
                    binary(&routes, kind, &pushed(entry)).await
                }
            };
            let what = format!("{n}, {wrapping}");
            assert_eq!(told.status, StatusCode::NO_CONTENT, "{what}");
            assert_eq!(world.asked().len(), 1, "{what}: the service is asked");
            let next = world.started();
            assert_eq!(next.len(), 1, "{what}: what waited for the job is started");
            assert_eq!(next[0].task_name.as_str(), "b", "{what}");
        }
    }
}

#[tokio::test]
async fn an_event_is_not_believed() {
    let world = World::default();
    world.deploy(YAML).await;
    waiting(&world, "r", query(JOB)).await;
    let routes = routes(&world);
    let (_, commits, _) = world.calls();
    for _ in 0..2 {
        let told = binary(&routes, AUDIT, &completed(JOB, json!({}))).await;
        assert_eq!(told.status, StatusCode::NO_CONTENT);
        assert_eq!(world.asked(), [JOB]);
    }
    assert_eq!(
        world.calls().1,
        commits,
        "the service says that it is at work"
    );
    world.job_is(JOB, JobStatus::failed("quota"));
    binary(&routes, AUDIT, &completed(JOB, json!({}))).await;
    assert_eq!(world.status("r").await, RunStatus::Failed);
    let (_, commits, _) = world.calls();
    binary(&routes, AUDIT, &completed(JOB, json!({}))).await;
    assert_eq!(world.calls().1, commits, "once is enough");
}

#[tokio::test]
async fn a_job_is_found_among_many_whose_list_does_not_fit_the_run() {
    let world = World::default();
    world.deploy(YAML).await;
    let jobs: Vec<Value> = (0..20).map(|n| query(&format!("{JOB}{n}"))).collect();
    waiting_for_all(&world, "r", &jobs).await;
    let routes = routes(&world);
    let (last, before) = (format!("{JOB}19"), world.calls().1);
    world.job_is(&last, JobStatus::Succeeded);
    binary(&routes, AUDIT, &completed(&last, json!({}))).await;
    assert_eq!(
        world.calls().1,
        before + 1,
        "one commit for all that was said"
    );
    assert_eq!(world.asked(), [&*last], "nobody else is asked about");
    // It never is again; the others are when they are due.
    world.pass(Duration::from_secs(10));
    post(&routes, "/wake", r#"{"run": "r"}"#).await;
    assert_eq!(world.asked().len(), 19);
    world.job_is(&format!("{JOB}7"), JobStatus::failed("quota"));
    binary(&routes, AUDIT, &completed(&format!("{JOB}7"), json!({}))).await;
    assert_eq!(world.asked().len(), 1);
    assert_eq!(world.status("r").await, RunStatus::Failed);
}

#[tokio::test]
async fn a_job_that_names_its_run_is_looked_for_nowhere_else() {
    let world = World::default();
    world.deploy(YAML).await;
    for run in ["r1", "r2", "r3"] {
        waiting(&world, run, query(&format!("{JOB}{run}"))).await;
    }
    world.job_is(&format!("{JOB}r2"), JobStatus::Succeeded);
    let routes = routes(&world);
    // A run that is not there, and one that waits for something else.
    for named in ["r9", "r1"] {
        let told = completed(&format!("{JOB}r2"), json!({"ork-run": named}));
        binary(&routes, AUDIT, &told).await;
        assert!(world.asked().is_empty(), "{named}");
    }
    let told = completed(&format!("{JOB}r2"), json!({"ork-run": "r2"}));
    binary(&routes, AUDIT, &told).await;
    assert_eq!(world.asked().len(), 1);
    assert_eq!(world.started().len(), 1);
}

#[tokio::test]
async fn the_jobs_of_others_cost_one_look_around_in_five_seconds() {
    let world = World::default();
    world.deploy(YAML).await;
    waiting(&world, "r", query(JOB)).await;
    let routes = routes(&world);
    let foreign = async |n: u32| {
        let told = completed(&format!("bqjob_{n}"), json!({"ork-run": "Not a run!"}));
        assert_eq!(
            binary(&routes, AUDIT, &told).await.status,
            StatusCode::NO_CONTENT
        );
        world.calls()
    };
    let first = foreign(0).await;
    for n in 1..50 {
        assert_eq!(foreign(n).await, first);
    }
    // What was seen then is found now, whenever it was.
    world.job_is(JOB, JobStatus::Succeeded);
    binary(&routes, AUDIT, &completed(JOB, json!({}))).await;
    assert_eq!(world.asked(), [JOB]);
    let before = world.calls();
    world.pass(Duration::from_secs(6));
    assert!(
        foreign(50).await.0 > before.0,
        "it looks again after a while"
    );
}

#[tokio::test]
async fn ends_of_orks_own_workers_are_passed_over_without_a_look() {
    let world = World::default();
    world.deploy(YAML).await;
    waiting(&world, "r", execution()).await;
    world.job_is(EXECUTION, JobStatus::Succeeded);
    let routes = routes(&world);
    let name = format!("namespaces/acme/executions/{EXECUTION}");
    let variable = |name: &str| json!({"name": name, "value": "runs/r/batches/x.json"});
    let other = json!({"name": "OTHER", "value": "x"});
    let mut newer = ran(&name, json!([]));
    newer["protoPayload"]["response"] =
        json!({"name": name, "template": {"containers": [{"env": [variable("ORK_BATCH_URL")]}]}});
    let workers = [
        ran(&name, json!([other, variable("ORK_BATCH")])),
        ran(&name, json!([variable("ORK_BATCH_URL")])),
        newer,
    ];
    let before = world.calls();
    for worker in &workers {
        for body in [structured(worker), pushed(worker), worker.clone()] {
            let told = post(&routes, "/events", body.to_string()).await;
            assert_eq!(told.status, StatusCode::NO_CONTENT, "{worker}");
        }
    }
    assert_eq!(world.calls(), before, "nothing is read for them");
    assert!(world.asked().is_empty());
    let request = Request::get("/healthz").body(Body::empty());
    let seen = send(&routes, request.expect("a request")).await.json();
    assert_eq!(
        (&seen["passed_over"], &seen["broken"]),
        (&json!(9), &json!(0))
    );
    // A job that a task started as it was itself started names its run.
    let run = json!({"name": "ORK_RUN_ID", "value": "r"});
    let theirs = ran(&name, json!([variable("ORK_BATCH"), run]));
    binary(&routes, AUDIT, &theirs).await;
    assert_eq!(world.asked(), [EXECUTION]);
}

#[tokio::test]
async fn what_is_none_of_orks_business_is_passed_over_and_what_is_broken_thrown_away() {
    let world = World::default();
    world.deploy(YAML).await;
    waiting(&world, "r", query(JOB)).await;
    world.job_is(JOB, JobStatus::Succeeded);
    let routes = routes(&world);
    let before = world.calls();
    let started = json!({
        "kind": "Execution", "status": {"conditions": [{"type": "Completed", "status": "Unknown"}]},
    });
    let mut begins = bare(
        "namespaces/acme/jobs/etl",
        "google.cloud.run.v2.Jobs.RunJob",
    );
    begins["operation"] = json!({"first": true});
    let mut goes_on = bare("namespaces/acme/jobs/etl", "/Jobs.RunJob");
    goes_on["protoPayload"]["response"] = started;
    let mut elsewhere = completed(JOB, json!({}));
    elsewhere["protoPayload"]["serviceName"] = json!("storage.googleapis.com");
    let text = json!({"textPayload": "hello", "logName": "projects/acme/logs/x"});
    let passed = [
        change(JOB, "jobInsertion", "RUNNING"),
        change(JOB, "tableDataRead", "DONE").tap(|entry| entry["operation"] = Value::Null),
        begins,
        goes_on,
        bare(
            "namespaces/acme/services/api",
            "google.cloud.run.v1.Services.ReplaceService",
        ),
        elsewhere,
    ];
    for entry in &passed {
        for body in [structured(entry), pushed(entry), entry.clone()] {
            let told = post(&routes, "/events", body.to_string()).await;
            assert_eq!(told.status, StatusCode::NO_CONTENT, "{entry}");
        }
    }
    post(&routes, "/events", pushed(&text).to_string()).await;
    post(
        &routes,
        "/events",
        hint("poll", "r").replace("\"\"", "\"e30=\""),
    )
    .await;
    let finalized = "google.cloud.storage.object.v1.finalized";
    binary(&routes, finalized, &json!({"bucket": "b", "name": "n"})).await;
    let health = async || {
        let request = Request::get("/healthz").body(Body::empty());
        send(&routes, request.expect("a request")).await.json()
    };
    let seen = health().await;
    assert_eq!(
        (&seen["passed_over"], &seen["broken"]),
        (&json!(21), &json!(0))
    );
    let mut nameless = completed(JOB, json!({}));
    nameless["protoPayload"]["resourceName"] = json!("projects/acme");
    nameless["protoPayload"]["serviceData"]["jobCompletedEvent"]["job"]["jobName"] = Value::Null;
    let broken = [
        String::new(),
        "[]".into(),
        "{".into(),
        r#"{"specversion": "1.0"}"#.into(),
        json!({"specversion": "1.0", "type": AUDIT}).to_string(),
        json!({"specversion": "1.0", "type": AUDIT, "data": {}}).to_string(),
        json!({"specversion": "1.0", "type": AUDIT, "data_base64": "?"}).to_string(),
        json!({"message": {"messageId": "1"}}).to_string(),
        json!({"message": {"data": "?"}}).to_string(),
        json!({"message": {"data": "eA=="}}).to_string(),
        json!({"protoPayload": {}}).to_string(),
        bare("", "/Jobs.RunJob").to_string(),
        nameless.to_string(),
        format!("{{\"message\": \"{}\"}}", "x".repeat(2 << 20)),
    ];
    for body in &broken {
        let told = post(&routes, "/events", body.clone()).await;
        let shown: String = body.chars().take(200).collect();
        assert_eq!(told.status, StatusCode::NO_CONTENT, "{shown}");
    }
    let seen = health().await;
    assert_eq!(seen["passed_over"], json!(21));
    assert_eq!(seen["broken"], json!(broken.len()));
    assert_eq!(world.calls(), before, "for none of them anything is read");
    assert!(world.asked().is_empty());
}

#[tokio::test]
async fn a_store_that_is_down_has_the_event_sent_again_and_strangers_send_none() {
    let world = World::default();
    world.store_down(true);
    let told = binary(&routes(&world), AUDIT, &completed(JOB, json!({}))).await;
    assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE);
    let mut guarded = settings(Role::Poll);
    guarded.serving.auth = Auth::Verify(Caller {
        audience: "https://ork-poll.example".into(),
        email: "push@acme.example".into(),
    });
    let routes = ork_poll::router(world.engine(), &guarded);
    let told = binary(&routes, AUDIT, &completed(JOB, json!({}))).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED);
}

/// A value, changed.
trait Tap: Sized {
    fn tap(self, change: impl FnOnce(&mut Self)) -> Self;
}

impl Tap for Value {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
