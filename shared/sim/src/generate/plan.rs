//! What one seed runs, as data: drawn at random, printed as files, cut down when it finds something.

use std::collections::BTreeMap;

use ork_core::definition::{Catchup, Occasion, Overlap, TriggerRule};
use ork_core::limits::MAX_RECOVERY_ATTEMPTS;

use super::behaviour::OutputKind;
use super::params::ParamPlan;
use super::source::{Over, Times};
use super::task_plan::TaskPlan;

/// What one seed's world runs: a main workflow, and whatever it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The main one first; the others are sub-workflows it uses, at most two levels deep.
    pub workflows: Vec<WorkflowPlan>,
    /// The places of the pools.
    pub pools: BTreeMap<String, u32>,
}

/// Which front end reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML.
    Yaml,
    /// A `.workflow` file of `fun` blocks, which knows tasks and edges only.
    Fun,
}

/// One workflow file.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowPlan {
    /// Its name.
    pub name: String,
    /// Which front end reads it.
    pub format: Format,
    /// Its tasks, in the order of the file; dependencies may point either way.
    pub tasks: Vec<TaskPlan>,
    /// When it runs by itself.
    pub schedule: Option<SchedulePlan>,
    /// A second schedule beside the first.
    pub second_schedule: Option<SchedulePlan>,
    /// Runs that may be active together.
    pub max_active_runs: Option<u32>,
    /// Minutes after which a run is failed.
    pub deadline_minutes: Option<u32>,
    /// How often one run may be recovered.
    pub max_recovery_attempts: u32,
    /// Of what each of its receivers is told.
    pub told: Vec<Vec<Occasion>>,
    /// Inputs of a run.
    pub params: Vec<ParamPlan>,
    /// Whether the type of a row has a name under `types`.
    pub aliases: bool,
    /// What every task has that does not say otherwise.
    pub defaults: DefaultsPlan,
    /// Keys that change nothing about how a run goes.
    pub extras: Vec<WorkflowExtra>,
}

impl WorkflowPlan {
    /// A workflow with nothing in it.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            format: Format::Yaml,
            tasks: Vec::new(),
            schedule: None,
            second_schedule: None,
            max_active_runs: None,
            deadline_minutes: None,
            max_recovery_attempts: MAX_RECOVERY_ATTEMPTS,
            told: Vec::new(),
            params: Vec::new(),
            aliases: false,
            defaults: DefaultsPlan::default(),
            extras: Vec::new(),
        }
    }

    /// The task called `name`.
    pub fn task(&self, name: &str) -> Option<&TaskPlan> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// How many instances a task has when everything above it succeeds.
    pub fn instances(&self, task: usize) -> u32 {
        let plan = &self.tasks[task];
        let items = match plan.foreach.as_ref().map(|foreach| &foreach.over) {
            None => 1,
            Some(Over::Output(above) | Over::Files(above)) if self.tasks[*above].fans_out() => {
                self.instances(*above)
            }
            Some(Over::Output(above) | Over::Files(above)) => {
                self.tasks[*above].behaviour.output.items().unwrap_or(0)
            }
            Some(Over::Param(name)) => self.param(name).map_or(0, ParamPlan::count),
        };
        let items = match plan.batch {
            Some(size) if plan.foreach.is_some() => items.div_ceil(size),
            _ => items,
        };
        let times = match plan.parallel.as_ref().map(|parallel| &parallel.times) {
            None => 1,
            Some(Times::Fixed(n)) => *n,
            Some(Times::Output(above)) => match self.tasks[*above].behaviour.output {
                OutputKind::Int(n) => n,
                _ => 0,
            },
            Some(Times::Param(name)) => self.param(name).map_or(0, ParamPlan::count),
        };
        items.saturating_mul(times)
    }

    /// The param called `name`.
    pub fn param(&self, name: &str) -> Option<&ParamPlan> {
        self.params.iter().find(|param| param.name == name)
    }

    /// For each task, which tasks have ended when it starts.
    pub fn ancestors(&self) -> Vec<Vec<bool>> {
        let n = self.tasks.len();
        (0..n)
            .map(|task| {
                let mut above = vec![false; n];
                let mut open = self.tasks[task].depends_on.clone();
                while let Some(next) = open.pop() {
                    if !std::mem::replace(&mut above[next], true) {
                        open.extend(&self.tasks[next].depends_on);
                    }
                }
                above
            })
            .collect()
    }
}

/// `defaults`; what is `None` is not written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DefaultsPlan {
    /// Attempts after the first.
    pub retries: Option<u16>,
    /// Seconds.
    pub timeout: Option<u64>,
    /// A pool for all.
    pub pool: Option<String>,
    /// A trigger rule for all.
    pub trigger: Option<TriggerRule>,
    /// A cap for every fan-out.
    pub concurrency: Option<u32>,
    /// A variable for all.
    pub env: bool,
}

/// One schedule; what is `None` is not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulePlan {
    /// The pattern.
    pub cron: String,
    /// IANA name.
    pub timezone: Option<String>,
    /// Whether it fires.
    pub enabled: Option<bool>,
    /// What happens to missed slots.
    pub catchup: Option<Catchup>,
    /// What happens while a run is active.
    pub overlap: Option<Overlap>,
}

/// A key of a workflow that changes nothing about how a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowExtra {
    /// `description`
    Description,
    /// `on: {object: …}`
    OnObject,
    /// `on: {message: …}`
    OnMessage,
    /// `import`
    Import,
}
