//! What is at work: a handler in an instance of a service, or a worker.

use std::future::Future;
use std::pin::Pin;

use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use ork_core::run::Event;
use ork_core::task::AttemptId;

use crate::plan::Act;

/// The instance of whatever is no instance of a service.
pub(crate) const WORKER: usize = usize::MAX;

/// What makes a handler begin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Message {
    /// Look at a run.
    Hint(RunId),
    /// Look at a run at the instant it asked for.
    Wake(RunId),
    /// An object was written.
    Notice(RunId, ObjectName),
    /// Time has passed.
    Tick,
    /// Somebody wants something of a run.
    Wish(Act, Option<RunId>),
    /// A worker of this process's own says something.
    Said(RunId, Vec<Event>),
    /// The engine of the process before is gone: its runs are taken over.
    Adopt,
}

/// How a handler ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The message is dealt with.
    Done,
    /// It has to come again.
    Again,
}

/// Something at work.
pub(crate) struct Process {
    pub(crate) future: Pin<Box<dyn Future<Output = End> + Send>>,
    /// The instance it lives in, or [`WORKER`].
    pub(crate) instance: usize,
    /// What it was woken by, and for the so-manieth time.
    pub(crate) message: Option<(Message, u32)>,
    /// Whether it deals with a message, or dealt with one that comes again.
    pub(crate) handles: bool,
    /// The attempt it works on.
    pub(crate) attempt: Option<AttemptId>,
    /// Since when it sleeps, if it does.
    pub(crate) asleep: bool,
}

impl Process {
    /// Whether it may do what only people may ask for.
    pub(crate) fn commands(&self) -> bool {
        let Some((Message::Wish(act, _), _)) = &self.message else {
            return false;
        };
        !matches!(
            act,
            Act::Start { .. } | Act::Enable(_) | Act::Redeploy | Act::Delete
        )
    }
}
