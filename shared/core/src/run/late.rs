//! What workers hand over to after Ork has ended their attempts.
//!
//! Such a worker's verdict comes to nothing, so it says in an object of its own which jobs it started, and whoever is told of that object has
//! them stopped. A notice may be lost. The objects are therefore looked for, too: twice, since every look is a listing and a commit.

use serde::{Deserialize, Serialize};

use super::tasks::Step;
use super::{Attempt, Effect, RunState, State};
use crate::definition::TaskIndex;
use crate::limits;
use crate::protect::Protection;
use crate::task::Output;
use crate::time::Time;

/// When to look for what workers said after their attempts had been ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateLooks {
    /// The next time.
    pub at: Time,
    /// The last time.
    pub until: Time,
}

impl RunState {
    /// When to look next.
    pub(super) fn late_look(&self) -> Option<Time> {
        self.header.late.map(|late| late.at)
    }

    /// Not everything was looked through: that is done again in a while.
    pub fn look_again(&mut self, now: Time) {
        let at = now + limits::ASK_AGAIN;
        let until = self.header.late.map_or(at, |late| late.until.max(at));
        self.header.late = Some(LateLooks { at, until });
    }

    /// What follows from the commit that is being made calls for objects that its maker may not write: whoever looks next writes them.
    pub fn owe_objects(&mut self, now: Time) {
        let until = self.header.late.map_or(now, |late| late.until.max(now));
        self.header.late = Some(LateLooks { at: now, until });
        self.header.objects_owed = true;
    }

    /// Whether an attempt is over for the run, whatever its worker does: taken from it, or ended by its verdict.
    ///
    /// What is over stays so, since every claim makes another attempt. So this holds of an outdated state, too; attempts that it does not know
    /// yet are not over.
    pub fn is_over(&self, task: TaskIndex, index: u32, attempt: u32) -> bool {
        self.instance(task, index).is_some_and(|one| {
            attempt < one.attempt || (attempt == one.attempt && !one.status().is_in_flight())
        })
    }

    /// Whether it is known which jobs this attempt handed over to.
    pub fn knows_jobs_of(&self, attempt: Attempt) -> bool {
        self.owned(attempt.task, attempt.index)
            .is_some_and(|instance| {
                instance.handed_over & super::deferral::bit_of(attempt.attempt) != 0
            })
    }
}

impl Step<'_> {
    /// A worker handed over to jobs after its attempt was ended: nobody waits for them.
    pub(super) fn deferred_late(&mut self, attempt: Attempt, jobs: &Output, count: u32) {
        let Some(instance) = self.run.owned(attempt.task, attempt.index) else {
            return;
        };
        let was = attempt.attempt <= instance.attempt && instance.attempt - attempt.attempt < 64;
        let told = self.run.knows_jobs_of(attempt);
        if was && !told && count > 0 && count as usize <= limits::DEFERRED_JOBS {
            self.run
                .instance_mut(attempt.task, attempt.index)
                .handed_over |= super::deferral::bit_of(attempt.attempt);
            self.cancel_jobs(attempt, jobs, count, 0);
        }
    }

    /// An attempt is taken from its worker. To be called before its state changes.
    pub(super) fn taken_away(&mut self, task: TaskIndex, index: u32) {
        // Whoever is the parent of its workers hears of them itself, and sets no such times; tasks without a worker have nobody who is late.
        let elsewhere = self.run.instance(task, index).is_some_and(|instance| {
            matches!(
                instance.state,
                State::Dispatched { begin: Some(_), .. }
                    | State::Running {
                        beat_by: Some(_),
                        ..
                    }
            )
        });
        if !elsewhere || self.graph.task(task).executor.is_remote() {
            return;
        }
        let soon = self.now + limits::LATE_LOOK;
        let header = &mut self.run.header;
        header.late = Some(LateLooks {
            at: header.late.map_or(soon, |late| late.at.min(soon)),
            until: self.now + limits::LATE_LOOK_LAST,
        });
    }

    /// Looks, if it is time to.
    pub(super) fn look_for_late(&mut self) {
        let Some(late) = self.run.header.late.filter(|late| late.at <= self.now) else {
            return;
        };
        self.run.header.late = (late.until > self.now).then_some(LateLooks {
            at: late.until,
            until: late.until,
        });
        if self.holds(Protection::LateLooked) {
            self.effect(Effect::LookForLate);
        }
    }
}
