//! What counts as succeeded because somebody says so.

use super::tasks::Step;
use super::{
    Graph, Instance, InstanceStatus, NoteKind, Refusal, RunStatus, SkipReason, State, TaskOutcome,
    TaskPhase,
};
use crate::definition::{Count, Executor, TaskIndex};
use crate::limits;
use crate::task::Output;

impl Instance {
    /// Whether it succeeded only because somebody said so: then it has an end and nothing of it began.
    pub const fn is_marked(&self) -> bool {
        matches!(self.state, State::Success { .. }) && self.started_at.is_none()
    }
}

impl Step<'_> {
    /// Counts a task, or one instance of it, as succeeded with `output`, and lets go on what follows and has not run yet. What already ran
    /// because of how it ended before stays as it is.
    pub(super) fn mark_success(
        &mut self,
        task: TaskIndex,
        index: Option<u32>,
        output: &Output,
    ) -> Result<(), Refusal> {
        if self.run.header.status == RunStatus::Pending {
            return Err(Refusal(format!("run {} has not begun", self.run.header.id)));
        }
        self.refuse_unasked(task)?;
        self.require_fit(task, output)?;
        let made = self.instances_to_come(task, index, output)?;
        let marked = self.to_mark(task, index, made)?;
        if let Some(instances) = made {
            self.run.reserve(task, instances);
            self.recount(task, instances);
        }
        let definition = self.definition(task);
        let name_it = index.filter(|_| definition.fans_out());
        self.note(task, name_it, NoteKind::MarkedSuccess);
        for index in marked {
            self.stop_if_in_flight(task, index);
            let instance = self.run.instance_mut(task, index);
            instance.started_at = None;
            instance.finished_at = Some(self.now);
            let state = State::Success {
                output: output.clone(),
            };
            self.set(definition, task, index, state);
        }
        self.end_marked(task);
        Ok(())
    }

    /// Refuses an output that its task could not have given.
    fn require_fit(&self, task: TaskIndex, output: &Output) -> Result<(), Refusal> {
        let definition = self.definition(task);
        let wrong = |why: String| {
            Err(Refusal(format!(
                "the output for task {} {why}",
                definition.name
            )))
        };
        let Output::Inline(text) = output else {
            return wrong("has to be given as JSON".to_owned());
        };
        if output.is_null() {
            return Ok(());
        }
        if text.len() > limits::INLINE_OUTPUT_BYTES {
            return wrong(format!(
                "has {} bytes; one that is given by hand may have {} (pass a path instead of the data)",
                text.len(),
                limits::INLINE_OUTPUT_BYTES
            ));
        }
        let value: crate::Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return wrong(format!("is not JSON: {error}")),
        };
        if matches!(definition.executor, Executor::Script { .. }) && !value.is_string() {
            return wrong("has to be a text, which is what it prints".to_owned());
        }
        match definition
            .output_type
            .as_ref()
            .map(|kind| kind.check(&value))
        {
            Some(Err(mismatch)) => wrong(format!("is not of its type: {mismatch}")),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// How many instances it gets by this, where it has not been given any: as many as its file says, else none.
    fn instances_to_come(
        &self,
        task: TaskIndex,
        index: Option<u32>,
        output: &Output,
    ) -> Result<Option<u32>, Refusal> {
        let (definition, state) = (self.definition(task), self.run.task(task));
        let succeeded = state.phase == TaskPhase::Ended(TaskOutcome::Success);
        if !definition.fans_out() || state.count > 0 || succeeded {
            return Ok(None);
        }
        if let Some(index) = index {
            return Err(self.no_instance(task, index));
        }
        let name = &definition.name;
        let Some(Count::Fixed(instances)) = definition.parallel else {
            if output.is_null() {
                return Ok(Some(0));
            }
            return Err(Refusal(format!(
                "nobody knows yet how many instances task {name} will have: it can be marked without an output, and then gives an empty list"
            )));
        };
        match self.too_many(task, instances) {
            Some(why) => Err(Refusal(format!("task {name} cannot be marked: {why}"))),
            None => Ok(Some(instances)),
        }
    }

    /// The instances that are to be marked; `made`: how many it is about to get.
    fn to_mark(
        &self,
        task: TaskIndex,
        index: Option<u32>,
        made: Option<u32>,
    ) -> Result<Vec<u32>, Refusal> {
        if let Some(made) = made {
            return Ok((0..made).collect());
        }
        let name = &self.definition(task).name;
        let status = |index: u32| self.run.instance(task, index).map(Instance::status);
        let all = match index {
            Some(index) if status(index).is_none() => return Err(self.no_instance(task, index)),
            Some(index) => index..index + 1,
            None => 0..self.run.task(task).count,
        };
        let marked: Vec<u32> = all
            .filter(|&index| status(index) != Some(InstanceStatus::Success))
            .collect();
        let at_work = marked.iter().filter(|&&index| {
            matches!(
                status(index),
                Some(InstanceStatus::Dispatched | InstanceStatus::Running)
            )
        });
        match (marked.is_empty(), at_work.count()) {
            (true, _) => Err(Refusal(format!("task {name} has succeeded already"))),
            (false, 0) => Ok(marked),
            (false, n) => Err(Refusal(format!(
                "task {name} cannot be marked while it is at work ({n} instance(s)): wait for its end, or cancel the run"
            ))),
        }
    }

    fn no_instance(&self, task: TaskIndex, index: u32) -> Refusal {
        Refusal(format!(
            "task {} has no instance {index}: it has {} so far",
            self.definition(task).name,
            self.run.task(task).count
        ))
    }

    /// What becomes of a task, and of what follows it, now that instances of it are marked.
    fn end_marked(&mut self, task: TaskIndex) {
        let state = self.run.task(task);
        let before = match state.phase {
            TaskPhase::Active => return self.end_if_done(task),
            TaskPhase::Waiting | TaskPhase::Resolving => None,
            TaskPhase::Ended(outcome) => Some(outcome),
        };
        // Some of it still waits, or was skipped: that decides.
        let others = [InstanceStatus::Pending, InstanceStatus::Skipped];
        let outcome = match others.iter().any(|&other| state.counts.of(other) > 0) {
            true => before,
            false => Some(self.outcome(task)),
        };
        let Some(outcome) = outcome else { return };
        if before == Some(outcome) {
            // What it gives has changed, and what is said of why the run failed may have.
            self.effect(super::Effect::TaskEnded(task));
            if self.run.header.failed.is_some() {
                self.run.header.failed = self.blamed();
            }
            return;
        }
        let again = self.open_again();
        if before.is_some() {
            self.run.unended += 1;
        }
        let state = &mut self.run.tasks[task as usize];
        state.phase = TaskPhase::Waiting;
        state.generation += 1;
        let below = self.reset_skipped_below(task);
        self.run.count_upstreams(self.graph);
        self.end(task, outcome);
        for below in below {
            if !self.skip_unasked(below) {
                self.consider(below);
            }
        }
        self.settle();
        // Of a run that is cancelled all the same it is still why.
        if again && self.run.header.status != RunStatus::Cancelled {
            self.run.header.error = None;
        }
    }

    /// Lets a run that is over go on; says whether it was over.
    fn open_again(&mut self) -> bool {
        let deadline = self.graph.workflow.deadline;
        let header = &mut self.run.header;
        let over = header.status.is_terminal();
        if over {
            header.status = RunStatus::Running;
            header.recovering = false;
            header.finished_at = None;
            header.failed = None;
            header.deadline_at = deadline.map(|span| self.now + span);
        }
        over
    }

    /// What was skipped because of what is above it waits again. In the order of the graph.
    fn reset_skipped_below(&mut self, task: TaskIndex) -> Vec<TaskIndex> {
        let mut below = vec![false; self.run.tasks.len()];
        let graph: &Graph = self.graph;
        graph.mark_descendants(task, &mut below);
        let is_skipped = |at: TaskIndex| {
            matches!(
                self.run.task(at).phase,
                TaskPhase::Ended(TaskOutcome::Skipped(
                    SkipReason::UpstreamFailed(_)
                        | SkipReason::UpstreamSkipped(_)
                        | SkipReason::UpstreamCancelled(_)
                        | SkipReason::NoUpstream
                ))
            )
        };
        let order = graph.order().iter().copied();
        let all: Vec<TaskIndex> = order
            .filter(|&at| at != task && below[at as usize] && is_skipped(at))
            .collect();
        for &at in &all {
            self.reset_whole(at);
        }
        all
    }
}
