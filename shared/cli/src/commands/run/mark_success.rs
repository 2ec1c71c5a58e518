//! `ork run mark-success`

use clap::Args;
use ork_core::run::Command;
use ork_core::task::Output as Given;

use super::change::{GoOnArgs, go_on};
use crate::commands::execute::task;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// `ork run mark-success`
#[derive(Debug, Args)]
pub(crate) struct MarkSuccessArgs {
    #[command(flatten)]
    pub(crate) go_on: GoOnArgs,
    /// The task
    #[arg(value_name = "TASK")]
    task: String,
    /// Of a fan-out only this instance, from 0; without it all that have not succeeded
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    /// What it is to have given [default: null]
    #[arg(long, value_name = "JSON")]
    output: Option<String>,
}

/// Counts a task as succeeded without running it.
pub(crate) fn mark_success(
    args: &MarkSuccessArgs,
    config: &Config,
    out: &Output,
) -> Result<Exit, Failure> {
    let output = match &args.output {
        None => Given::null(),
        Some(text) => Given::Inline(text.as_str().into()),
    };
    let done = format!("{} counts as succeeded", args.task);
    go_on(&args.go_on, &done, config, out, |view| {
        Ok(Some(Command::MarkSuccess {
            task: task(&view.graph.workflow, &args.task)?,
            index: args.index,
            output,
        }))
    })
}
