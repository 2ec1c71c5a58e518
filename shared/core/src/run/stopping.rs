//! Jobs that nobody waits for any more: stopped, and asked for until they are known to be over.

use super::deferral::all_jobs;
use super::tasks::Step;
use super::{Attempt, Effect, Instance, NotStopped, NoteKind, RunState, State, Trouble, Unstopped};
use crate::definition::TaskIndex;
use crate::limits;
use crate::protect::Protection;
use crate::task::Output;
use crate::time::{Millis, Time};

/// Jobs of an attempt that is over, which are to be stopped and of which not all are known to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The attempt that handed over to them.
    pub attempt: u32,
    /// JSON text of the list of jobs.
    pub jobs: Output,
    /// How many.
    pub count: u32,
    /// Bit per job that is over.
    pub over: u64,
    /// Since when they are to be stopped.
    pub since: Time,
    /// When to ask next.
    pub ask_at: Time,
    /// How often was asked.
    pub asked: u32,
    /// How often in a row that was turned down.
    pub denied: u32,
    /// The instance is ready for its next attempt and waits for this.
    pub(super) holds: bool,
    /// Why the last wish to stop them was not taken.
    pub trouble: Option<Box<Trouble>>,
}

impl RunState {
    /// Every attempt whose jobs are to be stopped and are not all known to be: task, index and what is left to do.
    pub fn cancellations(&self) -> impl Iterator<Item = (TaskIndex, u32, &Cancellation)> {
        (0u32..).zip(&self.tasks).flat_map(|(at, task)| {
            let owned = task.first as usize..(task.first + task.capacity) as usize;
            (0u32..)
                .zip(&self.instances[owned])
                .flat_map(move |(index, instance)| {
                    let all = instance.cancellations().iter();
                    all.map(move |one| (at, index, one))
                })
        })
    }

    /// An instance by its index among all that the task ever had.
    pub(super) fn owned(&self, task: TaskIndex, index: u32) -> Option<&Instance> {
        let task = self.tasks.get(task as usize)?;
        (index < task.capacity).then(|| &self.instances[(task.first + index) as usize])
    }
    /// What is being stopped of such an instance.
    pub(super) fn cancellations_mut(
        &mut self,
        task: TaskIndex,
        index: u32,
    ) -> &mut Vec<Cancellation> {
        self.instance_mut(task, index)
            .cancellations
            .get_or_insert_default()
    }
    /// Nothing of such an instance is being stopped any more.
    pub(super) fn no_cancellations(&mut self, task: TaskIndex, index: u32) {
        self.instance_mut(task, index).cancellations = None;
    }
    /// Looks at such an instance at `at`.
    pub(super) fn time(&mut self, task: TaskIndex, index: u32, at: Time) {
        let slot = self.tasks[task as usize].first + index;
        self.timers.insert((at, slot));
    }
}

impl Step<'_> {
    /// The jobs of a deferred instance are to be stopped, but for those in `over`. To be called before its state changes.
    pub(super) fn stop_jobs(&mut self, attempt: Attempt, over: u64) {
        let Some(State::Deferred(deferral)) = self
            .run
            .instance(attempt.task, attempt.index)
            .map(|instance| &instance.state)
        else {
            return;
        };
        let (jobs, count, done) = (deferral.jobs.clone(), deferral.count, deferral.done);
        self.cancel_jobs(attempt, &jobs, count, over | done);
    }

    pub(super) fn cancel_jobs(&mut self, attempt: Attempt, jobs: &Output, count: u32, over: u64) {
        let executor = &self.definition(attempt.task).executor;
        let nothing = executor.leaves_nothing();
        // That its execution is over does not remove a job.
        let over = if executor.leaves_a_job() { 0 } else { over };
        let all = nothing || over & all_jobs(count) == all_jobs(count);
        if all || !self.holds(Protection::CancelKept) {
            return;
        }
        let now = self.now;
        let instance = self.run.instance_mut(attempt.task, attempt.index);
        let cancellations = instance.cancellations.get_or_insert_default();
        if cancellations.len() >= limits::CANCELLATIONS
            && let Some(oldest) = cancellations.iter().position(Cancellation::is_refused)
        {
            // It was said that this one is at work.
            cancellations.remove(oldest);
        }
        if cancellations.len() >= limits::CANCELLATIONS {
            let why = "too many of its attempts have jobs that are being stopped".to_owned();
            return self.note(
                attempt.task,
                Some(attempt.index),
                NoteKind::JobsNotStopped {
                    attempt: attempt.attempt,
                    why,
                },
            );
        }
        cancellations.push(Cancellation {
            attempt: attempt.attempt,
            jobs: jobs.clone(),
            count,
            over,
            since: now,
            ask_at: now + limits::CANCEL_AGAIN,
            asked: 1,
            denied: 0,
            holds: false,
            trouble: None,
        });
        self.run
            .time(attempt.task, attempt.index, now + limits::CANCEL_AGAIN);
        self.note(
            attempt.task,
            Some(attempt.index),
            NoteKind::StoppingJobs {
                attempt: attempt.attempt,
                jobs: (all_jobs(count) & !over).count_ones(),
            },
        );
        self.effect(Effect::StopJobs(attempt));
    }

    /// Asks again for whatever of an instance's jobs is due to be stopped.
    pub(super) fn ask_again(&mut self, task: u32, index: u32) {
        let now = self.now;
        let Some(instance) = self.run.owned(task, index) else {
            return;
        };
        if !instance.cancellations().iter().any(|one| one.ask_at <= now) {
            return;
        }
        let fence = instance.fence;
        let mut asked = Vec::new();
        let mut next = Time(i64::MAX);
        self.no_longer_stopped(task, index);
        let Some(instance) = self.run.owned(task, index) else {
            return;
        };
        if instance.cancellations().is_empty() {
            return;
        }
        for one in self.run.cancellations_mut(task, index) {
            if one.ask_at <= now {
                one.ask_at = now + one.pause(now);
                one.asked = one.asked.saturating_add(1);
                asked.push(one.attempt);
            }
            next = next.min(one.ask_at);
        }
        self.run.time(task, index, next);
        for attempt in asked {
            self.effect(Effect::StopJobs(Attempt {
                task,
                index,
                attempt,
                fence,
            }));
        }
    }

    /// What was to be stopped for longer than any job is at work is left alone.
    fn no_longer_stopped(&mut self, task: u32, index: u32) {
        let now = self.now;
        let old = |one: &Cancellation| now >= one.since + limits::CANCEL_KEPT;
        let all = self.run.cancellations_mut(task, index);
        let dropped: Vec<u32> = all
            .iter()
            .filter(|one| old(one))
            .map(|one| one.attempt)
            .collect();
        all.retain(|one| !old(one));
        for attempt in dropped {
            let why = format!(
                "nobody said that they are over within {}",
                limits::CANCEL_KEPT
            );
            self.note(task, Some(index), NoteKind::JobsNotStopped { attempt, why });
        }
        if self.run.cancellations_mut(task, index).is_empty() {
            self.run.no_cancellations(task, index);
        }
    }

    pub(super) fn jobs_stopped(
        &mut self,
        attempt: Attempt,
        over: u64,
        denied: Option<&NotStopped>,
    ) {
        let (task, index, now) = (attempt.task, attempt.index, self.now);
        let found = self.run.owned(task, index).and_then(|instance| {
            let mut all = instance.cancellations().iter();
            all.position(|one| one.attempt == attempt.attempt)
        });
        let Some(position) = found else {
            return self.stale(attempt, "word of stopped jobs");
        };
        let one = &mut self.run.cancellations_mut(task, index)[position];
        one.over |= over;
        let was_refused = one.is_refused();
        match denied.map(|not| not.because) {
            None => one.denied = 0,
            Some(Unstopped::Unanswered) => {}
            Some(Unstopped::Refused | Unstopped::ForGood) => {
                one.denied = one.denied.saturating_add(1);
            }
        }
        match denied {
            None => one.trouble = None,
            Some(not) => Trouble::met(&mut one.trouble, 0, &not.why, now),
        }
        let all = one.over & all_jobs(one.count) == all_jobs(one.count);
        let held = one.holds;
        let attempt = attempt.attempt;
        if all {
            self.run.cancellations_mut(task, index).remove(position);
            self.note(task, Some(index), NoteKind::JobsStopped { attempt });
        } else if let Some(NotStopped {
            why,
            because: Unstopped::ForGood,
        }) = denied
        {
            self.run.cancellations_mut(task, index).remove(position);
            let why = why.clone();
            self.note(task, Some(index), NoteKind::JobsNotStopped { attempt, why });
        } else if let Some(refused) = denied
            && one.is_refused()
            && !was_refused
        {
            // It is asked for still, but nobody waits for it.
            one.holds = false;
            self.note(
                task,
                Some(index),
                NoteKind::JobsNotStopped {
                    attempt,
                    why: refused.why.clone(),
                },
            );
        } else {
            return;
        }
        let left = self.run.cancellations_mut(task, index);
        if left.iter().all(Cancellation::is_refused) {
            if left.is_empty() {
                self.run.no_cancellations(task, index);
            }
            let waits = index < self.run.task(task).count
                && matches!(
                    self.run.instances(task)[index as usize].state,
                    State::Retrying { .. }
                );
            if held && waits {
                let definition = self.definition(task);
                self.set(definition, task, index, State::Queued { since: self.now });
            }
        }
    }
}

impl Cancellation {
    /// Jobs that are not known to be over.
    pub const fn left(&self) -> u32 {
        (all_jobs(self.count) & !self.over).count_ones()
    }
    /// Whether its service refuses: it is still asked for, less often, and nobody waits for it.
    pub const fn is_refused(&self) -> bool {
        self.denied >= limits::DENIALS
    }
    /// How long to wait for the jobs to end before they are asked about again.
    fn pause(&self, now: Time) -> Millis {
        if self.is_refused() {
            let share = Millis(now.since(self.since).0 / 8);
            return share.clamp(limits::CANCEL_AGAIN_LONGEST, limits::CANCEL_DENIED_LONGEST);
        }
        let doubled = limits::CANCEL_AGAIN.0 << self.asked.min(10);
        Millis(doubled).min(limits::CANCEL_AGAIN_LONGEST)
    }
}
