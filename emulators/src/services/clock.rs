//! The clock of the jobs: real time, which a test may hurry or put forward.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// What the time is for jobs. It never goes back.
#[derive(Debug)]
pub(super) struct Clock(Mutex<Reading>);

#[derive(Clone, Copy, Debug)]
struct Reading {
    /// What the clock showed …
    shown: Timestamp,
    /// … at this moment.
    at: Instant,
    speed: f64,
}

impl Reading {
    fn now(self) -> Timestamp {
        later(self.shown, self.at.elapsed().mul_f64(self.speed))
    }
}

impl Clock {
    pub(super) fn new(speed: f64) -> Self {
        Self(Mutex::new(Reading {
            shown: Timestamp::now(),
            at: Instant::now(),
            speed,
        }))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.reading().now()
    }

    /// Seconds of a job in a second of everybody else, from now on.
    pub(super) fn hurry(&self, speed: f64) {
        self.set(|reading| reading.speed = speed);
    }

    pub(super) fn advance(&self, by: Duration) {
        self.set(|reading| reading.shown = later(reading.shown, by));
    }

    pub(super) fn speed(&self) -> f64 {
        self.reading().speed
    }

    fn set(&self, change: impl FnOnce(&mut Reading)) {
        let mut reading = self.reading();
        reading.shown = reading.now();
        reading.at = Instant::now();
        change(&mut reading);
    }

    fn reading(&self) -> std::sync::MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time that much later; the end of time stays the end of time.
pub(super) fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stands_still_is_moved_by_hand() {
        let clock = Clock::new(0.0);
        let before = clock.now();
        assert_eq!(clock.now(), before);
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now(), later(before, Duration::from_secs(60)));
    }

    #[test]
    fn a_clock_that_hurries_goes_on_from_where_it_was() {
        let clock = Clock::new(0.0);
        let before = clock.now();
        clock.hurry(1_000_000.0);
        std::thread::sleep(Duration::from_millis(2));
        assert!(clock.now() > later(before, Duration::from_secs(1000)));
    }
}
