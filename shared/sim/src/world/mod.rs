//! The world: documents, objects, messages and time, all in one place, changed by one caller at a time.

mod documents;
mod executor;
pub mod load;
mod objects;
mod own_jobs;
mod ports;
mod receiver;
pub(crate) mod services;
mod trackers;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::hash::Hasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ork_core::protect::Protections;
use ork_core::task::{AttemptId, TaskSpec};
use ork_core::time::Time;

pub use documents::Documents;
pub use objects::ObjectMap;
pub use ports::Handle;

use crate::catalogue::Prepared;
use crate::coverage::Coverage;
use crate::fault::{Fault, Faults, Injected};
use crate::process::Message;
use crate::random::Random;
use crate::trace::{Hash, Trace};
use crate::watch::{Violation, Watch};

/// What is done at an instant.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message arrives, for the so-manieth time.
    Deliver(Message, u32),
    /// A process that slept goes on.
    Resume(usize),
    /// An executor begins an attempt; it was asked to in this life of the engine.
    Begin(Box<TaskSpec>, u64),
    /// A message arrives at a worker service, for the so-manieth time.
    Push(services::Order, u32),
    /// What was handed on arrives at an instance of the service of a topic that did not ask for it.
    Handed(Box<TaskSpec>, usize),
    /// An answer of dispatch arrives at a worker service.
    Answer(u64, services::Answer),
    /// An instance of a worker service that was told to end has to, if it is still in the same life.
    Ended(usize, u64),
}

/// An instant, the order of arrival, and where the item is.
type Entry = Reverse<(Time, u64, usize)>;

/// What the process that was just polled waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing: it stands at a point and may go on.
    Point,
    /// An instant.
    Until(Time),
}

/// Numbers about one world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Points before and after effects that were passed.
    pub points: u64,
    /// Commits that were applied.
    pub commits: u64,
    /// Documents that were written.
    pub writes: u64,
    /// Objects that were written.
    pub objects: u64,
    /// Attempts whose code ran.
    pub effects: u64,
    /// Runs that were made.
    pub runs: u64,
    /// Milliseconds that passed.
    pub virtual_ms: u64,
    /// What went wrong on purpose.
    pub injected: Injected,
}

/// Everything there is.
pub(crate) struct Inner {
    pub(crate) now: Time,
    pub(crate) random: Random,
    pub(crate) faults: Faults,
    pub(crate) protections: Protections,
    pub(crate) stats: Stats,
    /// Counted in worlds that are a day.
    pub(crate) load: Option<Box<load::Load>>,
    pub(crate) coverage: Coverage,
    pub(crate) documents: Documents,
    pub(crate) objects: ObjectMap,
    queue: BinaryHeap<Entry>,
    items: Vec<Option<Item>>,
    free: Vec<usize>,
    arrived: u64,
    /// The process that is being polled.
    pub(crate) current: usize,
    pub(crate) wait: Wait,
    /// Everything is down until then.
    pub(crate) down_until: Time,
    pub(crate) jobs: BTreeMap<String, trackers::Job>,
    /// What tasks without a worker have committed to have done, by its id.
    pub(crate) works: BTreeMap<String, trackers::Ordered>,
    /// Jobs that were made for one attempt, by the attempt's id.
    pub(crate) made: BTreeMap<String, own_jobs::Made>,
    /// Attempts that an executor was told to stop.
    pub(crate) stop: Vec<AttemptId>,
    pub(crate) services: services::Services,
    pub(crate) receiver: receiver::Receiver,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) watch: Watch,
    pub(crate) hash: Hash,
    pub(crate) trace: Trace,
    pub(crate) violation: Option<Violation>,
    /// How far a clock may be off, in milliseconds.
    pub(crate) largest_skew: u64,
    /// How often engines were started.
    pub(crate) lives: u64,
    /// Whether processes may stand still.
    pub(crate) stalls: bool,
    /// Names for workers, numbers for ids.
    pub(crate) names: u64,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the world at {}", self.now.rfc3339())
    }
}

/// A handle on everything there is. Clones share it.
#[derive(Debug, Clone)]
pub struct World(Arc<Mutex<Inner>>);

impl World {
    pub(crate) fn new(
        seed: u64,
        start: Time,
        faults: Faults,
        protections: Protections,
        prepared: Arc<Prepared>,
        tracing: bool,
    ) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            now: start,
            random: Random::new(seed),
            faults,
            protections,
            stats: Stats::default(),
            load: None,
            coverage: Coverage::default(),
            documents: Documents::default(),
            objects: ObjectMap::default(),
            queue: BinaryHeap::new(),
            items: Vec::new(),
            free: Vec::new(),
            arrived: 0,
            current: usize::MAX,
            wait: Wait::Point,
            down_until: Time(i64::MIN),
            jobs: BTreeMap::new(),
            works: BTreeMap::new(),
            made: BTreeMap::new(),
            stop: Vec::new(),
            services: services::Services::default(),
            receiver: receiver::Receiver::default(),
            watch: Watch::new(prepared.clone()),
            prepared,
            hash: Hash::default(),
            trace: Trace::new(tracing),
            violation: None,
            largest_skew: 0,
            lives: 0,
            stalls: false,
            names: 0,
        })))
    }
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside is a violation of its own; what is there is still looked at.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn handle(&self, instance: usize, skew: i64) -> Handle {
        Handle::new(self.clone(), instance, skew)
    }
}

impl Inner {
    /// Whether `fault` happens on this occasion.
    pub(crate) fn hit(&mut self, fault: Fault) -> bool {
        let strength = self.faults.of(fault);
        let hit = strength > 0 && self.random.chance(u32::from(strength));
        if hit {
            self.stats.injected.0[fault as usize] += 1;
        }
        hit
    }
    /// Counts, where somebody wants to know.
    pub(crate) fn counts(&mut self, count: impl FnOnce(&mut load::Load)) {
        if let Some(load) = &mut self.load {
            count(load);
        }
    }
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.trace.is_on() {
            let (now, current) = (self.now, self.current);
            self.trace.tell(now, current, line());
        }
    }
    pub(crate) fn note(&mut self, what: u64) {
        self.hash.write_u64(what);
        self.hash.write_i64(self.now.0);
    }
    pub(crate) fn violated(&mut self, invariant: &'static str, what: impl Into<String>) {
        let what = what.into();
        self.tell(|| format!("VIOLATION of {invariant}: {what}"));
        self.violation.get_or_insert(Violation { invariant, what });
    }
    /// Does `item` at `at`.
    pub(crate) fn schedule(&mut self, at: Time, item: Item) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.items[slot] = Some(item);
                slot
            }
            None => {
                self.items.push(Some(item));
                self.items.len() - 1
            }
        };
        self.arrived += 1;
        self.queue.push(Reverse((at, self.arrived, slot)));
    }
    /// The instant of the next item.
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.queue.peek().map(|Reverse((at, _, _))| *at)
    }
    /// Whether somebody's wish is still on its way.
    pub(crate) fn waits_for_wishes(&self) -> bool {
        self.items
            .iter()
            .flatten()
            .any(|item| matches!(item, Item::Deliver(Message::Wish(..), _)))
    }
    /// The next item, if it is due.
    pub(crate) fn due(&mut self) -> Option<Item> {
        if self.next_at()? > self.now {
            return None;
        }
        let Reverse((_, _, slot)) = self.queue.pop()?;
        self.free.push(slot);
        self.items[slot].take()
    }
    /// A message: lost, late, doubled, as the faults have it.
    pub(crate) fn send(&mut self, message: &Message, lost: Fault, late: Fault, doubled: Fault) {
        self.send_at(self.now, message, lost, late, doubled);
    }
    /// The same for one that is to come at an instant.
    pub(crate) fn send_at(
        &mut self,
        at: Time,
        message: &Message,
        lost: Fault,
        late: Fault,
        doubled: Fault,
    ) {
        let copies = if self.hit(doubled) {
            self.random.between(2, 5)
        } else {
            1
        };
        for _ in 0..copies {
            if self.hit(lost) {
                continue;
            }
            let delay = if self.hit(late) {
                self.random.span(1_000, 7 * 86_400_000)
            } else {
                self.random.between(5, 300)
            };
            let at = at.max(self.now) + ork_core::time::Millis(delay);
            self.schedule(at, Item::Deliver(message.clone(), 0));
        }
    }
    /// A number nobody else gets.
    pub(crate) fn name(&mut self) -> u64 {
        self.names += 1;
        let mut random = Random::new(self.names ^ self.random.next());
        random.next()
    }
}
