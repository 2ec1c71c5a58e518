//! `ork run list`

use clap::Args;
use ork_core::ids::WorkflowName;
use ork_core::run::{RunStatus, RunTrigger};
use ork_core::time::Time;
use ork_engine::report::RunSummary;
use serde_json::json;

use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::{Site, SiteArg};
use crate::table::{Cell, Table};

/// `ork run list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only runs in this status: pending, running, paused, success, failed, cancelled or recovering
    #[arg(long, value_name = "STATUS")]
    status: Option<RunStatus>,
    /// Only runs of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<WorkflowName>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    site: SiteArg,
    /// Print {"runs": […]} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists runs, newest first.
pub(crate) fn list(args: &ListArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let runs = engine::block_on(async {
        let site = Site::to_look(args.site.nearest(config)?, config).await?;
        let mut runs: Vec<RunSummary> = Vec::new();
        let limit = args.limit as usize;
        site.all_runs(args.status, args.workflow.as_ref(), limit, |run| {
            runs.push(run);
            runs.len() < limit
        })
        .await?;
        Ok(runs)
    })?;
    if args.json {
        out.json(&json!({ "runs": runs }))?;
        return Ok(Exit::Success);
    }
    if runs.is_empty() {
        out.say("no runs");
        return Ok(Exit::Success);
    }
    let mut table = Table::new(["run", "workflow", "status", "started", "duration", "by"]);
    for run in &runs {
        let status = run.status;
        let started = run.started_at.as_ref().unwrap_or(&run.created_at);
        let instants = run.finished_at.as_ref().and_then(|end| {
            let end = Time::parse(end).ok()?;
            Some((end, Time::parse(started).ok()?))
        });
        table.row([
            Cell::new(run.run_id.as_str()),
            Cell::new(run.workflow.as_str()),
            Cell::painted(status.as_str(), move |paint, text| paint.run(status, text)),
            Cell::new(started.get(..19).unwrap_or_default().replace('T', " ") + "Z"),
            Cell::right(
                instants
                    .map(|(end, started)| end.since(started).to_string())
                    .unwrap_or_default(),
            ),
            Cell::new(match &run.trigger {
                RunTrigger::Manual => "hand".to_owned(),
                RunTrigger::Schedule => "schedule".to_owned(),
                RunTrigger::Event(what) => what.clone(),
                RunTrigger::Parent => run.parent.as_ref().map_or_else(
                    || "another run".to_owned(),
                    |parent| format!("run {parent}"),
                ),
            }),
        ]);
    }
    out.print(&table.render(out.data))?;
    Ok(Exit::Success)
}
