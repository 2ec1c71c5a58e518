//! Errors as Google's HTTP APIs write them.

use axum::Json;
use axum::http::StatusCode;
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
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let (http, status) = code.parts();
        Self {
            http,
            status,
            message: message.into(),
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
        })
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let http = StatusCode::from_u16(self.http).expect("only error statuses get here");
        let body =
            json!({"error": {"code": self.http, "message": self.message, "status": self.status}});
        (http, Json(body)).into_response()
    }
}
