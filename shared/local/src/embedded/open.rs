//! Opening a state folder as an engine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ork_core::definition::{TaskIndex, Workflow};
use ork_core::ids::{PoolName, RunId, VersionHash, WorkflowName};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::{Command, Event, Graph, Header, RunStatus};
use ork_engine::ports::{Ports, StoreError};
use ork_engine::{
    Act, Deployment, Engine, EngineError, EngineErrorKind, RunView, StartRun, Started,
    WorkflowDocument,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::jobs::{JobTracker, Jobs};
use super::letters::{LetterBox, Letters};
use super::measure::Measure;
use super::world::World;
use crate::exec::{ExecConfig, ExecEvent, LocalExecutor, RunDir};
use crate::objects::Folder;
use crate::state_dir::{EngineLock, Options, StateDir, StateDirError};
use crate::store::{Options as StoreOptions, Sqlite, Stats, Sync};

/// What an embedded engine is made of. Nothing below it reads the environment of this process.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// The state folder.
    pub state: PathBuf,
    /// Against what commits are safe.
    pub sync: Sync,
    /// Whether to make the folder when there is none.
    pub create: bool,
    /// Whether this process is to run attempts: then it announces itself and owns the runs it starts.
    pub execute: bool,
    /// Attempts at once; by the number of cores when absent.
    pub parallel: Option<usize>,
    /// The interpreter somebody asked for (`ORK_PYTHON`).
    pub python: Option<PathBuf>,
    /// The interpreter of the virtual environment that `ork` was started from: it goes before those on `PATH`.
    pub own_python: Option<PathBuf>,
    /// The environment that tasks start from.
    pub env: Vec<(OsString, OsString)>,
    /// The `ork` executable, run again for libraries and to clean up after a killed engine.
    pub ork_exe: Option<PathBuf>,
    /// The value of a secret by its name.
    pub secret_lookup: fn(&str) -> Option<String>,
    /// Commands of custom executors, by name.
    pub custom: BTreeMap<String, Vec<String>>,
    /// Bytes the store may take; as much as there is room for when absent.
    pub store_bytes: Option<u64>,
    /// Who is asked about deferred jobs; nobody when absent.
    pub jobs: Option<Arc<dyn Jobs>>,
    /// Who sends the notices of runs; nobody when absent.
    pub letters: Option<Arc<dyn Letters>>,
    /// Who measures what runs do; nobody when absent.
    pub measure: Option<Arc<dyn Measure>>,
}

impl EmbeddedConfig {
    /// An engine that executes over `state`, made when missing, with defaults for the rest.
    pub fn new(state: PathBuf) -> Self {
        Self {
            state,
            sync: Sync::Normal,
            create: true,
            execute: true,
            parallel: None,
            python: None,
            own_python: None,
            env: Vec::new(),
            ork_exe: None,
            secret_lookup: |_| None,
            custom: BTreeMap::new(),
            store_bytes: None,
            jobs: None,
            letters: None,
            measure: None,
        }
    }
}

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder itself.
    #[error(transparent)]
    Folder(#[from] StateDirError),
    /// The store in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The objects in it.
    #[error(transparent)]
    Objects(#[from] ork_engine::ports::ObjectError),
    /// This process has no descriptors or threads left.
    #[error("cannot prepare to run tasks: {0}")]
    Executor(#[from] std::io::Error),
}

/// An engine over a state folder.
pub struct Embedded {
    pub(super) engine: Arc<Engine<World>>,
    pub(super) state: StateDir,
    pub(super) events: UnboundedReceiver<ExecEvent>,
    pub(super) parallel: usize,
    /// Held for as long as this engine lives.
    _lock: Option<EngineLock>,
}

impl Embedded {
    /// Opens the folder; makes it first if that is asked for.
    pub fn open(config: EmbeddedConfig) -> Result<Self, OpenError> {
        let state = StateDir::open(
            &config.state,
            Options {
                sync: config.sync,
                create: config.create,
            },
        )?;
        let store = Sqlite::open(
            &state.database(),
            &StoreOptions {
                sync: config.sync,
                max_bytes: config.store_bytes,
                ..StoreOptions::default()
            },
        )?;
        let objects = Folder::open(&state.objects(), config.sync)?;
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        // Most tasks wait for something most of the time; more places than cores cost little.
        let parallel = config.parallel.unwrap_or_else(|| (4 * cores).max(8)).max(1);
        let mut exec = ExecConfig::new(parallel, state.objects(), state.root().to_owned());
        exec.exe = config.ork_exe;
        exec.python = config.python;
        exec.own_python = config.own_python;
        exec.env_passthrough = config.env;
        exec.secret_lookup = config.secret_lookup;
        exec.custom = config.custom;
        let (sender, events) = unbounded_channel();
        let world = World::new(
            store,
            objects,
            LocalExecutor::new(exec, sender)?,
            JobTracker::new(config.jobs),
            LetterBox::new(config.letters, config.execute),
            config.measure,
        );
        let lock = if config.execute {
            Some(EngineLock::acquire(&state, world.random())?)
        } else {
            None
        };
        let owner = lock.as_ref().map(|lock| lock.id.clone());
        Ok(Self {
            engine: Arc::new(Engine::new(world, owner)),
            state,
            events,
            parallel,
            _lock: lock,
        })
    }

    /// The use cases, for what has no shorthand here.
    pub(super) fn world(&self) -> &World {
        self.engine.ports()
    }

    /// Stores `workflow`, read from `file`, as the current version.
    pub async fn deploy(
        &self,
        workflow: &Workflow,
        file: &Path,
        pools: &BTreeMap<PoolName, u32>,
    ) -> Result<Deployment, EngineError> {
        self.deploy_for(workflow, file, pools, None).await
    }

    /// As [`Embedded::deploy`], for somebody, whom the audit then names.
    pub async fn deploy_by(
        &self,
        act: Act,
        workflow: &Workflow,
        file: &Path,
        pools: &BTreeMap<PoolName, u32>,
    ) -> Result<Deployment, EngineError> {
        self.deploy_for(workflow, file, pools, Some(act)).await
    }

    async fn deploy_for(
        &self,
        workflow: &Workflow,
        file: &Path,
        pools: &BTreeMap<PoolName, u32>,
        act: Option<Act>,
    ) -> Result<Deployment, EngineError> {
        let file = std::path::absolute(file).map_err(|error| {
            EngineError::new(
                EngineErrorKind::Refused,
                format!("{}: {error}", file.display()),
            )
        })?;
        let source = file.to_str().ok_or_else(|| {
            EngineError::new(
                EngineErrorKind::Refused,
                format!("{}: the path is not UTF-8", file.display()),
            )
        })?;
        let source = Some(source.to_owned());
        let deployment = match act {
            Some(act) => self.engine.by(act).deploy(workflow, source, pools).await,
            None => self.engine.deploy(workflow, source, pools).await,
        }?;
        self.world()
            .executor
            .set_dir(workflow.name.clone(), run_dir(&file));
        Ok(deployment)
    }

    /// Starts a run. It goes on when somebody drives it.
    pub async fn start(&self, wish: StartRun) -> Result<Started, EngineError> {
        self.engine.start(wish).await
    }

    /// Does something to a run, whoever executes it.
    pub async fn command(&self, run: &RunId, command: Command) -> Result<RunView, EngineError> {
        self.engine
            .step(run, vec![Event::Command(command)], None)
            .await?;
        self.engine.run(run).await
    }

    /// Reads a run.
    pub async fn run(&self, run: &RunId) -> Result<RunView, EngineError> {
        self.engine.run(run).await
    }

    /// Lists runs, newest first.
    pub async fn runs(
        &self,
        status: Option<RunStatus>,
        workflow: Option<&WorkflowName>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Header>, Option<String>), EngineError> {
        self.engine.runs(status, workflow, cursor, limit).await
    }

    /// Every workflow, by name.
    pub async fn workflows(&self) -> Result<Vec<WorkflowDocument>, EngineError> {
        self.engine.workflows().await
    }

    /// The definition of one version.
    pub async fn definition(
        &self,
        name: &WorkflowName,
        version: &VersionHash,
    ) -> Result<Arc<Graph>, EngineError> {
        self.engine.definition(name, version).await
    }

    /// All stored versions of a workflow, in no particular order.
    pub async fn versions(&self, name: &WorkflowName) -> Result<Vec<VersionHash>, EngineError> {
        self.engine.versions(name).await
    }

    /// Lets a workflow's schedules fire or not.
    pub async fn enable(&self, name: &WorkflowName, enabled: bool) -> Result<(), EngineError> {
        self.engine.enable(name, enabled).await
    }

    /// Removes a workflow; its runs stay.
    pub async fn delete_workflow(&self, name: &WorkflowName) -> Result<(), EngineError> {
        self.engine.delete_workflow(name).await
    }

    /// A task's output as JSON text: null, the value, or the list of a fan-out.
    pub async fn output_of(
        &self,
        view: &RunView,
        task: TaskIndex,
    ) -> Result<Arc<str>, EngineError> {
        self.engine.task_output(view, task).await
    }

    /// Where the log of an attempt is, if it printed anything.
    pub fn log_path(&self, view: &RunView, task: TaskIndex, index: u32, attempt: u32) -> PathBuf {
        let definition = view.graph.task(task);
        let name = ObjectName::Attempt {
            run: view.header.id.clone(),
            task: definition.name.clone(),
            index: definition.fans_out().then_some(index),
            attempt,
            file: AttemptFile::Log,
        };
        self.world().objects.path_of(&name)
    }

    /// Where a task's output lies for people to look at, once it ended and gave one.
    pub fn output_path(&self, view: &RunView, task: TaskIndex) -> PathBuf {
        let definition = view.graph.task(task);
        let (run, name) = (view.header.id.clone(), definition.name.clone());
        let script = matches!(
            definition.executor,
            ork_core::definition::Executor::Script { .. }
        );
        self.world().objects.path_of(&if script {
            ObjectName::TaskText(run, name)
        } else {
            ObjectName::TaskOutput(run, name)
        })
    }

    /// The use cases, for whoever offers them to others while this engine is at work.
    pub fn engine(&self) -> Arc<Engine<impl Ports + use<>>> {
        Arc::clone(&self.engine)
    }

    /// Where objects lie, for whoever reads them while this engine is at work.
    pub fn files(&self) -> Files {
        Files(Arc::clone(&self.engine))
    }

    /// What the store has done so far.
    pub fn store_stats(&self) -> Stats {
        self.world().store.stats()
    }
}

/// Where the objects of a state folder lie.
#[derive(Clone)]
pub struct Files(Arc<Engine<World>>);

impl Files {
    /// Where an object is or would be.
    pub fn path_of(&self, name: &ObjectName) -> PathBuf {
        self.0.ports().objects.path_of(name)
    }

    /// At most `most` bytes of an object from `from` on, and the size of all of it; `None` when there is no such object (yet).
    pub fn part(&self, name: &ObjectName, from: u64, most: u64) -> io::Result<Option<Part>> {
        let mut file = match File::open(self.path_of(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(Some(Part { bytes, size }))
    }
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What was asked for, as far as it is there.
    pub bytes: Vec<u8>,
    /// Bytes of the whole object as it is now.
    pub size: u64,
}

/// The folder of a workflow file.
pub(super) fn run_dir(file: &Path) -> RunDir {
    RunDir {
        workflow_dir: file.parent().map_or_else(PathBuf::new, Path::to_owned),
        workflow_file: Some(file.to_owned()),
    }
}
