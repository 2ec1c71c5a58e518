//! What is not a cron, where the error points and what it proposes.

use ork_core::schedule::{Cron, CronError};

/// Text, field, the part the caret underlines, a piece of the message, a piece of the hint.
const REFUSED: [(&str, Option<&str>, &str, &str, &str); 48] = [
    ("", None, "", "empty", "`30 2 * * *`"),
    ("  \t ", None, " ", "empty", "`30 2 * * *`"),
    ("5 * * *", None, "5 * * *", "this one has 4", "minute, hour"),
    ("hello", None, "hello", "this one has 1", "minute, hour"),
    (
        "0 30 2 * * *",
        None,
        "0",
        "this one has 6",
        "seconds: write `30 2 * * *`",
    ),
    (
        "30 2 * * * 2026",
        None,
        "2026",
        "this one has 6",
        "year: write `30 2 * * *`",
    ),
    (
        "0 30 2 * * * 2026",
        None,
        "0 30 2 * * * 2026",
        "this one has 7",
        "write `30 2 * * *`",
    ),
    (
        "1 2 3 4 5 6 7 8",
        None,
        "1 2 3 4 5 6 7 8",
        "this one has 8",
        "minute, hour",
    ),
    (
        "every 5 minutes",
        None,
        "every 5 minutes",
        "this one has 3",
        "`*/5 * * * *`",
    ),
    (
        "@reboot",
        None,
        "@reboot",
        "`@reboot` is not a schedule",
        "ork execute",
    ),
    (
        "@every 5m",
        None,
        "@every 5m",
        "not a schedule",
        "`*/5 * * * *`",
    ),
    (
        "@fortnightly",
        None,
        "@fortnightly",
        "not a schedule",
        "@weekly",
    ),
    (
        "60 * * * *",
        Some("minute"),
        "60",
        "60 is outside the minute field",
        "0 to 59",
    ),
    (
        "0 24 * * *",
        Some("hour"),
        "24",
        "outside the hour field",
        "0 to 23",
    ),
    (
        "0 0 0 * *",
        Some("day of month"),
        "0",
        "outside the day of month field",
        "1 to 31",
    ),
    (
        "0 0 32 * *",
        Some("day of month"),
        "32",
        "outside",
        "1 to 31",
    ),
    (
        "0 0 1 0 *",
        Some("month"),
        "0",
        "outside",
        "1 to 12 or JAN to DEC",
    ),
    (
        "0 0 1 13 *",
        Some("month"),
        "13",
        "outside",
        "1 to 12 or JAN to DEC",
    ),
    (
        "0 0 * * 8",
        Some("day of week"),
        "8",
        "outside",
        "0 to 7 or SUN to SAT",
    ),
    (
        "99999999999999999999 * * * *",
        Some("minute"),
        "99999999999999999999",
        "outside",
        "0 to 59",
    ),
    ("  0  25,3 * * *", Some("hour"), "25", "outside", "0 to 23"),
    ("0 3,25 * * *", Some("hour"), "25", "outside", "0 to 23"),
    (
        "-5 * * * *",
        Some("minute"),
        "-5",
        "not a minute",
        "0 to 59",
    ),
    (
        "1.5 * * * *",
        Some("minute"),
        "1.5",
        "not a minute",
        "whole number",
    ),
    (
        "+5 * * * *",
        Some("minute"),
        "+5",
        "not a minute",
        "0 to 59",
    ),
    (
        "1,,2 * * * *",
        Some("minute"),
        "1,,2",
        "empty item",
        "comma",
    ),
    ("1, * * * *", Some("minute"), "1,", "empty item", "comma"),
    (
        "30-10 * * * *",
        Some("minute"),
        "30-10",
        "ends before it starts",
        "`30-59,0-10`",
    ),
    (
        "0 22-2 * * *",
        Some("hour"),
        "22-2",
        "ends before it starts",
        "`22-23,0-2`",
    ),
    (
        "0 23-2 * * *",
        Some("hour"),
        "23-2",
        "ends before it starts",
        "`23,0-2`",
    ),
    (
        "0 0 * * 5-0",
        Some("day of week"),
        "5-0",
        "ends before it starts",
        "`5-7`",
    ),
    (
        "0 0 * * SAT-MON",
        Some("day of week"),
        "SAT-MON",
        "ends before it starts",
        "`6,0-1`",
    ),
    (
        "1- * * * *",
        Some("minute"),
        "1-",
        "has no end",
        "first-last",
    ),
    (
        "1-2-3 * * * *",
        Some("minute"),
        "2-3",
        "not a minute",
        "0 to 59",
    ),
    ("*/0 * * * *", Some("minute"), "0", "not a step", "1 to 60"),
    (
        "*/61 * * * *",
        Some("minute"),
        "61",
        "not a step",
        "at most 60",
    ),
    ("*/ * * * *", Some("minute"), "", "not a step", "1 to 60"),
    (
        "*/2/3 * * * *",
        Some("minute"),
        "2/3",
        "not a step",
        "1 to 60",
    ),
    (
        "*/+2 * * * *",
        Some("minute"),
        "+2",
        "not a step",
        "1 to 60",
    ),
    (
        "5/15 * * * *",
        Some("minute"),
        "5/15",
        "single number",
        "`5-59/15`",
    ),
    (
        "/15 * * * *",
        Some("minute"),
        "/15",
        "step through",
        "`*/15`",
    ),
    (
        "*5 * * * *",
        Some("minute"),
        "*5",
        "not a minute",
        "stands alone",
    ),
    (
        "30 2 ? * MON",
        Some("day of month"),
        "?",
        "not a day of month",
        "write `*`",
    ),
    (
        "0 0 L * *",
        Some("day of month"),
        "L",
        "not a day of month",
        "28-31",
    ),
    (
        "0 0 15W * *",
        Some("day of month"),
        "15W",
        "not a day of month",
        "nearest weekday",
    ),
    (
        "0 0 * * 5#2",
        Some("day of week"),
        "5#2",
        "not a day of week",
        "n-th weekday",
    ),
    (
        "0 0 * * MONDAY",
        Some("day of week"),
        "MONDAY",
        "not a day of week",
        "write `MON`",
    ),
    (
        "0 0 MON * *",
        Some("day of month"),
        "MON",
        "not a day of month",
        "day of week field",
    ),
];

fn refused(text: &str) -> CronError {
    Cron::parse(text).map_or_else(
        |error| error,
        |cron| panic!("`{text}` was read as {cron:?}"),
    )
}

fn underlined(text: &str, error: &CronError) -> String {
    text.chars().skip(error.offset).take(error.width).collect()
}

#[test]
fn what_is_not_unix_cron_is_refused_with_place_and_hint() {
    for (text, field, part, message, hint) in REFUSED {
        let error = refused(text);
        assert_eq!(error.field, field, "{text}: {error:?}");
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(
            error
                .hint
                .as_deref()
                .is_some_and(|given| given.contains(hint)),
            "{text}: {error:?}"
        );
        assert!(error.width >= 1, "{text}: {error:?}");
        if !part.is_empty() {
            assert_eq!(underlined(text, &error), part, "{text}: {error:?}");
        }
    }
}

#[test]
fn places_are_counted_in_characters_not_bytes() {
    let error = refused("0 0 * * möööntag,9");
    assert_eq!((error.offset, error.width), (8, 8), "{error:?}");
    let error = refused("0\u{a0}0 * * *");
    assert_eq!(
        error.message, "a schedule has five fields, this one has 4",
        "a no-break space is no blank"
    );
    assert_eq!(error.width, 9);
}

#[test]
fn a_date_that_no_year_has_is_refused() {
    for (text, part) in [
        ("0 0 31 2 *", "31"),
        ("0 0 30 FEB *", "30"),
        ("0 0 31 4,6,9,11 *", "31"),
        ("0 0 30,31 2 */2", "30,31"),
    ] {
        let error = refused(text);
        assert_eq!(error.field, Some("day of month"), "{text}");
        assert_eq!(underlined(text, &error), part, "{text}");
        assert!(error.message.contains("never fires"), "{text}: {error}");
    }
}

#[test]
fn a_text_of_absurd_length_is_refused_without_being_repeated() {
    let error = refused(&format!("{}0 * * * *", "0,".repeat(100_000)));
    assert!(error.message.len() < 200, "{}", error.message.len());
    assert!(error.message.contains("at most 1000"), "{error}");
    assert!(Cron::parse(&format!("{} * * * *", vec!["0"; 400].join(","))).is_ok());
}
