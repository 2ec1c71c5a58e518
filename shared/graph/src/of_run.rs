//! What is drawn of a workflow and of a run, as the core knows them.

use ork_core::definition::{Count, Task, TaskIndex, Workflow};
use ork_core::ids::TaskName;
use ork_core::run::{self, Instance, InstanceStatus, RunState};
use ork_core::time::{Millis, Time};

use crate::{Fan, Gantt, GanttRow, Graph, Node, Span, State};

/// The tasks of a workflow; `href` gives each its page.
pub fn graph_of_workflow(workflow: &Workflow, href: impl Fn(&TaskName) -> Option<String>) -> Graph {
    let nodes = workflow.tasks.iter().map(|task| Node {
        name: task.name.to_string(),
        note: kind(task),
        state: None,
        fan: task.fans_out().then(|| Fan {
            total: match task.parallel {
                Some(Count::Fixed(n)) => n,
                _ => 0,
            },
            ..Fan::default()
        }),
        href: href(&task.name),
        weight: task.estimated_duration.map_or(0, |estimate| estimate.0),
    });
    connect(nodes.collect(), workflow)
}

/// The tasks of a run, each with where it stands at `now`; `href` gives each its page.
pub fn graph_of_run(
    graph: &run::Graph,
    state: &RunState,
    now: Time,
    href: impl Fn(&TaskName) -> Option<String>,
) -> Graph {
    let nodes = (0..).zip(&graph.workflow.tasks).map(|(at, task)| {
        let took = took(task, state, at, now);
        Node {
            name: task.name.to_string(),
            note: note(task, state, at, took),
            state: Some(state.task(at).status().into()),
            fan: task.fans_out().then(|| fan(state, at)),
            href: href(&task.name),
            weight: took.or(task.estimated_duration).map_or(0, |took| took.0),
        }
    });
    connect(nodes.collect(), &graph.workflow)
}

/// A run along time until `now` or its end; `href` gives each task its page.
///
/// A run keeps the times of the latest attempt of an instance only. What was before it, from when the task was ready, is one bar.
pub fn gantt_of_run(
    graph: &run::Graph,
    state: &RunState,
    now: Time,
    href: impl Fn(&TaskName) -> Option<String>,
) -> Gantt {
    let header = &state.header;
    let from = header.started_at.unwrap_or(header.created_at);
    let end = header.finished_at.unwrap_or(now).max(from);
    let mut rows: Vec<(Time, u32, GanttRow)> = (0..)
        .zip(&graph.workflow.tasks)
        .map(|(at, task)| {
            let mut row = row(task, state, at, end);
            row.href = href(&task.name);
            let begins = state.task(at).ready_at.unwrap_or(Time(i64::MAX));
            (begins, graph.step(at), row)
        })
        .collect();
    rows.sort_by_key(|(begins, step, _)| (*begins, *step));
    Gantt {
        label: format!("Run {} along time", header.id),
        from,
        to: end,
        now: header.finished_at.is_none().then_some(now),
        rows: rows.into_iter().map(|(_, _, row)| row).collect(),
    }
}

fn connect(nodes: Vec<Node>, workflow: &Workflow) -> Graph {
    let edges = (0..)
        .zip(&workflow.tasks)
        .flat_map(|(at, task)| task.depends_on.iter().map(move |&before| (before, at)));
    Graph::new(nodes, edges).expect("a definition was checked: its edges lead forward")
}

/// What runs it, and how often.
fn kind(task: &Task) -> String {
    let word = task.executor.word();
    match (&task.foreach, &task.parallel) {
        (Some(_), _) => format!("{word}, for each"),
        (None, Some(Count::Ref(_))) => format!("{word}, several"),
        _ => word.to_owned(),
    }
}

fn fan(state: &RunState, at: TaskIndex) -> Fan {
    let counts = state.task(at).counts();
    Fan {
        total: state.task(at).count,
        done: counts.of(InstanceStatus::Success) + counts.of(InstanceStatus::Skipped),
        failed: counts.of(InstanceStatus::Failed) + counts.of(InstanceStatus::Cancelled),
        running: counts.in_flight(),
    }
}

/// How long it was at work, or is already. Nothing of what never began.
fn took(task: &Task, state: &RunState, at: TaskIndex, now: Time) -> Option<Millis> {
    let instances = state.instances(at);
    let until = |instance: &Instance| instance.finished_at.unwrap_or(now);
    match instances {
        [only] if !task.fans_out() => {
            let began = only.started_at?;
            let at_work = only.finished_at.is_some() || only.status().is_in_flight();
            at_work.then(|| until(only).since(began))
        }
        _ => {
            let began = instances.iter().filter_map(|one| one.started_at).min()?;
            let over = state.task(at).finished_at.unwrap_or(now);
            Some(over.since(began))
        }
    }
}

fn note(task: &Task, state: &RunState, at: TaskIndex, took: Option<Millis>) -> String {
    let status = state.task(at).status();
    if status == InstanceStatus::Pending {
        return kind(task);
    }
    let mut note = status.as_str().to_owned();
    if let Some(took) = took {
        note.push_str(&format!(" {took}"));
    }
    if let [only] = state.instances(at)
        && only.attempt > 1
    {
        note.push_str(&format!(", attempt {}", only.attempt));
    }
    note
}

fn row(task: &Task, state: &RunState, at: TaskIndex, end: Time) -> GanttRow {
    let known = state.task(at);
    let took = took(task, state, at, end);
    let mut row = GanttRow {
        name: task.name.to_string(),
        state: Some(known.status().into()),
        note: took.map(|took| took.to_string()).unwrap_or_default(),
        ..GanttRow::default()
    };
    let instances = state.instances(at);
    let Some(ready) = known.ready_at.filter(|_| !instances.is_empty()) else {
        return row;
    };
    let began = instances.iter().filter_map(|one| one.started_at).min();
    let skipped = known.status() == InstanceStatus::Skipped;
    let waited_until = began.or(known.finished_at).unwrap_or(end);
    match instances {
        [only] if !task.fans_out() => {
            let many = only.attempt;
            let (state, title) = match many {
                0 | 1 => (State::Queued, "queued".to_owned()),
                n => (
                    State::Retrying,
                    format!("{} before attempt {n}", earlier(n - 1)),
                ),
            };
            if !skipped {
                push(&mut row, state, ready, waited_until, title);
            }
            attempt(&mut row, only, end);
        }
        many => {
            if !skipped {
                push(
                    &mut row,
                    State::Queued,
                    ready,
                    waited_until,
                    "queued".into(),
                );
            }
            row.instances = many
                .iter()
                .filter_map(|one| Some((one.started_at?, one.finished_at.unwrap_or(end))))
                .collect();
        }
    }
    row
}

fn earlier(n: u32) -> String {
    match n {
        1 => "queue, attempt 1 and the pause".to_owned(),
        n => format!("queue, attempts 1 to {n} and the pauses"),
    }
}

/// The latest attempt.
fn attempt(row: &mut GanttRow, one: &Instance, end: Time) {
    let Some(began) = one.started_at else {
        return;
    };
    let until = one.finished_at.unwrap_or(end);
    let said = |what: &str, from: Time, to: Time| {
        format!("attempt {}: {what}, {}", one.attempt, to.since(from))
    };
    match &one.state {
        run::State::Deferred(deferral) => {
            let handed_over = deferral.since.max(began);
            let title = said("running", began, handed_over);
            push(row, State::Running, began, handed_over, title);
            let title = said("waiting for jobs", handed_over, until);
            push(row, State::Deferred, handed_over, until, title);
        }
        state => {
            let state = State::from(state.status());
            push(row, state, began, until, said(state.as_str(), began, until));
        }
    }
}

fn push(row: &mut GanttRow, state: State, from: Time, to: Time, title: String) {
    if to > from || state != State::Queued {
        row.spans.push(Span {
            state,
            from,
            to: to.max(from),
            title,
        });
    }
}
