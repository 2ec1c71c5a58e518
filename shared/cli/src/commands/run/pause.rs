//! `ork run pause`

use clap::Args;
use ork_core::run::Command;

use super::change::{RunArg, change};
use crate::commands::execute::task;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// `ork run pause`
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Only this task
    #[arg(short, long, value_name = "NAME")]
    task: Option<String>,
}

/// Lets nothing new start.
pub(crate) fn pause(args: &PauseArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    change(&args.run, "paused", config, out, |view| match &args.task {
        None => Ok(Command::Pause),
        Some(name) => Ok(Command::PauseTask {
            task: task(&view.graph.workflow, name)?,
        }),
    })
}
