//! The last ticks, kept for people who ask whether there are any.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ork_core::Value;
use ork_core::time::{Millis, Time};
use serde::{Deserialize, Serialize};

use crate::Engine;
use crate::documents::{decode, encode};
use crate::error::EngineError;
use crate::ports::{Index, Key, Ports, Precondition, Store, Version, Write};

/// The format of the document.
const FORMAT: u32 = 1;
/// Ticks that are kept.
const KEPT: usize = 10;
/// How often ticks that found nothing to do are noted: a write for each would cost as much as all else that an idle deployment does.
const IDLE: Millis = Millis::from_secs(300);

/// What a tick did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickRecord {
    /// When it began.
    pub at: Time,
    /// How long it took, in milliseconds.
    pub took: Millis,
    /// Slots that were due.
    pub fired: u32,
    /// Runs that were looked at.
    pub runs: u32,
    /// Runs that retention removed.
    #[serde(default)]
    pub removed: u32,
    /// What could not be done.
    pub errors: u32,
    /// What a newer Ork wrote and this one keeps.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl TickRecord {
    /// Whether there was nothing to do.
    const fn is_idle(&self) -> bool {
        self.fired == 0 && self.runs == 0 && self.removed == 0 && self.errors == 0
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TicksDocument {
    format: u32,
    /// The newest first.
    ticks: Vec<TickRecord>,
    #[serde(flatten)]
    extra: BTreeMap<String, Value>,
}

/// The document as this process last wrote or read it.
#[derive(Debug, Default)]
pub(crate) struct KnownTicks(Mutex<Option<(Option<Version>, TicksDocument)>>);

impl KnownTicks {
    fn take(&self) -> Option<(Option<Version>, TicksDocument)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
    fn put(&self, version: Option<Version>, document: TicksDocument) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((version, document));
    }
}

impl<P: Ports> Engine<P> {
    /// Notes a tick, unless it found nothing to do and one was noted in the last five minutes. Costs one write, and a read the first time.
    ///
    /// # Errors
    /// The store cannot be reached, or another process has noted one at the same time. Nothing depends on it.
    pub async fn note_tick(&self, record: TickRecord) -> Result<(), EngineError> {
        let (version, mut document) = match self.ticks.take() {
            Some(known) => known,
            None => self.stored_ticks().await?,
        };
        let latest = document.ticks.first().map(|one| one.at);
        // A clock that was set back does not keep ticks from being noted.
        let lately = latest.is_some_and(|at| at <= record.at && record.at < at + IDLE);
        if record.is_idle() && lately {
            self.ticks.put(version, document);
            return Ok(());
        }
        document.ticks.insert(0, record);
        document.ticks.truncate(KEPT);
        let put = Write::Put {
            key: Key::Ticks,
            precondition: version.map_or(Precondition::Absent, Precondition::At),
            body: encode(&document),
            index: Index::default(),
        };
        let versions = self.ports.store().commit(&[put]).await?;
        self.ticks.put(versions.first().copied(), document);
        Ok(())
    }

    /// The last ticks that were noted, the newest first; none where nobody ticks, as on a laptop.
    ///
    /// # Errors
    /// The store cannot be reached, or what it has cannot be read.
    pub async fn last_ticks(&self) -> Result<Vec<TickRecord>, EngineError> {
        Ok(self.stored_ticks().await?.1.ticks)
    }

    async fn stored_ticks(&self) -> Result<(Option<Version>, TicksDocument), EngineError> {
        let found = self.ports.store().read(&[Key::Ticks]).await?;
        match found.into_iter().next().flatten() {
            Some(document) => Ok((
                Some(document.version),
                decode("the list of ticks", &document.body)?,
            )),
            None => Ok((
                None,
                TicksDocument {
                    format: FORMAT,
                    ticks: Vec::new(),
                    extra: BTreeMap::new(),
                },
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_and_a_newer_ork_wrote_is_read_and_kept() {
        let older = br#"{"format":1,"ticks":[{"at":1780000000000,"took":42,"fired":1,"runs":2,"errors":0}]}"#;
        let read: TicksDocument = decode("it", older).expect("it is read");
        assert_eq!((read.ticks[0].removed, read.ticks[0].took), (0, Millis(42)));
        let newer = br#"{"format":1,"ticks":[{"at":1,"took":2,"fired":0,"runs":0,"removed":3,"errors":0,"zone":"a"}],"since":5}"#;
        let read: TicksDocument = decode("it", newer).expect("it is read");
        let again = String::from_utf8(encode(&read)).expect("it is text");
        assert!(
            again.contains(r#""zone":"a""#) && again.contains(r#""since":5"#),
            "{again}"
        );
        let later = decode::<TicksDocument>("the list of ticks", br#"{"format":2,"ticks":7}"#);
        let error = later.expect_err("it is refused").message;
        assert!(error.contains("written by a newer Ork"), "{error}");
    }
}
