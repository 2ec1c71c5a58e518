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
            })
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
