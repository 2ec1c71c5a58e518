//! I23: whoever hands over to jobs and does not wait for them any more has them stopped, until they are.

use std::collections::BTreeMap;

use ork_core::definition::TaskIndex;
use ork_core::limits;
use ork_core::run::{InstanceStatus, RunState, State};
use ork_core::task::Output;

use super::{Seen, expect};
use crate::world::Inner;

/// Jobs that a run answers for.
struct Answers<'a> {
    jobs: &'a Output,
    /// Bit per job that is known to be over.
    over: u64,
    /// Questions in a row that were turned down.
    denied: u32,
}

type Place = (TaskIndex, u32, u32);

fn answers_for(state: &RunState) -> BTreeMap<Place, Answers<'_>> {
    let mut found = BTreeMap::new();
    for (at, task) in (0u32..).zip(state.tasks()) {
        if task.counts().of(InstanceStatus::Deferred) == 0 {
            continue;
        }
        for (index, instance) in (0u32..).zip(state.instances(at)) {
            if let State::Deferred(deferral) = &instance.state {
                let answers = Answers {
                    jobs: &deferral.jobs,
                    over: deferral.done,
                    denied: 0,
                };
                found.insert((at, index, instance.attempt), answers);
            }
        }
    }
    for (task, index, one) in state.cancellations() {
        let answers = Answers {
            jobs: &one.jobs,
            over: one.over,
            denied: one.denied,
        };
        found.insert((task, index, one.attempt), answers);
    }
    found
}

/// What `before` answered for and `after` does not is not at work any more, or Ork was told often enough that it may not stop it.
pub(super) fn left_behind(inner: &Inner, before: &RunState, after: &RunState) -> Seen {
    let was = answers_for(before);
    if was.is_empty() {
        return Ok(());
    }
    let is = answers_for(after);
    for ((task, index, attempt), answers) in was {
        let now_over = is
            .get(&(task, index, attempt))
            .map_or(u64::MAX, |still| still.over);
        let given_up = answers.denied + 1 >= limits::DENIALS && now_over == u64::MAX;
        if given_up {
            continue;
        }
        let Output::Inline(text) = answers.jobs else {
            continue;
        };
        let jobs: Vec<ork_core::Value> = serde_json::from_str(text).unwrap_or_default();
        for (at, job) in jobs.iter().enumerate() {
            let newly_over = now_over & !answers.over & (1 << at) != 0;
            let id = job["id"].as_str().unwrap_or_default();
            let runs = inner.jobs.get(id);
            let stays = inner.made.get(id).is_some_and(|made| made.is_left());
            let at_work = stays || runs.is_some_and(|job| job.is_at_work(inner.now));
            expect(!newly_over || !at_work, "I23", || {
                format!(
                    "job {at} of attempt {attempt} of instance {task}.{index} of run {} is at work, or left, and nobody answers for it",
                    after.header.id
                )
            })?;
        }
    }
    Ok(())
}
