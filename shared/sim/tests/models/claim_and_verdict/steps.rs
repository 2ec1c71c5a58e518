//! What each action does.

use super::Attempts;
use super::actions::{Action, Answer};
use super::state::{
    Claim, Event, Handler, Phase, Record, State, Step, Verdict, Why, Worker, Wrong,
};

pub(super) fn next(model: &Attempts, last: &State, action: Action) -> State {
    let mut state = last.clone();
    match action {
        Action::Read(at, step) => {
            state.handlers[at] = Handler::Read(step, state.record);
            if !model.split {
                commit(model, &mut state, at);
            }
        }
        Action::Commit(at) => commit(model, &mut state, at),
        Action::Answer(at, answer) => {
            if let Handler::Start {
                attempt,
                fence,
                again,
            } = state.handlers[at]
            {
                state.faults += u8::from(answer != Answer::Taken);
                let why = match answer {
                    Answer::NoPlace => Some(Why::NoPlace),
                    Answer::Refused => Some(Why::Refused),
                    Answer::Taken | Answer::Twice | Answer::Nothing => None,
                };
                for _ in 0..answer.workers() {
                    state.hire(attempt);
                }
                state.handlers[at] = why.map_or(Handler::Idle, |why| {
                    if must_seal(model, why, again) {
                        Handler::Seal {
                            attempt,
                            fence,
                            why,
                        }
                    } else {
                        given_up(attempt, fence, why)
                    }
                });
            }
        }
        Action::Go(at) => {
            state.handlers[at] = go(model, &mut state, last.handlers[at]);
            if !model.split && matches!(state.handlers[at], Handler::Read(..)) {
                commit(model, &mut state, at);
            }
        }
        Action::Crash(at) => {
            state.faults += 1;
            state.handlers[at] = Handler::Idle;
        }
        Action::Notice(at, attempt) => {
            // Late, or for the second time.
            state.faults += u8::from(attempt < state.record.attempt);
            let event = match state.of(attempt).verdict {
                Some(verdict) => Event::Finished(attempt, verdict),
                None => Event::Started(attempt),
            };
            state.handlers[at] = Handler::Tell(event);
        }
        Action::Begin(at) => begin(model, &mut state, at),
        Action::Effect(at) => {
            let attempt = state.workers[at].attempt();
            let objects = state.of(attempt);
            objects.effects += 1;
            objects.fresh = true;
            state.workers[at] = Worker::Effected(attempt);
        }
        Action::End(at, verdict) => {
            state.faults += u8::from(verdict == Verdict::Failed);
            let attempt = state.workers[at].attempt();
            judge(model, &mut state, attempt, verdict);
            state.workers[at] = Worker::None;
        }
        Action::Die(at) => {
            state.faults += 1;
            state.workers[at] = Worker::None;
        }
    }
    state.sort();
    state
}

fn begin(model: &Attempts, state: &mut State, at: usize) {
    let attempt = state.workers[at].attempt();
    let record = state.record;
    let objects = state.of(attempt);
    if objects.claim.is_some() && model.guards.claim_once {
        state.workers[at] = Worker::None;
        return;
    }
    objects.claim = Some(Claim::Worker);
    if record.attempt != attempt || !record.is_in_flight() {
        state.wrong(Wrong::LateBegin);
    }
    state.workers[at] = Worker::Claimed(attempt);
}

/// Creates the verdict object; gives the verdict that whoever does so goes by.
fn judge(model: &Attempts, state: &mut State, attempt: u8, mine: Verdict) -> Verdict {
    let objects = state.of(attempt);
    match objects.verdict {
        Some(found) if model.guards.verdict_once => {
            return if model.guards.verdict_stands {
                found
            } else {
                mine
            };
        }
        Some(found) if found != mine => state.wrong(Wrong::VerdictChanged),
        _ => {}
    }
    state.of(attempt).verdict = Some(mine);
    mine
}

/// Whether an attempt that was not started may have been started by somebody else.
const fn must_seal(model: &Attempts, why: Why, again: bool) -> bool {
    match (why, again) {
        (Why::NoPlace, true) => model.guards.seal_put_back,
        // If there was another start since, the fence tells.
        (Why::NoPlace, false) => false,
        (Why::Refused, true) => model.guards.seal_refused,
        // An end has no fence.
        (Why::Refused, false) => model.guards.seal_first_refusal,
        (Why::Late, _) => model.guards.seal_lost,
    }
}

/// What is to be said of an attempt whose worker has begun.
fn begun(state: &State, attempt: u8) -> Handler {
    Handler::Tell(match state.objects[usize::from(attempt) - 1].verdict {
        Some(verdict) => Event::Finished(attempt, verdict),
        None => Event::Started(attempt),
    })
}

/// The attempt cannot begin any more, and that is why.
fn given_up(attempt: u8, fence: u8, why: Why) -> Handler {
    match why {
        Why::NoPlace => Handler::Tell(Event::NotStarted { attempt, fence }),
        Why::Refused => Handler::Tell(Event::Finished(attempt, Verdict::Refused)),
        Why::Late => Handler::Judge(attempt),
    }
}

fn go(model: &Attempts, state: &mut State, handler: Handler) -> Handler {
    match handler {
        Handler::Look { attempt, fence } => match state.claim_of(attempt) {
            None => Handler::Start {
                attempt,
                fence,
                again: true,
            },
            Some(Claim::Seal) if model.guards.seal_told_apart => {
                Handler::Tell(Event::NotStarted { attempt, fence })
            }
            Some(_) => begun(state, attempt),
        },
        Handler::Seal {
            attempt,
            fence,
            why,
        } => match state.claim_of(attempt) {
            None => {
                let objects = state.of(attempt);
                objects.claim = Some(Claim::Seal);
                given_up(attempt, fence, why)
            }
            Some(Claim::Seal) if model.guards.seal_told_apart => given_up(attempt, fence, why),
            Some(_) if why == Why::Late => begun(state, attempt),
            Some(_) => Handler::Tell(Event::Started(attempt)),
        },
        Handler::Judge(attempt) => {
            let stands = judge(model, state, attempt, Verdict::Lost);
            Handler::Tell(Event::Finished(attempt, stands))
        }
        Handler::Tell(event) => Handler::Read(Step::Apply(event), state.record),
        other => other,
    }
}

/// Commits what a handler decided, if nobody else was faster, and goes on to what it calls for.
fn commit(model: &Attempts, state: &mut State, at: usize) {
    let Handler::Read(step, seen) = state.handlers[at] else {
        return;
    };
    let stall = state.is_stall(at, step);
    let conflict = model.guards.cas && seen != state.record;
    // A sign of life moved the deadline after it was read.
    if conflict || (stall && state.faults == model.faults) {
        state.handlers[at] = match step {
            Step::Apply(event) => Handler::Tell(event),
            _ => Handler::Idle,
        };
        return;
    }
    state.faults += u8::from(stall);
    let mut record = seen;
    let attempt = seen.attempt;
    let next = match step {
        Step::Claim => {
            record.attempt += 1;
            record.fence += 1;
            record.phase = Phase::Dispatched;
            Handler::Start {
                attempt: record.attempt,
                fence: record.fence,
                again: false,
            }
        }
        Step::CheckStart => {
            record.fence += 1;
            let fence = record.fence;
            if model.guards.look_first {
                Handler::Look { attempt, fence }
            } else {
                Handler::Start {
                    attempt,
                    fence,
                    again: true,
                }
            }
        }
        Step::StartDeadline if must_seal(model, Why::Late, true) => Handler::Seal {
            attempt,
            fence: seen.fence,
            why: Why::Late,
        },
        Step::StartDeadline => Handler::Judge(attempt),
        Step::BeatDeadline => {
            let fresh = std::mem::take(&mut state.of(attempt).fresh);
            if fresh && !model.guards.fresh_status {
                state.wrong(Wrong::AliveGivenUp);
            }
            if fresh && model.guards.fresh_status {
                Handler::Idle
            } else {
                Handler::Judge(attempt)
            }
        }
        Step::Apply(event) => {
            apply(model, state, &mut record, event);
            Handler::Idle
        }
    };
    if record < state.record || (state.record.is_over() && record != state.record) {
        state.wrong(Wrong::WentBack);
    }
    state.record = record;
    state.handlers[at] = next;
}

/// What the core makes of an event.
fn apply(model: &Attempts, state: &mut State, record: &mut Record, event: Event) {
    let attempt = record.attempt;
    let concerns = event.attempt() == attempt || !model.guards.attempt;
    if !concerns || !record.is_in_flight() {
        return;
    }
    let dispatched = record.phase == Phase::Dispatched;
    match event {
        Event::Started(_) if dispatched => record.phase = Phase::Running,
        Event::NotStarted { fence, .. }
            if dispatched && (fence == record.fence || !model.guards.fence) =>
        {
            record.phase = Phase::Waiting;
            state.of(attempt).said = Some(Verdict::Refused);
        }
        Event::Started(_) | Event::NotStarted { .. } => {}
        Event::Finished(_, verdict) => {
            state.of(attempt).said = Some(verdict);
            match verdict {
                Verdict::Success => record.phase = Phase::Success,
                Verdict::Refused => record.phase = Phase::Failed,
                // Whoever lost it, it was not the user's code.
                Verdict::Lost if dispatched => record.phase = Phase::Waiting,
                Verdict::Lost | Verdict::Failed => {
                    if state.claim_of(attempt) != Some(Claim::Worker) {
                        state.wrong(Wrong::ChargedUnbegun);
                    }
                    record.phase = if state.is_full() {
                        Phase::Failed
                    } else {
                        Phase::Waiting
                    };
                }
            }
        }
    }
}
