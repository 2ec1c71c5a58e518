//! One schedule, its slots and its ticks: doubled, at once, late by any time, dead on the way.
//!
//! Stands for `fire`, `fire_slot` and `create` of the engine: a tick reads the cursor, makes the run of each slot that is due, and only then
//! moves the cursor. With `overlap: skip` a run is `Pending` until the commit after the one that made it, and the workflow's document knows
//! who is active; with `overlap: allow` a run is there once it has begun.

mod steps;

use stateright::{Model, Property};

use crate::check::{ENDS, Protocol, breaks, holds, still_holds};
use steps::{Action, Kind, Run, State, Tick};

/// Slots in one history, at most.
const SLOTS: usize = 3;

/// What holds it together. The last three are for `overlap: skip`, where a tick that is late or doubled is not harmless by itself.
#[derive(Debug, Clone, Copy)]
struct Guards {
    /// A run is called after its slot.
    slot_id: bool,
    /// A run is created, never overwritten.
    create_only: bool,
    /// Whether the run is there is seen before it is created.
    looks_first: bool,
    /// The cursor moves after the runs were made.
    cursor_after_runs: bool,
    /// It moves to the later of where it is and where it is to go.
    forward: bool,
    /// A commit needs the version that was read.
    cas: bool,
    /// A run that was made and has not begun is looked at.
    pending_wake: bool,
    /// A slot is let in or dropped by the very document that its run is committed with.
    decides_at_commit: bool,
    /// A slot that the cursor has passed is dealt with.
    checks_cursor: bool,
    /// The run of a later slot, made by a tick that was faster, keeps a slot out as well.
    later_counts: bool,
}

/// Takes one of them away.
type Remove = fn(&mut Guards);

const ALL: Guards = Guards {
    slot_id: true,
    create_only: true,
    looks_first: true,
    cursor_after_runs: true,
    forward: true,
    cas: true,
    pending_wake: true,
    decides_at_commit: true,
    checks_cursor: true,
    later_counts: true,
};

#[derive(Debug, Clone, Copy)]
struct Firing {
    guards: Guards,
    kind: Kind,
    /// Slots in one history.
    slots: u8,
    /// Ticks that may die in one history.
    faults: u8,
}

impl Model for Firing {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![Self::first_state()]
    }
    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }
    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        Some(self.after(last, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_RUN, |_, state: &State| {
                state.made.iter().all(|times| *times <= 1)
            }),
            Property::always(NONE_MISSED, |model: &Self, state: &State| {
                let cursor = usize::from(state.document.cursor);
                let dealt = |slot: usize| {
                    state.runs[slot] != Run::None || (model.kind.skips() && state.dropped[slot])
                };
                match model.kind {
                    Kind::All | Kind::Skip => (0..cursor).all(dealt),
                    Kind::Latest | Kind::LatestSkip => cursor == 0 || dealt(cursor - 1),
                }
            }),
            Property::always(CURSOR, |_, state: &State| !state.went_back),
            Property::always(ALONE, |model: &Self, state: &State| {
                !model.kind.skips()
                    || state
                        .document
                        .active
                        .iter()
                        .filter(|active| **active)
                        .count()
                        <= 1
            }),
            Property::always(NONE_LATE, |_, state: &State| !state.fired_late),
            Property::always(ENDS, |model, state| !model.is_stuck(state)),
        ]
    }
}

impl Protocol for Firing {
    fn is_finished(&self, state: &State) -> bool {
        let over = |run: &Run| matches!(run, Run::None | Run::Ended);
        state.document.cursor == self.slots && state.runs.iter().all(over)
    }
    fn sights(&self) -> Vec<Property<Self>> {
        vec![
            Property::sometimes(
                "two ticks are at the same slot",
                |_, state: &State| matches!(state.ticks, [Tick::Create { slot, .. }, Tick::Create { slot: other, .. }] if slot == other),
            ),
            Property::sometimes(
                "a tick is late by a slot that was dealt with since",
                |_, state: &State| {
                    state.ticks.iter().any(|tick| matches!(tick, Tick::Create { slot, .. } if *slot < state.document.cursor))
                },
            ),
            Property::sometimes("a tick would move the cursor back", |_, state: &State| {
                state.ticks.iter().any(|tick| matches!(tick, Tick::Move { until, .. } if *until < state.document.cursor))
            }),
            Property::sometimes(
                "a run was made and nobody lets it begin",
                |model: &Self, state: &State| {
                    !model.kind.skips()
                        || (state.runs.contains(&Run::Pending) && state.ticks == [Tick::Idle; 2])
                },
            ),
            Property::sometimes("a slot is left out", |model: &Self, state: &State| {
                let last = usize::from(model.slots) - 1;
                model.kind == Kind::All
                    || (model.is_finished(state) && state.runs[..last].contains(&Run::None))
            }),
            Property::sometimes("every slot has its run", |model: &Self, state: &State| {
                state.runs.iter().filter(|run| **run == Run::Ended).count()
                    == usize::from(model.slots)
            }),
        ]
    }
    fn is_message(&self, _: &Action) -> bool {
        false
    }
}

const ONE_RUN: &str = "a slot has one run at most";
const NONE_MISSED: &str = "what the cursor has passed was dealt with";
const CURSOR: &str = "the cursor never moves back";
const ALONE: &str = "with overlap: skip one run is active at most";
const NONE_LATE: &str = "with overlap: skip no run is made for a slot that the cursor has passed";

const fn firing(kind: Kind) -> Firing {
    Firing {
        guards: ALL,
        kind,
        slots: if matches!(kind, Kind::LatestSkip) {
            2
        } else {
            3
        },
        faults: 1,
    }
}

#[test]
fn every_slot_makes_its_run_once() {
    holds("firing, catchup all", &firing(Kind::All), 6_000);
}

#[test]
fn the_latest_slot_makes_its_run_once() {
    holds("firing, catchup latest", &firing(Kind::Latest), 4_000);
}

#[test]
fn a_slot_is_skipped_while_the_run_of_another_is_active() {
    holds("firing, overlap skip", &firing(Kind::Skip), 20_000);
    holds(
        "firing, catchup latest, overlap skip",
        &firing(Kind::LatestSkip),
        1_500,
    );
}

#[test]
fn without_any_one_of_its_guards_a_schedule_goes_wrong() {
    let table: &[(&str, Kind, Remove, &'static str)] = &[
        (
            "slot_id",
            Kind::All,
            |guards| guards.slot_id = false,
            ONE_RUN,
        ),
        (
            "create_only",
            Kind::All,
            |guards| guards.create_only = false,
            ONE_RUN,
        ),
        (
            "cursor_after_runs",
            Kind::All,
            |guards| guards.cursor_after_runs = false,
            NONE_MISSED,
        ),
        (
            "forward",
            Kind::All,
            |guards| guards.forward = false,
            CURSOR,
        ),
        ("cas", Kind::All, |guards| guards.cas = false, CURSOR),
        (
            "pending_wake",
            Kind::Skip,
            |guards| guards.pending_wake = false,
            ENDS,
        ),
        (
            "decides_at_commit",
            Kind::LatestSkip,
            |guards| guards.decides_at_commit = false,
            ALONE,
        ),
        (
            "checks_cursor",
            Kind::Skip,
            |guards| guards.checks_cursor = false,
            NONE_LATE,
        ),
        (
            "later_counts",
            Kind::Skip,
            |guards| guards.later_counts = false,
            ALONE,
        ),
    ];
    for &(guard, kind, remove, property) in table {
        let mut model = firing(kind);
        remove(&mut model.guards);
        breaks(&format!("firing without {guard}"), &model, property);
    }
}

/// Looking whether the run is there saves a write that would be refused: its name and the precondition keep it single.
#[test]
fn looking_first_saves_a_write_and_nothing_else() {
    let mut model = firing(Kind::All);
    model.guards.looks_first = false;
    still_holds("firing without looks_first", &model);
}
