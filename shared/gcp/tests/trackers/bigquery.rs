//! How jobs of BigQuery stand, and their end.

use ork_core::deferred::BigQueryJob;
use ork_core::run::Category;
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use ork_gcp::trackers::BigQueryTracker;
use serde_json::{Value, json};

use super::server::{Answer, Server};

pub(crate) fn job() -> BigQueryJob {
    BigQueryJob {
        project: "p".into(),
        job_id: "j".into(),
        location: Some("EU".into()),
    }
}

pub(crate) fn tracker(server: &Server) -> BigQueryTracker {
    BigQueryTracker::connect(server.endpoint()).expect("an address")
}

fn in_state(state: &str, error: Option<Value>) -> Value {
    let mut status = json!({ "state": state });
    if let Some(error) = error {
        status["errorResult"] = error;
    }
    json!({
        "kind": "bigquery#job", "id": "p:EU.j", "jobReference": {"projectId": "p", "jobId": "j", "location": "EU"},
        "statistics": {"creationTime": "1767225600000", "newlyInvented": {"a": [1]}}, "status": status
    })
}

async fn polled(
    server: &Server,
    tracker: &BigQueryTracker,
    answer: Value,
) -> Result<JobStatus, TrackerError> {
    server.then([Answer::ok(answer)]);
    let said = tracker.poll(&job()).await;
    let asked = server.asked();
    assert_eq!(asked[0].line, "GET /bigquery/v2/projects/p/jobs/j");
    assert!(asked[0].query.contains("location=EU"), "{}", asked[0].query);
    said
}

#[tokio::test]
async fn every_state_of_a_job_is_told() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for state in ["PENDING", "RUNNING", "SOMETHING_NEW"] {
        assert_eq!(
            polled(&server, &tracker, in_state(state, None)).await,
            Ok(JobStatus::Running),
            "{state}"
        );
    }
    assert_eq!(
        polled(&server, &tracker, in_state("DONE", None)).await,
        Ok(JobStatus::Succeeded)
    );
    // Errors on the way are not the job's end.
    let mut warned = in_state("DONE", None);
    warned["status"]["errors"] = json!([{"reason": "invalid", "message": "row 3"}]);
    assert_eq!(
        polled(&server, &tracker, warned).await,
        Ok(JobStatus::Succeeded)
    );
}

#[tokio::test]
async fn a_failure_has_the_services_words_its_reason_its_place_and_a_link() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    let error = json!({"reason": "invalidQuery", "location": "query", "message": "Division by zero:\n 1/0", "debugInfo": ""});
    let said = polled(&server, &tracker, in_state("DONE", Some(error))).await;
    let expected = "BigQuery job p:j failed: Division by zero: 1/0 (invalidQuery, at query); \
                    https://console.cloud.google.com/bigquery?project=p&j=bq:EU:j&page=queryresults";
    let failed = JobStatus::Failed {
        category: Category::Permanent,
        why: expected.into(),
    };
    assert_eq!(said, Ok(failed));
    // Those that BigQuery refuses before there is a job too.
    for reason in ["invalid", "invalidQuery", "notFound", "accessDenied"] {
        let error = json!({"reason": reason, "message": "m"});
        let said = polled(&server, &tracker, in_state("DONE", Some(error))).await;
        let permanent = matches!(
            said,
            Ok(JobStatus::Failed {
                category: Category::Permanent,
                ..
            })
        );
        assert!(permanent, "{said:?}");
    }
    let cancelled = json!({"reason": "stopped", "message": "Job execution was cancelled: User requested cancellation"});
    match polled(&server, &tracker, in_state("DONE", Some(cancelled))).await {
        Ok(JobStatus::Failed { why: text, .. }) => {
            assert!(text.contains("cancellation (stopped); https:"), "{text}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_link_leads_to_where_the_job_ran() {
    let error = json!({"reason": "stopped", "message": "m"});
    let server = Server::with([Answer::ok(in_state("DONE", Some(error)))]).await;
    let job = BigQueryJob {
        location: None,
        ..job()
    };
    match tracker(&server).poll(&job).await {
        Ok(JobStatus::Failed { why: text, .. }) => assert!(text.contains("j=bq:EU:j"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_the_job_is_refused() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for answer in [
        json!({}),
        json!({"status": {}}),
        json!({"status": {"state": ""}}),
    ] {
        let said = polled(&server, &tracker, answer.clone()).await;
        assert!(
            matches!(&said, Err(TrackerError::Denied(why)) if why.contains("p:j")),
            "{answer}: {said:?}"
        );
    }
}

#[tokio::test]
async fn a_cancel_is_over_only_when_the_job_is_done() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    let cancel = |state| {
        Answer::ok(json!({"kind": "bigquery#jobCancelResponse", "job": in_state(state, None)}))
    };
    let get = |state| Answer::ok(in_state(state, None));
    let refused = || Answer::error(400, "INVALID_ARGUMENT", "it is over");
    let gone = || Answer::error(404, "NOT_FOUND", "Not found: Job p:j");
    let both = &[
        "POST /bigquery/v2/projects/p/jobs/j/cancel",
        "GET /bigquery/v2/projects/p/jobs/j",
    ][..];
    for (answers, expected, asked) in [
        (
            vec![cancel("RUNNING"), get("RUNNING")],
            Stopping::Asked,
            both,
        ),
        (vec![cancel("PENDING"), get("DONE")], Stopping::Over, both),
        // It was over before.
        (vec![cancel("DONE")], Stopping::Over, &both[..1]),
        (vec![refused(), get("DONE")], Stopping::Over, both),
        (
            vec![Answer::ok(json!({})), get("RUNNING")],
            Stopping::Asked,
            both,
        ),
    ] {
        server.then(answers.clone());
        let said = tracker.cancel(&job()).await;
        assert_eq!(said, Ok(expected), "{answers:?}");
        assert_eq!(server.lines(), asked, "{answers:?}");
    }
    // One such answer is no proof that nothing is at work.
    for answers in [vec![gone()], vec![cancel("RUNNING"), gone()]] {
        server.then(answers);
        let said = tracker.cancel(&job()).await;
        assert!(matches!(said, Err(TrackerError::Missing(_))), "{said:?}");
    }
    let anywhere = BigQueryJob {
        location: None,
        ..job()
    };
    server.then([gone()]);
    let said = tracker.cancel(&anywhere).await;
    assert!(
        matches!(&said, Err(TrackerError::Missing(why)) if why.contains("US and EU only")),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_cancel_that_is_not_confirmed_is_an_error_or_asked_again() {
    let running = || Answer::ok(in_state("RUNNING", None));
    let busy = Answer::error(503, "UNAVAILABLE", "later");
    let server = Server::with([busy.clone(), running(), busy]).await;
    let tracker = tracker(&server);
    // Nobody heard the cancel; then nobody says what came of it.
    let said = tracker.cancel(&job()).await;
    assert!(
        matches!(said, Err(TrackerError::Transient { .. })),
        "{said:?}"
    );
    let said = tracker.cancel(&job()).await;
    assert!(
        matches!(said, Err(TrackerError::Transient { .. })),
        "{said:?}"
    );
    server.asked();
    server.then([Answer::error(400, "INVALID_ARGUMENT", "no"), running()]);
    let said = tracker.cancel(&job()).await;
    assert!(
        matches!(&said, Err(TrackerError::Permanent(why)) if why.contains("no (HTTP 400")),
        "{said:?}"
    );
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_never_asked_about() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for (project, id, location) in [
        ("p/../q", "j", None),
        ("", "j", None),
        ("p", "j/cancel", None),
        ("p", "j?x=1", None),
        ("p", "..", None),
        ("p", "j", Some("EU&x")),
    ] {
        let job = BigQueryJob {
            project: project.into(),
            job_id: id.into(),
            location: location.map(str::to_owned),
        };
        let said = tracker.poll(&job).await;
        assert!(matches!(said, Err(TrackerError::Permanent(_))), "{said:?}");
        let said = tracker.cancel(&job).await;
        assert!(matches!(said, Err(TrackerError::Permanent(_))), "{said:?}");
    }
    assert_eq!(server.lines(), [""; 0]);
}

#[test]
fn an_address_that_is_none_is_refused_before_anything_is_asked() {
    let error =
        BigQueryTracker::connect(Some("https://bigquery.googleapis.com")).expect_err("encrypted");
    assert!(error.to_string().contains("http://host:port"), "{error}");
    assert!(
        BigQueryTracker::connect(None).is_ok(),
        "no runtime, no network, no credentials needed yet"
    );
}
