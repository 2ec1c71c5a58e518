//! `ork run start`: starts a run of a deployed workflow, or of a file that is deployed first.

use std::path::Path;

use clap::Args;
use ork_core::definition::Workflow;
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::time::Millis;
use ork_local::{Embedded, StartRun};
use serde_json::json;

use crate::commands::execute::tasks;
use crate::config::Config;
use crate::drive::{self, ShowArgs};
use crate::duration;
use crate::engine::{self, EngineArgs, failure};
use crate::failure::{Exit, Failure};
use crate::neighbours;
use crate::output::Output;
use crate::params::ParamArgs;
use crate::state_folder::StateArg;
use crate::workflow_file;

/// `ork run start`
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Name of a deployed workflow, or a workflow file, which is deployed first
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    #[command(flatten)]
    params: ParamArgs,
    /// Run only this task and what it depends on (may be repeated)
    #[arg(short, long = "task", value_name = "NAME")]
    tasks: Vec<String>,
    /// Id of the run: starting the same id twice makes one run
    #[arg(long, value_name = "RUN")]
    id: Option<RunId>,
    /// Execute it here and wait for its end, instead of leaving it to `ork dev`
    #[arg(long)]
    wait: bool,
    /// With --wait: cancel the run when it has not ended after this long
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "wait")]
    timeout: Option<Millis>,
    #[command(flatten)]
    state: StateArg,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Starts a run.
pub(crate) fn start(args: &StartArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let path = Path::new(&args.workflow);
        let is_file = path.is_file() || WorkflowName::new(&args.workflow).is_err();
        let state = if is_file {
            args.state.beside(path, config)?
        } else {
            args.state.nearest(config)?
        };
        let (recorder, workflow, version) = if is_file {
            deployed(path, state.clone(), out).await?
        } else {
            known(&args.workflow, &state).await?
        };
        let wish = StartRun {
            version: Some(version),
            params: args.params.given(&workflow)?,
            only: tasks(&workflow, &args.tasks)?,
            id: args.id.clone(),
            ..StartRun::of(workflow.name.clone())
        };
        if !args.wait {
            let started = recorder.start(wish).await.map_err(failure)?;
            return tell(&recorder, &started.id, started.created, args, out).await;
        }
        drop(recorder);
        let mut embedded = engine::to_go_on(state, &args.engine, config, out).await?;
        let started = embedded.start(wish).await.map_err(failure)?;
        drive::from_the_start(&mut embedded, started, args.timeout, &args.show, out).await
    })
}

async fn deployed(
    path: &Path,
    state: std::path::PathBuf,
    out: &Output,
) -> Result<(Embedded, Workflow, VersionHash), Failure> {
    let file = workflow_file::load(path, out)?;
    let recorder = engine::to_record(state)?;
    let (version, _) = engine::deploy(&recorder, &file).await?;
    neighbours::deploy(&recorder, &file, out).await?;
    Ok((recorder, file.workflow, version))
}

async fn known(name: &str, state: &Path) -> Result<(Embedded, Workflow, VersionHash), Failure> {
    let recorder = engine::to_look(state.to_path_buf())?;
    let document = super::super::workflow::known(&recorder, name).await?;
    let workflow = engine::current(&recorder, &document).await?;
    Ok((recorder, workflow, document.current))
}

async fn tell(
    recorder: &Embedded,
    run: &RunId,
    created: bool,
    args: &StartArgs,
    out: &Output,
) -> Result<Exit, Failure> {
    if args.show.json {
        let view = engine::view(recorder, run).await?;
        out.json(&json!({ "run_id": run, "workflow": view.header.workflow, "status": view.header.status, "created": created }))?;
    } else {
        out.print(&format!("{run}\n"))?;
    }
    if !args.show.quiet {
        let was = if created {
            ""
        } else {
            "it was there already; "
        };
        out.say(&format!(
            "{was}an `ork dev` on this state folder executes it, or `ork run resume {run}` does"
        ));
    }
    Ok(Exit::Success)
}
