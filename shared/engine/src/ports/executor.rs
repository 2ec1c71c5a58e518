//! What starts attempts and can stop them.

use std::future::Future;

use ork_core::run::Category;
use ork_core::task::{AttemptId, TaskSpec};

/// Why an attempt was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It may have been started all the same; the claim decides.
    #[error("the executor's answer was lost: {0}")]
    Ambiguous(String),
    /// No place now; the attempt is not charged.
    #[error("the executor has no place: {0}")]
    Busy(String),
    /// It will not start: the attempt fails with this category.
    #[error("{message}")]
    Refused {
        /// What kind of failure.
        category: Category,
        /// What is wrong and what to do.
        message: String,
    },
}

/// Starts attempts. Starting the same attempt twice must be harmless; the claim object sees to that for remote workers.
pub trait Executor: Send + Sync {
    /// Starts attempts; one answer each, in order. `Ok` means accepted, not running.
    fn start(
        &self,
        specs: Vec<TaskSpec>,
    ) -> impl Future<Output = Vec<Result<(), StartError>>> + Send;
    /// Stops an attempt, as far as that is possible; fine when it is unknown or over.
    fn stop(&self, attempt: &AttemptId) -> impl Future<Output = ()> + Send;
}
