//! The ports of a laptop.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ork_core::ids::WorkflowName;
use ork_core::run::{Category, RunState};
use ork_core::task::{AttemptId, TaskSpec};
use ork_core::time::{Millis, Time};
use ork_engine::Committed;
use ork_engine::ports::{Clock, Executor, Ports, StartError};

use super::jobs::JobTracker;
use super::letters::LetterBox;
use super::measure::Measure;
use crate::clock::SystemClock;
use crate::exec::{LocalExecutor, RunDir};
use crate::objects::Folder;
use crate::queue::LocalQueue;
use crate::store::Sqlite;

/// The adapters of one state folder.
pub(super) struct World {
    pub(super) store: Sqlite,
    pub(super) objects: Folder,
    pub(super) queue: LocalQueue,
    pub(super) executor: Starter,
    pub(super) tracker: JobTracker,
    pub(super) notifier: LetterBox,
    pub(super) clock: SteadyClock,
    pub(super) commits: Commits,
    measure: Option<Arc<dyn Measure>>,
    random: Mutex<u64>,
}

impl World {
    pub(super) fn new(
        store: Sqlite,
        objects: Folder,
        executor: LocalExecutor,
        tracker: JobTracker,
        notifier: LetterBox,
        measure: Option<Arc<dyn Measure>>,
    ) -> Self {
        // The standard library seeds its hash maps from the system's source of randomness.
        let seed = std::hash::RandomState::new().build_hasher().finish();
        Self {
            store,
            objects,
            queue: LocalQueue::new(),
            executor: Starter {
                exec: executor,
                dirs: Mutex::default(),
                submitted: Mutex::default(),
                measure: measure.clone(),
            },
            tracker,
            notifier,
            clock: SteadyClock::new(),
            commits: Commits::default(),
            measure,
            random: Mutex::new(seed),
        }
    }
}

impl Ports for World {
    type Store = Sqlite;
    type Objects = Folder;
    type Queue = LocalQueue;
    type Executor = Starter;
    type Tracker = JobTracker;
    type Notifier = LetterBox;
    type Clock = SteadyClock;

    fn store(&self) -> &Sqlite {
        &self.store
    }
    fn objects(&self) -> &Folder {
        &self.objects
    }
    fn queue(&self) -> &LocalQueue {
        &self.queue
    }
    fn executor(&self) -> &Starter {
        &self.executor
    }
    fn tracker(&self) -> &JobTracker {
        &self.tracker
    }
    fn notifier(&self) -> &LetterBox {
        &self.notifier
    }
    fn clock(&self) -> &SteadyClock {
        &self.clock
    }
    fn committed(&self, commit: &Committed, state: &RunState) {
        if let Some(measure) = &self.measure {
            measure.committed(commit, state);
        }
        self.commits.add(commit);
    }
    fn random(&self) -> u64 {
        // SplitMix64 from a random start: no two processes draw alike, and no draw repeats.
        let mut state = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// What was committed here, for the loop: a step that asks others tells of its end late, of its commits at once.
#[derive(Debug, Default)]
pub(super) struct Commits(Mutex<Option<Vec<Committed>>>);

impl Commits {
    fn inner(&self) -> MutexGuard<'_, Option<Vec<Committed>>> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Keeps them from now on, or no longer.
    pub(super) fn keep(&self, keep: bool) {
        *self.inner() = keep.then(Vec::new);
    }
    fn add(&self, commit: &Committed) {
        if let Some(all) = &mut *self.inner() {
            all.push(commit.clone());
        }
    }
    /// Those since the last time, in their order.
    pub(super) fn take(&self) -> Vec<Committed> {
        self.inner()
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }
    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        self.inner().as_ref().is_some_and(|all| !all.is_empty())
    }
}

/// Hands attempts to the local executor, with the folder of their workflow.
pub(super) struct Starter {
    pub(super) exec: LocalExecutor,
    dirs: Mutex<BTreeMap<WorkflowName, Arc<RunDir>>>,
    submitted: Mutex<BTreeSet<AttemptId>>,
    measure: Option<Arc<dyn Measure>>,
}

impl Starter {
    pub(super) fn set_dir(&self, workflow: WorkflowName, dir: RunDir) {
        self.dirs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(workflow, Arc::new(dir));
    }
    pub(super) fn has_dir(&self, workflow: &WorkflowName) -> bool {
        self.dirs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(workflow)
    }
    /// Attempts that were handed over and have not ended.
    pub(super) fn submitted(&self) -> Vec<AttemptId> {
        self.submitted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
    pub(super) fn ended(&self, id: &AttemptId) {
        self.submitted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }
}

impl Executor for Starter {
    async fn start(&self, specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        let dirs = self.dirs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut submitted = self
            .submitted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let start = |mut spec: TaskSpec| {
            if let Some(measure) = &self.measure {
                spec.trace = measure.trace(&spec.id);
            }
            let refused = |message| StartError::Refused {
                category: Category::Permanent,
                message,
            };
            let Some(dir) = dirs.get(&spec.workflow_name) else {
                return Err(refused(format!(
                    "nobody knows the folder of workflow {}: deploy it again",
                    spec.workflow_name
                )));
            };
            crate::exec::check(&spec.executor, self.exec.config()).map_err(refused)?;
            submitted.insert(spec.id.clone());
            self.exec.submit(spec, dir.clone());
            Ok(())
        };
        specs.into_iter().map(start).collect()
    }

    async fn stop(&self, attempt: &AttemptId) {
        self.exec.stop(attempt);
    }
}

/// A clock that goes on evenly when the system's clock steps back, and follows when it is ahead (a laptop that slept).
pub(super) struct SteadyClock {
    anchor: Mutex<(Time, Instant)>,
}

/// How far the system's clock may be ahead before it is believed.
const AHEAD: i64 = 2_000;

impl SteadyClock {
    fn new() -> Self {
        Self {
            anchor: Mutex::new((SystemClock.now(), Instant::now())),
        }
    }
    fn read(&self, wall: Time) -> Time {
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let steady = Time(
            anchor.0.0 + i64::try_from(anchor.1.elapsed().as_millis()).unwrap_or(i64::MAX / 2),
        );
        if wall.0 > steady.0 + AHEAD {
            *anchor = (wall, Instant::now());
            return wall;
        }
        steady
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Time {
        self.read(SystemClock.now())
    }
    async fn pause(&self, span: Millis) {
        SystemClock.pause(span).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on_when_the_system_steps_back_and_follows_when_it_is_ahead() {
        let clock = SteadyClock::new();
        let start = clock.read(SystemClock.now());
        let stepped_back = clock.read(Time(start.0 - 3_600_000));
        assert!(
            stepped_back >= start && stepped_back.0 < start.0 + AHEAD,
            "{start:?} {stepped_back:?}"
        );
        let ahead = Time(start.0 + 3_600_000);
        assert_eq!(clock.read(ahead), ahead);
        assert!(clock.read(start) >= ahead, "it never goes back");
    }
}
