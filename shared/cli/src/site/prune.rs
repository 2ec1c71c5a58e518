//! Removing runs of a site, call by call.

use ork_engine::{Prune, PruneFrom, Pruned};

use super::Site;
use crate::engine::failure;
use crate::failure::Failure;
use crate::user;

impl Site {
    /// Removes runs until all are looked at; a run that goes in several calls is told of by each.
    pub(crate) async fn prune(&self, wish: &Prune) -> Result<Pruned, Failure> {
        let (mut all, mut from) = (Pruned::default(), PruneFrom::default());
        loop {
            let part = use_cases!(self, engine => {
                Box::pin(engine.by(user::act()).prune(wish, &from)).await
            }, server => return Err(not_in_the_api(server.url())))
            .map_err(failure)?;
            all.runs.extend(part.runs);
            all.kept.extend(part.kept);
            match part.next {
                Some(next) => from = next,
                None => return Ok(all),
            }
        }
    }
}

/// Whoever answers the API may not write objects, so that it could only begin to remove a run.
pub(crate) fn not_in_the_api(url: &str) -> Failure {
    Failure::new(format!(
        "removing runs is not in the API, and {url} is asked over that"
    ))
    .hint("use --project or --state: what has direct access removes a run with its objects")
}
