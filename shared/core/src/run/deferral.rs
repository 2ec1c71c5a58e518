//! Deferred jobs: handed over, asked about, and stopped when nobody waits for them any more.

use super::tasks::Step;
use super::{Attempt, Category, Effect, JobAnswer, NoteKind, State, Trouble};
use crate::deferred::{LONGEST_POLL, SHORTEST_POLL, Work, shortest_poll_interval};
use crate::limits;
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
    /// Why the last questions about some of its jobs got no answer.
    pub trouble: Option<Box<Trouble>>,
}

impl Step<'_> {
    pub(super) fn defer(
        &mut self,
        attempt: Attempt,
        jobs: &Output,
        count: u32,
        every: Option<Millis>,
    ) {
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
            // Whoever put the list there has read it.
            Output::Object { .. } => every.map(|every| every.clamp(SHORTEST_POLL, LONGEST_POLL)),
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
            trouble: None,
        };
        self.set(
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
        // What was made is yet to be run, in a commit of its own.
        let mut begins = false;
        let unknown_yet =
            matches!(answer, JobAnswer::Missing(_)) && self.now < next.since + limits::JOB_UNKNOWN;
        match answer {
            // Of this one nothing is left to be stopped.
            JobAnswer::Failed { category, why } => {
                return self.job_failed(attempt, job, *category, why, bit);
            }
            JobAnswer::Lost(why) => {
                return self.job_failed(attempt, job, Category::Permanent, why, 0);
            }
            JobAnswer::Missing(why) if !unknown_yet => {
                if next.is_denied_again(bit) {
                    return self.job_failed(attempt, job, Category::Lost, why, 0);
                }
            }
            // Somebody may give Ork leave to ask.
            JobAnswer::Denied(why) => {
                if next.is_denied_again(bit) {
                    return self.job_failed(attempt, job, Category::Recoverable, why, 0);
                }
            }
            JobAnswer::Done => {
                next.done |= bit;
                if next.done == all_jobs(next.count) {
                    let jobs = next.jobs.clone();
                    self.remove_job(attempt);
                    return self.succeed(attempt, &jobs);
                }
                next.is_allowed(bit);
            }
            JobAnswer::Gave(output) => {
                next.done |= bit;
                if next.done == all_jobs(next.count) {
                    self.remove_job(attempt);
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
                    begins = is_to_be_started(job);
                }
            }
            JobAnswer::Running => next.is_allowed(bit),
            JobAnswer::Unanswered { .. } | JobAnswer::Missing(_) => {}
        }
        match answer {
            JobAnswer::Unanswered { why: None, .. } => {}
            JobAnswer::Unanswered { why: Some(why), .. }
            | JobAnswer::Missing(why)
            | JobAnswer::Denied(why) => Trouble::met(&mut next.trouble, bit, why, self.now),
            _ => Trouble::passed(&mut next.trouble, bit),
        }
        // The others are asked when they are due, and nobody once the last question was asked.
        if !matches!(answer, JobAnswer::Done | JobAnswer::Gave(_)) && !next.is_asked_out() {
            let asked = match answer {
                JobAnswer::Unanswered { retry_after, .. } => *retry_after,
                _ => None,
            };
            let asked = asked.unwrap_or_default().min(limits::RETRY_AFTER_LONGEST);
            let pause = next.pause(self.now).max(asked);
            next.poll_at = (self.now + pause).min(next.end_by);
        }
        let definition = self.definition(attempt.task);
        self.set(
            definition,
            attempt.task,
            attempt.index,
            State::Deferred(next),
        );
        if begins {
            self.effect(Effect::BeginJobs(attempt));
        }
    }

    /// What was made for an attempt that ends well goes, too. To be called before its state changes.
    fn remove_job(&mut self, attempt: Attempt) {
        if self.definition(attempt.task).executor.leaves_a_job() {
            self.stop_jobs(attempt, 0);
        }
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
            JobAnswer::Done | JobAnswer::Gave(_) | JobAnswer::Failed { .. }
        );
        let known = self.run.owned(attempt.task, attempt.index);
        let was = known.is_some_and(|instance| attempt.attempt <= instance.attempt);
        let removed = was && self.definition(attempt.task).executor.leaves_a_job();
        if stopping && over && !removed {
            return self.jobs_stopped(attempt, 1 << job, None);
        }
        if let (JobAnswer::Begun(made), true, false) = (answer, removed, stopping)
            && made.len() + 2 <= limits::INLINE_OUTPUT_BYTES
        {
            // Somebody made it anew after all was over and removed.
            let jobs = Output::Inline(format!("[{made}]").into());
            return self.cancel_jobs(attempt, &jobs, 1, 0);
        }
        self.stale(attempt, "an answer about a deferred job");
    }

    fn job_failed(&mut self, attempt: Attempt, job: u32, category: Category, why: &str, over: u64) {
        let message = format!("deferred job {job} failed: {why}");
        // Its siblings are pointless now.
        self.stop_jobs(attempt, over);
        self.fail(attempt, category, &message);
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

/// Whether a description is of work that nobody has started.
fn is_to_be_started(job: &str) -> bool {
    let job = serde_json::from_str(job).unwrap_or_default();
    Work::read(&job).is_some()
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
