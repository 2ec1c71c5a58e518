//! `ork run status`

use clap::Args;
use ork_core::time::Time;
use ork_engine::report::{self, TroubleReport};
use ork_local::RunView;

use super::look::LookArg;
use crate::config::Config;
use crate::cost::Cost;
use crate::document;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::{Output, harmless};
use crate::progress;
use crate::site::Site;
use crate::table::{Cell, Table};

/// `ork run status`
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    run: LookArg,
    /// Print the progress document to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows how far a run is.
pub(crate) fn status(args: &StatusArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let (site, run) = args.run.find(config).await?;
        let view = site.view(&run).await?;
        let cost = match &site {
            Site::Folder(_) => None,
            Site::Project(_) | Site::Server(_) => Some(Cost(site.cost(&view).await?)),
        };
        let cost = cost.filter(Cost::is_priced);
        let now = progress::now();
        if args.json {
            let mut document = document::progress(&view, now);
            if let Some(cost) = &cost {
                document["cost"] = cost.json()["total"].take();
            }
            out.json(&document)?;
        } else {
            let cost = cost.and_then(|cost| cost.line());
            out.print(&text(&view, cost, now, out))?;
        }
        Ok(Exit::Success)
    })
}

fn text(view: &RunView, cost: Option<String>, now: Time, out: &Output) -> String {
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
    if let Some(cost) = cost {
        text.push_str(&format!("{cost}\n"));
    }
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
    for &at in view.graph.order() {
        for job in report::jobs(&view.state, at).iter().filter(|job| !job.done) {
            let link = job.link.as_deref().map(|link| format!("\n  {link}"));
            text.push_str(&format!(
                "\n{} waits for {}{}",
                view.graph.task(at).name,
                harmless(&job.job),
                link.unwrap_or_default()
            ));
            if let Some(trouble) = &job.unanswered {
                text.push_str(&unanswered("not answered", trouble));
            }
            text.push('\n');
        }
    }
    text.push_str(&stopping(view, now));
    text.push_str(&notices(view));
    text
}

/// Who is told of the run, and whether they were.
fn notices(view: &RunView) -> String {
    let mut text = String::new();
    for one in report::notices(view) {
        let to = harmless(&one.to);
        let how = match (one.state, &one.settled_at, &one.next_at) {
            ("sent", Some(at), _) => format!("was told at {at}"),
            ("gave_up", Some(at), _) => format!("could not be told, given up at {at}"),
            (_, _, Some(next)) => format!("is to be told, again at {next} at the latest"),
            (state, ..) => state.to_owned(),
        };
        let tries = match one.attempts {
            0 | 1 => String::new(),
            tries => format!(", {tries} tries"),
        };
        text.push_str(&format!("\n{to} {how} ({}{tries})", one.on));
        if let Some(why) = &one.why {
            text.push_str(&format!("\n  {}", harmless(why)));
        }
        text.push('\n');
    }
    text
}

/// Why a question about jobs, or the wish to stop them, came to nothing.
fn unanswered(what: &str, trouble: &TroubleReport) -> String {
    let times = match trouble.times {
        1 => String::new(),
        times => format!(", {times} times in a row"),
    };
    let (at, why) = (&trouble.at, harmless(&trouble.why));
    format!("\n  {what}{times}, last at {at}: {why}")
}

/// Jobs elsewhere that nobody waits for any more and that are not known to be over.
fn stopping(view: &RunView, now: Time) -> String {
    let mut text = String::new();
    for (task, index, one) in view.state.cancellations() {
        let definition = view.graph.task(task);
        let index = if definition.fans_out() {
            format!("[{index}]")
        } else {
            String::new()
        };
        text.push_str(&format!(
            "\nstopping {} of {} job(s) of attempt {} of {}{index}, since {}",
            one.left(),
            one.count,
            one.attempt,
            definition.name,
            now.since(one.since)
        ));
        match one.denied {
            0 => {}
            1 => text.push_str(", turned down once"),
            n => text.push_str(&format!(", turned down {n} times")),
        }
        if one.is_refused() {
            text.push_str("; it may be at work still");
        }
        if let Some(trouble) = &one.trouble {
            text.push_str(&unanswered("not taken", &TroubleReport::of(trouble)));
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}
