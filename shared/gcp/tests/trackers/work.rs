//! Tasks without a worker: what is asked of each service, and what becomes of it.

use ork_core::deferred::Work;
use ork_core::run::Category;
use ork_engine::ports::{Begun, JobStatus, Stopping, Tracker, TrackerError};
use ork_gcp::Endpoints;
use ork_gcp::trackers::{Outgoing, Secrets, Trackers};
use serde_json::{Value, json};

use super::server::{Answer, Server};

/// What a header's secret holds.
const CANARY: &str = "Bearer canary-7c1f";

pub(crate) fn trackers(server: &Server, project: &str) -> Trackers {
    let url = Some(server.url());
    let endpoints = Endpoints {
        run: url.clone(),
        bigquery: url.clone(),
        dataproc: url,
        ..Endpoints::default()
    };
    let outgoing = Outgoing {
        smtp: ork_gcp::trackers::SmtpSettings::default(),
        allow: "127.0.0.1".into(),
        services: String::new(),
        project: project.into(),
        secrets: Secrets::listed([("TOKEN".to_owned(), CANARY.to_owned())].into()),
    };
    Trackers::connect(&endpoints, &outgoing).expect("connected")
}

pub(crate) fn work(operator: &str, request: Value) -> Work {
    let work =
        json!({"operator": operator, "id": "ork_1", "request": request, "poll_interval": 5.0});
    Work::read(&work).expect("work").expect("well-formed")
}

#[tokio::test]
async fn a_query_is_started_in_the_project_of_the_deployment_and_described_from_then_on() {
    let job = json!({"jobReference": {"projectId": "acme", "jobId": "ork_1", "location": "EU"}, "status": {"state": "RUNNING"}});
    let server = Server::with([Answer::ok(job)]).await;
    let query = work(
        "bigquery",
        json!({"query": "SELECT 1", "labels": {"ork-run": "r"}}),
    );
    let said = trackers(&server, "acme").start(&query).await;
    let expected = json!({"service_type": "bigquery", "project": "acme", "job_id": "ork_1", "location": "EU", "poll_interval": 5.0});
    assert_eq!(said, Ok(Begun::Job(expected)));
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /bigquery/v2/projects/acme/jobs");
    assert_eq!(asked.body["configuration"]["labels"]["ork-run"], "r");
}

#[tokio::test]
async fn what_the_file_did_not_say_is_asked_for_before_anybody_is() {
    let server = Server::with([]).await;
    for (operator, request, project, word) in [
        ("bigquery", json!({"query": "SELECT 1"}), "", "`project`"),
        ("bigquery", json!({"query": 7}), "p", "string"),
        (
            "cloudrun",
            json!({"job": "j", "region": "r", "args": ["a", [1]]}),
            "p",
            "an argument is a text, not [1]",
        ),
        (
            "dataproc",
            json!({"region": "r", "job": {}}),
            "p",
            "what to run",
        ),
        (
            "object_sensor",
            json!({"object": "bucket/name"}),
            "p",
            "gs://bucket/name",
        ),
        (
            "http",
            json!({"url": "http://127.0.0.1:1", "success_value": 1}),
            "p",
            "success_field",
        ),
        (
            "http_sensor",
            json!({"url": "http://127.0.0.1:1", "failure_value": "failed"}),
            "p",
            "`failure_value` needs `success_field`",
        ),
    ] {
        let said = trackers(&server, project)
            .start(&work(operator, request))
            .await;
        let Err(TrackerError::Permanent(why)) = said else {
            panic!("{operator}: {said:?}")
        };
        assert!(why.contains(word), "{operator}: {why}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_request_is_made_once_with_a_key_and_its_answer_is_the_output() {
    let server = Server::with([Answer::ok(json!({"state": "done"}))]).await;
    let url = format!("{}/x?secret=1", server.url());
    let call = work(
        "http",
        json!({"method": "POST", "url": url, "headers": {}, "body": {"n": 1}, "success_field": "state"}),
    );
    let said = trackers(&server, "").start(&call).await;
    assert_eq!(
        said,
        Ok(Begun::Status(JobStatus::Gave(json!({"state": "done"}))))
    );
    let asked = server.asked();
    assert_eq!((asked.len(), &asked[0].body), (1, &json!({"n": 1})));
    assert_eq!(asked[0].line, "POST /x");
}

#[tokio::test]
async fn headers_that_are_secrets_are_looked_up_for_the_request_and_data_names_none() {
    let server = Server::with([Answer::ok(json!(1)), Answer::ok(json!({"ok": CANARY}))]).await;
    let asks = trackers(&server, "");
    for operator in ["http", "http_sensor"] {
        let call = work(
            operator,
            json!({"url": server.url(), "headers": {"X-Of": 1}, "secret_headers": {"X-Key": "TOKEN"}}),
        );
        let said = asks.start(&call).await;
        assert!(
            matches!(said, Ok(Begun::Status(JobStatus::Gave(_)))),
            "{said:?}"
        );
        assert!(!format!("{said:?}").contains("canary"), "{said:?}");
    }
    let keys: Vec<_> = server.asked().into_iter().map(|asked| asked.key).collect();
    assert_eq!(keys, [Some(CANARY.to_owned()), Some(CANARY.to_owned())]);
    // A value that came out of a template stays a value.
    server.then([Answer::ok(json!(1))]);
    let data = json!({"url": server.url(), "headers": {"X-Key": {"secret": "TOKEN"}}});
    asks.start(&work("http", data)).await.expect("an answer");
    assert_eq!(
        server.asked()[0].key.as_deref(),
        Some(r#"{"secret":"TOKEN"}"#)
    );
    let call = work(
        "http",
        json!({"url": server.url(), "secret_headers": {"X-Key": "PATH"}}),
    );
    let said = asks.start(&call).await;
    assert!(
        matches!(&said, Ok(Begun::Status(JobStatus::Broke { category: Category::Permanent, why }))
            if why.contains("`PATH`") && why.contains("ORK_HTTP_SECRETS")),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_request_that_fails_is_not_repeated_and_says_what_its_task_may_retry() {
    for (answer, category) in [
        (Answer::text(503, "later"), Category::Transient),
        (Answer::text(400, "no"), Category::Permanent),
        (Answer::ok(json!({"state": "failed"})), Category::Unknown),
    ] {
        let server = Server::with([answer]).await;
        let call = work(
            "http",
            json!({"url": server.url(), "success_field": "state", "success_value": "done"}),
        );
        let said = trackers(&server, "").start(&call).await;
        let Ok(Begun::Status(JobStatus::Broke {
            category: found, ..
        })) = said
        else {
            panic!("{said:?}")
        };
        assert_eq!(found, category);
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_sensor_waits_while_it_is_not_there_and_fails_when_it_never_will_be() {
    let running = Ok(Begun::Status(JobStatus::Running));
    let http = |server: &Server| {
        work(
            "http_sensor",
            json!({"url": server.url(), "success_field": "ready", "success_value": true}),
        )
    };
    let server = Server::with([
        Answer::text(404, ""),
        Answer::ok(json!({"ready": false})),
        Answer::ok(json!({"ready": true})),
        Answer::text(400, "never"),
    ])
    .await;
    let asks = trackers(&server, "");
    for _ in 0..2 {
        assert_eq!(asks.start(&http(&server)).await, running);
    }
    let there = asks.start(&http(&server)).await;
    assert_eq!(
        there,
        Ok(Begun::Status(JobStatus::Gave(json!({"ready": true}))))
    );
    let never = asks.start(&http(&server)).await;
    // It is believed when it is said several times: a page in the service's place looks the same.
    assert!(matches!(never, Err(TrackerError::Denied(_))), "{never:?}");
}

#[tokio::test]
async fn a_sensor_fails_as_soon_as_the_answer_says_that_what_it_waits_for_did() {
    let running = Ok(Begun::Status(JobStatus::Running));
    let server = Server::start().await;
    let asks = trackers(&server, "");
    let wait = |request: Value| {
        let mut all = json!({"url": server.url(), "success_field": "job.state"});
        for (key, value) in request.as_object().expect("a map") {
            all[key] = value.clone();
        }
        work("http_sensor", all)
    };
    let state = |state: Value| Answer::ok(json!({"job": {"state": state}}));
    let both =
        json!({"success_value": "done", "failure_value": ["failed", "cancelled", "transient"]});
    for (request, said, category) in [
        (&both, json!("running"), None),
        (&both, json!("failed"), Some(Category::Unknown)),
        (&both, json!("cancelled"), Some(Category::Unknown)),
        // One of Ork's own words says what kind of failure it is.
        (&both, json!("transient"), Some(Category::Transient)),
        (
            &json!({"failure_value": "permanent"}),
            json!("permanent"),
            Some(Category::Permanent),
        ),
        (
            &json!({"success_value": 0, "failure_value": -1}),
            json!(-1),
            Some(Category::Unknown),
        ),
    ] {
        server.then([state(said.clone())]);
        let found = asks.start(&wait(request.clone())).await;
        match (category, found) {
            (None, found) => assert_eq!(found, running),
            (Some(expected), Ok(Begun::Status(JobStatus::Broke { category, why }))) => {
                assert_eq!(category, expected, "{said}");
                assert!(why.contains(&format!("`job.state` is {said}")), "{why}");
            }
            (_, found) => panic!("{said}: {found:?}"),
        }
    }
    // What is stated to be a success is one, and without `success_value` all that is no failure.
    for request in [
        json!({"success_value": ["done"], "failure_value": "done"}),
        json!({"failure_value": "failed"}),
    ] {
        server.then([state(json!("done"))]);
        let found = asks.start(&wait(request)).await;
        assert!(
            matches!(found, Ok(Begun::Status(JobStatus::Gave(_)))),
            "{found:?}"
        );
    }
    assert_eq!(server.asked().len(), 8);
}

#[tokio::test]
async fn the_look_of_a_sensor_is_a_job_with_its_own_limit_and_labels() {
    let place = json!({"projectId": "p", "jobId": "ork_1_look_0", "location": "EU"});
    let row = json!({"jobComplete": true, "rows": [{"f": [{"v": "3"}]}]});
    let server = Server::with([
        Answer::ok(json!({"jobReference": place, "status": {"state": "RUNNING"}})),
        Answer::ok(row),
    ])
    .await;
    let query = work(
        "bigquery_sensor",
        json!({
            "query": "SELECT @n > 0", "params": {"n": 1},
            "maximum_bytes_billed": 1_000_000, "labels": {"team": "a"}
        }),
    );
    let there = trackers(&server, "p").start(&query).await;
    assert_eq!(
        there,
        Ok(Begun::Status(JobStatus::Gave(json!({"value": "3"}))))
    );
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /bigquery/v2/projects/p/jobs");
    let configuration = &asked[0].body["configuration"];
    assert_eq!(configuration["labels"], json!({"team": "a"}));
    assert_eq!(configuration["query"]["maximumBytesBilled"], "1000000");
    assert_eq!(
        asked[1].line,
        "GET /bigquery/v2/projects/p/queries/ork_1_look_0"
    );
    assert!(asked[1].query.contains("location=EU"), "{}", asked[1].query);
}

#[tokio::test]
async fn what_may_have_been_started_is_stopped_and_an_unknown_job_is_not_believed_to_be_over() {
    let gone = || Answer::error(404, "NOT_FOUND", "Not found");
    let described = |work: &Work| serde_json::to_value(work).expect("plain data");
    let query = work("bigquery", json!({"query": "SELECT 1", "location": "EU"}));
    let server = Server::with([gone()]).await;
    let said = trackers(&server, "p").cancel(&described(&query)).await;
    assert!(matches!(said, Err(TrackerError::Missing(_))), "{said:?}");

    let state = |state: &str| json!({"jobReference": {"projectId": "p", "jobId": "ork_1", "location": "EU"}, "status": {"state": state}});
    let server = Server::with([Answer::ok(json!({"job": state("DONE")}))]).await;
    let said = trackers(&server, "p").cancel(&described(&query)).await;
    assert_eq!(said, Ok(Stopping::Over));

    // What was only to be checked left nothing.
    let server = Server::with([]).await;
    let check = work("bigquery", json!({"query": "SELECT 1", "dry_run": true}));
    let said = trackers(&server, "p").cancel(&described(&check)).await;
    assert_eq!(said, Ok(Stopping::Over));

    // A sensor between two looks: the next one cannot begin any more.
    let server = Server::with([
        Answer::ok(state("DONE")),
        Answer::ok(state("DONE")),
        gone(),
        Answer::ok(state("RUNNING")),
    ])
    .await;
    let sensor = work(
        "bigquery_sensor",
        json!({"query": "SELECT 1", "location": "EU"}),
    );
    let said = trackers(&server, "p").cancel(&described(&sensor)).await;
    assert_eq!(said, Ok(Stopping::Over));
    let asked = server.asked();
    let seal = &asked[3].body;
    assert_eq!(seal["jobReference"]["jobId"], "ork_1_look_1");
    let query = seal["configuration"]["query"]["query"].as_str();
    assert!(
        query.is_some_and(|query| query.ends_with("SELECT FALSE")),
        "{seal}"
    );

    let job = work("cloudrun", json!({"job": "j", "region": "europe-west1"}));
    let server = Server::with([Answer::ok(json!({"executions": []}))]).await;
    let said = trackers(&server, "p").cancel(&described(&job)).await;
    assert!(matches!(said, Err(TrackerError::Missing(_))), "{said:?}");

    let server = Server::with([]).await;
    let call = work("http", json!({"url": "https://x.example"}));
    let said = trackers(&server, "p").cancel(&described(&call)).await;
    assert_eq!(said, Ok(Stopping::Over));
}
