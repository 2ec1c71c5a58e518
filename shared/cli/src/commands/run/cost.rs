//! `ork run cost`: what a run has cost.

use clap::Args;

use super::look::LookArg;
use crate::config::Config;
use crate::cost::Cost;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::Site;

/// `ork run cost`
#[derive(Debug, Args)]
pub(crate) struct CostArgs {
    #[command(flatten)]
    run: LookArg,
    /// Print one JSON document to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows what a run has cost so far.
pub(crate) fn cost(args: &CostArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let (site, run) = args.run.find(config).await?;
        let view = site.view(&run).await?;
        let cost = Cost(site.cost(&view).await?);
        if args.json {
            out.json(&cost.json())?;
        } else if cost.is_priced() {
            out.print(&cost.text(out))?;
        } else {
            let place = match site {
                Site::Server(_) => "the server has no prices",
                Site::Folder(_) | Site::Project(_) => {
                    "it is in a state folder and runs on this machine"
                }
            };
            out.print(&format!("run {run} costs nothing: {place}\n"))?;
        }
        Ok(Exit::Success)
    })
}
