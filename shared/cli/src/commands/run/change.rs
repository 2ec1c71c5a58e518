//! What the commands that change a run share: naming it, changing it, going on with it.

use clap::Args;
use ork_core::ids::RunId;
use ork_core::run::Command;
use ork_core::time::Millis;
use ork_local::{Embedded, RunView};

use crate::config::Config;
use crate::document;
use crate::drive::{self, ShowArgs};
use crate::duration;
use crate::engine::{self, EngineArgs, failure};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::progress;
use crate::run_ref;
use crate::state_folder::StateArg;

/// Which run.
#[derive(Debug, Args)]
pub(crate) struct RunArg {
    /// Run id, the beginning of one, or `latest`
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    state: StateArg,
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
    state: StateArg,
    /// Only record it: another engine, or a later `ork run resume`, executes the run
    #[arg(long)]
    pub(crate) detach: bool,
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
        let embedded = engine::to_look(arg.state.nearest(config)?)?;
        let run = run_ref::find(&embedded, &arg.run).await?;
        let command = command(&engine::view(&embedded, &run).await?)?;
        let view = embedded.command(&run, command).await.map_err(failure)?;
        tell(&view, done, arg.json, out)?;
        Ok(Exit::Success)
    })
}

/// Does `command` to a run, if there is something to do, and executes it to its end.
pub(crate) fn go_on(
    args: &GoOnArgs,
    done: &str,
    config: &Config,
    out: &Output,
    command: impl FnOnce(&RunView) -> Result<Option<Command>, Failure>,
) -> Result<Exit, Failure> {
    engine::block_on(async {
        let mut embedded =
            engine::to_go_on(args.state.nearest(config)?, &args.engine, config, out).await?;
        let run = run_ref::find(&embedded, &args.run).await?;
        let command = command(&engine::view(&embedded, &run).await?)?;
        let changed = command.is_some();
        if let Some(command) = command {
            let view = embedded.command(&run, command).await.map_err(failure)?;
            if args.detach {
                tell(&view, done, args.show.json, out)?;
                return Ok(Exit::Success);
            }
            out.say(&format!("{run}: {done}"));
        }
        execute(&mut embedded, &run, changed, args, out).await
    })
}

/// Takes the run over and executes it, unless somebody else does.
async fn execute(
    embedded: &mut Embedded,
    run: &RunId,
    changed: bool,
    args: &GoOnArgs,
    out: &Output,
) -> Result<Exit, Failure> {
    let view = engine::view(embedded, run).await?;
    match embedded.other_owner(&view.header).map_err(failure)? {
        None => {
            embedded.resume(run).await.map_err(failure)?;
            drive::to_the_end(embedded, run, args.timeout, &args.show, out).await
        }
        // What was asked for is recorded; whoever executes the run sees it.
        Some(pid) if changed => {
            out.say(&format!("{run}: process {pid} executes it"));
            if args.show.json {
                out.json(&document::progress(&view, progress::now()))?;
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
