//! A run checks itself: what must hold of a state whatever led to it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::tasks::Decision;
use super::{
    Counts, Graph, Instance, InstanceStatus, RunState, RunStatus, SkipReason, State, TaskOutcome,
    TaskPhase,
};
use crate::definition::TaskIndex;
use crate::limits;

/// What a check gives: the first thing that is wrong, in words.
type Check = Result<(), String>;

impl RunState {
    /// Recomputes everything that is derived and compares; says what is wrong first. For tests and simulations: it costs a pass over all.
    pub fn verify(&self, graph: &Graph) -> Result<(), String> {
        if self.tasks.len() != graph.workflow.tasks.len() {
            return Err(format!(
                "{} tasks in the run, {} in its workflow",
                self.tasks.len(),
                graph.workflow.tasks.len()
            ));
        }
        let marked = self.below_marks(graph);
        let mut queued = BTreeSet::new();
        let mut unended = 0;
        for task in 0..u32::try_from(self.tasks.len()).expect("at most 10,000 tasks") {
            let checks = [
                Self::verify_counts,
                Self::verify_phase,
                Self::verify_tally,
                Self::verify_queue,
                Self::verify_instances,
            ];
            for check in checks {
                check(self, graph, task)
                    .map_err(|wrong| format!("task {}: {wrong}", graph.task(task).name))?;
            }
            // What somebody marked, and what lies below it, may have begun or ended against its rule.
            let waits = self.task(task).phase == TaskPhase::Waiting;
            if waits || !marked[task as usize] {
                self.verify_rule(graph, task)
                    .map_err(|wrong| format!("task {}: {wrong}", graph.task(task).name))?;
            }
            if self.task(task).counts.of(InstanceStatus::Queued) > 0 {
                queued.insert((Reverse(graph.task(task).priority), task));
            }
            unended += u32::from(!matches!(self.task(task).phase, TaskPhase::Ended(_)));
        }
        if queued != self.ready {
            return Err(format!(
                "the queue is {:?}, the instances say {queued:?}",
                self.ready
            ));
        }
        if unended != self.unended {
            return Err(format!(
                "{} tasks are counted as not ended, there are {unended}",
                self.unended
            ));
        }
        self.verify_run(unended)
    }

    fn verify_run(&self, unended: u32) -> Check {
        let header = &self.header;
        let over = header.status.is_terminal();
        let begun = header.status != RunStatus::Pending;
        expect(over == (begun && unended == 0), || {
            format!(
                "the run is {} with {unended} tasks that have not ended",
                header.status
            )
        })?;
        expect(over == header.finished_at.is_some(), || {
            format!(
                "the run is {} and its end is {:?}",
                header.status, header.finished_at
            )
        })?;
        expect(begun == header.started_at.is_some(), || {
            format!(
                "the run is {} and its start is {:?}",
                header.status, header.started_at
            )
        })?;
        expect(
            header.failed.is_none() || header.status == RunStatus::Failed,
            || format!("the run is {} and says which task failed it", header.status),
        )?;
        expect(begun || self.counts().in_flight() == 0, || {
            "the run waits for its place and has something in flight".into()
        })?;
        expect(!over || self.counts().in_flight() == 0, || {
            "the run is over and has something in flight".into()
        })
    }

    /// I5: counters are what counting gives.
    fn verify_counts(&self, _: &Graph, task: TaskIndex) -> Check {
        let mut counted = Counts::default();
        for instance in self.instances(task) {
            counted.put(instance.status(), 1);
        }
        let state = self.task(task);
        expect(counted == state.counts, || {
            format!(
                "its counters are {:?}, counting gives {counted:?}",
                state.counts
            )
        })?;
        expect(state.count <= state.capacity, || {
            format!("{} instances in {} positions", state.count, state.capacity)
        })?;
        let hidden = (state.first + state.count) as usize..(state.first + state.capacity) as usize;
        for slot in hidden {
            let kept = &self.instances[slot];
            expect(
                kept.state == State::Pending && kept.failures == 0 && kept.losses == 0,
                || format!("position {slot} beyond its count is {kept:?}"),
            )?;
        }
        let owned = state.first as usize..(state.first + state.capacity) as usize;
        expect(
            self.owners[owned].iter().all(|&owner| owner == task),
            || "somebody else owns its positions".into(),
        )
    }

    fn verify_phase(&self, graph: &Graph, task: TaskIndex) -> Check {
        let state = self.task(task);
        let (counts, ended) = (&state.counts, state.counts.ended());
        expect(graph.task(task).fans_out() || state.count == 1, || {
            format!("it does not fan out and has {} instances", state.count)
        })?;
        let fits = match state.phase {
            // What succeeded before a retry is kept while the task waits again.
            TaskPhase::Waiting | TaskPhase::Resolving => {
                counts.of(InstanceStatus::Pending) + counts.of(InstanceStatus::Success)
                    == state.count
            }
            TaskPhase::Active => counts.of(InstanceStatus::Pending) == 0 && ended < state.count,
            TaskPhase::Ended(_) => ended == state.count,
        };
        expect(fits, || format!("it is {:?} with {counts:?}", state.phase))?;
        expect(
            matches!(state.phase, TaskPhase::Ended(_)) == state.finished_at.is_some(),
            || {
                format!(
                    "it is {:?} and its end is {:?}",
                    state.phase, state.finished_at
                )
            },
        )?;
        let failed = counts.of(InstanceStatus::Failed);
        let allowed = graph.task(task).tolerate.allowed(state.count);
        match state.phase {
            TaskPhase::Ended(TaskOutcome::Success) => expect(failed <= allowed, || {
                format!("it succeeded with {failed} failures and tolerates {allowed}")
            }),
            TaskPhase::Ended(TaskOutcome::Failed) => {
                expect(failed > 0, || "it failed and no instance did".into())
            }
            _ => Ok(()),
        }
    }

    /// Which tasks have instances that somebody marked, or lie below such a one.
    fn below_marks(&self, graph: &Graph) -> Vec<bool> {
        let mut marked = vec![false; self.tasks.len()];
        for &task in graph.order() {
            let own = || self.instances(task).iter().any(Instance::is_marked);
            let above = &graph.task(task).depends_on;
            // One that never became ready and has no instance was marked as it is.
            let state = self.task(task);
            let empty = state.phase == TaskPhase::Ended(TaskOutcome::Success)
                && state.count == 0
                && state.ready_at.is_none();
            marked[task as usize] = empty || own() || above.iter().any(|&one| marked[one as usize]);
        }
        marked
    }

    fn verify_tally(&self, graph: &Graph, task: TaskIndex) -> Check {
        let mut tally = [0; 4];
        for &upstream in &graph.task(task).depends_on {
            if let TaskPhase::Ended(outcome) = self.task(upstream).phase {
                tally[outcome.tally()] += 1;
            }
        }
        let state = self.task(task);
        expect(tally == state.upstream, || {
            format!(
                "its upstreams are counted as {:?}, they are {tally:?}",
                state.upstream
            )
        })
    }

    /// I3: what began had its trigger rule fulfilled by upstreams as they are.
    fn verify_rule(&self, graph: &Graph, task: TaskIndex) -> Check {
        let state = self.task(task);
        let decision = self.decide(graph, task);
        let begun = self.header.status != RunStatus::Pending;
        match (state.phase, decision) {
            (TaskPhase::Waiting, Decision::Wait)
            | (TaskPhase::Ended(TaskOutcome::Cancelled), _) => Ok(()),
            (TaskPhase::Waiting, _) if !begun => Ok(()),
            (
                TaskPhase::Resolving
                | TaskPhase::Active
                | TaskPhase::Ended(TaskOutcome::Success | TaskOutcome::Failed),
                Decision::Run,
            ) => Ok(()),
            (TaskPhase::Ended(TaskOutcome::Skipped(SkipReason::NotAskedFor)), _) => {
                let excluded = !self.header.asks_for(task)
                    || matches!(
                        self.decide(graph, task),
                        Decision::Skip(SkipReason::NotAskedFor)
                    );
                expect(excluded, || {
                    "it was skipped as not asked for, and it was asked for".into()
                })
            }
            (TaskPhase::Ended(TaskOutcome::Skipped(SkipReason::When)), Decision::Run) => Ok(()),
            (TaskPhase::Ended(TaskOutcome::Skipped(_)), Decision::Skip(_)) => Ok(()),
            (phase, decision) => Err(format!(
                "it is {phase:?} and its trigger rule says {decision:?}"
            )),
        }
    }

    fn verify_queue(&self, graph: &Graph, task: TaskIndex) -> Check {
        let state = self.task(task);
        for (index, instance) in (0..state.cursor).zip(self.instances(task)) {
            let found =
                instance.status() != InstanceStatus::Queued || state.requeued.contains(&index);
            expect(found, || {
                format!("instance {index} is queued and will not be found")
            })?;
        }
        let most = graph.task(task).concurrency.unwrap_or(u32::MAX);
        let in_flight = state.counts.in_flight();
        expect(in_flight <= most, || {
            format!("{in_flight} in flight where {most} may be")
        })?;
        let held = state.counts.of(InstanceStatus::Paused);
        expect(state.paused || held == 0, || {
            format!("{held} instances are paused and it is not")
        })?;
        expect(
            !state.paused || state.counts.of(InstanceStatus::Queued) == 0,
            || "it is paused and has instances in the queue".into(),
        )
    }

    /// I6 and I9: no instance waits for an instant nobody looks at, and none was tried too often.
    fn verify_instances(&self, graph: &Graph, task: TaskIndex) -> Check {
        let (state, definition) = (self.task(task), graph.task(task));
        for (index, instance) in (0u32..).zip(self.instances(task)) {
            let slot = state.first + index;
            if let Some(due) = instance.wake_at() {
                let watched = self
                    .timers
                    .iter()
                    .take_while(|&&(at, _)| at <= due)
                    .any(|&(_, timed)| timed == slot);
                expect(watched, || {
                    format!("instance {index} is due at {due} and no timer says so")
                })?;
            }
            expect(instance.failures <= definition.retries.max, || {
                format!(
                    "instance {index} was charged {} failures",
                    instance.failures
                )
            })?;
            expect(instance.losses <= limits::FREE_START_LOSSES, || {
                format!("instance {index} was forgiven {} losses", instance.losses)
            })?;
            expect(
                !instance.status().is_in_flight() || instance.attempt > 0,
                || format!("instance {index} is in flight without an attempt"),
            )?;
            expect(
                instance.status().is_terminal() == instance.finished_at.is_some(),
                || format!("instance {index} is {instance:?}"),
            )?;
        }
        Ok(())
    }
}

fn expect(holds: bool, wrong: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(wrong()) }
}
