//! `ork workflow backfill`: runs for slots that a schedule had and that have none.

use clap::Args;
use ork_core::time::Time;
use ork_engine::{BackfillReport, SlotRange};
use serde_json::json;

use super::known;
use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::params::ParamArgs;
use crate::progress;
use crate::site::{Site, SiteArg};
use crate::table::{Cell, Table};
use crate::workflow_file::count;

/// `ork workflow backfill`
#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    /// Name of a deployed workflow
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    /// First instant that counts, RFC 3339 such as 2026-03-29T00:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = Time::parse)]
    from: Time,
    /// Last instant that counts [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = Time::parse)]
    to: Option<Time>,
    /// Show which slots have no run, and start none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    params: ParamArgs,
    #[command(flatten)]
    site: SiteArg,
    /// Print one JSON document to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Makes a run for every slot of a range that has none.
pub(crate) fn backfill(
    args: &BackfillArgs,
    config: &Config,
    out: &Output,
) -> Result<Exit, Failure> {
    let range = SlotRange {
        from: args.from,
        to: args.to.unwrap_or_else(progress::now),
    };
    engine::block_on(async {
        let site = Site::to_look(args.site.nearest(config)?, config).await?;
        let document = known(&site, &args.workflow).await?;
        let params = args.params.given(&site.current(&document).await?)?;
        let fill = if args.dry_run {
            site.slots_in(&document.name, range).await?
        } else {
            site.backfill(&document.name, range, &params).await?
        };
        let report = BackfillReport::of(&document.name, args.dry_run, fill);
        let refused = report.slots.iter().find_map(|one| one.error.clone());
        if args.json {
            out.json(&json!(report))?;
        } else if !report.slots.is_empty() {
            out.print(&table(&report).render(out.data))?;
        }
        out.say(&said(&report, &site));
        match refused {
            None => Ok(Exit::Success),
            Some(why) => Err(Failure::new(why)
                .hint("the slots after it were not tried; the same command goes on with them")),
        }
    })
}

fn table(report: &BackfillReport) -> Table {
    let mut table = Table::new(["slot (UTC)", "local", "run", "state", "note"]);
    for one in &report.slots {
        let state = match (one.state, one.queued) {
            ("there", _) => one.status.unwrap_or("there"),
            ("started", Some(true)) => "started, waits",
            (state, _) => state,
        };
        table.row([
            Cell::new(one.slot.clone()),
            Cell::new(one.local.clone()),
            Cell::new(one.run_id.clone()),
            Cell::new(state),
            Cell::painted(one.note.clone().unwrap_or_default(), |paint, text| {
                paint.yellow(text)
            }),
        ]);
    }
    table
}

fn said(report: &BackfillReport, site: &Site) -> String {
    let slots = count(report.slots.len(), "slot");
    let missing = report.missing;
    if report.dry_run {
        return format!("{slots}, {missing} without a run; nothing was started");
    }
    let started = count(report.started, "run");
    let who = match site {
        Site::Folder(_) if report.started > 0 => {
            "; an `ork dev` on this state folder executes what was started"
        }
        Site::Folder(_) | Site::Project(_) => "",
    };
    format!("{slots}: {started} started, {missing} without a run{who}")
}
