//! Where workflows and runs are, and what commands ask of it: written once for a state folder and for a project.

/// Asks the use cases of whichever engine it is.
#[cfg(feature = "cloud")]
macro_rules! use_cases {
    ($site:expr, $engine:ident => $answer:expr) => {
        match $site {
            Site::Folder(embedded) => {
                let $engine = embedded.engine();
                $answer
            }
            Site::Project(remote) => {
                let $engine = remote.engine();
                $answer
            }
        }
    };
}
#[cfg(not(feature = "cloud"))]
macro_rules! use_cases {
    ($site:expr, $engine:ident => $answer:expr) => {
        match $site {
            Site::Folder(embedded) => {
                let $engine = embedded.engine();
                $answer
            }
            Site::Project(remote) => remote.never(),
        }
    };
}

mod access;
mod arg;
#[cfg(feature = "cloud")]
mod bundle;
#[cfg(feature = "cloud")]
mod jobs;
#[cfg(not(feature = "cloud"))]
#[path = "site/no_jobs.rs"]
mod jobs;
#[cfg(feature = "cloud")]
mod letters;
mod prune;
#[cfg(feature = "cloud")]
mod remote;
#[cfg(not(feature = "cloud"))]
#[path = "site/no_remote.rs"]
mod remote;
#[cfg(feature = "cloud")]
mod upload;
#[cfg(feature = "cloud")]
mod verdict;

use std::path::Path;
use std::sync::Arc;

use ork_core::Value;
use ork_core::definition::{Executor, TaskIndex, Workflow};
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::{Command, Graph, Header, RunStatus};
use ork_core::time::Millis;
use ork_engine::why::Explanation;
use ork_engine::{Backfill, EngineError, EngineErrorKind, SlotRange, Started, WorkflowDocument};
use ork_local::{Embedded, RunView, StartRun};

use crate::config::Config;
use crate::engine::{self, failure};
use crate::failure::Failure;
use crate::output::Output;
use crate::user;
use crate::workflow_file::{WorkflowFile, shown, unreadable};

#[cfg(feature = "cloud")]
pub(crate) use arg::Emulators;
pub(crate) use arg::{Deployment, Place, SiteArg};
pub(crate) use jobs::jobs;
#[cfg(not(feature = "cloud"))]
pub(crate) use jobs::letters;
#[cfg(feature = "cloud")]
pub(crate) use letters::letters;
pub(crate) use remote::Remote;

/// Headers asked for at once.
const PAGE: usize = 500;

/// How a definition gets into a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sending {
    /// Whether its folder goes along.
    pub(crate) bundle: bool,
    /// How long the verdict on it may take.
    pub(crate) patience: Millis,
}

impl Default for Sending {
    fn default() -> Self {
        Self {
            bundle: true,
            patience: Millis::from_secs(60),
        }
    }
}

/// One attempt of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attempt {
    /// Whose.
    pub(crate) task: TaskIndex,
    /// Which instance.
    pub(crate) index: u32,
    /// From 1.
    pub(crate) attempt: u32,
}

/// The end of a log.
#[derive(Debug, Clone)]
pub(crate) struct LogEnd {
    /// Its last bytes.
    pub(crate) bytes: Vec<u8>,
    /// Where all of it is.
    pub(crate) place: String,
}

/// Where workflows and runs are.
pub(crate) enum Site {
    /// In a state folder.
    Folder(Box<Embedded>),
    /// In a project.
    Project(Box<Remote>),
}

/// Asks whichever engine it is.
#[cfg(feature = "cloud")]
macro_rules! ask {
    ($site:expr, $engine:ident => $answer:expr) => {
        match $site {
            Site::Folder($engine) => $answer,
            Site::Project(remote) => {
                let $engine = remote.engine();
                $answer
            }
        }
    };
}
#[cfg(not(feature = "cloud"))]
macro_rules! ask {
    ($site:expr, $engine:ident => $answer:expr) => {
        match $site {
            Site::Folder($engine) => $answer,
            Site::Project(remote) => remote.never(),
        }
    };
}

impl Site {
    /// To look at what is there and to change it; a folder must be there.
    pub(crate) async fn to_look(place: Place, config: &Config) -> Result<Self, Failure> {
        match place {
            Place::Folder(folder) => engine::to_look(folder).map(Self::of),
            Place::Project(deployment) => Self::connect(*deployment, config).await,
        }
    }

    /// To store something new; a folder is made when missing.
    pub(crate) async fn to_record(place: Place, config: &Config) -> Result<Self, Failure> {
        match place {
            Place::Folder(folder) => engine::to_record(folder).map(Self::of),
            Place::Project(deployment) => Self::connect(*deployment, config).await,
        }
    }

    /// A state folder that is open.
    pub(crate) fn of(embedded: Embedded) -> Self {
        Self::Folder(Box::new(embedded))
    }

    async fn connect(deployment: Deployment, config: &Config) -> Result<Self, Failure> {
        let remote = Box::pin(Remote::connect(deployment, config)).await?;
        Ok(Self::Project(Box::new(remote)))
    }

    /// Where it is, in words: `in this state folder`, `in project p`.
    pub(crate) fn here(&self) -> String {
        match self {
            Self::Folder(_) => "in this state folder".to_owned(),
            Self::Project(remote) => format!("in project {}", remote.deployment().project),
        }
    }

    /// How to look elsewhere.
    pub(crate) const fn elsewhere(&self) -> &'static str {
        match self {
            Self::Folder(_) => "--state DIR looks elsewhere",
            Self::Project(_) => "--project, --bucket and --database look elsewhere",
        }
    }

    /// Whether runs go on without this process.
    pub(crate) const fn is_project(&self) -> bool {
        matches!(self, Self::Project(_))
    }

    /// Every workflow, by name.
    pub(crate) async fn workflows(&self) -> Result<Vec<WorkflowDocument>, Failure> {
        ask!(self, engine => engine.workflows().await).map_err(failure)
    }

    /// The current definition of a workflow.
    pub(crate) async fn current(&self, document: &WorkflowDocument) -> Result<Workflow, Failure> {
        let (name, version) = (&document.name, &document.current);
        let graph = ask!(self, engine => engine.definition(name, version).await);
        graph
            .map(|graph: Arc<Graph>| graph.workflow.clone())
            .map_err(failure)
    }

    /// All stored versions of a workflow.
    pub(crate) async fn versions(&self, name: &WorkflowName) -> Result<Vec<VersionHash>, Failure> {
        ask!(self, engine => engine.versions(name).await).map_err(failure)
    }

    /// Lets a workflow's schedules fire or not.
    pub(crate) async fn enable(&self, name: &WorkflowName, on: bool) -> Result<(), Failure> {
        use_cases!(self, engine => engine.by(user::act()).enable(name, on).await).map_err(failure)
    }

    /// Removes a workflow; its runs stay.
    pub(crate) async fn delete(&self, name: &WorkflowName) -> Result<(), Failure> {
        use_cases!(self, engine => engine.by(user::act()).delete_workflow(name).await)
            .map_err(failure)
    }

    /// Makes a file the current version of its workflow; says which, and whether that changed anything.
    pub(crate) async fn deploy(
        &self,
        file: &WorkflowFile,
        sending: Sending,
        config: &Config,
        out: &Output,
    ) -> Result<(VersionHash, bool), Failure> {
        match self {
            Self::Folder(embedded) => engine::deploy(embedded, file).await,
            Self::Project(remote) => {
                let before = self.workflows().await?;
                let version = Box::pin(remote.deploy(file, sending, config, out)).await?;
                let is_same = |known: &WorkflowDocument| {
                    known.name == file.workflow.name && known.current == version
                };
                Ok((version.clone(), !before.iter().any(is_same)))
            }
        }
    }

    /// Starts a run.
    pub(crate) async fn start(&self, wish: StartRun) -> Result<Started, Failure> {
        use_cases!(self, engine => Box::pin(engine.by(user::act()).start(wish)).await)
            .map_err(failure)
    }

    /// The slots of a range, and which of them have runs.
    pub(crate) async fn slots_in(
        &self,
        name: &WorkflowName,
        range: SlotRange,
    ) -> Result<Backfill, Failure> {
        use_cases!(self, engine => engine.slots_in(name, range).await).map_err(failure)
    }

    /// Makes a run for every slot of a range that has none.
    pub(crate) async fn backfill(
        &self,
        name: &WorkflowName,
        range: SlotRange,
        params: &serde_json::Map<String, Value>,
    ) -> Result<Backfill, Failure> {
        use_cases!(self, engine => Box::pin(engine.by(user::act()).backfill(name, range, params)).await)
            .map_err(failure)
    }

    /// Does something to a run.
    pub(crate) async fn command(&self, run: &RunId, command: Command) -> Result<RunView, Failure> {
        self.try_command(run, command).await.map_err(failure)
    }

    /// Does something to a run, for whoever can try again.
    pub(crate) async fn try_command(
        &self,
        run: &RunId,
        command: Command,
    ) -> Result<RunView, EngineError> {
        use_cases!(self, engine => Box::pin(engine.by(user::act()).command(run, command)).await)?;
        self.try_view(run).await
    }

    /// A run as it stands.
    pub(crate) async fn view(&self, run: &RunId) -> Result<RunView, Failure> {
        self.try_view(run).await.map_err(failure)
    }

    /// A run as it stands, for whoever can try again.
    pub(crate) async fn try_view(&self, run: &RunId) -> Result<RunView, EngineError> {
        ask!(self, engine => engine.run(run).await)
    }

    /// Why a run does not go on.
    pub(crate) async fn explain(&self, view: &RunView) -> Result<Explanation, Failure> {
        use_cases!(self, engine => engine.explain(view).await).map_err(failure)
    }

    /// Whether there is a run of this very name.
    pub(crate) async fn has(&self, run: &RunId) -> Result<bool, Failure> {
        match self.try_view(run).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(false),
            Err(error) => Err(failure(error)),
        }
    }

    /// Goes through the headers of all runs, newest first, as long as `each` wants more.
    pub(crate) async fn all_runs(
        &self,
        status: Option<RunStatus>,
        workflow: Option<&WorkflowName>,
        most: usize,
        mut each: impl FnMut(Header) -> bool,
    ) -> Result<(), Failure> {
        let mut cursor: Option<String> = None;
        loop {
            let cursor_text = cursor.as_deref();
            let page = most.clamp(1, PAGE);
            let (headers, next) =
                ask!(self, engine => engine.runs(status, workflow, cursor_text, page).await)
                    .map_err(failure)?;
            if !headers.into_iter().all(&mut each) || next.is_none() {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// A task's output as JSON text.
    pub(crate) async fn output_of(
        &self,
        view: &RunView,
        task: TaskIndex,
    ) -> Result<Arc<str>, Failure> {
        match self {
            Self::Folder(embedded) => embedded.output_of(view, task).await.map_err(failure),
            Self::Project(remote) => remote.output_of(view, task).await.map_err(failure),
        }
    }

    /// Where a task's output lies for people to look at.
    pub(crate) fn output_place(&self, view: &RunView, task: TaskIndex) -> String {
        match self {
            Self::Folder(embedded) => embedded.output_path(view, task).display().to_string(),
            Self::Project(remote) => {
                let definition = view.graph.task(task);
                let (run, name) = (view.header.id.clone(), definition.name.clone());
                let name = match definition.executor {
                    Executor::Script { .. } => ObjectName::TaskText(run, name),
                    _ => ObjectName::TaskOutput(run, name),
                };
                remote.place_of(&name)
            }
        }
    }

    /// At most `most` bytes of a log; none when there is no log (yet).
    pub(crate) async fn log(
        &self,
        view: &RunView,
        of: Attempt,
        from: u64,
        most: u64,
    ) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Folder(embedded) => {
                let (files, name) = (embedded.files(), log_name(view, of));
                match files.part(&name, from, most) {
                    Ok(part) => Ok(part.map(|part| part.bytes).unwrap_or_default()),
                    Err(error) => Err(Failure::trouble(unreadable(&files.path_of(&name), &error))),
                }
            }
            Self::Project(remote) => remote.read(&log_name(view, of), from, most).await,
        }
    }

    /// The last bytes of a log; `None` when nothing was printed or it cannot be had.
    pub(crate) async fn log_end(&self, view: &RunView, of: Attempt, most: u64) -> Option<LogEnd> {
        let (bytes, place) = match self {
            Self::Folder(embedded) => {
                let (files, name) = (embedded.files(), log_name(view, of));
                let size = files.part(&name, 0, 0).ok()??.size;
                let part = files.part(&name, size.saturating_sub(most), most).ok()??;
                (part.bytes, shown(&files.path_of(&name)))
            }
            Self::Project(remote) => {
                let name = log_name(view, of);
                let size = remote.size(&name).await.ok()??;
                let from = size.saturating_sub(most);
                (
                    remote.read(&name, from, most).await.ok()?,
                    remote.place_of(&name),
                )
            }
        };
        (!bytes.is_empty()).then_some(LogEnd { bytes, place })
    }

    /// Which process executes a run, when it is another one of this machine.
    pub(crate) fn other_owner(&self, header: &Header) -> Result<Option<String>, Failure> {
        match self {
            Self::Folder(embedded) => embedded.other_owner(header).map_err(failure),
            Self::Project(_) => Ok(None),
        }
    }

    /// Where the files of a workflow are, for people.
    pub(crate) fn files_of(&self, document: &WorkflowDocument) -> String {
        match (self, document.source.as_deref()) {
            (_, None) => String::new(),
            (Self::Folder(_), Some(source)) => shown(Path::new(source)),
            (Self::Project(_), Some(source)) => match ObjectName::parse(source) {
                Some(ObjectName::Bundle(_, hash)) => format!("bundle {}", hash.short()),
                _ => source.to_owned(),
            },
        }
    }
}

/// The object that an attempt's log is.
fn log_name(view: &RunView, of: Attempt) -> ObjectName {
    let definition = view.graph.task(of.task);
    ObjectName::Attempt {
        run: view.header.id.clone(),
        task: definition.name.clone(),
        index: definition.fans_out().then_some(of.index),
        attempt: of.attempt,
        file: AttemptFile::Log,
    }
}
