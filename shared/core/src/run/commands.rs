//! What people can do to a run.

use super::tasks::Step;
use super::{
    Attempt, Command, Effect, InstanceStatus, NoteKind, RecoverFrom, Refusal, RunStatus,
    SkipReason, State, TO_BE_STOPPED, TaskOutcome, TaskPhase,
};
use crate::definition::{Executor, TaskIndex};
use crate::time::Time;

impl Step<'_> {
    pub(super) fn command(&mut self, command: &Command) -> Result<(), Refusal> {
        if let Command::PauseTask { task }
        | Command::ResumeTask { task }
        | Command::RetryTask { task }
        | Command::MarkSuccess { task, .. }
        | Command::Recover {
            from: RecoverFrom::Task(task),
        } = command
        {
            self.require_task(*task)?;
        }
        if self.run.header.removing && !matches!(command, Command::Remove { .. }) {
            return Err(Refusal(format!(
                "run {} is being removed: its objects may be gone already",
                self.run.header.id
            )));
        }
        match command {
            Command::Cancel { reason } => self.cancel(reason),
            Command::Pause => self.pause(),
            Command::Resume => self.resume(),
            Command::PauseTask { task } => self.pause_task(*task),
            Command::ResumeTask { task } => self.resume_task(*task),
            Command::Retry => self.retry(),
            Command::RetryTask { task } => self.retry_task(*task),
            Command::MarkSuccess {
                task,
                index,
                output,
            } => self.mark_success(*task, *index, output),
            Command::Recover { from } => self.recover(from),
            Command::Resend { notice } => self.resend(*notice),
            Command::Remove { ended_by } => self.remove(*ended_by),
        }
    }

    fn require_task(&self, task: TaskIndex) -> Result<(), Refusal> {
        let tasks = self.run.tasks.len();
        if (task as usize) < tasks {
            return Ok(());
        }
        Err(Refusal(format!(
            "run {} has no task at position {task}: it has {tasks}",
            self.run.header.id
        )))
    }

    fn refuse_ended(&self, what: &str) -> Result<(), Refusal> {
        let status = self.run.header.status;
        if status.is_terminal() {
            return Err(Refusal(format!(
                "run {} cannot be {what}: it is already {status}",
                self.run.header.id
            )));
        }
        Ok(())
    }

    fn cancel(&mut self, reason: &str) -> Result<(), Refusal> {
        self.refuse_ended("cancelled")?;
        self.run.header.error = Some(
            super::state::cut(reason, crate::limits::ERROR_BYTES)
                .as_ref()
                .to_owned(),
        );
        self.run.header.started_at.get_or_insert(self.now);
        self.note_run(NoteKind::Cancelled);
        self.cancel_everything();
        self.end_run(RunStatus::Cancelled, false);
        Ok(())
    }

    /// Ends every task that has not ended; what is in flight is stopped.
    pub(super) fn cancel_everything(&mut self) {
        for task in 0..u32::try_from(self.run.tasks.len()).expect("at most 10,000 tasks") {
            if matches!(self.run.task(task).phase, TaskPhase::Ended(_)) {
                continue;
            }
            self.end_instances(task);
            self.end(task, TaskOutcome::Cancelled);
        }
    }

    /// Cancels the instances of a task that have not ended.
    pub(super) fn end_instances(&mut self, task: TaskIndex) {
        let definition = self.definition(task);
        for index in 0..self.run.task(task).count {
            if self.run.instances(task)[index as usize]
                .status()
                .is_terminal()
            {
                continue;
            }
            self.stop_if_in_flight(task, index);
            self.run.instance_mut(task, index).finished_at = Some(self.now);
            self.set(definition, task, index, State::Cancelled);
        }
    }

    pub(super) fn stop_if_in_flight(&mut self, task: TaskIndex, index: u32) {
        let instance = &self.run.instances(task)[index as usize];
        if instance.status().is_in_flight() {
            let attempt = Attempt {
                task,
                index,
                attempt: instance.attempt,
                fence: instance.fence,
            };
            if instance.status() == InstanceStatus::Deferred {
                return self.stop_jobs(attempt, 0);
            }
            if self.is_child(task) {
                return self.effect(Effect::StopChild(attempt));
            }
            self.taken_away(task, index);
            self.effect(Effect::Stop(attempt));
        }
    }

    fn pause(&mut self) -> Result<(), Refusal> {
        self.refuse_ended("paused")?;
        match self.run.header.status {
            RunStatus::Paused => {
                return Err(Refusal(format!(
                    "run {} is paused already",
                    self.run.header.id
                )));
            }
            RunStatus::Pending => {
                return Err(Refusal(format!(
                    "run {} waits for its place and cannot be paused; cancel it instead",
                    self.run.header.id
                )));
            }
            RunStatus::Running
            | RunStatus::Recovering
            | RunStatus::Success
            | RunStatus::Failed
            | RunStatus::Cancelled => {}
        }
        self.run.header.status = RunStatus::Paused;
        self.note_run(NoteKind::Paused);
        Ok(())
    }

    fn resume(&mut self) -> Result<(), Refusal> {
        if self.run.header.status != RunStatus::Paused {
            return Err(Refusal(format!(
                "run {} is not paused: it is {}",
                self.run.header.id, self.run.header.status
            )));
        }
        self.run.header.status = if self.run.header.recovering {
            RunStatus::Recovering
        } else {
            RunStatus::Running
        };
        self.note_run(NoteKind::Resumed);
        Ok(())
    }

    fn pause_task(&mut self, task: TaskIndex) -> Result<(), Refusal> {
        self.refuse_ended("paused")?;
        let (definition, name) = (self.definition(task), &self.graph.task(task).name);
        let state = self.run.task(task);
        if state.paused {
            return Err(Refusal(format!("task {name} is paused already")));
        }
        if matches!(state.phase, TaskPhase::Ended(_)) {
            return Err(Refusal(format!(
                "task {name} cannot be paused: it is already {}",
                state.status()
            )));
        }
        self.run.tasks[task as usize].paused = true;
        self.note(task, None, NoteKind::Paused);
        for index in 0..self.run.task(task).count {
            let due = match self.run.instances(task)[index as usize].state {
                State::Queued { .. } => None,
                State::Retrying { due } => Some(due),
                _ => continue,
            };
            self.set(definition, task, index, State::Paused { due });
        }
        Ok(())
    }

    fn resume_task(&mut self, task: TaskIndex) -> Result<(), Refusal> {
        let definition = self.definition(task);
        if !self.run.task(task).paused {
            return Err(Refusal(format!("task {} is not paused", definition.name)));
        }
        self.run.tasks[task as usize].paused = false;
        self.note(task, None, NoteKind::Resumed);
        for index in 0..self.run.task(task).count {
            let State::Paused { due } = self.run.instances(task)[index as usize].state else {
                continue;
            };
            let state = match due {
                Some(due) if due > self.now => State::Retrying { due },
                _ if matches!(definition.executor, Executor::Marker) => {
                    let instance = self.run.instance_mut(task, index);
                    instance.attempt += 1;
                    instance.started_at = Some(self.now);
                    instance.finished_at = Some(self.now);
                    State::Success {
                        output: crate::task::Output::null(),
                    }
                }
                _ => State::Queued { since: self.now },
            };
            self.set(definition, task, index, state);
        }
        self.end_if_done(task);
        Ok(())
    }

    fn retry(&mut self) -> Result<(), Refusal> {
        self.require_ended("retried")?;
        let marks = self.unsuccessful()?;
        self.reset(&marks, false);
        Ok(())
    }

    fn retry_task(&mut self, task: TaskIndex) -> Result<(), Refusal> {
        let state = self.run.task(task);
        if !matches!(state.phase, TaskPhase::Ended(_)) {
            return Err(Refusal(format!(
                "task {} cannot be retried: it is {}",
                self.graph.task(task).name,
                state.status()
            )));
        }
        if self.run.header.status == RunStatus::Pending {
            return Err(Refusal(format!("run {} has not begun", self.run.header.id)));
        }
        self.refuse_unasked(task)?;
        let counts = state.counts;
        // What succeeded altogether is run again altogether; else what succeeded is kept.
        let whole = counts.of(InstanceStatus::Success) == counts.total();
        let mut marks = vec![Mark::Keep; self.run.tasks.len()];
        self.mark(
            task,
            if whole { Mark::All } else { Mark::Failed },
            &mut marks,
        );
        self.reset(&marks, false);
        Ok(())
    }

    /// A run that was asked for some tasks stays with them.
    pub(super) fn refuse_unasked(&self, task: TaskIndex) -> Result<(), Refusal> {
        if self.run.header.asks_for(task) {
            return Ok(());
        }
        let (id, name) = (&self.run.header.id, &self.graph.task(task).name);
        Err(Refusal(format!(
            "task {name} is not among the tasks that run {id} was asked for; start a run for it"
        )))
    }

    fn recover(&mut self, from: &RecoverFrom) -> Result<(), Refusal> {
        self.require_ended("recovered")?;
        let most = self.graph.workflow.max_recovery_attempts;
        if self.run.header.recovery_attempts >= most {
            return Err(Refusal(format!(
                "run {} was recovered {most} time(s), which is its limit (max_recovery_attempts)",
                self.run.header.id
            )));
        }
        let marks = match from {
            RecoverFrom::Failed => self.unsuccessful()?,
            RecoverFrom::Task(task) => {
                self.refuse_unasked(*task)?;
                let mut marks = vec![Mark::Keep; self.run.tasks.len()];
                self.mark(*task, Mark::All, &mut marks);
                marks
            }
            RecoverFrom::Step(step) => {
                let steps = self.graph.order().len();
                if *step as usize >= steps {
                    return Err(Refusal(format!(
                        "there is no step {step}: this workflow has {steps} step(s), counted from 0"
                    )));
                }
                let mut marks = vec![Mark::Keep; steps];
                for &task in &self.graph.order()[*step as usize..] {
                    marks[task as usize] = Mark::All;
                }
                marks
            }
        };
        self.run.header.recovery_attempts += 1;
        self.reset(&marks, true);
        Ok(())
    }

    /// Lets the run be removed. What is begun is carried through: an earlier wish asked whether it may.
    fn remove(&mut self, ended_by: Time) -> Result<(), Refusal> {
        self.require_ended("removed")?;
        let header = &self.run.header;
        if !header.removing {
            if let Some(ended) = header.finished_at.filter(|at| *at > ended_by) {
                return Err(Refusal(format!(
                    "run {} is not old enough to be removed: it ended at {ended}, after {ended_by}",
                    header.id
                )));
            }
            let stopping = self.run.cancellations().next();
            let left = stopping.map(|_| TO_BE_STOPPED.to_owned());
            if let Some(left) = left.or_else(|| header.left_to_do()) {
                return Err(Refusal(format!(
                    "run {} cannot be removed yet: {left}",
                    header.id
                )));
            }
        }
        self.run.header.removing = true;
        self.effect(Effect::Remove);
        Ok(())
    }

    fn require_ended(&self, what: &str) -> Result<(), Refusal> {
        let status = self.run.header.status;
        if status.is_terminal() {
            return Ok(());
        }
        Err(Refusal(format!(
            "run {} cannot be {what} while it is {status}; cancel it or wait for its end",
            self.run.header.id
        )))
    }

    /// Marks what failed or was cancelled, and everything downstream of that.
    fn unsuccessful(&self) -> Result<Vec<Mark>, Refusal> {
        let mut marks = vec![Mark::Keep; self.run.tasks.len()];
        let mut any = false;
        for &task in self.graph.order() {
            if matches!(
                self.run.task(task).phase,
                TaskPhase::Ended(TaskOutcome::Failed | TaskOutcome::Cancelled)
            ) {
                any = true;
                self.mark(task, Mark::Failed, &mut marks);
            }
        }
        if any {
            Ok(marks)
        } else {
            Err(Refusal(format!(
                "nothing in run {} failed or was cancelled",
                self.run.header.id
            )))
        }
    }

    /// Marks `task` as `mark` and everything downstream of it as to be run anew.
    fn mark(&self, task: TaskIndex, mark: Mark, marks: &mut [Mark]) {
        let mut below = vec![false; marks.len()];
        self.graph.mark_descendants(task, &mut below);
        for (at, &below) in below.iter().enumerate() {
            if below && at != task as usize {
                marks[at] = Mark::All;
            }
        }
        if marks[task as usize] == Mark::Keep {
            marks[task as usize] = mark;
        }
    }

    /// Gives the marked tasks a new life and lets the run go on.
    fn reset(&mut self, marks: &[Mark], recovering: bool) {
        for (task, &mark) in (0..).zip(marks) {
            // One that still waits, or was not asked for, has nothing to be undone.
            let untouched = matches!(
                self.run.task(task).phase,
                TaskPhase::Waiting
                    | TaskPhase::Ended(TaskOutcome::Skipped(SkipReason::NotAskedFor))
            );
            if mark != Mark::Keep && !untouched {
                self.reset_task(task, mark);
            }
        }
        let header = &mut self.run.header;
        if header.status.is_terminal() {
            header.recovering = recovering;
            header.status = if recovering {
                RunStatus::Recovering
            } else {
                RunStatus::Running
            };
            header.finished_at = None;
            header.error = None;
            header.failed = None;
            header.deadline_at = self.graph.workflow.deadline.map(|span| self.now + span);
        }
        self.run.count_upstreams(self.graph);
        for (task, &mark) in (0..).zip(marks) {
            if mark != Mark::Keep && !self.skip_unasked(task) {
                self.consider(task);
            }
        }
    }

    /// Gives a task a new life in which nothing of it is kept.
    pub(super) fn reset_whole(&mut self, task: TaskIndex) {
        self.reset_task(task, Mark::All);
    }

    fn reset_task(&mut self, task: TaskIndex, mark: Mark) {
        let definition = self.definition(task);
        let mut kept = 0;
        for index in 0..self.run.task(task).count {
            let status = self.run.instances(task)[index as usize].status();
            if mark == Mark::Failed && status == InstanceStatus::Success {
                kept += 1;
                continue;
            }
            self.stop_if_in_flight(task, index);
            let instance = self.run.instance_mut(task, index);
            instance.failures = 0;
            instance.losses = 0;
            instance.finished_at = None;
            self.set(definition, task, index, State::Pending);
        }
        let state = &mut self.run.tasks[task as usize];
        if matches!(state.phase, TaskPhase::Ended(_)) {
            self.run.unended += 1;
        }
        let state = &mut self.run.tasks[task as usize];
        state.phase = TaskPhase::Waiting;
        state.generation += 1;
        state.finished_at = None;
        state.ready_at = None;
        state.requeued.clear();
        if definition.fans_out() && kept == 0 {
            state.count = 0;
            state.counts.clear();
        }
        self.note(task, None, NoteKind::Reset { kept });
    }
}

/// What a reset does to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Keep,
    /// Instances that succeeded stay.
    Failed,
    /// Everything runs again.
    All,
}
