//! An answer that is sent before the work is over, and is not at its end before the work is.

use std::convert::Infallible;
use std::future::ready;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, StreamExt, stream};
use ork_core::task::NextAttempt;
use tokio::task::JoinHandle;

/// What comes next, as a line, at once; the body ends with `rest`. As long as it is open Cloud Run leaves this process its processor, and
/// whoever tells it to end waits.
pub(crate) fn early(answer: &NextAttempt, rest: JoinHandle<()>) -> Response {
    let mut line = serde_json::to_vec(answer).expect("a spec is plain data");
    line.push(b'\n');
    let end = rest.into_stream().filter_map(|ended| {
        if let Err(error) = ended {
            tracing::error!("the rest broke off: {error}");
        }
        ready(None)
    });
    let first = stream::iter([Ok::<_, Infallible>(Bytes::from(line))]);
    let mut response = Body::from_stream(first.chain(end)).into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
