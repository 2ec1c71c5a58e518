//! How many slots lie between two instants, without visiting each.

use super::cron::Cron;
use super::slots::{EARLIEST, LATEST, seconds_from};
use super::zone::Zone;
use crate::time::Time;

/// The number of slots with `after < slot <= until`.
///
/// Walks from one change of the clock to the next. Between two changes every matching reading is one slot; the
/// readings a fixed pattern loses in a gap make one slot together with the reading at the gap's end.
pub(super) fn count_slots(cron: &Cron, zone: &Zone, after: Time, until: Time) -> u64 {
    let mut at = seconds_from(Time(after.0.saturating_add(1))).max(EARLIEST);
    let end = seconds_from(Time(until.0.saturating_add(1))).min(LATEST);
    let mut total = 0;
    if at >= end {
        return total;
    }
    let mut span = zone.span(at);
    // Open hours count every reading, fixed ones only those the clock has not shown before.
    let mut shown = if cron.fixed {
        zone.high_water(at, span)
    } else {
        i64::MIN
    };
    while at < end {
        let stop = span.end.min(end);
        let (first, last) = (at + span.offset, stop + span.offset);
        if cron.fixed && first > shown && cron.count_readings(shown, first) > 0 {
            total += 1;
            total += cron.count_readings(first + 1, last);
        } else {
            total += cron.count_readings(first.max(shown), last);
        }
        if cron.fixed {
            shown = shown.max(last);
        }
        at = stop;
        if at < end {
            span = zone.span(at);
        }
    }
    total
}
