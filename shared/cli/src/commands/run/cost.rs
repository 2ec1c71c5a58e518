//! `ork run cost`: what a run has cost.

use clap::Args;
use serde_json::json;

use crate::config::Config;
use crate::cost::Cost;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::run_ref;
use crate::site::{Site, SiteArg};

/// `ork run cost`
#[derive(Debug, Args)]
pub(crate) struct CostArgs {
    /// Run id, the beginning of one, or `latest`
    #[arg(value_name = "RUN", default_value = "latest")]
    run: String,
    #[command(flatten)]
    site: SiteArg,
    /// Print one JSON document to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows what a run has cost so far.
pub(crate) fn cost(args: &CostArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let site = Site::to_look(args.site.nearest(config)?, config).await?;
        let run = run_ref::find(&site, &args.run).await?;
        match &site {
            Site::Folder(_) if args.json => {
                out.json(&json!({ "run_id": run, "functions": {}, "total": { "dollars": 0.0 } }))?;
            }
            Site::Folder(_) => out.print(&format!(
                "run {run} costs nothing: it is in a state folder and runs on this machine\n"
            ))?,
            Site::Project(remote) => {
                let view = site.view(&run).await?;
                let cost = Cost::of(remote, &view);
                if args.json {
                    out.json(&cost.json())?;
                } else {
                    out.print(&cost.text(out))?;
                }
            }
        }
        Ok(Exit::Success)
    })
}
