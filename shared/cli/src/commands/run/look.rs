//! What the commands that look at one run share: naming it, and finding it where it is.

use clap::Args;
use ork_core::ids::RunId;

use crate::config::Config;
use crate::failure::Failure;
use crate::run_ref;
use crate::site::{Site, SiteArg};

/// Which run; the latest, when nothing is said.
#[derive(Debug, Args)]
pub(crate) struct LookArg {
    /// Run id, the beginning of one, or `latest`
    #[arg(value_name = "RUN", default_value = "latest")]
    run: String,
    #[command(flatten)]
    site: SiteArg,
}

impl LookArg {
    /// The run, and where it is.
    pub(crate) async fn find(&self, config: &Config) -> Result<(Site, RunId), Failure> {
        let site = Site::to_look(self.site.nearest(config)?, config).await?;
        let run = run_ref::find(&site, &self.run).await?;
        Ok((site, run))
    }
}
