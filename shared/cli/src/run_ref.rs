//! A run as people name it: its id, the beginning of one, or `latest`.

use ork_core::ids::RunId;
use ork_core::run::Header;
use ork_local::Embedded;

use crate::engine::all_runs;
use crate::failure::Failure;

/// Finds the one run that `text` names.
pub(crate) async fn find(embedded: &Embedded, text: &str) -> Result<RunId, Failure> {
    if text == "latest" {
        // Somebody started the newest run; the runs of its sub-workflows came by themselves.
        let mut newest = None;
        all_runs(embedded, None, None, |header| {
            if header.parent.is_none() {
                newest = Some(header.id);
            }
            newest.is_none()
        })
        .await?;
        return newest.ok_or_else(|| {
            Failure::new("there are no runs in this state folder yet")
                .hint("`ork execute FILE` makes one; --state DIR looks elsewhere")
        });
    }
    let id = RunId::new(text).map_err(|error| Failure::new(error.to_string()))?;
    let mut like: Vec<Header> = Vec::new();
    let mut exact = false;
    all_runs(embedded, None, None, |header| {
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
            Failure::new(format!("there is no run `{text}` in this state folder"))
                .hint("`ork run list` shows the runs; --state DIR looks elsewhere"),
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
