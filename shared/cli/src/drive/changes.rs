//! What happened between two looks at a run, in the words in which an engine tells about its own commits.
//!
//! Who looks from outside misses what came and went in between; what is told is what can be seen.

use ork_core::definition::{Executor, TaskIndex};
use ork_core::run::{
    Category, Graph, Instance, InstanceStatus, Note, NoteKind, RunState, SkipReason, State,
    TaskOutcome, TaskPhase, TaskState,
};
use ork_core::time::Time;

/// The changes from `before`, or from a run that had not begun, to `after`.
pub(super) fn changes(
    graph: &Graph,
    before: Option<&RunState>,
    after: &RunState,
    now: Time,
) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut about_run = |kind| {
        notes.push(Note {
            task: None,
            index: None,
            kind,
        });
    };
    let status = |state: &RunState| state.header.status;
    if after.header.started_at.is_some()
        && before.is_none_or(|before| before.header.started_at.is_none())
    {
        about_run(NoteKind::RunStarted);
    }
    for &task in graph.order() {
        of_task(graph, before, after, task, now, &mut notes);
    }
    if status(after).is_terminal() && before.is_none_or(|before| !status(before).is_terminal()) {
        notes.push(Note {
            task: None,
            index: None,
            kind: NoteKind::RunEnded(status(after)),
        });
    }
    notes
}

fn of_task(
    graph: &Graph,
    before: Option<&RunState>,
    after: &RunState,
    task: TaskIndex,
    now: Time,
    notes: &mut Vec<Note>,
) {
    let (definition, seen) = (graph.task(task), after.task(task));
    // What belongs to an earlier life of the task is not what it was a moment ago.
    let known = before.map(|before| before.task(task));
    let known = known.filter(|known| known.generation == seen.generation);
    let mut tell = |index: Option<u32>, kind| {
        notes.push(Note {
            task: Some(task),
            index,
            kind,
        });
    };
    if before.is_some() && known.is_none() {
        tell(None, NoteKind::Reset { kept: 0 });
    }
    if known.is_some_and(|known| known.paused != seen.paused) {
        tell(
            None,
            if seen.paused {
                NoteKind::Paused
            } else {
                NoteKind::Resumed
            },
        );
    }
    let ended = matches!(seen.phase, TaskPhase::Ended(_))
        && !known.is_some_and(|known| matches!(known.phase, TaskPhase::Ended(_)));
    if let TaskPhase::Ended(TaskOutcome::Skipped(reason)) = seen.phase {
        if ended && reason != SkipReason::NotAskedFor {
            tell(None, NoteKind::Skipped(reason));
        }
        return;
    }
    let has_begun = |task: &TaskState| {
        let waits = matches!(task.phase, TaskPhase::Waiting | TaskPhase::Resolving);
        !waits && task.count > 0 && task.ready_at.is_some()
    };
    let is_new = has_begun(seen) && !known.is_some_and(has_begun);
    let marker = matches!(definition.executor, Executor::Marker);
    if is_new {
        tell(
            None,
            NoteKind::Ready {
                instances: seen.count,
            },
        );
    }
    let old = known
        .and(before)
        .map_or(&[][..], |before| before.instances(task));
    for (index, instance) in (0_u32..).zip(after.instances(task)) {
        if marker {
            continue;
        }
        let old = old.get(index as usize);
        for kind in of_instance(old, instance, definition.retries.max, now) {
            tell(Some(index), kind);
        }
    }
    if ended && definition.fans_out() {
        let failed = seen.counts().of(InstanceStatus::Failed);
        tell(
            None,
            NoteKind::TaskEnded {
                status: seen.status(),
                failed,
                tolerated: 0,
            },
        );
    }
}

fn of_instance(old: Option<&Instance>, new: &Instance, max: u16, now: Time) -> Vec<NoteKind> {
    let mut kinds = Vec::new();
    if old.is_some_and(|old| old == new) {
        return kinds;
    }
    let attempt = new.attempt;
    let was = old.map_or(InstanceStatus::Pending, Instance::status);
    let is = new.status();
    let moved = is != was || old.is_none_or(|old| old.attempt != attempt);
    let begun = |one: &Instance| one.started_at.map(|at| (one.attempt, at));
    // Nobody says so when a worker begins; of one that was sent and is done it is too late to tell.
    let sent = old.is_some_and(|old| old.attempt == attempt) && was == InstanceStatus::Dispatched;
    if begun(new).is_some()
        && old.and_then(begun) != begun(new)
        && !(sent && is != InstanceStatus::Running)
    {
        kinds.push(NoteKind::Started { attempt });
    }
    if !moved {
        return kinds;
    }
    let category = new
        .failure
        .as_ref()
        .map_or(Category::Unknown, |failure| failure.category);
    match &new.state {
        State::Success { .. } if new.is_marked() => kinds.push(NoteKind::MarkedSuccess),
        State::Success { .. } => kinds.push(NoteKind::Succeeded {
            attempt,
            took: new.took().unwrap_or_default(),
        }),
        State::Failed if attempt == 0 => kinds.push(NoteKind::Unresolvable(
            new.failure
                .as_ref()
                .map_or_else(String::new, |failure| failure.message.to_string()),
        )),
        State::Failed => kinds.push(NoteKind::Failed {
            attempt,
            category,
            because: "there is no further attempt",
        }),
        State::Retrying { due } => kinds.push(NoteKind::RetryIn {
            attempt: new
                .failure
                .as_ref()
                .map_or(attempt, |failure| failure.attempt),
            category,
            delay: due.since(now),
            used: new.failures,
            max,
        }),
        State::Deferred(deferral) => kinds.push(NoteKind::Deferred {
            jobs: deferral.count,
        }),
        State::Dispatched { .. } => kinds.push(NoteKind::Claimed { attempt }),
        State::Cancelled => kinds.push(NoteKind::Cancelled),
        State::Pending
        | State::Queued { .. }
        | State::Running { .. }
        | State::Paused { .. }
        | State::Skipped(_) => {}
    }
    kinds
}

#[cfg(test)]
mod tests {
    use ork_core::ids::{RunId, VersionHash};
    use ork_core::parse::parse_workflow;
    use ork_core::run::{Attempt, ClaimOffer, Command, Event, Header, Out};
    use ork_core::task::{Output, Verdict};

    use super::*;

    const FILE: &str = "\
name: w
tasks:
  a: {executor: process, command: x, retries: {max: 1, delay: 5s, backoff: fixed}}
  fan: {executor: process, command: x, parallel: 2}
  mark: {depends_on: [fan]}
  last: {executor: process, command: x, depends_on: [a]}
";

    struct World {
        graph: Graph,
        state: RunState,
    }

    impl World {
        fn new() -> Self {
            let parsed = parse_workflow("w.yaml", FILE.as_bytes()).expect("right");
            let version: VersionHash = parsed.workflow.version();
            let run = RunId::new("r").expect("an id");
            let name = parsed.workflow.name.clone();
            let graph = Graph::new(parsed.workflow);
            let state = RunState::new(&graph, Header::new(run, name, version, Time(0)));
            Self { graph, state }
        }
        /// Lets things happen and says what somebody sees who looked before and after.
        fn seen(&mut self, events: &[Event], at: i64) -> Vec<String> {
            let before = self.state.clone();
            for event in events {
                self.state
                    .apply(&self.graph, event, Time(at), &mut Out::default())
                    .expect("it makes sense");
            }
            self.told(Some(&before), at)
        }
        fn told(&self, before: Option<&RunState>, at: i64) -> Vec<String> {
            let notes = changes(&self.graph, before, &self.state, Time(at));
            notes.iter().map(|note| note.render(&self.graph)).collect()
        }
    }

    fn claim() -> Event {
        Event::Claim(ClaimOffer {
            places: 10,
            ..ClaimOffer::default()
        })
    }

    fn attempt(task: u32, index: u32, attempt: u32) -> Attempt {
        Attempt {
            task,
            index,
            attempt,
            fence: attempt,
        }
    }

    fn finished(attempt: Attempt, verdict: Verdict) -> Event {
        Event::Finished {
            attempt,
            verdict,
            report: None,
        }
    }

    fn success() -> Verdict {
        Verdict::Success {
            output: Output::null(),
        }
    }

    fn failed() -> Verdict {
        Verdict::Failed {
            category: Category::Transient,
            message: "no".to_owned(),
            log_tail: Vec::new(),
            exit_code: Some(1),
        }
    }

    #[test]
    fn whoever_looks_now_and_then_hears_what_happened() {
        let mut world = World::new();
        let fresh = world.state.clone();
        assert_eq!(
            world.seen(&[Event::Start], 0),
            ["run started", "a: ready", "fan: ready, 2 instances"]
        );
        assert_eq!(
            world.seen(&[claim()], 10),
            [
                "a: attempt 1 handed to the executor",
                "fan[0]: attempt 1 handed to the executor",
                "fan[1]: attempt 1 handed to the executor",
            ]
        );
        assert_eq!(
            world.seen(&[Event::Started(attempt(0, 0, 1))], 20),
            ["a: attempt 1 started"]
        );
        // Sent, begun and done between two looks: only the end is news.
        assert_eq!(
            world.seen(&[finished(attempt(1, 0, 1), success())], 30),
            ["fan[0]: attempt 1 succeeded in 0ms"]
        );
        assert_eq!(
            world.seen(
                &[
                    finished(attempt(1, 1, 1), success()),
                    finished(attempt(0, 0, 1), failed())
                ],
                1_030
            ),
            [
                "a: attempt 1 failed (transient); retry 1 of 1 in 5s",
                "fan[1]: attempt 1 succeeded in 0ms",
                "fan: success",
                "mark: ready",
            ]
        );
        assert!(world.seen(&[], 1_040).is_empty(), "nothing happened");
        let all = world.told(Some(&fresh), 1_040);
        assert!(all.contains(&"fan: success".to_owned()), "{all:#?}");
        assert_eq!(all, world.told(None, 1_040));
    }

    #[test]
    fn the_end_and_a_second_life_are_told_too() {
        let mut world = World::new();
        let cancel = Event::Command(Command::Cancel {
            reason: "enough".to_owned(),
        });
        world.seen(&[Event::Start, claim()], 0);
        let all = world.seen(&[cancel], 10);
        assert_eq!(all.last().map(String::as_str), Some("run ended: cancelled"));
        assert!(all.contains(&"last: cancelled".to_owned()), "{all:#?}");
        let again = world.seen(&[Event::Command(Command::Retry), claim()], 20);
        for said in ["a: runs again", "fan: ready, 2 instances"] {
            assert!(again.contains(&said.to_owned()), "{again:#?}");
        }
        let paused = Event::Command(Command::PauseTask { task: 3 });
        assert_eq!(world.seen(&[paused], 30), ["last: paused"]);
    }
}
