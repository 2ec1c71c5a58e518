//! The time that work on one request may take.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::time::{Instant, timeout_at};

/// Until when work may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    until: Instant,
}

/// The time is over; what was under way was dropped, as if the process had died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time for one request is over")]
pub struct OutOfTime;

impl Budget {
    /// From now on for `span`.
    pub fn new(span: Duration) -> Self {
        Self {
            until: Instant::now() + span,
        }
    }
    /// What is left of it.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }
    /// Works no longer than that.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, OutOfTime> {
        timeout_at(self.until, work).await.map_err(|_| OutOfTime)
    }
}

/// A request's budget is made where the request comes in.
impl<S: Sync> FromRequestParts<S> for Budget {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let made = parts.extensions.get::<Self>().copied();
        Ok(made.unwrap_or_else(|| Self::new(Duration::ZERO)))
    }
}
