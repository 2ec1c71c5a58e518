//! How jobs of Dataproc clusters and batches stand, and their end.

use ork_core::deferred::DataprocJob;
use ork_core::run::Category;
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use ork_gcp::trackers::DataprocTracker;
use serde_json::{Value, json};

use super::server::{Answer, Server};

const JOB: &str = "/v1/projects/p/regions/us-central1/jobs/job_1";
const BATCH: &str = "/v1/projects/p/locations/us-central1/batches/job-1";
const OPERATION: &str = "/v1/projects/p/regions/us-central1/operations/o";

pub(crate) fn job() -> DataprocJob {
    DataprocJob {
        project: "p".into(),
        region: "us-central1".into(),
        cluster_name: Some("c".into()),
        job_id: "job_1".into(),
    }
}

pub(crate) fn batch() -> DataprocJob {
    DataprocJob {
        cluster_name: None,
        job_id: "job-1".into(),
        ..job()
    }
}

pub(crate) fn tracker(server: &Server) -> DataprocTracker {
    DataprocTracker::connect(server.endpoint()).expect("an address")
}

fn job_in(state: &str) -> Value {
    let over = ["DONE", "ERROR", "CANCELLED"].contains(&state);
    json!({
        "reference": {"projectId": "p", "jobId": "job_1"}, "placement": {"clusterName": "c"}, "pysparkJob": {"mainPythonFileUri": "gs://b/m.py"},
        "status": {"state": state, "details": "Job failed with message [boom]"}, "driverOutputResourceUri": "gs://b/driveroutput",
        "done": over
    })
}

fn batch_in(state: &str) -> Value {
    json!({
        "name": &BATCH[4..], "state": state, "stateMessage": "out of quota", "operation": &OPERATION[4..],
        "runtimeInfo": {"outputUri": "gs://b/output"}
    })
}

async fn polled(
    server: &Server,
    tracker: &DataprocTracker,
    job: &DataprocJob,
    answer: Value,
) -> Result<JobStatus, TrackerError> {
    server.then([Answer::ok(answer)]);
    let said = tracker.poll(job).await;
    let path = if job.cluster_name.is_some() {
        JOB
    } else {
        BATCH
    };
    assert_eq!(server.lines(), [format!("GET {path}")]);
    said
}

#[tokio::test]
async fn every_state_of_a_job_is_told() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for state in [
        "STATE_UNSPECIFIED",
        "PENDING",
        "SETUP_DONE",
        "RUNNING",
        "CANCEL_PENDING",
        "CANCEL_STARTED",
        "ATTEMPT_FAILURE",
        "SOMETHING_NEW",
    ] {
        assert_eq!(
            polled(&server, &tracker, &job(), job_in(state)).await,
            Ok(JobStatus::Running),
            "{state}"
        );
    }
    assert_eq!(
        polled(&server, &tracker, &job(), job_in("DONE")).await,
        Ok(JobStatus::Succeeded)
    );
    for (state, word) in [("ERROR", "failed"), ("CANCELLED", "was cancelled")] {
        let expected = format!(
            "Dataproc job job_1 on c {word}: Job failed with message [boom]; output: gs://b/driveroutput; \
             https://console.cloud.google.com/dataproc/jobs/job_1?region=us-central1&project=p"
        );
        assert_eq!(
            polled(&server, &tracker, &job(), job_in(state)).await,
            Ok(JobStatus::failed(expected))
        );
    }
    // The last attempt of a job that restarts no more.
    let mut last = job_in("ATTEMPT_FAILURE");
    last["done"] = json!(true);
    let said = polled(&server, &tracker, &job(), last).await;
    assert!(matches!(said, Ok(JobStatus::Failed { .. })), "{said:?}");
    assert_eq!(
        polled(&server, &tracker, &job(), json!({})).await,
        Ok(JobStatus::Running),
        "no status yet"
    );
}

#[tokio::test]
async fn every_state_of_a_batch_is_told() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for state in [
        "STATE_UNSPECIFIED",
        "PENDING",
        "RUNNING",
        "CANCELLING",
        "SOMETHING_NEW",
    ] {
        assert_eq!(
            polled(&server, &tracker, &batch(), batch_in(state)).await,
            Ok(JobStatus::Running),
            "{state}"
        );
    }
    assert_eq!(
        polled(&server, &tracker, &batch(), batch_in("SUCCEEDED")).await,
        Ok(JobStatus::Succeeded)
    );
    for (state, word, category) in [
        ("FAILED", "failed", Category::Transient),
        ("CANCELLED", "was cancelled", Category::Unknown),
    ] {
        let expected = format!(
            "Dataproc batch job-1 in us-central1 {word}: out of quota; output: gs://b/output; \
             https://console.cloud.google.com/dataproc/batches/us-central1/job-1?project=p"
        );
        assert_eq!(
            polled(&server, &tracker, &batch(), batch_in(state)).await,
            Ok(JobStatus::Failed {
                category,
                why: expected
            })
        );
    }
}

#[tokio::test]
async fn a_cancel_of_a_job_is_over_only_when_the_job_is() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    let answer = |state| Answer::ok(job_in(state));
    let refused = || {
        Answer::error(
            400,
            "FAILED_PRECONDITION",
            "Cannot cancel jobId 'job_1' in state: 'SETUP_DONE'; cancellable states: '[PENDING, RUNNING]'",
        )
    };
    let gone = || {
        Answer::error(
            404,
            "NOT_FOUND",
            "Not found: Job projects/p/regions/us-central1/jobs/job_1",
        )
    };
    let both = &[format!("POST {JOB}:cancel"), format!("GET {JOB}")][..];
    for (answers, expected, asked) in [
        (
            vec![answer("CANCEL_PENDING"), answer("CANCEL_STARTED")],
            Stopping::Asked,
            both,
        ),
        (
            vec![answer("CANCEL_PENDING"), answer("CANCELLED")],
            Stopping::Over,
            both,
        ),
        (vec![answer("CANCELLED")], Stopping::Over, &both[..1]),
        (vec![refused(), answer("DONE")], Stopping::Over, both),
    ] {
        server.then(answers.clone());
        let said = tracker.cancel(&job()).await;
        assert_eq!(said, Ok(expected), "{answers:?}");
        assert_eq!(server.lines(), asked, "{answers:?}");
    }
    // One such answer is no proof that nothing is at work.
    server.then([gone()]);
    let said = tracker.cancel(&job()).await;
    assert!(matches!(said, Err(TrackerError::Missing(_))), "{said:?}");
    server.asked();
    // A job that is being set up cannot be cancelled, and can be a moment later.
    server.then([refused(), answer("SETUP_DONE")]);
    match tracker.cancel(&job()).await {
        Err(TrackerError::Transient { message, .. }) => {
            assert!(message.contains("cancellable states"), "{message}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_cancel_of_a_batch_is_that_of_its_operation_and_deletes_nothing() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    let answer = |state| Answer::ok(batch_in(state));
    let done = || Answer::ok(json!({}));
    let gone = || Answer::error(404, "NOT_FOUND", "gone");
    let refused = || Answer::error(400, "FAILED_PRECONDITION", "operation is done");
    let all = &[
        format!("GET {BATCH}"),
        format!("POST {OPERATION}:cancel"),
        format!("GET {BATCH}"),
    ][..];
    for (answers, expected, asked) in [
        (vec![answer("RUNNING"), done()], Stopping::Asked, &all[..2]),
        (vec![answer("PENDING"), done()], Stopping::Asked, &all[..2]),
        (vec![answer("CANCELLING")], Stopping::Asked, &all[..1]),
        (vec![answer("CANCELLED")], Stopping::Over, &all[..1]),
        (vec![answer("SUCCEEDED")], Stopping::Over, &all[..1]),
        (vec![answer("FAILED")], Stopping::Over, &all[..1]),
        (
            vec![answer("RUNNING"), refused(), answer("SUCCEEDED")],
            Stopping::Over,
            all,
        ),
    ] {
        server.then(answers.clone());
        let said = tracker.cancel(&batch()).await;
        assert_eq!(said, Ok(expected), "{answers:?}");
        assert_eq!(server.lines(), asked, "{answers:?}");
    }
    // One such answer is no proof that nothing is at work.
    server.then([gone()]);
    let said = tracker.cancel(&batch()).await;
    assert!(matches!(said, Err(TrackerError::Missing(_))), "{said:?}");
    server.asked();
    let mut unnamed = batch_in("PENDING");
    unnamed["operation"] = json!("");
    for answers in [
        vec![Answer::ok(unnamed)],
        vec![answer("RUNNING"), gone()],
        vec![answer("RUNNING"), refused(), answer("RUNNING")],
    ] {
        server.then(answers.clone());
        let said = tracker.cancel(&batch()).await;
        assert!(
            matches!(said, Err(TrackerError::Transient { .. })),
            "{answers:?}: {said:?}"
        );
        server.asked();
    }
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_never_asked_about() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    type Change = fn(&mut DataprocJob);
    let changes: [Change; 5] = [
        |job| job.project = "p/x".into(),
        |job| job.region = "evil.example/".into(),
        |job| job.region = "a.b".into(),
        |job| job.job_id = "../clusters/c".into(),
        |job| job.job_id = "j:cancel".into(),
    ];
    for change in changes {
        for mut job in [job(), batch()] {
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
    }
    assert_eq!(server.lines(), [""; 0]);
}
