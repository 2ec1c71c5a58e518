//! Says what a run that did not get a place waits for.

use ork_core::ids::RunId;

use crate::failure::Failure;
use crate::output::Output;
use crate::site::Site;

/// Runs that are named.
const NAMED: usize = 3;

/// Names the runs that hold the places of `run`'s workflow, and what to do about those nobody executes.
pub(crate) async fn explain(site: &Site, run: &RunId, out: &Output) -> Result<(), Failure> {
    let view = site.view(run).await?;
    let known = site.workflows().await?;
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
        let header = site.view(active).await?.header;
        out.say(&match site.other_owner(&header)? {
            Some(pid) => format!("  {active}, executed by process {pid}"),
            None if site.is_project() => format!("  {active}"),
            None => format!("  {active}, which nobody executes: `ork run resume {active}` goes on with it, `ork run cancel {active}` ends it"),
        });
    }
    if document.active.len() > NAMED {
        out.say(&format!("  … and {} more", document.active.len() - NAMED));
    }
    Ok(())
}
