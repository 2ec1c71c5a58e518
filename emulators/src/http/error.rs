//! Errors as Google's HTTP APIs write them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The codes of Google's APIs that the stand-ins answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidArgument,
    NotFound,
    AlreadyExists,
    FailedPrecondition,
    Unimplemented,
}

impl Code {
    fn parts(self) -> (u16, &'static str) {
        match self {
            Self::InvalidArgument => (400, "INVALID_ARGUMENT"),
            Self::NotFound => (404, "NOT_FOUND"),
            Self::AlreadyExists => (409, "ALREADY_EXISTS"),
            Self::FailedPrecondition => (400, "FAILED_PRECONDITION"),
            Self::Unimplemented => (501, "UNIMPLEMENTED"),
        }
    }
}

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    http: u16,
    status: &'static str,
    message: String,
    /// One word, which only the older APIs give.
    reason: Option<String>,
    /// When to come again, in seconds.
    retry_after: Option<u32>,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let (http, status) = code.parts();
        Self {
            http,
            status,
            message: message.into(),
            reason: None,
            retry_after: None,
        }
    }

    /// The error Google's front ends make of an HTTP status. `None` when the number is no error status.
    pub(crate) fn of_status(http: u16, message: impl Into<String>) -> Option<Self> {
        let status = match http {
            400 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            409 => "ABORTED",
            429 => "RESOURCE_EXHAUSTED",
            499 => "CANCELLED",
            500 => "INTERNAL",
            501 => "UNIMPLEMENTED",
            503 => "UNAVAILABLE",
            504 => "DEADLINE_EXCEEDED",
            other if (400..600).contains(&other) => "UNKNOWN",
            _ => return None,
        };
        Some(Self {
            http,
            status,
            message: message.into(),
            reason: None,
            retry_after: None,
        })
    }

    /// With the list of errors that BigQuery and the other older APIs add.
    pub(crate) fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// With the header `Retry-After`.
    pub(crate) fn retry_after(mut self, seconds: Option<u32>) -> Self {
        self.retry_after = seconds;
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn http(&self) -> u16 {
        self.http
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let http = StatusCode::from_u16(self.http).expect("only error statuses get here");
        let mut body =
            json!({"error": {"code": self.http, "message": self.message, "status": self.status}});
        if let Some(reason) = self.reason {
            body["error"]["errors"] =
                json!([{"message": self.message, "domain": "global", "reason": reason}]);
        }
        let mut response = (http, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
