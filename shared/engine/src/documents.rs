//! The documents that are not runs: a workflow's standing and a pool's places.

use std::collections::BTreeMap;

use ork_core::Value;
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::time::Time;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::EngineError;

/// The format of both.
const FORMAT: u32 = 1;

/// A workflow's standing: which version is current, what its schedules have fired, which runs count against its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowDocument {
    /// Encoding version.
    pub format: u32,
    /// Its name.
    pub name: WorkflowName,
    /// The version new runs are pinned to.
    pub current: VersionHash,
    /// Whether its schedules fire.
    pub enabled: bool,
    /// Where its files are (a folder here, a bundle in the cloud).
    pub source: Option<String>,
    /// When the current version was stored.
    pub deployed_at: Time,
    /// Per schedule of the current version: every slot up to this instant has been dealt with.
    pub cursors: Vec<Time>,
    /// Runs that hold a place, when places are counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub active: Vec<RunId>,
    /// Runs that wait for a place, first come first served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queued: Vec<RunId>,
    /// It was removed, and is kept only to count the runs that hold a place or wait for one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// What a newer Ork wrote and this one keeps.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl WorkflowDocument {
    /// Whether any run holds a place or waits for one.
    pub(crate) fn has_runs(&self) -> bool {
        !self.active.is_empty() || !self.queued.is_empty()
    }
    /// A workflow of which somebody elsewhere told: its schedules are that one's to look after.
    pub fn seen(name: WorkflowName, current: VersionHash, deployed_at: Time) -> Self {
        Self::new(name, current, deployed_at)
    }
    pub(crate) fn new(name: WorkflowName, current: VersionHash, now: Time) -> Self {
        Self {
            format: FORMAT,
            name,
            current,
            enabled: true,
            source: None,
            deployed_at: now,
            cursors: Vec::new(),
            active: Vec::new(),
            queued: Vec::new(),
            removed: false,
            extra: BTreeMap::new(),
        }
    }
}

/// A pool: places that tasks of all runs share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolDocument {
    /// Encoding version.
    pub format: u32,
    /// Places in all.
    pub size: u32,
    /// Places held, by run.
    pub held: BTreeMap<RunId, u32>,
    /// Runs that found it full, to be told when a place comes free.
    #[serde(default)]
    pub waiting: Vec<RunId>,
    /// What a newer Ork wrote and this one keeps.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl PoolDocument {
    pub(crate) fn new(size: u32) -> Self {
        Self {
            format: FORMAT,
            size,
            held: BTreeMap::new(),
            waiting: Vec::new(),
            extra: BTreeMap::new(),
        }
    }
    /// Places that runs other than `run` leave.
    pub(crate) fn free_for(&self, run: &RunId) -> u32 {
        let others: u32 = self
            .held
            .iter()
            .filter(|(holder, _)| *holder != run)
            .map(|(_, n)| n)
            .sum();
        self.size.saturating_sub(others)
    }
}

/// Writes either document.
pub(crate) fn encode<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).expect("documents hold only string keys and finite numbers")
}

/// Reads either document.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, EngineError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let damaged =
        |error: serde_json::Error| EngineError::corrupt(format!("{what} cannot be read: {error}"));
    let Format { format } = serde_json::from_slice(body).map_err(damaged)?;
    if format > FORMAT {
        return Err(EngineError::corrupt(format!(
            "{what} was written by a newer Ork (format {format}, this one reads up to {FORMAT})"
        )));
    }
    serde_json::from_slice(body).map_err(damaged)
}
