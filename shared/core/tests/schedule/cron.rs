//! What is read as a cron and what it means.

use ork_core::schedule::{Slots, describe};

use crate::{cron, time, zone};

/// The first slots in UTC after the start of 2026, without the seconds.
fn first(text: &str, count: usize) -> Vec<String> {
    let (cron, utc) = (cron(text), zone("UTC"));
    Slots::new(&cron, &utc, time("2026-01-01T00:00:00Z"))
        .take(count)
        .map(|slot| slot.rfc3339().replace(":00Z", ""))
        .collect()
}

#[test]
fn every_form_of_a_field_is_read() {
    let table: [(&str, &[&str]); 24] = [
        ("* * * * *", &["2026-01-01T00:00", "2026-01-01T00:01"]),
        ("5 * * * *", &["2026-01-01T00:05", "2026-01-01T01:05"]),
        ("05 03 * * *", &["2026-01-01T03:05", "2026-01-02T03:05"]),
        (
            "1,58 * * * *",
            &["2026-01-01T00:01", "2026-01-01T00:58", "2026-01-01T01:01"],
        ),
        (
            "57-58 * * * *",
            &["2026-01-01T00:57", "2026-01-01T00:58", "2026-01-01T01:57"],
        ),
        (
            "*/25 * * * *",
            &[
                "2026-01-01T00:00",
                "2026-01-01T00:25",
                "2026-01-01T00:50",
                "2026-01-01T01:00",
            ],
        ),
        ("*/60 * * * *", &["2026-01-01T00:00", "2026-01-01T01:00"]),
        (
            "10-30/20,59 5 * * *",
            &[
                "2026-01-01T05:10",
                "2026-01-01T05:30",
                "2026-01-01T05:59",
                "2026-01-02T05:10",
            ],
        ),
        (
            "0 */9 * * *",
            &[
                "2026-01-01T00:00",
                "2026-01-01T09:00",
                "2026-01-01T18:00",
                "2026-01-02T00:00",
            ],
        ),
        (
            "0 0 1 2-3 *",
            &["2026-02-01T00:00", "2026-03-01T00:00", "2027-02-01T00:00"],
        ),
        ("0 0 1 feb,Oct *", &["2026-02-01T00:00", "2026-10-01T00:00"]),
        (
            "0 0 1 JAN-DEC/6 *",
            &["2026-01-01T00:00", "2026-07-01T00:00"],
        ),
        ("0 0 * * 0", &["2026-01-04T00:00", "2026-01-11T00:00"]),
        ("0 0 * * 7", &["2026-01-04T00:00", "2026-01-11T00:00"]),
        ("0 0 * * sun", &["2026-01-04T00:00", "2026-01-11T00:00"]),
        (
            "0 0 * * 1-5",
            &["2026-01-01T00:00", "2026-01-02T00:00", "2026-01-05T00:00"],
        ),
        (
            "0 0 * * 5-7",
            &[
                "2026-01-02T00:00",
                "2026-01-03T00:00",
                "2026-01-04T00:00",
                "2026-01-09T00:00",
            ],
        ),
        (
            "0 0 * * FRI-SUN",
            &[
                "2026-01-02T00:00",
                "2026-01-03T00:00",
                "2026-01-04T00:00",
                "2026-01-09T00:00",
            ],
        ),
        (
            "0 0 * * SUN-MON",
            &["2026-01-04T00:00", "2026-01-05T00:00", "2026-01-11T00:00"],
        ),
        (
            "0 0 * * 0-7",
            &[
                "2026-01-01T00:00",
                "2026-01-02T00:00",
                "2026-01-03T00:00",
                "2026-01-04T00:00",
            ],
        ),
        ("0 0 29 2 *", &["2028-02-29T00:00", "2032-02-29T00:00"]),
        (
            "0 0 31 * *",
            &[
                "2026-01-31T00:00",
                "2026-03-31T00:00",
                "2026-05-31T00:00",
                "2026-07-31T00:00",
                "2026-08-31T00:00",
            ],
        ),
        ("0 0 30 2,4 *", &["2026-04-30T00:00", "2027-04-30T00:00"]),
        (
            "  0\t12  * * *  ",
            &["2026-01-01T12:00", "2026-01-02T12:00"],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(first(text, expected.len()), expected, "{text}");
    }
}

#[test]
fn macros_stand_for_their_fields() {
    let table = [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@Daily", "0 0 * * *"),
    ];
    for (text, fields) in table {
        assert_eq!(first(text, 30), first(fields, 30), "{text}");
        assert_eq!(cron(text).to_string(), text, "the text is kept as written");
    }
}

#[test]
fn two_restricted_day_fields_are_joined_by_or() {
    // The 13th, and every Friday.
    assert_eq!(
        first("0 0 13 * FRI", 4),
        [
            "2026-01-02T00:00",
            "2026-01-09T00:00",
            "2026-01-13T00:00",
            "2026-01-16T00:00"
        ]
    );
    // February has no 31st, but it has Mondays.
    assert_eq!(
        first("0 0 31 2 MON", 2),
        ["2026-02-02T00:00", "2026-02-09T00:00"]
    );
    // All numbers written out are a restriction too, so every day matches.
    assert_eq!(
        first("0 0 1-31 * FRI", 2),
        ["2026-01-01T00:00", "2026-01-02T00:00"]
    );
}

#[test]
fn a_day_field_with_a_star_restricts_and_is_joined_by_and() {
    assert_eq!(
        first("0 0 * * FRI", 2),
        ["2026-01-02T00:00", "2026-01-09T00:00"]
    );
    assert_eq!(
        first("0 0 13 * *", 2),
        ["2026-01-13T00:00", "2026-02-13T00:00"]
    );
    // Fridays that fall on an odd day.
    assert_eq!(
        first("0 0 */2 * FRI", 3),
        ["2026-01-09T00:00", "2026-01-23T00:00", "2026-02-13T00:00"]
    );
    assert_eq!(
        first("0 0 1 * */7", 2),
        ["2026-02-01T00:00", "2026-03-01T00:00"]
    );
}

#[test]
fn only_a_star_makes_the_hours_open() {
    for (text, fixed) in [
        ("0 2 * * *", true),
        ("0 2,3 * * *", true),
        ("0 0-23 * * *", true),
        ("0 0-23/2 * * *", true),
        ("* 2 * * *", true),
        ("@daily", true),
        ("0 * * * *", false),
        ("0 */2 * * *", false),
        ("0 5,*/6 * * *", false),
        ("@hourly", false),
    ] {
        assert_eq!(cron(text).has_fixed_hours(), fixed, "{text}");
    }
}

#[test]
fn a_cron_is_described_in_english() {
    for (text, expected) in [
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("0 * * * *", "every hour"),
        ("5 * * * *", "at minute 5 of every hour"),
        ("0 */2 * * *", "every 2 hours"),
        ("30 */6 * * *", "at 00:30, 06:30, 12:30 and 18:30"),
        ("30 */3 * * *", "at minute 30 of every 3rd hour"),
        ("30 2 * * *", "at 02:30 every day"),
        ("0 9,17 * * 1-5", "at 09:00 and 17:00 on Monday to Friday"),
        (
            "*/10 9-17 * * *",
            "every 10 minutes of the hours 9 to 17 every day",
        ),
        ("0 0 1,15 * *", "at 00:00 on day 1 and 15 of the month"),
        (
            "0 0 13 * FRI",
            "at 00:00 on day 13 of the month or on Friday",
        ),
        (
            "0 0 */2 * FRI",
            "at 00:00 on day 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29 and 31 of the month if it falls on Friday",
        ),
        ("0 3 * JAN,JUL *", "at 03:00 every day in January and July"),
        ("@yearly", "at 00:00 on day 1 of the month in January"),
    ] {
        assert_eq!(describe(&cron(text)), expected, "{text}");
    }
}
