//! One document and three holders who take turns at it: leases that expire, clocks that run ahead, holders that stall, die and wake up.
//!
//! Stands for every commit of a run: what was read is changed and written on condition of the version that was read, `fence` says who
//! was given the work last, and a mark in the document tells a holder whose answer was lost that its commit stands. The lease is the claim
//! of an attempt (`CLAIM_LEASE`): it says when the work is given to somebody else, and nothing relies on the former holder knowing.

mod steps;

use stateright::{Model, Property};

use crate::check::{ENDS, Protocol, breaks, holds, still_holds};
use steps::{Action, Holder, State};

/// What is to be done, one unit by each lease.
const UNITS: u8 = 2;
/// Leases in one history: one for each unit and for each that comes to nothing, and some.
const LEASES: usize = 8;
const HOLDERS: usize = 3;

/// What holds it together.
#[derive(Debug, Clone, Copy)]
struct Guards {
    /// A commit needs the version that was read.
    cas: bool,
    /// Nobody commits to a document that was given to somebody else since.
    fence: bool,
    /// Each lease has a fence of its own.
    raised: bool,
    /// A commit whose answer was lost is known by its mark.
    marker: bool,
    /// A lease ends without its holder.
    expiry: bool,
    /// Nobody takes a lease before it is over by everybody's clock.
    margin: bool,
}

/// Takes one of them away.
type Remove = fn(&mut Guards);

const ALL: Guards = Guards {
    cas: true,
    fence: true,
    raised: true,
    marker: true,
    expiry: true,
    margin: true,
};

#[derive(Debug, Clone, Copy)]
struct Leases {
    guards: Guards,
    /// What may go wrong in one history.
    faults: u8,
}

impl Model for Leases {
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
            Property::always(IN_ORDER, |_, state: &State| !state.overtaken),
            Property::always(OWN_FENCE, |_, state: &State| {
                state.given.iter().all(|times| *times <= 1)
            }),
            Property::always(KEPT, |_, state: &State| {
                state.document.done == state.commits.iter().sum::<u8>()
            }),
            Property::always(ONCE, |_, state: &State| {
                state.commits.iter().all(|times| *times <= 1)
            }),
            Property::always(ENDS, |model, state| !model.is_stuck(state)),
        ]
    }
}

impl Protocol for Leases {
    fn is_finished(&self, state: &State) -> bool {
        state.document.done == UNITS
    }
    fn sights(&self) -> Vec<Property<Self>> {
        vec![
            Property::sometimes("a former holder is about to commit", |_, state: &State| {
                state.holders.iter().any(
                    |holder| matches!(holder, Holder::Writing(fence, _) if *fence < state.document.fence),
                )
            }),
            Property::sometimes(
                "a former holder does not know what became of its commit",
                |_, state: &State| {
                    state
                    .holders
                    .iter()
                    .any(|holder| matches!(holder, Holder::Unsure(fence) if *fence < state.document.fence))
                },
            ),
            Property::sometimes("two want the same lease", |_, state: &State| {
                state
                    .holders
                    .iter()
                    .filter(|holder| **holder == Holder::Taking(state.document))
                    .count()
                    > 1
            }),
            Property::sometimes(
                "a commit stands and its holder does not know",
                |_, state: &State| {
                    state
                        .holders
                        .contains(&Holder::Unsure(state.document.marker))
                        && state.document.marker > 0
                },
            ),
            Property::sometimes("all is done by the fourth lease", |_, state: &State| {
                state.document.done == UNITS && state.document.fence == 4
            }),
        ]
    }
    fn is_message(&self, _: &Action) -> bool {
        false
    }
}

const IN_ORDER: &str = "no commit with an older fence comes after a newer one";
const OWN_FENCE: &str = "no two leases have the same fence";
const KEPT: &str = "no commit that stood is lost";
const ONCE: &str = "no unit is committed twice";

const THREE_FAULTS: Leases = Leases {
    guards: ALL,
    faults: 3,
};

#[test]
fn a_lease_goes_from_hand_to_hand_and_no_former_holder_spoils_the_document() {
    holds("lease", &THREE_FAULTS, 7_000);
}

#[test]
fn without_any_one_of_its_guards_a_lease_goes_wrong() {
    let table: &[(&str, Remove, &'static str)] = &[
        ("cas", |guards| guards.cas = false, IN_ORDER),
        ("cas", |guards| guards.cas = false, KEPT),
        ("cas", |guards| guards.cas = false, OWN_FENCE),
        ("fence", |guards| guards.fence = false, IN_ORDER),
        ("raised", |guards| guards.raised = false, OWN_FENCE),
        ("marker", |guards| guards.marker = false, ONCE),
        ("expiry", |guards| guards.expiry = false, ENDS),
    ];
    for &(guard, remove, property) in table {
        let mut model = THREE_FAULTS;
        remove(&mut model.guards);
        breaks(&format!("lease without {guard}"), &model, property);
    }
}

/// Clocks that run ahead take leases early, and what was done for nothing is all that costs: nothing is safe because of a clock.
#[test]
fn clocks_that_run_ahead_do_no_harm() {
    let mut model = Leases {
        faults: 2,
        ..THREE_FAULTS
    };
    model.guards.margin = false;
    still_holds("lease without margin", &model);
}
