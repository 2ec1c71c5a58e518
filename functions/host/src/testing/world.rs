//! A world in memory whose store can be taken down or held up, and workers on demand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ork_core::Value;
use ork_core::deferred::Work;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::RunStatus;
use ork_core::task::{AttemptId, Output, TaskSpec, Verdict};
use ork_core::time::{Millis, Time};
use ork_engine::conformance::model::Model;
use ork_engine::conformance::model_objects::ModelObjects;
use ork_engine::ports::{
    Begun, Clock, Document, Executor, Generation, Hint, JobStatus, Key, Letter, ListQuery, Listed,
    NotSent, Notifier, Object, ObjectError, Objects, Ports, Queue, QueueError, StartError,
    Stopping, Store, StoreError, StoreErrorKind, Tracker, TrackerError, Version, Write,
};
use ork_engine::{Engine, StartRun, encode_verdict};
use tokio::sync::Semaphore;

/// Monday, 1 June 2026, midnight UTC.
pub const MONDAY: Time = Time(1_780_272_000_000);
/// Everything there is. Clones share it.
#[derive(Debug, Clone)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Model,
    objects: ModelObjects,
    now: AtomicI64,
    random: AtomicU64,
    store_down: AtomicBool,
    objects_down: AtomicBool,
    reads: AtomicU64,
    commits: AtomicU64,
    object_calls: AtomicU64,
    /// Commits take a place here when they are held up.
    gate: Mutex<Option<Arc<Semaphore>>>,
    /// Commits that stand before the gate or passed it.
    at_gate: AtomicU64,
    hints: Mutex<Vec<Hint>>,
    started: Mutex<Vec<TaskSpec>>,
    /// Jobs that are over, by their id.
    over: Mutex<BTreeMap<String, JobStatus>>,
    /// Ids of jobs that were asked about.
    asked: Mutex<Vec<String>>,
    /// Notices that were sent.
    letters: Mutex<Vec<Letter>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for World {
    fn default() -> Self {
        Self(Arc::new(Inner {
            store: Model::default(),
            objects: ModelObjects::default(),
            now: AtomicI64::new(MONDAY.0),
            random: AtomicU64::new(1),
            store_down: AtomicBool::new(false),
            objects_down: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            object_calls: AtomicU64::new(0),
            gate: Mutex::new(None),
            at_gate: AtomicU64::new(0),
            hints: Mutex::default(),
            started: Mutex::default(),
            over: Mutex::default(),
            asked: Mutex::default(),
            letters: Mutex::default(),
        }))
    }
}

impl World {
    /// A process over this world.
    pub fn engine(&self) -> Engine<Self> {
        Engine::new(self.clone(), None)
    }
    /// Lets time pass.
    pub fn pass(&self, span: Duration) {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let now = self.0.now.fetch_add(ms, SeqCst) + ms;
        self.0.objects.set_time(Time(now));
    }
    /// Takes the store down, or up again.
    pub fn store_down(&self, down: bool) {
        self.0.store_down.store(down, SeqCst);
    }
    /// Takes the objects down, or up again.
    pub fn objects_down(&self, down: bool) {
        self.0.objects_down.store(down, SeqCst);
    }
    /// Has commits wait until the gate that is given has a permit for each.
    pub fn hold_commits(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *lock(&self.0.gate) = Some(gate.clone());
        gate
    }
    /// Commits that came to the gate so far.
    pub fn at_gate(&self) -> u64 {
        self.0.at_gate.load(SeqCst)
    }
    /// Reads, queries and commits of the store, and calls to the objects, so far.
    pub fn calls(&self) -> (u64, u64, u64) {
        let of = |number: &AtomicU64| number.load(SeqCst);
        (
            of(&self.0.reads),
            of(&self.0.commits),
            of(&self.0.object_calls),
        )
    }
    /// Hints that were sent since the last call.
    pub fn hints(&self) -> Vec<Hint> {
        std::mem::take(&mut lock(&self.0.hints))
    }
    /// Attempts that were started since the last call.
    pub fn started(&self) -> Vec<TaskSpec> {
        std::mem::take(&mut lock(&self.0.started))
    }
    /// Deploys a workflow.
    pub async fn deploy(&self, yaml: &str) {
        let parsed = ork_core::parse::parse_workflow("test.yaml", yaml.as_bytes());
        let workflow = parsed.expect("the workflow is right").workflow;
        let (engine, pools) = (self.engine(), BTreeMap::new());
        let deployed = engine.deploy(&workflow, None, &pools).await;
        deployed.expect("deployed");
    }
    /// Starts a run; its hints are taken away.
    pub async fn start(&self, workflow: &str, run: &str) {
        let wish = StartRun {
            id: Some(RunId::new(run).expect("a run id")),
            ..StartRun::of(WorkflowName::new(workflow).expect("a workflow name"))
        };
        self.engine().start(wish).await.expect("started");
        self.hints();
    }
    /// Where a run stands.
    pub async fn status(&self, run: &str) -> RunStatus {
        let run = RunId::new(run).expect("a run id");
        let view = self.engine().run(&run).await.expect("the run is there");
        view.header.status
    }
    /// Does what the worker of an attempt does; gives the name of the verdict, of which nobody was told yet.
    pub async fn work(&self, spec: &TaskSpec, output: &str) -> String {
        let verdict = Verdict::Success {
            output: Output::Inline(output.into()),
        };
        self.end(spec, &verdict).await
    }
    /// The same with any verdict.
    pub async fn end_with(&self, spec: &TaskSpec, verdict: &Verdict) -> String {
        self.end(spec, verdict).await
    }
    /// Does what the worker of an attempt does that hands over to jobs, and has that heard.
    pub async fn hand_over(&self, spec: &TaskSpec, jobs: &[Value]) {
        let verdict = Verdict::Deferred {
            jobs: Output::Inline(Value::from(jobs.to_vec()).to_string().into()),
            count: u32::try_from(jobs.len()).unwrap_or(u32::MAX),
            every: None,
        };
        let name = self.end(spec, &verdict).await;
        let name = ObjectName::parse(&name).expect("the name of an object");
        let settled = self.engine();
        let settled = settled.settle(&spec.id.run, &[name], None).await;
        settled.expect("settled");
        self.hints();
    }
    /// A job is over from now on; all others are at work.
    pub fn job_is(&self, id: &str, status: JobStatus) {
        lock(&self.0.over).insert(id.into(), status);
    }
    /// Notices that were sent since the last call.
    pub fn letters(&self) -> Vec<Letter> {
        std::mem::take(&mut lock(&self.0.letters))
    }
    /// Jobs that were asked about since the last call.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0.asked))
    }
    async fn end(&self, spec: &TaskSpec, verdict: &Verdict) -> String {
        let name = |file| spec.object(file);
        let claim = name(AttemptFile::Claim);
        self.0.objects.create(&claim, b"{}").await.expect("claimed");
        let (result, bytes) = (name(AttemptFile::Result), encode_verdict(verdict));
        let created = self.0.objects.create(&result, &bytes).await;
        created.expect("this attempt has no other verdict");
        result.to_string()
    }
    /// Puts an object there as somebody else would; gives its generation.
    pub async fn put(&self, name: &str, bytes: &[u8]) -> u64 {
        let name = ObjectName::parse(name).expect("the name of an object");
        let put = self.0.objects.put(&name, bytes, None).await;
        put.expect("objects in memory take everything").0
    }
    /// A pool as it is stored.
    pub async fn pool(&self, name: &str) -> serde_json::Value {
        let key = Key::Pool(name.parse().expect("a pool's name"));
        let read = self.0.store.read(&[key]).await.expect("a store in memory");
        let document = read.into_iter().flatten().next().expect("there is one");
        serde_json::from_slice(&document.body).expect("it is JSON")
    }
    /// What lies at a name.
    pub async fn object(&self, name: &str) -> Option<Vec<u8>> {
        let name = ObjectName::parse(name).expect("the name of an object");
        let got = self.0.objects.get(&name, u64::MAX).await;
        got.expect("objects in memory").map(|object| object.bytes)
    }
    fn read(&self) -> Result<(), StoreError> {
        self.0.reads.fetch_add(1, SeqCst);
        self.up()
    }
    fn up(&self) -> Result<(), StoreError> {
        if self.0.store_down.load(SeqCst) {
            let kind = StoreErrorKind::Unavailable;
            return Err(StoreError::new(kind, "the store is down"));
        }
        Ok(())
    }
    fn reach(&self) -> Result<(), ObjectError> {
        self.0.object_calls.fetch_add(1, SeqCst);
        if self.0.objects_down.load(SeqCst) {
            return Err(ObjectError::Unavailable("the objects are down".into()));
        }
        Ok(())
    }
}

impl Ports for World {
    ork_engine::is_all_ports!();

    fn random(&self) -> u64 {
        self.0.random.fetch_add(1, SeqCst)
    }
}

impl Clock for World {
    fn now(&self) -> Time {
        Time(self.0.now.load(SeqCst))
    }
    async fn pause(&self, _span: Millis) {
        std::future::pending::<()>().await;
    }
}

impl Store for World {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        self.read()?;
        self.0.store.read(keys).await
    }
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        let gate = lock(&self.0.gate).clone();
        if let Some(gate) = gate {
            self.0.at_gate.fetch_add(1, SeqCst);
            match gate.acquire().await {
                Ok(permit) => permit.forget(),
                Err(_) => unreachable!("nobody closes the gate"),
            }
        }
        self.0.commits.fetch_add(1, SeqCst);
        self.up()?;
        self.0.store.commit(writes).await
    }
    async fn due_runs(&self, now: Time, limit: usize) -> Result<Vec<(RunId, Time)>, StoreError> {
        self.read()?;
        self.0.store.due_runs(now, limit).await
    }
    async fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
        self.read()?;
        self.0.store.due_workflows(now, limit).await
    }
    async fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        self.read()?;
        self.0.store.list(query, cursor, limit).await
    }
}

impl Objects for World {
    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        self.reach()?;
        self.0.objects.create(name, bytes).await
    }
    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        self.reach()?;
        self.0.objects.put(name, bytes, expected).await
    }
    async fn get(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        self.reach()?;
        self.0.objects.get(name, limit).await
    }
    async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        self.reach()?;
        self.0.objects.updated(name).await
    }
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        self.reach()?;
        self.0.objects.list(prefix, after, limit).await
    }
    async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        self.reach()?;
        self.0.objects.delete(name).await
    }
}

impl Queue for World {
    async fn hint(&self, hint: &Hint) -> Result<(), QueueError> {
        lock(&self.0.hints).push(hint.clone());
        Ok(())
    }
    async fn wake_at(&self, _: &RunId, _: Time) -> Result<(), QueueError> {
        Ok(())
    }
}

impl Executor for World {
    async fn start(&self, specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        let answers = specs.iter().map(|_| Ok(())).collect();
        lock(&self.0.started).extend(specs);
        answers
    }
    async fn stop(&self, _: &AttemptId) {}
}

impl Tracker for World {
    async fn poll(&self, job: &Value) -> Result<JobStatus, TrackerError> {
        let id = ["job_id", "execution_id"].map(|key| job[key].as_str());
        let id = id.into_iter().flatten().next().unwrap_or_default();
        lock(&self.0.asked).push(id.to_owned());
        let over = lock(&self.0.over).get(id).cloned();
        Ok(over.unwrap_or(JobStatus::Running))
    }
    async fn start(&self, work: &Work) -> Result<Begun, TrackerError> {
        let why = format!("nobody here starts the {}", work.name());
        Err(TrackerError::Permanent(why))
    }
    async fn cancel(&self, _: &Value) -> Result<Stopping, TrackerError> {
        Ok(Stopping::Over)
    }
}

impl Notifier for World {
    async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        lock(&self.0.letters).push(letter.clone());
        Ok(())
    }
}
