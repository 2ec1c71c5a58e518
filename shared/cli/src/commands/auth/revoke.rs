//! `ork auth key revoke`

use clap::Args;
use ork_core::ids::RecordId;
use serde_json::json;

use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::{Site, SiteArg};

/// `ork auth key revoke`
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Id of the key: what stands between the underscores
    #[arg(value_name = "KEY")]
    key: RecordId,
    #[command(flatten)]
    site: SiteArg,
    /// Print the key as it stands to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Has an API key let nobody in any more.
pub(crate) fn revoke(args: &RevokeArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let place = args.site.nearest(config)?;
    let key = engine::block_on(async {
        let site = Site::to_look(place, config).await?;
        site.revoke_key(&args.key).await
    })?;
    if args.json {
        out.json(&json!(key))?;
    } else {
        out.say(&format!(
            "key {} ({}) lets nobody in any more",
            key.id, key.name
        ));
    }
    Ok(Exit::Success)
}
