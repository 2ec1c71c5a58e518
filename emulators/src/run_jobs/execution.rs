//! An execution: what is known about one, and how it counts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Pid;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::services::Script;

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Succeeded,
    Failed { message: String },
    Cancelled,
}

/// One run of a job.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) name: String,
    pub(super) job: String,
    pub(super) uid: String,
    pub(super) image: String,
    pub(super) command: Vec<String>,
    pub(super) args: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) timeout: Duration,
    pub(super) task_count: u32,
    pub(super) parallelism: usize,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) completed: Option<Timestamp>,
    pub(super) running: u32,
    pub(super) succeeded: u32,
    pub(super) failed: u32,
    pub(super) cancelled: u32,
    /// What the first task that failed said.
    pub(super) first_failure: Option<String>,
    /// The process groups of the tasks that run now.
    pub(super) groups: BTreeMap<u32, Pid>,
    /// Where the output of its processes is.
    pub(super) log: PathBuf,
    pub(super) cancel: watch::Sender<bool>,
    pub(super) driver: Option<AbortHandle>,
    /// What its tasks do, if they are simulated.
    pub(super) script: Option<watch::Sender<Script>>,
    /// How often it was asked to be cancelled.
    pub(super) cancels: u32,
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its tasks have not been started.
    Pending,
    /// They have.
    Running,
    /// Every task succeeded.
    Succeeded,
    /// At least one did not.
    Failed,
    /// It was cancelled, and no process of it is left.
    Cancelled,
}

impl Execution {
    pub(super) fn phase(&self) -> Phase {
        match (self.completed, self.started) {
            (None, None) => Phase::Pending,
            (None, Some(_)) => Phase::Running,
            (Some(_), _) if self.cancelled > 0 => Phase::Cancelled,
            (Some(_), _) if self.failed > 0 => Phase::Failed,
            (Some(_), _) => Phase::Succeeded,
        }
    }

    pub(super) fn is_cancelling(&self) -> bool {
        self.completed.is_none() && *self.cancel.borrow()
    }

    pub(super) fn start(&mut self, now: Timestamp) {
        self.started = Some(now);
        self.updated = now;
    }

    pub(super) fn task_started(&mut self) {
        self.running += 1;
    }

    pub(super) fn task_ended(&mut self, index: u32, end: End, now: Timestamp) {
        self.groups.remove(&index);
        self.running -= 1;
        self.count(end);
        self.updated = now;
    }

    /// Somebody wants it cancelled; a script may have that ignored some times.
    pub(super) fn ask_to_cancel(&mut self, now: Timestamp) {
        self.cancels += 1;
        let ignored = self.script.as_ref();
        let ignored = ignored.and_then(|script| script.borrow().ignore_cancels);
        if self.cancels > ignored.unwrap_or(0) {
            self.updated = now;
            self.cancel.send_replace(true);
        }
    }

    fn count(&mut self, end: End) {
        match end {
            End::Succeeded => self.succeeded += 1,
            End::Cancelled => self.cancelled += 1,
            End::Failed { message } => {
                self.failed += 1;
                self.first_failure.get_or_insert(message);
            }
        }
    }

    /// Nothing of it runs any more. Tasks that never got to run were cancelled, or else lost, which is a failure.
    pub(super) fn complete(&mut self, now: Timestamp) {
        let left = self.task_count - self.succeeded - self.failed - self.cancelled;
        if *self.cancel.borrow() {
            self.cancelled += left;
        } else if left > 0 {
            self.failed += left;
            self.first_failure.get_or_insert_with(|| {
                "the function that answers for the task panicked".to_owned()
            });
        }
        self.running = 0;
        self.groups.clear();
        self.completed = Some(now);
        self.updated = now;
    }
}
