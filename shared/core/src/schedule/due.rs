//! What a tick starts: the slots since the last one, cut down by the catch-up policy.

use super::count::count_slots;
use super::slots::{last_slot, next_slot, slots_between};
use super::{Compiled, ScheduleError};
use crate::definition::{Catchup, Schedule};
use crate::time::{Millis, Time};

/// A slot this young is on time, an older one was missed. The tick comes every minute and may be late.
pub const ON_TIME: Millis = Millis::from_secs(90);

/// The most slots one tick starts of one schedule; the rest follow with the next ticks.
pub const MAX_SLOTS_PER_TICK: usize = 100;

/// What a tick has to do for one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The slots to start, oldest first.
    pub slots: Vec<Time>,
    /// Slots that passed and are never started.
    pub dropped: u64,
    /// Everything up to here is settled. Stored in the commit that creates the runs, handed in at the next tick.
    pub cursor: Time,
    /// The first slot after `cursor`: in the future, or not if slots were left for the next tick. `None` for a
    /// disabled schedule.
    pub next: Option<Time>,
}

/// Decides which slots with `cursor < slot <= now` start.
///
/// * `catchup: none` starts those that are on time ([`ON_TIME`]) and drops the others;
/// * `latest` starts the latest and drops the others;
/// * `all` starts every one, oldest first, [`MAX_SLOTS_PER_TICK`] at a time.
///
/// A disabled schedule starts nothing and forgets what passes. When the clock stepped back behind the cursor
/// nothing starts and the cursor stays, so no slot comes twice.
pub fn due(schedule: &Schedule, cursor: Time, now: Time) -> Result<Due, ScheduleError> {
    let Compiled { cron, zone } = Compiled::of(schedule)?;
    if !schedule.enabled {
        return Ok(Due {
            slots: Vec::new(),
            dropped: 0,
            cursor: cursor.max(now),
            next: None,
        });
    }
    let (mut slots, mut dropped, mut settled) = (Vec::new(), 0, cursor.max(now));
    if now > cursor {
        match schedule.catchup {
            Catchup::None => {
                // The millisecond makes a slot that is exactly as old as the grace on time.
                let missed_until = Time((now - ON_TIME).0.saturating_sub(1)).max(cursor);
                dropped = count_slots(&cron, &zone, cursor, missed_until);
                slots = slots_between(&cron, &zone, missed_until, now, MAX_SLOTS_PER_TICK);
            }
            Catchup::Latest => {
                slots.extend(last_slot(&cron, &zone, cursor, now));
                if let Some(latest) = slots.first() {
                    dropped = count_slots(&cron, &zone, cursor, Time(latest.0 - 1));
                }
            }
            Catchup::All => {
                slots = slots_between(&cron, &zone, cursor, now, MAX_SLOTS_PER_TICK);
                if slots.len() == MAX_SLOTS_PER_TICK {
                    settled = *slots.last().expect("it holds a full tick");
                }
            }
        }
    }
    let next = next_slot(&cron, &zone, Time(settled.0.saturating_add(1)));
    Ok(Due {
        slots,
        dropped,
        cursor: settled,
        next,
    })
}
