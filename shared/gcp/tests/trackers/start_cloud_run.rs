//! Executions that are started, and found again by their mark.

use ork_core::deferred::CloudRunJob;
use ork_gcp::Meter;
use ork_gcp::trackers::request::CloudRunRequest;
use ork_gcp::trackers::{ATTEMPT_KEY, StartTrouble};
use serde_json::{Value, json};

use super::cloud_run::tracker;
use super::server::{Answer, Server};

const JOB: &str = "projects/p/locations/europe-west1/jobs/j";
const KEY: &str = "run 1/täsk";

fn request(json: Value) -> CloudRunRequest {
    let mut whole = json!({"project": "p", "region": "europe-west1", "job": "j"});
    for (name, value) in json.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).expect("a request")
}

fn execution(name: &str, key: &str, created: &str) -> Value {
    json!({
        "name": format!("{JOB}/executions/{name}"), "createTime": created,
        "template": {"containers": [{"image": "i", "env": [{"name": "A", "value": "b"}, {"name": ATTEMPT_KEY, "value": key}]}]}
    })
}

fn page(executions: &[Value], next: &str) -> Answer {
    Answer::ok(json!({"executions": executions, "nextPageToken": next}))
}

fn started(name: &str) -> Answer {
    Answer::ok(json!({"name": "operations/o", "metadata": {
        "@type": "type.googleapis.com/google.cloud.run.v2.Execution", "name": format!("{JOB}/executions/{name}")
    }}))
}

fn job(execution: &str) -> CloudRunJob {
    CloudRunJob {
        execution_id: execution.into(),
        ..super::cloud_run::job()
    }
}

#[tokio::test]
async fn an_execution_gets_its_arguments_and_carries_its_key() {
    let server = Server::with([
        page(&[execution("j-old", "another", "2026-01-01T00:00:00Z")], ""),
        started("j-new"),
    ])
    .await;
    let meter = Meter::default();
    let tracker = tracker(&server).metered(meter.clone());
    let request = request(json!({
        "args": ["--day", 1], "env": {"DAY": "1"}, "container": "main", "tasks": 5, "timeout_seconds": 600
    }));
    assert_eq!(tracker.start(&request, KEY).await, Ok(job("j-new")));
    let asked = server.asked();
    assert_eq!(asked[0].line, format!("GET /v2/{JOB}/executions"));
    assert_eq!(asked[1].line, format!("POST /v2/{JOB}:run"));
    let expected = json!({
        "taskCount": 5, "timeout": "600s",
        "containerOverrides": [{
            "name": "main", "args": ["--day", "1"], "env": [{"name": "DAY", "value": "1"}, {"name": ATTEMPT_KEY, "value": KEY}]
        }]
    });
    assert_eq!(asked[1].body["overrides"], expected);
    assert_eq!(meter.total().job_starts, 1);
}

#[tokio::test]
async fn an_empty_list_of_arguments_takes_the_jobs_own_away_and_none_leaves_them() {
    for (json, expected) in [(json!({"args": []}), json!(true)), (json!({}), Value::Null)] {
        let server = Server::with([page(&[], ""), started("j-new")]).await;
        tracker(&server)
            .start(&request(json), KEY)
            .await
            .expect("started");
        let container = &server.asked()[1].body["overrides"]["containerOverrides"][0];
        assert_eq!(container["clearArgs"], expected, "{container}");
        assert_eq!(container["args"], Value::Null);
    }
}

#[tokio::test]
async fn an_execution_that_carries_the_key_is_the_one_and_nothing_is_started() {
    let others: Vec<Value> = (0..3)
        .map(|n| execution(&format!("j-{n}"), "another", "2026-01-01T00:00:00Z"))
        .collect();
    let pages = [
        page(&others, "more"),
        // Two of them, should two have started at once: the first counts, for everybody.
        page(
            &[
                execution("j-late", KEY, "2026-01-01T00:00:02Z"),
                execution("j-first", KEY, "2026-01-01T00:00:01Z"),
            ],
            "and more",
        ),
    ];
    let server = Server::with(pages).await;
    let meter = Meter::default();
    let tracker = tracker(&server).metered(meter.clone());
    assert_eq!(
        tracker.start(&request(json!({})), KEY).await,
        Ok(job("j-first"))
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert!(
        asked[1].query.contains("pageToken=more"),
        "{}",
        asked[1].query
    );
    assert!(meter.total().is_nothing());
}

#[tokio::test]
async fn only_the_newest_pages_are_looked_through() {
    let pages = ["1", "2", "3"].map(|token| {
        page(
            &[execution("j-x", "another", "2026-01-01T00:00:00Z")],
            token,
        )
    });
    let mine = page(&[execution("j-new", KEY, "2026-01-01T00:00:00Z")], "");
    let answers = pages.into_iter().chain([started("j-new"), mine]);
    let server = Server::with(answers).await;
    assert_eq!(
        tracker(&server).start(&request(json!({})), KEY).await,
        Ok(job("j-new"))
    );
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn of_two_starts_at_the_same_moment_the_first_stays() {
    let both = [
        execution("j-new", KEY, "2026-01-01T00:00:01Z"),
        execution("j-first", KEY, "2026-01-01T00:00:00Z"),
    ];
    let over = json!({"name": "projects/p/locations/europe-west1/jobs/j/executions/j-new", "completionTime": "2026-01-01T00:00:02Z"});
    let answers = [
        page(&[], ""),
        started("j-new"),
        page(&both, ""),
        Answer::ok(json!({"name": "operations/cancel", "done": true})),
        Answer::ok(over),
    ];
    let server = Server::with(answers).await;
    assert_eq!(
        tracker(&server).start(&request(json!({})), KEY).await,
        Ok(job("j-first"))
    );
    let lines = server.lines();
    assert!(lines[3].ends_with("j-new:cancel"), "{lines:?}");
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_found_when_repeated_and_not_done_twice() {
    let mine = || page(&[execution("j-new", KEY, "2026-01-01T00:00:00Z")], "");
    // The answer is lost, cannot be read, or does not say which execution it is.
    for (lost, then) in [
        (Answer::error(503, "UNAVAILABLE", "later"), vec![]),
        (Answer::text(200, "<html>"), vec![]),
        (
            Answer::ok(json!({"name": "operations/o"})),
            vec![page(&[], "")],
        ),
    ] {
        let answers = [page(&[], ""), lost.clone()];
        let server = Server::with(answers.into_iter().chain(then)).await;
        let tracker = tracker(&server);
        let said = tracker.start(&request(json!({})), KEY).await;
        assert!(
            matches!(said, Err(StartTrouble::Transient { .. })),
            "{lost:?}: {said:?}"
        );
        server.asked();
        server.then([mine()]);
        assert_eq!(
            tracker.start(&request(json!({})), KEY).await,
            Ok(job("j-new"))
        );
        assert_eq!(server.lines(), [format!("GET /v2/{JOB}/executions")]);
    }
    // Not named, and to be seen at once.
    let server = Server::with([
        page(&[], ""),
        Answer::ok(json!({"name": "operations/o"})),
        mine(),
    ])
    .await;
    assert_eq!(
        tracker(&server).start(&request(json!({})), KEY).await,
        Ok(job("j-new"))
    );
}

#[tokio::test]
async fn nothing_is_started_while_nobody_knows_whether_it_was_before() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for (answer, expected) in [
        (
            Answer::error(503, "UNAVAILABLE", "later"),
            "transient: later",
        ),
        (
            Answer::error(403, "PERMISSION_DENIED", "no"),
            "denied: roles/run.jobsExecutorWithOverrides",
        ),
        (
            Answer::error(404, "NOT_FOUND", "Resource 'j' was not found"),
            "permanent: Cloud Run job j in europe-west1",
        ),
    ] {
        server.then([answer]);
        let said = tracker.start(&request(json!({})), KEY).await;
        let (kind, text) = match said.expect_err("refused") {
            StartTrouble::Permanent(text) => ("permanent", text),
            StartTrouble::Denied(text) => ("denied", text),
            StartTrouble::Transient { message, .. } => ("transient", message),
        };
        let (expected, word) = expected.split_once(": ").expect("two parts");
        assert!(kind == expected && text.contains(word), "{kind}: {text}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_used_is_never_sent() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for (wrong, word) in [
        (json!({"env": {ATTEMPT_KEY: "x"}}), ATTEMPT_KEY),
        (json!({"tasks": 0}), "1 task at least"),
        (
            json!({"job": "projects/p/locations/r/jobs/j"}),
            "short name",
        ),
        (json!({"region": "evil.example/"}), "no region"),
        (json!({"project": ""}), "no project"),
    ] {
        let said = tracker.start(&request(wrong), KEY).await;
        assert!(
            matches!(&said, Err(StartTrouble::Permanent(why)) if why.contains(word)),
            "{said:?}"
        );
    }
    let said = tracker.start(&request(json!({})), "").await;
    assert!(matches!(said, Err(StartTrouble::Permanent(_))), "{said:?}");
    assert_eq!(server.lines(), [""; 0]);
}
