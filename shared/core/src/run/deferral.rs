//! Deferred jobs: handed over, asked about, and stopped when nobody waits for them any more.

use super::tasks::Step;
use super::{
    Attempt, Category, Effect, Instance, JobAnswer, NotStopped, NoteKind, RunState, State,
};
use crate::deferred::shortest_poll_interval;
use crate::definition::TaskIndex;
use crate::limits;
use crate::protect::Protection;
use crate::task::Output;
use crate::time::{Millis, Time};

/// The jobs an attempt handed over to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferral {
    /// JSON text of the list of jobs.
    pub jobs: Output,
    /// How many.
    pub count: u32,
    /// Bit per job that is done.
    pub done: u64,
    /// When to ask next.
    pub poll_at: Time,
    /// By when all must be done.
    pub end_by: Time,
    /// When it was heard of: the older it is, the less often it is asked about.
    pub since: Time,
    /// The shortest pause between two questions.
    pub every: Millis,
    /// Bit per job about which an odd number of questions in a row was turned down, of two at most.
    pub(super) denied_once: u64,
    /// Bit per job about which two questions in a row were turned down.
    pub(super) denied_twice: u64,
}

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
    pub(super) fn defer(&mut self, attempt: Attempt, jobs: &Output, count: u32) {
        let definition = self.definition(attempt.task);
        if count == 0 || count as usize > limits::DEFERRED_JOBS {
            let message = format!(
                "it deferred to {count} jobs; between 1 and {} are allowed",
                limits::DEFERRED_JOBS
            );
            return self.fail(attempt, Category::Permanent, &message);
        }
        let now = self.now;
        let instance = self.run.instance_mut(attempt.task, attempt.index);
        instance.handed_over |= bit_of(attempt.attempt);
        let started_at = *instance.started_at.get_or_insert(now);
        let asked = match jobs {
            Output::Inline(text) => shortest_poll_interval(text),
            Output::Object { .. } => None,
        };
        let every = asked.unwrap_or(limits::POLL_INTERVAL);
        let end_by = started_at + definition.timeout;
        let deferral = Deferral {
            jobs: jobs.clone(),
            count,
            done: 0,
            poll_at: if definition.executor.is_a_request() {
                now + limits::REQUEST_AGAIN
            } else {
                (now + every).min(end_by)
            },
            end_by,
            since: now,
            every,
            denied_once: 0,
            denied_twice: 0,
        };
        self.run.set(
            definition,
            attempt.task,
            attempt.index,
            State::Deferred(Box::new(deferral)),
        );
        self.note(
            attempt.task,
            Some(attempt.index),
            NoteKind::Deferred { jobs: count },
        );
        if definition.executor.is_remote() {
            self.effect(Effect::BeginJobs(attempt));
        }
    }

    pub(super) fn job(&mut self, attempt: Attempt, job: u32, answer: &JobAnswer) {
        let deferral = match self
            .run
            .instance(attempt.task, attempt.index)
            .map(|instance| &instance.state)
        {
            Some(State::Deferred(deferral)) if self.is_live(attempt) && job < deferral.count => {
                deferral
            }
            _ => return self.job_late(attempt, job, answer),
        };
        let mut next = deferral.clone();
        let bit = 1u64 << job;
        let unknown_yet =
            matches!(answer, JobAnswer::Missing(_)) && self.now < next.since + limits::JOB_UNKNOWN;
        match answer {
            // Of this one nothing is left to be stopped.
            JobAnswer::Failed(why) => return self.job_failed(attempt, job, why, bit),
            JobAnswer::Lost(why) => return self.job_failed(attempt, job, why, 0),
            JobAnswer::Missing(why) | JobAnswer::Denied(why) if !unknown_yet => {
                if next.is_denied_again(bit) {
                    return self.job_failed(attempt, job, why, 0);
                }
            }
            JobAnswer::Done => {
                next.done |= bit;
                if next.done == all_jobs(next.count) {
                    let jobs = next.jobs.clone();
                    return self.succeed(attempt, &jobs);
                }
                next.is_allowed(bit);
            }
            JobAnswer::Gave(output) => {
                next.done |= bit;
                if next.done == all_jobs(next.count) {
                    return self.succeed(attempt, output);
                }
                next.is_allowed(bit);
            }
            JobAnswer::Broke { category, why } => {
                // Somebody else may have started it all the same, then or since.
                self.stop_jobs(attempt, 0);
                return self.fail(attempt, *category, why);
            }
            JobAnswer::Begun(job) => {
                next.is_allowed(bit);
                // Only the engine itself starts anything, and one job for an attempt. What would not fit is found by its id again.
                if next.count == 1 && job.len() + 2 <= limits::INLINE_OUTPUT_BYTES {
                    next.jobs = Output::Inline(format!("[{job}]").into());
                }
            }
            JobAnswer::Running => next.is_allowed(bit),
            JobAnswer::Unanswered { .. } | JobAnswer::Missing(_) | JobAnswer::Denied(_) => {}
        }
        // The others are asked when they are due, and nobody once the last question was asked.
        if !matches!(answer, JobAnswer::Done | JobAnswer::Gave(_)) && !next.is_asked_out() {
            let asked = match answer {
                JobAnswer::Unanswered { retry_after } => *retry_after,
                _ => None,
            };
            let asked = asked.unwrap_or_default().min(limits::RETRY_AFTER_LONGEST);
            let pause = next.pause(self.now).max(asked);
            next.poll_at = (self.now + pause).min(next.end_by);
        }
        let definition = self.definition(attempt.task);
        self.run.set(
            definition,
            attempt.task,
            attempt.index,
            State::Deferred(next),
        );
    }

    /// Nobody waits for the job any more; if it is over it need not be stopped.
    fn job_late(&mut self, attempt: Attempt, job: u32, answer: &JobAnswer) {
        let stopping = self
            .run
            .owned(attempt.task, attempt.index)
            .is_some_and(|instance| {
                let mut all = instance.cancellations().iter();
                all.any(|one| one.attempt == attempt.attempt && job < one.count)
            });
        let over = matches!(
            answer,
            JobAnswer::Done | JobAnswer::Gave(_) | JobAnswer::Failed(_)
        );
        if stopping && over {
            return self.jobs_stopped(attempt, 1 << job, None);
        }
        self.stale(attempt, "an answer about a deferred job");
    }

    fn job_failed(&mut self, attempt: Attempt, job: u32, why: &str, over: u64) {
        let message = format!("deferred job {job} failed: {why}");
        // Its siblings are pointless now.
        self.stop_jobs(attempt, over);
        self.fail(attempt, Category::Unknown, &message);
    }

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

    /// A worker handed over to jobs after its attempt was ended: nobody waits for them.
    pub(super) fn deferred_late(&mut self, attempt: Attempt, jobs: &Output, count: u32) {
        let Some(instance) = self.run.owned(attempt.task, attempt.index) else {
            return;
        };
        let was = attempt.attempt <= instance.attempt && instance.attempt - attempt.attempt < 64;
        let told = instance.handed_over & bit_of(attempt.attempt) != 0;
        if was && !told && count > 0 && count as usize <= limits::DEFERRED_JOBS {
            self.run
                .instance_mut(attempt.task, attempt.index)
                .handed_over |= bit_of(attempt.attempt);
            self.cancel_jobs(attempt, jobs, count, 0);
        }
    }

    fn cancel_jobs(&mut self, attempt: Attempt, jobs: &Output, count: u32, over: u64) {
        let nothing = self.definition(attempt.task).executor.leaves_nothing();
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
        let (task, index) = (attempt.task, attempt.index);
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
        one.denied = match denied {
            Some(_) => one.denied.saturating_add(1),
            None => 0,
        };
        let all = one.over & all_jobs(one.count) == all_jobs(one.count);
        let held = one.holds;
        let attempt = attempt.attempt;
        if all {
            self.run.cancellations_mut(task, index).remove(position);
            self.note(task, Some(index), NoteKind::JobsStopped { attempt });
        } else if let Some(NotStopped {
            why,
            for_good: true,
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
                self.run
                    .set(definition, task, index, State::Queued { since: self.now });
            }
        }
    }
}

impl Deferral {
    /// Whether the last question was asked, after which nothing is waited for but its answer.
    fn is_asked_out(&self) -> bool {
        self.poll_at == self.end_by + Millis(1)
    }
    /// How long to wait before the next question: a tenth of its age, within bounds.
    fn pause(&self, now: Time) -> Millis {
        let tenth = Millis(now.since(self.since).0 / 10);
        tenth.clamp(self.every, limits::POLL_LONGEST.max(self.every))
    }
    /// Counts a question that was turned down; whether it is one too many.
    const fn is_denied_again(&mut self, bit: u64) -> bool {
        if self.denied_twice & bit != 0 {
            return true;
        }
        if self.denied_once & bit != 0 {
            self.denied_once &= !bit;
            self.denied_twice |= bit;
        } else {
            self.denied_once |= bit;
        }
        false
    }
    const fn is_allowed(&mut self, bit: u64) {
        self.denied_once &= !bit;
        self.denied_twice &= !bit;
    }
    /// Jobs that are not done.
    pub(super) const fn open(&self) -> u32 {
        (all_jobs(self.count) & !self.done).count_ones()
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

/// The bit that says of an attempt that it handed over.
pub(super) const fn bit_of(attempt: u32) -> u64 {
    1 << (attempt % 64)
}

/// The bits of `count` jobs.
pub(super) const fn all_jobs(count: u32) -> u64 {
    if count >= 64 {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}
