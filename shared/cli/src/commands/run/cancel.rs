//! `ork run cancel`

use clap::Args;
use ork_core::run::Command;

use super::change::{RunArg, change};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// `ork run cancel`
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Why, for the record
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "cancelled with `ork run cancel`",
        hide_default_value = true
    )]
    reason: String,
}

/// Ends a run.
pub(crate) fn cancel(args: &CancelArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    change(&args.run, "cancelled", config, out, |_| {
        Ok(Command::Cancel {
            reason: args.reason.clone(),
        })
    })
}
