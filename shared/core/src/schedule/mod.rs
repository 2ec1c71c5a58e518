//! When a workflow is due: cron patterns, time zones, slots, and what a tick makes of them.
//!
//! A [`Cron`] is matched on the wall clock of a [`Zone`]. Two rules turn the wall clock's readings into slots:
//! a cron with *fixed* hours fires at the first instant at which the clock reads the time **or a later one**
//! (so the spring gap delays it to the gap's end and the autumn overlap counts once), a cron with *open* hours
//! fires at every real instant that matches. [`due()`] decides what a tick starts, [`admit()`] what a slot does
//! while other runs are active, [`preview()`] shows what will come.
//!
//! The time zone rules are those compiled into the binary, never the machine's, so that a workflow
//! means the same on a laptop, in a container and in a test.

mod calendar;
mod count;
mod cron;
mod describe;
mod due;
mod field;
mod overlap;
mod parse;
mod preview;
mod slots;
mod zone;

pub use cron::{Cron, CronError};
pub use describe::describe;
pub use due::{Due, MAX_SLOTS_PER_TICK, ON_TIME, due};
pub use overlap::{Admission, admit};
pub use preview::{PreviewSlot, preview};
pub use slots::{SEARCH_YEARS, Slots, last_slot, next_slot, slots_between};
pub use zone::{Zone, ZoneError};

use crate::definition;

/// A schedule of a definition, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// The pattern.
    pub cron: Cron,
    /// Whose wall clock it is matched on.
    pub zone: Zone,
}

impl Compiled {
    /// Reads the pattern and finds the zone. Fails only for a definition that was never validated, or whose
    /// zone was dropped from the time zone database since.
    pub fn of(schedule: &definition::Schedule) -> Result<Self, ScheduleError> {
        Ok(Self {
            cron: Cron::parse(&schedule.cron)?,
            zone: Zone::parse(&schedule.timezone)?,
        })
    }
}

/// Why a stored schedule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The pattern.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// The zone.
    #[error(transparent)]
    Zone(#[from] ZoneError),
}
