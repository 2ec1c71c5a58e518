//! `ork workflow enable`, `ork workflow disable`

use clap::Args;

use super::known;
use crate::config::Config;
use crate::engine::{self, failure};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::state_folder::StateArg;

/// `ork workflow enable`, `ork workflow disable`
#[derive(Debug, Args)]
pub(crate) struct EnableArgs {
    /// Name of a deployed workflow
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    #[command(flatten)]
    state: StateArg,
}

/// Lets the schedules of a workflow fire or not.
pub(crate) fn enable(
    args: &EnableArgs,
    on: bool,
    config: &Config,
    out: &Output,
) -> Result<Exit, Failure> {
    engine::block_on(async {
        let embedded = engine::to_look(args.state.nearest(config)?)?;
        let document = known(&embedded, &args.workflow).await?;
        embedded.enable(&document.name, on).await.map_err(failure)?;
        out.say(&format!(
            "{}: its schedules {}",
            document.name,
            if on {
                "fire from now on"
            } else {
                "do not fire any more"
            }
        ));
        Ok(Exit::Success)
    })
}
