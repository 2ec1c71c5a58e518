//! The queue of the cloud: hints over Pub/Sub, wakes over Cloud Tasks.

use ork_core::ids::RunId;
use ork_core::time::Time;
use ork_engine::ports::{Clock, Hint, Queue, QueueError};

use crate::clock::SystemClock;
use crate::pubsub::PubsubHints;
use crate::tasks::CloudTasks;

/// Hints and wakes. Without Cloud Tasks a wake does nothing: what is due is found by the tick, at most a minute late.
#[derive(Debug, Clone)]
pub struct GoogleQueue {
    hints: PubsubHints,
    wakes: Option<CloudTasks>,
}

impl GoogleQueue {
    /// Hints over `hints`, and wakes over `wakes` or only by the tick.
    pub const fn new(hints: PubsubHints, wakes: Option<CloudTasks>) -> Self {
        Self { hints, wakes }
    }
}

impl Queue for GoogleQueue {
    async fn hint(&self, hint: &Hint) -> Result<(), QueueError> {
        self.hints.hint(hint).await
    }

    async fn wake_at(&self, run: &RunId, at: Time) -> Result<(), QueueError> {
        match &self.wakes {
            Some(wakes) => wakes.wake_at(run, at, SystemClock.now()).await,
            None => Ok(()),
        }
    }
}
