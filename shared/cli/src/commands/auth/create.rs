//! `ork auth key create`

use clap::Args;
use ork_core::ids::WorkflowName;
use ork_core::time::Millis;
use ork_engine::{NewKey, Role};
use serde_json::json;

use crate::config::Config;
use crate::duration;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::{Site, SiteArg};

/// `ork auth key create`
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What the key is for, in a few words
    #[arg(value_name = "NAME")]
    name: String,
    /// What its holder may do: viewer, operator, author or admin
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Only this workflow and its runs (may be repeated)
    #[arg(long = "workflow", value_name = "NAME")]
    workflows: Vec<WorkflowName>,
    /// How long it is good for, such as 90d; until it is revoked otherwise
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    expires: Option<Millis>,
    #[command(flatten)]
    site: SiteArg,
    /// Print the key and what is kept of it to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Makes an API key and prints it.
pub(crate) fn create(args: &CreateArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let wish = NewKey {
        name: args.name.clone(),
        role: args.role,
        workflows: args.workflows.clone(),
        lasts: args.expires,
    };
    let place = args.site.nearest(config)?;
    let made = engine::block_on(async {
        let site = Site::to_look(place, config).await?;
        site.create_key(wish).await
    })?;
    if args.json {
        out.json(&json!(made))?;
        return Ok(Exit::Success);
    }
    let key = &made.key;
    let until = match &key.expires_at {
        Some(at) => format!("until {at}"),
        None => format!("until `ork auth key revoke {}`", key.id),
    };
    out.say(&format!(
        "key {} ({}) lets its holder in as {} {until}; it is shown only now:",
        key.id, key.name, key.role
    ));
    out.print(&format!("{}\n", made.token))?;
    Ok(Exit::Success)
}
