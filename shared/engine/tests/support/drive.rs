//! Driving runs: with every message delivered, or with none.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::definition::Workflow;
use ork_core::ids::{PoolName, RunId, TaskName, WorkflowName};
use ork_core::parse::parse_workflow;
use ork_core::run::{Event, InstanceStatus, RunStatus};
use ork_core::time::Time;
use ork_engine::conformance::block_on;
use ork_engine::ports::{Document, Function, Key, Store};
use ork_engine::{ClaimRequest, Engine, EngineError, RunView, StartRun, Stepped, Ticked};

use super::World;

pub(crate) type Process = Engine<World>;

/// What a dispatcher offers.
pub(crate) const OFFER: ClaimRequest = ClaimRequest {
    places: 1000,
    supervised: false,
};

/// As a dispatcher claims.
pub(crate) const CLAIM: Option<ClaimRequest> = Some(OFFER);

/// As a process claims whose executor is its own.
pub(crate) const OWN: Option<ClaimRequest> = Some(ClaimRequest {
    supervised: true,
    ..OFFER
});

pub(crate) fn workflow(yaml: &str) -> Workflow {
    match parse_workflow("test.yaml", yaml.replace("{x", "{command: work").as_bytes()) {
        Ok(parsed) => parsed.workflow,
        Err(found) => panic!("{}", ork_core::diagnostic::render(&found, yaml, false)),
    }
}

pub(crate) fn name(text: &str) -> WorkflowName {
    WorkflowName::new(text).unwrap()
}

pub(crate) fn run_id(text: &str) -> RunId {
    RunId::new(text).unwrap()
}

pub(crate) fn named(workflow: &str, id: &str) -> StartRun {
    StartRun {
        id: Some(run_id(id)),
        ..StartRun::of(name(workflow))
    }
}

pub(crate) fn pools(list: &[(&str, u32)]) -> BTreeMap<PoolName, u32> {
    list.iter()
        .map(|(pool, size)| (PoolName::new(pool).unwrap(), *size))
        .collect()
}

impl World {
    /// A world with one workflow.
    pub(crate) fn with(yaml: &str) -> Self {
        let world = Self::new();
        world.deploy(yaml);
        world
    }
    pub(crate) fn deploy(&self, yaml: &str) {
        self.run(
            self.engine()
                .deploy(&workflow(yaml), None, &BTreeMap::new()),
        )
        .unwrap();
    }
    pub(crate) fn document(&self, key: Key) -> Option<Document> {
        block_on(self.0.store.read(&[key])).unwrap().remove(0)
    }
    pub(crate) fn view(&self, run: &RunId) -> RunView {
        self.run(self.engine().run(run)).unwrap()
    }
    pub(crate) fn status(&self, run: &str) -> RunStatus {
        self.view(&run_id(run)).header.status
    }
    pub(crate) fn task(&self, run: &str, task: &str) -> InstanceStatus {
        let view = self.view(&run_id(run));
        view.state
            .task(view.graph.workflow.task_index(task).unwrap())
            .status()
    }
    /// Why an instance last failed.
    pub(crate) fn failure(&self, run: &str, task: &str) -> String {
        let view = self.view(&run_id(run));
        let at = view.graph.workflow.task_index(task).unwrap();
        view.state
            .instances(at)
            .iter()
            .find_map(|instance| instance.failure.as_ref())
            .map(|failure| format!("{}: {}", failure.category, failure.message))
            .unwrap_or_default()
    }
    pub(crate) fn output(&self, run: &str, task: &str) -> String {
        let view = self.view(&run_id(run));
        let at = view.graph.workflow.task_index(task).unwrap();
        self.run(self.engine().task_output(&view, at))
            .unwrap()
            .to_string()
    }
    /// Names of the tasks whose attempts were started, in order.
    pub(crate) fn order(&self) -> Vec<TaskName> {
        self.0
            .started
            .lock()
            .unwrap()
            .iter()
            .map(|spec| spec.task_name.clone())
            .collect()
    }

    pub(crate) fn keep(&self, stepped: &Stepped) {
        for commit in &stepped.commits {
            let notes = commit.notes.iter().map(|note| note.render(&commit.graph));
            self.0.notes.lock().unwrap().extend(notes);
        }
    }
    /// Delivers hints and ends of attempts until there are none.
    pub(crate) fn drive(&self, engine: &Process) {
        for _ in 0..10_000 {
            if !self.deliver(engine) {
                return;
            }
        }
        panic!("it never comes to rest");
    }
    /// The runs that hints name, with what the function that each is for does; nobody else gets these.
    fn hinted(&self) -> BTreeMap<RunId, Vec<Event>> {
        let mut hints = self.0.hints.lock().unwrap();
        let mut runs: BTreeMap<RunId, Vec<Event>> = BTreeMap::new();
        for hint in hints.drain(..) {
            let events = runs.entry(hint.run).or_default();
            if hint.to == Function::Poll {
                *events = vec![Event::Tick];
            }
        }
        runs
    }
    /// One round of deliveries; says whether there was anything.
    pub(crate) fn deliver(&self, engine: &Process) -> bool {
        let mut arrived = self.hinted();
        for (run, event) in self.work() {
            arrived.entry(run).or_default().push(event);
        }
        let any = !arrived.is_empty();
        for (run, events) in arrived {
            let stepped = self
                .run(engine.step(&run, events, CLAIM))
                .unwrap_or_else(|error| panic!("{run}: {error}"));
            self.keep(&stepped);
        }
        any
    }
    /// Steps every run that is due, all messages being lost; gives what went wrong.
    pub(crate) fn wake(&self, engine: &Process) -> Vec<(RunId, EngineError)> {
        self.0.hints.lock().unwrap().clear();
        self.work();
        let due = block_on(self.0.store.due_runs(self.time(), 1000)).unwrap();
        let mut failed = Vec::new();
        for (run, _) in due {
            match self.run(engine.step(&run, vec![Event::Tick], CLAIM)) {
                Ok(stepped) => self.keep(&stepped),
                Err(error) => failed.push((run, error)),
            }
            self.0.hints.lock().unwrap().clear();
        }
        failed
    }
    /// Looks at run `r` when it is due next, with messages delivered.
    pub(crate) fn look(&self, engine: &Process) {
        let at = self.next_due().expect("it is not over");
        self.set_time(at.max(self.time()));
        self.run(engine.step(&run_id("r"), vec![Event::Tick], CLAIM))
            .unwrap();
        self.drive(engine);
    }
    /// A process that started a run `r` of workflow `w`, with messages delivered.
    pub(crate) fn begin(&self) -> Process {
        let engine = self.engine();
        self.run(engine.start(named("w", "r"))).unwrap();
        self.drive(&engine);
        engine
    }
    /// The next instant at which some run is due.
    pub(crate) fn next_due(&self) -> Option<Time> {
        block_on(self.0.store.due_runs(Time(i64::MAX), 1))
            .unwrap()
            .first()
            .map(|(_, at)| *at)
    }
    /// Lets time pass with every message lost until no run is left that would ever be due; within a day.
    pub(crate) fn finish_by_wakes(&self, engine: &Process) {
        let until = self.time() + ork_core::time::Millis::from_secs(86_400);
        while let Some(at) = self.next_due() {
            assert!(
                at <= until,
                "not finished within a day: {:#?}",
                self.all_runs()
                    .iter()
                    .map(|(_, run)| (run.header.id.clone(), run.header.status, run.counts()))
                    .collect::<Vec<_>>()
            );
            self.set_time(at.max(self.time()));
            let failed = self.wake(engine);
            assert!(failed.is_empty(), "{failed:?}");
            // The tick comes every so often, not in a busy loop: what is due may not stay due.
            if self.next_due().is_some_and(|next| next <= self.time()) {
                self.set_time(Time(self.time().0 + 1));
                let before = self.next_due();
                self.wake(engine);
                assert_ne!(before, self.next_due(), "a run stays due");
            }
        }
    }
    /// Attempts whose code ran, each once.
    pub(crate) fn assert_ran_once(&self) {
        let ran = self.0.ran.lock().unwrap();
        let distinct: BTreeSet<_> = ran
            .iter()
            .map(|id| (id.run.clone(), id.task, id.index, id.attempt))
            .collect();
        assert_eq!(distinct.len(), ran.len(), "an attempt ran twice: {ran:?}");
    }
}

impl World {
    /// The store as a process sees it.
    pub(crate) fn store_port(&self) -> &impl Store {
        self
    }
    /// Replaces the body of a document behind everybody's back; its index stays.
    pub(crate) fn overwrite(&self, key: &Key, body: &[u8]) {
        let document = self.document(key.clone()).expect("it is stored");
        let precondition = ork_engine::ports::Precondition::At(document.version);
        let put = ork_engine::ports::Write::Put {
            key: key.clone(),
            precondition,
            body: body.to_vec(),
            index: document.index,
        };
        block_on(self.0.store.commit(&[put])).unwrap();
    }
}

impl World {
    /// Starts a run and delivers everything, the process dying at its `n`-th point; says whether it died.
    pub(crate) fn start_and_die(&self, wish: &StartRun, n: u64) -> bool {
        let engine = self.engine();
        let end = self.points() + n;
        if self.crashing(n, engine.start(wish.clone())).is_none() {
            return true;
        }
        for _ in 0..1000 {
            let mut arrived: Vec<(RunId, Vec<Event>)> = self.hinted().into_iter().collect();
            arrived.extend(
                self.work()
                    .into_iter()
                    .map(|(run, event)| (run, vec![event])),
            );
            if arrived.is_empty() {
                let Some(at) = self.next_due() else {
                    return false;
                };
                self.set_time(at.max(self.time()));
                let due = block_on(self.0.store.due_runs(self.time(), 1000)).unwrap();
                arrived.extend(due.into_iter().map(|(run, _)| (run, vec![Event::Tick])));
            }
            for (run, events) in arrived {
                match self.crashing(
                    end.saturating_sub(self.points()).max(1),
                    engine.step(&run, events, CLAIM),
                ) {
                    Some(stepped) => self.keep(&stepped.unwrap()),
                    None => return true,
                }
            }
        }
        panic!("it never comes to rest");
    }
    /// Where every run and task stands, for comparing worlds.
    pub(crate) fn outcome(&self) -> Vec<String> {
        let runs = self.all_runs();
        let one = |(graph, run): &(ork_core::run::Graph, ork_core::run::RunState)| {
            let tasks: Vec<String> = graph
                .workflow
                .tasks
                .iter()
                .zip(run.tasks())
                .map(|(task, state)| format!("{}={}", task.name, state.status()))
                .collect();
            format!(
                "{} {} {}",
                run.header.id,
                run.header.status,
                tasks.join(" ")
            )
        };
        let mut outcome: Vec<String> = runs.iter().map(one).collect();
        outcome.sort();
        outcome
    }
}

impl World {
    /// One tick, all messages being lost; what was started before has done its work by then.
    pub(crate) fn tick(&self, engine: &Process, limit: usize) -> Ticked {
        self.0.hints.lock().unwrap().clear();
        self.work();
        let ticked = self.run(engine.tick(limit, OFFER)).unwrap();
        for (_, result) in &ticked.runs {
            if let Ok(stepped) = result {
                self.keep(stepped);
            }
        }
        self.0.hints.lock().unwrap().clear();
        ticked
    }
    /// Ticks, each when the next run is due, at most so many times.
    pub(crate) fn ticks(&self, engine: &Process, times: usize) -> Vec<Ticked> {
        let mut all = Vec::new();
        while all.len() < times
            && let Some(at) = self.next_due()
        {
            self.set_time(at.max(self.time()));
            all.push(self.tick(engine, 1000));
        }
        all
    }
    /// The instant at which a document is due.
    pub(crate) fn wake_of(&self, key: Key) -> Option<Time> {
        self.document(key).expect("it is stored").index.wake_at
    }
}
