//! Answers. A push is answered with 2xx once it is understood, whatever came of it: a nack slows its whole subscription down.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use ork_engine::{EngineError, EngineErrorKind};
use serde_json::json;

use crate::identity::Refusal;

/// Seconds after which to try again when the store is down.
const LATER: &str = "5";

/// Understood, and done as far as there was anything to do.
pub fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// The one thing that is worth another try: the store cannot be reached.
pub fn later(why: &str) -> Response {
    let mut answer = problem(StatusCode::SERVICE_UNAVAILABLE, why);
    let after = HeaderValue::from_static(LATER);
    answer.headers_mut().insert(RETRY_AFTER, after);
    answer
}

/// A problem document (RFC 9457).
pub fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({"title": title, "status": status.as_u16(), "detail": detail});
    let mut answer = (status, Json(body)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// What a caller who is not let in is told. Why exactly is in the log: it would only help those who try.
pub(crate) fn refused(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Unknown(_) => problem(
            StatusCode::UNAUTHORIZED,
            "an identity token of Google is needed",
        ),
        Refusal::Wrong(_) => problem(StatusCode::FORBIDDEN, "this caller may not do this"),
        Refusal::Unavailable(_) => later("callers cannot be checked now"),
    }
}

/// The answer to a message whose use case came to this; logs what is worth it.
pub fn of<T>(result: &Result<T, EngineError>) -> Response {
    match result {
        Ok(_) => done(),
        Err(error) => of_error(error),
    }
}

/// The answer to a message whose use case failed.
pub fn of_error(error: &EngineError) -> Response {
    match error.kind {
        EngineErrorKind::Unavailable => {
            tracing::warn!("answered with 503: {error}");
            later(&error.message)
        }
        // A late message about something that is gone or has moved on: nothing is wrong.
        EngineErrorKind::NotFound | EngineErrorKind::Refused => {
            tracing::info!("nothing to do: {error}");
            done()
        }
        // The same at every try; the tick writes a run that cannot be read down for a person.
        EngineErrorKind::Store | EngineErrorKind::Corrupt => {
            tracing::error!("cannot be done, now or later: {error}");
            done()
        }
    }
}
