//! Why a run did what it did, as data: the command line, logs and pages render the same notes.

use std::fmt::Write;

use super::{Category, Graph, InstanceStatus, NoticeKey, Overdue, RunStatus, SkipReason};
use crate::definition::TaskIndex;
use crate::time::Millis;

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The task it is about, if it is about one.
    pub task: Option<TaskIndex>,
    /// The instance, if it is about one of several.
    pub index: Option<u32>,
    /// What was decided.
    pub kind: NoteKind,
}

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteKind {
    /// The run began.
    RunStarted,
    /// The run ended.
    RunEnded(RunStatus),
    /// The run's deadline passed.
    DeadlinePassed,
    /// The trigger rule holds.
    Ready {
        /// Instances.
        instances: u32,
    },
    /// Its conditions are being evaluated.
    Resolving,
    /// It will not run.
    Skipped(SkipReason),
    /// It could not be evaluated.
    Unresolvable(String),
    /// An attempt was handed to an executor.
    Claimed {
        /// From 1.
        attempt: u32,
    },
    /// Ready instances stay where they are.
    HeldBack {
        /// How many.
        instances: u32,
        /// By what.
        by: HeldBack,
    },
    /// A worker began.
    Started {
        /// From 1.
        attempt: u32,
    },
    /// The executor had no place.
    NotStarted {
        /// Why.
        why: String,
        /// When again.
        retry_after: Millis,
    },
    /// An attempt succeeded.
    Succeeded {
        /// From 1.
        attempt: u32,
        /// Start to end.
        took: Millis,
    },
    /// An attempt handed over.
    Deferred {
        /// Jobs.
        jobs: u32,
    },
    /// The jobs of an attempt that is over are to be stopped.
    StoppingJobs {
        /// The attempt.
        attempt: u32,
        /// Jobs.
        jobs: u32,
    },
    /// They are over.
    JobsStopped {
        /// The attempt.
        attempt: u32,
    },
    /// They could not be stopped.
    JobsNotStopped {
        /// The attempt.
        attempt: u32,
        /// Why.
        why: String,
    },
    /// An attempt failed and there will be another.
    RetryIn {
        /// The attempt that failed.
        attempt: u32,
        /// Its category.
        category: Category,
        /// The pause.
        delay: Millis,
        /// Retries used after this one.
        used: u16,
        /// Retries allowed.
        max: u16,
    },
    /// An attempt was lost before it began; not charged.
    LostBeforeStart {
        /// The attempt.
        attempt: u32,
    },
    /// An attempt failed for good.
    Failed {
        /// The attempt.
        attempt: u32,
        /// Its category.
        category: Category,
        /// Why there is no further one.
        because: &'static str,
    },
    /// The task ended.
    TaskEnded {
        /// How.
        status: InstanceStatus,
        /// Failed instances.
        failed: u32,
        /// How many may fail.
        tolerated: u32,
    },
    /// Too many instances have failed, and the task ends with that.
    SiblingsEnded {
        /// Failed instances.
        failed: u32,
        /// How many are cancelled.
        left: u32,
    },
    /// An attempt is late.
    Overdue(Overdue),
    /// An event came too late or twice.
    Stale {
        /// Which.
        event: &'static str,
        /// Where the instance stood.
        status: InstanceStatus,
    },
    /// Somebody paused it.
    Paused,
    /// Somebody resumed it.
    Resumed,
    /// It was cancelled.
    Cancelled,
    /// Somebody counts it as succeeded.
    MarkedSuccess,
    /// It runs again.
    Reset {
        /// Instances that are kept.
        kept: u32,
    },
    /// Somebody is to be told of the run.
    NoticeDue {
        /// Which notice.
        notice: NoticeKey,
    },
    /// Somebody was told.
    NoticeSent {
        /// Which notice.
        notice: NoticeKey,
    },
    /// Somebody could not be told, and that is not tried any more.
    NoticeGivenUp {
        /// Which notice.
        notice: NoticeKey,
        /// Why.
        why: String,
    },
    /// The process that ran it is gone.
    OwnerLost {
        /// The attempt.
        attempt: u32,
    },
}

/// What keeps a ready instance waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBack {
    /// The task's `concurrency`.
    Concurrency,
    /// The task's pool is full.
    Pool,
    /// The executor offered no more places.
    Places,
}

impl Note {
    /// The note as one line of text.
    pub fn render(&self, graph: &Graph) -> String {
        let mut text = String::new();
        if let Some(task) = self.task {
            text.push_str(graph.task(task).name.as_str());
            if let Some(index) = self.index.filter(|_| graph.task(task).fans_out()) {
                let _ = write!(text, "[{index}]");
            }
            text.push_str(": ");
        }
        // Writing to a String cannot fail.
        let _ = match &self.kind {
            NoteKind::RunStarted => write!(text, "run started"),
            NoteKind::RunEnded(status) => write!(text, "run ended: {status}"),
            NoteKind::DeadlinePassed => write!(
                text,
                "the run's deadline has passed: everything left is cancelled"
            ),
            NoteKind::Ready { instances: 1 } => write!(text, "ready"),
            NoteKind::Ready { instances } => write!(text, "ready, {instances} instances"),
            NoteKind::Resolving => write!(
                text,
                "upstreams ended as its trigger rule asks; evaluating its conditions"
            ),
            NoteKind::Skipped(reason) => write!(text, "skipped: {}", reason.render(graph)),
            NoteKind::Unresolvable(why) => write!(text, "failed before any attempt: {why}"),
            NoteKind::Claimed { attempt } => {
                write!(text, "attempt {attempt} handed to the executor")
            }
            NoteKind::HeldBack { instances, by } => {
                let by = match by {
                    HeldBack::Concurrency => "the task's concurrency is reached",
                    HeldBack::Pool => "its pool is full",
                    HeldBack::Places => "no free place",
                };
                write!(text, "{instances} ready, waiting: {by}")
            }
            NoteKind::Started { attempt } => write!(text, "attempt {attempt} started"),
            NoteKind::NotStarted { why, retry_after } => {
                write!(text, "not started ({why}); again in {retry_after}")
            }
            NoteKind::Succeeded { attempt, took } => {
                write!(text, "attempt {attempt} succeeded in {took}")
            }
            NoteKind::Deferred { jobs } => write!(text, "handed over to {jobs} deferred job(s)"),
            NoteKind::StoppingJobs { attempt, jobs } => {
                write!(text, "stopping {jobs} job(s) of attempt {attempt}")
            }
            NoteKind::JobsStopped { attempt } => {
                write!(text, "the jobs of attempt {attempt} are over")
            }
            NoteKind::JobsNotStopped { attempt, why } => write!(
                text,
                "not all jobs of attempt {attempt} can be stopped: {why}"
            ),
            NoteKind::RetryIn {
                attempt,
                category,
                delay,
                used,
                max,
            } => {
                write!(
                    text,
                    "attempt {attempt} failed ({category}); retry {used} of {max} in {delay}"
                )
            }
            NoteKind::LostBeforeStart { attempt } => write!(
                text,
                "attempt {attempt} was lost before it began; not charged"
            ),
            NoteKind::Failed {
                attempt,
                category,
                because,
            } => write!(text, "attempt {attempt} failed ({category}); {because}"),
            NoteKind::TaskEnded {
                status,
                failed,
                tolerated,
            } => match (failed, tolerated) {
                (0, _) => write!(text, "{status}"),
                (failed, tolerated) => {
                    write!(text, "{status}: {failed} failed, {tolerated} tolerated")
                }
            },
            NoteKind::SiblingsEnded { failed, left } => {
                write!(
                    text,
                    "{failed} failed (`fail_fast`): {left} left are cancelled"
                )
            }
            NoteKind::Overdue(Overdue::Start) => write!(text, "did not begin in time"),
            NoteKind::Overdue(Overdue::Heartbeat) => write!(text, "no sign of life in time"),
            NoteKind::Overdue(Overdue::Timeout) => write!(text, "ran longer than its timeout"),
            NoteKind::Stale { event, status } => write!(
                text,
                "{event} came too late or twice (it is {status}); ignored"
            ),
            NoteKind::Paused => write!(text, "paused"),
            NoteKind::Resumed => write!(text, "resumed"),
            NoteKind::Cancelled => write!(text, "cancelled"),
            NoteKind::MarkedSuccess => write!(text, "marked as succeeded"),
            NoteKind::Reset { kept: 0 } => write!(text, "runs again"),
            NoteKind::Reset { kept } => write!(text, "runs again, {kept} instance(s) kept"),
            NoteKind::NoticeDue { notice } => {
                write!(text, "{} is to be told", told(graph, *notice))
            }
            NoteKind::NoticeSent { notice } => write!(text, "{} was told", told(graph, *notice)),
            NoteKind::NoticeGivenUp { notice, why } => write!(
                text,
                "{} could not be told, and is not told any more: {why}",
                told(graph, *notice)
            ),
            NoteKind::OwnerLost { attempt } => write!(
                text,
                "attempt {attempt} died with the process that ran it; not charged"
            ),
        };
        text
    }
}

/// Whom a notice goes to, and what it tells.
fn told(graph: &Graph, notice: NoticeKey) -> String {
    let known = graph.workflow.notifications.get(notice.target as usize);
    let to = known.map_or_else(|| "nobody".to_owned(), |one| one.to.shown());
    format!("{to} ({})", notice.on.as_str())
}
