//! The coming slots of a workflow, as people read them.

use jiff::Timestamp;

use super::slots::Slots;
use super::zone::Span;
use super::{Compiled, Cron, ScheduleError};
use crate::definition::Schedule;
use crate::time::Time;

/// One coming slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewSlot {
    /// The instant.
    pub slot: Time,
    /// The same on the schedule's wall clock, RFC 9557: `2026-03-29T03:00:00+02:00[Europe/Berlin]`.
    pub local: String,
    /// The position of the schedule in the list; the first one where several are due together.
    pub schedule: usize,
    /// What is unusual about it.
    pub note: Option<String>,
}

/// The first `count` slots of all schedules together, `from` included, in the order of time. Slots of two
/// schedules at one instant are one entry, because they are one run. Disabled schedules have none.
pub fn preview(
    schedules: &[Schedule],
    from: Time,
    count: usize,
) -> Result<Vec<PreviewSlot>, ScheduleError> {
    let compiled = schedules
        .iter()
        .map(Compiled::of)
        .collect::<Result<Vec<_>, _>>()?;
    let mut streams: Vec<_> = compiled
        .iter()
        .zip(schedules)
        .enumerate()
        .filter(|(_, (_, schedule))| schedule.enabled)
        .map(|(index, (compiled, _))| {
            (
                index,
                compiled,
                Slots::new(&compiled.cron, &compiled.zone, from).peekable(),
            )
        })
        .collect();
    let mut shown = Vec::new();
    while shown.len() < count {
        let Some(slot) = streams
            .iter_mut()
            .filter_map(|(_, _, slots)| slots.peek().copied())
            .min()
        else {
            break;
        };
        let mut due = streams.iter_mut().filter_map(|(index, compiled, slots)| {
            slots.next_if_eq(&slot).map(|_| (*index, *compiled))
        });
        let Some((schedule, compiled)) = due.next() else {
            break;
        };
        let mut notes: Vec<String> = note(compiled, slot).into_iter().collect();
        notes.extend(due.map(|(other, _)| {
            format!("schedule {} is due at the same instant: one run", other + 1)
        }));
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        shown.push(PreviewSlot {
            slot,
            local: local(compiled, slot),
            schedule,
            note,
        });
    }
    Ok(shown)
}

fn local(compiled: &Compiled, slot: Time) -> String {
    match Timestamp::from_millisecond(slot.0) {
        Ok(instant) => instant.to_zoned(compiled.zone.tz().clone()).to_string(),
        Err(_) => slot.rfc3339(),
    }
}

/// What daylight saving did to a slot.
fn note(compiled: &Compiled, slot: Time) -> Option<String> {
    let Compiled { cron, zone } = compiled;
    let at = slot.0.div_euclid(1000);
    let span = zone.span(at);
    let reading = at + span.offset;
    let shown = zone.high_water(at, span);
    if cron.has_fixed_hours() {
        return if shown < reading {
            gap(cron, shown, reading)
        } else {
            first_of_two(compiled, span, reading)
        };
    }
    if reading < shown {
        return Some(format!(
            "the clock was set back: {} comes for the second time",
            time(reading)
        ));
    }
    first_of_two(compiled, span, reading)
}

/// Readings from `shown` on that the clock jumped over.
fn gap(cron: &Cron, shown: i64, reading: i64) -> Option<String> {
    let lost = cron.count_readings(shown, reading);
    let first = cron.next_reading(shown).filter(|_| lost > 0)?;
    let others = match lost {
        1 => String::new(),
        n => format!(" (and {} more up to {})", n - 1, time(reading)),
    };
    let day = if first.div_euclid(86_400) == reading.div_euclid(86_400) {
        "this day".to_owned()
    } else {
        date(first)
    };
    Some(format!(
        "{}{others} does not exist on {day}: moved to the first instant after the gap",
        time(first)
    ))
}

/// Whether the clock will show this reading once more.
fn first_of_two(compiled: &Compiled, span: Span, reading: i64) -> Option<String> {
    if span.end == i64::MAX {
        return None;
    }
    let after = compiled.zone.span(span.end);
    (span.end + after.offset <= reading).then(|| {
        let fires = if compiled.cron.has_fixed_hours() {
            "fires at the first"
        } else {
            "this is the first"
        };
        format!("{} comes twice on this day: {fires}", time(reading))
    })
}

fn time(reading: i64) -> String {
    let minute = reading.rem_euclid(86_400) / 60;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn date(reading: i64) -> String {
    let (year, month, day) = super::calendar::date(reading.div_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}")
}
