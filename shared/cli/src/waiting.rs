//! Says what a run that did not get a place waits for.

use ork_core::ids::RunId;
use ork_local::Embedded;

use crate::engine::{self, failure};
use crate::failure::Failure;
use crate::output::Output;

/// Runs that are named.
const NAMED: usize = 3;

/// Names the runs that hold the places of `run`'s workflow, and what to do about those nobody executes.
pub(crate) async fn explain(embedded: &Embedded, run: &RunId, out: &Output) -> Result<(), Failure> {
    let view = engine::view(embedded, run).await?;
    let known = embedded.workflows().await.map_err(failure)?;
    let Some(document) = known
        .into_iter()
        .find(|document| document.name == view.header.workflow)
    else {
        return Ok(());
    };
    out.say(&format!(
        "it waits for a place: {} of {} are active (max_active_runs)",
        document.active.len(),
        document.name
    ));
    for active in document.active.iter().take(NAMED) {
        let header = engine::view(embedded, active).await?.header;
        out.say(&match embedded.other_owner(&header).map_err(failure)? {
            Some(pid) => format!("  {active}, executed by process {pid}"),
            None => format!("  {active}, which nobody executes: `ork run resume {active}` goes on with it, `ork run cancel {active}` ends it"),
        });
    }
    if document.active.len() > NAMED {
        out.say(&format!("  … and {} more", document.active.len() - NAMED));
    }
    Ok(())
}
