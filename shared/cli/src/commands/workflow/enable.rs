//! `ork workflow enable`, `ork workflow disable`

use clap::Args;

use super::known;
use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::{Site, SiteArg};

/// `ork workflow enable`, `ork workflow disable`
#[derive(Debug, Args)]
pub(crate) struct EnableArgs {
    /// Name of a deployed workflow
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    #[command(flatten)]
    site: SiteArg,
}

/// Lets the schedules of a workflow fire or not.
pub(crate) fn enable(
    args: &EnableArgs,
    on: bool,
    config: &Config,
    out: &Output,
) -> Result<Exit, Failure> {
    engine::block_on(async {
        let site = Site::to_look(args.site.nearest(config)?, config).await?;
        let document = known(&site, &args.workflow).await?;
        site.enable(&document.name, on).await?;
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
