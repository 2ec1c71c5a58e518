//! For tests: a world in memory, settings, and requests as they come.

mod lines;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use ork_core::Value;
use ork_core::retention::Retention;
use ork_telemetry::Telemetry;
use serde_json::json;

pub use lines::Lines;
pub use world::{MONDAY, World};

use crate::settings::{
    Auth, Cloud, Emulators, HttpSecrets, LogLevel, Role, Serving, Settings, Smtp,
};

/// The subscription that settings name.
pub const SUBSCRIPTION: &str = "projects/p/subscriptions/ours";
/// The bucket that settings name.
pub const BUCKET: &str = "our-bucket";

/// Settings of `role` that check no caller.
pub fn settings(role: Role) -> Settings {
    Settings {
        role,
        project: "p".into(),
        bucket: BUCKET.into(),
        emulators: Emulators::default(),
        log: LogLevel::Debug,
        cloud: Cloud {
            database: "(default)".into(),
            region: "r".into(),
            topic_dispatch: "projects/p/topics/dispatch".into(),
            topic_poll: "projects/p/topics/poll".into(),
            worker_jobs: BTreeMap::new(),
            worker_services: BTreeMap::new(),
            worker_urls: None,
            chain_identity: None,
            outgoing_allow: String::new(),
            trackers: String::new(),
            http_secrets: HttpSecrets::default(),
            smtp: Smtp::default(),
            retention: Retention::default(),
            wake: None,
        },
        serving: Serving {
            port: 0,
            loopback: true,
            auth: Auth::Off,
            subscription: (role != Role::Tick).then(|| SUBSCRIPTION.into()),
            bucket: BUCKET.into(),
            wake: None,
            deadline: Duration::from_secs(50),
            places: 1_000,
            tick_limit: 25,
            concurrency: 80,
            one_request: false,
            head: Duration::from_secs(30),
            drain: Duration::from_secs(8),
            otlp: None,
            telemetry: Telemetry::off(),
        },
    }
}

/// The envelope of a message with these attributes, as Google's emulator sends it.
pub fn envelope(attributes: &[(&str, &str)]) -> String {
    let attributes: BTreeMap<_, _> = attributes.iter().copied().collect();
    json!({
        "message": {
            "attributes": attributes, "data": "", "messageId": "1", "message_id": "1",
            "publishTime": "2026-11-21T07:21:33.553Z", "publish_time": "2026-11-21T07:21:33.553Z",
        },
        "subscription": SUBSCRIPTION,
    })
    .to_string()
}

/// The envelope of a hint.
pub fn hint(to: &str, run: &str) -> String {
    envelope(&[("to", to), ("run", run)])
}

/// The envelope of a notice that an object of the bucket was written.
pub fn written(object: &str) -> String {
    envelope(&[
        ("bucketId", BUCKET),
        ("objectId", object),
        ("eventType", "OBJECT_FINALIZE"),
        ("objectGeneration", "1780272000000001"),
        ("payloadFormat", "JSON_API_V1"),
    ])
}

/// An answer: its status, its headers that matter, its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// Its body as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

/// Sends a POST to `routes`.
pub async fn post(routes: &Router, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .body(body.into());
    send(routes, request.expect("a request")).await
}

/// Sends a request to `routes`.
pub async fn send(routes: &Router, request: Request<Body>) -> Answer {
    use tower::ServiceExt;
    let answer = match routes.clone().oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.expect("a body in memory").to_bytes();
    let retry_after = parts.headers.get("retry-after");
    Answer {
        status: parts.status,
        retry_after: retry_after.map(|value| String::from_utf8_lossy(value.as_bytes()).into()),
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
