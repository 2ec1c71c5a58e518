//! What a workflow is, after its file has been read and found right. All three styles of file end here.

mod binding;
mod executor;
mod notification;
mod rules;
mod schedule;
mod task;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::ids::{VersionHash, WorkflowName};
use crate::time::Millis;
use crate::types::Type;

pub use binding::{
    Binding, Expression, Reference, Root, SecretMount, SecretRef, Segment, TemplateValue,
};
pub use executor::{CommandLine, Executor, Isolation, Operator, PythonSource};
pub use notification::{Notification, Occasion, Place, Receiver};
pub use rules::{Backoff, Count, RetryPolicy, Tolerate, TriggerRule};
pub use schedule::{Catchup, EventTrigger, Import, Overlap, Schedule};
pub use task::{Input, Resources, Task};

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
    /// Whom its runs tell of themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<Notification>,
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
