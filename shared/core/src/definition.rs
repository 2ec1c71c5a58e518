//! What a workflow is, after its file has been read and found right. All three styles of file end here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::ids::{PoolName, TaskName, VersionHash, WorkflowName};
use crate::limits;
use crate::time::Millis;
use crate::types::Type;

/// The version of this encoding; a definition with a higher one was written by a newer Ork.
pub const DEFINITION_FORMAT: u32 = 1;

/// The position of a task in [`Workflow::tasks`].
pub type TaskIndex = u32;

/// One version of a workflow: checked, resolved, immutable. Its JSON is what a store keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Encoding version, [`DEFINITION_FORMAT`] when written by this code.
    pub format: u32,
    /// Unique name.
    pub name: WorkflowName,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which style of file it came from; decides some defaults.
    pub style: Style,
    /// When it runs by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
    /// What else starts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<EventTrigger>,
    /// Inputs of a run, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Param>,
    /// Type aliases, fully resolved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, Type>,
    /// Other projects whose tasks join this workflow (dbt).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// The tasks, in the order of the file. `depends_on` holds positions in this list.
    pub tasks: Vec<Task>,
    /// Span from a run's start to when it is failed with everything in flight stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Millis>,
    /// Runs of this workflow that may be active together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_runs: Option<u32>,
    /// How often one run may be recovered.
    pub max_recovery_attempts: u32,
    /// The code that belongs to this version, by the hash of its bundle (see [`crate::names::ObjectName::Bundle`]). Without one, tasks
    /// run in the folder of the workflow's file, or whatever folder their worker brings along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<VersionHash>,
}

impl Workflow {
    /// The canonical bytes: what is stored and hashed.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a definition holds only string keys and finite numbers")
    }
    /// Reads what [`Workflow::encode`] wrote. Keys this code does not know are ignored here; the stored bytes keep them.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let found: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("the stored definition cannot be read: {error}"))?;
        if found.format > DEFINITION_FORMAT {
            return Err(format!(
                "the stored definition has format {}, this Ork reads up to {DEFINITION_FORMAT}: use a newer Ork",
                found.format
            ));
        }
        if !found.edges_lead_forward() {
            return Err("the stored definition is damaged: a task depends on one that is not there, or on itself".into());
        }
        Ok(found)
    }
    /// Whether every `depends_on` names a task and none leads round: what a graph takes for granted.
    fn edges_lead_forward(&self) -> bool {
        let mut dependents = vec![Vec::new(); self.tasks.len()];
        let mut unmet = Vec::with_capacity(self.tasks.len());
        for (at, task) in self.tasks.iter().enumerate() {
            unmet.push(task.depends_on.len());
            for &upstream in &task.depends_on {
                match dependents.get_mut(upstream as usize) {
                    Some(below) => below.push(at),
                    None => return false,
                }
            }
        }
        let mut ready: Vec<usize> = (0..unmet.len()).filter(|&at| unmet[at] == 0).collect();
        let mut reached = 0;
        while let Some(at) = ready.pop() {
            reached += 1;
            for &below in &dependents[at] {
                unmet[below] -= 1;
                if unmet[below] == 0 {
                    ready.push(below);
                }
            }
        }
        reached == unmet.len()
    }
    /// The content hash of this version.
    pub fn version(&self) -> VersionHash {
        VersionHash::of(&self.encode())
    }
    /// The position of the task called `name`.
    pub fn task_index(&self, name: &str) -> Option<TaskIndex> {
        self.tasks
            .iter()
            .position(|task| task.name.as_str() == name)
            .and_then(|at| u32::try_from(at).ok())
    }
}

/// The style of file a workflow was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Typed tasks with `inputs:` bindings.
    Strict,
    /// Free `input:` with templates.
    Planned,
    /// A `.workflow` file of `fun` blocks.
    Fun,
}

/// A typed input of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// What it must be.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Its value when the starter gives none; `None` makes it required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<ParamDefault>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The default of a param.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamDefault {
    /// Always this value.
    Value(Value),
    /// Rendered when the run starts; sees `slot` and `run` only.
    Template(Expression),
}

/// One schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Five unix-cron fields or a macro such as `@daily`, as written.
    pub cron: String,
    /// IANA name.
    pub timezone: String,
    /// Whether it fires.
    pub enabled: bool,
    /// What happens to slots that were missed.
    pub catchup: Catchup,
    /// What happens when the previous run is still going.
    pub overlap: Overlap,
}

/// What happens to slots that passed while nobody looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Catchup {
    /// Missed slots are dropped.
    None,
    /// Only the latest missed slot runs.
    #[default]
    Latest,
    /// Every missed slot runs, oldest first.
    All,
}

/// What a due slot does while a run of the same workflow is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Starts beside it.
    #[default]
    Allow,
    /// Is dropped.
    Skip,
    /// Waits for it.
    Queue,
    /// Cancels it and starts.
    Cancel,
}

/// A start that is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventTrigger {
    /// An object appeared.
    Object {
        /// Bucket name.
        bucket: String,
        /// Start of the object's name.
        prefix: String,
        /// End of the object's name.
        suffix: String,
    },
    /// A message arrived.
    Message {
        /// Topic name.
        topic: String,
    },
    /// A run of another workflow ended.
    Workflow {
        /// The other workflow.
        name: WorkflowName,
        /// The statuses that count.
        status: Vec<crate::run::RunStatus>,
    },
}

/// A project whose tasks join the workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Import {
    /// A dbt project: folder and model selectors.
    Dbt {
        /// Folder, relative to the workflow file.
        path: String,
        /// Selectors; empty takes all.
        models: Vec<String>,
    },
}

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Unique in the workflow.
    pub name: TaskName,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What runs it.
    pub executor: Executor,
    /// The tasks that must end first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskIndex>,
    /// How the ends of `depends_on` decide whether it runs.
    #[serde(default)]
    pub trigger: TriggerRule,
    /// Skips the task when it evaluates to false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// A fixed or computed number of instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<Count>,
    /// One instance per item of this list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreach: Option<Reference>,
    /// Items of `foreach` per instance; `item` is then a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// How many instances may fail before the task does.
    #[serde(default, skip_serializing_if = "Tolerate::is_none")]
    pub tolerate: Tolerate,
    /// Instances in flight at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// What happens after a failed attempt.
    pub retries: RetryPolicy,
    /// Start to end of an attempt.
    pub timeout: Millis,
    /// Claim to start of an attempt.
    pub start_timeout: Millis,
    /// Silence of a remote worker before it counts as lost.
    pub heartbeat_timeout: Millis,
    /// Places shared with other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// Higher goes first among ready tasks.
    #[serde(default)]
    pub priority: i32,
    /// Which workers take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Named values handed to the task, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// The type of `inputs` as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_type: Option<Type>,
    /// The type of what one instance returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_type: Option<Type>,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, Binding)>,
    /// Secrets mounted as files or variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretMount>,
    /// Cores and memory.
    #[serde(default)]
    pub resources: Resources,
    /// Container image, where the executor wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Worker profile from `ork.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Extra settings file of a custom executor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_file: Option<String>,
    /// What its author expects it to take; feeds the ETA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<Millis>,
}

impl Task {
    /// How long after a claim to see whether the attempt has begun: often enough that its start is found out before it is given up, and that
    /// a worker that dies before its start was heard of is not missed much later than one that dies after.
    pub fn claim_lease(&self) -> Millis {
        let quarter = Millis(self.start_timeout.0 / 4);
        quarter
            .min(self.heartbeat_timeout)
            .clamp(Millis::from_secs(1), limits::CLAIM_LEASE)
    }
    /// Whether it may have other than one instance.
    pub fn fans_out(&self) -> bool {
        self.parallel.is_some() || self.foreach.is_some()
    }
    /// Whether its instances or its being run at all depend on values that must be loaded first.
    pub fn needs_resolving(&self) -> bool {
        self.when.is_some()
            || self.foreach.is_some()
            || matches!(self.parallel, Some(Count::Ref(_)))
    }
}

/// One named input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The argument's name.
    pub name: String,
    /// Where its value comes from.
    pub value: Binding,
}

/// What runs a task's attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Executor {
    /// Nothing: the task is done as soon as it is ready.
    Marker,
    /// A Python function.
    Python {
        /// File or module.
        source: PythonSource,
        /// Function in it.
        function: String,
        /// Fresh process per attempt, or one that serves many.
        isolation: Isolation,
        /// Import the module once, before forking.
        preload: bool,
    },
    /// A command.
    Process {
        /// What to run.
        command: CommandLine,
    },
    /// A stand-alone Python script: the body of a `fun` block. Its standard output is its output.
    Script {
        /// The dedented body.
        body: String,
        /// First line of the body in the file, from 1, for tracebacks.
        line: u32,
    },
    /// A shared object with Ork's C entry point.
    Library {
        /// Path of the object.
        file: String,
        /// Which task in it.
        function: String,
    },
    /// Another workflow, run and awaited. Its params are the task's inputs.
    Workflow {
        /// The other workflow.
        name: WorkflowName,
    },
    /// A Cloud Run job.
    CloudRun {
        /// An existing job, or none when `image` is given.
        job: Option<String>,
        /// Overrides the image's command.
        command: Option<CommandLine>,
    },
    /// A worker service that is asked over HTTP.
    Service {
        /// File or module the service knows.
        source: Option<PythonSource>,
        /// Function in it.
        function: Option<String>,
    },
    /// A container here.
    Docker {
        /// Overrides the image's command.
        command: Option<CommandLine>,
    },
    /// A Kubernetes Job.
    Kubernetes {
        /// Overrides the image's command.
        command: Option<CommandLine>,
    },
    /// A plain HTTP request.
    Http {
        /// GET, POST, …
        method: String,
        /// Template.
        url: Expression,
        /// Templates.
        headers: Vec<(String, Expression)>,
        /// Sent as JSON.
        body: Option<Binding>,
    },
    /// dbt models.
    Dbt {
        /// Project folder.
        project: String,
        /// Selectors.
        models: Vec<String>,
    },
    /// An executor declared in `ork.yaml`; its command is found there.
    Custom {
        /// Its name.
        name: String,
        /// Keys of the task that the custom executor may read.
        options: BTreeMap<String, Value>,
    },
}

impl Executor {
    /// The word a file uses for it.
    pub fn word(&self) -> &str {
        match self {
            Self::Marker => "marker",
            Self::Python { .. } => "python",
            Self::Process { .. } => "process",
            Self::Script { .. } => "fun",
            Self::Library { .. } => "library",
            Self::Workflow { .. } => "workflow",
            Self::CloudRun { .. } => "cloudrun",
            Self::Service { .. } => "service",
            Self::Docker { .. } => "docker",
            Self::Kubernetes { .. } => "kubernetes",
            Self::Http { .. } => "http",
            Self::Dbt { .. } => "dbt",
            Self::Custom { name, .. } => name,
        }
    }
}

/// Where a Python function lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PythonSource {
    /// A file, relative to the workflow file.
    File(String),
    /// An importable module.
    Module(String),
}

/// Whether attempts of a Python task share a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Each attempt has a process of its own.
    #[default]
    Process,
    /// A process serves many attempts of the workflow's tasks, one at a time.
    Reuse,
}

/// How a command was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandLine {
    /// One string, as a shell reads it; may hold templates.
    Shell(Expression),
    /// Program and arguments; each may hold templates.
    Argv(Vec<Expression>),
    /// A script beside the workflow file.
    File(String),
}

/// When a task runs, seen from the ends of its upstreams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// Every upstream succeeded.
    #[default]
    AllSuccess,
    /// Every upstream ended, however.
    AllDone,
    /// At least one upstream succeeded; does not wait for the others.
    OneSuccess,
    /// At least one upstream failed; does not wait for the others.
    OneFailed,
    /// Every upstream ended and none failed.
    NoneFailed,
    /// As `all_done`, under the name GitHub Actions uses.
    Always,
}

/// A number of instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// Known from the file.
    Fixed(u32),
    /// An integer computed upstream.
    Ref(Reference),
}

/// How many instances may fail while the task still succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerate {
    /// None.
    #[default]
    None,
    /// Up to this many.
    Count(u32),
    /// Up to this share, in hundredths of a percent (5% is 500).
    BasisPoints(u32),
}

impl Tolerate {
    /// Whether it is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
    /// How many of `total` instances may fail, rounded down.
    pub fn allowed(&self, total: u32) -> u32 {
        match *self {
            Self::None => 0,
            Self::Count(n) => n,
            Self::BasisPoints(bp) => {
                u32::try_from(u64::from(total) * u64::from(bp) / 10_000).unwrap_or(u32::MAX)
            }
        }
    }
}

/// What happens after a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max: u16,
    /// Pause before the first retry.
    pub delay: Millis,
    /// How the pause grows.
    pub backoff: Backoff,
    /// Cap of a growing pause.
    pub max_delay: Millis,
    /// Draw the pause evenly from zero to itself (full jitter).
    pub jitter: bool,
    /// The categories that are retried; empty means all but permanent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<crate::run::Category>,
}

/// How a retry's pause grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Stays the same.
    Fixed,
    /// Doubles.
    #[default]
    Exponential,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// Written in the file.
    Const(Value),
    /// Somebody's output, a param, the item.
    Ref(Reference),
    /// Computed.
    Expr(Expression),
    /// Data whose strings hold `{{ }}`: a string that is one whole template keeps its type.
    Template(TemplateValue),
    /// A secret by name; its value is never part of a document.
    Secret(SecretRef),
}

/// Data with templates in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateValue {
    /// The data as written.
    pub value: Value,
    /// Everything its templates refer to.
    pub references: Vec<Reference>,
}

/// An expression or a text with `{{ }}`, checked to compile, with everything it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expression {
    /// As written.
    pub source: String,
    /// What must be loaded to evaluate it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
}

/// A path to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// Where the path starts.
    pub root: Root,
    /// Fields and list positions below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Segment>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// A field of an object.
    Field(String),
    /// A position in a list, from 0.
    Index(u32),
}

/// Where a path starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Root {
    /// `tasks.<task>.output`.
    Output(TaskIndex),
    /// `tasks.<task>.status`.
    Status(TaskIndex),
    /// `params.<name>`.
    Param(String),
    /// `run.<field>`: id, slot, workflow, version, attempt, recovery_attempts.
    Run(String),
    /// `item`, `item.<field>` of the instance's foreach item.
    Item,
    /// `item.index`: the position of the instance.
    ItemIndex,
}

/// A secret by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// `projects/P/secrets/S/versions/V`, or locally the name of an environment variable.
    pub name: String,
}

/// A secret handed to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMount {
    /// The variable's or file's name.
    pub name: String,
    /// Which secret.
    pub secret: SecretRef,
    /// Where the file goes; a variable when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Cores and memory of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// Thousandths of a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u32>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}
