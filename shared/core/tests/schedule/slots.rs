//! Daylight saving, zone by zone, and the ends of time.

use ork_core::schedule::{last_slot, next_slot, slots_between};
use ork_core::time::Time;

use crate::{cron, time, zone};

/// Zone, cron, the end of a window (exclusive start, inclusive end), the slots in it; seconds are left out.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

fn check(rows: &[Row]) {
    for (name, text, after, until, expected) in rows {
        let instant = |text: &str| time(&format!("{text}:00Z"));
        let found = slots_between(
            &cron(text),
            &zone(name),
            instant(after),
            instant(until),
            1000,
        );
        let found: Vec<String> = found
            .iter()
            .map(|slot| slot.rfc3339().replace(":00Z", ""))
            .collect();
        assert_eq!(found, *expected, "{name} {text}");
    }
}

#[test]
fn a_fixed_time_in_the_spring_gap_fires_once_at_its_end() {
    check(&[
        // 02:00 to 03:00 is missing on 2026-03-29.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-03-28T00:00",
            "2026-03-30T12:00",
            &["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"],
        ),
        (
            "Europe/Berlin",
            "0 2 * * *",
            "2026-03-28T12:00",
            "2026-03-29T12:00",
            &["2026-03-29T01:00"],
        ),
        (
            "Europe/Berlin",
            "59 1 * * *",
            "2026-03-28T12:00",
            "2026-03-29T12:00",
            &["2026-03-29T00:59"],
        ),
        (
            "Europe/Berlin",
            "0 3 * * *",
            "2026-03-28T12:00",
            "2026-03-29T12:00",
            &["2026-03-29T01:00"],
        ),
        (
            "America/New_York",
            "30 2 * * *",
            "2026-03-08T00:00",
            "2026-03-09T12:00",
            &["2026-03-08T07:00", "2026-03-09T06:30"],
        ),
        // Half an hour: 02:00 to 02:30.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-02T20:00",
            "2026-10-04T20:00",
            &["2026-10-03T15:30", "2026-10-04T15:15"],
        ),
        (
            "Australia/Lord_Howe",
            "30 2 * * *",
            "2026-10-03T00:00",
            "2026-10-04T00:00",
            &["2026-10-03T15:30"],
        ),
        (
            "Australia/Lord_Howe",
            "45 2 * * *",
            "2026-10-03T00:00",
            "2026-10-04T00:00",
            &["2026-10-03T15:45"],
        ),
        // At midnight: the day begins at 01:00.
        (
            "America/Sao_Paulo",
            "@daily",
            "2018-11-03T12:00",
            "2018-11-05T12:00",
            &["2018-11-04T03:00", "2018-11-05T02:00"],
        ),
        (
            "America/Sao_Paulo",
            "30 0 4 11 *",
            "2018-11-03T12:00",
            "2018-11-05T12:00",
            &["2018-11-04T03:00"],
        ),
        (
            "Asia/Beirut",
            "0 0 * * *",
            "2022-03-25T22:00",
            "2022-03-27T22:00",
            &["2022-03-26T22:00", "2022-03-27T21:00"],
        ),
        // The last hour of Saturday is missing, so its slot falls on Sunday.
        (
            "America/Nuuk",
            "30 23 * * 6",
            "2024-03-24T12:00",
            "2024-04-08T12:00",
            &["2024-03-31T01:00", "2024-04-07T00:30"],
        ),
    ]);
}

#[test]
fn several_fixed_times_in_one_gap_fire_once() {
    check(&[
        (
            "Europe/Berlin",
            "*/15 2 * * *",
            "2026-03-28T12:00",
            "2026-03-29T12:00",
            &["2026-03-29T01:00"],
        ),
        (
            "Europe/Berlin",
            "0,30 2,3 * * *",
            "2026-03-28T12:00",
            "2026-03-29T12:00",
            &["2026-03-29T01:00", "2026-03-29T01:30"],
        ),
        (
            "Europe/Berlin",
            "30 1-3 * * *",
            "2026-03-28T12:00",
            "2026-03-29T12:00",
            &["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"],
        ),
    ]);
}

#[test]
fn a_fixed_time_in_the_autumn_overlap_fires_at_its_first_occurrence() {
    check(&[
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-24T12:00",
            "2026-10-26T12:00",
            &["2026-10-25T00:30", "2026-10-26T01:30"],
        ),
        (
            "Europe/Berlin",
            "0 3 * * *",
            "2026-10-24T12:00",
            "2026-10-25T12:00",
            &["2026-10-25T02:00"],
        ),
        (
            "Europe/Berlin",
            "0 2,3 * * *",
            "2026-10-24T12:00",
            "2026-10-25T12:00",
            &["2026-10-25T00:00", "2026-10-25T02:00"],
        ),
        (
            "Europe/Berlin",
            "*/30 2 * * *",
            "2026-10-24T12:00",
            "2026-10-25T12:00",
            &["2026-10-25T00:00", "2026-10-25T00:30"],
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "2026-11-01T00:00",
            "2026-11-02T12:00",
            &["2026-11-01T05:30", "2026-11-02T06:30"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T00:00",
            "2026-04-05T20:00",
            &["2026-04-04T14:45", "2026-04-05T15:15"],
        ),
        // The clock goes back when it would reach midnight, so midnight comes once and 23:30 twice.
        (
            "America/Sao_Paulo",
            "0 0 * * *",
            "2018-02-16T12:00",
            "2018-02-18T12:00",
            &["2018-02-17T02:00", "2018-02-18T03:00"],
        ),
        (
            "America/Sao_Paulo",
            "30 23 * * *",
            "2018-02-17T12:00",
            "2018-02-18T12:00",
            &["2018-02-18T01:30"],
        ),
    ]);
}

#[test]
fn open_hours_fire_at_every_real_instant_that_matches() {
    check(&[
        (
            "Europe/Berlin",
            "30 * * * *",
            "2026-03-29T00:00",
            "2026-03-29T03:00",
            &["2026-03-29T00:30", "2026-03-29T01:30", "2026-03-29T02:30"],
        ),
        (
            "Europe/Berlin",
            "30 * * * *",
            "2026-10-24T23:00",
            "2026-10-25T03:00",
            &[
                "2026-10-24T23:30",
                "2026-10-25T00:30",
                "2026-10-25T01:30",
                "2026-10-25T02:30",
            ],
        ),
        // 02:00 is missing, then comes twice.
        (
            "Europe/Berlin",
            "0 */2 * * *",
            "2026-03-28T22:00",
            "2026-03-29T03:00",
            &["2026-03-28T23:00", "2026-03-29T02:00"],
        ),
        (
            "Europe/Berlin",
            "0 */2 * * *",
            "2026-10-24T21:00",
            "2026-10-25T04:00",
            &[
                "2026-10-24T22:00",
                "2026-10-25T00:00",
                "2026-10-25T01:00",
                "2026-10-25T03:00",
            ],
        ),
        (
            "Australia/Lord_Howe",
            "45 * * * *",
            "2026-04-04T14:00",
            "2026-04-04T16:30",
            &["2026-04-04T14:45", "2026-04-04T15:15", "2026-04-04T16:15"],
        ),
        (
            "Australia/Lord_Howe",
            "15 * * * *",
            "2026-10-03T14:00",
            "2026-10-03T16:30",
            &["2026-10-03T14:45", "2026-10-03T16:15"],
        ),
        (
            "Asia/Kathmandu",
            "0 * * * *",
            "2026-01-01T00:00",
            "2026-01-01T02:00",
            &["2026-01-01T00:15", "2026-01-01T01:15"],
        ),
        (
            "America/St_Johns",
            "0 * * * *",
            "2026-01-01T00:00",
            "2026-01-01T02:00",
            &["2026-01-01T00:30", "2026-01-01T01:30"],
        ),
    ]);
}

#[test]
fn a_day_that_does_not_exist_is_one_long_gap() {
    check(&[
        // Apia went from 2011-12-29 24:00 straight to 2011-12-31.
        (
            "Pacific/Apia",
            "0 12 * * *",
            "2011-12-29T12:00",
            "2012-01-01T12:00",
            &[
                "2011-12-29T22:00",
                "2011-12-30T10:00",
                "2011-12-30T22:00",
                "2011-12-31T22:00",
            ],
        ),
        (
            "Pacific/Apia",
            "0 12 30 12 *",
            "2011-06-01T00:00",
            "2012-12-30T00:00",
            &["2011-12-30T10:00", "2012-12-29T22:00"],
        ),
        (
            "Pacific/Apia",
            "0 0,6,12 30,31 12 *",
            "2011-06-01T00:00",
            "2012-06-01T00:00",
            &["2011-12-30T10:00", "2011-12-30T16:00", "2011-12-30T22:00"],
        ),
        (
            "Pacific/Apia",
            "0 * 30 12 *",
            "2011-06-01T00:00",
            "2012-12-29T11:00",
            &["2012-12-29T10:00", "2012-12-29T11:00"],
        ),
    ]);
}

#[test]
fn a_change_of_the_standard_offset_follows_the_same_rules() {
    check(&[
        // Pyongyang: 00:00 back to 23:30 on 2015-08-15, 23:30 on to 00:00 on 2018-05-04.
        (
            "Asia/Pyongyang",
            "45 23 * * *",
            "2015-08-14T00:00",
            "2015-08-15T15:30",
            &["2015-08-14T14:45", "2015-08-15T15:15"],
        ),
        (
            "Asia/Pyongyang",
            "45 23 * * *",
            "2018-05-04T00:00",
            "2018-05-05T15:00",
            &["2018-05-04T15:00", "2018-05-05T14:45"],
        ),
        (
            "Asia/Pyongyang",
            "0 0 * * *",
            "2018-05-04T00:00",
            "2018-05-05T15:00",
            &["2018-05-04T15:00", "2018-05-05T15:00"],
        ),
    ]);
}

#[test]
fn rules_hold_beyond_the_years_a_zone_file_lists() {
    check(&[
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2060-03-27T12:00",
            "2060-03-29T12:00",
            &["2060-03-28T01:00", "2060-03-29T00:30"],
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2060-10-30T12:00",
            "2060-11-01T12:00",
            &["2060-10-31T00:30", "2060-11-01T01:30"],
        ),
    ]);
}

#[test]
fn local_mean_time_with_its_odd_seconds_gives_whole_local_minutes() {
    // Berlin was 53 minutes 28 seconds ahead until 1893-04-01.
    let slot = next_slot(
        &cron("0 0 * * *"),
        &zone("Europe/Berlin"),
        time("1890-01-01T00:00:00Z"),
    );
    assert_eq!(slot, Some(time("1890-01-01T23:06:32Z")));
}

#[test]
fn the_start_is_part_of_the_search_to_the_millisecond() {
    let (daily, utc) = (cron("0 0 * * *"), zone("UTC"));
    let midnight = time("2026-01-02T00:00:00Z");
    assert_eq!(next_slot(&daily, &utc, midnight), Some(midnight));
    assert_eq!(
        next_slot(&daily, &utc, Time(midnight.0 - 1)),
        Some(midnight)
    );
    assert_eq!(
        next_slot(&daily, &utc, Time(midnight.0 + 1)),
        Some(Time(midnight.0 + 86_400_000))
    );
    assert_eq!(next_slot(&daily, &utc, Time(-1)), Some(Time(0)));
}

#[test]
fn a_window_excludes_its_start_includes_its_end_and_keeps_to_its_limit() {
    let (hourly, utc) = (cron("@hourly"), zone("UTC"));
    let at = |hour: i64| Time(hour * 3_600_000);
    assert_eq!(
        slots_between(&hourly, &utc, at(1), at(3), 10),
        [at(2), at(3)]
    );
    assert_eq!(
        slots_between(&hourly, &utc, at(1), at(100), 2),
        [at(2), at(3)]
    );
    assert_eq!(slots_between(&hourly, &utc, at(1), at(100), 0), []);
    assert_eq!(slots_between(&hourly, &utc, at(3), at(3), 10), []);
    assert_eq!(slots_between(&hourly, &utc, at(3), at(1), 10), []);
}

#[test]
fn the_rarest_pattern_is_found_across_the_leap_year_that_is_missing() {
    // A leap day on a Sunday: 2088 and, as 2100 is no leap year, 2128.
    let slot = next_slot(
        &cron("0 6 29 2 */7"),
        &zone("UTC"),
        time("2088-03-01T00:00:00Z"),
    );
    assert_eq!(slot, Some(time("2128-02-29T06:00:00Z")));
}

#[test]
fn the_ends_of_time_are_defined() {
    for name in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
        for text in ["* * * * *", "30 2 * * *", "0 0 29 2 *"] {
            let (cron, zone) = (cron(text), zone(name));
            assert_eq!(next_slot(&cron, &zone, Time(i64::MAX)), None);
            assert_eq!(next_slot(&cron, &zone, time("9999-06-01T00:00:00Z")), None);
            let first = next_slot(&cron, &zone, Time(i64::MIN)).expect("there is a first slot");
            assert!(first >= time("0001-01-01T00:00:00Z"), "{first}");
            assert!(
                last_slot(&cron, &zone, Time(i64::MIN), Time(i64::MAX))
                    .is_some_and(|last| last > time("9990-01-01T00:00:00Z"))
            );
            assert_eq!(
                last_slot(&cron, &zone, Time(i64::MIN), Time(i64::MIN)),
                None
            );
        }
    }
}

#[test]
fn a_search_that_begins_in_the_second_pass_does_not_find_a_fixed_time_again() {
    let (daily, berlin) = (cron("30 2 * * *"), zone("Europe/Berlin"));
    let first = time("2026-10-25T00:30:00Z");
    let next_day = time("2026-10-26T01:30:00Z");
    for (from, expected) in [
        ("2026-10-25T00:30:00Z", first),
        ("2026-10-25T00:30:00.001Z", next_day),
        ("2026-10-25T01:00:00Z", next_day),
        ("2026-10-25T01:15:00Z", next_day),
        ("2026-10-25T01:30:00Z", next_day),
    ] {
        assert_eq!(
            next_slot(&daily, &berlin, time(from)),
            Some(expected),
            "{from}"
        );
    }
}
