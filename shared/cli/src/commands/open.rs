//! `ork open`: opens the pages of a running `ork dev`.

use clap::Args;

use crate::browser::{self, Wait};
use crate::config::Config;
use crate::dev_address;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::run_ref;
use crate::site::{Place, Site};
use crate::state_folder::StateArg;
use crate::workflow_file::shown;

/// `ork open`
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// Name of a deployed workflow, or a run: its id, the beginning of one, or `latest` [default: the first page]
    #[arg(value_name = "RUN | WORKFLOW")]
    what: Option<String>,
    #[command(flatten)]
    state: StateArg,
    /// Only print the address
    #[arg(long)]
    print: bool,
}

/// Opens a page in a browser.
pub(crate) fn open(args: &OpenArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let state = args.state.nearest(config)?;
    let path = match &args.what {
        None => String::new(),
        Some(what) => engine::block_on(async {
            let site = Site::to_look(Place::Folder(state.clone()), config).await?;
            page(&site, what).await
        })?,
    };
    let Some(address) = dev_address::find(&state)? else {
        return Err(Failure::trouble(format!(
            "no `ork dev` is running on the state folder `{}`",
            shown(&state)
        ))
        .hint("`ork dev --open` starts one and opens its pages; --state DIR looks elsewhere"));
    };
    let address = format!("{address}{path}");
    if args.print {
        out.print(&format!("{address}\n"))?;
        return Ok(Exit::Success);
    }
    out.say(&format!("opening {address}"));
    browser::open(&address, config.browser.as_deref(), Wait::Yes)?;
    Ok(Exit::Success)
}

/// The path of the page about what was named. A workflow comes before runs whose ids begin so, as those of its schedule do.
async fn page(site: &Site, what: &str) -> Result<String, Failure> {
    let known = site.workflows().await?;
    if known.iter().any(|one| one.name.as_str() == what) {
        return Ok(format!("/workflows/{what}"));
    }
    let run = run_ref::find(site, what).await.map_err(|failure| {
        failure.hint("`ork run list` shows the runs, `ork workflow list` the workflows")
    })?;
    Ok(format!("/runs/{run}"))
}
