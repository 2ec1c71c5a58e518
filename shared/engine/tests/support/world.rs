//! The world and its ports. Every call has a point before and one after its effect; a crash stops at a point for ever.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

use ork_core::Value;
use ork_core::deferred::{Work, WorkOf};
use ork_core::definition::{Operator, Task};
use ork_core::ids::{RunId, WorkflowName};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::{AttemptId, TaskSpec};
use ork_core::time::{Millis, Time};
use ork_engine::Engine;
use ork_engine::conformance::model::{Backup, Model};
use ork_engine::conformance::model_objects::ModelObjects;
use ork_engine::ports::{
    Alive, Begun, Clock, Document, Executor, Generation, Hint, JobStatus, Key, Letter, ListQuery,
    Listed, Metering, NotSent, Notifier, Object, ObjectError, Objects, Ports, Queue, QueueError,
    StartError, Stopping, Store, StoreError, StoreErrorKind, Tracker, TrackerError, Version, Write,
};

use super::meter::Counts;
use super::work::Reply;

/// Monday, 1 June 2026, midnight UTC.
pub(crate) const MONDAY: Time = Time(1_780_272_000_000);

/// What a commit meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Conflict,
    AmbiguousApplied,
    AmbiguousLost,
    Unavailable,
    Refused,
}

pub(crate) type Script = Box<dyn FnMut(&TaskSpec) -> Reply + Send>;

pub(crate) struct Inner {
    pub(crate) store: Model,
    pub(crate) objects: ModelObjects,
    now: AtomicI64,
    points: AtomicU64,
    crash_at: AtomicU64,
    crashed: AtomicBool,
    pub(crate) yielding: AtomicBool,
    /// Questions are answered too late for the commit that they are asked before.
    pub(crate) impatient: AtomicBool,
    commits: AtomicU64,
    pub(crate) faults: Mutex<BTreeMap<u64, Fault>>,
    pub(crate) objects_down: AtomicBool,
    /// Written documents by kind of key, checks left out.
    pub(crate) writes: AtomicU64,
    random: AtomicU64,
    pub(crate) hints: Mutex<VecDeque<Hint>>,
    /// Every instant at which somebody asked to be woken for a run.
    pub(crate) wakes: Mutex<Vec<(RunId, Time)>>,
    /// Every spec the executor accepted, in order.
    pub(crate) started: Mutex<Vec<TaskSpec>>,
    pub(crate) inbox: Mutex<VecDeque<TaskSpec>>,
    pub(crate) start_answers: Mutex<VecDeque<StartError>>,
    pub(crate) stopped: Mutex<Vec<AttemptId>>,
    /// Attempts that the executor was told are alive, by the place of their objects.
    pub(crate) told_alive: Mutex<Vec<String>>,
    /// Why the executor runs no attempts, when it does not.
    pub(crate) refusal: Mutex<Option<String>>,
    /// Attempts whose code ran.
    pub(crate) ran: Mutex<Vec<AttemptId>>,
    pub(crate) script: Mutex<Script>,
    pub(crate) stopping: Mutex<VecDeque<Result<Stopping, TrackerError>>>,
    pub(crate) tracker: Mutex<BTreeMap<String, VecDeque<Result<JobStatus, TrackerError>>>>,
    pub(crate) asked: Mutex<Vec<Value>>,
    pub(crate) begun: Mutex<Vec<Work>>,
    pub(crate) beginnings: Mutex<VecDeque<Result<Begun, TrackerError>>>,
    pub(crate) cancelled_jobs: Mutex<Vec<Value>>,
    /// Every notice that arrived, in order.
    pub(crate) letters: Mutex<Vec<Letter>>,
    /// What becomes of sending notices; what is not listed is received.
    pub(crate) sendings: Mutex<VecDeque<Result<(), NotSent>>>,
    /// Notes of every step, rendered.
    pub(crate) notes: Mutex<Vec<String>>,
    /// Limits that must hold at every commit: runs at once by workflow.
    pub(crate) most_active: Mutex<BTreeMap<WorkflowName, usize>>,
    pub(crate) names: Mutex<BTreeSet<String>>,
    /// Every object that was written, once for each time, in order.
    pub(crate) object_writes: Mutex<Vec<String>>,
    /// The documents after each commit, when somebody wants to go back to them.
    pub(crate) backups: Mutex<Option<Vec<Backup>>>,
    /// Who counts what runs use, when somebody does.
    pub(crate) meter: OnceLock<Counts>,
}

/// A handle on the world; an engine over it is one process.
#[derive(Clone)]
pub(crate) struct World(pub(crate) Arc<Inner>);

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            store: Model::default(),
            objects: ModelObjects::default(),
            now: AtomicI64::new(MONDAY.0),
            points: AtomicU64::new(0),
            crash_at: AtomicU64::new(u64::MAX),
            crashed: AtomicBool::new(false),
            yielding: AtomicBool::new(false),
            impatient: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            faults: Mutex::default(),
            objects_down: AtomicBool::new(false),
            writes: AtomicU64::new(0),
            random: AtomicU64::new(1),
            hints: Mutex::default(),
            wakes: Mutex::default(),
            started: Mutex::default(),
            inbox: Mutex::default(),
            start_answers: Mutex::default(),
            stopped: Mutex::default(),
            told_alive: Mutex::default(),
            letters: Mutex::default(),
            sendings: Mutex::default(),
            refusal: Mutex::default(),
            ran: Mutex::default(),
            script: Mutex::new(Box::new(|_| Reply::output("null"))),
            stopping: Mutex::default(),
            tracker: Mutex::default(),
            asked: Mutex::default(),
            begun: Mutex::default(),
            beginnings: Mutex::default(),
            cancelled_jobs: Mutex::default(),
            notes: Mutex::default(),
            most_active: Mutex::default(),
            names: Mutex::default(),
            object_writes: Mutex::default(),
            backups: Mutex::default(),
            meter: OnceLock::new(),
        }))
    }
    /// A fresh process over this world.
    pub(crate) fn engine(&self) -> Engine<Self> {
        Engine::new(self.clone(), None)
    }
    /// A fresh process that may read objects and not write them.
    pub(crate) fn api(&self) -> Engine<Self> {
        self.engine().reading_objects()
    }
    pub(crate) fn time(&self) -> Time {
        Time(self.0.now.load(SeqCst))
    }
    pub(crate) fn set_time(&self, at: Time) {
        self.0.objects.set_time(at);
        self.0.now.store(at.0, SeqCst);
    }
    pub(crate) fn pass(&self, span: Millis) {
        self.set_time(self.time() + span);
    }
    /// The script of what attempts do.
    pub(crate) fn script(&self, script: impl FnMut(&TaskSpec) -> Reply + Send + 'static) {
        *self.0.script.lock().unwrap() = Box::new(script);
    }
    /// The `n`-th commit from now (from 1) meets `fault`.
    pub(crate) fn fault(&self, n: u64, fault: Fault) {
        self.0
            .faults
            .lock()
            .unwrap()
            .insert(self.commits() + n, fault);
    }
    pub(crate) fn commits(&self) -> u64 {
        self.0.commits.load(SeqCst)
    }
    pub(crate) fn written(&self) -> u64 {
        self.0.writes.load(SeqCst)
    }
    pub(crate) fn points(&self) -> u64 {
        self.0.points.load(SeqCst)
    }

    /// Runs a future of ours to its end.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.crashing(u64::MAX, future)
            .expect("nothing crashes here")
    }
    /// Runs a future until its `n`-th point from now, where it is dropped; `None` if it got that far.
    pub(crate) fn crashing<T>(&self, n: u64, future: impl Future<Output = T>) -> Option<T> {
        self.0
            .crash_at
            .store(self.points().saturating_add(n), SeqCst);
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        let result = loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(value) => break Some(value),
                Poll::Pending if self.0.crashed.swap(false, SeqCst) => break None,
                Poll::Pending => {}
            }
        };
        self.0.crash_at.store(u64::MAX, SeqCst);
        result
    }
    /// Lets `a` go `first` points far, then `b` to its end, then `a` to its end. Says whether `a` had to wait.
    pub(crate) fn interleaved<A, B>(
        &self,
        first: u64,
        a: impl Future<Output = A>,
        b: impl Future<Output = B>,
    ) -> (A, B, bool) {
        self.0.yielding.store(true, SeqCst);
        let mut context = Context::from_waker(Waker::noop());
        let mut a = pin!(a);
        let mut early = None;
        for _ in 0..first {
            if let Poll::Ready(value) = a.as_mut().poll(&mut context) {
                early = Some(value);
                break;
            }
        }
        let b = self.run(b);
        let waited = early.is_none();
        let a = early.unwrap_or_else(|| self.run(a));
        self.0.yielding.store(false, SeqCst);
        (a, b, waited)
    }

    async fn point(&self) {
        let mut waited = false;
        poll_fn(|context| {
            // A process that died does nothing more, not even what it was doing beside that.
            if self.0.crashed.load(SeqCst) {
                return Poll::Pending;
            }
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            let n = self.0.points.fetch_add(1, SeqCst) + 1;
            if n == self.0.crash_at.load(SeqCst) {
                self.0.crashed.store(true, SeqCst);
                return Poll::Pending;
            }
            if self.0.yielding.load(SeqCst) {
                context.waker().wake_by_ref();
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    /// A call: a point, the effect, a point.
    async fn call<T>(&self, effect: impl Future<Output = T>) -> T {
        self.point().await;
        let result = effect.await;
        self.point().await;
        result
    }
    fn up(&self) -> Result<(), ObjectError> {
        if self.0.objects_down.load(SeqCst) {
            Err(ObjectError::Unavailable("down".into()))
        } else {
            Ok(())
        }
    }
    /// Does a write of an object and takes it down if it came to something.
    async fn counted(
        &self,
        name: &ObjectName,
        write: impl Future<Output = Result<Generation, ObjectError>>,
    ) -> Result<Generation, ObjectError> {
        let done = write.await;
        if done.is_ok() {
            self.0.object_writes.lock().unwrap().push(name.to_string());
        }
        done
    }
    /// Counts the documents of runs that a commit writes, as adapters do: also when nobody knows whether it was applied.
    fn count(&self, writes: &[Write]) {
        if let Some(meter) = self.0.meter.get() {
            meter.wrote(writes);
        }
    }
    async fn commit_now(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        let n = self.0.commits.fetch_add(1, SeqCst) + 1;
        let fault = self.0.faults.lock().unwrap().remove(&n);
        let fail = |kind| Err(StoreError::new(kind, format!("commit {n} met {fault:?}")));
        match fault {
            Some(Fault::Conflict) => return fail(StoreErrorKind::Conflict),
            Some(Fault::AmbiguousLost) => {
                self.count(writes);
                return fail(StoreErrorKind::Ambiguous);
            }
            Some(Fault::Unavailable) => return fail(StoreErrorKind::Unavailable),
            Some(Fault::Refused) => return fail(StoreErrorKind::Refused),
            Some(Fault::AmbiguousApplied) | None => {}
        }
        let done = self.0.store.commit(writes).await?;
        self.0.writes.fetch_add(
            writes
                .iter()
                .filter(|write| !matches!(write, Write::Check { .. }))
                .count() as u64,
            SeqCst,
        );
        self.count(writes);
        self.check_commit().await;
        if let Some(backups) = self.0.backups.lock().unwrap().as_mut() {
            backups.push(self.0.store.backup());
        }
        if fault.is_some() {
            fail(StoreErrorKind::Ambiguous)
        } else {
            Ok(done)
        }
    }
}

impl Ports for World {
    ork_engine::is_all_ports!();

    fn random(&self) -> u64 {
        // SplitMix64 over a counter.
        let mut z = self
            .0
            .random
            .fetch_add(1, SeqCst)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 27)
    }
    fn metering(&self) -> Option<&dyn Metering> {
        self.0.meter.get().map(|meter| meter as &dyn Metering)
    }
}

/// Lets others go on so often.
async fn turns(mut left: u32) {
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

impl Clock for World {
    fn now(&self) -> Time {
        self.time()
    }
    async fn pause(&self, _span: Millis) {
        if !self.0.impatient.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        turns(100).await;
    }
}

impl Store for World {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        self.call(self.0.store.read(keys)).await
    }
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        self.call(self.commit_now(writes)).await
    }
    async fn due_runs(&self, now: Time, limit: usize) -> Result<Vec<(RunId, Time)>, StoreError> {
        self.call(self.0.store.due_runs(now, limit)).await
    }
    async fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
        self.call(self.0.store.due_workflows(now, limit)).await
    }
    async fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        self.call(self.0.store.list(query, cursor, limit)).await
    }
}

impl Objects for World {
    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        self.up()?;
        self.0.names.lock().unwrap().insert(name.to_string());
        self.call(self.counted(name, self.0.objects.create(name, bytes)))
            .await
    }
    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        self.up()?;
        self.0.names.lock().unwrap().insert(name.to_string());
        self.call(self.counted(name, self.0.objects.put(name, bytes, expected)))
            .await
    }
    async fn get(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        self.up()?;
        self.call(self.0.objects.get(name, limit)).await
    }
    async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        self.up()?;
        self.call(self.0.objects.updated(name)).await
    }
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        self.up()?;
        self.call(self.0.objects.list(prefix, after, limit)).await
    }
    async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        self.up()?;
        self.call(self.0.objects.delete(name)).await
    }
}

impl Queue for World {
    async fn hint(&self, hint: &Hint) -> Result<(), QueueError> {
        self.call(async { self.0.hints.lock().unwrap().push_back(hint.clone()) })
            .await;
        Ok(())
    }
    async fn wake_at(&self, run: &RunId, at: Time) -> Result<(), QueueError> {
        self.call(async { self.0.wakes.lock().unwrap().push((run.clone(), at)) })
            .await;
        Ok(())
    }
}

impl Executor for World {
    async fn start(&self, specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        let accept = |spec: TaskSpec| {
            let answer = self.0.start_answers.lock().unwrap().pop_front();
            match answer {
                Some(error @ StartError::Ambiguous(_)) => {
                    self.0.inbox.lock().unwrap().push_back(spec.clone());
                    self.0.started.lock().unwrap().push(spec);
                    Err(error)
                }
                Some(error) => Err(error),
                None => {
                    self.0.inbox.lock().unwrap().push_back(spec.clone());
                    self.0.started.lock().unwrap().push(spec);
                    Ok(())
                }
            }
        };
        self.call(async { specs.into_iter().map(accept).collect() })
            .await
    }
    async fn stop(&self, attempt: &AttemptId) {
        self.call(async { self.0.stopped.lock().unwrap().push(attempt.clone()) })
            .await;
    }
    fn refusal(&self, _spec: &TaskSpec, _task: &Task) -> Option<String> {
        self.0.refusal.lock().unwrap().clone()
    }
    async fn alive(&self, attempts: &[Alive<'_>]) {
        self.call(async {
            let names = attempts.iter().map(|one| {
                assert_eq!(one.workflow.tasks[one.id.task as usize], *one.task);
                one.object(AttemptFile::Urls).to_string()
            });
            self.0.told_alive.lock().unwrap().extend(names);
        })
        .await;
    }
}

impl Tracker for World {
    async fn poll(&self, job: &Value) -> Result<JobStatus, TrackerError> {
        if job["id"] == "silence" {
            return std::future::pending().await;
        }
        if job["id"] == "slow" {
            self.0.asked.lock().unwrap().push(job.clone());
            turns(200).await;
            return Ok(JobStatus::Succeeded);
        }
        self.call(async {
            self.0.asked.lock().unwrap().push(job.clone());
            let mut answers = self.0.tracker.lock().unwrap();
            let answers = answers.get_mut(job["id"].as_str().unwrap_or_default());
            answers
                .and_then(VecDeque::pop_front)
                .unwrap_or(Ok(JobStatus::Running))
        })
        .await
    }
    async fn start(&self, work: &Work) -> Result<Begun, TrackerError> {
        self.call(async {
            self.0.begun.lock().unwrap().push(work.clone());
            if work.operator == WorkOf::Operator(Operator::CloudRunImage) && !work.made {
                let half = Work {
                    made: true,
                    ..work.clone()
                };
                return Ok(Begun::Job(serde_json::json!(half)));
            }
            let answer = self.0.beginnings.lock().unwrap().pop_front();
            answer.unwrap_or_else(|| {
                let job = serde_json::json!({"service_type": "custom_http", "url": "https://x", "id": work.id});
                Ok(Begun::Job(job))
            })
        })
        .await
    }
    async fn cancel(&self, job: &Value) -> Result<Stopping, TrackerError> {
        self.call(async {
            self.0.cancelled_jobs.lock().unwrap().push(job.clone());
            let answer = self.0.stopping.lock().unwrap().pop_front();
            answer.unwrap_or(Ok(Stopping::Over))
        })
        .await
    }
}

impl Notifier for World {
    async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        self.call(async {
            let answer = self.0.sendings.lock().unwrap().pop_front();
            let answer = answer.unwrap_or(Ok(()));
            // Who says nothing may have received it.
            if !matches!(answer, Err(NotSent::Never(_) | NotSent::Elsewhere(_))) {
                self.0.letters.lock().unwrap().push(letter.clone());
            }
            answer
        })
        .await
    }
}
