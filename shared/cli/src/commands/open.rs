//! `ork open`: opens the pages of a running `ork dev`, or of a server.

use clap::Args;

use crate::browser::{self, Wait};
use crate::config::Config;
use crate::dev_address;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::run_ref;
use crate::site::{Place, Site, SiteArg};
use crate::workflow_file::shown;

/// `ork open`
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// Name of a deployed workflow, or a run: its id, the beginning of one, or `latest` [default: the first page]
    #[arg(value_name = "RUN | WORKFLOW")]
    what: Option<String>,
    #[command(flatten)]
    site: SiteArg,
    /// Only print the address
    #[arg(long)]
    print: bool,
}

/// Opens a page in a browser.
pub(crate) fn open(args: &OpenArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let place = args.site.pages(config)?;
    let path = match &args.what {
        None => String::new(),
        Some(what) => engine::block_on(async {
            let site = Site::to_look(place.clone(), config).await?;
            page(&site, what).await
        })?,
    };
    let address = format!("{}{path}", address(&place)?);
    if args.print {
        out.print(&format!("{address}\n"))?;
        return Ok(Exit::Success);
    }
    out.say(&format!("opening {address}"));
    browser::open(&address, config.browser.as_deref(), Wait::Yes)?;
    Ok(Exit::Success)
}

/// Where the pages are.
fn address(place: &Place) -> Result<String, Failure> {
    match place {
        Place::Server(at) => Ok(at.url.clone()),
        Place::Folder(state) => dev_address::find(state)?.ok_or_else(|| {
            Failure::trouble(format!(
                "no `ork dev` is running on the state folder `{}`",
                shown(state)
            ))
            .hint("`ork dev --open` starts one and opens its pages; --state DIR or --server URL looks elsewhere")
        }),
        Place::Project(deployment) => Err(Failure::new(format!(
            "the pages of project `{}` are at the address of its API",
            deployment.project
        ))),
    }
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
