//! What requests bring, read strictly: what is not known is an error that names it.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use serde::de::DeserializeOwned;

use crate::Problem;

/// The query, as `T` reads it.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Problem::bad(format!(
                "the query cannot be read: {}",
                innermost(&error)
            ))),
        }
    }
}

/// The body, JSON that `T` reads. No body at all is an empty object.
pub(crate) struct Told<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Told<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE).cloned();
        let bytes = Bytes::from_request(request, state).await.map_err(|error| {
            let limit = crate::BODY_BYTES;
            match error.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!("the body may have {limit} bytes"),
                ),
                _ => Problem::bad("the body ended early"),
            }
        })?;
        // A form of somebody's page could send nothing of this kind without being asked for leave first.
        let is_fit = match &kind {
            Some(kind) => is_json(kind),
            None => bytes.is_empty(),
        };
        if !is_fit {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body has to be JSON: send the header `content-type: application/json`",
            ));
        }
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        // A list of values in the order of the keys would be read, too.
        if text.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::bad(
                "the body cannot be read: it has to be a JSON object, and is a list",
            ));
        }
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| Problem::bad(format!("the body cannot be read: {error}")))
    }
}

fn is_json(kind: &HeaderValue) -> bool {
    let text = kind.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// What every answer says of itself: it is what it says it is, and nobody keeps it without asking.
pub(crate) async fn harmless(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    answer
}
