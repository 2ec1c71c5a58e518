//! What the state tells of how the deployment works: ticks, what is late, what was set aside.

use ork_engine::EngineError;

use super::{Finding, Project, Remote, STATE, standing};
use crate::doctor::State;
use crate::progress::now;

/// Runs that are counted when they are late, and of what was set aside.
const COUNTED: usize = 100;

impl Project {
    /// The use cases; why there are none is said once, by another check.
    async fn readable(&self) -> Result<&Remote, Finding> {
        self.remote().await.map_err(|told| match told.state {
            State::Failed => {
                Finding::unknown("the state cannot be read", "firestore.state says why")
            }
            _ => told,
        })
    }

    pub(super) async fn ticks(&self) -> Result<Finding, Finding> {
        let engine = self.readable().await?.engine();
        let ticks = soon(engine.last_ticks()).await?;
        let latest = ticks.first().map(|one| (one.at, one.errors));
        Ok(standing::ticks(latest, now()))
    }

    pub(super) async fn wakes(&self) -> Result<Finding, Finding> {
        let engine = self.readable().await?.engine();
        let late = soon(engine.overdue(COUNTED)).await?;
        let next = soon(engine.next_wake()).await?;
        let longest = next.as_ref().map(|(run, at)| (run.as_str(), *at));
        Ok(standing::wakes(longest, late.len(), now()))
    }

    pub(super) async fn set_aside(&self) -> Result<Finding, Finding> {
        let engine = self.readable().await?.engine();
        let (all, _) = soon(engine.set_aside_page(None, COUNTED)).await?;
        let why = all.first().map(|one| format!("{}: {}", one.key, one.why));
        Ok(standing::set_aside(all.len(), why.as_deref()))
    }
}

/// What the store answers in time.
async fn soon<T>(asked: impl Future<Output = Result<T, EngineError>>) -> Result<T, Finding> {
    let remedy = "firestore.state says more";
    match tokio::time::timeout(STATE, asked).await {
        Ok(Ok(told)) => Ok(told),
        Ok(Err(error)) => Err(Finding::unknown(error.message, remedy)),
        Err(_) => Err(Finding::unknown(
            format!("the state does not answer within {} s", STATE.as_secs()),
            remedy,
        )),
    }
}
