//! `ork workflow status`

use clap::Args;
use ork_core::time::Time;
use ork_engine::report::RunSummary;
use serde_json::json;

use super::{known, list};
use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::progress;
use crate::site::{Site, SiteArg};
use crate::workflow_file::count;

/// Runs that are shown.
const RUNS: usize = 5;

/// `ork workflow status`
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Name of a deployed workflow
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    #[command(flatten)]
    site: SiteArg,
    /// Print one JSON document to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows one workflow.
pub(crate) fn status(args: &StatusArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let place = args.site.nearest(config)?;
    let (document, workflow, files, runs) = engine::block_on(async {
        let site = Site::to_look(place, config).await?;
        let document = known(&site, &args.workflow).await?;
        let workflow = site.current(&document).await?;
        let mut runs: Vec<RunSummary> = Vec::new();
        site.all_runs(None, Some(&document.name), RUNS, |run| {
            runs.push(run);
            runs.len() < RUNS
        })
        .await?;
        let files = site.files_of(&document);
        Ok((document, workflow, files, runs))
    })?;
    let now = progress::now();
    if args.json {
        let mut about = list::about(&document, &workflow, now);
        about["latest_runs"] = json!(runs);
        out.json(&about)?;
        return Ok(Exit::Success);
    }
    let mut text = format!(
        "{} version {}, {}\n",
        out.data.bold(document.name.as_str()),
        document.current.short(),
        count(workflow.tasks.len(), "task")
    );
    if let Some(description) = &workflow.description {
        text.push_str(&format!("{description}\n"));
    }
    let mut line = |what: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{what:<9} {value}\n"));
        }
    };
    line("file", files);
    line("deployed", document.deployed_at.rfc3339());
    line("schedule", list::schedules(&document, &workflow));
    line(
        "next",
        list::next(&document, &workflow, now)
            .map(Time::rfc3339)
            .unwrap_or_default(),
    );
    for run in &runs {
        line(
            "run",
            format!(
                "{} {}",
                run.run_id,
                out.data.run(run.status, run.status.as_str())
            ),
        );
    }
    out.print(&text)?;
    Ok(Exit::Success)
}
