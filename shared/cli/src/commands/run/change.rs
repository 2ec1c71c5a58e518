//! What the commands that change a run share: naming it, changing it, going on with it.

use clap::Args;
use ork_core::run::Command;
use ork_core::time::Millis;
use ork_local::RunView;

use crate::config::Config;
use crate::document;
use crate::drive::{self, ShowArgs};
use crate::duration;
use crate::engine::{self, EngineArgs, failure};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::progress;
use crate::run_ref;
use crate::site::{Place, Site, SiteArg};

/// Which run.
#[derive(Debug, Args)]
pub(crate) struct RunArg {
    /// Run id, the beginning of one, or `latest`
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    site: SiteArg,
    /// Print the run's progress document to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which run, and how to execute it.
#[derive(Debug, Args)]
pub(crate) struct GoOnArgs {
    /// Run id, the beginning of one, or `latest`
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    site: SiteArg,
    /// Only record it: another engine, or a later `ork run resume`, executes the run
    #[arg(long)]
    pub(crate) detach: bool,
    /// In a project or at a server, where the run is executed: watch it to its end
    #[arg(long, conflicts_with = "detach")]
    wait: bool,
    /// Cancel the run when it has not ended after this long, such as 90s or 5m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Millis>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Does `command` to a run and says how the run stands.
pub(crate) fn change(
    arg: &RunArg,
    done: &str,
    config: &Config,
    out: &Output,
    command: impl FnOnce(&RunView) -> Result<Command, Failure>,
) -> Result<Exit, Failure> {
    engine::block_on(async {
        let site = Site::to_look(arg.site.nearest(config)?, config).await?;
        let run = run_ref::find(&site, &arg.run).await?;
        let command = command(&site.view(&run).await?)?;
        let view = site.command(&run, command).await?;
        tell(&view, done, arg.json, out)?;
        Ok(Exit::Success)
    })
}

/// Does `command` to a run, if there is something to do, and executes it to its end; a project or a server executes it itself.
pub(crate) fn go_on(
    args: &GoOnArgs,
    done: &str,
    config: &Config,
    out: &Output,
    command: impl FnOnce(&RunView) -> Result<Option<Command>, Failure>,
) -> Result<Exit, Failure> {
    let place = args.site.nearest(config)?;
    args.suit(&place)?;
    engine::block_on(async {
        let mut site = match place {
            Place::Folder(folder) => {
                Site::of(engine::to_go_on(folder, &args.engine, config, out).await?)
            }
            Place::Project(_) | Place::Server(_) => Site::to_look(place, config).await?,
        };
        let run = run_ref::find(&site, &args.run).await?;
        let before = site.view(&run).await?;
        let command = command(&before)?;
        let changed = command.is_some();
        let mut view = before;
        if let Some(command) = command {
            view = site.command(&run, command).await?;
            if args.detach || (site.is_remote() && !args.wait) {
                tell(&view, done, args.show.json, out)?;
                return Ok(Exit::Success);
            }
            out.say(&format!("{run}: {done}"));
        } else if site.is_remote() && !args.wait {
            return Err(Failure::new(format!(
                "run {run} is {}: there is nothing to resume",
                view.header.status
            ))
            .hint("it is executed where it is; --wait watches it to its end"));
        }
        execute(&mut site, &view, changed, args, out).await
    })
}

/// Takes the run over and executes it, unless somebody else does.
async fn execute(
    site: &mut Site,
    view: &RunView,
    changed: bool,
    args: &GoOnArgs,
    out: &Output,
) -> Result<Exit, Failure> {
    let run = &view.header.id;
    match site.other_owner(&view.header)? {
        None => {
            if let Site::Folder(embedded) = site {
                embedded.resume(run).await.map_err(failure)?;
            }
            drive::to_the_end(site, view, args.timeout, &args.show, out).await
        }
        // What was asked for is recorded; whoever executes the run sees it.
        Some(pid) if changed => {
            out.say(&format!("{run}: process {pid} executes it"));
            if args.show.json {
                out.json(&document::progress(view, progress::now()))?;
            }
            Ok(Exit::Success)
        }
        Some(pid) => {
            let hint =
                format!("watch it with `ork run status {run}` or `ork run logs {run} --follow`");
            Err(Failure::new(format!("run {run} is being executed by process {pid}")).hint(hint))
        }
    }
}

impl GoOnArgs {
    /// Refuses options that say nothing at this place.
    fn suit(&self, place: &Place) -> Result<(), Failure> {
        match place {
            Place::Folder(_) if self.wait => Err(Failure::new(
                "--wait is about a project or a server; in a state folder this command executes the run to its end",
            )
            .hint("--detach only records it")),
            Place::Folder(_) => Ok(()),
            Place::Project(_) | Place::Server(_) if self.timeout.is_some() && !self.wait => Err(Failure::new(
                "--timeout needs --wait: nobody watches the run otherwise",
            )
            .hint("in the workflow, `timeout` ends a run that takes too long")),
            Place::Project(_) | Place::Server(_) => self.engine.refuse_elsewhere(place.word()),
        }
    }
}

fn tell(view: &RunView, done: &str, json: bool, out: &Output) -> Result<(), Failure> {
    if json {
        return out.json(&document::progress(view, progress::now()));
    }
    let header = &view.state.header;
    out.say(&format!(
        "{}: {done}; it is {}",
        header.id,
        out.talk.run(header.status, header.status.as_str())
    ));
    Ok(())
}
