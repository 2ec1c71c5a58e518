//! Hints: messages that carry ids and no authority. Lost, doubled or late, they change nothing but speed.

use std::future::Future;

use ork_core::ids::RunId;
use ork_core::time::Time;

/// Who should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Claims and starts ready tasks.
    Dispatch,
    /// Reads verdicts and settles them.
    Monitor,
    /// Asks about deferred jobs.
    Poll,
}

/// "Look at this run."
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hint {
    /// Who.
    pub to: Function,
    /// At which run.
    pub run: RunId,
    /// What it was sent by, for whoever looks at traces: a `traceparent` as W3C's Trace Context has it. The engine sends none; who measures adds it.
    pub trace: Option<String>,
}

/// A hint that could not be sent. Nothing is lost by it: the tick finds what is due.
#[derive(Debug, thiserror::Error)]
#[error("cannot send a hint: {0}")]
pub struct QueueError(pub String);

/// Hints and wakes, at least once.
pub trait Queue: Send + Sync {
    /// Sends a hint now.
    fn hint(&self, hint: &Hint) -> impl Future<Output = Result<(), QueueError>> + Send;
    /// Asks to look at a run at an instant. Doubles for one run and instant collapse.
    fn wake_at(&self, run: &RunId, at: Time)
    -> impl Future<Output = Result<(), QueueError>> + Send;
}
