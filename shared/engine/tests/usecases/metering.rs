//! What a run used is kept with the run, once, whatever becomes of a commit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ork_core::ids::{RunId, WorkflowName};
use ork_core::time::Time;
use ork_core::usage::Usage;
use ork_engine::Engine;
use ork_engine::ports::{
    Document, Key, ListQuery, Listed, Metering, Ports, Store, StoreError, StoreErrorKind, Version,
    Write,
};

use crate::support::*;

/// A process of which somebody counts what it uses.
#[derive(Clone)]
struct Metered {
    world: World,
    meter: Arc<Counts>,
}

#[derive(Default)]
struct Counts(Mutex<BTreeMap<RunId, Usage>>);

impl Counts {
    fn count(&self, run: &RunId, used: &Usage) {
        let mut counts = self.0.lock().unwrap();
        counts.entry(run.clone()).or_default().add(used);
    }
}

impl Metering for Counts {
    fn function(&self) -> &str {
        "here"
    }
    fn take(&self, run: &RunId) -> Usage {
        self.0.lock().unwrap().remove(run).unwrap_or_default()
    }
    fn give_back(&self, run: &RunId, used: &Usage) {
        self.count(run, used);
    }
    fn forget(&self, run: &RunId, used: &Usage) {
        if let Some(known) = self.0.lock().unwrap().get_mut(run) {
            known.subtract(used);
        }
    }
    fn total(&self) -> Usage {
        let mut total = Usage::default();
        self.0
            .lock()
            .unwrap()
            .values()
            .for_each(|used| total.add(used));
        total
    }
    fn request(&self, run: Option<&RunId>, _: Option<usize>) {
        let used = Usage {
            requests: 1,
            ..Usage::default()
        };
        self.count(run.unwrap(), &used);
    }
}

impl Metered {
    /// Counts what a commit wrote of runs, as adapters do: also when nobody knows whether it was applied.
    fn wrote(&self, writes: &[Write]) {
        for write in writes {
            if let Write::Put {
                key: Key::Run(run) | Key::Page(run, _),
                ..
            } = write
            {
                let used = Usage {
                    store_writes: 1,
                    ..Usage::default()
                };
                self.meter.count(run, &used);
            }
        }
    }
}

impl Store for Metered {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        Store::read(&self.world, keys).await
    }
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        let committed = Store::commit(&self.world, writes).await;
        match &committed {
            Ok(_) => self.wrote(writes),
            Err(error) if error.kind == StoreErrorKind::Ambiguous => self.wrote(writes),
            Err(_) => {}
        }
        committed
    }
    async fn due_runs(&self, now: Time, limit: usize) -> Result<Vec<(RunId, Time)>, StoreError> {
        self.world.due_runs(now, limit).await
    }
    async fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
        self.world.due_workflows(now, limit).await
    }
    async fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        Store::list(&self.world, query, cursor, limit).await
    }
}

impl Ports for Metered {
    type Store = Self;
    type Objects = World;
    type Queue = World;
    type Executor = World;
    type Tracker = World;
    type Clock = World;
    fn store(&self) -> &Self {
        self
    }
    fn objects(&self) -> &World {
        &self.world
    }
    fn queue(&self) -> &World {
        &self.world
    }
    fn executor(&self) -> &World {
        &self.world
    }
    fn tracker(&self) -> &World {
        &self.world
    }
    fn clock(&self) -> &World {
        &self.world
    }
    fn random(&self) -> u64 {
        self.world.random()
    }
    fn metering(&self) -> Option<&dyn Metering> {
        Some(&*self.meter)
    }
}

/// Starts a run of one task, counts `requests` for it, and claims its task while commits meet `faults`, by their number from there on.
/// Gives what is stored as used, and what is counted and not stored.
fn claimed(requests: usize, faults: &[Fault]) -> (Usage, Usage) {
    let world = World::with("name: w\ntasks:\n  a: {x}\n");
    let meter = Arc::new(Counts::default());
    let metered = Metered {
        world: world.clone(),
        meter: meter.clone(),
    };
    let engine = Engine::new(metered, None);
    world.run(engine.start(named("w", "r"))).unwrap();
    let run = run_id("r");
    for _ in 0..requests {
        meter.request(Some(&run), None);
    }
    for (at, fault) in (1..).zip(faults) {
        world.fault(at, *fault);
    }
    world.run(engine.step(&run, vec![], CLAIM)).unwrap();
    assert!(world.0.faults.lock().unwrap().is_empty(), "all were met");
    let stored = world.run(world.engine().run(&run)).unwrap();
    let by_function: Vec<(&str, Usage)> = stored.header.usage.iter().collect();
    let [("here", used)] = by_function[..] else {
        panic!("{by_function:?}");
    };
    (used, meter.take(&run))
}

#[test]
fn a_commit_keeps_what_was_counted_and_its_own_writes() {
    let (stored, left) = claimed(3, &[]);
    assert_eq!((stored.requests, stored.store_writes), (3, 2));
    assert!(left.is_nothing(), "{left:?}");
}

#[test]
fn what_a_commit_could_not_keep_the_next_one_does() {
    let (stored, left) = claimed(3, &[Fault::Conflict, Fault::Conflict]);
    assert_eq!((stored.requests, stored.store_writes), (3, 2));
    assert!(left.is_nothing(), "{left:?}");
}

#[test]
fn a_commit_whose_answer_was_lost_counts_once() {
    let (stored, left) = claimed(3, &[Fault::AmbiguousApplied]);
    assert_eq!((stored.requests, stored.store_writes), (3, 2));
    assert!(left.is_nothing(), "{left:?}");
}

#[test]
fn a_commit_that_was_lost_with_its_answer_takes_along_what_it_was_to_keep() {
    let (stored, left) = claimed(3, &[Fault::AmbiguousLost]);
    assert_eq!((stored.requests, stored.store_writes), (0, 2));
    assert!(left.is_nothing(), "{left:?}");
}
