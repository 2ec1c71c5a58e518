//! Secrets that headers name: sent where they are wanted, and nowhere else.

use ork_core::deferred::HttpJob;
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use ork_outgoing::{Client, Condition, HttpTracker, Request, Secrets, SendError, send};
use serde_json::json;

use crate::server::{Reply, Server};
use crate::world::{headers, local};

const CANARY: &str = "canary-7c1f";

fn allowed() -> Client {
    let value = format!("Bearer {CANARY}");
    local().with_secrets(Secrets::listed([("TOKEN".to_owned(), value)].into()))
}

fn request(url: String, name: &str) -> Request {
    Request {
        method: "GET".into(),
        url,
        headers: headers(&[("X-Of", "ork")]),
        secrets: headers(&[("Authorization", name)]),
        body: None,
    }
}

#[tokio::test]
async fn a_service_gets_the_secret_and_what_it_says_of_it_is_hidden() {
    let server = Server::start(|seen| {
        let echo = &seen.headers["authorization"];
        let bare = echo.replace("Bearer ", "");
        match &*seen.path {
            "/wrong" => Reply::text(418, format!("no tea for {bare}")),
            _ => Reply::json(200, &json!({"you": echo, "token": bare})),
        }
    })
    .await;
    let asked = |path| request(server.url(path), "TOKEN");
    let condition = Condition::default();
    let said = send(&allowed(), &asked("/"), &condition).await;
    assert_eq!(said, Ok(json!({"you": "***", "token": "***"})));
    let wrong = send(&allowed(), &asked("/wrong"), &condition).await;
    assert!(
        matches!(&wrong, Err(SendError::Unexpected(why)) if why.contains("no tea for ***")),
        "{wrong:?}"
    );
    for seen in server.seen() {
        assert_eq!(seen.headers["authorization"], format!("Bearer {CANARY}"));
    }
}

#[tokio::test]
async fn what_is_not_allowed_or_not_there_is_refused_for_good_before_anybody_is_asked() {
    let server = Server::start(|_| Reply::text(200, "")).await;
    for (client, name) in [(allowed(), "PATH"), (local(), "TOKEN")] {
        let asked = request(server.url("/"), name);
        let refused = send(&client, &asked, &Condition::default()).await;
        assert!(
            matches!(&refused, Err(SendError::Permanent(why))
                if why.contains(&format!("`{name}`")) && why.contains("`Authorization`")),
            "{refused:?}"
        );
        let job = json!({"url": server.url("/"), "headers": {"A": {"secret": name}}, "cancel_url": server.url("/")});
        let job: HttpJob = serde_json::from_value(job).expect("a job");
        let tracker = HttpTracker::new(client);
        for error in [
            tracker.poll(&job).await.err(),
            tracker.cancel(&job).await.err(),
        ] {
            assert!(
                matches!(&error, Some(TrackerError::Permanent(why)) if why.contains(name)),
                "{error:?}"
            );
        }
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn another_host_does_not_get_it_by_a_redirect() {
    let other = Server::start(|_| Reply::text(200, "there")).await;
    let to = other.url("/elsewhere");
    let server = Server::start(move |seen| match &*seen.path {
        "/away" => Reply::redirect(307, &to),
        "/on" => Reply::redirect(307, "/here"),
        _ => Reply::text(200, "here"),
    })
    .await;
    for (path, expected) in [("/away", "there"), ("/on", "here")] {
        let asked = request(server.url(path), "TOKEN");
        let said = send(&allowed(), &asked, &Condition::default()).await;
        assert_eq!(said, Ok(json!(expected)));
    }
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.headers.contains_key("authorization"))
    );
    let [seen] = &other.seen()[..] else {
        panic!("one request")
    };
    assert!(!format!("{seen:?}").contains(CANARY), "{seen:?}");
}

#[tokio::test]
async fn a_job_is_asked_about_and_stopped_with_it() {
    let server = Server::start(|seen| match &*seen.headers["authorization"] {
        "Bearer canary-7c1f" => Reply::json(200, &json!({"s": "failed", "why": CANARY})),
        _ => Reply::text(401, ""),
    })
    .await;
    let job = json!({
        "url": server.url("/j"), "headers": {"Authorization": {"secret": "projects/p/secrets/TOKEN/versions/1"}},
        "completion_field": "s", "error_field": "why", "cancel_url": server.url("/stop"),
    });
    let job: HttpJob = serde_json::from_value(job).expect("a job");
    let tracker = HttpTracker::new(allowed());
    let said = tracker.poll(&job).await;
    assert!(
        matches!(&said, Ok(JobStatus::Failed { why, .. }) if why.starts_with("***")),
        "{said:?}"
    );
    assert_eq!(tracker.cancel(&job).await, Ok(Stopping::Over));
    assert_eq!(server.seen().len(), 3);
}
