//! What asks about deferred jobs: work outside Ork that a task handed over.

use std::future::Future;

use ork_core::Value;
use ork_core::time::Millis;

/// Where a deferred job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum JobStatus {
    /// Still at work.
    Running,
    /// Done.
    Succeeded,
    /// It failed, and why.
    Failed(String),
}

/// A question that got no answer about the job itself.
#[derive(Debug, thiserror::Error)]
pub enum TrackerError {
    /// Ask again; the job is not to blame.
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// Not before this has passed.
        retry_after: Option<Millis>,
    },
    /// Asking again will not help.
    #[error("{0}")]
    Permanent(String),
}

/// Asks about jobs by their description.
pub trait Tracker: Send + Sync {
    /// Where the job stands.
    fn poll(&self, job: &Value) -> impl Future<Output = Result<JobStatus, TrackerError>> + Send;
    /// Asks for the job to be stopped; `Ok` once that is confirmed or it is over.
    fn cancel(&self, job: &Value) -> impl Future<Output = Result<(), TrackerError>> + Send;
}
