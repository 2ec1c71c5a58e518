//! A run as people name it: its id, the beginning of one, or `latest`.

use ork_core::ids::RunId;
use ork_core::run::Header;

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
                newest = Some(header.id);
            }
            newest.is_none()
        })
        .await?;
        return newest.ok_or_else(|| {
            let makes = match site.is_project() {
                true => "run start WORKFLOW",
                false => "execute FILE",
            };
            Failure::new(format!("there are no runs {} yet", site.here()))
                .hint(format!("`ork {makes}` makes one; {}", site.elsewhere()))
        });
    }
    let id = RunId::new(text).map_err(|error| Failure::new(error.to_string()))?;
    // Asked for by its whole name, a project need not list all it has.
    if site.is_project() && site.has(&id).await? {
        return Ok(id);
    }
    let mut like: Vec<Header> = Vec::new();
    let mut exact = false;
    site.all_runs(None, None, usize::MAX, |header| {
        exact |= header.id == id;
        if header.id.as_str().starts_with(text) {
            like.push(header);
        }
        !exact
    })
    .await?;
    if exact {
        return Ok(id);
    }
    match like.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(
            Failure::new(format!("there is no run `{text}` {}", site.here())).hint(format!(
                "`ork run list` shows the runs; {}",
                site.elsewhere()
            )),
        ),
        many => {
            let some: Vec<&str> = many.iter().take(5).map(|run| run.id.as_str()).collect();
            let more = if many.len() > some.len() { ", …" } else { "" };
            Err(Failure::new(format!(
                "`{text}` is the beginning of {} runs: {}{more}",
                many.len(),
                some.join(", ")
            )))
        }
    }
}
