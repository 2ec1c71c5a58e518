//! What an answer's status code and an error mean for the question about a job.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;
use ork_core::deferred::LONGEST_POLL;
use ork_core::time::{Millis, Time};
use ork_engine::ports::TrackerError;

use crate::answer::Answer;
use crate::error::OutgoingError;

/// Whether a status code says: later.
pub(crate) fn is_later(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// What an answer means that says nothing about the job. `expected` names the codes that would have.
pub(crate) fn unanswered(what: &str, answer: &Answer, expected: &str) -> TrackerError {
    let status = answer.status;
    let body = match answer.body.is_empty() {
        true => String::new(),
        false => format!(": {}", answer.start()),
    };
    match status {
        404 | 410 => TrackerError::Missing(format!("{what}: no such job ({status}){body}")),
        401 | 403 => TrackerError::Denied(format!("{what}: Ork may not ask ({status}){body}")),
        _ if is_later(status) => TrackerError::Transient {
            message: format!("{what}: not now ({status}){body}"),
            retry_after: retry_after_of(answer),
        },
        _ => unclear(format!(
            "{what}: the answer {status} is not one of {expected}{body}"
        )),
    }
}

/// An answer that cannot be understood: somebody else's in the service's place, perhaps. It says nothing about the job, and three in a row
/// are believed, as with what is not allowed.
pub(crate) fn unclear(message: String) -> TrackerError {
    TrackerError::Denied(message)
}

/// What no answer at all means.
pub(crate) fn unreached(what: &str, error: &OutgoingError) -> TrackerError {
    let message = format!("{what}: {error}");
    match error {
        OutgoingError::Transient(_) => TrackerError::Transient {
            message,
            retry_after: None,
        },
        OutgoingError::TooLarge(_) | OutgoingError::Redirected(_) => unclear(message),
        OutgoingError::Refused { .. } | OutgoingError::Unusable(_) => {
            TrackerError::Permanent(message)
        }
    }
}

/// How long the answer asks to wait.
pub(crate) fn retry_after_of(answer: &Answer) -> Option<Millis> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
    retry_after(answer.header("retry-after")?, Time(now))
}

/// Reads a `Retry-After` header: seconds, or an instant in one of the three ways HTTP knows. At most an hour; what is past is now.
pub fn retry_after(header: &str, now: Time) -> Option<Millis> {
    let header = header.trim();
    let wait = if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // So many digits that they do not fit are longer than the longest, too.
        Millis::from_secs(header.parse().unwrap_or(u64::MAX).min(86_400))
    } else {
        let at = instant(header)?.as_millisecond();
        Millis(u64::try_from(at.saturating_sub(now.0)).unwrap_or(0))
    };
    Some(wait.min(LONGEST_POLL))
}

fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = DateTimeParser::new().parse_timestamp(text) {
        return Some(instant);
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| DateTime::strptime(form, text).ok())
        .and_then(|time| TimeZone::UTC.to_timestamp(time).ok())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_an_instant() {
        let now = Time::parse("1994-11-06T08:49:00Z").unwrap();
        let cases = [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 7 ", Some(7_000)),
            ("99999999999999999999999999", Some(3_600_000)),
            ("86400", Some(3_600_000)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37_000)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37_000)),
            ("Sun Nov  6 08:49:37 1994", Some(37_000)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("Mon, 07 Nov 1994 08:48:00 GMT", Some(3_600_000)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(retry_after(header, now), expected.map(Millis), "`{header}`");
        }
    }
}
