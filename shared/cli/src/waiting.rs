//! Says what a run that did not get a place waits for.

use ork_core::ids::RunId;
use ork_core::run::Header;
use ork_engine::WorkflowDocument;

use crate::failure::Failure;
use crate::output::Output;
use crate::site::Site;

/// Runs that are named.
const NAMED: usize = 3;

/// Names the runs that hold the places of `run`'s workflow, and what to do about those nobody executes.
pub(crate) async fn explain(site: &Site, run: &RunId, out: &Output) -> Result<(), Failure> {
    let view = site.view(run).await?;
    let Some(document) = workflow_of(site, &view.header).await? else {
        return Ok(());
    };
    out.say(&format!(
        "it waits for a place: {} of {} are active (max_active_runs)",
        document.active.len(),
        document.name
    ));
    for line in held_by(site, &document).await? {
        out.say(&format!("  {line}"));
    }
    Ok(())
}

/// The runs that hold the places that a pending run waits for, a line each; none when it waits for no place.
pub(crate) async fn holders(site: &Site, header: &Header) -> Result<Vec<String>, Failure> {
    match workflow_of(site, header).await? {
        Some(document) if document.queued.contains(&header.id) => held_by(site, &document).await,
        _ => Ok(Vec::new()),
    }
}

async fn workflow_of(site: &Site, header: &Header) -> Result<Option<WorkflowDocument>, Failure> {
    let mut known = site.workflows().await?.into_iter();
    Ok(known.find(|document| document.name == header.workflow))
}

async fn held_by(site: &Site, document: &WorkflowDocument) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for active in document.active.iter().take(NAMED) {
        let header = site.view(active).await?.header;
        lines.push(match site.other_owner(&header)? {
            Some(pid) => format!("{active}, executed by process {pid}"),
            None if site.is_remote() => active.to_string(),
            None => format!(
                "{active}, which nobody executes: `ork run resume {active}` goes on with it, `ork run cancel {active}` ends it"
            ),
        });
    }
    if document.active.len() > NAMED {
        lines.push(format!("… and {} more", document.active.len() - NAMED));
    }
    Ok(lines)
}
