//! Which runs this process executes, and taking over those of a process that died.

use ork_core::ids::RunId;
use ork_core::run::{Event, Header, RunStatus};
use ork_engine::{EngineError, EngineErrorKind};

use super::open::{Embedded, run_dir};

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

    /// Owns a run and knows its folder.
    pub(super) async fn adopt(&self, header: &Header) -> Result<(), EngineError> {
        if !self.world().executor.has_dir(&header.workflow) {
            let known = self
                .engine
                .workflows()
                .await?
                .into_iter()
                .find(|document| document.name == header.workflow);
            if let Some(source) = known.and_then(|document| document.source) {
                self.world().executor.set_dir(
                    header.workflow.clone(),
                    run_dir(std::path::Path::new(&source)),
                );
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
