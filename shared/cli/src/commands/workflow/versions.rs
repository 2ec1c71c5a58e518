//! `ork workflow versions`

use clap::Args;
use serde_json::json;

use super::known;
use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::{Site, SiteArg};

/// `ork workflow versions`
#[derive(Debug, Args)]
pub(crate) struct VersionsArgs {
    /// Name of a deployed workflow
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    #[command(flatten)]
    site: SiteArg,
    /// Print {"workflow": …, "current": …, "versions": […]} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists the stored versions of a workflow, the current one first.
pub(crate) fn versions(
    args: &VersionsArgs,
    config: &Config,
    out: &Output,
) -> Result<Exit, Failure> {
    let place = args.site.nearest(config)?;
    let (document, mut versions) = engine::block_on(async {
        let site = Site::to_look(place, config).await?;
        let document = known(&site, &args.workflow).await?;
        let versions = site.versions(&document.name).await?;
        Ok((document, versions))
    })?;
    versions.sort_by_key(|version| *version != document.current);
    if args.json {
        out.json(&json!({ "workflow": document.name, "current": document.current, "versions": versions }))?;
        return Ok(Exit::Success);
    }
    let lines: String = versions
        .iter()
        .map(|version| {
            format!(
                "{version}{}\n",
                if *version == document.current {
                    " (current)"
                } else {
                    ""
                }
            )
        })
        .collect();
    out.print(&lines)?;
    Ok(Exit::Success)
}
