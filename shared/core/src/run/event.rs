//! What can happen to a run, and what a run asks for in return.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Category, Note, NoticeKey, Passed, RunStatus, Told};
use crate::definition::TaskIndex;
use crate::ids::{PoolName, RunId};
use crate::task::{AttemptId, Output, Report, Verdict};
use crate::time::{Millis, Time};

/// One attempt within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// The task's position.
    pub task: TaskIndex,
    /// The instance.
    pub index: u32,
    /// From 1.
    pub attempt: u32,
    /// Raised at each claim.
    pub fence: u32,
}

impl Attempt {
    /// The attempt named across runs.
    pub fn in_run(self, run: &RunId) -> AttemptId {
        AttemptId {
            run: run.clone(),
            task: self.task,
            index: self.index,
            attempt: self.attempt,
            fence: self.fence,
        }
    }
}

impl From<&AttemptId> for Attempt {
    fn from(id: &AttemptId) -> Self {
        Self {
            task: id.task,
            index: id.index,
            attempt: id.attempt,
            fence: id.fence,
        }
    }
}

/// Something that happened. Stale ones are noted and change nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The run got its place.
    Start,
    /// A task's `when`, `foreach` and `parallel` were evaluated.
    Resolved {
        /// Which task.
        task: TaskIndex,
        /// The generation it was asked for.
        generation: u32,
        /// What came of it.
        result: Resolution,
    },
    /// Somebody offers to start ready instances.
    Claim(ClaimOffer),
    /// A worker has begun.
    Started(Attempt),
    /// A worker is alive.
    Heartbeat(Attempt),
    /// The executor had no place: the attempt goes back to the queue, uncharged, not before `retry_after`.
    NotStarted {
        /// Which attempt.
        attempt: Attempt,
        /// How long to leave it alone.
        retry_after: Millis,
        /// Why.
        why: String,
    },
    /// An attempt has its verdict.
    Finished {
        /// Which attempt.
        attempt: Attempt,
        /// How it ended.
        verdict: Verdict,
        /// What its worker says beside that.
        report: Option<Box<Report>>,
    },
    /// A deferred job was asked about.
    Job {
        /// Which attempt.
        attempt: Attempt,
        /// Its position in the attempt's list.
        job: u32,
        /// What was said of it.
        answer: JobAnswer,
    },
    /// A worker handed over to jobs, and its attempt had been ended before it could say so.
    DeferredLate {
        /// Which attempt.
        attempt: Attempt,
        /// The list of descriptions.
        jobs: Output,
        /// How many.
        count: u32,
    },
    /// Jobs of an attempt that is over were to be stopped.
    JobsStopped {
        /// Which attempt.
        attempt: Attempt,
        /// Bit per job that is known to be over.
        over: u64,
        /// Why one of them is not, unless its service took the wish and has not said yet that it is over.
        denied: Option<NotStopped>,
    },
    /// A sub-workflow's run ended.
    ChildEnded {
        /// The attempt that waits for it.
        attempt: Attempt,
        /// Which run.
        run: RunId,
        /// How.
        status: RunStatus,
        /// What it gave (JSON text of its outputs), when it succeeded.
        output: Output,
    },
    /// How the run before this one ended, of those that ended well or failed; not failed when there is none.
    LookedBack {
        /// Whether it failed.
        failed: bool,
    },
    /// Somebody tried to send a notice.
    Notified {
        /// Which.
        notice: NoticeKey,
        /// The so-manieth time that it was handed to somebody.
        attempt: u32,
        /// What became of it.
        told: Told,
    },
    /// Time has passed.
    Tick,
    /// The process whose children the attempts were is gone; so are they.
    OwnerLost {
        /// Who takes over.
        new_owner: Option<String>,
    },
    /// Somebody wants something.
    Command(Command),
}

/// What was said of a deferred job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobAnswer {
    /// It is at work.
    Running,
    /// It is done.
    Done,
    /// It is done and gave this, which is the task's output.
    Gave(Output),
    /// It was started, or found started: its description from now on, as JSON text.
    Begun(Arc<str>),
    /// It came to nothing, as far as whoever asked can tell: with this category, for this reason.
    Broke {
        /// Which kind of failure.
        category: Category,
        /// What happened.
        why: String,
    },
    /// It failed: with this category, for this reason.
    Failed {
        /// Which kind of failure.
        category: Category,
        /// What happened.
        why: String,
    },
    /// Nobody could say; the job is not to blame.
    Unanswered {
        /// Not before this has passed.
        retry_after: Option<Millis>,
        /// Why, for people; `None`: somebody else asks, and it says nothing of how that goes.
        why: Option<String>,
    },
    /// There is no such job; it may only not be known yet.
    Missing(String),
    /// Ork may not ask, and why.
    Denied(String),
    /// Nobody will ever be able to say, and why.
    Lost(String),
}

/// Why jobs that were to be stopped are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotStopped {
    /// In words.
    pub why: String,
    /// What it means.
    pub because: Unstopped,
}

/// What it means that jobs could not be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstopped {
    /// Nobody answered: it counts for nothing.
    Unanswered,
    /// It was turned down.
    Refused,
    /// Nobody will ever know which jobs they are: it is not tried again.
    ForGood,
}

/// What became of evaluating a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It runs with this many instances.
    Run(u32),
    /// Its `when` was false.
    Skip,
    /// It could not be evaluated.
    Failed(String),
}

/// An offer to start instances.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimOffer {
    /// How many at most.
    pub places: u32,
    /// Free places of the pools that matter; a pool that is not listed is full.
    pub pools: BTreeMap<PoolName, u32>,
    /// The executor is this process's own: it reports every start, end and timeout itself and its attempts die with it.
    pub supervised: bool,
}

/// What a person can do to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// End it; what runs is stopped.
    Cancel {
        /// Who or why, for the record.
        reason: String,
    },
    /// Start nothing new.
    Pause,
    /// Go on.
    Resume,
    /// Start nothing new of one task.
    PauseTask {
        /// Which.
        task: TaskIndex,
    },
    /// Go on with one task.
    ResumeTask {
        /// Which.
        task: TaskIndex,
    },
    /// Run again what failed or was cancelled, and everything downstream of it.
    Retry,
    /// Run one ended task again, and everything downstream of it.
    RetryTask {
        /// Which.
        task: TaskIndex,
    },
    /// Count a task, or one instance of it, as succeeded without being run.
    MarkSuccess {
        /// Which.
        task: TaskIndex,
        /// The instance; all of them that have not succeeded when absent.
        index: Option<u32>,
        /// What each of them gives: JSON text of at most [`crate::limits::INLINE_OUTPUT_BYTES`].
        output: Output,
    },
    /// Retry with a limit, from a chosen place.
    Recover {
        /// From where.
        from: RecoverFrom,
    },
    /// Send a notice after all that was given up.
    Resend {
        /// Which; all that were given up when absent.
        notice: Option<NoticeKey>,
    },
    /// Remove it with its objects, if it has ended and nothing of it is left to do. From then on it refuses every other command.
    Remove {
        /// Only if it ended at this instant or before.
        ended_by: Time,
    },
}

/// Where a recovery begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoverFrom {
    /// What failed or was cancelled.
    Failed,
    /// This step (from 0, upstreams first) and all later ones.
    Step(u32),
    /// This task and everything downstream of it.
    Task(TaskIndex),
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// What must be done after the commit. Each is safe to do twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Evaluate a task's conditions; answer with [`Event::Resolved`] before committing.
    Resolve {
        /// Which.
        task: TaskIndex,
        /// To be given back.
        generation: u32,
    },
    /// Start an attempt.
    Start(Attempt),
    /// See whether an attempt that was handed over has begun; start it again under the higher fence if not.
    CheckStart(Attempt),
    /// Stop an attempt that is with a worker.
    Stop(Attempt),
    /// Start the run of a sub-workflow.
    StartChild(Attempt),
    /// Cancel the run of a sub-workflow.
    StopChild(Attempt),
    /// Write the verdict of an attempt that is overdue, unless its worker was first; answer with [`Event::Finished`].
    Reap {
        /// Which.
        attempt: Attempt,
        /// Why.
        why: Overdue,
    },
    /// Ask about an attempt's deferred jobs; answer with [`Event::Job`], before committing as far as that is possible.
    Poll(Attempt),
    /// Start what a task without a worker has done elsewhere, or look for the first time at what it waits for; answer with [`Event::Job`].
    /// Should nobody come to it, it is done when the jobs are asked about.
    BeginJobs(Attempt),
    /// Ask for the jobs of an attempt that is over to be stopped; answer with [`Event::JobsStopped`] unless nothing was learnt.
    StopJobs(Attempt),
    /// Look for what workers said after their attempts had been ended, before committing; answer with [`Event::DeferredLate`] and
    /// [`Event::Finished`], or with [`RunState::look_again`](super::RunState::look_again).
    LookForLate,
    /// See how the run before this one ended; answer with [`Event::LookedBack`] before committing.
    LookBack,
    /// Send a notice; answer with [`Event::Notified`]. Whoever cannot do so before its lease is over leaves it.
    Notify {
        /// Which.
        notice: NoticeKey,
        /// To be given back.
        attempt: u32,
    },
    /// A task has ended: its output can be shown.
    TaskEnded(TaskIndex),
    /// The run has ended.
    RunEnded(RunStatus),
    /// Remove the objects of the run and then its documents. Asked for again until the run is gone.
    Remove,
}

/// What an attempt is late with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overdue {
    /// It never began.
    Start,
    /// No sign of life.
    Heartbeat,
    /// It runs too long.
    Timeout,
}

impl Overdue {
    /// The category of the verdict.
    pub const fn category(self) -> Category {
        match self {
            Self::Start | Self::Heartbeat => Category::Lost,
            Self::Timeout => Category::Timeout,
        }
    }
}

/// What an event gives rise to.
#[derive(Debug, Default, PartialEq)]
pub struct Out {
    /// To be done.
    pub effects: Vec<Effect>,
    /// Why.
    pub notes: Vec<Note>,
    /// What attempts came to, for whoever measures.
    pub passed: Vec<Passed>,
}
