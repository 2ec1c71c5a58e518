//! What asks about deferred jobs: work outside Ork that a task handed over.

use std::future::Future;

use ork_core::Value;
use ork_core::deferred::Work;
use ork_core::run::Category;
use ork_core::time::Millis;

/// Where a deferred job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum JobStatus {
    /// Still at work.
    Running,
    /// Done.
    Succeeded,
    /// Done, with this to show for it: the output of a task that is nothing but this job.
    Gave(Value),
    /// It came to nothing, and nothing of it is at work.
    Broke {
        /// Which kind of failure.
        category: Category,
        /// What happened.
        why: String,
    },
    /// It failed or was cancelled.
    Failed {
        /// Which kind of failure, as far as the service tells: it decides on retries as a worker's verdict does.
        category: Category,
        /// What happened in the service's words, with a link for people where the service has one.
        why: String,
    },
}

impl JobStatus {
    /// A failure of which the service does not say what kind it is.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed {
            category: Category::Unknown,
            why: why.into(),
        }
    }
}

/// What became of starting work.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// There is a job now, or was from an earlier start: its description.
    Job(Value),
    /// There is no job to be watched; this is how it stands.
    Status(JobStatus),
}

/// What became of asking for a job to be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    /// It is at work no more: stopped, over before, or there never was one.
    Over,
    /// The service has been asked; it has not said yet that the job is over.
    Asked,
}

/// A question that got no answer about the job itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrackerError {
    /// Nobody answered, or the service has no time now (429, 5xx): ask again, the job is not to blame.
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// Not before this has passed.
        retry_after: Option<Millis>,
    },
    /// Somebody else asks: it says nothing of how that goes.
    #[error("{0}")]
    Elsewhere(&'static str),
    /// The service knows no such job (404, 410). It may only not have heard of it yet.
    #[error("{0}")]
    Missing(String),
    /// Ork may not ask (401, 403), or what was answered cannot be understood: one such answer says nothing of the job, several in a row count.
    #[error("{0}")]
    Denied(String),
    /// Asking again will not help: the description cannot be used, or nobody here knows the service.
    #[error("{0}")]
    Permanent(String),
}

/// Asks about jobs by their description (see [`ork_core::deferred`]). No question takes longer than [`ork_core::limits::POLL_TIMEOUT`].
pub trait Tracker: Send + Sync {
    /// Where the job stands.
    fn poll(&self, job: &Value) -> impl Future<Output = Result<JobStatus, TrackerError>> + Send;
    /// Has work done, or looks whether what it waits for is there. Asked again with the same id it finds what was started before, as far as
    /// the service can tell; a request over HTTP is made again.
    fn start(&self, work: &Work) -> impl Future<Output = Result<Begun, TrackerError>> + Send;
    /// Asks for the job to be stopped. Asked again until it is [`Stopping::Over`]. The job may be described by the [`Work`] it comes of, when
    /// nobody knows whether it was started.
    fn cancel(&self, job: &Value) -> impl Future<Output = Result<Stopping, TrackerError>> + Send;
}
