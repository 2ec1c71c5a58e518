//! `ork workflow delete`

use clap::Args;

use super::known;
use crate::config::Config;
use crate::engine::{self, failure};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::state_folder::StateArg;

/// `ork workflow delete`
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Name of a deployed workflow
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    #[command(flatten)]
    state: StateArg,
}

/// Removes a workflow; what it ran stays.
pub(crate) fn delete(args: &DeleteArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let embedded = engine::to_look(args.state.nearest(config)?)?;
        let document = known(&embedded, &args.workflow).await?;
        embedded
            .delete_workflow(&document.name)
            .await
            .map_err(failure)?;
        out.say(&format!(
            "{}: deleted; its versions and runs stay, `ork workflow deploy` brings it back",
            document.name
        ));
        Ok(Exit::Success)
    })
}
