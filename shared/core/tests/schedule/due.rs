//! What a tick starts, drops and leaves for the next one.

use ork_core::definition::Catchup;
use ork_core::schedule::{Due, MAX_SLOTS_PER_TICK, ScheduleError, due};
use ork_core::time::Time;

use crate::{schedule, time};

fn hourly(catchup: Catchup, cursor: &str, now: &str) -> Due {
    due(
        &schedule("0 * * * *", "UTC", catchup),
        time(cursor),
        time(now),
    )
    .expect("a valid schedule")
}

#[test]
fn every_policy_starts_a_slot_that_is_on_time() {
    for catchup in [Catchup::None, Catchup::Latest, Catchup::All] {
        let found = hourly(catchup, "2026-01-01T09:59:30Z", "2026-01-01T10:00:30Z");
        let expected = Due {
            slots: vec![time("2026-01-01T10:00:00Z")],
            dropped: 0,
            cursor: time("2026-01-01T10:00:30Z"),
            next: Some(time("2026-01-01T11:00:00Z")),
        };
        assert_eq!(found, expected, "{catchup:?}");
    }
}

#[test]
fn between_two_slots_nothing_starts_and_the_cursor_moves() {
    for catchup in [Catchup::None, Catchup::Latest, Catchup::All] {
        let found = hourly(catchup, "2026-01-01T10:00:30Z", "2026-01-01T10:01:30Z");
        let expected = Due {
            slots: vec![],
            dropped: 0,
            cursor: time("2026-01-01T10:01:30Z"),
            next: Some(time("2026-01-01T11:00:00Z")),
        };
        assert_eq!(found, expected, "{catchup:?}");
    }
}

#[test]
fn a_slot_at_the_instant_of_the_tick_starts_now_and_not_again() {
    let first = hourly(Catchup::All, "2026-01-01T09:59:00Z", "2026-01-01T10:00:00Z");
    assert_eq!(first.slots, [time("2026-01-01T10:00:00Z")]);
    assert_eq!(
        hourly(Catchup::All, "2026-01-01T10:00:00Z", "2026-01-01T10:01:00Z").slots,
        []
    );
    assert_eq!(
        hourly(Catchup::All, "2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z").slots,
        []
    );
}

#[test]
fn missed_slots_follow_the_policy() {
    let (cursor, now) = ("2026-01-01T05:30:00Z", "2026-01-01T10:30:00Z");
    let at = |hour: u32| time(&format!("2026-01-01T{hour:02}:00:00Z"));
    for (catchup, slots, dropped) in [
        (Catchup::None, vec![], 5),
        (Catchup::Latest, vec![at(10)], 4),
        (Catchup::All, vec![at(6), at(7), at(8), at(9), at(10)], 0),
    ] {
        let expected = Due {
            slots,
            dropped,
            cursor: time(now),
            next: Some(at(11)),
        };
        assert_eq!(hourly(catchup, cursor, now), expected, "{catchup:?}");
    }
}

#[test]
fn without_catchup_a_slot_is_on_time_for_ninety_seconds() {
    for (now, slots, dropped) in [
        ("2026-01-01T10:01:29.999Z", 1, 4),
        ("2026-01-01T10:01:30Z", 1, 4),
        ("2026-01-01T10:01:30.001Z", 0, 5),
    ] {
        let found = hourly(Catchup::None, "2026-01-01T05:30:00Z", now);
        assert_eq!(
            (found.slots.len(), found.dropped),
            (slots, dropped),
            "{now}"
        );
    }
}

#[test]
fn without_catchup_two_slots_can_be_on_time_together() {
    let every_minute = schedule("* * * * *", "UTC", Catchup::None);
    let found = due(
        &every_minute,
        time("2026-01-01T09:50:00Z"),
        time("2026-01-01T10:00:10Z"),
    )
    .expect("valid");
    assert_eq!(
        found.slots,
        [time("2026-01-01T09:59:00Z"), time("2026-01-01T10:00:00Z")]
    );
    assert_eq!(found.dropped, 8);
}

#[test]
fn catching_up_on_everything_takes_a_hundred_slots_a_tick() {
    let every_minute = schedule("* * * * *", "UTC", Catchup::All);
    let (start, now) = (time("2026-01-01T00:00:00Z"), time("2026-01-01T04:00:30Z"));
    let mut cursor = start;
    let mut started = Vec::new();
    for expected in [100, 100, 40, 0] {
        let found = due(&every_minute, cursor, now).expect("valid");
        assert_eq!(found.slots.len(), expected);
        assert_eq!(found.dropped, 0);
        if expected == MAX_SLOTS_PER_TICK {
            assert_eq!(found.slots.last(), Some(&found.cursor));
            assert!(
                found.next.is_some_and(|next| next <= now),
                "the next slot is due already"
            );
        } else {
            assert_eq!(found.cursor, now);
            assert!(found.next.is_some_and(|next| next > now));
        }
        cursor = found.cursor;
        started.extend(found.slots);
    }
    let every: Vec<Time> = (1..=240)
        .map(|minute| Time(start.0 + minute * 60_000))
        .collect();
    assert_eq!(started, every);
}

#[test]
fn a_disabled_schedule_forgets_what_passes() {
    let mut off = schedule("0 * * * *", "UTC", Catchup::All);
    off.enabled = false;
    let found = due(
        &off,
        time("2026-01-01T05:30:00Z"),
        time("2026-01-01T10:30:00Z"),
    )
    .expect("valid");
    assert_eq!(
        found,
        Due {
            slots: vec![],
            dropped: 0,
            cursor: time("2026-01-01T10:30:00Z"),
            next: None
        }
    );
    off.enabled = true;
    let after = due(&off, found.cursor, time("2026-01-01T11:00:30Z")).expect("valid");
    assert_eq!(after.slots, [time("2026-01-01T11:00:00Z")]);
}

#[test]
fn a_clock_that_steps_back_starts_nothing_and_keeps_the_cursor() {
    let cursor = time("2026-01-01T10:00:30Z");
    for enabled in [true, false] {
        for catchup in [Catchup::None, Catchup::Latest, Catchup::All] {
            let mut hourly = schedule("0 * * * *", "UTC", catchup);
            hourly.enabled = enabled;
            let found = due(&hourly, cursor, time("2026-01-01T03:00:00Z")).expect("valid");
            let next = enabled.then(|| time("2026-01-01T11:00:00Z"));
            assert_eq!(
                found,
                Due {
                    slots: vec![],
                    dropped: 0,
                    cursor,
                    next
                },
                "{catchup:?}"
            );
        }
    }
}

#[test]
fn years_of_missed_minutes_are_counted_without_visiting_them() {
    let found = |catchup| {
        due(
            &schedule("* * * * *", "Europe/Berlin", catchup),
            time("1970-01-01T00:00:00Z"),
            time("2026-01-01T00:00:10Z"),
        )
        .expect("valid")
    };
    let minutes = u64::try_from(time("2026-01-01T00:00:00Z").0 / 60_000).expect("positive");
    assert_eq!(found(Catchup::Latest).dropped, minutes - 1);
    assert_eq!(found(Catchup::None).dropped, minutes - 2);
    assert_eq!(found(Catchup::All).slots.len(), MAX_SLOTS_PER_TICK);
}

#[test]
fn a_daily_slot_in_the_gap_is_caught_up_once() {
    let daily = schedule("30 2 * * *", "Europe/Berlin", Catchup::All);
    let found = due(
        &daily,
        time("2026-03-28T12:00:00Z"),
        time("2026-03-29T12:00:00Z"),
    )
    .expect("valid");
    assert_eq!(found.slots, [time("2026-03-29T01:00:00Z")]);
    let twice = due(
        &daily,
        time("2026-10-25T00:30:00Z"),
        time("2026-10-25T12:00:00Z"),
    )
    .expect("valid");
    assert_eq!(twice.slots, []);
}

#[test]
fn instants_at_the_ends_of_time_do_no_harm() {
    for catchup in [Catchup::None, Catchup::Latest, Catchup::All] {
        let leap = schedule("0 0 29 2 *", "Europe/Berlin", catchup);
        for (cursor, now) in [
            (i64::MIN, i64::MIN),
            (i64::MIN, i64::MAX),
            (i64::MAX, i64::MIN),
            (i64::MAX, i64::MAX),
            (0, i64::MAX),
            (i64::MIN, 0),
        ] {
            let found = due(&leap, Time(cursor), Time(now)).expect("valid");
            assert!(
                found
                    .slots
                    .iter()
                    .all(|slot| slot.0 > cursor && slot.0 <= now)
            );
            assert!(found.cursor.0 >= cursor);
        }
    }
}

#[test]
fn a_stored_schedule_that_cannot_be_read_is_an_error() {
    let now = time("2026-01-01T00:00:00Z");
    let wrong = due(&schedule("0 0 L * *", "UTC", Catchup::Latest), now, now);
    assert!(
        matches!(&wrong, Err(ScheduleError::Cron(error)) if error.field == Some("day of month")),
        "{wrong:?}"
    );
    let wrong = due(
        &schedule("0 0 * * *", "Mars/Olympus", Catchup::Latest),
        now,
        now,
    );
    assert!(
        matches!(&wrong, Err(ScheduleError::Zone(error)) if error.to_string().contains("Mars/Olympus")),
        "{wrong:?}"
    );
}

#[test]
fn times_that_fall_together_at_the_end_of_a_gap_are_counted_once() {
    // One slot on the 29th, two on the 30th, and the last of the three starts.
    let half_hourly = schedule("0,30 2 * * *", "Europe/Berlin", Catchup::Latest);
    let on_the_hour = schedule("0 2,3 * * *", "Europe/Berlin", Catchup::Latest);
    for (schedule, dropped) in [(half_hourly, 2), (on_the_hour, 2)] {
        let found = due(
            &schedule,
            time("2026-03-28T12:00:00Z"),
            time("2026-03-30T12:00:00Z"),
        )
        .expect("valid");
        assert_eq!(found.dropped, dropped, "{}", schedule.cron);
    }
}
