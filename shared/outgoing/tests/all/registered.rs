//! Types of jobs that are registered by URL.

use ork_core::run::Category;
use ork_core::time::Millis;
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use ork_outgoing::Registered;
use serde_json::json;

use crate::server::{Reply, Server};
use crate::world::local;

async fn with(status: u16, body: &str) -> (Server, Registered) {
    let body = body.to_owned();
    let server = Server::start(move |_| Reply::text(status, body.clone())).await;
    let text = json!({"vertex": server.url("/jobs")}).to_string();
    let registered = Registered::parse(&text, local()).unwrap();
    (server, registered)
}

#[tokio::test]
async fn a_registered_service_is_asked_with_the_whole_job() {
    let (server, registered) = with(200, r#"{"status": "running", "more": 1}"#).await;
    let job = json!({"service_type": "vertex", "id": 7});
    assert_eq!(
        registered.poll("vertex", &job).await,
        Ok(JobStatus::Running)
    );
    assert_eq!(registered.cancel("vertex", &job).await, Ok(Stopping::Asked));
    let seen = server.seen();
    for (seen, action) in seen.iter().zip(["poll", "cancel"]) {
        assert_eq!(
            (seen.method.as_str(), seen.path.as_str()),
            ("POST", "/jobs")
        );
        assert_eq!(seen.headers["content-type"], "application/json");
        let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(body, json!({"action": action, "job": job}));
    }
}

#[tokio::test]
async fn its_words_mean_what_they_say() {
    let failed = |why: &str| Ok(JobStatus::failed(why));
    let cases = [
        (
            r#"{"status": "running"}"#,
            Ok(JobStatus::Running),
            Stopping::Asked,
        ),
        (
            r#"{"status": "done"}"#,
            Ok(JobStatus::Succeeded),
            Stopping::Over,
        ),
        (
            r#"{"status": "failed"}"#,
            failed("it failed"),
            Stopping::Over,
        ),
        (
            r#"{"status": "failed", "error": " "}"#,
            failed("it failed"),
            Stopping::Over,
        ),
        (
            r#"{"status": "failed", "error": "boom"}"#,
            failed("boom"),
            Stopping::Over,
        ),
        (
            r#"{"status": "failed", "error": {"code": 7}}"#,
            failed("{\"code\":7}"),
            Stopping::Over,
        ),
        (
            r#"{"status": "failed", "error": "boom", "link": "https://x.example/7"}"#,
            failed("boom (https://x.example/7)"),
            Stopping::Over,
        ),
        (
            r#"{"status": "failed", "error": "boom", "link": "javascript:alert(1)"}"#,
            failed("boom"),
            Stopping::Over,
        ),
        (
            r#"{"status": "cancelled"}"#,
            failed("it was cancelled"),
            Stopping::Over,
        ),
        (
            r#"{"status": "failed", "error": "boom", "category": "transient"}"#,
            Ok(JobStatus::Failed {
                category: Category::Transient,
                why: "boom".into(),
            }),
            Stopping::Over,
        ),
        (
            r#"{"status": "failed", "error": "boom", "category": "odd"}"#,
            failed("boom"),
            Stopping::Over,
        ),
        (
            r#"{"status": "failed", "error": "boom", "category": 7}"#,
            failed("boom"),
            Stopping::Over,
        ),
    ];
    for (body, polled, stopped) in cases {
        let (_server, registered) = with(200, body).await;
        assert_eq!(
            registered.poll("vertex", &json!({})).await,
            polled,
            "{body}"
        );
        assert_eq!(
            registered.cancel("vertex", &json!({})).await,
            Ok(stopped),
            "{body}"
        );
    }
}

#[tokio::test]
async fn its_trouble_is_classified() {
    let kind = |error| match error {
        TrackerError::Transient { .. } => "transient",
        TrackerError::Elsewhere(_) => "elsewhere",
        TrackerError::Missing(_) => "missing",
        TrackerError::Denied(_) => "denied",
        TrackerError::Permanent(_) => "permanent",
    };
    let cases = [
        (404, "", "missing"),
        (401, "", "denied"),
        (429, "", "transient"),
        (500, "", "transient"),
        (400, "", "denied"),
        (200, "", "denied"),
        (200, "<html>", "denied"),
        (200, "{}", "denied"),
        (200, r#"{"status": "paused"}"#, "denied"),
        (200, r#"{"status": 1}"#, "denied"),
    ];
    for (status, body, expected) in cases {
        let (_server, registered) = with(status, body).await;
        let polled = registered.poll("vertex", &json!({})).await.unwrap_err();
        assert_eq!(kind(polled), expected, "{status} {body}");
        let stopped = registered.cancel("vertex", &json!({})).await.unwrap_err();
        assert_eq!(kind(stopped), expected, "{status} {body}");
    }
    let (_server, registered) = with(200, "{}").await;
    let error = registered.poll("argo", &json!({})).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("nobody is registered for jobs of `argo`"),
        "{error}"
    );
}

#[test]
fn a_registration_that_cannot_be_used_says_why() {
    let cases = [
        ("[]", "an object of names and URLs"),
        ("{", "ORK_TRACKERS"),
        (r#"{"a": 1}"#, "ORK_TRACKERS"),
        (
            r#"{"a": "https://x.example/", "a": "https://y.example/"}"#,
            "`a` is there twice",
        ),
        (r#"{"": "https://x.example/"}"#, "is not a name"),
        (r#"{"Vertex AI": "https://x.example/"}"#, "is not a name"),
        (
            r#"{"bigquery": "https://x.example/"}"#,
            "Ork knows by itself",
        ),
        (
            r#"{"cloud_run": "https://x.example/"}"#,
            "Ork knows by itself",
        ),
        (r#"{"a": "http://x.internal/"}"#, "is refused"),
        (r#"{"a": "https://10.0.0.1/"}"#, "10.0.0.1 is private"),
        (r#"{"a": "nonsense"}"#, "is not a URL"),
    ];
    for (text, expected) in cases {
        let error = Registered::parse(text, local()).expect_err(text);
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
    let text = r#"{"vertex": "https://x.example/jobs", "argo.2": "https://y.example/"}"#;
    let registered = Registered::parse(text, local()).unwrap();
    assert_eq!(registered.names().collect::<Vec<_>>(), ["argo.2", "vertex"]);
    assert!(registered.knows("vertex") && !registered.knows("bigquery"));
    assert_eq!(Registered::none(local()).names().count(), 0);
}

#[tokio::test]
async fn it_may_say_in_its_answer_when_to_come_back() {
    let cases = [
        (r#"{"retry_after": 2.5}"#, Some(2_500)),
        (r#"{"retry_after": 1e30}"#, Some(3_600_000)),
        (r#"{"retry_after": -1}"#, Some(0)),
        (r#"{"retry_after": "soon"}"#, None),
        ("busy", None),
    ];
    for (body, expected) in cases {
        let (_server, registered) = with(503, body).await;
        let Err(TrackerError::Transient { retry_after, .. }) =
            registered.poll("vertex", &json!({})).await
        else {
            panic!("not transient")
        };
        assert_eq!(retry_after, expected.map(Millis), "{body}");
    }
}
