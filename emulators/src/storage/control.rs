//! The routes under `/emulator/v1/`: wiping, faults and counters, for tests.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::call::{self, Received};
use super::notifier::Delivery;
use super::refusal::Refusal;
use super::server::Server;
use super::store::lock;

/// The body of `PUT /emulator/v1/faults/notifications`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notifications {
    /// 0 loses them, 3 delivers each three times.
    times: u32,
    #[serde(default)]
    delay_ms: u64,
}

pub(super) async fn answer(server: &Server, path: &str, request: Request) -> Response {
    let method = request.method().clone();
    let body = Received::read(request.into_body()).await;
    body.and_then(Received::whole)
        .and_then(|body| route(server, &method, path, &body))
        .unwrap_or_else(|refusal| refusal.json())
}

fn route(server: &Server, method: &Method, path: &str, body: &[u8]) -> Result<Response, Refusal> {
    let segments = path.split('/').collect::<Vec<_>>();
    match (method.as_str(), &segments[..]) {
        ("DELETE", ["b"]) => server.store.state().wipe(|_| true),
        ("DELETE", ["b", bucket]) => server.store.state().wipe_bucket(bucket)?,
        ("DELETE", ["projects", project]) => {
            server
                .store
                .state()
                .wipe(|bucket| bucket.project == *project);
        }
        ("GET", ["faults"]) => {
            return Ok(call::json(
                &json!({ "faults": lock(&server.faults).list() }),
            ));
        }
        ("POST", ["faults"]) => lock(&server.faults).add(parse(body)?),
        ("PUT", ["faults", "notifications"]) => {
            let Notifications { times, delay_ms } = parse(body)?;
            server.store.notifier.set_delivery(Delivery {
                times,
                delay: Duration::from_millis(delay_ms),
            });
        }
        ("DELETE", ["faults"]) => {
            lock(&server.faults).clear();
            server.store.notifier.set_delivery(Delivery::default());
        }
        ("PUT", ["signers", account]) => {
            let account = percent_encoding::percent_decode_str(account).decode_utf8_lossy();
            let trusted = server.keyring.trust(&account, body);
            trusted.map_err(|error| Refusal::invalid(error.to_string()))?;
        }
        ("GET", ["operations"]) => {
            let mut answer = json!(*lock(&server.operations));
            answer["notifications"] = json!(server.store.notifier.counts());
            return Ok(call::json(&answer));
        }
        ("DELETE", ["operations"]) => {
            *lock(&server.operations) = Default::default();
            server.store.notifier.reset_counts();
        }
        _ => {
            return Err(Refusal::not_found(format!(
                "No such control route: {method} /emulator/v1/{path}"
            )));
        }
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::invalid(format!("Parse Error: {error}")))
}
