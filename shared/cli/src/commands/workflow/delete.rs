//! `ork workflow delete`

use clap::Args;

use super::known;
use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::{Site, SiteArg};

/// `ork workflow delete`
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Name of a deployed workflow
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    #[command(flatten)]
    site: SiteArg,
}

/// Removes a workflow; what it ran stays.
pub(crate) fn delete(args: &DeleteArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let site = Site::to_look(args.site.nearest(config)?, config).await?;
        let document = known(&site, &args.workflow).await?;
        site.delete(&document.name).await?;
        out.say(&format!(
            "{}: deleted; its versions and runs stay, `ork workflow deploy` brings it back",
            document.name
        ));
        Ok(Exit::Success)
    })
}
