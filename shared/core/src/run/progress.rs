//! How far a run is, for people.

use serde::Serialize;

use super::{Graph, Instance, InstanceStatus, RunState, RunStatus};
use crate::definition::TaskIndex;
use crate::ids::TaskName;
use crate::time::{Millis, Time};

/// A run's progress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// Where the run stands.
    pub status: RunStatus,
    /// Ended instances of the known ones, 0 to 100, rounded down; 100 only at the end.
    pub percent: u8,
    /// The first task, upstreams first, that has not ended.
    pub current_step: Option<u32>,
    /// Tasks in all.
    pub total_steps: u32,
    /// How often it was recovered.
    pub recovery_attempts: u32,
    /// Start to now or to its end.
    pub actual_duration: Option<Millis>,
    /// What the longest chain of tasks is expected to take, where every task on it has an estimate.
    pub estimated_duration: Option<Millis>,
    /// Expected instant of its end.
    pub eta: Option<Time>,
    /// Per task, in the order of the definition.
    pub tasks: Vec<TaskProgress>,
}

/// A task's progress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskProgress {
    /// Its name.
    pub name: TaskName,
    /// Its step, from 0.
    pub step: u32,
    /// Where it stands.
    pub status: InstanceStatus,
    /// Its instances by state, states without any left out.
    pub counts: Vec<(InstanceStatus, u32)>,
    /// Attempts so far, all instances together.
    pub attempts: u64,
    /// The estimate of its author.
    pub estimated_duration: Option<Millis>,
    /// Ready to its end, or to now.
    pub actual_duration: Option<Millis>,
    /// Why it was skipped, or the first failure of its instances that have not succeeded.
    pub error: Option<String>,
}

impl RunState {
    /// How far the run is at `now`.
    pub fn progress(&self, graph: &Graph, now: Time) -> Progress {
        let counts = self.counts();
        // A fan-out that has not been expanded counts as one instance to come.
        let hidden = self
            .tasks
            .iter()
            .filter(|task| task.count == 0 && !task.status().is_terminal())
            .count() as u64;
        let (ended, total) = (
            u64::from(counts.ended()),
            u64::from(counts.total()) + hidden,
        );
        let over = self.header.status.is_terminal();
        let percent = if over {
            100
        } else {
            u8::try_from((ended * 100).checked_div(total).unwrap_or(0))
                .unwrap_or(99)
                .min(99)
        };
        let span =
            |from: Option<Time>, to: Option<Time>| from.map(|from| to.unwrap_or(now).since(from));
        let remaining = self.remaining(graph, now);
        Progress {
            status: self.header.status,
            percent,
            current_step: graph
                .order()
                .iter()
                .find(|&&task| !self.task(task).status().is_terminal())
                .map(|&task| graph.step(task)),
            total_steps: u32::try_from(self.tasks.len()).expect("at most 10,000 tasks"),
            recovery_attempts: self.header.recovery_attempts,
            actual_duration: span(self.header.started_at, self.header.finished_at),
            estimated_duration: longest(graph, |task| graph.task(task).estimated_duration),
            eta: if over {
                None
            } else {
                remaining.map(|span| now + span)
            },
            tasks: (0..)
                .zip(&self.tasks)
                .map(|(at, _)| self.task_progress(graph, at, now))
                .collect(),
        }
    }

    /// How far one task is at `now`.
    pub fn task_progress(&self, graph: &Graph, at: TaskIndex, now: Time) -> TaskProgress {
        let (task, definition) = (self.task(at), graph.task(at));
        let instances = self.instances(at);
        // What was tried again and then succeeded is no error of the task.
        let ended_well = |instance: &&Instance| instance.status() == InstanceStatus::Success;
        let failure = || {
            instances
                .iter()
                .filter(|i| !ended_well(i))
                .find_map(|i| Some(i.failure.as_ref()?.message.as_ref().to_owned()))
        };
        TaskProgress {
            name: definition.name.clone(),
            step: graph.step(at),
            status: task.status(),
            counts: InstanceStatus::ALL
                .iter()
                .map(|&status| (status, task.counts().of(status)))
                .filter(|&(_, n)| n > 0)
                .collect(),
            attempts: instances
                .iter()
                .map(|instance| u64::from(instance.attempt))
                .sum(),
            estimated_duration: definition.estimated_duration,
            actual_duration: task
                .ready_at
                .map(|from| task.finished_at.unwrap_or(now).since(from)),
            error: match task.phase {
                super::TaskPhase::Ended(super::TaskOutcome::Skipped(reason)) => {
                    Some(reason.render(graph))
                }
                _ => failure(),
            },
        }
    }

    /// What the longest chain still has to go: the author's estimate, or for a fan-out under way the pace so far. `None` without any estimate.
    fn remaining(&self, graph: &Graph, now: Time) -> Option<Millis> {
        longest(graph, |at| {
            let task = self.task(at);
            if task.status().is_terminal() {
                return Some(Millis(0));
            }
            let spent = task.ready_at.map_or(0, |from| now.since(from).0);
            let ended = u64::from(task.counts().ended());
            if ended > 0 && task.count > 1 {
                return Some(Millis(
                    (spent / ended).saturating_mul(u64::from(task.count) - ended),
                ));
            }
            graph
                .task(at)
                .estimated_duration
                .map(|estimate| Millis(estimate.0.saturating_sub(spent)))
        })
    }
}

/// The longest chain by `weight`; `None` when some task has none.
fn longest(graph: &Graph, weight: impl Fn(u32) -> Option<Millis>) -> Option<Millis> {
    let mut until = vec![0u64; graph.order().len()];
    for &at in graph.order() {
        let before = graph
            .task(at)
            .depends_on
            .iter()
            .map(|&upstream| until[upstream as usize])
            .max()
            .unwrap_or(0);
        until[at as usize] = before.saturating_add(weight(at)?.0);
    }
    until.into_iter().max().map(Millis)
}
