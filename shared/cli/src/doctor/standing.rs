//! What is told of a server and of a project alike: how far apart clocks are, when somebody ticked, what is late.

use ork_core::time::{Millis, Time};

use super::Finding;
use crate::workflow_file::count;

/// Tokens whose times are further off than this are refused.
const TOO_FAR: Millis = Millis::from_secs(60);
/// Further off than this is worth a word: what is asked takes a second or two, and a header tells whole seconds.
const FAR: Millis = Millis::from_secs(10);
/// With no tick noted for longer than this nobody ticks: idle ones are noted every five minutes.
const TICKLESS: Millis = Millis::from_secs(600);
/// Being late by less than this is nothing to speak of.
const LATE: Millis = Millis::from_secs(60);

/// What is done when nobody ticks.
const NO_TICKS: &str = "scheduler.tick says whether Cloud Scheduler's job is enabled; the log of the service tick says what became of its requests";

/// The instant of an HTTP date such as `Sun, 22 Nov 2026 18:10:20 GMT`.
fn http_date(text: &str) -> Option<Time> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = rest.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|one| *one == month)? + 1;
    Time::parse(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

/// How far the clock of whoever answered `date` is from ours, which was `before` when it was asked and `after` when it had answered.
pub(super) fn clocks(date: Option<&str>, before: Time, after: Time) -> Finding {
    let Some(there) = date.and_then(http_date) else {
        return Finding::unknown(
            "the answer says nothing of its clock",
            "a proxy on the way may take the header `Date` away",
        );
    };
    let set = "set this clock, or have it set: `timedatectl set-ntp true`; if it is right, the other one is wrong";
    let (apart, word) = if there + Millis(999) < before {
        (before.since(there + Millis(999)), "behind this one")
    } else if there > after {
        (there.since(after), "ahead of this one")
    } else {
        return Finding::ok("as this one");
    };
    let found = format!("{apart} {word}");
    if apart > TOO_FAR {
        let found = format!("{found}; tokens and signed URLs are refused beyond {TOO_FAR}");
        return Finding::failed(found, set);
    }
    if apart > FAR {
        return Finding::warning(found, set);
    }
    Finding::ok(found)
}

/// What is known of ticks: the latest that was noted, and what could not be done in it.
pub(super) fn ticks(latest: Option<(Time, u32)>, now: Time) -> Finding {
    let Some((at, errors)) = latest else {
        return Finding::failed("nobody has ticked yet", NO_TICKS);
    };
    let ago = now.since(at);
    let found = format!("the last one that was noted was {ago} ago");
    if ago > TICKLESS {
        let found = format!("{found}; even idle ones are noted every five minutes");
        return Finding::failed(found, NO_TICKS);
    }
    if errors > 0 {
        return Finding::warning(
            format!("{found}, with {}", count(errors as usize, "error")),
            "the log of the service tick says which",
        );
    }
    Finding::ok(found)
}

/// Runs that should have been looked at by now, the one that has waited longest with its instant, and how many there are.
pub(super) fn wakes(longest: Option<(&str, Time)>, late: usize, now: Time) -> Finding {
    match longest {
        Some((run, at)) if at + LATE < now => Finding::failed(
            format!(
                "{} should have been looked at by now, {run} for {} already",
                count(late.max(1), "run"),
                now.since(at)
            ),
            format!(
                "nobody is at work on them: is there an `ork dev`, or do ticks arrive? `ork run explain {run}` says what it waits for"
            ),
        ),
        Some((run, at)) => Finding::ok(format!("{run} is next, at {}", at.rfc3339())),
        None => Finding::ok("no run is under way"),
    }
}

/// What could not be handled, and why the first of it could not.
pub(super) fn set_aside(number: usize, why: Option<&str>) -> Finding {
    match why {
        None if number == 0 => Finding::ok("nothing"),
        why => Finding::warning(
            format!("{number}: {}", why.unwrap_or("it is not told why")),
            "docs/recovery.md; what was set aside is looked at again when its run or workflow changes",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    const NOW: Time = Time(1_795_000_000_000);

    #[test]
    fn dates_of_http_are_read() {
        let read = http_date("Sun, 22 Nov 2026 18:10:20 GMT").expect("a date");
        assert_eq!(read.rfc3339(), "2026-11-22T18:10:20Z");
        for wrong in [
            "",
            "Sun, 22 Nov 2026",
            "22 Nov 2026 18:10:20 GMT",
            "Sun, 22 Nox 2026 18:10:20 GMT",
            "Sun, 99 Nov 2026 18:10:20 GMT",
        ] {
            assert_eq!(http_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn clocks_may_be_a_little_apart_and_not_much() {
        let date = |at: Time| {
            let text = at.rfc3339();
            let day = &text[8..10];
            format!("Mon, {day} Nov 2026 {} GMT", &text[11..19])
        };
        for (seconds, state) in [
            (0, State::Ok),
            (9, State::Ok),
            (-9, State::Ok),
            (12, State::Warning),
            (-12, State::Warning),
            (90, State::Failed),
            (-90, State::Failed),
        ] {
            let there = Time(NOW.0 + seconds * 1000);
            let found = clocks(Some(&date(there)), NOW, NOW + Millis(5));
            assert_eq!(found.state, state, "{seconds}: {found:?}");
        }
        assert_eq!(clocks(None, NOW, NOW).state, State::Unknown);
        assert_eq!(clocks(Some("today"), NOW, NOW).state, State::Unknown);
    }

    #[test]
    fn ticks_wakes_and_what_was_set_aside_are_judged() {
        let ago = |seconds: u64| NOW - Millis::from_secs(seconds);
        assert_eq!(ticks(None, NOW).state, State::Failed);
        assert_eq!(ticks(Some((ago(601), 0)), NOW).state, State::Failed);
        assert_eq!(ticks(Some((ago(599), 0)), NOW).state, State::Ok);
        assert_eq!(ticks(Some((ago(10), 2)), NOW).state, State::Warning);
        // A clock that was set back is no reason to complain.
        assert_eq!(ticks(Some((NOW + Millis(5), 0)), NOW).state, State::Ok);
        assert_eq!(wakes(None, 0, NOW).state, State::Ok);
        assert_eq!(wakes(Some(("r", ago(30))), 1, NOW).state, State::Ok);
        let late = wakes(Some(("r", ago(300))), 3, NOW);
        assert_eq!(late.state, State::Failed);
        assert_eq!(
            late.found,
            "3 runs should have been looked at by now, r for 5m already"
        );
        assert_eq!(set_aside(0, None).state, State::Ok);
        assert_eq!(set_aside(2, Some("runs-a: x")).found, "2: runs-a: x");
    }
}
