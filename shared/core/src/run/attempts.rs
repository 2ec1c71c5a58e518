//! What becomes of attempts: begun, alive, ended, deferred, tried again.

use super::state::cut;
use super::tasks::Step;
use super::{Attempt, Category, Failure, InstanceStatus, NoteKind, RunStatus, State};
use crate::definition::{Backoff, RetryPolicy, TaskIndex};
use crate::ids::RunId;
use crate::limits;
use crate::protect::Protection;
use crate::task::{Output, Report, Verdict};
use crate::time::Millis;

impl Step<'_> {
    pub(super) const fn holds(&self, protection: Protection) -> bool {
        self.graph.protections().hold(protection)
    }

    /// Whether `attempt` is the live one. A superseded claim of the same attempt still speaks for it: only one worker can hold its claim object.
    pub(super) fn is_live(&self, attempt: Attempt) -> bool {
        self.run
            .instance(attempt.task, attempt.index)
            .is_some_and(|instance| {
                let same = instance.attempt == attempt.attempt && attempt.fence <= instance.fence;
                (same || !self.holds(Protection::AttemptMatches))
                    && instance.status().is_in_flight()
            })
    }

    pub(super) fn started(&mut self, attempt: Attempt) {
        let definition = self.graph.workflow.tasks.get(attempt.task as usize);
        let state = self
            .run
            .instance(attempt.task, attempt.index)
            .map(|instance| &instance.state);
        let (Some(definition), true, Some(State::Dispatched { begin, .. })) =
            (definition, self.is_live(attempt), state)
        else {
            return self.stale(attempt, "a start");
        };
        let watched = begin.is_some();
        let running = State::Running {
            beat_by: watched.then(|| self.now + definition.heartbeat_timeout),
            end_by: watched.then(|| self.now + definition.timeout),
        };
        self.run
            .instance_mut(attempt.task, attempt.index)
            .started_at = Some(self.now);
        self.set(definition, attempt.task, attempt.index, running);
        self.note(
            attempt.task,
            Some(attempt.index),
            NoteKind::Started {
                attempt: attempt.attempt,
            },
        );
    }

    pub(super) fn heartbeat(&mut self, attempt: Attempt) {
        if !self.is_live(attempt) {
            return self.stale(attempt, "a heartbeat");
        }
        let definition = self.definition(attempt.task);
        let at = self.now + definition.heartbeat_timeout;
        // The timer that is already set looks again and finds the later instant.
        match &mut self.run.instance_mut(attempt.task, attempt.index).state {
            State::Running {
                beat_by: Some(beat_by),
                ..
            } => *beat_by = at.max(*beat_by),
            State::Dispatched { .. } => self.started(attempt),
            _ => {}
        }
    }

    pub(super) fn not_started(&mut self, attempt: Attempt, retry_after: Millis, why: &str) {
        let dispatched = self
            .run
            .instance(attempt.task, attempt.index)
            .is_some_and(|i| i.status() == InstanceStatus::Dispatched);
        // It speaks of one claim only: a later claim of the same attempt may have found a place.
        let superseded = self.holds(Protection::FenceMatches)
            && self
                .run
                .instance(attempt.task, attempt.index)
                .is_some_and(|i| i.fence != attempt.fence);
        if !self.is_live(attempt) || !dispatched || superseded {
            return self.stale(attempt, "a refusal to start");
        }
        self.note(
            attempt.task,
            Some(attempt.index),
            NoteKind::NotStarted {
                why: why.to_owned(),
                retry_after,
            },
        );
        self.wait(attempt.task, attempt.index, retry_after);
    }

    pub(super) fn finished(
        &mut self,
        attempt: Attempt,
        verdict: &Verdict,
        report: Option<&Report>,
    ) {
        // A deferral is a verdict, and there is one for each attempt: from there on its jobs decide.
        let deferred = self.holds(Protection::OneVerdict)
            && self
                .run
                .instance(attempt.task, attempt.index)
                .is_some_and(|i| i.status() == InstanceStatus::Deferred);
        if !self.is_live(attempt) || deferred {
            if let Verdict::Deferred { jobs, count, .. } = verdict {
                self.deferred_late(attempt, jobs, *count);
            }
            return self.stale(attempt, "a verdict");
        }
        if let Some(report) = report {
            self.reported(attempt, report);
        }
        match verdict {
            Verdict::Success { output } => self.succeed(attempt, output),
            Verdict::Failed {
                category, message, ..
            } => {
                // Whoever wrote this: it is what Ork says of a worker that may be at work.
                if matches!(category, Category::Lost | Category::Timeout) {
                    self.taken_away(attempt.task, attempt.index);
                }
                self.fail(attempt, *category, message);
            }
            Verdict::Deferred { jobs, count, every } => self.defer(attempt, jobs, *count, *every),
        }
    }

    /// What a worker says of its attempt beside the verdict. When it began is often heard of only now.
    fn reported(&mut self, attempt: Attempt, report: &Report) {
        if let Some(used) = &report.used {
            self.run.header.usage.add("worker", used);
        }
        if let Some(took) = report.took {
            let most = self.definition(attempt.task).timeout;
            let earliest = self.run.header.created_at;
            let began = (self.now - took.min(most)).max(earliest);
            let instance = self.run.instance_mut(attempt.task, attempt.index);
            instance.started_at.get_or_insert(began);
        }
    }

    pub(super) fn succeed(&mut self, attempt: Attempt, output: &Output) {
        let (definition, now) = (self.definition(attempt.task), self.now);
        let instance = self.run.instance_mut(attempt.task, attempt.index);
        let started_at = *instance.started_at.get_or_insert(now);
        instance.finished_at = Some(now);
        self.set(
            definition,
            attempt.task,
            attempt.index,
            State::Success {
                output: output.clone(),
            },
        );
        self.note(
            attempt.task,
            Some(attempt.index),
            NoteKind::Succeeded {
                attempt: attempt.attempt,
                took: now.since(started_at),
            },
        );
        self.end_if_done(attempt.task);
    }

    pub(super) fn child_ended(
        &mut self,
        attempt: Attempt,
        run: &RunId,
        status: RunStatus,
        output: &Output,
    ) {
        if !self.is_child(attempt.task) || !status.is_terminal() || !self.is_live(attempt) {
            return self.stale(attempt, "the end of a sub-workflow");
        }
        if status == RunStatus::Success {
            self.succeed(attempt, output);
        } else {
            self.fail(
                attempt,
                Category::Unknown,
                &format!("run {run} of the sub-workflow is {status}"),
            );
        }
    }

    /// An attempt failed: again, or for good.
    pub(super) fn fail(&mut self, attempt: Attempt, category: Category, message: &str) {
        let (definition, now) = (self.definition(attempt.task), self.now);
        let policy = &definition.retries;
        let seed = self.run.header.seed;
        let instance = self.run.instance_mut(attempt.task, attempt.index);
        let never_began = matches!(instance.state, State::Dispatched { .. });
        instance.failure = Some(Box::new(Failure {
            category,
            message: cut(message, limits::ERROR_BYTES),
            attempt: attempt.attempt,
        }));
        if category == Category::Lost && never_began && instance.losses < limits::FREE_START_LOSSES
        {
            // Whoever lost it, it was not the user's code.
            instance.losses += 1;
            self.note(
                attempt.task,
                Some(attempt.index),
                NoteKind::LostBeforeStart {
                    attempt: attempt.attempt,
                },
            );
            return self.wait(attempt.task, attempt.index, limits::RETRY_DELAY);
        }
        let because = if category == Category::Permanent {
            "a permanent failure is not retried"
        } else if !policy.on.is_empty() && !policy.on.contains(&category) {
            "`retries.on` does not list this category"
        } else if instance.failures >= policy.max {
            if policy.max == 0 {
                "it has no retries"
            } else {
                "its retries are used up"
            }
        } else {
            instance.failures += 1;
            let used = instance.failures;
            let delay = pause(policy, used, seed, attempt);
            self.note(
                attempt.task,
                Some(attempt.index),
                NoteKind::RetryIn {
                    attempt: attempt.attempt,
                    category,
                    delay,
                    used,
                    max: policy.max,
                },
            );
            return self.wait(attempt.task, attempt.index, delay);
        };
        instance.finished_at = Some(now);
        self.set(definition, attempt.task, attempt.index, State::Failed);
        self.note(
            attempt.task,
            Some(attempt.index),
            NoteKind::Failed {
                attempt: attempt.attempt,
                category,
                because,
            },
        );
        self.end_siblings(attempt.task);
        self.end_if_done(attempt.task);
    }

    /// Lets an instance wait before it is ready again.
    fn wait(&mut self, task: TaskIndex, index: u32, delay: Millis) {
        let definition = self.definition(task);
        let due = self.now + delay;
        let state = if self.run.task(task).paused {
            State::Paused { due: Some(due) }
        } else if delay == Millis(0) {
            State::Queued { since: self.now }
        } else {
            State::Retrying { due }
        };
        self.set(definition, task, index, state);
    }
}

/// The pause before retry number `used` (from 1). With jitter it is drawn evenly from zero to the full pause,
/// from the run's seed and the attempt alone, so that replaying an event draws the same.
fn pause(policy: &RetryPolicy, used: u16, seed: u64, attempt: Attempt) -> Millis {
    let full = match policy.backoff {
        Backoff::Fixed => policy.delay.0,
        Backoff::Exponential => {
            let doubled = policy
                .delay
                .0
                .checked_shl(u32::from(used - 1))
                .filter(|ms| ms >> (used - 1) == policy.delay.0);
            doubled.unwrap_or(u64::MAX).min(policy.max_delay.0)
        }
    };
    if !policy.jitter || full == 0 {
        return Millis(full);
    }
    let key = seed
        ^ (u64::from(attempt.task) << 44)
        ^ (u64::from(attempt.index) << 16)
        ^ u64::from(attempt.attempt);
    Millis(splitmix(key) % (full.saturating_add(1)))
}

/// A well-mixed 64-bit number from another (SplitMix64's finaliser, Steele et al. 2014).
const fn splitmix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
