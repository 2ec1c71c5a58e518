//! Errors as problem documents (RFC 9457).

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use ork_engine::{EngineError, EngineErrorKind};
use serde::Serialize;
use utoipa::ToSchema;

/// Seconds after which to try again when the store cannot be reached.
const LATER: &str = "5";

/// What went wrong: the body of every answer that is no success, as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The status code's own words.
    pub title: String,
    /// The status code.
    pub status: u16,
    /// What, where, which value, what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of `status`.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    /// The request itself is wrong.
    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// There is no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What a use case answered; `refused`: the status of one that makes no sense.
    pub(crate) fn of(error: EngineError, refused: StatusCode) -> Self {
        let status = match error.kind {
            EngineErrorKind::NotFound => StatusCode::NOT_FOUND,
            EngineErrorKind::Refused => refused,
            EngineErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            EngineErrorKind::Store => StatusCode::INSUFFICIENT_STORAGE,
            EngineErrorKind::Corrupt => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.message)
    }
}

impl Problem {
    /// Of a listing, whose `cursor` the store may not know.
    pub(crate) fn of_listing(error: EngineError, cursor: Option<&str>) -> Self {
        match error.kind {
            EngineErrorKind::Store if cursor.is_some() => Self::bad(error.message),
            _ => error.into(),
        }
    }
}

/// Of a use case that only reads: nothing of it can be refused but the cursor.
impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        Self::of(error, StatusCode::BAD_REQUEST)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, Json(&self)).into_response();
        // Whoever answers people makes a page of it.
        answer.extensions_mut().insert(self);
        let headers = answer.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(LATER));
        }
        answer
    }
}
