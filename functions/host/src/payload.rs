//! The body of a request, read within limits of size and time.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::answer;
use crate::budget::Budget;

/// Bytes of a body that is looked at.
pub const BODY_BYTES: usize = 1 << 20;
/// Bytes that are read and thrown away so that a sender of too much still hears an answer. Pub/Sub's largest message comes to about 14 MiB.
const READ_BYTES: usize = 16 << 20;
/// How long a body may take to come.
const READ: Duration = Duration::from_secs(10);

/// A body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// All of it.
    Whole(Bytes),
    /// It has more bytes than are looked at: this many.
    TooLarge(usize),
}

impl<S: Sync> FromRequest<S> for Payload {
    type Rejection = Response;
    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let budget = request.extensions().get::<Budget>().map(Budget::left);
        let most = budget.unwrap_or(READ).min(READ);
        match timeout(most, read(request)).await {
            Ok(read) => read,
            Err(_) => Err(answer::problem(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come in time",
            )),
        }
    }
}

async fn read(request: Request) -> Result<Payload, Response> {
    let mut body = request.into_body();
    let mut kept = Vec::new();
    let mut size = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            answer::problem(
                StatusCode::BAD_REQUEST,
                &format!("the body broke off: {error}"),
            )
        })?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        size = size.saturating_add(data.len());
        if size > READ_BYTES {
            return Err(answer::problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("the body has more than {READ_BYTES} bytes"),
            ));
        }
        if size <= BODY_BYTES {
            kept.extend_from_slice(data);
        }
    }
    Ok(if size <= BODY_BYTES {
        Payload::Whole(Bytes::from(kept))
    } else {
        Payload::TooLarge(size)
    })
}
