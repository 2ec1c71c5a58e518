//! What a request asks for in its body, or what to answer when it makes no sense.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use ork_core::diagnostic::to_json;
use ork_host::{Payload, answer};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::folder::Wrong;

/// What `find` makes of the body.
pub(super) fn asked<T: DeserializeOwned, U>(
    body: &Payload,
    find: impl FnOnce(T) -> Result<U, Wrong>,
) -> Result<U, Box<Response>> {
    find(read(body)?).map_err(|wrong| unprocessable(&wrong).into())
}

/// A body that is JSON; nothing is `{}`.
fn read<T: DeserializeOwned>(body: &Payload) -> Result<T, Box<Response>> {
    let bytes = match body {
        Payload::Whole(bytes) if bytes.is_empty() => b"{}".as_slice(),
        Payload::Whole(bytes) => bytes,
        Payload::TooLarge(size) => {
            let detail = format!("the body has {size} bytes");
            return Err(answer::problem(StatusCode::PAYLOAD_TOO_LARGE, &detail).into());
        }
    };
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("the body is not what is asked for: {error}");
        answer::problem(StatusCode::BAD_REQUEST, &detail).into()
    })
}

/// A problem with all that was found.
fn unprocessable(wrong: &Wrong) -> Response {
    match wrong {
        Wrong::Said(detail) => answer::problem(StatusCode::UNPROCESSABLE_ENTITY, detail),
        Wrong::Found(found) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let mut body = json!({
                "title": status.canonical_reason(),
                "status": status.as_u16(),
                "detail": found.first().map(|one| one.message.as_str()),
            });
            body["errors"] = to_json(found)["errors"].take();
            let mut answer = (status, Json(body)).into_response();
            let kind = HeaderValue::from_static("application/problem+json");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            answer
        }
    }
}
