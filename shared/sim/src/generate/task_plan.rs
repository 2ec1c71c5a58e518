//! One task as data: what its keys say, and what the simulated worker does with it.

use ork_core::definition::{Tolerate, TriggerRule};
use ork_core::run::Category;

use super::behaviour::Behaviour;
use super::source::{Bind, Condition, Over, Spelling, Times};

/// What runs a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A text for a shell.
    Command,
    /// Nothing.
    Marker,
    /// The workflow of this name.
    Workflow(String),
    /// Program and arguments, one of them a template.
    Program,
    /// A script beside the file.
    Script,
    /// A Python function in a file.
    Python,
    /// A Python function in a module, in a process that serves many.
    PythonReuse,
    /// An HTTP request.
    Http,
    /// A query, which Ork starts itself.
    Query,
    /// An execution of a Cloud Run job that is there, which Ork starts itself.
    Execution,
    /// A Cloud Run job that Ork makes of an image for each attempt, runs, and removes.
    OwnJob,
    /// Waits for an object.
    Sensor,
    /// A Cloud Run job by name.
    CloudRun,
    /// A Cloud Run job made of an image.
    CloudRunImage,
    /// A container.
    Docker,
    /// A Kubernetes Job.
    Kubernetes,
    /// A shared object.
    Library,
    /// A worker service.
    Service,
    /// dbt models.
    Dbt,
    /// An executor declared in `ork.yaml`.
    Custom,
}

impl Kind {
    /// Whether an attempt gives what the task's behaviour says.
    pub const fn gives_output(&self) -> bool {
        !matches!(self, Self::Marker | Self::Workflow(_))
    }

    /// Whether an `image` may stand beside it without changing what runs it.
    pub const fn takes_image(&self) -> bool {
        matches!(
            self,
            Self::Python
                | Self::PythonReuse
                | Self::Script
                | Self::Library
                | Self::Service
                | Self::Dbt
                | Self::Custom
        )
    }
}

/// One task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskPlan {
    /// Its name.
    pub name: String,
    /// What runs it.
    pub kind: Kind,
    /// Positions of the tasks it waits for.
    pub depends_on: Vec<usize>,
    /// How their ends decide.
    pub trigger: TriggerRule,
    /// Whether `trigger` is written in its older spelling, `on_failure`, which has two of the rules.
    pub older_trigger: bool,
    /// When it is skipped.
    pub when: Option<Condition>,
    /// A number of instances.
    pub parallel: Option<ParallelPlan>,
    /// One instance for each item of a list.
    pub foreach: Option<ForeachPlan>,
    /// Items of `foreach` for each instance.
    pub batch: Option<u32>,
    /// Instances that may fail.
    pub tolerate: Tolerate,
    /// Instances in flight at most.
    pub concurrency: Option<u32>,
    /// What happens after a failed attempt.
    pub retries: RetryPlan,
    /// Seconds.
    pub timeout: Option<u64>,
    /// Seconds.
    pub start_timeout: Option<u64>,
    /// Seconds.
    pub heartbeat_timeout: Option<u64>,
    /// Places shared with the tasks of all runs.
    pub pool: Option<String>,
    /// Higher goes first.
    pub priority: Option<i32>,
    /// Which workers take it.
    pub topic: Option<String>,
    /// What it is given.
    pub inputs: Inputs,
    /// Its environment.
    pub env: Vec<Bind>,
    /// Whether it states its `output_type`.
    pub typed_output: bool,
    /// Keys that change nothing about how a run goes.
    pub extras: Vec<TaskExtra>,
    /// What the simulated worker does with it.
    pub behaviour: Behaviour,
}

impl TaskPlan {
    /// A command without anything else.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Command,
            depends_on: Vec::new(),
            trigger: TriggerRule::AllSuccess,
            older_trigger: false,
            when: None,
            parallel: None,
            foreach: None,
            batch: None,
            tolerate: Tolerate::None,
            concurrency: None,
            retries: RetryPlan::None,
            timeout: None,
            start_timeout: None,
            heartbeat_timeout: None,
            pool: None,
            priority: None,
            topic: None,
            inputs: Inputs::None,
            env: Vec::new(),
            typed_output: false,
            extras: Vec::new(),
            behaviour: Behaviour::PLAIN,
        }
    }

    /// Whether it may have other than one instance.
    pub const fn fans_out(&self) -> bool {
        self.parallel.is_some() || self.foreach.is_some()
    }
}

/// `parallel`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParallelPlan {
    /// How many.
    pub times: Times,
    /// How a path is written.
    pub spelled: Spelling,
}

/// `foreach`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeachPlan {
    /// Over which list.
    pub over: Over,
    /// How the path is written.
    pub spelled: Spelling,
}

/// `retries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryPlan {
    /// Not stated.
    None,
    /// A number.
    Number(u16),
    /// A map.
    Policy(RetryPolicyPlan),
}

/// `retries` as a map; what is `None` is not written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetryPolicyPlan {
    /// Attempts after the first.
    pub max: u16,
    /// Seconds.
    pub delay: Option<u64>,
    /// `exponential` or `fixed`.
    pub exponential: Option<bool>,
    /// Seconds, at least the delay.
    pub max_delay: Option<u64>,
    /// Whether the pause is drawn.
    pub jitter: Option<bool>,
    /// The categories that are retried; empty is not written.
    pub on: Vec<Category>,
}

/// What a task is given, by the style it is written in.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// Nothing.
    None,
    /// `inputs`, with `input_type` when `typed`.
    Strict {
        /// Whether the types are stated.
        typed: bool,
        /// The bindings.
        binds: Vec<Bind>,
    },
    /// `input` with templates.
    Planned(Vec<Bind>),
}

impl Inputs {
    /// The bindings of either style.
    pub fn binds(&self) -> &[Bind] {
        match self {
            Self::None => &[],
            Self::Strict { binds, .. } | Self::Planned(binds) => binds,
        }
    }

    /// The bindings of either style, to be changed.
    pub fn binds_mut(&mut self) -> Option<&mut Vec<Bind>> {
        match self {
            Self::None => None,
            Self::Strict { binds, .. } | Self::Planned(binds) => Some(binds),
        }
    }
}

/// A key of a task that changes nothing about how it goes in the simulated world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskExtra {
    /// `description`
    Description,
    /// `resources`
    Resources,
    /// `image`
    Image,
    /// `worker`
    Worker,
    /// `config_file`
    ConfigFile,
    /// `estimated_duration`
    EstimatedDuration,
    /// `secrets`
    Secrets,
}
