//! How a run went: a table of its tasks, what failed and why, one line about the whole.

use ork_core::definition::TaskIndex;
use ork_core::run::{
    Graph, InstanceStatus, RunState, RunStatus, SkipReason, TaskOutcome, TaskPhase,
};
use ork_core::time::Millis;

use super::failures::{self, Logs};
use crate::output::{Paint, harmless};
use crate::site::Attempt;
use crate::table::{Cell, Table};
use crate::workflow_file::count;

/// Tasks that are listed one by one; of more, those that went well are only counted.
const LISTED: usize = 60;
/// Tasks whose failure is shown with its log.
const FAILURES: usize = 5;
/// Characters of a note in the table.
const NOTE: usize = 60;

/// The summary of a run as text.
pub(crate) fn summary(graph: &Graph, state: &RunState, logs: &Logs, paint: Paint) -> String {
    let mut out = String::new();
    let tasks = || {
        (0..).zip(state.tasks()).filter(|(_, task)| {
            !matches!(
                task.phase,
                TaskPhase::Ended(TaskOutcome::Skipped(SkipReason::NotAskedFor))
            )
        })
    };
    let all = tasks().count();
    let mut table = Table::new([
        "task",
        "status",
        "attempts",
        "instances",
        "duration",
        "note",
    ]);
    let mut unlisted = 0;
    for (at, task) in tasks() {
        if all > LISTED && task.status() == InstanceStatus::Success {
            unlisted += 1;
        } else {
            table.row(row(graph, state, at));
        }
    }
    if unlisted < all {
        out.push_str(&table.render(paint));
    }
    if unlisted > 0 {
        out.push_str(&format!(
            "{} that succeeded not listed; `ork run status {}` lists all\n",
            count(unlisted, "task"),
            state.header.id
        ));
    }
    let failed = failed_tasks(state);
    for &task in failed.iter().take(FAILURES) {
        failures::failed(graph, state, task, logs, paint, &mut out);
    }
    if failed.len() > FAILURES {
        out.push_str(&format!(
            "\n{} failed too; `ork run logs {} TASK` shows the log of one\n",
            count(failed.len() - FAILURES, "task"),
            state.header.id
        ));
    }
    out.push('\n');
    out.push_str(&last_line(state, all, paint));
    out
}

fn failed_tasks(state: &RunState) -> Vec<TaskIndex> {
    (0..)
        .zip(state.tasks())
        .filter(|(_, task)| task.status() == InstanceStatus::Failed)
        .map(|(at, _)| at)
        .collect()
}

/// The attempts whose logs the summary shows the ends of.
pub(crate) fn shown_failures(state: &RunState) -> Vec<Attempt> {
    let failed = failed_tasks(state).into_iter().take(FAILURES);
    failed
        .flat_map(|task| failures::shown_attempts(state, task))
        .collect()
}

/// A task's row, also for `ork run status`.
pub(crate) fn row(graph: &Graph, state: &RunState, at: TaskIndex) -> [Cell; 6] {
    let (task, definition) = (state.task(at), graph.task(at));
    let status = task.status();
    let attempts: u64 = state
        .instances(at)
        .iter()
        .map(|instance| u64::from(instance.attempt))
        .sum();
    let counts = task.counts();
    let instances = if definition.fans_out() && task.count > 0 {
        format!("{}/{}", counts.of(InstanceStatus::Success), counts.total())
    } else {
        String::new()
    };
    let took = match state.instance(at, 0) {
        Some(only) if !definition.fans_out() => only.took(),
        _ => task
            .finished_at
            .zip(task.ready_at)
            .map(|(end, start)| end.since(start)),
    };
    [
        Cell::new(definition.name.as_str()),
        Cell::painted(status.as_str(), move |paint, text| {
            paint.instance(status, text)
        }),
        Cell::right(if attempts == 0 {
            String::new()
        } else {
            attempts.to_string()
        }),
        Cell::right(instances),
        Cell::right(if attempts == 0 {
            String::new()
        } else {
            took.map(|took| took.to_string()).unwrap_or_default()
        }),
        Cell::new(note(graph, state, at)),
    ]
}

/// Why it was skipped, what went wrong, or that something did on the way.
fn note(graph: &Graph, state: &RunState, at: TaskIndex) -> String {
    let task = state.task(at);
    if let TaskPhase::Ended(TaskOutcome::Skipped(reason)) = task.phase {
        return reason.render(graph);
    }
    let failures = state
        .instances(at)
        .iter()
        .filter_map(|instance| instance.failure.as_deref());
    let Some(first) = failures.clone().next() else {
        return String::new();
    };
    let message: String = first
        .message
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(NOTE)
        .collect();
    let cut = if message.len() < first.message.len() {
        "…"
    } else {
        ""
    };
    let failed = task.counts().of(InstanceStatus::Failed);
    match task.status() {
        InstanceStatus::Success if failed == 0 => {
            format!("retried after: {}{cut}", harmless(&message))
        }
        InstanceStatus::Success => format!("{failed} failed, which is tolerated"),
        _ => format!("{}{cut}", harmless(&message)),
    }
}

fn last_line(state: &RunState, tasks: usize, paint: Paint) -> String {
    let header = &state.header;
    let took: Option<Millis> = header
        .finished_at
        .zip(header.started_at)
        .map(|(end, start)| end.since(start));
    let took = took.map(|took| format!(" in {took}")).unwrap_or_default();
    let status = paint.run(header.status, header.status.as_str());
    let why = match (&header.error, header.status) {
        (Some(error), status) if status != RunStatus::Success => format!(" ({})", harmless(error)),
        _ => String::new(),
    };
    format!(
        "{status}{took}, {}{why}; run {}\n",
        count(tasks, "task"),
        header.id
    )
}
