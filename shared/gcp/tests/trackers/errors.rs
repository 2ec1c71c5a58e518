//! What each failure of a call amounts to. One table, for all services alike.

use std::time::Duration;

use ork_core::time::Millis;
use ork_engine::ports::{JobStatus, TrackerError};
use ork_gcp::trackers::{BigQueryTracker, CloudRunTracker, DataprocTracker};
use serde_json::json;
use tokio::net::TcpListener;

use super::server::{Answer, Server};
use super::{bigquery, cloud_run, dataproc};

/// A server, and everybody who asks it.
struct World {
    server: Server,
    bigquery: BigQueryTracker,
    cloud_run: CloudRunTracker,
    dataproc: DataprocTracker,
}

impl World {
    async fn new() -> Self {
        let server = Server::start().await;
        Self {
            bigquery: bigquery::tracker(&server),
            cloud_run: cloud_run::tracker(&server),
            dataproc: dataproc::tracker(&server),
            server,
        }
    }

    /// What each tracker says of its job, which is named, and Dataproc's of a batch too, when all are answered so.
    async fn polled(
        &self,
        answer: &Answer,
    ) -> [(&'static str, Result<JobStatus, TrackerError>); 4] {
        self.server.then(vec![answer.clone(); 4]);
        [
            ("p:j", self.bigquery.poll(&bigquery::job()).await),
            ("j-abc12", self.cloud_run.poll(&cloud_run::job()).await),
            ("job_1", self.dataproc.poll(&dataproc::job()).await),
            ("job-1", self.dataproc.poll(&dataproc::batch()).await),
        ]
    }

    /// All fail in the way that is expected, in words that name the job and hold another.
    async fn fails(&self, answer: Answer, expected: fn(&TrackerError) -> bool, word: &str) {
        for (job, said) in self.polled(&answer).await {
            let Err(error) = said else {
                panic!("{answer:?}: {said:?}");
            };
            assert!(expected(&error), "{answer:?}: {error:?}");
            let text = error.to_string();
            assert!(
                text.contains(job) && text.contains(word),
                "{answer:?}: {text}"
            );
        }
        let asked = self.server.asked();
        assert_eq!(asked.len(), 4, "nothing is asked twice: {answer:?}");
    }
}

fn transient(error: &TrackerError) -> bool {
    matches!(error, TrackerError::Transient { .. })
}
fn missing(error: &TrackerError) -> bool {
    matches!(error, TrackerError::Missing(_))
}
fn denied(error: &TrackerError) -> bool {
    matches!(error, TrackerError::Denied(_))
}
fn permanent(error: &TrackerError) -> bool {
    matches!(error, TrackerError::Permanent(_))
}

#[tokio::test]
async fn every_status_of_every_service_is_of_one_kind() {
    let world = World::new().await;
    type Kind = fn(&TrackerError) -> bool;
    let table: [(u16, &str, Kind); 21] = [
        (400, "INVALID_ARGUMENT", permanent),
        (400, "FAILED_PRECONDITION", permanent),
        (400, "OUT_OF_RANGE", permanent),
        (401, "UNAUTHENTICATED", denied),
        (403, "PERMISSION_DENIED", denied),
        (403, "RESOURCE_EXHAUSTED", transient),
        (404, "NOT_FOUND", missing),
        (408, "UNKNOWN", transient),
        (409, "ABORTED", transient),
        (410, "NOT_FOUND", missing),
        (410, "", missing),
        (429, "RESOURCE_EXHAUSTED", transient),
        (429, "UNKNOWN", transient),
        (499, "CANCELLED", transient),
        (500, "INTERNAL", transient),
        (500, "UNKNOWN", transient),
        (501, "UNIMPLEMENTED", permanent),
        (502, "", transient),
        (503, "UNAVAILABLE", transient),
        (504, "DEADLINE_EXCEEDED", transient),
        (520, "", transient),
    ];
    for (status, code, kind) in table {
        world
            .fails(Answer::error(status, code, "said so"), kind, "said so")
            .await;
        // Proxies answer without Google's JSON.
        if code.is_empty() {
            world
                .fails(
                    Answer::text(status, "<html>trouble</html>"),
                    kind,
                    "trouble",
                )
                .await;
            world
                .fails(Answer::text(status, ""), kind, &status.to_string())
                .await;
        }
    }
}

#[tokio::test]
async fn a_quota_that_bigquery_calls_forbidden_is_transient() {
    let world = World::new().await;
    for reason in [
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "quotaExceeded",
        "jobRateLimitExceeded",
    ] {
        let error = json!({
            "code": 403, "message": "Exceeded rate limits", "status": "PERMISSION_DENIED",
            "errors": [{"reason": reason, "domain": "usageLimits", "message": "Exceeded rate limits"}]
        });
        let answer = Answer::text(403, json!({ "error": error }).to_string());
        world.fails(answer, transient, "Exceeded rate limits").await;
    }
    let error = json!({
        "code": 403, "message": "Access Denied: Job", "status": "PERMISSION_DENIED",
        "errors": [{"reason": "accessDenied", "domain": "global"}]
    });
    world
        .fails(
            Answer::text(403, json!({ "error": error }).to_string()),
            denied,
            "Access Denied",
        )
        .await;
}

#[tokio::test]
async fn how_long_to_wait_is_told_by_header_or_by_details() {
    let world = World::new().await;
    let details = json!({"error": {"code": 429, "message": "slowly", "status": "RESOURCE_EXHAUSTED", "details": [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.5s"}
    ]}});
    for (answer, expected) in [
        (
            Answer::error(429, "RESOURCE_EXHAUSTED", "slowly").header("retry-after", "30"),
            Some(Millis(30_000)),
        ),
        (
            Answer::text(503, "slowly").header("retry-after", "2"),
            Some(Millis(2_000)),
        ),
        (Answer::text(429, details.to_string()), Some(Millis(7_500))),
        (
            Answer::text(429, details.to_string()).header("retry-after", "9"),
            Some(Millis(9_000)),
        ),
        // Longer than an hour is a mistake, and would be a job that nobody asks about.
        (
            Answer::text(503, "slowly").header("retry-after", "99999999999999999999"),
            None,
        ),
        (
            Answer::text(503, "slowly").header("retry-after", "9999999999"),
            Some(Millis::from_secs(3600)),
        ),
        (
            Answer::text(503, "slowly").header("retry-after", "soon"),
            None,
        ),
        (Answer::text(503, "slowly"), None),
    ] {
        for (_, said) in world.polled(&answer).await {
            match said {
                Err(TrackerError::Transient { retry_after, .. }) => {
                    assert_eq!(retry_after, expected, "{answer:?}");
                }
                other => panic!("{answer:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_counted_as_a_denial_is() {
    let world = World::new().await;
    for body in [
        "<html>hello</html>",
        "[1, 2]",
        "{\"status\": 7, \"state\": [], \"conditions\": 1}",
    ] {
        world.fails(Answer::text(200, body), denied, "").await;
    }
    // A page of somebody in the service's place, who says why in no words of the service.
    for status in [400, 405, 451] {
        let page = Answer::text(status, "<html>back soon</html>");
        world.fails(page, denied, "back soon").await;
    }
}

#[tokio::test]
async fn who_is_not_allowed_is_told_what_to_be_given() {
    let world = World::new().await;
    let answer = Answer::error(403, "PERMISSION_DENIED", "Permission denied on resource");
    let roles = [
        "roles/bigquery.resourceViewer on project p",
        "roles/run.viewer on the Cloud Run job j",
        "roles/dataproc.viewer on project p",
        "roles/dataproc.viewer",
    ];
    for ((_, said), role) in world.polled(&answer).await.into_iter().zip(roles) {
        let text = said.expect_err("denied").to_string();
        assert!(
            text.contains(role) && text.contains("Permission denied on resource"),
            "{text}"
        );
    }
    world.server.then(vec![answer; 4]);
    let stopped = [
        (
            world.bigquery.cancel(&bigquery::job()).await,
            "roles/bigquery.admin",
        ),
        (
            world.cloud_run.cancel(&cloud_run::job()).await,
            "roles/run.jobsExecutor",
        ),
        (
            world.dataproc.cancel(&dataproc::job()).await,
            "roles/dataproc.editor",
        ),
        (
            world.dataproc.cancel(&dataproc::batch()).await,
            "roles/dataproc.editor",
        ),
    ];
    for (said, role) in stopped {
        match said {
            Err(TrackerError::Denied(text)) => assert!(text.contains(role), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_or_does_not_answer_or_hangs_up_is_transient() {
    let limit = Duration::from_millis(50);
    let all = async |address: &str| {
        let address = Some(address);
        let bigquery = BigQueryTracker::connect(address).expect("an address");
        let cloud_run = CloudRunTracker::connect(address).expect("an address");
        let dataproc = DataprocTracker::connect(address).expect("an address");
        let answers = [
            bigquery.answered_within(limit).poll(&bigquery::job()).await,
            cloud_run
                .answered_within(limit)
                .poll(&cloud_run::job())
                .await,
            dataproc.answered_within(limit).poll(&dataproc::job()).await,
        ];
        for said in answers {
            assert!(
                matches!(said, Err(TrackerError::Transient { .. })),
                "{said:?}"
            );
        }
    };
    // Connections are taken by the system, and nobody ever answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    all(&address).await;
    // Now each is closed at once.
    let hanging_up = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    all(&address).await;
    hanging_up.abort();
    assert!(
        hanging_up
            .await
            .expect_err("it ends by that only")
            .is_cancelled()
    );
    // The listener is gone with its task.
    all(&address).await;
}

#[tokio::test]
async fn one_tracker_asks_for_many_jobs_at_once() {
    let server = Server::with(vec![
        Answer::ok(json!({"status": {"state": "RUNNING"}}));
        50
    ])
    .await;
    let tracker = bigquery::tracker(&server);
    let (job, other) = (bigquery::job(), tracker.clone());
    let polls = (0..50).map(|n| {
        if n % 2 == 0 {
            tracker.poll(&job)
        } else {
            other.poll(&job)
        }
    });
    for said in futures_util::future::join_all(polls).await {
        assert_eq!(said, Ok(JobStatus::Running));
    }
    assert_eq!(server.asked().len(), 50);
}
