//! The embedded engine for commands: opening it, storing in it, its errors. `site` asks it for everything else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ork_core::definition::Executor;
use ork_core::ids::{PoolName, VersionHash};
use ork_core::parse::Project;
use ork_engine::{EngineError, EngineErrorKind};
use ork_local::exec::ExecConfig;
use ork_local::store::Sync;
use ork_local::{Embedded, EmbeddedConfig};

use crate::config::{self, Config};
use crate::failure::Failure;
use crate::output::Output;
use crate::own_environment;
use crate::telemetry;
use crate::user;
use crate::workflow_file::{self, WorkflowFile, reason, shown};

/// What finished tasks are safe against. The variants have no doc comments so that `--help` stays one line per option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SyncArg {
    #[default]
    Normal,
    Full,
}

/// How an engine works.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct EngineArgs {
    /// Attempts that run at once [default: four times the cores, at least 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_parallel: Option<u16>,
    /// Finished tasks are safe against a killed ork (normal), or power loss too (full), which is slower
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) sync: SyncArg,
}

impl EngineArgs {
    /// Refuses what says nothing where runs are executed elsewhere.
    pub(crate) fn refuse_elsewhere(&self, place: &str) -> Result<(), Failure> {
        let option = match (self.max_parallel, self.sync) {
            (None, SyncArg::Normal) => return Ok(()),
            (Some(_), _) => "--max-parallel",
            (None, SyncArg::Full) => "--sync",
        };
        let message =
            format!("{option} is about an engine on this machine; a {place} executes runs itself");
        Err(Failure::new(message)
            .hint("in the workflow, `concurrency` and `pools` say how much runs at once"))
    }
}

/// Commands of custom executors, by name.
pub(crate) type Custom = BTreeMap<String, Vec<String>>;

/// Runs `work` on a tokio runtime of one thread, which only commands that need one pay for.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::trouble(format!(
                "the asynchronous runtime cannot start: {}",
                reason(&error)
            ))
        })?;
    let done = runtime.block_on(async {
        let done = work.await;
        telemetry::flush().await;
        done
    });
    // Somebody who leaves at once does not wait for what is still at work.
    runtime.shutdown_background();
    done
}

/// An engine that executes runs, over a folder that is made when missing.
pub(crate) fn to_execute(
    state: PathBuf,
    args: &EngineArgs,
    custom: Custom,
    config: &Config,
) -> Result<Embedded, Failure> {
    let mut settings = EmbeddedConfig::new(state);
    settings.parallel = args.max_parallel.map(usize::from);
    settings.sync = match args.sync {
        SyncArg::Normal => Sync::Normal,
        SyncArg::Full => Sync::Full,
    };
    settings.python.clone_from(&config.python);
    settings.own_python = own_environment::python();
    settings.env = config::whole_environment();
    settings.ork_exe = Some(own_path()?);
    settings.secret_lookup = config::secret;
    settings.custom = custom;
    settings.jobs = crate::site::jobs(&config.services);
    settings.letters = crate::site::letters(&config.services);
    settings.measure = telemetry::measure()?;
    open(settings)
}

/// An engine that executes runs of the workflows a folder knows already.
pub(crate) async fn to_go_on(
    state: PathBuf,
    args: &EngineArgs,
    config: &Config,
    out: &Output,
) -> Result<Embedded, Failure> {
    let known = to_look(state.clone())?.workflows().await.map_err(failure)?;
    let mut custom = Custom::new();
    for source in known
        .iter()
        .filter_map(|document| document.source.as_deref())
    {
        custom.extend(custom_of(&workflow_file::project_of(
            Path::new(source),
            out,
        )?));
    }
    to_execute(state, args, custom, config)
}

/// An engine that executes nothing, over a folder that must be there.
pub(crate) fn to_look(state: PathBuf) -> Result<Embedded, Failure> {
    if !state.is_dir() {
        let hint = "`ork execute FILE` makes one beside the file; --state DIR names another";
        return Err(
            Failure::new(format!("there is no state folder `{}`", shown(&state))).hint(hint),
        );
    }
    open(EmbeddedConfig {
        execute: false,
        create: false,
        ..EmbeddedConfig::new(state)
    })
}

/// An engine that executes nothing, over a folder that is made when missing.
pub(crate) fn to_record(state: PathBuf) -> Result<Embedded, Failure> {
    open(EmbeddedConfig {
        execute: false,
        ..EmbeddedConfig::new(state)
    })
}

fn open(settings: EmbeddedConfig) -> Result<Embedded, Failure> {
    Embedded::open(settings).map_err(|error| Failure::of(&error, error.to_string()))
}

fn own_path() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::trouble(format!(
            "the path of the ork command is not known: {}",
            reason(&error)
        ))
    })
}

/// The commands of a project's custom executors.
pub(crate) fn custom_of(project: &Project) -> Custom {
    project
        .custom_executors
        .iter()
        .map(|(name, custom)| (name.clone(), custom.command.clone()))
        .collect()
}

/// Stores a file as the current version of its workflow; says which, and whether that changed anything.
pub(crate) async fn deploy(
    embedded: &Embedded,
    file: &WorkflowFile,
) -> Result<(VersionHash, bool), Failure> {
    let mut pools = BTreeMap::new();
    for (name, size) in &file.project.pools {
        pools.insert(
            PoolName::new(name).map_err(|error| Failure::new(error.to_string()))?,
            *size,
        );
    }
    let deployed = embedded
        .deploy_by(user::act(), &file.workflow, &file.path, &pools)
        .await
        .map_err(failure)?;
    Ok((deployed.version, deployed.changed))
}

/// Why `executor` cannot run on this machine, if it cannot.
pub(crate) fn cannot_run(executor: &Executor, project: &Project, state: &Path) -> Option<String> {
    let mut settings = ExecConfig::new(1, state.join("objects"), state.to_path_buf());
    settings.exe = std::env::current_exe().ok();
    settings.custom = custom_of(project);
    ork_local::exec::check(executor, &settings).err()
}

/// An engine's error as a command's.
pub(crate) fn failure(error: EngineError) -> Failure {
    let failure = Failure::of(error.kind, error.message);
    match error.kind {
        EngineErrorKind::Unavailable => failure.passing().hint("nothing is lost; try again"),
        EngineErrorKind::NotFound
        | EngineErrorKind::Refused
        | EngineErrorKind::Store
        | EngineErrorKind::Corrupt => failure,
    }
}
