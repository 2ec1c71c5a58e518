//! `ork auth key list`

use clap::Args;
use serde_json::json;

use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::{Site, SiteArg};
use crate::table::{Cell, Table};

/// `ork auth key list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    site: SiteArg,
    /// Print {"keys": […]} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists API keys by id.
pub(crate) fn list(args: &ListArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let place = args.site.nearest(config)?;
    let keys = engine::block_on(async {
        let site = Site::to_look(place, config).await?;
        site.keys().await
    })?;
    if args.json {
        out.json(&json!({ "keys": keys }))?;
        return Ok(Exit::Success);
    }
    if keys.is_empty() {
        out.say("no keys");
        return Ok(Exit::Success);
    }
    let mut table = Table::new([
        "key",
        "name",
        "role",
        "workflows",
        "status",
        "created",
        "by",
        "ends",
        "last used",
    ]);
    for key in &keys {
        let names: Vec<&str> = key.workflows.iter().map(String::as_str).collect();
        let names = if names.is_empty() {
            "all".to_owned()
        } else {
            names.join(", ")
        };
        let day = |at: &String| at.get(..10).unwrap_or_default().to_owned();
        table.row([
            Cell::new(key.id.as_str()),
            Cell::new(key.name.as_str()),
            Cell::new(key.role.as_str()),
            Cell::new(names),
            Cell::painted(key.status.clone(), |paint, text| match text {
                "good" => paint.green(text),
                _ => paint.dim(text),
            }),
            Cell::new(day(&key.created_at)),
            Cell::new(key.created_by.as_str()),
            Cell::new(key.expires_at.as_ref().map(day).unwrap_or_default()),
            Cell::new(key.last_used_at.as_ref().map(day).unwrap_or_default()),
        ]);
    }
    out.print(&table.render(out.data))?;
    Ok(Exit::Success)
}
