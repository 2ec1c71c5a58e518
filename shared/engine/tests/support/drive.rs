//! Driving runs: with every message delivered, or with none.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::definition::Workflow;
use ork_core::ids::{PoolName, RunId, TaskName, WorkflowName};
use ork_core::limits;
use ork_core::parse::parse_workflow;
use ork_core::run::{Event, InstanceStatus, RunStatus};
use ork_core::time::Time;
use ork_engine::conformance::block_on;
use ork_engine::ports::{Document, Key, Store};
use ork_engine::{ClaimRequest, Engine, EngineError, RunView, StartRun, Stepped};

use super::World;

pub type Process = Engine<World>;

/// As a dispatcher claims.
pub const CLAIM: Option<ClaimRequest> = Some(ClaimRequest { places: 1000, supervised: false });

pub fn workflow(yaml: &str) -> Workflow {
    match parse_workflow("test.yaml", yaml.replace("{x", "{command: work").as_bytes()) {
        Ok(parsed) => parsed.workflow,
        Err(found) => panic!("{}", ork_core::diagnostic::render(&found, yaml, false)),
    }
}

pub fn name(text: &str) -> WorkflowName {
    WorkflowName::new(text).unwrap()
}

pub fn run_id(text: &str) -> RunId {
    RunId::new(text).unwrap()
}

pub fn named(workflow: &str, id: &str) -> StartRun {
    StartRun { id: Some(run_id(id)), ..StartRun::of(name(workflow)) }
}

pub fn pools(list: &[(&str, u32)]) -> BTreeMap<PoolName, u32> {
    list.iter().map(|(pool, size)| (PoolName::new(pool).unwrap(), *size)).collect()
}

impl World {
    /// A world with one workflow.
    pub fn with(yaml: &str) -> Self {
        let world = Self::new();
        world.deploy(yaml);
        world
    }
    pub fn deploy(&self, yaml: &str) {
        self.run(self.engine().deploy(&workflow(yaml), None, &BTreeMap::new())).unwrap();
    }
    pub fn document(&self, key: Key) -> Option<Document> {
        block_on(self.0.store.read(&[key])).unwrap().remove(0)
    }
    pub fn view(&self, run: &RunId) -> RunView {
        self.run(self.engine().run(run)).unwrap()
    }
    pub fn status(&self, run: &str) -> RunStatus {
        self.view(&run_id(run)).header.status
    }
    pub fn task(&self, run: &str, task: &str) -> InstanceStatus {
        let view = self.view(&run_id(run));
        view.state.task(view.graph.workflow.task_index(task).unwrap()).status()
    }
    /// Why an instance last failed.
    pub fn failure(&self, run: &str, task: &str) -> String {
        let view = self.view(&run_id(run));
        let at = view.graph.workflow.task_index(task).unwrap();
        view.state.instances(at).iter().find_map(|instance| instance.failure.as_ref()).map(|failure| format!("{}: {}", failure.category, failure.message)).unwrap_or_default()
    }
    pub fn output(&self, run: &str, task: &str) -> String {
        let view = self.view(&run_id(run));
        let at = view.graph.workflow.task_index(task).unwrap();
        self.run(self.engine().task_output(&view, at)).unwrap().to_string()
    }
    /// Names of the tasks whose attempts were started, in order.
    pub fn order(&self) -> Vec<TaskName> {
        self.0.started.lock().unwrap().iter().map(|spec| spec.task_name.clone()).collect()
    }

    pub fn keep(&self, stepped: &Stepped) {
        for commit in &stepped.commits {
            let notes = commit.notes.iter().map(|note| note.render(&commit.graph));
            self.0.notes.lock().unwrap().extend(notes);
        }
    }
    /// Delivers hints and ends of attempts until there are none.
    pub fn drive(&self, engine: &Process) {
        for _ in 0..10_000 {
            if !self.deliver(engine) {
                return;
            }
        }
        panic!("it never comes to rest");
    }
    /// One round of deliveries; says whether there was anything.
    pub fn deliver(&self, engine: &Process) -> bool {
        let hints: BTreeSet<RunId> = self.0.hints.lock().unwrap().drain(..).map(|hint| hint.run).collect();
        let mut arrived: BTreeMap<RunId, Vec<Event>> = hints.into_iter().map(|run| (run, Vec::new())).collect();
        for (run, event) in self.work() {
            arrived.entry(run).or_default().push(event);
        }
        let any = !arrived.is_empty();
        for (run, events) in arrived {
            let stepped = self.run(engine.step(&run, events, CLAIM)).unwrap_or_else(|error| panic!("{run}: {error}"));
            self.keep(&stepped);
        }
        any
    }
    /// Steps every run that is due, all messages being lost; gives what went wrong.
    pub fn wake(&self, engine: &Process) -> Vec<(RunId, EngineError)> {
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
    /// The next instant at which some run is due.
    pub fn next_due(&self) -> Option<Time> {
        block_on(self.0.store.due_runs(Time(i64::MAX), 1)).unwrap().first().map(|(_, at)| *at)
    }
    /// Lets time pass with every message lost until no run is left that would ever be due; within a day.
    pub fn finish_by_wakes(&self, engine: &Process) {
        let until = self.time() + ork_core::time::Millis::from_secs(86_400);
        while let Some(at) = self.next_due() {
            assert!(at <= until, "not finished within a day: {:#?}", self.all_runs().iter().map(|(_, run)| (run.header.id.clone(), run.header.status, run.counts())).collect::<Vec<_>>());
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
    pub fn assert_ran_once(&self) {
        let ran = self.0.ran.lock().unwrap();
        let distinct: BTreeSet<_> = ran.iter().map(|id| (id.run.clone(), id.task, id.index, id.attempt)).collect();
        assert_eq!(distinct.len(), ran.len(), "an attempt ran twice: {ran:?}");
    }
}
