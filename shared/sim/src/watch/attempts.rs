//! What must hold of attempts: their objects, their code, and what is said about them.

use ork_core::Value;
use ork_core::definition::{Executor, TriggerRule};
use ork_core::ids::RunId;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::{Graph, RunState, State};
use ork_core::task::{AttemptId, Output, TaskSpec, Verdict};
use ork_core::time::{Millis, Time};
use ork_engine::decode_verdict;
use ork_engine::ports::Key;

use super::Place;
use crate::coverage::is_child;
use crate::world::Inner;

/// The instance and attempt an object belongs to.
fn place_of(inner: &Inner, name: &ObjectName) -> Option<(Place, u32, AttemptFile)> {
    let ObjectName::Attempt {
        run,
        task,
        index,
        attempt,
        file,
    } = name
    else {
        return None;
    };
    let tracked = inner.watch.runs.get(run)?;
    let task = tracked.graph.workflow.task_index(task.as_str())?;
    Some(((run.clone(), task, index.unwrap_or(0)), *attempt, *file))
}

/// Looks at an object that was just written by the engine (an instance) or a worker.
pub(crate) fn object_written(inner: &mut Inner, name: &ObjectName, by_worker: bool) {
    let Some((place, attempt, file)) = place_of(inner, name) else {
        return;
    };
    let rewrites = inner.objects.rewrites_of(name);
    if matches!(
        file,
        AttemptFile::Claim | AttemptFile::Result | AttemptFile::Late
    ) && rewrites > 0
    {
        inner.violated("I2", format!("{name} was written again"));
    }
    if file == AttemptFile::Claim && by_worker {
        return begins(inner, name, &place, attempt);
    }
    if file != AttemptFile::Result || by_worker {
        return;
    }
    // I22: nobody who was heard of lately is declared lost.
    let Some((object, _)) = inner.objects.get(name) else {
        return;
    };
    let silent = matches!(decode_verdict(&object.bytes), Verdict::Failed { message, .. } if message.contains("no sign of life"));
    let Some(tracked) = inner.watch.runs.get(&place.0).filter(|_| silent) else {
        return;
    };
    let patience = tracked.graph.task(place.1).heartbeat_timeout;
    let status = match name.clone() {
        ObjectName::Attempt {
            run,
            task,
            index,
            attempt,
            ..
        } => ObjectName::Attempt {
            run,
            task,
            index,
            attempt,
            file: AttemptFile::Status,
        },
        other => other,
    };
    let heard = inner.objects.get(&status).map(|(_, at)| *at);
    // Whoever decided looked a moment ago, by a clock that may be wrong; one that stood still in between cannot know.
    let margin = Millis(2 * inner.largest_skew + 5_000);
    let fresh = !inner.stalls && heard.is_some_and(|at| at + patience > inner.now + margin);
    let alive = inner.watch.alive.contains_key(&(place, attempt));
    if fresh && alive {
        inner.violated(
            "I22",
            format!(
                "{name} says lost, but its worker was heard of at {}",
                heard.unwrap_or_default().rfc3339()
            ),
        );
    }
}

/// I16: a worker that takes an attempt takes one that nobody has given up.
fn begins(inner: &mut Inner, name: &ObjectName, place: &Place, attempt: u32) {
    let Some(tracked) = inner.watch.runs.get(&place.0).filter(|run| !run.commanded) else {
        return;
    };
    let stands = tracked.state.instance(place.1, place.2);
    let superseded = stands.is_some_and(|instance| {
        instance.attempt > attempt
            || matches!(
                instance.state,
                State::Queued { .. } | State::Retrying { .. }
            )
    });
    if superseded {
        let is = stands.map(|instance| (instance.status(), instance.attempt));
        let what = format!("{name} was taken when its attempt had been given up: {is:?}");
        inner.violated("I16", what);
    }
}

/// An executor took an attempt: what it is given of its upstreams must be what they left.
pub(crate) fn attempt_started(inner: &mut Inner, spec: &TaskSpec) {
    let Some(tracked) = inner
        .watch
        .runs
        .get(&spec.id.run)
        .filter(|run| !run.commanded)
    else {
        return;
    };
    // I3: it was claimed in a state that is stored, and what is stored was checked against its trigger rule.
    let claimed = tracked
        .state
        .instance(spec.id.task, spec.id.index)
        .is_some_and(|instance| instance.attempt >= spec.id.attempt);
    let given = wrong_upstream(tracked, spec);
    if !claimed {
        inner.violated(
            "I3",
            format!(
                "{} was started and is not claimed in what is stored",
                crate::words::id(&spec.id)
            ),
        );
    }
    if let Some(what) = given {
        inner.violated("I3", what);
    }
}

/// What an attempt is given of its upstreams and they did not leave.
fn wrong_upstream(tracked: &super::Tracked, spec: &TaskSpec) -> Option<String> {
    let given: serde_json::Map<String, Value> = serde_json::from_str(spec.upstream.get()).ok()?;
    let definition = tracked.graph.workflow.tasks.get(spec.id.task as usize)?;
    for &above in &definition.depends_on {
        let upstream = tracked.graph.task(above);
        let state = tracked
            .state
            .instance(above, 0)
            .map(|instance| &instance.state);
        if upstream.fans_out() {
            continue;
        }
        let left: Value = match state {
            Some(State::Success {
                output: Output::Inline(text),
            }) => serde_json::from_str(text).ok()?,
            Some(State::Success { .. }) => continue,
            _ => Value::Null,
        };
        // One that starts on the first of several ends may be ahead of the others.
        let got = given.get(upstream.name.as_str());
        let early = got.is_none_or(Value::is_null)
            && !matches!(definition.trigger, TriggerRule::AllSuccess);
        if !early && got.is_some_and(|got| *got != left) {
            return Some(format!(
                "{} was given {got:?} of {}, which left {left}",
                crate::words::id(&spec.id),
                upstream.name
            ));
        }
    }
    None
}

/// A worker's code runs.
pub(crate) fn effect(inner: &mut Inner, spec: &TaskSpec) {
    inner.stats.effects += 1;
    let id = &spec.id;
    let place = (id.run.clone(), id.task, id.index);
    let began = inner.watch.began.entry(place).or_default();
    if began.contains(&id.attempt) {
        let what = format!("{} ran twice", crate::words::id(id));
        return inner.violated("I1", what);
    }
    let earlier: Vec<u32> = began.clone();
    began.push(id.attempt);
    let free = inner.watch.garbled.contains(&id.run)
        || inner
            .watch
            .runs
            .get(&id.run)
            .is_none_or(|run| run.commanded);
    if free {
        return;
    }
    // What began earlier is over; one that stood still between its claim and its code may come late, and is void.
    for other in earlier.into_iter().filter(|&other| other < id.attempt) {
        let mut name = spec.object(AttemptFile::Result);
        if let ObjectName::Attempt { attempt, .. } = &mut name {
            *attempt = other;
        }
        if inner.watch.remote && inner.objects.get(&name).is_none() {
            let what = format!(
                "{} began while attempt {other} had no verdict",
                crate::words::id(id)
            );
            return inner.violated("I16", what);
        }
    }
}

/// The output that a verdict left, if it is that of a success.
pub(crate) enum Left {
    Nothing,
    Success(Output),
    Deferred,
    Failed,
}

pub(crate) fn left(
    inner: &Inner,
    tracked: &RunState,
    graph: &Graph,
    task: u32,
    index: u32,
    attempt: u32,
) -> Left {
    let definition = graph.task(task);
    let name = ObjectName::Attempt {
        run: tracked.header.id.clone(),
        task: definition.name.clone(),
        index: definition.fans_out().then_some(index),
        attempt,
        file: AttemptFile::Result,
    };
    match inner.objects.get(&name) {
        None => Left::Nothing,
        Some((object, _)) => match decode_verdict(&object.bytes) {
            Verdict::Success { output } => Left::Success(output),
            Verdict::Deferred { .. } => Left::Deferred,
            Verdict::Failed { .. } => Left::Failed,
        },
    }
}

/// Whether a task's ends come from verdict objects.
pub(crate) fn leaves_verdicts(inner: &Inner, graph: &Graph, task: u32) -> bool {
    inner.watch.remote
        && !is_child(graph, task)
        && !matches!(graph.task(task).executor, Executor::Marker)
}

/// A worker said how its attempt ended and its notice was dealt with: the state says so, too.
pub(crate) fn after_notice(inner: &mut Inner, name: &ObjectName) {
    let Some((place, attempt, AttemptFile::Result)) = place_of(inner, name) else {
        return;
    };
    let Some(tracked) = inner.watch.runs.get(&place.0) else {
        return;
    };
    let waits = tracked
        .state
        .instance(place.1, place.2)
        .is_some_and(|instance| {
            instance.attempt == attempt
                && matches!(
                    instance.state,
                    State::Dispatched { .. } | State::Running { .. }
                )
        });
    if waits {
        inner.violated(
            "I18",
            format!("{name} was dealt with and its attempt is still in flight"),
        );
    }
}

/// A tick looked at a run: it does not stay due.
pub(crate) fn after_tick(
    inner: &mut Inner,
    run: &RunId,
    since: Time,
    (started, commits): (Time, u64),
) {
    let due = inner
        .documents
        .get(&Key::Run(run.clone()))
        .and_then(|document| document.index.wake_at);
    let unchanged = inner
        .watch
        .runs
        .get(run)
        .is_some_and(|tracked| tracked.changed <= commits);
    if due.is_some_and(|at| at <= since) && unchanged {
        inner.violated("I21", format!("run {run} was looked at and stays due"));
    }
    let orphan = inner.watch.runs.get(run).is_some_and(|tracked| {
        tracked.orphan_since.is_some_and(|at| at < started)
            && !tracked.state.header.status.is_terminal()
            // Somebody may have retried it after it was ended.
            && tracked.status_since <= commits
    });
    if orphan && !inner.watch.is_tainted() {
        inner.violated(
            "I14",
            format!("run {run} was looked at and goes on, though nobody waits for it"),
        );
    }
}

/// A worker is no more.
pub(crate) fn worker_gone(inner: &mut Inner, attempt: &AttemptId) {
    let place = (attempt.run.clone(), attempt.task, attempt.index);
    if let Some(alive) = inner.watch.alive.get_mut(&(place.clone(), attempt.attempt)) {
        *alive -= 1;
        if *alive == 0 {
            inner.watch.alive.remove(&(place, attempt.attempt));
        }
    }
}
