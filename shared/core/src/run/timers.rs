//! Time: what is due, and when to look again.

use super::deferral::Deferral;
use super::tasks::Step;
use super::{Attempt, Effect, InstanceStatus, NoteKind, Overdue, RunState, RunStatus, State};
use crate::limits;
use crate::time::{Millis, Time};

impl RunState {
    /// Whether it has ended and nothing of it is left to do: no job to be stopped or looked for, nobody to be told, nothing to be removed.
    pub fn is_at_rest(&self) -> bool {
        self.header.status.is_terminal()
            && !self.header.removing
            && self.header.late.is_none()
            && self.cancellations().next().is_none()
            && !self.has_pending_notices()
    }

    /// The earliest instant at which this run must be looked at again; `None` only when it has ended, nothing of it is to be stopped and
    /// nobody is to be told of it.
    ///
    /// A ready instance that nobody has claimed keeps the run due: this is what replaces an outbox.
    pub fn next_wake_at(&mut self, now: Time) -> Option<Time> {
        match self.header.status {
            // Nothing but jobs that are to be stopped, what workers may say of others, notices, and the run itself if it is to go.
            RunStatus::Success | RunStatus::Failed | RunStatus::Cancelled => {
                let again = self.header.removing.then(|| now + limits::REMOVE_AGAIN);
                return earliest([
                    self.first_timer(),
                    self.late_look(),
                    self.first_notice(),
                    again,
                ]);
            }
            // Whoever frees its place tells it; should that be lost, it finds out after a share of the time it has waited already.
            RunStatus::Pending => {
                let waited = Millis(now.since(self.header.created_at).0 / 4);
                return Some(
                    now + waited.clamp(limits::PENDING_CHECK, limits::PENDING_CHECK_LONGEST),
                );
            }
            RunStatus::Running | RunStatus::Recovering | RunStatus::Paused => {}
        }
        let timer = self.first_timer();
        let announce = (self.has_ready() && self.header.status != RunStatus::Paused)
            .then(|| now + limits::ANNOUNCE_AGAIN);
        let net = (now + limits::WAKE_NET).min(self.header.deadline_at.unwrap_or(Time(i64::MAX)));
        earliest([
            timer,
            announce,
            self.late_look(),
            self.first_notice(),
            Some(net),
        ])
    }

    /// The first instant that an instance says.
    fn first_timer(&mut self) -> Option<Time> {
        // Outdated entries go; an entry that is early for its instance (heartbeats move without one) is renewed.
        while let Some(&(at, slot)) = self.timers.first() {
            let due = self.instances[slot as usize].wake_at();
            if due.is_some_and(|due| due <= at) {
                break;
            }
            self.timers.pop_first();
            self.timers.extend(due.map(|due| (due, slot)));
        }
        self.timers.first().map(|&(at, _)| at)
    }

    /// The earliest instant at which time alone changes something, for an engine that watches everything else itself.
    pub fn next_timer(&mut self, now: Time) -> Option<Time> {
        self.next_wake_at(now)?;
        let timer = self.timers.first().map(|&(at, _)| at);
        let deadline = self.header.deadline_at;
        let deadline = deadline.filter(|_| !self.header.status.is_terminal());
        earliest([timer, deadline, self.late_look(), self.first_notice()])
    }

    /// The earliest instant before `until` at which something goes on that waits for time and nothing else: a retry, a question about deferred
    /// jobs, a notice, the deadline. What only looks after attempts that are not heard of is not among them; it has time until the next tick.
    pub fn next_wait_over(&self, until: Time) -> Option<Time> {
        if self.header.status == RunStatus::Pending {
            return None;
        }
        let mut timers = self.timers.iter().take_while(|&&(at, _)| at < until);
        let waiting = timers.find(|&&(at, slot)| {
            let instance = &self.instances[slot as usize];
            let waits = matches!(instance.state, State::Retrying { .. } | State::Deferred(_))
                || !instance.cancellations().is_empty();
            waits && instance.wake_at() == Some(at)
        });
        let timer = waiting.map(|&(at, _)| at);
        let notice = self.first_notice().filter(|&at| at < until);
        if self.header.status.is_terminal() {
            return earliest([timer, notice]);
        }
        let deadline = self.header.deadline_at.filter(|&at| at < until);
        earliest([timer, notice, deadline])
    }
}

impl Step<'_> {
    /// Time has passed.
    pub(super) fn tick(&mut self) {
        let header = &self.run.header;
        if header.status == RunStatus::Pending {
            return;
        }
        let over = header.status.is_terminal();
        self.look_for_late();
        self.notices_due();
        let header = &self.run.header;
        if !over && header.deadline_at.is_some_and(|at| at <= self.now) {
            self.note_run(NoteKind::DeadlinePassed);
            self.run.header.error = Some(format!(
                "the run's deadline of {} has passed",
                self.graph.workflow.deadline.unwrap_or_default()
            ));
            self.cancel_everything();
            self.end_run(RunStatus::Failed, true);
            return;
        }
        let mut questions = 0;
        let mut put_off = Vec::new();
        while let Some(&(at, slot)) = self.run.timers.first() {
            if at > self.now {
                break;
            }
            self.run.timers.pop_first();
            // A timer may be outdated, or early for an instance whose instant moved on; `due` decides by the state.
            let instance = &self.run.instances[slot as usize];
            match instance.wake_at() {
                Some(due) if due <= self.now => {
                    if let State::Deferred(deferral) = &instance.state
                        && instance.state.wake_at() <= Some(self.now)
                    {
                        // Those that have waited longest come first; the others are due at once again.
                        if questions >= limits::POLLS {
                            put_off.push((due, slot));
                            continue;
                        }
                        questions += deferral.open();
                    }
                    self.due(slot);
                }
                Some(due) => {
                    self.run.timers.insert((due, slot));
                }
                None => {}
            }
        }
        self.run.timers.extend(put_off);
        if over {
            // Jobs that a late worker handed over to are stopped first: what describes them goes with the run.
            if self.run.header.removing && self.run.cancellations().next().is_none() {
                self.effect(Effect::Remove);
            }
            return;
        }
        for (task, generation) in self.run.unresolved() {
            self.effect(Effect::Resolve { task, generation });
        }
    }

    /// An instance's instant has come. Whatever is asked for is asked again later unless it is answered.
    fn due(&mut self, slot: u32) {
        let task = self.run.owners[slot as usize];
        let definition = self.definition(task);
        let now = self.now;
        let Some(index) = slot.checked_sub(self.run.task(task).first) else {
            return;
        };
        self.ask_again(task, index);
        let instance = &self.run.instances[slot as usize];
        let due = instance.state.wake_at().is_some_and(|at| at <= now);
        if !due || index >= self.run.task(task).count {
            // What is past and nobody's (its task has fewer instances than that) would be looked at for ever.
            let later = instance.wake_at().filter(|at| *at > now);
            self.run.timers.extend(later.map(|at| (at, slot)));
            return;
        }
        let attempt = Attempt {
            task,
            index,
            attempt: instance.attempt,
            fence: instance.fence,
        };
        let again = now + limits::ASK_AGAIN;
        match instance.state.clone() {
            State::Retrying { .. } => {
                self.set(definition, task, index, State::Queued { since: now });
            }
            State::Dispatched {
                since,
                begin: Some((_, start_by)),
            } if start_by <= now => {
                self.set(
                    definition,
                    task,
                    index,
                    State::Dispatched {
                        since,
                        begin: Some((again, again)),
                    },
                );
                self.reap(attempt, Overdue::Start);
            }
            State::Dispatched {
                since,
                begin: Some((_, start_by)),
            } => {
                self.run.instance_mut(task, index).fence += 1;
                self.set(
                    definition,
                    task,
                    index,
                    State::Dispatched {
                        since,
                        begin: Some((now + definition.claim_lease(), start_by)),
                    },
                );
                self.effect(Effect::CheckStart(Attempt {
                    fence: attempt.fence + 1,
                    ..attempt
                }));
            }
            State::Running {
                end_by: Some(end_by),
                ..
            } if end_by <= now && self.is_child(task) => {
                // Nobody else has a say in how an attempt ends whose work is a run: no verdict is asked for.
                self.effect(Effect::StopChild(attempt));
                self.fail(
                    attempt,
                    super::Category::Timeout,
                    &format!(
                        "its sub-workflow ran longer than its timeout of {}",
                        definition.timeout
                    ),
                );
            }
            State::Running { beat_by, end_by } if end_by.is_some_and(|at| at <= now) => {
                self.set(
                    definition,
                    task,
                    index,
                    State::Running {
                        beat_by: beat_by.map(|at| at.max(again)),
                        end_by: Some(again),
                    },
                );
                self.reap(attempt, Overdue::Timeout);
            }
            State::Running { end_by, .. } => {
                self.set(
                    definition,
                    task,
                    index,
                    State::Running {
                        beat_by: Some(again),
                        end_by,
                    },
                );
                if self.is_child(task) {
                    self.effect(Effect::StartChild(attempt));
                } else {
                    self.reap(attempt, Overdue::Heartbeat);
                }
            }
            // Not without having asked once more: the deferral itself may have been heard of late. Only a request is not made then.
            State::Deferred(deferral)
                if deferral.end_by <= now
                    && (deferral.poll_at > deferral.end_by
                        || definition.executor.is_a_request()) =>
            {
                self.stop_jobs(attempt, 0);
                let message = format!(
                    "its deferred jobs were not done within {}",
                    definition.timeout
                );
                self.fail(attempt, super::Category::Timeout, &message);
            }
            State::Deferred(deferral) if definition.executor.is_a_request() => {
                // Each question makes the request: nobody else may while it is open, so it is committed first and asked then.
                let next = Deferral {
                    poll_at: now + limits::REQUEST_AGAIN,
                    ..*deferral
                };
                self.set(definition, task, index, State::Deferred(Box::new(next)));
                self.effect(Effect::BeginJobs(attempt));
            }
            State::Deferred(deferral) => {
                // When its time is over this is the last question; there is as much time for its answer as for any other.
                let last = deferral.end_by <= now;
                let next = Deferral {
                    poll_at: if last {
                        again + Millis(1)
                    } else {
                        again.min(deferral.end_by)
                    },
                    end_by: if last { again } else { deferral.end_by },
                    ..*deferral
                };
                self.set(definition, task, index, State::Deferred(Box::new(next)));
                self.effect(Effect::Poll(attempt));
            }
            State::Dispatched { begin: None, .. }
            | State::Pending
            | State::Queued { .. }
            | State::Paused { .. }
            | State::Success { .. }
            | State::Failed
            | State::Skipped(_)
            | State::Cancelled => {}
        }
    }

    fn reap(&mut self, attempt: Attempt, why: Overdue) {
        self.note(attempt.task, Some(attempt.index), NoteKind::Overdue(why));
        self.effect(Effect::Reap { attempt, why });
    }

    /// The process that ran this run's attempts is gone: whatever it had in flight is queued again, uncharged.
    ///
    /// Its clock may have been ahead of the new owner's, so no wait is believed to be longer than it could have been made.
    pub(super) fn owner_lost(&mut self, new_owner: Option<&str>) {
        self.run.header.owner = new_owner.map(str::to_owned);
        self.end_leases();
        if self.run.header.status.is_terminal() {
            return;
        }
        let latest_deadline = self.graph.workflow.deadline.map(|span| self.now + span);
        self.run.header.deadline_at = self.run.header.deadline_at.min(latest_deadline);
        for task in 0..u32::try_from(self.run.tasks.len()).expect("at most 10,000 tasks") {
            let definition = self.definition(task);
            if self.run.task(task).counts.of(InstanceStatus::Retrying) > 0 {
                self.shorten_waits(task);
            }
            if self.run.task(task).counts.in_flight() == 0 || self.is_child(task) {
                continue;
            }
            for index in 0..self.run.task(task).count {
                let instance = &self.run.instances(task)[index as usize];
                let attempt = instance.attempt;
                if !matches!(
                    instance.status(),
                    InstanceStatus::Dispatched | InstanceStatus::Running
                ) {
                    continue;
                }
                self.note(task, Some(index), NoteKind::OwnerLost { attempt });
                let state = if self.run.task(task).paused {
                    State::Paused { due: None }
                } else {
                    State::Queued { since: self.now }
                };
                self.set(definition, task, index, state);
            }
        }
    }

    fn shorten_waits(&mut self, task: u32) {
        let definition = self.definition(task);
        let policy = &definition.retries;
        let longest = policy
            .delay
            .max(policy.max_delay)
            .max(limits::RETRY_DELAY)
            .max(limits::ANNOUNCE_AGAIN);
        let latest = self.now + longest;
        for index in 0..self.run.task(task).count {
            match self.run.instances(task)[index as usize].state {
                State::Retrying { due } if due > latest => {
                    self.set(definition, task, index, State::Retrying { due: latest })
                }
                _ => {}
            }
        }
    }
}

fn earliest<const N: usize>(instants: [Option<Time>; N]) -> Option<Time> {
    instants.into_iter().flatten().min()
}
