//! Runs of a site: started, looked at, changed, listed.

use ork_core::Value;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::run::{Command, RunStatus};
use ork_engine::report::{CostReport, RunSummary};
use ork_engine::why::Explanation;
use ork_engine::{BackfillReport, EngineError, EngineErrorKind, RunView, SlotRange, Started};
use ork_local::StartRun;

use super::Site;
use crate::engine::failure;
use crate::failure::Failure;
use crate::user;

/// Runs asked for at once.
const PAGE: usize = 500;

impl Site {
    /// Starts a run.
    pub(crate) async fn start(&self, wish: StartRun) -> Result<Started, Failure> {
        use_cases!(self, engine => Box::pin(engine.by(user::act()).start(wish)).await, server => server.start(wish).await)
            .map_err(failure)
    }

    /// The slots of a range, and which of them have runs.
    pub(crate) async fn slots_in(
        &self,
        name: &WorkflowName,
        range: SlotRange,
    ) -> Result<BackfillReport, Failure> {
        use_cases!(
            self,
            engine => engine.slots_in(name, range).await.map(|fill| BackfillReport::of(name, true, fill)),
            server => server.backfill(name, range, None).await
        )
        .map_err(failure)
    }

    /// Makes a run for every slot of a range that has none.
    pub(crate) async fn backfill(
        &self,
        name: &WorkflowName,
        range: SlotRange,
        params: &serde_json::Map<String, Value>,
    ) -> Result<BackfillReport, Failure> {
        use_cases!(
            self,
            engine => {
                let by = engine.by(user::act());
                let filled = Box::pin(by.backfill(name, range, params)).await;
                filled.map(|fill| BackfillReport::of(name, false, fill))
            },
            server => server.backfill(name, range, Some(params)).await
        )
        .map_err(failure)
    }

    /// Does something to a run.
    pub(crate) async fn command(&self, run: &RunId, command: Command) -> Result<RunView, Failure> {
        self.try_command(run, command).await.map_err(failure)
    }

    /// Does something to a run, for whoever can try again.
    pub(crate) async fn try_command(
        &self,
        run: &RunId,
        command: Command,
    ) -> Result<RunView, EngineError> {
        use_cases!(
            self,
            engine => Box::pin(engine.by(user::act()).command(run, command)).await.map(drop),
            server => server.command(run, command).await
        )?;
        self.try_view(run).await
    }

    /// A run as it stands.
    pub(crate) async fn view(&self, run: &RunId) -> Result<RunView, Failure> {
        self.try_view(run).await.map_err(failure)
    }

    /// A run as it stands, for whoever can try again.
    pub(crate) async fn try_view(&self, run: &RunId) -> Result<RunView, EngineError> {
        ask!(self, engine => engine.run(run).await, server => server.view(run).await)
    }

    /// Why a run does not go on.
    pub(crate) async fn explain(&self, view: &RunView) -> Result<Explanation, Failure> {
        use_cases!(self, engine => engine.explain(view).await, server => server.explain(&view.header.id).await)
            .map_err(failure)
    }

    /// Whether there is a run of this very name.
    pub(crate) async fn has(&self, run: &RunId) -> Result<bool, Failure> {
        match self.try_view(run).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(false),
            Err(error) => Err(failure(error)),
        }
    }

    /// What a run has cost so far; nothing where no prices are.
    pub(crate) async fn cost(&self, view: &RunView) -> Result<CostReport, Failure> {
        match self {
            Self::Folder(_) => Ok(CostReport::nothing(view)),
            Self::Project(remote) => Ok(CostReport::of(view, remote.prices_of(), |used| {
                remote.price(used)
            })),
            Self::Server(server) => server.cost(&view.header.id).await.map_err(failure),
        }
    }

    /// Goes through all runs, newest first, as long as `each` wants more.
    pub(crate) async fn all_runs(
        &self,
        status: Option<RunStatus>,
        workflow: Option<&WorkflowName>,
        most: usize,
        mut each: impl FnMut(RunSummary) -> bool,
    ) -> Result<(), Failure> {
        let only = match workflow {
            Some(_) => Vec::new(),
            None => self.limited_to().await.map_err(failure)?,
        };
        if only.is_empty() {
            return self.runs_of(status, workflow, most, each).await;
        }
        // Whoever is limited to some workflows is told of the runs of one at a time.
        let mut all: Vec<RunSummary> = Vec::new();
        for workflow in &only {
            let mut left = most;
            self.runs_of(status, Some(workflow), most, |run| {
                all.push(run);
                left -= 1;
                left > 0
            })
            .await?;
        }
        all.sort_by(|a, b| b.created_at.cmp(&a.created_at));
        all.into_iter().all(&mut each);
        Ok(())
    }

    async fn runs_of(
        &self,
        status: Option<RunStatus>,
        workflow: Option<&WorkflowName>,
        most: usize,
        mut each: impl FnMut(RunSummary) -> bool,
    ) -> Result<(), Failure> {
        let mut cursor: Option<String> = None;
        loop {
            let from = cursor.as_deref();
            let page = most.clamp(1, PAGE);
            let (runs, next) = ask!(
                self,
                engine => {
                    let found = engine.runs(status, workflow, from, page).await;
                    found.map(|(headers, next)| {
                        (headers.iter().map(RunSummary::of).collect::<Vec<_>>(), next)
                    })
                },
                server => server.runs(status, workflow, from, page).await
            )
            .map_err(failure)?;
            if !runs.into_iter().all(&mut each) || next.is_none() {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// The workflows to which whoever asks is limited; none for somebody who is limited to nothing.
    async fn limited_to(&self) -> Result<Vec<WorkflowName>, EngineError> {
        match self {
            Self::Folder(_) | Self::Project(_) => Ok(Vec::new()),
            Self::Server(server) => server.limited_to().await,
        }
    }
}
