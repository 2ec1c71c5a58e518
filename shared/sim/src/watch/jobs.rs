//! I23: whoever hands over to jobs and does not wait for them any more has them stopped, until they are.

use std::collections::BTreeMap;

use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::run::{Attempt, InstanceStatus, RunState, State};
use ork_core::task::{Output, TaskSpec};
use ork_core::time::Millis;

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

/// A worker handed over to jobs and found that its attempt has another verdict.
pub(crate) fn handed_over_late(inner: &mut Inner, spec: &TaskSpec) {
    let attempt = Attempt::from(&spec.id);
    let Some(tracked) = inner.watch.runs.get(&spec.id.run) else {
        return;
    };
    // The verdict that stands may not have been settled yet; nobody looks before it is.
    let open = tracked
        .state
        .instance(attempt.task, attempt.index)
        .is_some_and(|one| one.attempt == attempt.attempt && one.status().is_in_flight());
    // The clocks of those who look may be wrong.
    let soon = inner.now + Millis(2 * inner.largest_skew);
    let looks = tracked
        .state
        .header
        .late
        .is_some_and(|late| late.until > soon);
    if open || looks {
        inner.watch.refused.insert((spec.id.run.clone(), attempt));
    }
}

/// I23: the jobs of those are known, and with that asked to be stopped.
pub(super) fn refused(inner: &mut Inner) {
    if inner.watch.is_tainted() {
        return;
    }
    let unknown = |(run, attempt): &&(RunId, Attempt)| {
        let tracked = inner.watch.runs.get(run);
        tracked.is_some_and(|tracked| !tracked.state.knows_jobs_of(*attempt))
    };
    if let Some((run, at)) = inner.watch.refused.iter().find(unknown) {
        let what = format!(
            "attempt {} of instance {}.{} of run {run} handed over to jobs after its end, and nobody heard of them",
            at.attempt, at.task, at.index
        );
        inner.violated("I23", what);
    }
}
