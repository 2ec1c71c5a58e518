//! Runs in memory: read once, kept between commits, thrown away when a commit fails.
//!
//! Keeping them is safe because every commit is conditional on the versions that were read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use ork_core::definition::{TaskIndex, Workflow};
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::protect::{Protection, Protections};
use ork_core::run::{Event, Graph, Header, RunState};
use ork_core::time::Time;

use crate::error::EngineError;
use crate::ports::{Document, Key, ObjectError, Objects, Ports, Precondition, Store, Version};
use crate::values::Prepared;

/// A run with what is needed to change it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) graph: Arc<Graph>,
    pub(crate) state: RunState,
    /// `None`: not stored yet.
    pub(crate) version: Option<Version>,
    pub(crate) pages: BTreeMap<u32, Version>,
    /// When the store finds it due.
    pub(crate) wake_at: Option<Time>,
    /// The wake that this process asked for last.
    pub(crate) woken: Option<Time>,
    /// Values that the instances of a task share, by task and generation.
    pub(crate) prepared: BTreeMap<TaskIndex, (u32, Arc<Prepared>)>,
    /// Tasks, with their generations, whose outputs this process has seen in their place.
    pub(crate) published: BTreeSet<(TaskIndex, u32)>,
    /// What was heard of jobs that are to be stopped and is not worth a commit of its own. To lose it costs nobody anything.
    pub(crate) told: Vec<Event>,
}

impl Loaded {
    /// What was heard of jobs that a tick at `now` asks to be stopped again: it is committed with that.
    pub(crate) fn told_before(&mut self, now: Time) -> Vec<Event> {
        if self.told.is_empty() {
            return Vec::new();
        }
        let due: BTreeSet<_> = self
            .state
            .cancellations()
            .filter(|(.., one)| one.ask_at <= now)
            .map(|(task, index, one)| (task, index, one.attempt))
            .collect();
        let is_due = |event: &Event| match event {
            Event::JobsStopped { attempt: at, .. } => {
                due.contains(&(at.task, at.index, at.attempt))
            }
            _ => false,
        };
        let (now, later) = self.told.drain(..).partition(is_due);
        self.told = later;
        now
    }

    /// What must hold when the header is written.
    pub(crate) fn precondition(&self) -> Precondition {
        self.version.map_or(Precondition::Absent, Precondition::At)
    }
    /// What must hold when a page is written.
    pub(crate) fn page_precondition(&self, page: u32) -> Precondition {
        self.pages
            .get(&page)
            .map_or(Precondition::Absent, |&version| Precondition::At(version))
    }
}

/// What this process has read.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    runs: Mutex<BTreeMap<RunId, Loaded>>,
    graphs: Mutex<BTreeMap<VersionHash, Arc<Graph>>>,
    /// What guards its runs.
    pub(crate) protections: Protections,
}

/// Runs kept at most; the least id goes first, any choice is right.
const RUNS_KEPT: usize = 256;
/// Events of a run that are told later, at most.
const TOLD_KEPT: usize = 256;

impl Memory {
    /// Takes a run out; whoever takes it puts it back after a commit.
    pub(crate) fn take(&self, run: &RunId) -> Option<Loaded> {
        self.runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(run)
    }
    /// Keeps a run as it was just committed or read.
    pub(crate) fn put(&self, run: RunId, loaded: Loaded) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() >= RUNS_KEPT && !runs.contains_key(&run) {
            // What is not stored yet is nowhere else.
            let stored = runs.iter().find(|(_, kept)| kept.version.is_some());
            if let Some(victim) = stored.map(|(run, _)| run.clone()) {
                runs.remove(&victim);
            }
        }
        runs.insert(run, loaded);
    }
    /// Keeps a run that was read anew, unless somebody has put there another than the one it was found behind of.
    pub(crate) fn renew(&self, run: &RunId, behind: Option<Version>, loaded: Loaded) {
        let same = self.peek(run, |known| known.version == behind);
        if same != Some(false) {
            self.put(run.clone(), loaded);
        }
    }
    /// Gives back a run that was only looked at. Somebody may have committed since: what is there by now is newer.
    pub(crate) fn put_back(&self, run: &RunId, loaded: Loaded) {
        let known = self
            .runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(run);
        if !known {
            self.put(run.clone(), loaded);
        }
    }
    /// Keeps what was heard of jobs of a run that are to be stopped until the run is next changed for them, if it is in memory.
    pub(crate) fn tell_later(&self, run: &RunId, event: Event) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = runs.get_mut(run)
            && loaded.told.len() < TOLD_KEPT
        {
            loaded.told.push(event);
        }
    }
    /// Looks at a run that is in memory.
    pub(crate) fn peek<T>(&self, run: &RunId, look: impl FnOnce(&Loaded) -> T) -> Option<T> {
        self.runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(run)
            .map(look)
    }
    pub(crate) fn keep_graph(&self, version: VersionHash, workflow: Workflow) -> Arc<Graph> {
        let graph = Arc::new(Graph::new(workflow).protected_by(self.protections));
        self.graphs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(version, graph.clone());
        graph
    }
    #[cfg(feature = "switches")]
    pub(crate) fn know<'a>(&self, graphs: impl Iterator<Item = (&'a VersionHash, &'a Arc<Graph>)>) {
        let mut known = self.graphs.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(graphs.map(|(version, graph)| (version.clone(), graph.clone())));
    }
    fn graph(&self, version: &VersionHash) -> Option<Arc<Graph>> {
        self.graphs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(version)
            .cloned()
    }
}

/// The definition of one version.
pub(crate) async fn graph<P: Ports>(
    ports: &P,
    memory: &Memory,
    workflow: &WorkflowName,
    version: &VersionHash,
) -> Result<Arc<Graph>, EngineError> {
    if let Some(graph) = memory.graph(version) {
        return Ok(graph);
    }
    let key = Key::WorkflowVersion(workflow.clone(), version.clone());
    let found = ports
        .store()
        .read(std::slice::from_ref(&key))
        .await?
        .pop()
        .flatten();
    let document = found.ok_or_else(|| {
        EngineError::not_found(format!(
            "version {} of workflow {workflow} is not stored",
            version.short()
        ))
    })?;
    let body = match serde_json::from_slice(&document.body) {
        Ok(Elsewhere { elsewhere: true }) => {
            let name = ObjectName::Definition(workflow.clone(), version.clone());
            let object = ports
                .objects()
                .get(&name, limits::DEFINITION_OBJECT_BYTES)
                .await?;
            object
                .ok_or_else(|| {
                    EngineError::corrupt(format!("{name}, the definition itself, is missing"))
                })?
                .bytes
        }
        _ => document.body,
    };
    let definition =
        Workflow::decode(&body).map_err(|error| EngineError::corrupt(format!("{key}: {error}")))?;
    Ok(memory.keep_graph(version.clone(), definition))
}

/// What stands in the document of a version whose definition is an object.
#[derive(serde::Serialize, serde::Deserialize)]
struct Elsewhere {
    elsewhere: bool,
}

/// The body of a version's document: the definition, or where it is. The object is there before the document that names it, and
/// both are named by its content, so that doing this twice is harmless.
pub(crate) async fn keep_definition<P: Ports>(
    ports: &P,
    workflow: &WorkflowName,
    version: &VersionHash,
    body: &[u8],
) -> Result<Vec<u8>, EngineError> {
    if body.len() <= limits::DEFINITION_BYTES {
        return Ok(body.to_vec());
    }
    match ports
        .objects()
        .create(
            &ObjectName::Definition(workflow.clone(), version.clone()),
            body,
        )
        .await
    {
        Ok(_) | Err(ObjectError::Precondition(_)) => {
            Ok(crate::documents::encode(&Elsewhere { elsewhere: true }))
        }
        Err(error) => Err(error.into()),
    }
}

/// The document of a run as it is stored now.
pub(crate) async fn stored<P: Ports>(
    ports: &P,
    run: &RunId,
) -> Result<Option<Document>, EngineError> {
    let found = ports.store().read(&[Key::Run(run.clone())]).await?;
    Ok(found.into_iter().next().flatten())
}

/// How often a run is read that others commit meanwhile, which a fan-out's verdicts do several times a second.
const READS: usize = 16;

/// Reads a run with all its pages. `seen` is its document, when that has just been read.
pub(crate) async fn load<P: Ports>(
    ports: &P,
    memory: &Memory,
    run: &RunId,
    mut seen: Option<Document>,
) -> Result<Option<Loaded>, EngineError> {
    // Pages are read after the header, so a commit between the two shows as a mismatch: read again.
    let mut last = None;
    for _ in 0..READS {
        let document = match seen.take() {
            Some(document) => document,
            None => match stored(ports, run).await? {
                Some(document) => document,
                None => return Ok(None),
            },
        };
        let damaged = |error| EngineError::corrupt(format!("run {run} cannot be read: {error}"));
        let header: Header = RunState::decode_header(&document.body).map_err(damaged)?;
        let graph = graph(ports, memory, &header.workflow, &header.version).await?;
        let numbers = RunState::pages_of(&document.body).map_err(damaged)?;
        let keys: Vec<Key> = numbers
            .clone()
            .map(|page| Key::Page(run.clone(), page))
            .collect();
        let mut pages = BTreeMap::new();
        let mut bodies = Vec::with_capacity(keys.len());
        if !keys.is_empty() {
            for (page, found) in numbers.zip(ports.store().read(&keys).await?) {
                let Some(found) = found else { break };
                pages.insert(page, found.version);
                bodies.push(found.body);
            }
        }
        if !keys.is_empty() && memory.protections.hold(Protection::PagesMatch) {
            let again = stored(ports, run).await?;
            if again.as_ref().map(|again| again.version) != Some(document.version) {
                seen = again;
                continue;
            }
        }
        match RunState::decode_under(&graph, header, &document.body, &bodies) {
            Ok(state) => {
                return Ok(Some(Loaded {
                    graph,
                    state,
                    version: Some(document.version),
                    pages,
                    wake_at: document.index.wake_at,
                    woken: None,
                    prepared: BTreeMap::new(),
                    published: BTreeSet::new(),
                    told: Vec::new(),
                }));
            }
            // What was read is what is stored, so it will not get better.
            Err(error) if memory.protections.hold(Protection::PagesMatch) => {
                return Err(damaged(error));
            }
            Err(error) => last = Some(damaged(error)),
        }
    }
    Err(last.unwrap_or_else(|| {
        EngineError::new(
            crate::error::EngineErrorKind::Unavailable,
            format!("run {run} changes faster than it can be read"),
        )
    }))
}
