//! What starts a workflow: schedules, other events; and what joins it from elsewhere.

use serde::{Deserialize, Serialize};

use crate::ids::WorkflowName;

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
