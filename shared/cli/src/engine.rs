//! The embedded engine for commands: opening it, its errors, its listings. Few other files name its types.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ork_core::definition::Executor;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::parse::Project;
use ork_core::run::{Header, RunStatus};
use ork_engine::{EngineError, EngineErrorKind};
use ork_local::exec::ExecConfig;
use ork_local::{Embedded, EmbeddedConfig, RunView, Sync};

use crate::config::{self, Config};
use crate::failure::Failure;
use crate::workflow_file::{reason, shown};

/// Headers asked for at once.
pub(crate) const PAGE: usize = 500;

/// What finished tasks are safe against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SyncArg {
    /// The end of the process, however sudden
    #[default]
    Normal,
    /// Power loss too, at the price of a disk sync per commit
    Full,
}

/// How an engine works.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct EngineArgs {
    /// Attempts that run at once [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_parallel: Option<u16>,
    /// What finished tasks are safe against
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) sync: SyncArg,
}

/// A tokio runtime, for the commands that need one.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the asynchronous runtime cannot start: {}", reason(&error))))?;
    let done = runtime.block_on(work);
    // Somebody who leaves at once does not wait for what is still at work.
    runtime.shutdown_background();
    done
}

/// Opens the engine on a state folder that a command writes runs into.
pub(crate) fn open(state: PathBuf, args: &EngineArgs, config: &Config) -> Result<Embedded, Failure> {
    open_with(state, args, config, true)
}

/// Opens the engine on a state folder that must be there.
pub(crate) fn open_existing(state: PathBuf, args: &EngineArgs, config: &Config) -> Result<Embedded, Failure> {
    if !state.is_dir() {
        return Err(Failure::new(format!("there is no state folder `{}`", shown(&state))).hint("`ork execute FILE` makes one beside the file; --state DIR names another"));
    }
    open_with(state, args, config, false)
}

fn open_with(state: PathBuf, args: &EngineArgs, config: &Config, create: bool) -> Result<Embedded, Failure> {
    let ork_exe = std::env::current_exe().map_err(|error| Failure::new(format!("the path of the ork command is not known: {}", reason(&error))))?;
    let sync = match args.sync {
        SyncArg::Normal => Sync::Normal,
        SyncArg::Full => Sync::Full,
    };
    let settings = EmbeddedConfig {
        state,
        sync,
        parallel: args.max_parallel.map(usize::from),
        python: config.python.clone(),
        env: config::whole_environment(),
        ork_exe,
        create,
    };
    Embedded::open(settings).map_err(|error| Failure::new(error.to_string()))
}

/// An engine's error as a command's.
pub(crate) fn failure(error: EngineError) -> Failure {
    let failure = Failure::new(error.to_string());
    match error.kind {
        EngineErrorKind::Unavailable => failure.hint("nothing is lost; try again"),
        EngineErrorKind::NotFound | EngineErrorKind::Refused | EngineErrorKind::Store | EngineErrorKind::Corrupt => failure,
    }
}

/// A run as it stands.
pub(crate) async fn view(embedded: &Embedded, run: &RunId) -> Result<RunView, Failure> {
    embedded.run(run).await.map_err(failure)
}

/// Goes through the headers of all runs, newest first, as long as `each` wants more.
pub(crate) async fn all_runs(
    embedded: &Embedded,
    status: Option<RunStatus>,
    workflow: Option<&WorkflowName>,
    mut each: impl FnMut(Header) -> bool,
) -> Result<(), Failure> {
    let mut cursor: Option<String> = None;
    loop {
        let (page, next) = embedded.runs(status, workflow, cursor.as_deref(), PAGE).await.map_err(failure)?;
        if !page.into_iter().all(&mut each) || next.is_none() {
            return Ok(());
        }
        cursor = next;
    }
}

/// Why `executor` cannot run on this machine, if it cannot.
pub(crate) fn cannot_run(executor: &Executor, project: &Project, state: &Path) -> Option<String> {
    let mut settings = ExecConfig::new(1, state.join("objects"), state.to_path_buf());
    settings.exe = std::env::current_exe().ok();
    settings.custom = project.custom_executors.iter().map(|(name, custom)| (name.clone(), custom.command.clone())).collect();
    ork_local::exec::check(executor, &settings).err()
}
