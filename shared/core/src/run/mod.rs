//! The run state machine: a run's state, what can happen to it, what it then asks for, and why.

mod event;
mod state;
mod status;

pub use event::{ClaimOffer, Command, Effect, Event, Note, NoteKind, RecoverFrom};
pub use state::{Counts, Failure, Header, Instance, ParentRef, RunState, RunTrigger, SkipReason, State, TaskOutcome, TaskState};
pub use status::{Category, InstanceStatus, RunStatus};
