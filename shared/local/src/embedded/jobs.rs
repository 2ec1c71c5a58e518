//! Who is asked about deferred jobs: whoever the engine was given.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ork_core::Value;
use ork_core::deferred::Work;
use ork_engine::ports::{Begun, JobStatus, Stopping, Tracker, TrackerError};

use super::questions::Questions;

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
pub(super) struct JobTracker {
    jobs: Option<Arc<dyn Jobs>>,
    polls: Questions<JobStatus>,
    starts: Questions<Begun>,
    cancels: Questions<Stopping>,
}

impl JobTracker {
    pub(super) fn new(jobs: Option<Arc<dyn Jobs>>) -> Self {
        Self {
            jobs,
            polls: Questions::default(),
            starts: Questions::default(),
            cancels: Questions::default(),
        }
    }

    fn jobs(&self, what: impl FnOnce() -> String) -> Result<&dyn Jobs, TrackerError> {
        self.jobs.as_deref().ok_or_else(|| {
            TrackerError::Permanent(format!(
                "this build of `ork` asks nobody about jobs of other services ({}): build it with the feature `cloud`",
                what()
            ))
        })
    }
}

impl Tracker for JobTracker {
    async fn poll(&self, job: &Value) -> Result<JobStatus, TrackerError> {
        let asking = self.jobs(|| service_of(job))?.poll(job);
        let is_final = |status: &JobStatus| *status != JobStatus::Running;
        self.polls.ask(job.to_string(), is_final, asking).await
    }
    async fn start(&self, work: &Work) -> Result<Begun, TrackerError> {
        let asking = self.jobs(|| work.name())?.start(work);
        let is_final = |begun: &Begun| *begun != Begun::Status(JobStatus::Running);
        self.starts.ask(work.id.clone(), is_final, asking).await
    }
    async fn cancel(&self, job: &Value) -> Result<Stopping, TrackerError> {
        let asking = self.jobs(|| service_of(job))?.cancel(job);
        let is_final = |stopping: &Stopping| *stopping == Stopping::Over;
        self.cancels.ask(job.to_string(), is_final, asking).await
    }
}

fn service_of(job: &Value) -> String {
    let service = ork_core::deferred::service(job).unwrap_or("unknown");
    format!("service_type `{service}`")
}
