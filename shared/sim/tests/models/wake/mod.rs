//! A run that gets no message at all: a tick finds what is due by the instant that is stored with it, and that is enough.
//!
//! Stands for `next_wake_at`, `tick` and `due` of the core and for `perform`. Three tasks: a plain one and one that hands over to a job, side
//! by side, then a sub-workflow. Commits are one step here; what comes between reading and committing is in the other models.

mod steps;

use stateright::{Model, Property};

use crate::check::{ENDS, Protocol, breaks, holds, still_holds};
use steps::{Action, Handler, Phase, State, Work};

const PLAIN: usize = 0;
const HANDS_OVER: usize = 1;
const CHILD: usize = 2;

/// What holds it together.
#[derive(Debug, Clone, Copy)]
struct Guards {
    /// A run that waits to begin is looked at.
    pending_check: bool,
    /// A ready instance makes the run due.
    announce: bool,
    /// Any run that is not over is due some time.
    net: bool,
    /// Whoever finds a ready instance by a tick starts it, and does not only send a hint.
    claims_itself: bool,
    /// An instance that was started is looked at.
    begin_timer: bool,
    /// One that is at work is.
    beat_timer: bool,
    /// One that waits for its retry is.
    retry_timer: bool,
    /// One that waits for its job is.
    poll_timer: bool,
    /// One that waits for its sub-workflow is.
    child_check: bool,
    /// What was asked for is asked for again until it is answered.
    ask_again: bool,
}

/// Takes one of them away.
type Remove = fn(&mut Guards);

const ALL: Guards = Guards {
    pending_check: true,
    announce: true,
    net: true,
    claims_itself: true,
    begin_timer: true,
    beat_timer: true,
    retry_timer: true,
    poll_timer: true,
    child_check: true,
    ask_again: true,
};

#[derive(Debug, Clone, Copy)]
struct Wakes {
    guards: Guards,
    /// What may go wrong in one history.
    faults: u8,
}

impl Model for Wakes {
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
            Property::always(HAS_WAKE, |model: &Self, state: &State| {
                state.is_over() || model.has_wake(state)
            }),
            Property::always(ENDS, |model, state| !model.is_stuck(state)),
        ]
    }
}

impl Protocol for Wakes {
    fn is_finished(&self, state: &State) -> bool {
        state.is_over()
    }
    fn sights(&self) -> Vec<Property<Self>> {
        vec![
            Property::sometimes(
                "a task is handed to an executor and nobody works at it",
                |_, state: &State| {
                    state.handlers == [Handler::Idle; 2]
                        && state.tasks[PLAIN].phase == Phase::Dispatched
                        && state.work[PLAIN] == Work::None
                },
            ),
            Property::sometimes("a worker is gone and its task runs", |_, state: &State| {
                state.tasks[PLAIN].phase == Phase::Running && state.work[PLAIN] == Work::None
            }),
            Property::sometimes(
                "two handlers are at the same task",
                |_, state: &State| matches!(state.handlers, [Handler::Look(one, _), Handler::Look(other, _)] if one == other),
            ),
            Property::sometimes("a job is done and nobody knows", |_, state: &State| {
                state.tasks[HANDS_OVER].phase == Phase::Deferred
                    && state.work[HANDS_OVER] == Work::JobOver
                    && state.handlers == [Handler::Idle; 2]
            }),
            Property::sometimes(
                "the sub-workflow was not started by whoever claimed it",
                |_, state: &State| {
                    state.tasks[CHILD].phase == Phase::Child
                        && state.work[CHILD] == Work::None
                        && state.handlers == [Handler::Idle; 2]
                },
            ),
            Property::sometimes(
                "it takes as many attempts as there are faults, and one",
                |model: &Self, state: &State| {
                    state.tasks[PLAIN].phase == Phase::Done
                        && state.tasks[PLAIN].attempt == model.faults + 1
                },
            ),
        ]
    }
    fn is_message(&self, action: &Action) -> bool {
        matches!(action, Action::Message(..) | Action::MessageBegin)
    }
}

const HAS_WAKE: &str =
    "every stored state that is not the end has an instant at which it is looked at";

const WAKES: Wakes = Wakes {
    guards: ALL,
    faults: 1,
};

#[test]
fn a_run_that_gets_no_message_at_all_is_finished_by_ticks_alone() {
    holds("wake", &WAKES, 7_000);
}

#[test]
fn without_any_one_of_its_wakes_a_run_that_gets_no_message_stands_still() {
    let table: &[(&str, Remove, &'static str)] = &[
        (
            "pending_check",
            |guards| guards.pending_check = false,
            HAS_WAKE,
        ),
        (
            "announce and net",
            |guards| {
                guards.announce = false;
                guards.net = false;
            },
            HAS_WAKE,
        ),
        ("claims_itself", |guards| guards.claims_itself = false, ENDS),
        ("begin_timer", |guards| guards.begin_timer = false, ENDS),
        ("beat_timer", |guards| guards.beat_timer = false, ENDS),
        ("retry_timer", |guards| guards.retry_timer = false, ENDS),
        ("poll_timer", |guards| guards.poll_timer = false, ENDS),
        ("child_check", |guards| guards.child_check = false, ENDS),
        ("ask_again", |guards| guards.ask_again = false, ENDS),
    ];
    for &(guard, remove, property) in table {
        let mut model = WAKES;
        remove(&mut model.guards);
        breaks(&format!("wake without {guard}"), &model, property);
    }
}

/// Each covers for the other where a ready instance is concerned: the net an hour later, the announcement after seconds. What has a timer of
/// its own needs neither.
#[test]
fn the_net_and_the_announcement_cover_for_each_other() {
    let table: &[(&str, Remove)] = &[
        ("announce", |guards| guards.announce = false),
        ("net", |guards| guards.net = false),
    ];
    for &(guard, remove) in table {
        let mut model = WAKES;
        remove(&mut model.guards);
        still_holds(&format!("wake without {guard}"), &model);
    }
}
