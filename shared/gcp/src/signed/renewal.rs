//! When URLs are renewed that do not last as long as their attempt may.
//!
//! Those who sign do it at a sign of life, when a third of the time is over; those who use the URLs look for new ones from half of it on. So
//! there are eight hours in which IAM may be away, and the worker finds at its first look what it looks for.

use ork_core::time::{Millis, Time};

use super::needs::{UNRENEWED_LONGEST, renews};
use super::signer::LONGEST;

/// The age at which URLs are signed again.
const SIGNED_AT: Millis = Millis::from_secs(LONGEST.as_secs() / 3);
/// The longest that signs of life may be apart from which an attempt with renewed URLs is known to be alive: from the age at which its URLs are
/// signed again on there are at least six more.
pub const SIGNS_APART: Millis = Millis::from_secs(3600);
/// So often a worker looks for new URLs while those it has last.
const LOOKS: u64 = 144;

/// Whether URLs have to be signed again that were `written` then, or never but for the first ones, of which only their worker knows the age.
pub(crate) fn is_to_be_signed(written: Option<Time>, now: Time) -> bool {
    written.is_none_or(|written| now >= written + SIGNED_AT)
}

/// Whether a worker has to look for new URLs: those it has were signed `at` and last `until`, and it has `looked` last then.
pub(super) fn is_to_be_looked_for(at: Time, until: Time, looked: Option<Time>, now: Time) -> bool {
    let lasts = until.since(at);
    // A clock that was put back does not make it wait.
    let looked = looked.filter(|looked| *looked <= now);
    now >= at + Millis(lasts.0 / 2)
        && looked.is_none_or(|looked| now >= looked + Millis(lasts.0 / LOOKS))
}

/// Whether so much of their time is over that somebody should be told when there are no new ones.
pub(super) fn is_late(at: Time, until: Time, now: Time) -> bool {
    now >= at + Millis(until.since(at).0 / 4 * 3)
}

/// Why the URLs of an attempt cannot be renewed, if they have to be: nobody would look after it often enough.
pub(crate) fn refusal(timeout: Millis, heartbeat_timeout: Millis) -> Option<String> {
    let seconds = |span: Millis| span.0.div_ceil(1000);
    (renews(timeout) && heartbeat_timeout > SIGNS_APART).then(|| {
        format!(
            "its heartbeat_timeout of {} s is too long for a worker without credentials and a timeout of {} s: signed URLs are good for {} h, and \
             are renewed when a sign of life is looked for; set a heartbeat_timeout of {} s at most, or a timeout of {} s at most, or run it on \
             a worker job whose service account may read and write the objects of runs itself",
            seconds(heartbeat_timeout),
            seconds(timeout),
            LONGEST.as_secs() / 3600,
            seconds(SIGNS_APART),
            seconds(UNRENEWED_LONGEST),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;

    fn at(seconds: u64) -> Time {
        Time(1_780_000_000_000) + Millis::from_secs(seconds)
    }

    #[test]
    fn they_are_signed_again_when_a_third_of_their_time_is_over() {
        for (written, now, wanted) in [
            (None, 0, true),
            (Some(0), 0, false),
            (Some(0), 4 * HOUR - 1, false),
            (Some(0), 4 * HOUR, true),
            (Some(0), 40 * HOUR, true),
            // By another clock, which is ahead.
            (Some(10), 0, false),
        ] {
            let said = is_to_be_signed(written.map(at), at(now));
            assert_eq!(said, wanted, "{written:?} {now}");
        }
        let tries = (LONGEST.as_secs() - SIGNED_AT.0 / 1000) / (SIGNS_APART.0 / 1000);
        assert!(tries >= 7, "IAM may be away for a while: {tries}");
    }

    #[test]
    fn a_worker_looks_from_half_of_their_time_on_and_not_all_the_time() {
        for (looked, now, wanted) in [
            (None, 0, false),
            (None, 6 * HOUR - 1, false),
            (None, 6 * HOUR, true),
            (None, 11 * HOUR, true),
            (Some(6 * HOUR), 6 * HOUR + 5 * MINUTE - 1, false),
            (Some(6 * HOUR), 6 * HOUR + 5 * MINUTE, true),
            (Some(12 * HOUR - 1), 12 * HOUR + 5 * MINUTE, true),
            (Some(9 * HOUR), 7 * HOUR, true),
            (Some(9 * HOUR), 5 * HOUR, false),
        ] {
            let said = is_to_be_looked_for(at(0), at(12 * HOUR), looked.map(at), at(now));
            assert_eq!(said, wanted, "{looked:?} {now}");
        }
        // New ones are signed before anybody looks for them.
        assert!(SIGNED_AT.0 + SIGNS_APART.0 < LONGEST.as_secs() * 1000 / 2);
    }

    #[test]
    fn somebody_is_told_when_a_quarter_of_their_time_is_left() {
        for (now, wanted) in [(0, false), (9 * HOUR - 1, false), (9 * HOUR, true)] {
            assert_eq!(is_late(at(0), at(12 * HOUR), at(now)), wanted, "{now}");
        }
    }

    #[test]
    fn who_is_looked_after_too_seldom_is_told_what_to_do() {
        let hours = |hours: u64| Millis::from_secs(hours * HOUR);
        for (timeout, heartbeat, wanted) in [
            (hours(11), hours(20), false),
            (hours(12), hours(1), false),
            (hours(12), Millis(HOUR * 1000 + 1), true),
            (Millis(hours(11).0 + 1), hours(2), true),
        ] {
            let said = refusal(timeout, heartbeat);
            assert_eq!(said.is_some(), wanted, "{timeout} {heartbeat}");
        }
        let said = refusal(hours(20), hours(2)).expect("it is refused");
        for word in [
            "heartbeat_timeout of 7200 s",
            "timeout of 72000 s",
            "3600 s at most",
            "39600 s at most",
            "service account",
        ] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
}
