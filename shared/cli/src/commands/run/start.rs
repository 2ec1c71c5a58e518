//! `ork run start`: starts a run of a deployed workflow, or of a file that is deployed first.

use std::path::Path;

use clap::Args;
use ork_core::definition::Workflow;
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::time::Millis;
use ork_local::StartRun;
use serde_json::json;

use crate::commands::execute::tasks;
use crate::commands::workflow::known;
use crate::config::Config;
use crate::drive::{self, ShowArgs};
use crate::duration;
use crate::engine::{self, EngineArgs};
use crate::failure::{Exit, Failure};
use crate::neighbours;
use crate::output::Output;
use crate::params::ParamArgs;
use crate::site::{Place, Sending, Site, SiteArg};
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
    /// Execute it here and wait for its end, instead of leaving it to `ork dev`; in a project or at a server, watch it to its end
    #[arg(long)]
    wait: bool,
    /// With --wait: cancel the run when it has not ended after this long
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "wait")]
    timeout: Option<Millis>,
    #[command(flatten)]
    site: SiteArg,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Starts a run.
pub(crate) fn start(args: &StartArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let path = Path::new(&args.workflow);
    let is_file = path.is_file() || WorkflowName::new(&args.workflow).is_err();
    let place = if is_file {
        args.site.beside(path, config)?
    } else {
        args.site.nearest(config)?
    };
    if place.is_remote() {
        args.engine.refuse_elsewhere(place.word())?;
    }
    engine::block_on(async {
        let (site, workflow, version) = if is_file {
            deployed(path, place.clone(), config, out).await?
        } else {
            let site = Site::to_look(place.clone(), config).await?;
            let document = known(&site, &args.workflow).await?;
            let workflow = site.current(&document).await?;
            (site, workflow, document.current)
        };
        let wish = StartRun {
            version: Some(version),
            params: args.params.given(&workflow)?,
            only: tasks(&workflow, &args.tasks)?,
            id: args.id.clone(),
            ..StartRun::of(workflow.name.clone())
        };
        if !args.wait {
            let started = site.start(wish).await?;
            return tell(&site, &started.id, started.created, args, out).await;
        }
        let mut site = match place {
            Place::Folder(folder) => {
                drop(site);
                Site::of(engine::to_go_on(folder, &args.engine, config, out).await?)
            }
            Place::Project(_) | Place::Server(_) => site,
        };
        let started = site.start(wish).await?;
        drive::from_the_start(&mut site, started, args.timeout, &args.show, out).await
    })
}

async fn deployed(
    path: &Path,
    place: Place,
    config: &Config,
    out: &Output,
) -> Result<(Site, Workflow, VersionHash), Failure> {
    let file = workflow_file::load(path, out)?;
    let site = Site::to_record(place, config).await?;
    let sending = Sending::default();
    neighbours::deploy(&site, &file, sending, config, out).await?;
    let (version, _) = site.deploy(&file, sending, config, out).await?;
    Ok((site, file.workflow, version))
}

async fn tell(
    site: &Site,
    run: &RunId,
    created: bool,
    args: &StartArgs,
    out: &Output,
) -> Result<Exit, Failure> {
    if args.show.json {
        let view = site.view(run).await?;
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
        out.say(&match site {
            Site::Folder(_) => format!(
                "{was}an `ork dev` on this state folder executes it, or `ork run resume {run}` does"
            ),
            Site::Project(_) | Site::Server(_) => format!(
                "{was}`ork run status {run}` shows how far it is, `ork run resume {run} --wait` watches it"
            ),
        });
    }
    Ok(Exit::Success)
}
