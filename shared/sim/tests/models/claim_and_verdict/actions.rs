//! What can happen in a state.

use super::Attempts;
use super::state::{Claim, Handler, Phase, State, Step, Verdict, Worker};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// A handler reads the record to do this.
    Read(usize, Step),
    /// It commits what it decided, or finds that somebody else was faster.
    Commit(usize),
    /// It gets the executor's answer.
    Answer(usize, Answer),
    /// It does the next thing that its commit calls for.
    Go(usize),
    Crash(usize),
    /// It gets the notification of an attempt's objects, which may as well be lost.
    Notice(usize, u8),
    /// A worker begins, if it gets the claim.
    Begin(usize),
    /// The user's code takes effect.
    Effect(usize),
    /// A worker writes its verdict, if it is the first.
    End(usize, Verdict),
    Die(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    Twice,
    /// Said to be taken, or not answered; nothing comes of it.
    Nothing,
    NoPlace,
    Refused,
}

impl Answer {
    /// How many workers come of it.
    pub(super) const fn workers(self) -> u8 {
        match self {
            Self::Taken => 1,
            Self::Twice => 2,
            Self::Nothing | Self::NoPlace | Self::Refused => 0,
        }
    }
}

pub(super) fn possible(model: &Attempts, state: &State, actions: &mut Vec<Action>) {
    let may_fail = state.faults < model.faults;
    for (at, handler) in state.handlers.iter().enumerate() {
        // They are sorted: what one can do, the next like it need not.
        if at > 0 && state.handlers[at - 1] == *handler {
            continue;
        }
        match handler {
            Handler::Idle => idle(model, state, at, actions),
            Handler::Read(..) => actions.push(Action::Commit(at)),
            Handler::Start { .. } => {
                actions.push(Action::Answer(at, Answer::Taken));
                if may_fail {
                    let bad = [
                        Answer::Twice,
                        Answer::Nothing,
                        Answer::NoPlace,
                        Answer::Refused,
                    ];
                    actions.extend(bad.map(|answer| Action::Answer(at, answer)));
                }
            }
            Handler::Look { .. } | Handler::Seal { .. } | Handler::Judge(_) | Handler::Tell(_) => {
                actions.push(Action::Go(at));
            }
        }
        // Dying before it asks is no different from asking in vain, nor dying before it commits from being overtaken.
        if may_fail
            && !matches!(
                handler,
                Handler::Idle | Handler::Read(..) | Handler::Start { .. }
            )
        {
            actions.push(Action::Crash(at));
        }
    }
    for (at, worker) in state.workers.iter().enumerate() {
        if at > 0 && state.workers[at - 1] == *worker {
            continue;
        }
        match worker {
            Worker::None => continue,
            Worker::Ordered(_) => actions.push(Action::Begin(at)),
            Worker::Claimed(_) => actions.push(Action::Effect(at)),
            Worker::Effected(_) => {
                actions.push(Action::End(at, Verdict::Success));
                if may_fail {
                    actions.push(Action::End(at, Verdict::Failed));
                }
            }
        }
        // One that never begins is one that was asked for in vain.
        if may_fail && !matches!(worker, Worker::Ordered(_)) {
            actions.push(Action::Die(at));
        }
    }
}

fn idle(model: &Attempts, state: &State, at: usize, actions: &mut Vec<Action>) {
    let may_fail = state.faults < model.faults;
    let mut due = |step| {
        if may_fail || !state.is_stall(at, step) {
            actions.push(Action::Read(at, step));
        }
    };
    match state.record.phase {
        Phase::Waiting if !state.is_full() => due(Step::Claim),
        Phase::Dispatched => {
            due(Step::StartDeadline);
            // No more often: then the start deadline is there.
            if model.guards.check_start && state.record.fence <= state.record.attempt + 1 {
                due(Step::CheckStart);
            }
        }
        Phase::Running if model.guards.beat_deadline => due(Step::BeatDeadline),
        _ => {}
    }
    // Notifications can be counted on for nothing: see `Attempts::is_stuck`.
    for (attempt, objects) in state.attempts() {
        let begun = match objects.claim {
            None => false,
            Some(Claim::Worker) => true,
            Some(Claim::Seal) => !model.guards.seal_told_apart,
        };
        let news = match state.record.phase {
            Phase::Dispatched => begun || objects.verdict.is_some(),
            Phase::Running => objects.verdict.is_some(),
            Phase::Waiting | Phase::Success | Phase::Failed => false,
        };
        let late = attempt < state.record.attempt && objects.verdict.is_some();
        if (attempt == state.record.attempt && news) || (late && may_fail) {
            actions.push(Action::Notice(at, attempt));
        }
    }
}
