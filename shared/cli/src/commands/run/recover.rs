//! `ork run recover`

use clap::Args;
use ork_core::run::{Command, RecoverFrom};

use super::change::{GoOnArgs, go_on};
use crate::commands::execute::task;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// `ork run recover`
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    #[command(flatten)]
    pub(crate) go_on: GoOnArgs,
    /// From this step on; steps are numbered from 0, as `ork run status` shows them
    #[arg(long, value_name = "N", conflicts_with_all = ["from_task", "failed"])]
    from_step: Option<u32>,
    /// This task and everything after it
    #[arg(long, value_name = "NAME", conflicts_with = "failed")]
    from_task: Option<String>,
    /// What failed or was cancelled, and everything after it (the default)
    #[arg(long)]
    failed: bool,
}

/// Retries from a chosen place.
pub(crate) fn recover(args: &RecoverArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    go_on(&args.go_on, "recovering", config, out, |view| {
        let from = match (args.from_step, &args.from_task) {
            (Some(step), _) => RecoverFrom::Step(step),
            (None, Some(name)) => RecoverFrom::Task(task(&view.graph.workflow, name)?),
            (None, None) => RecoverFrom::Failed,
        };
        Ok(Some(Command::Recover { from }))
    })
}
