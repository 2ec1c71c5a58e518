//! Tasks: when they become ready, how many instances they get, how they end, and the end of the run.

use super::{
    Effect, FailedTask, Failure, Graph, InstanceStatus, NoteKind, Out, Resolution, RunState,
    RunStatus, SkipReason, State, TaskOutcome, TaskPhase, state::cut,
};
use crate::definition::{Count, Executor, Task, TaskIndex, TriggerRule};
use crate::limits;
use crate::run::Category;
use crate::task::Output;
use crate::time::Time;

/// One application of one event.
pub(super) struct Step<'a> {
    pub(super) graph: &'a Graph,
    pub(super) run: &'a mut RunState,
    pub(super) now: Time,
    pub(super) out: &'a mut Out,
    /// Tasks that ended and whose dependents have not been told yet.
    ended: Vec<TaskIndex>,
}

/// What a trigger rule says.
#[derive(Debug)]
pub(super) enum Decision {
    Wait,
    Run,
    Skip(SkipReason),
}

impl RunState {
    /// What the trigger rule of a task says of its upstreams as they are.
    pub(super) fn decide(&self, graph: &Graph, task: TaskIndex) -> Decision {
        let definition = graph.task(task);
        let [success, failed, skipped, cancelled] = self.task(task).upstream;
        let total = u32::try_from(definition.depends_on.len()).expect("at most 10,000 tasks");
        let all_ended = success + failed + skipped + cancelled == total;
        // Asking for the culprit costs a scan, so only when there is one.
        let culprit = || {
            definition
                .depends_on
                .iter()
                .find_map(|&upstream| match self.task(upstream).phase {
                    TaskPhase::Ended(TaskOutcome::Failed) => {
                        Some(SkipReason::UpstreamFailed(upstream))
                    }
                    TaskPhase::Ended(TaskOutcome::Cancelled) => {
                        Some(SkipReason::UpstreamCancelled(upstream))
                    }
                    // The chain is followed to where it began, which is what people want to know.
                    TaskPhase::Ended(TaskOutcome::Skipped(
                        reason @ (SkipReason::UpstreamFailed(_) | SkipReason::UpstreamCancelled(_)),
                    )) => Some(reason),
                    _ => None,
                })
        };
        let skipped_upstream = || {
            definition
                .depends_on
                .iter()
                .find_map(|&upstream| match self.task(upstream).phase {
                    TaskPhase::Ended(TaskOutcome::Skipped(SkipReason::NotAskedFor)) => {
                        Some(SkipReason::NotAskedFor)
                    }
                    TaskPhase::Ended(TaskOutcome::Skipped(_)) => {
                        Some(SkipReason::UpstreamSkipped(upstream))
                    }
                    _ => None,
                })
        };
        let unless = |wrong: bool, reason: Option<SkipReason>| {
            if wrong {
                Decision::Skip(reason.unwrap_or(SkipReason::NoUpstream))
            } else if all_ended {
                Decision::Run
            } else {
                Decision::Wait
            }
        };
        match definition.trigger {
            TriggerRule::AllSuccess if total == success => Decision::Run,
            // A skip alone decides nothing early: a failure that is still to come would count for more below.
            TriggerRule::AllSuccess => unless(
                failed + cancelled > 0 || (all_ended && skipped > 0),
                culprit().or_else(skipped_upstream),
            ),
            TriggerRule::NoneFailed => unless(failed + cancelled > 0, culprit()),
            TriggerRule::AllDone | TriggerRule::Always => unless(false, None),
            TriggerRule::OneSuccess if success > 0 || total == 0 => Decision::Run,
            TriggerRule::OneFailed if failed > 0 => Decision::Run,
            TriggerRule::OneSuccess => unless(all_ended, culprit().or_else(skipped_upstream)),
            TriggerRule::OneFailed => unless(all_ended, None),
        }
    }
}

impl<'a> Step<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        run: &'a mut RunState,
        now: Time,
        out: &'a mut Out,
    ) -> Self {
        Self {
            graph,
            run,
            now,
            out,
            ended: Vec::new(),
        }
    }

    /// The definition of a task, free of the borrow of `self`.
    pub(super) fn definition(&self, task: TaskIndex) -> &'a Task {
        self.graph.task(task)
    }

    /// The run gets its place.
    pub(super) fn start(&mut self) {
        if self.run.header.status != RunStatus::Pending {
            return;
        }
        let header = &mut self.run.header;
        header.status = RunStatus::Running;
        header.started_at = Some(self.now);
        header.deadline_at = self.graph.workflow.deadline.map(|span| self.now + span);
        self.note_run(NoteKind::RunStarted);
        self.tell_start();
        for &task in self.graph.order() {
            self.skip_unasked(task);
        }
        self.settle();
        for &task in self.graph.order() {
            self.consider(task);
        }
    }

    /// Skips a waiting task that the run was not asked for; says whether it is such a one.
    pub(super) fn skip_unasked(&mut self, task: TaskIndex) -> bool {
        if self.run.header.asks_for(task) {
            return false;
        }
        if self.run.task(task).phase == TaskPhase::Waiting {
            self.skip(task, SkipReason::NotAskedFor);
        }
        true
    }

    /// Looks whether a waiting task can be decided.
    pub(super) fn consider(&mut self, task: TaskIndex) {
        if self.run.task(task).phase != TaskPhase::Waiting
            || self.run.header.status.is_terminal()
            || self.run.header.status == RunStatus::Pending
        {
            return;
        }
        match self.run.decide(self.graph, task) {
            Decision::Wait => {}
            Decision::Skip(reason) => self.skip(task, reason),
            Decision::Run => {
                let definition = self.definition(task);
                self.run.tasks[task as usize].ready_at = Some(self.now);
                if definition.needs_resolving() {
                    self.run.tasks[task as usize].phase = TaskPhase::Resolving;
                    let generation = self.run.task(task).generation;
                    self.note(task, None, NoteKind::Resolving);
                    self.effect(Effect::Resolve { task, generation });
                } else {
                    let instances = match definition.parallel {
                        Some(Count::Fixed(n)) => n,
                        Some(Count::Ref(_)) | None => 1,
                    };
                    self.expand(task, instances);
                }
            }
        }
    }

    /// A task's conditions were evaluated.
    pub(super) fn resolved(&mut self, task: TaskIndex, generation: u32, result: &Resolution) {
        let Some(state) = self.run.tasks.get(task as usize) else {
            return;
        };
        if state.phase != TaskPhase::Resolving
            || state.generation != generation
            || self.run.header.status.is_terminal()
        {
            let status = state.status();
            self.note(
                task,
                None,
                NoteKind::Stale {
                    event: "the evaluation of its conditions",
                    status,
                },
            );
            return;
        }
        match result {
            Resolution::Skip => self.skip(task, SkipReason::When),
            Resolution::Run(instances) => self.expand(
                task,
                if self.definition(task).fans_out() {
                    *instances
                } else {
                    1
                },
            ),
            Resolution::Failed(why) => self.fail_unstarted(task, why),
        }
    }

    /// Gives a task its instances.
    fn expand(&mut self, task: TaskIndex, instances: u32) {
        let definition = self.definition(task);
        if let Some(why) = self.too_many(task, instances) {
            self.fail_unstarted(task, &why);
            return;
        }
        self.run.reserve(task, instances);
        // What an earlier life left beyond its own count must not look as if it were kept.
        for index in instances..self.run.task(task).count {
            let beyond = self.run.instance_mut(task, index);
            beyond.state = State::Pending;
            beyond.failures = 0;
            beyond.losses = 0;
            beyond.finished_at = None;
        }
        self.recount(task, instances);
        self.run.tasks[task as usize].phase = TaskPhase::Active;
        self.note(task, None, NoteKind::Ready { instances });
        let marker = matches!(definition.executor, Executor::Marker);
        let paused = self.run.task(task).paused;
        let null = Output::null();
        for index in 0..instances {
            if self.run.instances(task)[index as usize]
                .status()
                .is_terminal()
            {
                // Kept from before a retry.
                continue;
            }
            let state = if marker && !paused {
                let instance = self.run.instance_mut(task, index);
                instance.attempt += 1;
                instance.started_at = Some(self.now);
                instance.finished_at = Some(self.now);
                State::Success {
                    output: null.clone(),
                }
            } else if paused {
                State::Paused { due: None }
            } else {
                State::Queued { since: self.now }
            };
            self.set(definition, task, index, state);
        }
        self.end_if_done(task);
    }

    /// Why a task cannot have so many instances.
    pub(super) fn too_many(&self, task: TaskIndex, instances: u32) -> Option<String> {
        let used = u32::try_from(self.run.instances.len()).expect("bounded");
        let more = self.run.growth(task, instances);
        let fits = instances <= limits::INSTANCES_PER_TASK
            && used.saturating_add(more) <= limits::INSTANCES_PER_RUN;
        (!fits).then(|| {
            format!(
                "it would have {instances} instances; a task may have {} and a run {} (use `batch` to put several items into one)",
                limits::INSTANCES_PER_TASK,
                limits::INSTANCES_PER_RUN
            )
        })
    }

    /// Sets the number of instances and counts their states anew.
    pub(super) fn recount(&mut self, task: TaskIndex, instances: u32) {
        self.run.tasks[task as usize].count = instances;
        let mut counts = super::Counts::default();
        for instance in self.run.instances(task) {
            counts.put(instance.status(), 1);
        }
        let state = &mut self.run.tasks[task as usize];
        state.counts = counts;
        state.cursor = 0;
        state.requeued.clear();
    }

    /// A task that cannot be started fails in its first instance.
    fn fail_unstarted(&mut self, task: TaskIndex, why: &str) {
        let definition = self.definition(task);
        self.run.reserve(task, 1);
        if self.run.task(task).count == 0 {
            self.recount(task, 1);
        }
        self.note(task, None, NoteKind::Unresolvable(why.to_owned()));
        for index in 0..self.run.task(task).count {
            if self.run.instances(task)[index as usize]
                .status()
                .is_terminal()
            {
                continue;
            }
            let instance = self.run.instance_mut(task, index);
            instance.failure = Some(Box::new(Failure {
                category: Category::Permanent,
                message: cut(why, limits::ERROR_BYTES),
                attempt: instance.attempt,
            }));
            instance.finished_at = Some(self.now);
            self.set(definition, task, index, State::Failed);
        }
        self.end(task, TaskOutcome::Failed);
    }

    /// Skips a task that has not begun.
    fn skip(&mut self, task: TaskIndex, reason: SkipReason) {
        let definition = self.definition(task);
        self.note(task, None, NoteKind::Skipped(reason));
        for index in 0..self.run.task(task).count {
            if !self.run.instances(task)[index as usize]
                .status()
                .is_terminal()
            {
                self.run.instance_mut(task, index).finished_at = Some(self.now);
                self.set(definition, task, index, State::Skipped(reason));
            }
        }
        self.end(task, TaskOutcome::Skipped(reason));
    }

    /// Ends a task whose instances have all ended.
    pub(super) fn end_if_done(&mut self, task: TaskIndex) {
        let definition = self.graph.task(task);
        let state = self.run.task(task);
        if state.phase != TaskPhase::Active || state.counts.ended() < state.count {
            return;
        }
        let failed = state.counts.of(InstanceStatus::Failed);
        let tolerated = definition.tolerate.allowed(state.count);
        self.end(task, self.outcome(task));
        let status = self.run.task(task).status();
        if definition.fans_out() {
            self.note(
                task,
                None,
                NoteKind::TaskEnded {
                    status,
                    failed,
                    tolerated,
                },
            );
        }
    }

    /// Where the workflow says so, the instances of a task end when more of them have failed than may: it fails whatever they come to.
    pub(super) fn end_siblings(&mut self, task: TaskIndex) {
        let definition = self.graph.task(task);
        let state = self.run.task(task);
        let failed = state.counts.of(InstanceStatus::Failed);
        let left = state.count - state.counts.ended();
        if !definition.fail_fast || left == 0 || failed <= definition.tolerate.allowed(state.count)
        {
            return;
        }
        self.note(task, None, NoteKind::SiblingsEnded { failed, left });
        self.end_instances(task);
    }

    /// How a task ended whose instances have all ended.
    pub(super) fn outcome(&self, task: TaskIndex) -> TaskOutcome {
        let state = self.run.task(task);
        let definition = self.definition(task);
        let too_many =
            state.counts.of(InstanceStatus::Failed) > definition.tolerate.allowed(state.count);
        // Some may have been cancelled since others failed.
        if state.counts.of(InstanceStatus::Cancelled) > 0 && !(definition.fail_fast && too_many) {
            TaskOutcome::Cancelled
        } else if too_many {
            TaskOutcome::Failed
        } else {
            TaskOutcome::Success
        }
    }

    /// A task has ended.
    pub(super) fn end(&mut self, task: TaskIndex, outcome: TaskOutcome) {
        let state = &mut self.run.tasks[task as usize];
        debug_assert!(
            !matches!(state.phase, TaskPhase::Ended(_)),
            "a task ends once in each of its lives"
        );
        state.phase = TaskPhase::Ended(outcome);
        state.finished_at = Some(self.now);
        self.run.unended -= 1;
        self.effect(Effect::TaskEnded(task));
        self.ended.push(task);
    }

    /// Tells dependents of what ended, and ends the run when nothing is left.
    pub(super) fn settle(&mut self) {
        while let Some(task) = self.ended.pop() {
            let TaskPhase::Ended(outcome) = self.run.task(task).phase else {
                continue;
            };
            for &dependent in self.graph.dependents(task) {
                self.run.tasks[dependent as usize].upstream[outcome.tally()] += 1;
                self.consider(dependent);
            }
        }
        if self.run.unended == 0
            && !self.run.header.status.is_terminal()
            && self.run.header.status != RunStatus::Pending
        {
            let mut status = RunStatus::Success;
            for task in &self.run.tasks {
                match task.phase {
                    TaskPhase::Ended(TaskOutcome::Failed) => status = RunStatus::Failed,
                    TaskPhase::Ended(TaskOutcome::Cancelled) if status == RunStatus::Success => {
                        status = RunStatus::Cancelled
                    }
                    _ => {}
                }
            }
            self.run.header.failed = self.blamed().filter(|_| status == RunStatus::Failed);
            self.end_run(status, false);
        }
    }

    /// The first task that failed, upstreams first, and why.
    pub(super) fn blamed(&self) -> Option<FailedTask> {
        let failed = |&&task: &&TaskIndex| {
            self.run.task(task).phase == TaskPhase::Ended(TaskOutcome::Failed)
        };
        let task = *self.graph.order().iter().find(failed)?;
        let instances = self.run.instances(task).iter();
        let failures = instances.filter(|one| one.status() == InstanceStatus::Failed);
        let why = failures
            .filter_map(|one| one.failure.as_deref())
            .map(|failure| {
                cut(&failure.message, limits::FAILED_BYTES)
                    .as_ref()
                    .to_owned()
            })
            .next();
        Some(FailedTask {
            task: self.definition(task).name.clone(),
            why: why.unwrap_or_default(),
        })
    }

    /// The run is over, perhaps because its deadline has passed.
    pub(super) fn end_run(&mut self, status: RunStatus, by_deadline: bool) {
        let header = &mut self.run.header;
        header.status = status;
        header.finished_at = Some(self.now);
        header.recovering = false;
        self.note_run(NoteKind::RunEnded(status));
        self.effect(Effect::RunEnded(status));
        self.tell_end(status, by_deadline);
    }
}

impl TaskOutcome {
    /// Its place in [`super::TaskState::upstream`].
    ///
    /// What was skipped because something above it failed counts as failed for the trigger rules below it, as Airflow's
    /// `upstream_failed` does: otherwise `none_failed` would run past a failure and `one_failed` would miss it.
    pub(super) const fn tally(self) -> usize {
        match self {
            Self::Success => 0,
            Self::Failed | Self::Skipped(SkipReason::UpstreamFailed(_)) => 1,
            Self::Cancelled | Self::Skipped(SkipReason::UpstreamCancelled(_)) => 3,
            Self::Skipped(_) => 2,
        }
    }
}
