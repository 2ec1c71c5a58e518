//! The system's clock: the only place of this crate that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use ork_core::time::{Millis, Time};
use ork_engine::ports::Clock;

/// The system's clock. It may step back.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time(unix_nanos().div_euclid(1_000_000))
    }
    async fn pause(&self, span: Millis) {
        tokio::time::sleep(span.to_duration()).await;
    }
}

/// Nanoseconds since 1970; negative on a machine whose clock stands before it.
pub fn unix_nanos() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_views_show_the_same_instant() {
        let before = unix_nanos();
        let now = SystemClock.now();
        let after = unix_nanos();
        assert!(
            before.div_euclid(1_000_000) <= now.0 && now.0 <= after.div_euclid(1_000_000),
            "{before} {now:?} {after}"
        );
        assert!(
            now > Time(1_700_000_000_000),
            "this code is younger than that"
        );
    }
}
