//! Following a run.

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::site::{Site, request};

async fn follow(site: &Site, seen: Option<&str>) -> Response {
    let mut asked = request("GET", "/api/runs/r1/events");
    if let Some(seen) = seen {
        asked = asked.header("last-event-id", seen);
    }
    let asked = asked.body(Body::empty()).expect("a request");
    site.api.clone().oneshot(asked).await.expect("it answers")
}

/// The next event: its id and its data. None at the end.
async fn next<B: HttpBody<Data = axum::body::Bytes, Error = axum::Error> + Unpin>(
    body: &mut B,
) -> Option<(String, Value)> {
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        let frame = body.frame().await?.expect("a frame");
        text += std::str::from_utf8(&frame.into_data().expect("data")).expect("text");
    }
    let field = |name: &str| {
        let prefix = format!("{name}: ");
        let mut lines = text.lines();
        lines
            .find_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
            .unwrap_or_default()
    };
    assert_eq!(field("event"), "run", "{text}");
    Some((
        field("id"),
        serde_json::from_str(&field("data")).expect("JSON"),
    ))
}

#[tokio::test]
async fn each_change_is_told_once_and_the_end_ends_it() {
    let site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    let answer = follow(&site, None).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    let (first, data) = next(&mut body).await.expect("it is there");
    assert_eq!(data["status"], "running");
    site.post("/api/runs/r1/pause", "").await;
    let (second, data) = next(&mut body).await.expect("it changed");
    assert_eq!(data["status"], "paused");
    site.post("/api/runs/r1/cancel", "").await;
    let (third, data) = next(&mut body).await.expect("it changed");
    assert_eq!(data["status"], "cancelled");
    assert!(next(&mut body).await.is_none(), "it is over");
    assert!(first != second && second != third && first != third);

    // Who comes back gets what he has not seen, and nothing else.
    let mut body = follow(&site, Some(&second)).await.into_body();
    assert_eq!(next(&mut body).await.map(|(id, _)| id), Some(third.clone()));
    assert_eq!(
        follow(&site, Some(&third)).await.status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        follow(&site, Some("x")).await.status(),
        StatusCode::BAD_REQUEST
    );
}
