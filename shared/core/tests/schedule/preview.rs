//! What `ork schedule preview` shows.

use ork_core::definition::{Catchup, Schedule};
use ork_core::schedule::preview;

use crate::{schedule, time};

fn daily(cron: &str, timezone: &str) -> Schedule {
    schedule(cron, timezone, Catchup::Latest)
}

/// Position, local time and note of each slot.
fn shown(schedules: &[Schedule], from: &str, count: usize) -> Vec<(usize, String, Option<String>)> {
    let slots = preview(schedules, time(from), count).expect("valid schedules");
    slots
        .into_iter()
        .map(|slot| (slot.schedule, slot.local, slot.note))
        .collect()
}

#[test]
fn slots_of_several_schedules_come_in_the_order_of_time() {
    let schedules = [
        daily("0 9 * * *", "Europe/Berlin"),
        daily("0 9 * * *", "America/New_York"),
        daily("0 12 1 * *", "UTC"),
    ];
    let found = preview(&schedules, time("2026-01-01T08:00:00Z"), 4).expect("valid");
    let rows: Vec<_> = found
        .iter()
        .map(|slot| {
            (
                slot.schedule,
                slot.slot.rfc3339(),
                slot.local.as_str(),
                slot.note.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                0,
                "2026-01-01T08:00:00Z".to_owned(),
                "2026-01-01T09:00:00+01:00[Europe/Berlin]",
                None
            ),
            (
                2,
                "2026-01-01T12:00:00Z".to_owned(),
                "2026-01-01T12:00:00+00:00[UTC]",
                None
            ),
            (
                1,
                "2026-01-01T14:00:00Z".to_owned(),
                "2026-01-01T09:00:00-05:00[America/New_York]",
                None
            ),
            (
                0,
                "2026-01-02T08:00:00Z".to_owned(),
                "2026-01-02T09:00:00+01:00[Europe/Berlin]",
                None
            ),
        ]
    );
}

#[test]
fn two_schedules_due_together_are_one_entry() {
    let schedules = [
        daily("0 */6 * * *", "UTC"),
        daily("0 6 * * *", "UTC"),
        daily("0 7 * * *", "Europe/Berlin"),
    ];
    let found = shown(&schedules, "2026-01-01T00:00:00Z", 3);
    let note = "schedule 2 is due at the same instant: one run; schedule 3 is due at the same instant: one run";
    assert_eq!(
        found[1],
        (
            0,
            "2026-01-01T06:00:00+00:00[UTC]".to_owned(),
            Some(note.to_owned())
        )
    );
    assert_eq!(found[2].1, "2026-01-01T12:00:00+00:00[UTC]");
}

#[test]
fn disabled_schedules_and_no_schedules_show_nothing() {
    let mut off = daily("0 9 * * *", "UTC");
    off.enabled = false;
    assert_eq!(shown(&[off.clone()], "2026-01-01T00:00:00Z", 3), []);
    assert_eq!(shown(&[], "2026-01-01T00:00:00Z", 3), []);
    let found = shown(
        &[off, daily("0 10 * * *", "UTC")],
        "2026-01-01T00:00:00Z",
        1,
    );
    assert_eq!(found[0].0, 1, "positions are those of the whole list");
}

#[test]
fn a_slot_moved_out_of_the_gap_says_so() {
    let found = shown(
        &[daily("30 2 * * *", "Europe/Berlin")],
        "2026-03-28T12:00:00Z",
        2,
    );
    let note = "02:30 does not exist on this day: moved to the first instant after the gap";
    assert_eq!(
        found[0],
        (
            0,
            "2026-03-29T03:00:00+02:00[Europe/Berlin]".to_owned(),
            Some(note.to_owned())
        )
    );
    assert_eq!(
        found[1],
        (
            0,
            "2026-03-30T02:30:00+02:00[Europe/Berlin]".to_owned(),
            None
        )
    );

    let found = shown(
        &[daily("*/15 2 * * *", "Europe/Berlin")],
        "2026-03-28T12:00:00Z",
        1,
    );
    let note = "02:00 (and 3 more up to 03:00) does not exist on this day: moved to the first instant after the gap";
    assert_eq!(found[0].2.as_deref(), Some(note));

    let found = shown(
        &[daily("0 12 30 12 *", "Pacific/Apia")],
        "2011-12-01T00:00:00Z",
        1,
    );
    let note = "12:00 does not exist on 2011-12-30: moved to the first instant after the gap";
    assert_eq!(
        found[0],
        (
            0,
            "2011-12-31T00:00:00+14:00[Pacific/Apia]".to_owned(),
            Some(note.to_owned())
        )
    );
}

#[test]
fn a_slot_right_at_the_end_of_the_gap_was_not_moved() {
    let found = shown(
        &[daily("0 3 * * *", "Europe/Berlin")],
        "2026-03-29T00:00:00Z",
        1,
    );
    assert_eq!(
        found[0],
        (
            0,
            "2026-03-29T03:00:00+02:00[Europe/Berlin]".to_owned(),
            None
        )
    );
}

#[test]
fn a_time_that_comes_twice_says_which_one_it_is() {
    let found = shown(
        &[daily("30 2 * * *", "Europe/Berlin")],
        "2026-10-24T12:00:00Z",
        2,
    );
    assert_eq!(found[0].1, "2026-10-25T02:30:00+02:00[Europe/Berlin]");
    assert_eq!(
        found[0].2.as_deref(),
        Some("02:30 comes twice on this day: fires at the first")
    );
    assert_eq!(found[1].2, None);

    for (cron, twice) in [
        ("0 2 * * *", true),
        ("59 2 * * *", true),
        ("59 1 * * *", false),
        ("0 3 * * *", false),
    ] {
        let found = shown(&[daily(cron, "Europe/Berlin")], "2026-10-24T12:00:00Z", 1);
        assert_eq!(found[0].2.is_some(), twice, "{cron}");
    }

    let notes: Vec<_> = shown(
        &[daily("30 * * * *", "Europe/Berlin")],
        "2026-10-24T23:00:00Z",
        4,
    )
    .into_iter()
    .map(|row| row.2)
    .collect();
    assert_eq!(
        notes,
        [
            None,
            Some("02:30 comes twice on this day: this is the first".to_owned()),
            Some("the clock was set back: 02:30 comes for the second time".to_owned()),
            None,
        ]
    );
}

#[test]
fn the_start_is_included_and_errors_name_the_field() {
    let found = shown(&[daily("0 9 * * *", "UTC")], "2026-01-01T09:00:00Z", 1);
    assert_eq!(found[0].1, "2026-01-01T09:00:00+00:00[UTC]");
    let error = preview(&[daily("0 9 * *", "UTC")], time("2026-01-01T09:00:00Z"), 1)
        .expect_err("four fields");
    assert_eq!(
        error.to_string(),
        "a schedule has five fields, this one has 4"
    );
}
