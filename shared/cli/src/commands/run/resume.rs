//! `ork run resume`

use clap::Args;
use ork_core::run::{Command, RunStatus};

use super::change::{GoOnArgs, go_on};
use crate::commands::execute::task;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// `ork run resume`
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) go_on: GoOnArgs,
    /// Only this task
    #[arg(short, long, value_name = "NAME")]
    task: Option<String>,
}

/// Goes on with a paused run, or with one whose engine was killed.
pub(crate) fn resume(args: &ResumeArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    go_on(&args.go_on, "resumed", config, out, |view| {
        let header = &view.state.header;
        // Whoever had its notices in hand may have been killed, too.
        if header.status.is_terminal() && !view.state.has_pending_notices() {
            let hint = format!(
                "`ork run retry {0}` runs again what failed, `ork run recover {0}` from a chosen place",
                header.id
            );
            return Err(
                Failure::new(format!("run {} is over: {}", header.id, header.status)).hint(hint),
            );
        }
        Ok(match &args.task {
            Some(name) => Some(Command::ResumeTask {
                task: task(&view.graph.workflow, name)?,
            }),
            None if header.status == RunStatus::Paused => Some(Command::Resume),
            // Not paused: then nobody works on it any more, which taking it over finds out.
            None => None,
        })
    })
}
