//! A version is an `update_time` in microseconds, and back.

use ::firestore::gcloud_sdk::prost_types::Timestamp;
use ork_engine::ports::Version;

const MICROS: u64 = 1_000_000;
/// The last instant of the protocol: the end of year 9999.
const LAST: u64 = 253_402_300_799_999_999;

/// The instant of a version; `None` for a number that no document's version can be.
pub(super) fn instant(version: Version) -> Option<Timestamp> {
    let Version(micros) = version;
    if micros == 0 || micros > LAST {
        return None;
    }
    Some(Timestamp {
        seconds: i64::try_from(micros / MICROS).ok()?,
        nanos: i32::try_from(micros % MICROS * 1_000).ok()?,
    })
}

/// The version of an instant; `None` for one that is not a whole number of microseconds after 1970.
pub(super) fn version(instant: &Timestamp) -> Option<Version> {
    let seconds = u64::try_from(instant.seconds).ok()?;
    let nanos = u64::try_from(instant.nanos).ok()?;
    let whole = nanos.is_multiple_of(1_000) && nanos < 1_000_000_000;
    let micros = seconds.checked_mul(MICROS)?.checked_add(nanos / 1_000)?;
    (whole && micros > 0 && micros <= LAST).then_some(Version(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_and_its_instant_are_the_same_thing() {
        for micros in [1, 999_999, 1_000_000, 1_795_273_598_573_601, LAST] {
            let at = instant(Version(micros)).expect("an instant");
            assert_eq!(version(&at), Some(Version(micros)));
        }
    }

    #[test]
    fn numbers_that_no_document_can_have_are_none() {
        for micros in [0, LAST + 1, u64::MAX] {
            assert_eq!(instant(Version(micros)), None, "{micros}");
        }
        for (seconds, nanos) in [
            (0, 0),
            (-1, 0),
            (1, 1),
            (1, -1_000),
            (1, 1_000_000_000),
            (i64::MAX, 0),
        ] {
            assert_eq!(
                version(&Timestamp { seconds, nanos }),
                None,
                "{seconds} {nanos}"
            );
        }
    }
}
