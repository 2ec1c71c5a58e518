//! `ork run retry`

use clap::Args;
use ork_core::run::Command;

use super::change::{GoOnArgs, go_on};
use crate::commands::execute::task;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// `ork run retry`
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    #[command(flatten)]
    pub(crate) go_on: GoOnArgs,
    /// This task, however it ended, and everything after it
    #[arg(short, long, value_name = "NAME")]
    task: Option<String>,
}

/// Runs again what failed.
pub(crate) fn retry(args: &RetryArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    go_on(&args.go_on, "runs again", config, out, |view| {
        Ok(Some(match &args.task {
            None => Command::Retry,
            Some(name) => Command::RetryTask {
                task: task(&view.graph.workflow, name)?,
            },
        }))
    })
}
