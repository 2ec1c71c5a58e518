//! Why a request is refused, in Google's words and in the shape of each protocol.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::json;
use tonic::{Code, Status};

/// A refusal: the HTTP status, Google's reason and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Refusal {
    fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            reason,
            message: message.into(),
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid", message)
    }

    pub(super) fn required(what: &str) -> Self {
        Self::new(400, "required", format!("Required parameter: {what}"))
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "notFound", message)
    }

    pub(super) fn no_object(bucket: &str, name: &str) -> Self {
        Self::not_found(format!("No such object: {bucket}/{name}"))
    }

    pub(super) fn no_bucket() -> Self {
        Self::not_found("The specified bucket does not exist.")
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "conflict", message)
    }

    pub(super) fn held(bucket: &str, name: &str, hold: &str) -> Self {
        Self::new(
            403,
            "forbidden",
            format!(
                "Object '{bucket}/{name}' is under active {hold} hold and cannot be deleted, overwritten or archived until hold is removed."
            ),
        )
    }

    pub(super) fn method(method: &axum::http::Method, path: &str) -> Self {
        Self::new(
            405,
            "methodNotAllowed",
            format!("{method} is not a method of {path}"),
        )
    }

    /// An upload that its client ended.
    pub(super) fn cancelled() -> Self {
        Self::new(499, "clientClosedRequest", "The upload was cancelled.")
    }

    pub(super) fn condition() -> Self {
        Self::new(
            412,
            "conditionNotMet",
            "At least one of the pre-conditions you specified did not hold.",
        )
    }

    pub(super) fn not_modified() -> Self {
        Self::new(
            304,
            "notModified",
            "The object has not changed: an if-not-match condition names its present state.",
        )
    }

    pub(super) fn rate(bucket: &str, name: &str) -> Self {
        Self::new(
            429,
            "rateLimitExceeded",
            format!(
                "The object {bucket}/{name} exceeded the rate limit for object mutation operations \
                 (create, update, and delete). Please reduce your request rate."
            ),
        )
    }

    pub(super) fn range(size: usize) -> Self {
        Self::new(
            416,
            "requestedRangeNotSatisfiable",
            format!("The requested range cannot be satisfied: the object has {size} bytes."),
        )
    }

    /// The stand-in says that it lacks something instead of pretending.
    pub(super) fn not_implemented(what: impl std::fmt::Display) -> Self {
        Self::new(
            501,
            "notImplemented",
            format!("Ork's stand-in for Cloud Storage does not do this: {what}"),
        )
    }

    /// An answer that a test asked for.
    pub(super) fn injected(status: u16) -> Self {
        let reason = match status {
            408 => "requestTimeout",
            429 => "rateLimitExceeded",
            503 => "backendError",
            401 => "authError",
            403 => "forbidden",
            404 => "notFound",
            412 => "conditionNotMet",
            500.. => "internalError",
            _ => "invalid",
        };
        Self::new(
            status,
            reason,
            format!("A fault asked for at /emulator/v1/faults answers with {status}."),
        )
    }

    fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The error object of the JSON API.
    pub(super) fn json(&self) -> Response {
        let mut error = json!({"message": self.message, "domain": "global", "reason": self.reason});
        if self.status == 412 {
            error["locationType"] = "header".into();
            error["location"] = "If-Match".into();
        }
        let body =
            json!({"error": {"code": self.status, "message": self.message, "errors": [error]}});
        self.answer("application/json; charset=UTF-8", body.to_string())
    }

    /// Plain text, as Google answers a download that fails.
    pub(super) fn text(&self) -> Response {
        self.answer("text/html; charset=UTF-8", self.message.clone())
    }

    fn answer(&self, content_type: &'static str, body: String) -> Response {
        // A 304 has no body by the rules of HTTP: a client would read it as the next answer.
        let body = if self.status == 304 {
            Body::empty()
        } else {
            Body::from(body)
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.code();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static(content_type),
        );
        response
    }

    /// The status of the gRPC API.
    pub(super) fn grpc(&self) -> Status {
        let code = match self.status {
            304 => Code::Aborted,
            400 => Code::InvalidArgument,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::NotFound,
            408 | 504 => Code::DeadlineExceeded,
            409 => Code::AlreadyExists,
            412 => Code::FailedPrecondition,
            416 => Code::OutOfRange,
            429 => Code::ResourceExhausted,
            501 => Code::Unimplemented,
            503 => Code::Unavailable,
            500.. => Code::Internal,
            _ => Code::Unknown,
        };
        Status::new(code, self.message.clone())
    }
}
