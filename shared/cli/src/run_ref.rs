//! A run as people name it: its id, the beginning of one, or `latest`.

use ork_core::ids::RunId;
use ork_engine::report::RunSummary;

use crate::failure::Failure;
use crate::site::Site;

/// Headers that the newest run is looked for among, at first.
const FEW: usize = 20;

/// Finds the one run that `text` names.
pub(crate) async fn find(site: &Site, text: &str) -> Result<RunId, Failure> {
    if text == "latest" {
        // Somebody started the newest run; the runs of its sub-workflows came by themselves.
        let mut newest = None;
        site.all_runs(None, None, FEW, |header| {
            if header.parent.is_none() {
                newest = Some(header.run_id);
            }
            newest.is_none()
        })
        .await?;
        let newest = newest.ok_or_else(|| {
            let makes = match site.is_remote() {
                true => "run start WORKFLOW",
                false => "execute FILE",
            };
            Failure::new(format!("there are no runs {} yet", site.here()))
                .hint(format!("`ork {makes}` makes one; {}", site.elsewhere()))
        })?;
        return run_id(&newest);
    }
    let id = RunId::new(text).map_err(|error| Failure::new(error.to_string()))?;
    // Asked for by its whole name, a project or server need not list all it has.
    if site.is_remote() && site.has(&id).await? {
        return Ok(id);
    }
    let mut like: Vec<RunSummary> = Vec::new();
    let mut exact = false;
    site.all_runs(None, None, usize::MAX, |header| {
        exact |= header.run_id == id.as_str();
        if header.run_id.starts_with(text) {
            like.push(header);
        }
        !exact
    })
    .await?;
    if exact {
        return Ok(id);
    }
    match like.as_slice() {
        [one] => run_id(&one.run_id),
        [] => Err(
            Failure::new(format!("there is no run `{text}` {}", site.here())).hint(format!(
                "`ork run list` shows the runs; {}",
                site.elsewhere()
            )),
        ),
        many => {
            let some: Vec<&str> = many.iter().take(5).map(|run| run.run_id.as_str()).collect();
            let more = if many.len() > some.len() { ", …" } else { "" };
            Err(Failure::new(format!(
                "`{text}` is the beginning of {} runs: {}{more}",
                many.len(),
                some.join(", ")
            )))
        }
    }
}

fn run_id(text: &str) -> Result<RunId, Failure> {
    RunId::new(text).map_err(|error| Failure::new(error.to_string()))
}
