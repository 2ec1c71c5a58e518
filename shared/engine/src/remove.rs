//! Removing a run that is marked for it: its objects first, then its documents in one commit.
//!
//! As long as an object is left the run's document is there, says that it is being removed and is due from time to time: whoever dies on
//! the way leaves something that the next look finishes.

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::run::RunState;

use crate::Engine;
use crate::error::{EngineError, EngineErrorKind};
use crate::loaded::stored;
use crate::ports::{Document, Key, Objects, Ports, Store, StoreErrorKind, Write};

/// Objects that are listed and removed at once.
const AT_ONCE: usize = 1_000;
/// Tries to remove the documents. Each loses to somebody who looks after the run at the same time.
const TRIES: usize = 4;

/// What was removed of a run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Objects.
    pub(crate) objects: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Whether nothing of the run is left.
    pub(crate) gone: bool,
}

impl<P: Ports> Engine<P> {
    /// Removes at most `most` objects of a run that is marked for it, and its documents if no object is left. Fine when it is gone.
    pub(crate) async fn remove(&self, run: &RunId, most: usize) -> Result<Removed, EngineError> {
        // Whatever is in memory of it is of no use to anybody.
        self.forget(run);
        let mut removed = Removed::default();
        let prefix = format!("runs/{run}/");
        let mut left = most.min(limits::OBJECTS_REMOVED);
        for _ in 0..TRIES {
            let Some(document) = stored(&self.ports, run).await? else {
                removed.gone = true;
                return Ok(removed);
            };
            require_mark(run, &document)?;
            // The listing is asked until it is empty: a worker that was cut off may have written since.
            loop {
                let objects = self.ports.objects();
                let found = objects.weigh(&prefix, None, left.min(AT_ONCE)).await?;
                if found.is_empty() && left > 0 {
                    break;
                }
                removed.objects += found.len() as u64;
                removed.bytes += found.iter().map(|one| one.bytes).sum::<u64>();
                left -= found.len();
                let names: Vec<_> = found.into_iter().map(|one| one.name).collect();
                objects.delete_all(&names).await?;
                if left == 0 {
                    return Ok(removed);
                }
            }
            match self.remove_documents(run, document).await {
                Ok(()) => {
                    removed.gone = true;
                    return Ok(removed);
                }
                // Somebody has changed it, or the answer was lost: what is stored says which.
                Err(error)
                    if matches!(
                        error.kind,
                        StoreErrorKind::Conflict | StoreErrorKind::Ambiguous
                    ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::new(
            EngineErrorKind::Unavailable,
            format!("run {run} is being removed by others: the next look goes on"),
        ))
    }

    /// The header at the version that was read, and all of its pages.
    async fn remove_documents(
        &self,
        run: &RunId,
        header: Document,
    ) -> Result<(), crate::ports::StoreError> {
        let pages = RunState::pages_of(&header.body).unwrap_or_default();
        let pages: Vec<Key> = pages.map(|page| Key::Page(run.clone(), page)).collect();
        let mut writes = vec![Write::Delete {
            key: Key::Run(run.clone()),
            version: header.version,
        }];
        if !pages.is_empty() {
            let found = self.ports.store().read(&pages).await?;
            writes.extend(pages.into_iter().zip(found).filter_map(|(key, found)| {
                let version = found?.version;
                Some(Write::Delete { key, version })
            }));
        }
        self.ports.store().commit(&writes).await.map(|_| ())
    }
}

/// Refuses to remove what nobody has marked, and what cannot be read: its pages would be left behind.
fn require_mark(run: &RunId, document: &Document) -> Result<(), EngineError> {
    let damaged = |error| EngineError::corrupt(format!("run {run} cannot be read: {error}"));
    let header = RunState::decode_header(&document.body).map_err(damaged)?;
    RunState::pages_of(&document.body).map_err(damaged)?;
    if !header.removing {
        return Err(EngineError::refused(format!(
            "run {run} is not marked to be removed"
        )));
    }
    Ok(())
}
