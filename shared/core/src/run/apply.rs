//! The one way a run changes.

use super::tasks::Step;
use super::{Event, Graph, InstanceStatus, Note, NoteKind, Out, Refusal, RunState};
use crate::definition::Executor;
use crate::time::Time;

impl RunState {
    /// Applies `event` at `now`: changes the state and adds to `out` what must be done and why.
    ///
    /// Late and repeated events leave a note and change nothing. A command that makes no sense now is refused and changes nothing.
    pub fn apply(
        &mut self,
        graph: &Graph,
        event: &Event,
        now: Time,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let mut step = Step::new(graph, self, now, out);
        match event {
            Event::Start => step.start(),
            Event::Resolved {
                task,
                generation,
                result,
            } => step.resolved(*task, *generation, result),
            Event::Claim(offer) => step.claim(offer),
            Event::Started(attempt) => step.started(*attempt),
            Event::Heartbeat(attempt) => step.heartbeat(*attempt),
            Event::NotStarted {
                attempt,
                retry_after,
                why,
            } => step.not_started(*attempt, *retry_after, why),
            Event::Finished {
                attempt,
                verdict,
                report,
            } => step.finished(*attempt, verdict, report.as_deref()),
            Event::Job {
                attempt,
                job,
                answer,
            } => step.job(*attempt, *job, answer),
            Event::DeferredLate {
                attempt,
                jobs,
                count,
            } => step.deferred_late(*attempt, jobs, *count),
            Event::JobsStopped {
                attempt,
                over,
                denied,
            } => step.jobs_stopped(*attempt, *over, denied.as_ref()),
            Event::ChildEnded {
                attempt,
                run,
                status,
                output,
            } => step.child_ended(*attempt, run, *status, output),
            Event::LookedBack { failed } => step.looked_back(*failed),
            Event::Notified {
                notice,
                attempt,
                told,
            } => step.notified(*notice, *attempt, told),
            Event::Tick => step.tick(),
            Event::OwnerLost { new_owner } => step.owner_lost(new_owner.as_deref()),
            Event::Command(command) => step.command(command)?,
        }
        step.settle();
        Ok(())
    }
}

impl Step<'_> {
    pub(super) fn effect(&mut self, effect: super::Effect) {
        self.out.effects.push(effect);
    }
    pub(super) fn note(&mut self, task: u32, index: Option<u32>, kind: NoteKind) {
        self.out.notes.push(Note {
            task: Some(task),
            index,
            kind,
        });
    }
    pub(super) fn note_run(&mut self, kind: NoteKind) {
        self.out.notes.push(Note {
            task: None,
            index: None,
            kind,
        });
    }
    /// Whether the task's attempts are runs of another workflow.
    pub(super) fn is_child(&self, task: u32) -> bool {
        self.graph
            .workflow
            .tasks
            .get(task as usize)
            .is_some_and(|task| matches!(task.executor, Executor::Workflow { .. }))
    }
    pub(super) fn stale(&mut self, attempt: super::Attempt, event: &'static str) {
        let status = self
            .run
            .instance(attempt.task, attempt.index)
            .map_or(InstanceStatus::Pending, super::Instance::status);
        if (attempt.task as usize) < self.run.tasks.len() {
            self.note(
                attempt.task,
                Some(attempt.index),
                NoteKind::Stale { event, status },
            );
        }
    }
}
