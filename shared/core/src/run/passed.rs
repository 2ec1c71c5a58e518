//! When attempts were handed over and when they ended, for whoever measures. Nothing is decided by it, and nothing of it is stored.

use super::tasks::Step;
use super::{Attempt, Category, InstanceStatus, State};
use crate::definition::{Task, TaskIndex};
use crate::time::{Millis, Time};

/// An attempt was handed over, or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Which.
    pub attempt: Attempt,
    /// When.
    pub at: Time,
    /// Which of both.
    pub kind: PassedKind,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedKind {
    /// It was handed to an executor.
    Claimed {
        /// How long its instance had been ready.
        waited: Millis,
    },
    /// It is over: nothing of it counts any more.
    Ended {
        /// When its worker began, as far as that is known; else when it was handed over.
        since: Time,
        /// How.
        how: AttemptEnd,
    },
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It gave what was asked for, or somebody counts it so.
    Succeeded,
    /// It failed; whether there will be another is another question.
    Failed(Category),
    /// Nobody wanted it any more.
    Cancelled,
    /// It was given back without a fault of its own: no place, or the engine that ran it is gone.
    GivenBack,
}

impl AttemptEnd {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "success",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
            Self::GivenBack => "given_back",
        }
    }
}

impl Step<'_> {
    /// Sets the state of an instance, and says so when an attempt passes from one hand to another by it.
    pub(super) fn set(&mut self, definition: &Task, task: TaskIndex, index: u32, state: State) {
        self.measure(task, index, &state);
        self.run.set(definition, task, index, state);
    }

    fn measure(&mut self, task: TaskIndex, index: u32, to: &State) {
        let Some(instance) = self.run.instance(task, index) else {
            return;
        };
        let from = instance.status();
        let kind = if let State::Queued { since } = instance.state
            && to.status().is_in_flight()
        {
            let waited = self.now.since(since);
            PassedKind::Claimed { waited }
        } else if from.is_in_flight() && !to.status().is_in_flight() {
            let handed_over = match instance.state {
                State::Dispatched { since, .. } => since,
                _ => self.now,
            };
            let own = instance
                .failure
                .as_ref()
                .filter(|failure| failure.attempt == instance.attempt);
            let how = match (to.status(), own) {
                (InstanceStatus::Success, _) => AttemptEnd::Succeeded,
                (
                    InstanceStatus::Failed
                    | InstanceStatus::Queued
                    | InstanceStatus::Retrying
                    | InstanceStatus::Paused,
                    Some(failure),
                ) => AttemptEnd::Failed(failure.category),
                (
                    InstanceStatus::Queued | InstanceStatus::Retrying | InstanceStatus::Paused,
                    None,
                ) => AttemptEnd::GivenBack,
                _ => AttemptEnd::Cancelled,
            };
            // One that is heard of with its end only is said to have begun then.
            let began = instance.started_at.filter(|began| *began < self.now);
            PassedKind::Ended {
                since: began.unwrap_or(handed_over),
                how,
            }
        } else {
            return;
        };
        let attempt = Attempt {
            task,
            index,
            attempt: instance.attempt,
            fence: instance.fence,
        };
        self.out.passed.push(Passed {
            attempt,
            at: self.now,
            kind,
        });
    }
}
