//! `ork run explain`: why a run, or one of its tasks, does not go on.

use clap::Args;
use ork_core::run::RunStatus;
use ork_core::time::Time;
use ork_engine::why::{Explanation, Reason};
use ork_local::RunView;
use serde_json::{Value, json};

use self::story::{Failed, Story};
use super::look::LookArg;
use crate::commands::execute::task;
use crate::config::Config;
use crate::document;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::{Output, harmless};
use crate::site::Site;
use crate::table::{Cell, Table};
use crate::waiting;
use crate::workflow_file::count;

mod story;

/// Failed instances of one task that are told one by one; programs hear of more.
const FAILURES: usize = 3;

/// `ork run explain`
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    run: LookArg,
    /// The whole story of this task, however it stands
    #[arg(value_name = "TASK")]
    task: Option<String>,
    /// Print one JSON document to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Says what a run and its tasks wait for, or how they ended.
pub(crate) fn explain(args: &ExplainArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    engine::block_on(async {
        let (site, run) = args.run.find(config).await?;
        let view = site.view(&run).await?;
        let why = site.explain(&view).await?;
        let asked = match &args.task {
            Some(name) => Some(task(&view.graph.workflow, name)?),
            None => None,
        };
        let run = of_run(&site, &view, why.run.clone()).await?;
        let stories = match asked {
            Some(at) => vec![Story::of(&view, at, &why)],
            None => untold(&view, &why),
        };
        if args.json {
            out.json(&document(&view, &run, &stories))?;
            return Ok(Exit::Success);
        }
        let told = match (asked, stories.as_slice()) {
            (Some(_), [one]) => one.text(out.data),
            _ => table(&view, &stories, out),
        };
        out.print(&format!("{}{told}", heading(&view, &run, out)))?;
        if let Some(hint) = hint(&view) {
            out.say(&hint);
        }
        Ok(Exit::Success)
    })
}

/// The tasks that do not simply go on, upstreams first.
fn untold(view: &RunView, why: &Explanation) -> Vec<Story> {
    let order = view.graph.order().iter().copied();
    order
        .filter(|&at| !document::left_out(&view.state, at))
        .filter(|&at| Story::is_worth_telling(view, at, why))
        .map(|at| Story::of(view, at, why))
        .collect()
}

/// What holds the run back as a whole, or how it ended.
async fn of_run(
    site: &Site,
    view: &RunView,
    mut found: Vec<Reason>,
) -> Result<Vec<Reason>, Failure> {
    let header = &view.header;
    if header.status.is_terminal() {
        return Ok(vec![story::reason("over", ended(view))]);
    }
    if header.status == RunStatus::Pending {
        let holders = waiting::holders(site, header).await?;
        found.extend(holders.into_iter().map(|one| story::reason("holder", one)));
    }
    if !site.is_remote() && site.other_owner(header)?.is_none() {
        let text = format!(
            "no process executes it: an `ork dev` on this state folder takes it over, and `ork run resume {}` goes on with it",
            header.id
        );
        found.push(story::reason("engine", text));
    }
    Ok(found)
}

/// How a run ended, in a sentence.
fn ended(view: &RunView) -> String {
    let header = &view.state.header;
    let at = header.finished_at.map(Time::rfc3339).unwrap_or_default();
    let how = match header.status {
        RunStatus::Success => "it succeeded",
        RunStatus::Cancelled => "it was cancelled",
        _ => "it failed",
    };
    let who = header
        .cancelled_by
        .as_ref()
        .filter(|_| header.status == RunStatus::Cancelled)
        .map(|who| format!(" by {who}"))
        .unwrap_or_default();
    let why = header
        .error
        .as_ref()
        .filter(|_| header.status != RunStatus::Success)
        .map(|error| format!(": {error}"))
        .unwrap_or_default();
    format!("{how} at {at}{who}{why}")
}

/// What somebody can do about it.
fn hint(view: &RunView) -> Option<String> {
    let id = &view.header.id;
    match view.header.status {
        RunStatus::Failed | RunStatus::Cancelled => Some(format!(
            "`ork run retry {id}` runs again what failed or was cancelled, `ork run logs {id} TASK` shows what a task printed"
        )),
        RunStatus::Paused => Some(format!("`ork run resume {id}` goes on with it")),
        RunStatus::Pending | RunStatus::Running | RunStatus::Recovering | RunStatus::Success => {
            None
        }
    }
}

fn heading(view: &RunView, run: &[Reason], out: &Output) -> String {
    let header = &view.state.header;
    let status = out.data.run(header.status, header.status.as_str());
    let mut text = format!(
        "{} {}: {status}\n",
        out.data.bold(header.workflow.as_str()),
        header.id
    );
    for reason in run {
        let indent = if reason.kind.as_ref() == "holder" {
            "  "
        } else {
            ""
        };
        text.push_str(&format!("{indent}{}\n", harmless(&reason.text)));
    }
    text.push('\n');
    text
}

fn table(view: &RunView, stories: &[Story], out: &Output) -> String {
    if stories.is_empty() {
        return at_work(view);
    }
    let mut table = Table::new(["task", "status", "why"]);
    for story in stories {
        let mut lines: Vec<String> = story.reasons.iter().map(|one| one.text.clone()).collect();
        let all = story.failed.iter().take(FAILURES);
        lines.extend(all.map(Failed::line));
        if story.failed_in_all > FAILURES {
            lines.push(format!(
                "and {} more: `ork run explain {} {}` tells of them",
                story.failed_in_all - FAILURES,
                view.header.id,
                story.name
            ));
        }
        if lines.is_empty() {
            lines.push(String::new());
        }
        for (at, line) in lines.iter().enumerate() {
            let status = story.status;
            let (name, word) = match at {
                0 => (story.name.as_str(), status.as_str()),
                _ => ("", ""),
            };
            table.row([
                Cell::new(name),
                Cell::painted(word, move |paint, text| paint.instance(status, text)),
                Cell::new(harmless(line)),
            ]);
        }
    }
    table.render(out.data)
}

/// What a run does of which no task waits.
fn at_work(view: &RunView) -> String {
    let all = view.state.tasks().iter();
    let working = all.filter(|task| !task.status().is_terminal()).count();
    if view.header.status == RunStatus::Success {
        return format!("{} ended well\n", count(view.state.tasks().len(), "task"));
    }
    format!("nothing waits: {} at work\n", count(working, "task"))
}

/// For programs; the tasks are those that wait or did not go well, or the one that was asked about.
fn document(view: &RunView, run: &[Reason], stories: &[Story]) -> Value {
    let tasks: serde_json::Map<String, Value> = stories
        .iter()
        .map(|story| (story.name.clone(), story.json()))
        .collect();
    json!({
        "run_id": view.header.id,
        "workflow": view.header.workflow,
        "status": view.state.header.status,
        "run": run,
        "tasks": tasks,
    })
}
