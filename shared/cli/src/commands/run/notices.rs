//! `ork run notices`: who is told of a run, and what became of that.

use clap::Args;
use ork_core::Value;
use ork_engine::report::{self, NoticeReport};
use ork_local::RunView;
use serde_json::json;

use super::look::LookArg;
use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::{Output, harmless};
use crate::table::{Cell, Table};

/// `ork run notices`
#[derive(Debug, Args)]
pub(crate) struct NoticesArgs {
    #[command(flatten)]
    run: LookArg,
    /// Print one JSON document to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists the notices of a run.
pub(crate) fn notices(args: &NoticesArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let (site, run) = args.run.find(config).await?;
        let view = site.view(&run).await?;
        show(&view, args.json, out)?;
        Ok(Exit::Success)
    })
}

/// The notices of a run as they stand.
pub(super) fn show(view: &RunView, json: bool, out: &Output) -> Result<(), Failure> {
    let all = report::notices(view);
    if json {
        return out.json(&document(view, &all));
    }
    if all.is_empty() {
        out.say(&nothing(view));
        return Ok(());
    }
    let mut table = Table::new(["notice", "whom", "state", "tries", "since", "note"]);
    for one in &all {
        let since = one.settled_at.as_ref().unwrap_or(&one.at);
        let note = match (&one.why, &one.next_at) {
            (Some(why), Some(next)) => format!("{why}; again by {next}"),
            (Some(why), None) => why.clone(),
            (None, Some(next)) => format!("again by {next}"),
            (None, None) => String::new(),
        };
        table.row([
            Cell::new(one.notice.as_str()),
            Cell::new(harmless(&one.to)),
            Cell::new(one.state),
            Cell::right(one.attempts.to_string()),
            Cell::new(since.as_str()),
            Cell::new(harmless(&note)),
        ]);
    }
    out.print(&table.render(out.data))
}

/// That there are none, and why.
pub(super) fn nothing(view: &RunView) -> String {
    let (run, workflow) = (&view.header.id, &view.graph.workflow);
    if workflow.notifications.is_empty() {
        return format!(
            "no notices of run {run}: workflow {} tells nobody",
            workflow.name
        );
    }
    format!("no notices of run {run} yet: nothing has happened that somebody is told of")
}

fn document(view: &RunView, all: &[NoticeReport]) -> Value {
    json!({
        "run_id": view.header.id,
        "workflow": view.header.workflow,
        "status": view.header.status,
        "notices": all,
    })
}
