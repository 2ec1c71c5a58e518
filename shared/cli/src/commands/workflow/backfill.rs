//! `ork workflow backfill`: runs for slots that a schedule had and that have none.

use clap::Args;
use ork_core::run::RunStatus;
use ork_core::time::Time;
use ork_engine::{BackfillReport, EngineError, SlotRange, in_words};
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
        let report = if args.dry_run {
            site.slots_in(&document.name, range).await?
        } else {
            site.backfill(&document.name, range, &params).await?
        };
        let refused = report
            .refused()
            .map(|(slot, error)| not_all(&slot.slot, &error));
        if args.json {
            out.json(&json!(report))?;
        } else if !report.slots.is_empty() {
            out.print(&table(&report).render(out.data))?;
        }
        out.say(&said(&report, &site));
        match refused {
            None => Ok(Exit::Success),
            // The document has been printed, and says which slot it is.
            Some(failure) if args.json => {
                out.failure(&failure, false);
                Ok(failure.exit)
            }
            Some(failure) => Err(failure),
        }
    })
}

/// Why only some of the runs were started: the error that the slot's run met, as any other command would meet it.
fn not_all(slot: &str, error: &EngineError) -> Failure {
    let slot = Time::parse(slot).map_or_else(|_| slot.to_owned(), in_words);
    let message = format!(
        "the run for the slot {slot} was not started: {}",
        error.message
    );
    engine::failure(EngineError::new(error.kind, message))
        .hint("the slots after it were not tried; the same command goes on with them")
}

fn table(report: &BackfillReport) -> Table {
    let mut table = Table::new(["slot (UTC)", "local", "run", "state", "note"]);
    for one in &report.slots {
        let state = match (one.state.as_ref(), one.queued) {
            ("there", _) => one.status.map_or("there", RunStatus::as_str),
            ("started", Some(true)) => "started, waits",
            (state, _) => state,
        };
        table.row([
            Cell::new(one.slot.clone()),
            Cell::new(one.local.clone()),
            Cell::new(one.run_id.clone()),
            Cell::new(state.to_owned()),
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
        Site::Folder(_) | Site::Project(_) | Site::Server(_) => "",
    };
    format!("{slots}: {started} started, {missing} without a run{who}")
}

#[cfg(test)]
mod tests {
    use ork_engine::EngineErrorKind;

    use super::*;

    #[test]
    fn a_slot_that_gets_no_run_ends_the_command_as_its_error_would_anywhere_else() {
        let slot = "2025-06-15T15:06:00Z";
        for (kind, exit) in [
            (EngineErrorKind::Refused, Exit::Invalid),
            (EngineErrorKind::NotFound, Exit::Invalid),
            (EngineErrorKind::Unavailable, Exit::Trouble),
            (EngineErrorKind::Store, Exit::Trouble),
            (EngineErrorKind::Corrupt, Exit::Trouble),
        ] {
            let failure = not_all(slot, &EngineError::new(kind, "no room"));
            assert_eq!(failure.exit, exit, "{kind:?}");
            assert_eq!(
                failure.message,
                "the run for the slot 2025-06-15 15:06 UTC was not started: no room"
            );
            assert!(failure.hint.is_some(), "{kind:?}");
        }
    }
}
