//! Which runs this process executes, and taking over those of a process that died.

use ork_core::ids::{RunId, WorkflowName};
use ork_core::run::{Event, Header, RunStatus};
use ork_engine::{EngineError, EngineErrorKind};

use super::open::{Embedded, run_dir};
use crate::exec::RunDir;

/// The statuses of runs that have not ended.
const LIVE: [RunStatus; 4] = [
    RunStatus::Pending,
    RunStatus::Running,
    RunStatus::Paused,
    RunStatus::Recovering,
];

impl Embedded {
    /// Whether somebody else executes this run, and who.
    pub fn other_owner(&self, header: &Header) -> Result<Option<String>, EngineError> {
        let Some(owner) = header.owner.as_deref() else {
            return Ok(None);
        };
        if Some(owner) == self.engine.owner() {
            return Ok(None);
        }
        let alive = self
            .state
            .engine_is_alive(owner)
            .map_err(|error| EngineError::new(EngineErrorKind::Store, error.to_string()))?;
        Ok(alive.then(|| owner.split('-').next().unwrap_or(owner).to_owned()))
    }

    /// Makes this process the owner of a run: attempts of a dead owner are queued again, uncharged. A living owner keeps it.
    pub async fn resume(&mut self, run: &RunId) -> Result<(), EngineError> {
        let view = self.engine.run(run).await?;
        if let Some(pid) = self.other_owner(&view.header)? {
            return Err(EngineError::new(
                EngineErrorKind::Refused,
                format!(
                    "run {run} is being executed by process {pid}; stop that first, or watch it with `ork run status {run}`"
                ),
            ));
        }
        self.adopt(&view.header).await
    }

    /// A folder for the tasks of a workflow that came without one.
    fn folder_of_its_own(&self, workflow: &WorkflowName) -> Option<RunDir> {
        let folder = self.state.root().join("submitted").join(workflow.as_str());
        // Without it the attempts say that nobody knows their folder.
        std::fs::create_dir_all(&folder).ok()?;
        Some(RunDir::new(folder))
    }

    /// Owns a run and knows its folder.
    pub(super) async fn adopt(&self, header: &Header) -> Result<(), EngineError> {
        if !self.world().executor.has_dir(&header.workflow) {
            let known = self
                .engine
                .workflows()
                .await?
                .into_iter()
                .find(|document| document.name == header.workflow);
            let dir = match known.map(|document| document.source) {
                Some(Some(source)) => Some(run_dir(std::path::Path::new(&source))),
                // Handed in as a text: it has no files but those that its tasks make.
                Some(None) => self.folder_of_its_own(&header.workflow),
                None => None,
            };
            if let Some(dir) = dir {
                let executor = &self.world().executor;
                executor.set_dir(header.workflow.clone(), dir);
            }
        }
        if header.owner.as_deref() == self.engine.owner() || header.status.is_terminal() {
            return Ok(());
        }
        let new_owner = self.engine.owner().map(str::to_owned);
        self.engine
            .step(&header.id, vec![Event::OwnerLost { new_owner }], None)
            .await?;
        if header.owner.is_some() {
            self.engine.publish_outputs(&header.id).await?;
        }
        if header.status == RunStatus::Pending && !self.waits_for_a_place(header).await? {
            self.engine
                .step(&header.id, vec![Event::Start], None)
                .await?;
        }
        Ok(())
    }

    /// Whoever had the notices of a run that is over in hand is dead: there is nobody to wait for before they are sent.
    pub(super) async fn end_leases(&self, header: &Header) -> Result<(), EngineError> {
        if header.owner.as_deref() == self.engine.owner() {
            return Ok(());
        }
        let new_owner = self.engine.owner().map(str::to_owned);
        let lost = Event::OwnerLost { new_owner };
        self.engine.step(&header.id, vec![lost], None).await?;
        Ok(())
    }

    /// Whether a pending run stands in its workflow's queue.
    pub(super) async fn waits_for_a_place(&self, header: &Header) -> Result<bool, EngineError> {
        let known = self
            .engine
            .workflows()
            .await?
            .into_iter()
            .find(|document| document.name == header.workflow);
        Ok(known.is_some_and(|document| document.queued.contains(&header.id)))
    }

    /// Runs that have not ended and that nobody alive executes, this process's own included.
    pub(super) async fn ownerless(&self) -> Result<Vec<Header>, EngineError> {
        let mut found = Vec::new();
        for status in LIVE {
            let mut cursor = None;
            loop {
                let (headers, next) = self
                    .engine
                    .runs(Some(status), None, cursor.as_deref(), 200)
                    .await?;
                for header in headers {
                    if self.other_owner(&header)?.is_none() {
                        found.push(header);
                    }
                }
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }
}
