//! What a task and a workflow can do without, one feature at a time, and how large that leaves a scenario.

use ork_core::definition::{Tolerate, TriggerRule};
use ork_core::limits::MAX_RECOVERY_ATTEMPTS;

use super::behaviour::{Behaviour, OutputKind};
use super::params::ParamKind;
use super::plan::{DefaultsPlan, Format, Scenario, SchedulePlan, WorkflowPlan};
use super::source::Times;
use super::task_plan::{Inputs, Kind, ParallelPlan, RetryPlan, TaskPlan};

/// A feature: whether it is there, and how it goes.
#[derive(Clone, Copy)]
pub(super) struct Cut<T> {
    pub(super) has: fn(&T) -> bool,
    pub(super) drop: fn(&mut T),
}

const fn cut<T>(has: fn(&T) -> bool, drop: fn(&mut T)) -> Cut<T> {
    Cut { has, drop }
}

/// What a task can do without.
pub(super) const TASK_CUTS: &[Cut<TaskPlan>] = &[
    cut(TaskPlan::fans_out, |task| {
        task.foreach = None;
        task.parallel = None;
    }),
    cut(
        |task| task.foreach.is_some(),
        |task| {
            task.foreach = None;
            task.parallel.get_or_insert(ParallelPlan::TWO);
        },
    ),
    cut(
        |task| matches!(&task.parallel, Some(parallel) if !matches!(parallel.times, Times::Fixed(_))),
        |task| task.parallel = Some(ParallelPlan::TWO),
    ),
    cut(|task| task.batch.is_some(), |task| task.batch = None),
    cut(
        |task| task.tolerate != Tolerate::None,
        |task| task.tolerate = Tolerate::None,
    ),
    cut(
        |task| task.concurrency.is_some(),
        |task| task.concurrency = None,
    ),
    cut(|task| task.when.is_some(), |task| task.when = None),
    cut(
        |task| task.trigger != TriggerRule::AllSuccess || task.older_trigger,
        |task| {
            task.trigger = TriggerRule::AllSuccess;
            task.older_trigger = false;
        },
    ),
    cut(
        |task| task.retries != RetryPlan::None,
        |task| task.retries = RetryPlan::None,
    ),
    cut(
        |task| matches!(task.retries, RetryPlan::Policy(_)),
        |task| {
            if let RetryPlan::Policy(policy) = &task.retries {
                task.retries = RetryPlan::Number(policy.max);
            }
        },
    ),
    cut(|task| task.timeout.is_some(), |task| task.timeout = None),
    cut(
        |task| task.start_timeout.is_some(),
        |task| task.start_timeout = None,
    ),
    cut(
        |task| task.heartbeat_timeout.is_some(),
        |task| task.heartbeat_timeout = None,
    ),
    cut(|task| task.pool.is_some(), |task| task.pool = None),
    cut(|task| task.priority.is_some(), |task| task.priority = None),
    cut(|task| task.topic.is_some(), |task| task.topic = None),
    cut(
        |task| task.inputs != Inputs::None,
        |task| task.inputs = Inputs::None,
    ),
    cut(
        |task| matches!(task.inputs, Inputs::Strict { typed: true, .. }),
        |task| {
            if let Inputs::Strict { typed, .. } = &mut task.inputs {
                *typed = false;
            }
        },
    ),
    cut(|task| !task.env.is_empty(), |task| task.env.clear()),
    cut(|task| task.typed_output, |task| task.typed_output = false),
    cut(|task| !task.extras.is_empty(), |task| task.extras.clear()),
    cut(
        |task| task.kind != Kind::Command,
        |task| task.kind = Kind::Command,
    ),
    cut(
        |task| task.behaviour.fail_thousandths > 0,
        |task| task.behaviour.fail_thousandths = 0,
    ),
    cut(
        |task| task.behaviour.permanent_thousandths > 0,
        |task| task.behaviour.permanent_thousandths = 0,
    ),
    cut(
        |task| task.behaviour.defer_thousandths > 0,
        |task| task.behaviour.defer_thousandths = 0,
    ),
    cut(
        |task| task.behaviour.oom_thousandths > 0,
        |task| task.behaviour.oom_thousandths = 0,
    ),
    cut(
        |task| task.behaviour.runs_seconds != Behaviour::PLAIN.runs_seconds,
        |task| task.behaviour.runs_seconds = Behaviour::PLAIN.runs_seconds,
    ),
    cut(
        |task| task.behaviour.output != OutputKind::Small,
        |task| task.behaviour.output = OutputKind::Small,
    ),
];

fn schedule_has(plan: &WorkflowPlan, has: fn(&SchedulePlan) -> bool) -> bool {
    plan.schedule.iter().chain(&plan.second_schedule).any(has)
}

fn schedule_drop(plan: &mut WorkflowPlan, drop: fn(&mut SchedulePlan)) {
    plan.schedule
        .iter_mut()
        .chain(&mut plan.second_schedule)
        .for_each(drop);
}

/// What a workflow can do without.
pub(super) const WORKFLOW_CUTS: &[Cut<WorkflowPlan>] = &[
    cut(
        |plan| plan.schedule.is_some(),
        |plan| {
            plan.schedule = None;
            plan.second_schedule = None;
        },
    ),
    cut(
        |plan| plan.second_schedule.is_some(),
        |plan| plan.second_schedule = None,
    ),
    cut(
        |plan| schedule_has(plan, |one| one.timezone.is_some()),
        |plan| schedule_drop(plan, |one| one.timezone = None),
    ),
    cut(
        |plan| schedule_has(plan, |one| one.enabled.is_some()),
        |plan| schedule_drop(plan, |one| one.enabled = None),
    ),
    cut(
        |plan| schedule_has(plan, |one| one.catchup.is_some()),
        |plan| schedule_drop(plan, |one| one.catchup = None),
    ),
    cut(
        |plan| schedule_has(plan, |one| one.overlap.is_some()),
        |plan| schedule_drop(plan, |one| one.overlap = None),
    ),
    cut(
        |plan| plan.max_active_runs.is_some(),
        |plan| plan.max_active_runs = None,
    ),
    cut(|plan| !plan.told.is_empty(), |plan| plan.told.clear()),
    cut(
        |plan| plan.deadline_minutes.is_some(),
        |plan| plan.deadline_minutes = None,
    ),
    cut(
        |plan| plan.max_recovery_attempts != MAX_RECOVERY_ATTEMPTS,
        |plan| plan.max_recovery_attempts = MAX_RECOVERY_ATTEMPTS,
    ),
    cut(|plan| !plan.params.is_empty(), |plan| plan.params.clear()),
    cut(|plan| plan.aliases, |plan| plan.aliases = false),
    cut(
        |plan| plan.defaults != DefaultsPlan::default(),
        |plan| plan.defaults = DefaultsPlan::default(),
    ),
    cut(|plan| !plan.extras.is_empty(), |plan| plan.extras.clear()),
    cut(
        |plan| plan.format == Format::Fun,
        |plan| plan.format = Format::Yaml,
    ),
];

impl Scenario {
    /// How large it is: tasks count most, then features, then instances and edges.
    pub fn measure(&self) -> u64 {
        let pools = 10 * self.pools.len() as u64;
        pools
            + self
                .workflows
                .iter()
                .map(WorkflowPlan::measure)
                .sum::<u64>()
    }
}

impl WorkflowPlan {
    fn measure(&self) -> u64 {
        let mut size = 1000 + 10 * count(WORKFLOW_CUTS, self);
        for param in &self.params {
            size += 10 + u64::from(param.count());
        }
        for task in &self.tasks {
            size += 1000 + 10 * count(TASK_CUTS, task) + task.depends_on.len() as u64;
            size += u64::from(amounts(task));
            size += (task.inputs.binds().len() + task.env.len()) as u64;
        }
        size
    }

    /// Halves the lists and numbers among its params.
    pub(super) fn halve_params(&mut self) {
        for param in &mut self.params {
            if let ParamKind::Int(n) | ParamKind::Ints(n) | ParamKind::Rows(n) = &mut param.kind {
                *n = halved(*n);
            }
        }
    }
}

fn count<T>(cuts: &[Cut<T>], of: &T) -> u64 {
    cuts.iter().filter(|cut| (cut.has)(of)).count() as u64
}

fn amounts(task: &TaskPlan) -> u32 {
    let fixed = match &task.parallel {
        Some(parallel) => match parallel.times {
            Times::Fixed(n) => n,
            _ => 0,
        },
        None => 0,
    };
    let given = match task.behaviour.output {
        OutputKind::List(n) | OutputKind::Files(n) | OutputKind::Int(n) => n,
        _ => 0,
    };
    fixed + given
}

/// Halves the numbers of instances and items of a task.
pub(super) fn halve(task: &mut TaskPlan) {
    if let Some(parallel) = &mut task.parallel
        && let Times::Fixed(n) = &mut parallel.times
    {
        *n = halved(*n);
    }
    if let OutputKind::List(n) | OutputKind::Files(n) | OutputKind::Int(n) =
        &mut task.behaviour.output
    {
        *n = halved(*n);
    }
}

/// Half of `n`, but what is not nothing stays something.
fn halved(n: u32) -> u32 {
    (n / 2).max(n.min(1))
}
