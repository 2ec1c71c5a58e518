//! How the system as a whole stands: what is due next, what is late, what was set aside.

use ork_core::ids::{RunId, WorkflowName};
use ork_core::time::{Millis, Time};

use crate::Engine;
use crate::documents::decode;
use crate::error::EngineError;
use crate::ports::{Clock, ListQuery, Ports, Store};
use crate::tick::DeadDocument;

/// How far ahead the next slots are looked for.
const AHEAD: Millis = Millis::from_secs(400 * 86_400);

impl<P: Ports> Engine<P> {
    /// The workflows whose schedules are due next, with the instants, the soonest first: one query.
    pub async fn next_slots(&self, limit: usize) -> Result<Vec<(WorkflowName, Time)>, EngineError> {
        let until = self.ports().clock().now() + AHEAD;
        Ok(self.ports().store().due_workflows(until, limit).await?)
    }

    /// The runs that should have been looked at by now, with the instants, the longest due first: one query.
    pub async fn overdue(&self, limit: usize) -> Result<Vec<(RunId, Time)>, EngineError> {
        let now = self.ports().clock().now();
        Ok(self.ports().store().due_runs(now, limit).await?)
    }

    /// The run that is to be looked at next, or has been for longest, and the instant: one query. `None` when none is under way.
    pub async fn next_wake(&self) -> Result<Option<(RunId, Time)>, EngineError> {
        let until = self.ports().clock().now() + AHEAD;
        let found = self.ports().store().due_runs(until, 1).await?;
        Ok(found.into_iter().next())
    }

    /// What could not be handled and was kept for a person, by id, and where to go on.
    pub async fn set_aside_page(
        &self,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<DeadDocument>, Option<String>), EngineError> {
        let listing = self.ports().store().list(&ListQuery::Dead, cursor, limit);
        let page = listing.await?;
        let all = page.items.iter();
        let all = all.map(|(key, document)| decode(&key.to_string(), &document.body));
        Ok((all.collect::<Result<_, _>>()?, page.cursor))
    }
}
