//! Who is asked about deferred jobs: whoever the engine was given.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ork_core::Value;
use ork_engine::ports::{JobStatus, Stopping, Tracker, TrackerError};

/// An answer that takes its time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, TrackerError>> + Send + 'a>>;

/// A [`Tracker`] behind a pointer, so that an engine on a laptop need not know the services that there are.
pub trait Jobs: Debug + Send + Sync {
    /// As [`Tracker::poll`].
    fn poll<'a>(&'a self, job: &'a Value) -> Answer<'a, JobStatus>;
    /// As [`Tracker::cancel`].
    fn cancel<'a>(&'a self, job: &'a Value) -> Answer<'a, Stopping>;
}

impl<T: Tracker + Debug> Jobs for T {
    fn poll<'a>(&'a self, job: &'a Value) -> Answer<'a, JobStatus> {
        Box::pin(Tracker::poll(self, job))
    }
    fn cancel<'a>(&'a self, job: &'a Value) -> Answer<'a, Stopping> {
        Box::pin(Tracker::cancel(self, job))
    }
}

/// The tracker of a laptop.
#[derive(Debug)]
pub(super) struct JobTracker(pub(super) Option<Arc<dyn Jobs>>);

impl JobTracker {
    fn jobs(&self, job: &Value) -> Result<&dyn Jobs, TrackerError> {
        self.0.as_deref().ok_or_else(|| {
            let service = ork_core::deferred::service(job).unwrap_or("unknown");
            TrackerError::Permanent(format!(
                "this build of `ork` asks nobody about deferred jobs (service_type `{service}`): build it with the feature `cloud`"
            ))
        })
    }
}

impl Tracker for JobTracker {
    async fn poll(&self, job: &Value) -> Result<JobStatus, TrackerError> {
        self.jobs(job)?.poll(job).await
    }
    async fn cancel(&self, job: &Value) -> Result<Stopping, TrackerError> {
        self.jobs(job)?.cancel(job).await
    }
}
