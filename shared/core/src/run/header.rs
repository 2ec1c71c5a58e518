//! The part of a run that is about the run as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LateLooks, Notice, RunStatus};
use crate::Value;
use crate::ids::{RunId, TaskName, VersionHash, WorkflowName};
use crate::time::Time;
use crate::usage::UsageByFunction;

/// What made a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunTrigger {
    /// A person or program.
    Manual,
    /// A schedule's slot.
    Schedule,
    /// An event (object, message, another workflow's end), in words.
    Event(String),
    /// A task of another run.
    Parent,
}

/// The task instance that waits for this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentRef {
    /// Its run.
    pub run: RunId,
    /// Its task's position.
    pub task: u32,
    /// Its index.
    pub index: u32,
    /// Its attempt.
    pub attempt: u32,
}

/// The task by whose failure a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTask {
    /// Its name.
    pub task: TaskName,
    /// What happened to the first of its instances that failed, at most [`crate::limits::FAILED_BYTES`].
    pub why: String,
}

/// A run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Unique.
    pub id: RunId,
    /// What it runs.
    pub workflow: WorkflowName,
    /// The version it is pinned to from start to end.
    pub version: VersionHash,
    /// Where it stands.
    pub status: RunStatus,
    /// What made it.
    pub trigger: RunTrigger,
    /// The instant it was due, when a schedule made it; else when it was made.
    pub slot: Time,
    /// Its inputs by name, defaults filled in, types checked.
    pub params: serde_json::Map<String, Value>,
    /// Who waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRef>,
    /// How many runs are above it.
    #[serde(default)]
    pub depth: u32,
    /// Only these tasks run (`--task`), by position; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<u32>,
    /// When it was made.
    pub created_at: Time,
    /// When it left pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// When it is failed if it has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Time>,
    /// Seed of the jitter of its retries.
    pub seed: u64,
    /// Whether it is at work again after a recover.
    #[serde(default)]
    pub recovering: bool,
    /// How often it was recovered.
    #[serde(default)]
    pub recovery_attempts: u32,
    /// Why it failed or was cancelled, when that is not a task's doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The engine process whose children its attempts are (embedded engine); attempts die with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Raised at every commit, so that a commit whose answer was lost can be recognised.
    #[serde(default)]
    pub commits: u64,
    /// What it used of what costs money, as of its last commit: what followed from that is not in it. Empty on a laptop.
    #[serde(default, skip_serializing_if = "UsageByFunction::is_empty")]
    pub usage: UsageByFunction,
    /// Who started it, where somebody did and it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    /// Who cancelled it last, until it is at work again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
    /// When to look for what workers said after their attempts had been ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<LateLooks>,
    /// Whoever made the last commit may not write objects: outputs and word for workers are left to the next look.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub objects_owed: bool,
    /// The first task that failed, upstreams first, when that is why the run failed; until it is at work again. Runs that failed under an
    /// older Ork have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedTask>,
    /// What it has told, and what it has to tell yet: settled ones are kept to be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// How often it has ended, where its workflow tells anybody of that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ends: u32,
    /// Whether it has failed since it last ended well, where its workflow tells anybody of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed_before: bool,
    /// It is being removed: its objects go first, and it with them once none is left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removing: bool,
    /// What a newer Ork wrote and this one keeps.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Why a run with jobs that are to be stopped cannot go yet.
pub const TO_BE_STOPPED: &str = "jobs that it handed over to are still to be stopped";

impl Header {
    /// Why a run that has ended cannot go yet, as far as its header says. What [is to be stopped](TO_BE_STOPPED) stands with its instances.
    pub fn left_to_do(&self) -> Option<String> {
        if self.notices.iter().any(|one| one.next_at().is_some()) {
            return Some("somebody is still to be told how it ended".to_owned());
        }
        let until = self.late?.until;
        Some(format!(
            "what its workers say of their jobs is looked for until {until}"
        ))
    }

    /// A pending run of `version` of `workflow`, made by hand at `now`, with nothing else known of it.
    pub fn new(id: RunId, workflow: WorkflowName, version: VersionHash, now: Time) -> Self {
        Self {
            id,
            workflow,
            version,
            status: RunStatus::Pending,
            trigger: RunTrigger::Manual,
            slot: now,
            params: serde_json::Map::new(),
            parent: None,
            depth: 0,
            only: Vec::new(),
            created_at: now,
            started_at: None,
            finished_at: None,
            deadline_at: None,
            seed: 0,
            recovering: false,
            recovery_attempts: 0,
            error: None,
            owner: None,
            commits: 0,
            usage: UsageByFunction::default(),
            started_by: None,
            cancelled_by: None,
            late: None,
            objects_owed: false,
            failed: None,
            notices: Vec::new(),
            ends: 0,
            failed_before: false,
            removing: false,
            extra: BTreeMap::new(),
        }
    }
    /// Whether the run was asked for this task.
    pub fn asks_for(&self, task: u32) -> bool {
        self.only.is_empty() || self.only.contains(&task)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
