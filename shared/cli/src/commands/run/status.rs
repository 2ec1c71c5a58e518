//! `ork run status`

use clap::Args;
use ork_core::time::Time;
use ork_local::RunView;

use crate::config::Config;
use crate::document;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::{Output, harmless};
use crate::progress;
use crate::run_ref;
use crate::state_folder::StateArg;
use crate::table::{Cell, Table};

/// `ork run status`
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Run id, the beginning of one, or `latest`
    #[arg(value_name = "RUN", default_value = "latest")]
    run: String,
    #[command(flatten)]
    state: StateArg,
    /// Print the progress document to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows how far a run is.
pub(crate) fn status(args: &StatusArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let view = engine::block_on(async {
        let embedded = engine::to_look(args.state.nearest(config)?)?;
        let run = run_ref::find(&embedded, &args.run).await?;
        engine::view(&embedded, &run).await
    })?;
    let now = progress::now();
    if args.json {
        out.json(&document::progress(&view, now))?;
    } else {
        out.print(&text(&view, now, out))?;
    }
    Ok(Exit::Success)
}

fn text(view: &RunView, now: Time, out: &Output) -> String {
    let (header, seen) = (&view.state.header, view.state.progress(&view.graph, now));
    let status = out.data.run(header.status, header.status.as_str());
    let took = seen
        .actual_duration
        .map(|took| format!(", {took}"))
        .unwrap_or_default();
    let eta = seen
        .eta
        .filter(|eta| *eta > now)
        .map(|eta| format!(", about {} left", eta.since(now)))
        .unwrap_or_default();
    let mut text = format!(
        "{} {} (version {})\n",
        out.data.bold(header.workflow.as_str()),
        header.id,
        header.version.short()
    );
    text.push_str(&format!("{status}, {}%{took}{eta}", seen.percent));
    if header.recovery_attempts > 0 {
        text.push_str(&format!(
            ", recovered {} of {} times",
            header.recovery_attempts, view.graph.workflow.max_recovery_attempts
        ));
    }
    text.push('\n');
    if let Some(error) = &header.error {
        text.push_str(&format!("{}\n", harmless(error)));
    }
    text.push('\n');
    let mut table = Table::new([
        "step",
        "task",
        "status",
        "attempts",
        "instances",
        "duration",
        "note",
    ]);
    for &at in view.graph.order() {
        if document::left_out(&view.state, at) {
            continue;
        }
        let [name, status, attempts, instances, duration, note] =
            progress::row(&view.graph, &view.state, at);
        table.row([
            Cell::right(view.graph.step(at).to_string()),
            name,
            status,
            attempts,
            instances,
            duration,
            note,
        ]);
    }
    text.push_str(&table.render(out.data));
    text
}
