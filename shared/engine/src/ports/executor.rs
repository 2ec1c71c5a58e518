//! What starts attempts and can stop them.

use std::future::Future;

use ork_core::definition::{Task, Workflow};
use ork_core::names::{AttemptFile, ObjectName};
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

/// An attempt whose worker was found to be alive.
#[derive(Debug, Clone)]
pub struct Alive<'a> {
    /// Which.
    pub id: AttemptId,
    /// What its run is a run of.
    pub workflow: &'a Workflow,
    /// What it is an attempt of.
    pub task: &'a Task,
}

impl Alive<'_> {
    /// The name of one of the attempt's objects, as its spec gives it.
    pub fn object(&self, file: AttemptFile) -> ObjectName {
        ObjectName::Attempt {
            run: self.id.run.clone(),
            task: self.task.name.clone(),
            index: self.task.fans_out().then_some(self.id.index),
            attempt: self.id.attempt,
            file,
        }
    }
    /// The object with its code, if it has one.
    pub fn bundle(&self) -> Option<ObjectName> {
        let hash = self.workflow.bundle.clone()?;
        Some(ObjectName::Bundle(self.workflow.name.clone(), hash))
    }
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

    /// Why attempts of `task` cannot be run at all, which is more than their spec tells: the attempt fails for good. Asked before each
    /// start. `None`: nothing speaks against it.
    fn refusal(&self, _spec: &TaskSpec, _task: &Task) -> Option<String> {
        None
    }
    /// Does what is to be done from time to time for attempts that take long, as far as that is possible.
    ///
    /// They were found to be alive just now, which is so about every `heartbeat_timeout` of each; nobody else reminds the executor of them.
    /// It may be told twice, also by two processes at once, and it may be that it is not told of one of them this time. Most have nothing
    /// to be done.
    fn alive(&self, _attempts: &[Alive<'_>]) -> impl Future<Output = ()> + Send {
        async {}
    }
}
