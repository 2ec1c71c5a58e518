//! Who is asked about deferred jobs: whoever the engine was given.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ork_core::Value;
use ork_core::deferred::Work;
use ork_engine::ports::{Begun, JobStatus, Stopping, Tracker, TrackerError};

/// An answer that takes its time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, TrackerError>> + Send + 'a>>;

/// A [`Tracker`] behind a pointer, so that an engine on a laptop need not know the services that there are.
pub trait Jobs: Debug + Send + Sync {
    /// As [`Tracker::poll`].
    fn poll<'a>(&'a self, job: &'a Value) -> Answer<'a, JobStatus>;
    /// As [`Tracker::start`].
    fn start<'a>(&'a self, work: &'a Work) -> Answer<'a, Begun>;
    /// As [`Tracker::cancel`].
    fn cancel<'a>(&'a self, job: &'a Value) -> Answer<'a, Stopping>;
}

impl<T: Tracker + Debug> Jobs for T {
    fn poll<'a>(&'a self, job: &'a Value) -> Answer<'a, JobStatus> {
        Box::pin(Tracker::poll(self, job))
    }
    fn start<'a>(&'a self, work: &'a Work) -> Answer<'a, Begun> {
        Box::pin(Tracker::start(self, work))
    }
    fn cancel<'a>(&'a self, job: &'a Value) -> Answer<'a, Stopping> {
        Box::pin(Tracker::cancel(self, job))
    }
}

/// The tracker of a laptop.
#[derive(Debug)]
pub(super) struct JobTracker(pub(super) Option<Arc<dyn Jobs>>);

impl JobTracker {
    fn jobs(&self, what: impl FnOnce() -> String) -> Result<&dyn Jobs, TrackerError> {
        self.0.as_deref().ok_or_else(|| {
            TrackerError::Permanent(format!(
                "this build of `ork` asks nobody about jobs of other services ({}): build it with the feature `cloud`",
                what()
            ))
        })
    }
}

impl Tracker for JobTracker {
    async fn poll(&self, job: &Value) -> Result<JobStatus, TrackerError> {
        self.jobs(|| service_of(job))?.poll(job).await
    }
    async fn start(&self, work: &Work) -> Result<Begun, TrackerError> {
        self.jobs(|| work.name())?.start(work).await
    }
    async fn cancel(&self, job: &Value) -> Result<Stopping, TrackerError> {
        self.jobs(|| service_of(job))?.cancel(job).await
    }
}

fn service_of(job: &Value) -> String {
    let service = ork_core::deferred::service(job).unwrap_or("unknown");
    format!("service_type `{service}`")
}
