//! The run state machine: a run's state, what can happen to it, what it then asks for, and why.
//!
//! [`RunState::apply`] is the one way a run changes. Applying an event twice or late changes nothing.

mod apply;
mod attempts;
mod claim;
mod codec;
mod commands;
mod counts;
mod deferral;
mod document;
mod event;
mod graph;
mod header;
mod late;
mod mark;
mod note;
mod notices;
mod passed;
mod progress;
mod record;
mod state;
mod status;
mod stopping;
mod tasks;
mod timers;
mod trouble;
mod verify;

pub use counts::Counts;
pub use deferral::Deferral;
pub use document::{DecodeError, PageBytes, RUN_FORMAT, StoredRun};
pub use event::{
    Attempt, ClaimOffer, Command, Effect, Event, JobAnswer, NotStopped, Out, Overdue, RecoverFrom,
    Refusal, Resolution, Unstopped,
};
pub use graph::Graph;
pub use header::{FailedTask, Header, ParentRef, RunTrigger, TO_BE_STOPPED};
pub use late::LateLooks;
pub use note::{HeldBack, Note, NoteKind};
pub use notices::{AskedAgain, NoSuchKey, Notice, NoticeKey, NoticeState, Told};
pub use passed::{AttemptEnd, Passed, PassedKind};
pub use progress::{Progress, TaskProgress};
pub use state::{
    Failure, Instance, RunState, SkipReason, State, TaskOutcome, TaskPhase, TaskState,
};
pub use status::{Category, InstanceStatus, RunStatus};
pub use stopping::Cancellation;
pub use trouble::Trouble;
