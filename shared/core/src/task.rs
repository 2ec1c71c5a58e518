//! What an executor is handed for one attempt and what it hands back: `spec.json`, `status.json`, `result.json`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::deferred::shortest_poll_interval;
use crate::definition::Executor;
use crate::ids::{RunId, TaskName, VersionHash, WorkflowName};
use crate::names::{AttemptFile, ObjectName};
use crate::run::Category;
use crate::time::{Millis, Time};
use crate::usage::Usage;

/// The version of the three objects.
pub const TASK_FORMAT: u32 = 1;

/// Names one try of one instance; the fence tells a superseded claim of the same attempt from the live one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The run.
    pub run: RunId,
    /// The task's position in its workflow.
    pub task: u32,
    /// The instance's index within the task; 0 for a task that does not fan out.
    pub index: u32,
    /// From 1.
    pub attempt: u32,
    /// Raised at each claim.
    pub fence: u32,
}

/// Everything needed to run one attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskSpec {
    /// [`TASK_FORMAT`].
    pub format: u32,
    /// Which attempt.
    pub id: AttemptId,
    /// The task's name.
    pub task_name: TaskName,
    /// The workflow's name.
    pub workflow_name: WorkflowName,
    /// The version the run is pinned to.
    pub workflow_version: VersionHash,
    /// The bundle of that version's code, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<VersionHash>,
    /// What to run, templates already rendered (see `Executor`; every `Expression.source` is final text).
    pub executor: Executor,
    /// Arguments by name: a JSON object.
    pub input: Arc<RawValue>,
    /// Arguments that are secrets: the executor adds their values to `input` at the last moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_secrets: Vec<(String, crate::definition::SecretRef)>,
    /// Outputs of the direct upstreams by task name: a JSON object; null where an upstream gave none.
    pub upstream: Arc<RawValue>,
    /// For `fun` tasks: file name (the argument) and the upstream text it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<(String, Arc<str>)>,
    /// Environment variables of the task, rendered. Secrets are not among them.
    pub env: Vec<(String, String)>,
    /// Secrets by name; the executor looks their values up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<crate::definition::SecretMount>,
    /// Position of the instance among `parallel_count`.
    pub parallel_index: u32,
    /// Number of instances.
    pub parallel_count: u32,
    /// Start to end.
    pub timeout: Millis,
    /// How far apart a remote worker's heartbeats are.
    pub heartbeat: Millis,
    /// Bytes of memory, when limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The profile of the workers that take it, when the task names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// The topic of the workers that take it, when the task names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Whether the task fans out (decides how its objects are named).
    pub fans_out: bool,
    /// When the attempt was claimed.
    pub created_at: Time,
    /// The span of the attempt as a `traceparent` (W3C's Trace Context), where somebody records spans: it becomes the task's `TRACEPARENT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl TaskSpec {
    /// The name of one of the attempt's objects.
    pub fn object(&self, file: AttemptFile) -> ObjectName {
        ObjectName::Attempt {
            run: self.id.run.clone(),
            task: self.task_name.clone(),
            index: self.fans_out.then_some(self.id.index),
            attempt: self.id.attempt,
            file,
        }
    }
}

/// How an attempt ended, as its worker or the reaper says. Final once written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Verdict {
    /// It returned; `output` is JSON text (`null` when it returned nothing).
    Success {
        /// JSON text.
        output: Output,
    },
    /// It did not.
    Failed {
        /// Which kind of failure.
        category: Category,
        /// What happened, for people.
        message: String,
        /// The last lines of its log.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        log_tail: Vec<String>,
        /// Exit code, when a process ended by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
    /// It handed over to jobs outside; JSON text of the list.
    Deferred {
        /// JSON text of a list of jobs.
        jobs: Output,
        /// How many jobs.
        count: u32,
        /// The shortest pause between two questions that the list asks for, where the list itself lies in an object.
        #[serde(
            default,
            rename = "poll_every_ms",
            skip_serializing_if = "Option::is_none"
        )]
        every: Option<Millis>,
    },
}

impl Verdict {
    /// It handed over to jobs, of which `text` is the list and `jobs` where it is.
    pub fn deferred(jobs: Output, count: u32, text: &str) -> Self {
        let every = match jobs {
            Output::Inline(_) => None,
            Output::Object { .. } => shortest_poll_interval(text),
        };
        Self::Deferred { jobs, count, every }
    }
}

/// What a worker says of an attempt beside its verdict. It decides nothing but from when on the jobs of a deferral have their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// How long the attempt took, by the worker's own clock.
    #[serde(default, rename = "took_ms", skip_serializing_if = "Option::is_none")]
    pub took: Option<Millis>,
    /// What the attempt used of what costs money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Usage>,
}

/// JSON text kept with the state when small, as an object when not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The JSON text itself, at most [`crate::limits::INLINE_OUTPUT_BYTES`] once it is in a page.
    Inline(Arc<str>),
    /// In the attempt's `output.json`.
    Object {
        /// Its size.
        bytes: u64,
    },
}

impl Output {
    /// JSON `null`.
    pub fn null() -> Self {
        Self::Inline(Arc::from("null"))
    }
    /// Whether it is JSON `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Inline(text) if &**text == "null")
    }
}

/// What a remote worker overwrites while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// [`TASK_FORMAT`].
    pub format: u32,
    /// `running` until the end.
    pub status: String,
    /// Last sign of life.
    pub heartbeat: Time,
    /// When user code began.
    pub started_at: Time,
    /// What went wrong, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Keys a newer worker wrote.
    #[serde(flatten)]
    pub extra: BTreeMap<String, serde_json::Value>,
}

/// What a worker service tells dispatch: a verdict is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictWritten {
    /// The name of the verdict's object.
    pub verdict: String,
    /// The topic that the service is behind.
    pub topic: String,
}

/// What dispatch answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NextAttempt {
    /// What the service is to run next, if there is anything of the same run for it.
    pub next: Option<Box<TaskSpec>>,
}
