//! Which runs are to go, and what came of it.

use ork_core::ids::{RunId, WorkflowName};
use ork_core::retention::Retention;
use ork_core::run::{Header, RunStatus};
use ork_core::time::{Millis, Time};

/// Which runs are to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prune {
    /// How long after its end a run is kept.
    pub retention: Retention,
    /// Only runs of this workflow, and their sub-workflows.
    pub workflow: Option<WorkflowName>,
    /// Only runs that ended so; all when empty.
    pub states: Vec<RunStatus>,
    /// Nothing is changed; only what would go is told.
    pub dry_run: bool,
}

impl Prune {
    /// How long a run that ended so is kept; `None`: it does not go.
    fn kept_for(&self, status: RunStatus) -> Option<Millis> {
        let wanted = self.states.is_empty() || self.states.contains(&status);
        self.retention.of(status).filter(|_| wanted)
    }
    /// The shortest of them: whatever is made later stays.
    pub(super) fn shortest(&self) -> Option<Millis> {
        let all = RunStatus::ALL.iter().filter_map(|one| self.kept_for(*one));
        all.min()
    }
    /// The instant up to which a run must have ended to go.
    fn ended_by(&self, status: RunStatus, now: Time) -> Option<Time> {
        let span = i64::try_from(self.kept_for(status)?.0).unwrap_or(i64::MAX);
        Some(Time(now.0.saturating_sub(span)))
    }
    /// The same, if this run is among those.
    pub(super) fn takes(&self, header: &Header, now: Time) -> Option<Time> {
        let by = self.ended_by(header.status, now)?;
        (header.removing || header.finished_at.is_some_and(|at| at <= by)).then_some(by)
    }
}

/// Where the next call goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneFrom {
    pub(super) page: Option<String>,
    /// What is half removed was looked for.
    pub(super) begun: bool,
}

/// A run that went, or would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunedRun {
    /// Its id.
    pub run: RunId,
    /// Of which workflow.
    pub workflow: WorkflowName,
    /// How it ended.
    pub status: RunStatus,
    /// When.
    pub ended_at: Option<Time>,
    /// Objects of it that went in this call, or would go.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether nothing of it is left. If not, the next call goes on with it.
    pub gone: bool,
}

/// A run that is old enough and stays all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRun {
    /// Which, as it is stored.
    pub run: String,
    /// Why.
    pub why: String,
}

/// What a call of [`Engine::prune`] did.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Runs that went, in whole or in part; parents before their sub-workflows.
    pub runs: Vec<PrunedRun>,
    /// Runs that stay.
    pub kept: Vec<KeptRun>,
    /// Where to go on; `None` when nothing is left to be looked at.
    pub next: Option<PruneFrom>,
}
