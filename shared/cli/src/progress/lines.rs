//! What a commit means in plain lines: one when a task starts, one when it ends, one per tenth of a fan-out.

use ork_core::definition::{Executor, TaskIndex};
use ork_core::run::{Graph, InstanceStatus, Note, NoteKind, RunState};

use super::board::RunView;
use crate::output::{Paint, harmless};
use crate::workflow_file::count;

/// Width of the word a line starts with.
const WORD: usize = 9;

/// The lines of one commit. `view` has taken it in already.
pub(super) fn lines(
    view: &mut RunView,
    state: &RunState,
    notes: &[Note],
    paint: Paint,
    out: &mut Vec<String>,
) {
    let graph = std::sync::Arc::clone(&view.graph);
    let mut moved: Vec<TaskIndex> = Vec::new();
    for note in notes {
        let Some(task) = note.task else { continue };
        if !graph.task(task).fans_out() {
            out.extend(single(&graph, state, task, note, paint));
        } else if let Some(line) = fan_out(view, &graph, state, task, note, paint) {
            out.push(line);
        } else if moved.last() != Some(&task) {
            moved.push(task);
        }
    }
    for task in moved {
        out.extend(tenth(view, &graph, task, paint));
    }
}

fn line(paint: Paint, status: InstanceStatus, word: &str, name: &str, rest: &str) -> String {
    let word = paint.instance(status, &format!("{word:<WORD$}"));
    let text = format!("{word} {name}  {}", harmless(rest));
    text.trim_end().to_owned()
}

fn single(
    graph: &Graph,
    state: &RunState,
    task: TaskIndex,
    note: &Note,
    paint: Paint,
) -> Option<String> {
    let name = graph.task(task).name.as_str();
    Some(match &note.kind {
        NoteKind::Started { attempt: 1 } => line(paint, InstanceStatus::Running, "start", name, ""),
        NoteKind::Started { attempt } => line(
            paint,
            InstanceStatus::Running,
            "start",
            name,
            &format!("attempt {attempt}"),
        ),
        // Whoever executes attempts itself says when they start, which is a moment later.
        NoteKind::Claimed { attempt } if state.header.owner.is_none() => line(
            paint,
            InstanceStatus::Dispatched,
            "sent",
            name,
            &match attempt {
                1 => String::new(),
                attempt => format!("attempt {attempt}"),
            },
        ),
        NoteKind::RetryIn { .. } => line(
            paint,
            InstanceStatus::Retrying,
            "retrying",
            name,
            &about(note, graph),
        ),
        NoteKind::Deferred { .. } => line(
            paint,
            InstanceStatus::Deferred,
            "deferred",
            name,
            &about(note, graph),
        ),
        NoteKind::Skipped(reason) => line(
            paint,
            InstanceStatus::Skipped,
            "skipped",
            name,
            &reason.render(graph),
        ),
        NoteKind::Unresolvable(why) => line(paint, InstanceStatus::Failed, "failed", name, why),
        NoteKind::Paused
        | NoteKind::Resumed
        | NoteKind::MarkedSuccess
        | NoteKind::Reset { .. }
        | NoteKind::OwnerLost { .. } => line(
            paint,
            InstanceStatus::Paused,
            "note",
            name,
            &about(note, graph),
        ),
        NoteKind::Succeeded { .. } | NoteKind::Failed { .. } => ended(graph, state, task, paint),
        NoteKind::Ready { .. } if matches!(graph.task(task).executor, Executor::Marker) => {
            ended(graph, state, task, paint)
        }
        _ => return None,
    })
}

/// A note without the task's name, which the line has already.
fn about(note: &Note, graph: &Graph) -> String {
    Note {
        task: None,
        index: None,
        kind: note.kind.clone(),
    }
    .render(graph)
}

fn ended(graph: &Graph, state: &RunState, task: TaskIndex, paint: Paint) -> String {
    let seen = state.task(task);
    let status = seen.status();
    let took = match state.instance(task, 0) {
        Some(only) if !graph.task(task).fans_out() => only.took(),
        _ => seen
            .finished_at
            .zip(seen.ready_at)
            .map(|(end, start)| end.since(start)),
    };
    let mut rest = took.map(|took| took.to_string()).unwrap_or_default();
    if graph.task(task).fans_out() {
        let counts = seen.counts();
        rest = format!(
            "{}/{} succeeded, {rest}",
            counts.of(InstanceStatus::Success),
            counts.total()
        );
    }
    if status == InstanceStatus::Failed
        && let Some(failure) = state
            .instances(task)
            .iter()
            .find_map(|instance| instance.failure.as_ref())
    {
        let first = failure.message.lines().next().unwrap_or_default();
        // Of an attempt that nobody saw begin it is not known how long it took.
        let colon = if rest.is_empty() { "" } else { ": " };
        rest = format!("{rest}{colon}{first} ({})", failure.category);
    }
    line(
        paint,
        status,
        status.as_str(),
        graph.task(task).name.as_str(),
        &rest,
    )
}

fn fan_out(
    view: &mut RunView,
    graph: &Graph,
    state: &RunState,
    task: TaskIndex,
    note: &Note,
    paint: Paint,
) -> Option<String> {
    let name = graph.task(task).name.as_str();
    Some(match &note.kind {
        NoteKind::Skipped(reason) => line(
            paint,
            InstanceStatus::Skipped,
            "skipped",
            name,
            &reason.render(graph),
        ),
        NoteKind::Unresolvable(why) => line(paint, InstanceStatus::Failed, "failed", name, why),
        NoteKind::Reset { .. } => {
            view.tasks[task as usize].tenths = 0;
            line(
                paint,
                InstanceStatus::Paused,
                "note",
                name,
                &about(note, graph),
            )
        }
        NoteKind::MarkedSuccess => line(
            paint,
            InstanceStatus::Paused,
            "note",
            name,
            &about(note, graph),
        ),
        NoteKind::TaskEnded { .. } => ended(graph, state, task, paint),
        NoteKind::Ready { instances } => line(
            paint,
            InstanceStatus::Running,
            "start",
            name,
            &count(*instances as usize, "instance"),
        ),
        _ => return None,
    })
}

/// A line when another tenth of a fan-out has ended.
fn tenth(view: &mut RunView, graph: &Graph, task: TaskIndex, paint: Paint) -> Option<String> {
    let seen = &mut view.tasks[task as usize];
    let (ended, total) = (seen.counts.ended(), seen.counts.total());
    let tenths = u32::try_from(u64::from(ended) * 10 / u64::from(total.max(1))).unwrap_or(10);
    if tenths <= seen.tenths || tenths >= 10 || seen.status.is_terminal() {
        return None;
    }
    seen.tenths = tenths;
    let failed = seen.counts.of(InstanceStatus::Failed);
    let failed = if failed > 0 {
        format!(", {failed} failed")
    } else {
        String::new()
    };
    let percent = u64::from(ended) * 100 / u64::from(total.max(1));
    let rest = format!("{percent}% ({ended}/{total}{failed})");
    Some(line(
        paint,
        InstanceStatus::Running,
        "running",
        graph.task(task).name.as_str(),
        &rest,
    ))
}
