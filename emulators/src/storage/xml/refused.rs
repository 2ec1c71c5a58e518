//! Errors in the words of the XML API.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::storage::refusal::Refusal;

/// An answer that says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    status: u16,
    code: &'static str,
    message: &'static str,
    /// Further elements, in their order.
    more: Vec<(&'static str, String)>,
}

impl Refused {
    fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
            more: Vec::new(),
        }
    }

    fn with(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.more.push((element, text.into()));
        self
    }

    pub(super) fn invalid(details: impl Into<String>) -> Self {
        Self::new(400, "InvalidArgument", "Invalid argument.").with("Details", details)
    }

    pub(super) fn denied(details: impl Into<String>) -> Self {
        Self::new(403, "AccessDenied", "Access denied.").with("Details", details)
    }

    pub(super) fn signature(string_to_sign: &str, canonical: &str) -> Self {
        Self::new(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your Google secret key and signing method.",
        )
        .with("StringToSign", string_to_sign)
        .with("CanonicalRequest", canonical)
    }

    pub(super) fn expired(at: &str) -> Self {
        Self::new(400, "ExpiredToken", "The provided token has expired.")
            .with("Details", format!("Request signature expired at: {at}"))
    }

    pub(super) fn too_early() -> Self {
        Self::new(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the server's time is too large.",
        )
    }

    /// A header that is signed and not sent, or sent and not signed.
    pub(super) fn header(name: &str, details: &str) -> Self {
        Self::new(
            400,
            "MalformedSecurityHeader",
            "Your request has a malformed header.",
        )
        .with("ParameterName", name)
        .with("Details", details)
    }

    pub(super) fn too_large(length: usize, most: u64) -> Self {
        Self::new(
            400,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed object size.",
        )
        .with(
            "Details",
            format!("Content-length {length} exceeds the upper bound of {most}."),
        )
    }

    pub(super) fn too_small(length: usize, least: u64) -> Self {
        Self::new(
            400,
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed object size.",
        )
        .with(
            "Details",
            format!("Content-length {length} is below the lower bound of {least}."),
        )
    }

    pub(super) fn not_implemented(details: impl Into<String>) -> Self {
        Self::new(
            501,
            "NotImplemented",
            "A header or query you provided requested a function that is not implemented.",
        )
        .with("Details", details)
    }

    pub(super) fn response(&self) -> Response {
        // A 304 has no body by the rules of HTTP.
        let body = if self.status == 304 {
            Body::empty()
        } else {
            Body::from(self.text())
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml; charset=UTF-8"),
        );
        response
    }

    fn text(&self) -> String {
        let mut text = format!(
            "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>{}</Message>",
            self.code,
            escaped(self.message)
        );
        for (element, content) in &self.more {
            text.push_str(&format!("<{element}>{}</{element}>", escaped(content)));
        }
        text.push_str("</Error>");
        text
    }
}

impl From<&Refusal> for Refused {
    /// What the JSON API would have said.
    fn from(refusal: &Refusal) -> Self {
        let (code, message) = match refusal.status {
            304 => ("NotModified", "The object was not modified."),
            404 if refusal.message == Refusal::no_bucket().message => {
                ("NoSuchBucket", "The specified bucket does not exist.")
            }
            404 => ("NoSuchKey", "The specified key does not exist."),
            401 => ("AuthenticationRequired", "Authentication required."),
            403 => ("AccessDenied", "Access denied."),
            405 => (
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            ),
            408 => ("RequestTimeout", "The request timed out."),
            409 => ("Conflict", "The request conflicts with the present state."),
            412 => (
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold.",
            ),
            416 => ("InvalidRange", "The requested range cannot be satisfied."),
            429 => (
                "SlowDown",
                "The rate of requests for this object is too high.",
            ),
            501 => ("NotImplemented", "The stand-in does not do this."),
            503 => (
                "ServiceUnavailable",
                "The service is unavailable. Please retry.",
            ),
            500.. => (
                "InternalError",
                "We encountered an internal error. Please try again.",
            ),
            _ => ("InvalidArgument", "Invalid argument."),
        };
        Self::new(refusal.status, code, message).with("Details", refusal.message.clone())
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
