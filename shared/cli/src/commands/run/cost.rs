//! `ork run cost`: what a run has cost.

use clap::Args;

use super::look::LookArg;
use crate::config::Config;
use crate::cost::{self, Cost};
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
        match &site {
            Site::Folder(_) if args.json => {
                out.json(&cost::nothing(&site.view(&run).await?))?;
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
