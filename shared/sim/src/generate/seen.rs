//! Which features of the format a scenario has: from its definitions where they tell, else from its plans.

use std::collections::BTreeSet;

use ork_core::definition::{
    Binding, Count, Executor, Root, Schedule, Style, Task, Tolerate, Workflow,
};

use super::parse::Parsed;
use super::plan::{Scenario, WorkflowPlan};
use super::source::Condition;
use super::task_plan::{RetryPlan, TaskPlan};

impl Scenario {
    /// The names of all features it has. `parsed` is what [`Scenario::parse`] made of it.
    pub fn features(&self, parsed: &Parsed) -> BTreeSet<String> {
        let mut seen = Seen(BTreeSet::new());
        for (plan, workflow) in self.workflows.iter().zip(&parsed.workflows) {
            seen.workflow(plan, workflow);
            for (at, (plan_of, task)) in plan.tasks.iter().zip(&workflow.tasks).enumerate() {
                seen.task(plan_of, task);
                seen.fan_out(workflow, task);
                let instances = plan.instances(at);
                seen.when(task.fans_out() && instances == 0, "no instances");
                seen.when(instances > 256, "several pages");
            }
        }
        seen.when(self.workflows.len() == 2, "sub-workflow");
        seen.when(self.workflows.len() > 2, "sub-workflow two deep");
        for (name, places) in &self.pools {
            seen.add(format!("pool of {places}"));
            let users = parsed.workflows.iter().flat_map(|one| &one.tasks);
            let users =
                users.filter(|task| task.pool.as_ref().is_some_and(|pool| pool.as_str() == name));
            seen.when(users.count() > 1, "pool shared by tasks");
        }
        seen.0
    }
}

struct Seen(BTreeSet<String>);

impl Seen {
    fn add(&mut self, name: impl Into<String>) {
        self.0.insert(name.into());
    }

    fn when(&mut self, yes: bool, name: &str) {
        if yes {
            self.add(name);
        }
    }

    fn workflow(&mut self, plan: &WorkflowPlan, workflow: &Workflow) {
        self.add(match workflow.style {
            Style::Strict => "style strict",
            Style::Planned => "style planned",
            Style::Fun => "style fun",
        });
        for schedule in &workflow.schedules {
            self.schedule(schedule);
        }
        self.when(workflow.schedules.len() > 1, "two schedules");
        if let Some(runs) = workflow.max_active_runs {
            self.add(format!("max_active_runs {runs}"));
        }
        self.when(workflow.deadline.is_some(), "deadline");
        for on in workflow.notifications.iter().flat_map(|one| &one.on) {
            self.add(format!("told of {}", on.as_str()));
        }
        if plan.max_recovery_attempts != ork_core::limits::MAX_RECOVERY_ATTEMPTS {
            self.add(format!(
                "max_recovery_attempts {}",
                plan.max_recovery_attempts
            ));
        }
        for (param, read) in plan.params.iter().zip(&workflow.params) {
            let kind = format!("{:?}", param.kind);
            self.add(format!(
                "param {}",
                kind.split('(').next().unwrap_or_default()
            ));
            self.when(read.default.is_none(), "param required");
        }
        self.when(!workflow.types.is_empty(), "types");
        self.when(!workflow.triggers.is_empty(), "on");
        self.when(!workflow.imports.is_empty(), "import");
        let defaults = &plan.defaults;
        self.when(defaults.retries.is_some(), "defaults retries");
        self.when(defaults.timeout.is_some(), "defaults timeout");
        self.when(defaults.pool.is_some(), "defaults pool");
        self.when(defaults.trigger.is_some(), "defaults trigger");
        self.when(defaults.concurrency.is_some(), "defaults concurrency");
        self.when(defaults.env, "defaults env");
    }

    fn schedule(&mut self, schedule: &Schedule) {
        self.add("schedule");
        self.add(format!("catchup {:?}", schedule.catchup));
        self.add(format!("overlap {:?}", schedule.overlap));
        self.add(format!("timezone {}", schedule.timezone));
        self.add(format!("cron {}", schedule.cron));
        self.when(!schedule.enabled, "schedule off");
    }

    fn task(&mut self, plan: &TaskPlan, task: &Task) {
        self.add(format!("executor {}", task.executor.word()));
        self.add(format!("trigger {:?}", task.trigger));
        self.when(plan.older_trigger, "on_failure");
        if let Some(when) = &plan.when {
            self.add(match when {
                Condition::Literal(value) => format!("when {value}"),
                Condition::Status { .. } => "when status".to_owned(),
                Condition::Number { .. } | Condition::Length { .. } => "when output".to_owned(),
                Condition::Param { .. } | Condition::Flag(_) => "when param".to_owned(),
                Condition::FirstTime => "when run".to_owned(),
            });
        }
        match &plan.retries {
            RetryPlan::None => {}
            RetryPlan::Number(_) => self.add("retries number"),
            RetryPlan::Policy(policy) => {
                self.add("retries map");
                self.when(policy.delay.is_some(), "retries delay");
                self.when(policy.max_delay.is_some(), "retries max_delay");
                self.when(policy.jitter == Some(true), "retries jitter");
                self.when(policy.exponential == Some(true), "retries exponential");
                self.when(policy.exponential == Some(false), "retries fixed");
            }
        }
        for category in &task.retries.on {
            self.add(format!("retries on {}", category.as_str()));
        }
        self.when(plan.timeout.is_some(), "timeout");
        let (_, most) = plan.behaviour.runs_seconds;
        self.when(
            plan.timeout.is_some_and(|seconds| seconds < most),
            "timeout too short",
        );
        self.when(plan.start_timeout.is_some(), "start_timeout");
        self.when(plan.heartbeat_timeout.is_some(), "heartbeat_timeout");
        self.when(task.pool.is_some(), "pool");
        self.when(task.priority != 0, "priority");
        self.when(task.topic.is_some(), "topic");
        for input in &task.inputs {
            self.add(format!("inputs {}", binding(&input.value)));
            let field = matches!(&input.value, Binding::Ref(path) if path.root == Root::Item && !path.path.is_empty());
            self.when(field, "item field");
        }
        for (_, value) in &task.env {
            self.add(format!("env {}", binding(value)));
        }
        self.when(task.input_type.is_some(), "input_type");
        self.when(task.output_type.is_some(), "output_type");
        for extra in &plan.extras {
            self.add(format!("extra {extra:?}"));
        }
        let behaviour = &plan.behaviour;
        self.when(behaviour.fail_thousandths > 0, "fails");
        self.when(behaviour.permanent_thousandths > 0, "fails for good");
        self.when(behaviour.defer_thousandths > 0, "defers");
        self.when(behaviour.oom_thousandths > 0, "runs out of memory");
        let output = format!("{:?}", behaviour.output);
        self.add(format!(
            "output {}",
            output.split('(').next().unwrap_or_default()
        ));
    }

    fn fan_out(&mut self, workflow: &Workflow, task: &Task) {
        match &task.parallel {
            None => {}
            Some(Count::Fixed(_)) => self.add("parallel constant"),
            Some(Count::Ref(reference)) => self.add(match reference.root {
                Root::Param(_) => "parallel param",
                _ => "parallel output",
            }),
        }
        match task.foreach.as_ref().map(|reference| &reference.root) {
            None => {}
            Some(Root::Output(above)) if workflow.tasks[*above as usize].fans_out() => {
                self.add("foreach fan-out");
            }
            Some(Root::Output(_)) => self.add("foreach output"),
            Some(_) => self.add("foreach param"),
        }
        self.when(
            task.foreach.is_some() && task.parallel.is_some(),
            "foreach and parallel",
        );
        self.when(task.batch.is_some(), "batch");
        self.when(task.concurrency.is_some(), "concurrency");
        match task.tolerate {
            Tolerate::None => {}
            Tolerate::Count(_) => self.add("tolerate count"),
            Tolerate::BasisPoints(_) => self.add("tolerate share"),
        }
        if let (true, Executor::Workflow { .. }) = (task.fans_out(), &task.executor) {
            self.add("sub-workflow fan-out");
        }
    }
}

const fn binding(value: &Binding) -> &'static str {
    match value {
        Binding::Const(_) => "const",
        Binding::Ref(_) => "ref",
        Binding::Expr(_) => "expr",
        Binding::Template(_) => "template",
        Binding::Secret(_) => "secret",
    }
}
