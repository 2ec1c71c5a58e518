//! What the use cases need of the world, in domain words. Every adapter passes the same conformance suite.
//!
//! Futures are `Send` so that a server may run them on any thread; an adapter that never waits just returns.

mod executor;
mod notifier;
mod objects;
mod queue;
mod store;
mod tracker;

pub use executor::{Alive, Executor, StartError};
pub use notifier::{Letter, NotSent, Notifier};
pub use objects::{Generation, Object, ObjectError, Objects, Weighed};
pub use queue::{Function, Hint, Queue, QueueError};
pub use store::{
    Document, Index, Key, ListQuery, Listed, Precondition, Store, StoreError, StoreErrorKind,
    Version, Write,
};
pub use tracker::{Begun, JobStatus, Stopping, Tracker, TrackerError};

use std::future::Future;

use ork_core::ids::RunId;
use ork_core::run::{Event, RunState};
use ork_core::time::{Millis, Time};
use ork_core::usage::Usage;

use crate::Committed;

/// The instant, as the adapter's world sees it. Clocks may step back; nothing may depend on them not to.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;
    /// Ends once `span` has passed, for what nobody waits for any longer. Right if it never ends, as in a world without time: then the wait is for the answer.
    fn pause(&self, span: Millis) -> impl Future<Output = ()> + Send;
}

/// All ports of one world together.
pub trait Ports: Send + Sync {
    /// Documents.
    type Store: Store;
    /// Files.
    type Objects: Objects;
    /// Hints and wakes.
    type Queue: Queue;
    /// What starts attempts.
    type Executor: Executor;
    /// What asks about deferred jobs.
    type Tracker: Tracker;
    /// What tells people and programs of runs.
    type Notifier: Notifier;
    /// The time.
    type Clock: Clock;

    /// Documents.
    fn store(&self) -> &Self::Store;
    /// Files.
    fn objects(&self) -> &Self::Objects;
    /// Hints and wakes.
    fn queue(&self) -> &Self::Queue;
    /// What starts attempts.
    fn executor(&self) -> &Self::Executor;
    /// What asks about deferred jobs.
    fn tracker(&self) -> &Self::Tracker;
    /// What tells people and programs of runs.
    fn notifier(&self) -> &Self::Notifier;
    /// The time.
    fn clock(&self) -> &Self::Clock;
    /// A number nobody else gets: ids of manual runs, jitter seeds, lease owners. Drawn at the edge, never in the core.
    fn random(&self) -> u64;
    /// Told of every event just before it is applied: for whoever counts what happens. Says nothing and decides nothing.
    fn observe(&self, _before: &RunState, _event: &Event) {}
    /// Told of every commit as soon as it stands, before what follows from it is done, with where the run stands by it: for whoever cannot
    /// wait for the end of a step, and for whoever measures. Once for each commit of which this process knows that it stands.
    fn committed(&self, _commit: &Committed, _state: &RunState) {}
    /// Who counts what costs money here, if anybody does.
    fn metering(&self) -> Option<&dyn Metering> {
        None
    }
}

/// Counts what each run used, so that it can be kept with the run.
pub trait Metering: Send + Sync {
    /// Under which name: the function that this process is.
    fn function(&self) -> &str;
    /// What `run` used and nobody has taken yet.
    fn take(&self, run: &RunId) -> Usage;
    /// Gives back what was taken and could not be kept.
    fn give_back(&self, run: &RunId, used: &Usage);
    /// Says that this much of what was counted since is kept already.
    fn forget(&self, run: &RunId, used: &Usage);
    /// What everything here used, whoever takes it.
    fn total(&self) -> Usage;
    /// Counts a request that is being served, for `run` when it is known, and `message_bytes` of a message that nobody here published.
    fn request(&self, run: Option<&RunId>, message_bytes: Option<usize>);
}

/// The types and accessors of [`Ports`] for a world that is all of its ports itself, as worlds in memory are.
#[macro_export]
macro_rules! is_all_ports {
    () => {
        type Store = Self;
        type Objects = Self;
        type Queue = Self;
        type Executor = Self;
        type Tracker = Self;
        type Notifier = Self;
        type Clock = Self;
        fn store(&self) -> &Self {
            self
        }
        fn objects(&self) -> &Self {
            self
        }
        fn queue(&self) -> &Self {
            self
        }
        fn executor(&self) -> &Self {
            self
        }
        fn tracker(&self) -> &Self {
            self
        }
        fn notifier(&self) -> &Self {
            self
        }
        fn clock(&self) -> &Self {
            self
        }
    };
}
