//! Runs for slots that a schedule had and that no run was made for: before it was stored, while it was paused, or dropped as missed.
//!
//! A slot's run has the id that its schedule gives it, so that asking twice makes no second run, whoever asks.

use std::borrow::Cow;

use ork_core::Value;
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::limits;
use ork_core::run::{RunState, RunStatus};
use ork_core::schedule::{self, PreviewSlot};
use ork_core::time::Time;
use serde::{Deserialize, Serialize};

use crate::by::By;
use crate::error::{EngineError, EngineErrorKind};
use crate::ports::{Clock, Key, Ports, Store};
use crate::{Engine, StartRun};

/// Documents read in one call.
const READ: usize = 100;

/// A range of slots, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotRange {
    /// The first instant that counts.
    pub from: Time,
    /// The last one.
    pub to: Time,
}

/// The slots of a range, and what became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// The version whose schedules named them; runs are pinned to it.
    pub version: VersionHash,
    /// Soonest first.
    pub slots: Vec<BackfillSlot>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillSlot {
    /// The instant, as its schedule shows it.
    pub slot: PreviewSlot,
    /// The run that it has, or would have.
    pub run: RunId,
    /// How it stands.
    pub standing: SlotStanding,
}

/// How a slot stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotStanding {
    /// It has no run.
    Missing,
    /// It has one; how that stands, if it can be read.
    There(Option<RunStatus>),
    /// Its run was made just now; whether that waits for a place.
    Started {
        /// Whether it waits.
        queued: bool,
    },
    /// No run could be made, and why; the slots after it were not tried.
    Refused(EngineError),
}

impl Backfill {
    /// Slots of the range that stand as `wanted` says.
    pub fn count(&self, wanted: impl Fn(&SlotStanding) -> bool) -> usize {
        let all = self.slots.iter().filter(|one| wanted(&one.standing));
        all.count()
    }
    /// Slots without a run.
    pub fn missing(&self) -> usize {
        self.count(|one| matches!(one, SlotStanding::Missing | SlotStanding::Refused(_)))
    }
    /// Slots whose runs were made just now.
    pub fn started(&self) -> usize {
        self.count(|one| matches!(one, SlotStanding::Started { .. }))
    }
}

/// The slots of a range, and what became of them, as programs read it: the command line prints it, and the HTTP API answers with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackfillReport {
    /// The workflow.
    pub workflow: String,
    /// The version whose schedules name the slots, and that the runs are pinned to.
    pub version: String,
    /// Whether nothing was to be done.
    pub dry_run: bool,
    /// Runs that were made.
    pub started: usize,
    /// Slots that have no run yet.
    pub missing: usize,
    /// All slots of the range, soonest first.
    pub slots: Vec<SlotReport>,
}

/// A slot of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotReport {
    /// The instant in UTC.
    pub slot: String,
    /// The same on the schedule's clock.
    pub local: String,
    /// The run that it has, or would have.
    pub run_id: String,
    /// `missing`: it has no run; `there`: it had one before; `started`: it was made now; `failed`: it could not be made.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub state: Cow<'static, str>,
    /// Where a run that was there stands.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub status: Option<RunStatus>,
    /// Whether a run that was made waits for a place.
    pub queued: Option<bool>,
    /// Why a run could not be made. Those after it were not tried.
    pub error: Option<String>,
    /// What kind of error that is: `not_found`, `refused`, `unavailable`, `store` or `corrupt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub error_kind: Option<EngineErrorKind>,
    /// What is unusual about the slot.
    pub note: Option<String>,
}

impl BackfillReport {
    /// The slot whose run could not be made, and why.
    pub fn refused(&self) -> Option<(&SlotReport, EngineError)> {
        self.slots.iter().find_map(|one| {
            let kind = one.error_kind.unwrap_or(EngineErrorKind::Refused);
            let why = one.error.clone()?;
            Some((one, EngineError::new(kind, why)))
        })
    }
    /// What `fill` says of `workflow`.
    pub fn of(workflow: &WorkflowName, dry_run: bool, fill: Backfill) -> Self {
        Self {
            workflow: workflow.to_string(),
            version: fill.version.to_string(),
            dry_run,
            started: fill.started(),
            missing: fill.missing(),
            slots: fill.slots.into_iter().map(SlotReport::of).collect(),
        }
    }
}

impl SlotReport {
    fn of(one: BackfillSlot) -> Self {
        let (state, status, queued, error) = match one.standing {
            SlotStanding::Missing => ("missing", None, None, None),
            SlotStanding::There(status) => ("there", status, None, None),
            SlotStanding::Started { queued } => ("started", None, Some(queued), None),
            SlotStanding::Refused(error) => ("failed", None, None, Some(error)),
        };
        let (error_kind, error) = error.map(|error| (error.kind, error.message)).unzip();
        Self {
            slot: one.slot.slot.rfc3339(),
            local: one.slot.local,
            run_id: one.run.to_string(),
            state: state.into(),
            status,
            queued,
            error,
            error_kind,
            note: one.slot.note,
        }
    }
}

/// An instant within a sentence, as exact as a clock on the wall: `2026-06-01 02:30 UTC`.
pub fn in_words(at: Time) -> String {
    let whole = Time(at.0 - at.0.rem_euclid(1000)).rfc3339();
    let text = whole.trim_end_matches('Z').replace('T', " ");
    // Slots lie on whole minutes; few people write seconds.
    let text = text.strip_suffix(":00").unwrap_or(&text);
    format!("{text} UTC")
}

impl<P: Ports> Engine<P> {
    /// The slots that the current version's schedules name within `range`, and which of them have runs. Whether its schedules fire does not
    /// matter, but one that its file switches off has no slots.
    ///
    /// Refused: a range that ends before it begins or in the future, and one with more than [`limits::BACKFILL_SLOTS`] slots.
    pub async fn slots_in(
        &self,
        name: &WorkflowName,
        range: SlotRange,
    ) -> Result<Backfill, EngineError> {
        let now = self.ports().clock().now();
        let SlotRange { from, to } = range;
        if to < from {
            return Err(EngineError::refused(format!(
                "the range ends at {}, before it begins at {}",
                in_words(to),
                in_words(from)
            )));
        }
        if to > now {
            return Err(EngineError::refused(format!(
                "the range ends at {}, which is to come: its schedule makes the runs of those slots",
                in_words(to)
            )));
        }
        let standing = self.workflow_standing(name).await?;
        let graph = self.definition(name, &standing.current).await?;
        let found = schedule::preview(&graph.workflow.schedules, from, limits::BACKFILL_SLOTS + 1);
        let found = found.map_err(|error| {
            EngineError::refused(format!("a schedule of {name} cannot be read: {error}"))
        })?;
        let named: Vec<_> = found.into_iter().take_while(|one| one.slot <= to).collect();
        if let Some(last) = named.get(limits::BACKFILL_SLOTS) {
            return Err(EngineError::refused(format!(
                "there are more than {} slots from {} to {}: take a range that ends before {}, and another one after it",
                limits::BACKFILL_SLOTS,
                in_words(from),
                in_words(to),
                in_words(last.slot)
            )));
        }
        let runs: Vec<RunId> = named
            .iter()
            .map(|one| RunId::for_slot(name, one.slot))
            .collect();
        let there = self.standings(&runs).await?;
        let slots = named.into_iter().zip(runs).zip(there);
        Ok(Backfill {
            version: standing.current,
            slots: slots
                .map(|((slot, run), standing)| BackfillSlot {
                    slot,
                    run,
                    standing,
                })
                .collect(),
        })
    }

    async fn standings(&self, runs: &[RunId]) -> Result<Vec<SlotStanding>, EngineError> {
        let mut all = Vec::with_capacity(runs.len());
        for part in runs.chunks(READ) {
            let keys: Vec<Key> = part.iter().cloned().map(Key::Run).collect();
            let found = self.ports().store().read(&keys).await?;
            all.extend(found.into_iter().map(|document| {
                match document {
                    None => SlotStanding::Missing,
                    Some(document) => SlotStanding::There(
                        RunState::decode_header(&document.body)
                            .ok()
                            .map(|header| header.status),
                    ),
                }
            }));
        }
        Ok(all)
    }
}

impl<P: Ports> By<'_, P> {
    /// Makes a run for every slot of `range` that has none, the soonest first, each with `params`, and says how every slot stands then.
    ///
    /// Ends at the first run that cannot be made. If that is the very first, nothing was started and the error is its. Doing it again makes
    /// what is missing and nothing twice.
    pub async fn backfill(
        &self,
        name: &WorkflowName,
        range: SlotRange,
        params: &serde_json::Map<String, Value>,
    ) -> Result<Backfill, EngineError> {
        let mut fill = self.engine().slots_in(name, range).await?;
        let version = fill.version.clone();
        let mut started = 0;
        for one in &mut fill.slots {
            if one.standing != SlotStanding::Missing {
                continue;
            }
            let wish = StartRun {
                version: Some(version.clone()),
                params: params.clone(),
                id: Some(one.run.clone()),
                slot: Some(one.slot.slot),
                ..StartRun::of(name.clone())
            };
            match Box::pin(self.start(wish)).await {
                Ok(made) if made.created => {
                    started += 1;
                    one.standing = SlotStanding::Started {
                        queued: made.queued,
                    };
                }
                // Its schedule, or somebody else, was faster.
                Ok(_) => one.standing = SlotStanding::There(None),
                Err(error) if started == 0 => return Err(error),
                Err(error) => {
                    one.standing = SlotStanding::Refused(error);
                    break;
                }
            }
        }
        Ok(fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_sentences_have_no_more_digits_than_people_want() {
        for (at, text) in [
            (1_750_000_000_123, "2025-06-15 15:06:40 UTC"),
            (1_749_999_960_000, "2025-06-15 15:06 UTC"),
            (1_749_999_960_999, "2025-06-15 15:06 UTC"),
            (1_749_945_600_000, "2025-06-15 00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(in_words(Time(at)), text);
        }
    }
}
