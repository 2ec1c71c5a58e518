//! The tick: fires what is due, looks at every run that is due, and sets aside what cannot be read.

mod early;

use futures_util::{StreamExt, stream};
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::run::Event;
use ork_core::time::{Millis, Time};
use serde::{Deserialize, Serialize};

use crate::Engine;
use crate::advance::{ClaimRequest, Stepped};
use crate::documents::encode;
use crate::error::{EngineError, EngineErrorKind};
use crate::fire::Fired;
use crate::ports::{Clock, Index, Key, Ports, Precondition, Store, Write};

pub use early::{JobKey, label_of, run_of_label};

/// Runs that are looked at beside each other: one whose service does not answer keeps no other waiting.
const AT_ONCE: usize = 8;

/// What a tick did.
#[derive(Debug, Default)]
pub struct Ticked {
    /// Slots that were due.
    pub fired: Vec<Fired>,
    /// Runs that were due, the longest due first, and what became of each.
    pub runs: Vec<(RunId, Result<Stepped, EngineError>)>,
    /// Why slots could not be fired, when that kept the tick from firing at all.
    pub unfired: Option<EngineError>,
    /// How long the first of the runs had been due; nothing, when none was.
    pub overdue: Millis,
}

/// A document that could not be handled, kept for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadDocument {
    /// Encoding version.
    pub format: u32,
    /// The document's key.
    pub key: String,
    /// Why it could not be handled.
    pub why: String,
    /// When that was first seen.
    pub since: Time,
}

impl<P: Ports> Engine<P> {
    /// Fires at most `limit` workflows and looks at no more than `limit` runs, some of them at once, beginning with the longest due.
    ///
    /// It claims what is ready itself, so that runs come to their end even when no hint ever arrives.
    /// What goes wrong with one keeps no other back. A run that cannot be read is written down as dead and looked at again in an hour.
    pub async fn tick(&self, limit: usize, claim: ClaimRequest) -> Result<Ticked, EngineError> {
        let mut ticked = Ticked::default();
        match self.fire_due(limit).await {
            Ok(fired) => ticked.fired = fired,
            Err(error) => ticked.unfired = Some(error),
        }
        let now = self.ports.clock().now();
        let due = self.ports.store().due_runs(now, limit).await?;
        ticked.overdue = due.first().map_or(Millis(0), |(_, at)| now.since(*at));
        let looks = stream::iter(due.into_iter().enumerate())
            .map(|(place, (run, _))| Box::pin(self.look_at(place, run, claim)));
        let mut looked: Vec<_> = looks.buffer_unordered(AT_ONCE).collect().await;
        looked.sort_unstable_by_key(|(place, ..)| *place);
        let results = looked.into_iter().map(|(_, run, result)| (run, result));
        ticked.runs = results.collect();
        Ok(ticked)
    }

    /// Looks at one run that is due; gives its place in the queue, too.
    async fn look_at(
        &self,
        place: usize,
        run: RunId,
        claim: ClaimRequest,
    ) -> (usize, RunId, Result<Stepped, EngineError>) {
        let result = self.step(&run, vec![Event::Tick], Some(claim)).await;
        // What will be the same at the next tick must not stand before others for ever.
        if let Err(error) = &result
            && error.kind != EngineErrorKind::Unavailable
        {
            let dead = self.is_beyond_reading(&run, error).await;
            self.set_aside(Key::Run(run.clone()), &error.message, dead)
                .await;
        }
        if let Ok(stepped) = &result {
            self.hand_on(&run, stepped).await;
        }
        (place, run, result)
    }

    /// Whether what went wrong is the run's own document, or the definition it is pinned to, and not another's.
    async fn is_beyond_reading(&self, run: &RunId, error: &EngineError) -> bool {
        let hopeless = |error: &EngineError| {
            matches!(
                error.kind,
                EngineErrorKind::Corrupt | EngineErrorKind::NotFound
            )
        };
        hopeless(error)
            && self
                .find_run(run)
                .await
                .is_err_and(|error| hopeless(&error))
    }

    /// Keeps a document from standing before others in the queue of the tick, and writes it down for a person if it is damaged.
    /// Its contents stay as they are. Failing to do so costs nothing but order: the next tick tries again.
    async fn set_aside(&self, key: Key, why: &str, damaged: bool) {
        let dead = Key::Dead(key.to_string().replace('/', "-"));
        let Ok(found) = self.ports.store().read(&[key.clone(), dead.clone()]).await else {
            return;
        };
        let now = self.ports.clock().now();
        let mut found = found.into_iter();
        let (Some(document), known) = (found.next().flatten(), found.next().flatten()) else {
            return;
        };
        // It may have moved on before it failed.
        let still_due = document.index.wake_at.is_some_and(|at| at <= now);
        if !still_due {
            return;
        }
        let mut writes = vec![Write::Put {
            key: key.clone(),
            precondition: Precondition::At(document.version),
            body: document.body,
            index: Index {
                wake_at: Some(now + limits::WAKE_NET),
                ..document.index
            },
        }];
        if damaged && known.is_none() {
            writes.push(Write::Put {
                key: dead,
                precondition: Precondition::Absent,
                body: encode(&DeadDocument {
                    format: 1,
                    key: key.to_string(),
                    why: why.to_owned(),
                    since: now,
                }),
                index: Index::default(),
            });
        }
        // Somebody may have mended it meanwhile; the next tick sees.
        let _ = self.ports.store().commit(&writes).await;
    }
}
