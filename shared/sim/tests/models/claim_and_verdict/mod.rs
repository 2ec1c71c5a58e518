//! One task instance from its claim to its end: handlers that die, executors that start late, twice or never, workers that stall.
//!
//! Stands for `claim`, `due`, `started`, `not_started`, `finished` and `fail` of the core, for starting, settling and reaping in the engine,
//! and for the worker's side. Time is left out: a deadline may be found passed at any moment. Where the one who is waited for is still at
//! it, that is a stall, and stalls are faults like any other, of which a history has at most [`state::FAULTS`].

mod actions;
mod state;
mod steps;

use stateright::{Model, Property};

use crate::check::{ENDS, Protocol, breaks, holds, still_holds};
use actions::Action;
use state::{Claim, Handler, Phase, State, Verdict, Worker, Wrong};

/// What holds it together.
#[derive(Debug, Clone, Copy)]
struct Guards {
    /// The claim object is created, never overwritten.
    claim_once: bool,
    /// So is the verdict.
    verdict_once: bool,
    /// Whoever finds a verdict in place goes by it.
    verdict_stands: bool,
    /// An attempt that found no place is sealed before it is put back.
    seal_put_back: bool,
    /// One that was refused when it was started again is sealed before it is given up.
    seal_refused: bool,
    /// So is one that was refused at its first start: by then there may have been another.
    seal_first_refusal: bool,
    /// One that did not begin in time is sealed before it is given up.
    seal_lost: bool,
    /// A seal is not taken for a worker's claim.
    seal_told_apart: bool,
    /// A commit needs the version that was read.
    cas: bool,
    /// "No place" speaks of one claim only.
    fence: bool,
    /// A verdict speaks of one attempt only.
    attempt: bool,
    /// Before a silent worker is given up, its status is read.
    fresh_status: bool,
    /// Workers that fell silent are looked after.
    beat_deadline: bool,
    /// An attempt that has not begun is started again.
    check_start: bool,
    /// Not without a look at its claim.
    look_first: bool,
}

/// Takes one of them away.
type Remove = fn(&mut Guards);

const ALL: Guards = Guards {
    claim_once: true,
    verdict_once: true,
    verdict_stands: true,
    seal_put_back: true,
    seal_refused: true,
    seal_first_refusal: true,
    seal_lost: true,
    seal_told_apart: true,
    cas: true,
    fence: true,
    attempt: true,
    fresh_status: true,
    beat_deadline: true,
    check_start: true,
    look_first: true,
};

const ONE_EFFECT: &str = "the user's code takes effect at most once in an attempt";
const ONE_VERDICT: &str = "a verdict is never changed";
const SAID: &str = "what is stored of an attempt is its verdict, or that nobody began it";
const NO_LATE_BEGIN: &str = "no attempt begins once the run has moved on from it";
const SUPERSEDED: &str = "a superseded attempt never turns into success";
const FORWARD: &str = "the record never goes back";
const ALIVE: &str = "nobody is given up who shows life";
const UNCHARGED: &str = "an attempt that nobody began is not charged";

#[derive(Debug, Clone, Copy)]
struct Attempts {
    guards: Guards,
    /// What may go wrong in one history.
    faults: u8,
    /// Whether others may come between reading and committing.
    split: bool,
}

impl Model for Attempts {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new()]
    }
    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions::possible(self, state, actions);
    }
    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        Some(steps::next(self, last, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_EFFECT, |_, state: &State| {
                state.objects.iter().all(|objects| objects.effects <= 1)
            }),
            Property::always(ONE_VERDICT, |_, state: &State| {
                state.wrong != Some(Wrong::VerdictChanged)
            }),
            Property::always(SAID, |_, state: &State| {
                state.objects.iter().all(|objects| match objects.said {
                    None => true,
                    Some(Verdict::Refused) => {
                        objects.claim != Some(Claim::Worker)
                            && matches!(objects.verdict, None | Some(Verdict::Lost))
                    }
                    said => objects.verdict == said,
                })
            }),
            Property::always(NO_LATE_BEGIN, |_, state: &State| {
                state.wrong != Some(Wrong::LateBegin)
            }),
            Property::always(SUPERSEDED, |_, state: &State| {
                state.attempts().all(|(attempt, objects)| {
                    attempt >= state.record.attempt || objects.verdict != Some(Verdict::Success)
                })
            }),
            Property::always(FORWARD, |_, state: &State| {
                state.wrong != Some(Wrong::WentBack)
            }),
            Property::always(ALIVE, |_, state: &State| {
                state.wrong != Some(Wrong::AliveGivenUp)
            }),
            Property::always(UNCHARGED, |_, state: &State| {
                state.wrong != Some(Wrong::ChargedUnbegun)
            }),
            Property::always(ENDS, |model, state| !model.is_stuck(state)),
        ]
    }
}

impl Protocol for Attempts {
    fn is_finished(&self, state: &State) -> bool {
        state.record.is_over()
    }
    fn sights(&self) -> Vec<Property<Self>> {
        vec![
            Property::sometimes(
                "a worker's claim is taken by another",
                |_, state: &State| state.has_worker_before(Claim::Worker),
            ),
            Property::sometimes("a worker's claim is sealed", |_, state: &State| {
                state.has_worker_before(Claim::Seal)
            }),
            Property::sometimes("a seal comes too late", |_, state: &State| {
                let late = |attempt: u8| state.claim_of(attempt) == Some(Claim::Worker);
                state.handlers.iter().any(|handler| match handler {
                    Handler::Seal { attempt, .. } => late(*attempt),
                    _ => false,
                })
            }),
            Property::sometimes("two attempts are at work", |_, state: &State| {
                let working = |attempt| state.workers.contains(&Worker::Effected(attempt));
                working(1) && working(2)
            }),
            Property::sometimes("somebody else was faster", |model: &Self, state: &State| {
                let faster = state.handlers.iter().any(|handler| match handler {
                    Handler::Read(_, seen) => *seen != state.record,
                    _ => false,
                });
                faster || !model.split
            }),
            Property::sometimes("word comes of an earlier attempt", |_, state: &State| {
                state.handlers.iter().any(|handler| match handler {
                    Handler::Tell(event) => event.attempt() < state.record.attempt,
                    _ => false,
                })
            }),
            Property::sometimes("a refusal comes too late", |model: &Self, state: &State| {
                state.has_late_refusal() || model.faults < 2
            }),
            Property::sometimes("it takes three attempts", |model: &Self, state: &State| {
                let record = state.record;
                (record.phase == Phase::Success && record.attempt == 3) || model.faults < 2
            }),
            Property::sometimes("it fails", |_, state: &State| {
                state.record.phase == Phase::Failed
            }),
        ]
    }
    fn is_message(&self, action: &Action) -> bool {
        matches!(action, Action::Notice(..))
    }
}

/// Two faults, and nobody comes between reading and committing: the preconditions see to that, as the other one shows.
const TWO_FAULTS: Attempts = Attempts {
    guards: ALL,
    faults: 2,
    split: false,
};
const ONE_FAULT: Attempts = Attempts {
    guards: ALL,
    faults: 1,
    split: true,
};

#[test]
fn an_attempt_takes_effect_once_and_its_verdict_stands_whatever_two_things_go_wrong() {
    holds("claim and verdict, two faults", &TWO_FAULTS, 30_000);
}

#[test]
fn an_attempt_takes_effect_once_whoever_comes_between_reading_and_committing() {
    holds("claim and verdict, one fault", &ONE_FAULT, 7_000);
}

#[test]
fn without_any_one_of_its_guards_an_attempt_goes_wrong() {
    let table: &[(&str, Attempts, Remove, &'static str)] = &[
        (
            "claim_once",
            TWO_FAULTS,
            |guards| guards.claim_once = false,
            ONE_EFFECT,
        ),
        (
            "verdict_once",
            TWO_FAULTS,
            |guards| guards.verdict_once = false,
            ONE_VERDICT,
        ),
        (
            "verdict_once",
            TWO_FAULTS,
            |guards| guards.verdict_once = false,
            SUPERSEDED,
        ),
        (
            "verdict_stands",
            TWO_FAULTS,
            |guards| guards.verdict_stands = false,
            SAID,
        ),
        (
            "seal_put_back",
            TWO_FAULTS,
            |guards| guards.seal_put_back = false,
            NO_LATE_BEGIN,
        ),
        (
            "seal_refused",
            TWO_FAULTS,
            |guards| guards.seal_refused = false,
            SAID,
        ),
        (
            "seal_first_refusal",
            TWO_FAULTS,
            |guards| guards.seal_first_refusal = false,
            SAID,
        ),
        (
            "seal_lost",
            TWO_FAULTS,
            |guards| guards.seal_lost = false,
            NO_LATE_BEGIN,
        ),
        (
            "seal_told_apart",
            TWO_FAULTS,
            |guards| guards.seal_told_apart = false,
            UNCHARGED,
        ),
        ("cas", ONE_FAULT, |guards| guards.cas = false, FORWARD),
        (
            "fence",
            TWO_FAULTS,
            |guards| guards.fence = false,
            NO_LATE_BEGIN,
        ),
        ("attempt", TWO_FAULTS, |guards| guards.attempt = false, SAID),
        (
            "fresh_status",
            TWO_FAULTS,
            |guards| guards.fresh_status = false,
            ALIVE,
        ),
        (
            "beat_deadline",
            TWO_FAULTS,
            |guards| guards.beat_deadline = false,
            ENDS,
        ),
    ];
    for &(guard, mut model, remove, property) in table {
        remove(&mut model.guards);
        breaks(
            &format!("claim and verdict without {guard}"),
            &model,
            property,
        );
    }
}

/// Starting again after a while and looking at the claim before that save an attempt and a container; the start deadline alone and the
/// claim object alone keep things right.
#[test]
fn starting_again_and_looking_first_save_time_and_nothing_else() {
    let table: &[(&str, Remove)] = &[
        ("check_start", |guards| guards.check_start = false),
        ("look_first", |guards| guards.look_first = false),
    ];
    for (guard, remove) in table {
        let mut model = Attempts {
            split: false,
            ..ONE_FAULT
        };
        remove(&mut model.guards);
        still_holds(&format!("claim and verdict without {guard}"), &model);
    }
}
