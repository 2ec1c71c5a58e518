//! Verdicts that come close together for one run are settled together: one commit, one hint.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use ork_engine::ports::Ports;
use ork_engine::{Engine, EngineError, EngineErrorKind};
use tokio::sync::oneshot;
use tracing::Instrument;

/// How long the first notice of a run waits for others.
pub(crate) const WINDOW: Duration = Duration::from_millis(2);
/// Attempts of one task at work from which on [`PAUSE`] counts.
const MANY: u32 = 16;
/// How far apart commits of a run are that has many attempts at work. Their ends come one by one, and Firestore takes about one write a second of a
/// document for long: what ends meanwhile is settled together.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);
/// Verdicts that are settled together at most, so that no one waits long for his answer.
const MOST: usize = 512;

/// A notice and who waits for what becomes of it.
struct Waiting {
    name: ObjectName,
    answer: oneshot::Sender<Result<(), EngineError>>,
}

/// Notices by run. A run is in the map as long as somebody settles for it.
type Lanes = BTreeMap<RunId, Vec<Waiting>>;

/// Gathers notices.
pub(crate) struct Gather<P: Ports> {
    engine: Arc<Engine<P>>,
    lanes: Mutex<Lanes>,
    deadline: Duration,
}

/// Takes a run out of the map, however the work on it ends.
struct Lane<'a> {
    lanes: &'a Mutex<Lanes>,
    run: &'a RunId,
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        // Whoever still waits hears that his sender is gone.
        lock(self.lanes).remove(self.run);
    }
}

fn lock(lanes: &Mutex<Lanes>) -> MutexGuard<'_, Lanes> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: Ports + 'static> Gather<P> {
    pub(crate) fn new(engine: Arc<Engine<P>>, deadline: Duration) -> Self {
        Self {
            engine,
            lanes: Mutex::default(),
            deadline,
        }
    }

    /// Has the verdict called `name` settled, along with others of `run`; returns when that is through.
    pub(crate) async fn settle(
        self: &Arc<Self>,
        run: &RunId,
        name: ObjectName,
    ) -> Result<(), EngineError> {
        // Where many are at work, most have been found beside others by the time that they are told of.
        if self.engine.has_settled(run, &name) {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { name, answer };
        let first = match lock(&self.lanes).entry(run.clone()) {
            Entry::Occupied(mut lane) => {
                lane.get_mut().push(waiting);
                false
            }
            Entry::Vacant(lane) => {
                lane.insert(vec![waiting]);
                true
            }
        };
        if first {
            // On its own, because whoever came first may hang up while others wait. It ends before its last caller is answered.
            let work = Box::pin(self.clone().work(run.clone()));
            tokio::spawn(ork_telemetry::carried(work.in_current_span()));
        }
        answered.await.unwrap_or_else(|_| {
            Err(EngineError::new(
                EngineErrorKind::Unavailable,
                "the work on this verdict broke off",
            ))
        })
    }

    /// Settles what there is of `run` until there is nothing more.
    async fn work(self: Arc<Self>, run: RunId) {
        tokio::time::sleep(WINDOW).await;
        let lane = Lane {
            lanes: &self.lanes,
            run: &run,
        };
        loop {
            let batch: Vec<Waiting> = {
                let mut lanes = lock(&self.lanes);
                let waiting = lanes.get_mut(&run).map(|waiting| {
                    let most = waiting.len().min(MOST);
                    waiting.drain(..most).collect::<Vec<_>>()
                });
                match waiting {
                    Some(batch) if !batch.is_empty() => batch,
                    // Taken out under the same lock, so that nobody can join a lane that is being left.
                    _ => {
                        lanes.remove(&run);
                        drop(lanes);
                        std::mem::forget(lane);
                        return;
                    }
                }
            };
            let result = self.settle_all(&run, &batch).await;
            for one in batch {
                // Who hung up needs no answer.
                let _ = one.answer.send(result.clone());
            }
            if self.engine.at_work(&run) >= MANY {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn settle_all(&self, run: &RunId, batch: &[Waiting]) -> Result<(), EngineError> {
        let mut names: Vec<ObjectName> = batch.iter().map(|one| one.name.clone()).collect();
        names.sort();
        names.dedup();
        // No claim: this role has no right to start anything, so it hints dispatch.
        let settle = Box::pin(self.engine.settle(run, &names, None));
        match tokio::time::timeout(self.deadline, settle).await {
            Ok(result) => {
                let commits = result?.commits.len();
                let notices = batch.len();
                tracing::info!(run = run.as_str(), notices, commits, "settled");
                Ok(())
            }
            Err(_) => Err(EngineError::new(
                EngineErrorKind::Unavailable,
                format!(
                    "settling {} verdicts of run {run} took longer than {} s",
                    names.len(),
                    self.deadline.as_secs()
                ),
            )),
        }
    }
}
