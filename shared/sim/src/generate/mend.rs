//! Makes a scenario whole again after a part was taken out: nothing refers to what is not there.

use ork_core::definition::{Tolerate, TriggerRule};

use super::behaviour::OutputKind;
use super::params::ParamKind;
use super::plan::{Scenario, WorkflowPlan};
use super::source::{Condition, Over, Source, Times};
use super::task_plan::{Inputs, Kind, ParallelPlan, TaskExtra, TaskPlan};

impl Scenario {
    /// Drops sub-workflows and pools that nobody uses, and whatever refers to something that is gone.
    pub(super) fn mend(&mut self) {
        loop {
            let used = self.uses();
            let before = self.workflows.len();
            let mut at = 0;
            self.workflows.retain(|plan| {
                at += 1;
                at == 1 || used.contains(&plan.name)
            });
            if self.workflows.len() == before {
                break;
            }
        }
        let names: Vec<String> = self
            .workflows
            .iter()
            .map(|plan| plan.name.clone())
            .collect();
        for plan in &mut self.workflows {
            for task in &mut plan.tasks {
                if matches!(&task.kind, Kind::Workflow(child) if !names.contains(child)) {
                    task.kind = Kind::Command;
                }
            }
            plan.mend();
        }
        let plans = &self.workflows;
        self.pools.retain(|name, _| {
            plans.iter().any(|plan| {
                let own = plan.tasks.iter().filter_map(|task| task.pool.as_ref());
                own.chain(&plan.defaults.pool).any(|pool| pool == name)
            })
        });
    }

    /// The names of the sub-workflows that some workflow starts.
    fn uses(&self) -> Vec<String> {
        let tasks = self.workflows.iter().flat_map(|plan| &plan.tasks);
        tasks
            .filter_map(|task| match &task.kind {
                Kind::Workflow(child) => Some(child.clone()),
                _ => None,
            })
            .collect()
    }
}

impl WorkflowPlan {
    /// Drops whatever refers to something that is not there, and what means nothing by itself.
    pub(super) fn mend(&mut self) {
        if self.schedule.is_none() {
            self.schedule = self.second_schedule.take();
        }
        let ancestors = self.ancestors();
        for (at, above) in ancestors.iter().enumerate() {
            let mut task = std::mem::replace(&mut self.tasks[at], TaskPlan::new("in_work"));
            self.mend_fan_out(&mut task, above);
            let when = task.when.take();
            task.when = when.filter(|when| self.condition_holds(when, above));
            let loops = (task.foreach.is_some(), self.has_rows(&task));
            if let Some(binds) = task.inputs.binds_mut() {
                binds.retain(|bind| self.source_holds(&bind.source, loops, above));
            }
            task.env
                .retain(|bind| self.source_holds(&bind.source, loops, above));
            mend_alone(&mut task);
            self.tasks[at] = task;
        }
    }

    fn mend_fan_out(&self, task: &mut TaskPlan, above: &[bool]) {
        let list = task.foreach.as_ref().map(|foreach| match &foreach.over {
            Over::Output(j) => above[*j] && self.gives_list(*j),
            Over::Files(j) => {
                above[*j] && self.gives(*j, |kind| matches!(kind, OutputKind::Files(_)))
            }
            Over::Param(name) => self.is_param(name, |kind| {
                matches!(kind, ParamKind::Ints(_) | ParamKind::Rows(_))
            }),
        });
        if list == Some(false) {
            // It goes on having several instances, for the sake of whoever is below it.
            task.foreach = None;
            task.parallel.get_or_insert(ParallelPlan::TWO);
        }
        if let Some(parallel) = &mut task.parallel {
            let good = match &parallel.times {
                Times::Fixed(_) => true,
                Times::Output(j) => {
                    above[*j] && self.gives(*j, |kind| matches!(kind, OutputKind::Int(_)))
                }
                Times::Param(name) => self.is_param(name, |kind| matches!(kind, ParamKind::Int(_))),
            };
            if !good {
                parallel.times = Times::Fixed(2);
            }
        }
    }

    fn condition_holds(&self, when: &Condition, above: &[bool]) -> bool {
        match when {
            Condition::Literal(_) | Condition::FirstTime => true,
            Condition::Status { task, .. } => above[*task],
            Condition::Number { task, .. } => {
                above[*task] && self.gives(*task, OutputKind::has_number)
            }
            Condition::Length { task, .. } => above[*task] && self.gives_list(*task),
            Condition::Param { name, .. } => {
                self.is_param(name, |kind| matches!(kind, ParamKind::Int(_)))
            }
            Condition::Flag(name) => self.is_param(name, |kind| matches!(kind, ParamKind::Flag(_))),
        }
    }

    /// `loops` says whether the task has a `foreach`, and whether its items are rows.
    fn source_holds(&self, source: &Source, loops: (bool, bool), above: &[bool]) -> bool {
        match source {
            Source::Param(name) => self.param(name).is_some(),
            Source::Output(task) | Source::Status(task) => above[*task],
            Source::Number(task) => above[*task] && self.gives(*task, OutputKind::has_number),
            Source::Item | Source::ItemIndex => loops.0,
            Source::ItemNumber => loops.1,
            _ => true,
        }
    }

    /// Whether each item of a task's `foreach` is a row, however its upstreams end.
    pub(super) fn has_rows(&self, task: &TaskPlan) -> bool {
        let Some(foreach) = &task.foreach else {
            return false;
        };
        task.batch.is_none()
            && match &foreach.over {
                Over::Output(above) => {
                    self.gives(*above, |kind| matches!(kind, OutputKind::List(_)))
                }
                Over::Files(_) => true,
                Over::Param(name) => self.is_param(name, |kind| matches!(kind, ParamKind::Rows(_))),
            }
    }

    /// Whether what a task gives as a whole is a list.
    pub(super) fn gives_list(&self, task: usize) -> bool {
        self.tasks[task].fans_out() || self.gives(task, |kind| matches!(kind, OutputKind::List(_)))
    }

    /// Whether a task has one instance and that gives this kind of output.
    pub(super) fn gives(&self, task: usize, kind: impl FnOnce(OutputKind) -> bool) -> bool {
        let task = &self.tasks[task];
        !task.fans_out() && task.kind.gives_output() && kind(task.behaviour.output)
    }

    fn is_param(&self, name: &str, kind: impl FnOnce(ParamKind) -> bool) -> bool {
        self.param(name).is_some_and(|param| kind(param.kind))
    }
}

/// What a task has that means nothing, or is refused, without something else it has.
fn mend_alone(task: &mut TaskPlan) {
    if task.foreach.is_none() {
        task.batch = None;
    }
    if !task.fans_out() {
        task.tolerate = Tolerate::None;
        task.concurrency = None;
    }
    if !matches!(task.trigger, TriggerRule::AllSuccess | TriggerRule::AllDone) {
        task.older_trigger = false;
    }
    if task.inputs.binds().is_empty() {
        task.inputs = Inputs::None;
    }
    if !task.kind.gives_output() {
        task.typed_output = false;
    }
    let extras = &mut task.extras;
    if !task.kind.takes_image() {
        extras.retain(|extra| *extra != TaskExtra::Image);
    }
}
