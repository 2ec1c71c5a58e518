//! How executions of Cloud Run jobs stand, and their end.

use ork_core::deferred::CloudRunJob;
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use ork_gcp::trackers::CloudRunTracker;
use serde_json::{Value, json};

use super::server::{Answer, Server};

const PATH: &str = "/v2/projects/p/locations/europe-west1/jobs/j/executions/j-abc12";
const ENDED: &str = "2026-01-01T00:00:00Z";

pub(crate) fn job() -> CloudRunJob {
    CloudRunJob {
        project: "p".into(),
        region: "europe-west1".into(),
        job_name: "j".into(),
        execution_id: "j-abc12".into(),
        made_for: None,
    }
}

pub(crate) fn tracker(server: &Server) -> CloudRunTracker {
    CloudRunTracker::connect(server.endpoint()).expect("an address")
}

/// An execution of three tasks.
fn execution(counts: [i32; 4], end: Option<Value>, ended: bool) -> Value {
    let [running, succeeded, failed, cancelled] = counts;
    let mut known = json!({
        "name": &PATH[4..], "taskCount": 3, "runningCount": running, "succeededCount": succeeded, "failedCount": failed,
        "cancelledCount": cancelled, "logUri": "https://logs.example/e",
        "conditions": [{"type": "ResourcesAvailable", "state": "CONDITION_SUCCEEDED"}]
    });
    if let Some(end) = end {
        known["conditions"]
            .as_array_mut()
            .expect("a list")
            .push(end);
    }
    if ended {
        known["completionTime"] = json!(ENDED);
    }
    known
}

fn completed(state: &str) -> Option<Value> {
    Some(json!({ "type": "Completed", "state": state }))
}

async fn polled(
    server: &Server,
    tracker: &CloudRunTracker,
    answer: Value,
) -> Result<JobStatus, TrackerError> {
    server.then([Answer::ok(answer)]);
    let said = tracker.poll(&job()).await;
    assert_eq!(server.lines(), [format!("GET {PATH}")]);
    said
}

#[tokio::test]
async fn every_state_of_an_execution_is_told() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for (what, answer, succeeded) in [
        ("just made", execution([0, 0, 0, 0], None, false), false),
        (
            "pending",
            execution([0, 0, 0, 0], completed("CONDITION_PENDING"), false),
            false,
        ),
        (
            "at work",
            execution([2, 1, 0, 0], completed("CONDITION_RECONCILING"), false),
            false,
        ),
        (
            "one failed, others work",
            execution([1, 1, 1, 0], completed("CONDITION_RECONCILING"), false),
            false,
        ),
        (
            "failed says the condition, one still works",
            execution([1, 0, 2, 0], completed("CONDITION_FAILED"), false),
            false,
        ),
        (
            "well",
            execution([0, 3, 0, 0], completed("CONDITION_SUCCEEDED"), true),
            true,
        ),
        (
            "well, says the condition",
            execution([0, 3, 0, 0], completed("CONDITION_SUCCEEDED"), false),
            true,
        ),
        (
            "well, say the counts",
            execution([0, 3, 0, 0], None, true),
            true,
        ),
    ] {
        let expected = if succeeded {
            JobStatus::Succeeded
        } else {
            JobStatus::Running
        };
        assert_eq!(
            polled(&server, &tracker, answer).await,
            Ok(expected),
            "{what}"
        );
    }
}

#[tokio::test]
async fn every_way_to_fail_is_a_failure() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for (what, answer) in [
        (
            "the condition",
            execution([0, 2, 1, 0], completed("CONDITION_FAILED"), true),
        ),
        (
            "the condition alone",
            execution([0, 2, 1, 0], completed("CONDITION_FAILED"), false),
        ),
        ("a failed task", execution([0, 2, 1, 0], None, true)),
        ("a cancelled task", execution([0, 2, 0, 1], None, true)),
        ("tasks that never ran", execution([0, 1, 0, 0], None, true)),
    ] {
        let said = polled(&server, &tracker, answer).await;
        assert!(
            matches!(said, Ok(JobStatus::Failed { .. })),
            "{what}: {said:?}"
        );
    }
}

#[tokio::test]
async fn a_failure_has_the_conditions_words_its_reason_the_counts_the_logs_and_a_link() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    let end = json!({
        "type": "Completed", "state": "CONDITION_FAILED", "executionReason": "NON_ZERO_EXIT_CODE",
        "message": "Task j-abc12-task2 failed with message: The container exited with an error."
    });
    let said = polled(&server, &tracker, execution([0, 2, 1, 0], Some(end), true)).await;
    let expected = "Cloud Run execution j-abc12 of j in europe-west1 failed: Task j-abc12-task2 failed with message: \
                    The container exited with an error. (NON_ZERO_EXIT_CODE); of 3 tasks 2 succeeded, 1 failed, 0 were cancelled; \
                    logs: https://logs.example/e; \
                    https://console.cloud.google.com/run/jobs/executions/details/europe-west1/j-abc12/tasks?project=p";
    assert_eq!(said, Ok(JobStatus::failed(expected)));
    // Reasons come as numbers too: it is what the client asks for.
    for (field, reason, word) in [
        ("reason", json!(6), "CONTAINER_MISSING"),
        ("executionReason", json!(3), "CANCELLED"),
    ] {
        let mut end = json!({"type": "Completed", "state": 5});
        end[field] = reason;
        match polled(&server, &tracker, execution([0, 0, 0, 3], Some(end), true)).await {
            Ok(JobStatus::Failed { why: text, .. }) => assert!(text.contains(word), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_cancel_is_over_only_when_the_execution_has_an_end() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    let operation =
        || Answer::ok(json!({"name": "projects/p/locations/r/operations/o", "done": false}));
    let get = |ended| {
        let end = completed("CONDITION_FAILED");
        Answer::ok(execution([0, 0, 0, 3], end, ended))
    };
    let refused = || Answer::error(400, "FAILED_PRECONDITION", "The execution is not running.");
    let gone = || Answer::error(404, "NOT_FOUND", "no such execution");
    let both = &[format!("POST {PATH}:cancel"), format!("GET {PATH}")][..];
    for (answers, expected, asked) in [
        // The condition is not enough: tasks may be ending yet.
        (vec![operation(), get(false)], Stopping::Asked, both),
        (vec![operation(), get(true)], Stopping::Over, both),
        (vec![refused(), get(true)], Stopping::Over, both),
    ] {
        server.then(answers.clone());
        let said = tracker.cancel(&job()).await;
        assert_eq!(said, Ok(expected), "{answers:?}");
        assert_eq!(server.lines(), asked, "{answers:?}");
    }
    // One such answer is no proof that nothing is at work.
    for answers in [vec![gone()], vec![operation(), gone()]] {
        server.then(answers);
        let said = tracker.cancel(&job()).await;
        assert!(matches!(said, Err(TrackerError::Missing(_))), "{said:?}");
        server.asked();
    }
    // Refused, and at work all the same: asked again later.
    server.then([refused(), get(false)]);
    let said = tracker.cancel(&job()).await;
    assert!(
        matches!(said, Err(TrackerError::Transient { .. })),
        "{said:?}"
    );
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_never_asked_about() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    type Change = fn(&mut CloudRunJob);
    let changes: [Change; 6] = [
        |job| job.project = "p/locations/r/jobs/other".into(),
        |job| job.region = "evil.example/".into(),
        |job| job.region = "evil.example#".into(),
        |job| job.job_name = "..".into(),
        |job| job.execution_id = "projects/p/locations/r/jobs/j/executions/e".into(),
        |job| job.execution_id.clear(),
    ];
    for change in changes {
        let mut job = job();
        change(&mut job);
        let said = tracker.poll(&job).await;
        assert!(
            matches!(said, Err(TrackerError::Permanent(_))),
            "{job:?}: {said:?}"
        );
        let said = tracker.cancel(&job).await;
        assert!(
            matches!(said, Err(TrackerError::Permanent(_))),
            "{job:?}: {said:?}"
        );
    }
    assert_eq!(server.lines(), [""; 0]);
}
