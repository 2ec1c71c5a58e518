//! What is at work: a handler in an instance of a service, or a worker.

use std::future::Future;
use std::pin::Pin;

use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use ork_core::run::Event;
use ork_core::task::AttemptId;
use ork_core::time::Time;

use crate::plan::Act;
use crate::world::services::Order;

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
    /// A worker service has written a verdict and asks what comes next.
    Finished {
        /// The run it is of.
        run: RunId,
        /// The verdict.
        verdict: ObjectName,
        /// The topic of the service.
        topic: usize,
        /// Where the answer goes.
        call: u64,
    },
}

/// How a handler ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The message is dealt with.
    Done,
    /// It has to come again.
    Again,
    /// It dies, and everything that lives in the same process.
    Dies,
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
    /// What it does in an instance of a worker service, if it lives in one.
    pub(crate) served: Option<Served>,
}

/// A place of an instance of a worker service, and who waits for what it does.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// The instance.
    pub(crate) site: usize,
    /// The message that is not acknowledged yet, and how often it came before.
    pub(crate) push: Option<(Order, u32)>,
    /// Since when.
    pub(crate) since: Time,
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
