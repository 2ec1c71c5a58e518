//! What a commit owes the world: the deferred jobs of attempts that it may end, and effects whose commit got no answer.

use std::collections::BTreeMap;

use ork_core::definition::TaskIndex;
use ork_core::run::{Attempt, Effect, RunState, State, TaskPhase};
use ork_core::task::Output;

/// The deferred jobs of attempts, by task, index and attempt.
pub(crate) type Deferred = BTreeMap<(TaskIndex, u32, u32), Deferral>;

/// The jobs that an attempt handed over to.
#[derive(Debug, Clone)]
pub(crate) struct Deferral {
    pub(crate) jobs: Output,
    pub(crate) count: u32,
    pub(crate) done: u64,
}

/// Every attempt whose work is with deferred jobs.
pub(crate) fn deferred(state: &RunState) -> Deferred {
    let mut found = Deferred::new();
    for (at, task) in (0u32..).zip(state.tasks()) {
        if task.counts().of(ork_core::run::InstanceStatus::Deferred) == 0 {
            continue;
        }
        for (index, instance) in (0u32..).zip(state.instances(at)) {
            if let State::Deferred(deferral) = &instance.state {
                let jobs = Deferral {
                    jobs: deferral.jobs.clone(),
                    count: deferral.count,
                    done: deferral.done,
                };
                found.insert((at, index, instance.attempt), jobs);
            }
        }
    }
    found
}

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
        Effect::Stop(attempt) | Effect::StopChild(attempt) => !live(attempt),
        Effect::TaskEnded(task) => matches!(state.task(*task).phase, TaskPhase::Ended(_)),
        Effect::RunEnded(status) => state.header.status == *status,
        // Asked for again until they are answered.
        Effect::CheckStart(_) | Effect::Reap { .. } | Effect::Poll(_) | Effect::Resolve { .. } => {
            false
        }
    }
}
