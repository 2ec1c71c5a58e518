//! One task: what runs it, after what, how often, with what.

use serde::{Deserialize, Serialize};

use super::{
    Binding, Count, Executor, Expression, Reference, RetryPolicy, SecretMount, TaskIndex, Tolerate,
    TriggerRule,
};
use crate::ids::{PoolName, TaskName};
use crate::limits;
use crate::time::Millis;
use crate::types::Type;

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
    /// Once more of them have failed than may, the others are ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_fast: bool,
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
