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
pub(super) fn frame(
    board: &Board,
    now: Time,
    columns: usize,
    rows: usize,
    paint: Paint,
) -> Vec<String> {
    let mut lines = Vec::new();
    // The line below the picture is where the cursor waits.
    let mut room = rows.saturating_sub(1).max(1);
    for (at, run) in board.runs.values().enumerate() {
        if room == 0 {
            break;
        }
        if room == 1 && at + 1 < board.runs.len() {
            lines.push(fit(
                vec![(
                    format!("… and {} more runs", board.runs.len() - at),
                    Paint::dim,
                )],
                columns,
                paint,
            ));
            break;
        }
        lines.push(fit(header(run, now), columns, paint));
        room -= 1;
        let active: Vec<usize> = (0..run.tasks.len())
            .filter(|&task| is_active(&run.tasks[task]))
            .collect();
        let shown = if active.len() > room {
            room.saturating_sub(1)
        } else {
            active.len()
        };
        for &task in &active[..shown] {
            lines.push(fit(task_line(run, task, now), columns, paint));
        }
        room -= shown;
        if active.len() > shown && room > 0 {
            lines.push(fit(
                vec![(
                    format!("  … and {} more tasks", active.len() - shown),
                    Paint::dim,
                )],
                columns,
                paint,
            ));
            room -= 1;
        }
    }
    lines
}

/// Whether something happens to it; waiting in a queue is nothing to look at.
fn is_active(task: &TaskView) -> bool {
    use InstanceStatus as S;
    matches!(
        task.status,
        S::Dispatched | S::Running | S::Deferred | S::Retrying | S::Paused
    )
}

fn header(run: &RunView, now: Time) -> Vec<Piece> {
    let elapsed = run
        .started_at
        .map(|start| clock(now, start))
        .unwrap_or_default();
    let eta = match run.eta {
        Some(eta) if eta > now => format!("  about {} left", clock(eta, now)),
        _ => String::new(),
    };
    let percent = run.percent();
    let mut line = vec![(
        format!("{} ", run.graph.workflow.name),
        Paint::bold as fn(Paint, &str) -> String,
    )];
    line.extend(bar(percent, 100));
    line.push((
        format!(
            " {percent:>3}%  {}/{} tasks  {elapsed}{eta}  {}",
            run.tasks_ended,
            run.tasks.len(),
            run.status
        ),
        plain,
    ));
    line
}

fn task_line(run: &RunView, task: usize, now: Time) -> Vec<Piece> {
    let view = &run.tasks[task];
    let name = run.graph.workflow.tasks[task].name.as_str();
    let mut line: Vec<Piece> = vec![(format!("  {name:<NAME$} "), plain)];
    if run.graph.workflow.tasks[task].fans_out() {
        line.extend(fan_out(view));
        line.push((
            format!(
                "  {}",
                view.ready_at.map(|at| clock(now, at)).unwrap_or_default()
            ),
            Paint::dim,
        ));
    } else {
        line.push((format!("{:<10}", view.status.as_str()), color(view.status)));
        let since = view
            .started_at
            .filter(|_| view.status == InstanceStatus::Running)
            .or(view.ready_at);
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
    // What is dispatched waits for a place.
    let busy = view.counts.of(InstanceStatus::Running) + view.counts.of(InstanceStatus::Deferred);
    if busy > 0 {
        pieces.push((format!(", {busy} running"), Paint::cyan));
    }
    pieces
}

fn bar(done: u64, total: u64) -> Vec<Piece> {
    let full = usize::try_from(done * BAR as u64 / total.max(1))
        .unwrap_or(BAR)
        .min(BAR);
    vec![
        ("━".repeat(full), Paint::green),
        ("─".repeat(BAR - full), Paint::dim),
    ]
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
    if span < 60_000 {
        format!("{}.{}s", span / 1000, span / 100 % 10)
    } else {
        ork_core::time::Millis(span).to_string()
    }
}

/// Cuts a line to `columns` and colours what is left.
fn fit(pieces: Vec<Piece>, columns: usize, paint: Paint) -> String {
    let mut room = columns.saturating_sub(1);
    let mut line = String::new();
    for (text, style) in pieces {
        let cut: String = text.chars().take(room).collect();
        room -= cut.chars().count();
        if !cut.is_empty() {
            line.push_str(&style(paint, &cut));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ork_core::ids::{RunId, VersionHash};
    use ork_core::parse::parse_workflow;
    use ork_core::run::{Attempt, ClaimOffer, Event, Graph, Header, Out, RunState};
    use ork_core::task::{Output, Verdict};

    use super::*;

    const FILE: &str = "\
name: nightly
tasks:
  extract: {executor: process, command: x}
  fan: {executor: process, command: x, parallel: 20}
  load: {executor: process, command: x, depends_on: [extract]}
";

    fn header(version: VersionHash) -> Header {
        Header::new(
            RunId::new("r").expect("an id"),
            "nightly".parse().expect("a name"),
            version,
            Time(0),
        )
    }

    /// A run with everything started and half of the fan-out done, told commit by commit.
    fn board() -> Board {
        let workflow = parse_workflow("n.yaml", FILE.as_bytes())
            .expect("right")
            .workflow;
        let run = RunId::new("r").expect("an id");
        let version = workflow.version();
        let graph = Arc::new(Graph::new(workflow));
        let mut state = RunState::new(&graph, header(version));
        let mut board = Board::default();
        let mut tell = |events: Vec<Event>, at: i64| {
            let mut out = Out::default();
            for event in &events {
                state
                    .apply(&graph, event, Time(at), &mut out)
                    .expect("it makes sense");
            }
            board.take(&run, &graph, &state, &out.notes);
        };
        tell(
            vec![
                Event::Start,
                Event::Claim(ClaimOffer {
                    places: 21,
                    supervised: true,
                    ..ClaimOffer::default()
                }),
            ],
            0,
        );
        let attempt = |task, index| Attempt {
            task,
            index,
            attempt: 1,
            fence: 1,
        };
        tell(
            (0..20)
                .map(|index| Event::Started(attempt(1, index)))
                .chain([Event::Started(attempt(0, 0))])
                .collect(),
            0,
        );
        let done = |index| Event::Finished {
            attempt: attempt(1, index),
            verdict: Verdict::Success {
                output: Output::null(),
            },
            report: None,
        };
        tell((0..10).map(done).collect(), 1500);
        board
    }

    #[test]
    fn the_picture_shows_what_runs_and_how_far_it_is() {
        let lines = frame(&board(), Time(2500), 100, 24, Paint::none());
        assert_eq!(
            lines,
            [
                "nightly ━━━━━━━━━━──────────────  45%  0/3 tasks  2.5s  running",
                "  extract                      running   2.5s",
                "  fan                          ━━━━━━━━━━━━──────────── 10/20, 10 running  2.5s",
            ]
        );
    }

    #[test]
    fn the_picture_fits_into_any_terminal() {
        for (columns, rows) in [(20, 2), (10, 3), (1, 1), (80, 24)] {
            let lines = frame(&board(), Time(2500), columns, rows, Paint::none());
            assert!(lines.len() < rows.max(2), "{rows}: {lines:#?}");
            assert!(
                lines
                    .iter()
                    .all(|line| line.chars().count() < columns.max(2)),
                "{columns}: {lines:#?}"
            );
        }
    }
}
