//! What a commit owes the world: effects whose commit got no answer.

use ork_core::run::{Attempt, Effect, Event, RunState, State, TaskPhase};

/// Whether an effect that a lost commit asked for is still called for by the state that is stored.
pub(crate) fn still_holds(effect: &Effect, state: &RunState) -> bool {
    let live = |attempt: &Attempt| {
        state
            .instance(attempt.task, attempt.index)
            .is_some_and(|instance| {
                instance.attempt == attempt.attempt
                    && instance.fence == attempt.fence
                    && instance.status().is_in_flight()
            })
    };
    match effect {
        // An executor of this process's own is nobody else's. A remote one may have the attempt already, from whoever committed the
        // same meanwhile, and two starts of one claim cannot be told apart: the claim lease asks, under a higher fence.
        Effect::Start(attempt) => {
            live(attempt)
                && state
                    .instance(attempt.task, attempt.index)
                    .is_some_and(|instance| {
                        matches!(instance.state, State::Dispatched { begin: None, .. })
                    })
        }
        Effect::StartChild(attempt) => live(attempt),
        // Done too often it is done once, and late it is done when the jobs are asked about.
        Effect::BeginJobs(attempt) => live(attempt),
        Effect::Stop(attempt) | Effect::StopChild(attempt) => !live(attempt),
        Effect::TaskEnded(task) => matches!(state.task(*task).phase, TaskPhase::Ended(_)),
        Effect::RunEnded(status) => state.header.status == *status,
        Effect::Remove => state.header.removing,
        // Asked for again until they are answered, or answered before the commit.
        Effect::CheckStart(_)
        | Effect::Reap { .. }
        | Effect::Poll(_)
        | Effect::StopJobs(_)
        | Effect::LookForLate
        | Effect::LookBack
        | Effect::Notify { .. }
        | Effect::Resolve { .. } => false,
    }
}

/// Whether an event is the answer to a first question about jobs for which nobody waits any more, and which nobody is to stop.
pub(crate) fn is_moot(event: &Event, state: &RunState) -> bool {
    let Event::Job { attempt, .. } = event else {
        return false;
    };
    let waits = state
        .instance(attempt.task, attempt.index)
        .is_some_and(|instance| {
            instance.attempt == attempt.attempt && matches!(instance.state, State::Deferred(_))
        });
    let stopping = || {
        state.cancellations().any(|(task, index, one)| {
            (task, index, one.attempt) == (attempt.task, attempt.index, attempt.attempt)
        })
    };
    !waits && !stopping()
}
