//! Schedules: a cron, on the next lines a time zone and an instant in milliseconds.

use ork_core::definition::{Catchup, Overlap, Schedule};
use ork_core::schedule::{
    Compiled, Cron, Slots, Zone, describe, due, last_slot, next_slot, preview, slots_between,
};
use ork_core::time::{Millis, Time};

use crate::Reading;

/// Slots that are looked at.
const SLOTS: usize = 4;

/// A schedule.
///
/// Reading ends; an error stands inside the text. What is accepted keeps its text, can be described, and has slots that are
/// whole seconds, strictly increasing from the instant that is asked for; asking for them one by one, as a list, as
/// a preview or backwards gives the same ones, and a tick starts none of them twice and none too early.
pub fn cron(bytes: &[u8]) -> Reading {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Reading::Rejected;
    };
    let mut lines = text.splitn(3, '\n');
    let pattern = lines.next().unwrap_or_default();
    let zone = lines.next().unwrap_or("UTC");
    let from = lines
        .next()
        .and_then(|line| line.trim().parse().ok())
        .map_or(Time(1_774_700_000_000), Time);
    let parsed = Cron::parse(pattern);
    let placed = Zone::parse(zone);
    if let Err(error) = &parsed {
        let length = pattern.chars().count();
        assert!(
            error.width >= 1
                && error.offset <= length
                && error.offset + error.width <= length.max(error.offset) + 1,
            "{error:?} of {length}"
        );
        assert!(!error.message.is_empty());
    }
    if let Err(error) = &placed {
        assert!(!error.message.is_empty());
    }
    let (Ok(cron), Ok(zone)) = (parsed, placed) else {
        return Reading::Rejected;
    };
    let blank = |c: char| c.is_ascii_whitespace();
    assert_eq!(cron.as_str(), pattern.trim_matches(blank));
    assert!(!describe(&cron).is_empty());
    let schedule = Schedule {
        cron: pattern.to_owned(),
        timezone: zone.name().to_owned(),
        enabled: true,
        catchup: Catchup::All,
        overlap: Overlap::Allow,
    };
    let compiled = Compiled::of(&schedule).expect("both were read already");
    assert_eq!(compiled.cron, cron);

    let listed: Vec<Time> = Slots::new(&cron, &zone, from).take(SLOTS).collect();
    let mut at = from;
    for &slot in &listed {
        assert!(slot >= at, "{slot} comes before {at}");
        assert_eq!(next_slot(&cron, &zone, at), Some(slot), "asked one by one");
        assert_eq!(slot.0 % 1000, 0);
        at = Time(slot.0 + 1);
    }
    if listed.len() < SLOTS {
        assert_eq!(next_slot(&cron, &zone, at), None, "there is no further one");
    }
    let shown = preview(std::slice::from_ref(&schedule), from, SLOTS).expect("both were read");
    let shown: Vec<Time> = shown.iter().map(|one| one.slot).collect();
    assert_eq!(shown, listed, "the preview");
    if let (Some(&first), Some(&last)) = (listed.first(), listed.last()) {
        let before = Time(first.0 - 1);
        assert_eq!(
            slots_between(&cron, &zone, before, last, SLOTS),
            listed,
            "as a list"
        );
        assert_eq!(
            last_slot(&cron, &zone, before, last),
            Some(last),
            "backwards"
        );
        ticks(schedule, before, &listed);
    }
    Reading::Accepted
}

/// Ticks at each slot start each once, whatever is missed.
fn ticks(mut schedule: Schedule, before: Time, slots: &[Time]) {
    let last = *slots.last().expect("there are some");
    for catchup in [Catchup::All, Catchup::Latest, Catchup::None] {
        schedule.catchup = catchup;
        let once = due(&schedule, before, last).expect("it was read");
        let passed = u64::try_from(once.slots.len()).expect("few") + once.dropped;
        assert_eq!(passed, slots.len() as u64, "{catchup:?} at once: {once:?}");
        assert_eq!(once.cursor, last);
        assert!(once.next.is_none_or(|next| next > last));
        let mut cursor = before;
        for &slot in slots {
            let step = due(&schedule, cursor, slot).expect("it was read");
            assert_eq!(step.slots, [slot], "{catchup:?} one by one");
            cursor = step.cursor;
            let again = due(&schedule, cursor, slot + Millis(1)).expect("it was read");
            assert!(again.slots.is_empty(), "{slot} starts twice");
        }
    }
}
