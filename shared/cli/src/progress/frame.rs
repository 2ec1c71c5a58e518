//! The picture of the runs under way, at most as high and as wide as the terminal.

use ork_core::run::InstanceStatus;
use ork_core::time::Time;

use super::board::{Board, RunView, TaskView};
use crate::output::Paint;

/// Characters of a bar.
const BAR: usize = 24;
/// Columns for a task's name.
const NAME: usize = 28;

/// A piece of a line and how it is coloured.
type Piece = (String, fn(Paint, &str) -> String);

/// The lines of the picture.
pub(super) fn frame(board: &Board, now: Time, columns: usize, rows: usize, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    // The line below the picture is where the cursor waits.
    let mut room = rows.saturating_sub(1).max(1);
    for (at, run) in board.runs.values().enumerate() {
        if room == 0 {
            break;
        }
        if room == 1 && at + 1 < board.runs.len() {
            lines.push(fit(vec![(format!("… and {} more runs", board.runs.len() - at), Paint::dim)], columns, paint));
            break;
        }
        lines.push(fit(header(run, now), columns, paint));
        room -= 1;
        let active: Vec<usize> = (0..run.tasks.len()).filter(|&task| is_active(run.tasks[task].status)).collect();
        let shown = if active.len() > room { room.saturating_sub(1) } else { active.len() };
        for &task in &active[..shown] {
            lines.push(fit(task_line(run, task, now), columns, paint));
        }
        room -= shown;
        if active.len() > shown && room > 0 {
            lines.push(fit(vec![(format!("  … and {} more tasks", active.len() - shown), Paint::dim)], columns, paint));
            room -= 1;
        }
    }
    lines
}

fn is_active(status: InstanceStatus) -> bool {
    use InstanceStatus as S;
    matches!(status, S::Queued | S::Dispatched | S::Running | S::Deferred | S::Retrying | S::Paused)
}

fn header(run: &RunView, now: Time) -> Vec<Piece> {
    let elapsed = run.started_at.map(|start| clock(now, start)).unwrap_or_default();
    let eta = match run.eta {
        Some(eta) if eta > now => format!("  about {} left", clock(eta, now)),
        _ => String::new(),
    };
    let percent = run.percent();
    let mut line = vec![(format!("{} ", run.graph.workflow.name), Paint::bold as fn(Paint, &str) -> String)];
    line.extend(bar(percent, 100));
    line.push((format!(" {percent:>3}%  {}/{} tasks  {elapsed}{eta}  {}", run.tasks_ended, run.tasks.len(), run.status), plain));
    line
}

fn task_line(run: &RunView, task: usize, now: Time) -> Vec<Piece> {
    let view = &run.tasks[task];
    let name = run.graph.workflow.tasks[task].name.as_str();
    let mut line: Vec<Piece> = vec![(format!("  {name:<NAME$} "), plain)];
    if run.graph.workflow.tasks[task].fans_out() {
        line.extend(fan_out(view));
        line.push((format!("  {}", view.ready_at.map(|at| clock(now, at)).unwrap_or_default()), Paint::dim));
    } else {
        line.push((format!("{:<10}", view.status.as_str()), color(view.status)));
        let since = if view.status == InstanceStatus::Running { view.started_at } else { view.started_at.or(view.ready_at) };
        line.push((since.map(|at| clock(now, at)).unwrap_or_default(), plain));
        if view.attempt > 1 {
            line.push((format!("  attempt {}", view.attempt), Paint::yellow));
        }
    }
    line
}

fn fan_out(view: &TaskView) -> Vec<Piece> {
    let (ended, total) = (view.counts.ended(), view.counts.total());
    let mut pieces = bar(u64::from(ended), u64::from(total));
    pieces.push((format!(" {ended}/{total}"), plain));
    let failed = view.counts.of(InstanceStatus::Failed);
    if failed > 0 {
        pieces.push((format!(", {failed} failed"), Paint::red));
    }
    let busy = view.counts.in_flight();
    if busy > 0 {
        pieces.push((format!(", {busy} running"), Paint::cyan));
    }
    pieces
}

fn bar(done: u64, total: u64) -> Vec<Piece> {
    let full = usize::try_from(done * BAR as u64 / total.max(1)).unwrap_or(BAR).min(BAR);
    vec![("━".repeat(full), Paint::green), ("─".repeat(BAR - full), Paint::dim)]
}

fn plain(_: Paint, text: &str) -> String {
    text.to_owned()
}

fn color(status: InstanceStatus) -> fn(Paint, &str) -> String {
    use InstanceStatus as S;
    match status {
        S::Retrying | S::Paused => Paint::yellow,
        S::Queued | S::Pending => Paint::dim,
        _ => Paint::cyan,
    }
}

/// From `start` to `end`, in steps that do not flicker.
fn clock(end: Time, start: Time) -> String {
    let span = end.since(start).0;
    if span < 60_000 { format!("{}.{}s", span / 1000, span / 100 % 10) } else { ork_core::time::Millis(span).to_string() }
}

/// Cuts a line to `columns` and colours what is left.
fn fit(pieces: Vec<Piece>, columns: usize, paint: Paint) -> String {
    let mut room = columns.saturating_sub(1);
    let mut line = String::new();
    for (text, style) in pieces {
        let cut: String = text.chars().take(room).collect();
        room -= cut.chars().count();
        line.push_str(&style(paint, &cut));
    }
    line
}
