//! Where workflows and runs are, and what commands ask of it: written once for a state folder, a project and a server.

/// Asks the use cases of whichever engine it is, or the server.
macro_rules! use_cases {
    ($site:expr, $engine:ident => $answer:expr, $server:ident => $far:expr) => {
        match $site {
            Site::Folder(embedded) => {
                let $engine = embedded.engine();
                $answer
            }
            #[cfg(feature = "cloud")]
            Site::Project(remote) => {
                let $engine = remote.engine();
                $answer
            }
            #[cfg(not(feature = "cloud"))]
            Site::Project(remote) => remote.never(),
            #[cfg(feature = "server")]
            Site::Server($server) => $far,
            #[cfg(not(feature = "server"))]
            Site::Server(server) => server.never(),
        }
    };
}

/// Asks whichever engine it is as a folder's is asked, or the server.
macro_rules! ask {
    ($site:expr, $engine:ident => $answer:expr, $server:ident => $far:expr) => {
        match $site {
            Site::Folder($engine) => $answer,
            #[cfg(feature = "cloud")]
            Site::Project(remote) => {
                let $engine = remote.engine();
                $answer
            }
            #[cfg(not(feature = "cloud"))]
            Site::Project(remote) => remote.never(),
            #[cfg(feature = "server")]
            Site::Server($server) => $far,
            #[cfg(not(feature = "server"))]
            Site::Server(server) => server.never(),
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
mod logs;
mod place;
mod prune;
#[cfg(feature = "cloud")]
mod remote;
#[cfg(not(feature = "cloud"))]
#[path = "site/no_remote.rs"]
mod remote;
mod runs;
#[cfg(feature = "server")]
mod server;
#[cfg(not(feature = "server"))]
#[path = "site/no_server.rs"]
mod server;
#[cfg(feature = "cloud")]
mod upload;
#[cfg(feature = "cloud")]
mod verdict;

use std::path::Path;
use std::sync::Arc;

use ork_core::definition::{TaskIndex, Workflow};
use ork_core::ids::{VersionHash, WorkflowName};
use ork_core::names::ObjectName;
use ork_core::run::{Graph, Header};
use ork_core::time::Millis;
use ork_engine::WorkflowDocument;
use ork_local::Embedded;

use crate::config::Config;
use crate::engine::{self, failure};
use crate::failure::Failure;
use crate::output::Output;
use crate::user;
use crate::workflow_file::{WorkflowFile, shown};

pub(crate) use arg::SiteArg;
pub(crate) use jobs::jobs;
#[cfg(not(feature = "cloud"))]
pub(crate) use jobs::letters;
#[cfg(feature = "cloud")]
pub(crate) use letters::letters;
#[cfg(feature = "cloud")]
pub(crate) use place::Emulators;
pub(crate) use place::{Deployment, Place, Secret, ServerAt};
pub(crate) use prune::not_in_the_api;
pub(crate) use remote::Remote;
#[cfg(feature = "server")]
pub(crate) use server::Looked;
pub(crate) use server::Server;

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
    /// At a server.
    Server(Box<Server>),
}

impl Site {
    /// To look at what is there and to change it; a folder must be there.
    pub(crate) async fn to_look(place: Place, config: &Config) -> Result<Self, Failure> {
        match place {
            Place::Folder(folder) => engine::to_look(folder).map(Self::of),
            Place::Project(deployment) => Self::connect(*deployment, config).await,
            Place::Server(at) => Self::serve(*at).await,
        }
    }

    /// To store something new; a folder is made when missing.
    pub(crate) async fn to_record(place: Place, config: &Config) -> Result<Self, Failure> {
        match place {
            Place::Folder(folder) => engine::to_record(folder).map(Self::of),
            Place::Project(deployment) => Self::connect(*deployment, config).await,
            Place::Server(at) => Self::serve(*at).await,
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

    async fn serve(at: ServerAt) -> Result<Self, Failure> {
        let server = Box::pin(Server::connect(at)).await?;
        Ok(Self::Server(Box::new(server)))
    }

    /// Where it is, in words: `in this state folder`, `in project p`.
    pub(crate) fn here(&self) -> String {
        match self {
            Self::Folder(_) => "in this state folder".to_owned(),
            Self::Project(remote) => format!("in project {}", remote.deployment().project),
            Self::Server(server) => format!("at {}", server.url()),
        }
    }

    /// How to look elsewhere.
    pub(crate) const fn elsewhere(&self) -> &'static str {
        match self {
            Self::Folder(_) => "--state DIR looks elsewhere",
            Self::Project(_) => "--project, --bucket and --database look elsewhere",
            Self::Server(_) => "--server URL looks elsewhere",
        }
    }

    /// Whether runs go on without this process.
    pub(crate) const fn is_remote(&self) -> bool {
        matches!(self, Self::Project(_) | Self::Server(_))
    }

    /// Every workflow, by name.
    pub(crate) async fn workflows(&self) -> Result<Vec<WorkflowDocument>, Failure> {
        ask!(self, engine => engine.workflows().await, server => server.workflows().await)
            .map_err(failure)
    }

    /// The current definition of a workflow.
    pub(crate) async fn current(&self, document: &WorkflowDocument) -> Result<Workflow, Failure> {
        let (name, version) = (&document.name, &document.current);
        let graph = ask!(self, engine => engine.definition(name, version).await, server => server.definition(name, version).await);
        graph
            .map(|graph: Arc<Graph>| graph.workflow.clone())
            .map_err(failure)
    }

    /// All stored versions of a workflow.
    pub(crate) async fn versions(&self, name: &WorkflowName) -> Result<Vec<VersionHash>, Failure> {
        ask!(self, engine => engine.versions(name).await, server => server.versions(name).await)
            .map_err(failure)
    }

    /// Lets a workflow's schedules fire or not.
    pub(crate) async fn enable(&self, name: &WorkflowName, on: bool) -> Result<(), Failure> {
        use_cases!(self, engine => engine.by(user::act()).enable(name, on).await, server => server.enable(name, on).await)
            .map_err(failure)
    }

    /// Removes a workflow; its runs stay.
    pub(crate) async fn delete(&self, name: &WorkflowName) -> Result<(), Failure> {
        use_cases!(self, engine => engine.by(user::act()).delete_workflow(name).await, server => server.delete(name).await)
            .map_err(failure)
    }

    /// Whether a file would be taken, where that can be asked before anything is stored.
    pub(crate) async fn check(&self, file: &WorkflowFile) -> Result<(), Failure> {
        match self {
            Self::Folder(_) | Self::Project(_) => Ok(()),
            Self::Server(server) => server.check(file).await,
        }
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
            Self::Server(server) => server.deploy(file).await,
        }
    }

    /// Which process executes a run, when it is another one of this machine.
    pub(crate) fn other_owner(&self, header: &Header) -> Result<Option<String>, Failure> {
        match self {
            Self::Folder(embedded) => embedded.other_owner(header).map_err(failure),
            Self::Project(_) | Self::Server(_) => Ok(None),
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
            (Self::Server(_), Some(source)) => source.to_owned(),
        }
    }
}
