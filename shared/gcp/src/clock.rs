//! The machine's clock: the only place of this crate that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use ork_core::time::{Millis, Time};
use ork_engine::ports::Clock;

/// The machine's clock. It may step back.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis)
            }
        };
        Time(millis)
    }
    async fn pause(&self, span: Millis) {
        tokio::time::sleep(span.to_duration()).await;
    }
}
