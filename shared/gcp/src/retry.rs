//! When a client asks again by itself. The crates' own rules hold a request for minutes and repeat writes that may have been done.

use std::time::Duration;

use google_cloud_gax::error::Error;
use google_cloud_gax::exponential_backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use google_cloud_gax::retry_policy::{RetryPolicy, RetryPolicyExt};
use google_cloud_gax::retry_result::RetryResult;
use google_cloud_gax::retry_state::RetryState;
use google_cloud_gax::retry_throttler::RetryThrottler;

use crate::failure::{self, Failure};

/// How often one call is tried, at most.
const TRIES: u32 = 4;

/// Whether a call that may have been done is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Doing it twice is doing it once: reads, blind replacements, removals, things made under a name.
    Harmless,
    /// The second time would meet what the first left and be taken for somebody else's: only what was certainly not done is tried again.
    WhenNotDone,
}

#[derive(Debug, Clone)]
struct Patience(Again);

impl RetryPolicy for Patience {
    fn on_error(&self, _state: &RetryState, error: Error) -> RetryResult {
        match failure::of(&error) {
            Failure::NotSent | Failure::Busy => RetryResult::Continue(error),
            Failure::Lost if self.0 == Again::Harmless => RetryResult::Continue(error),
            _ => RetryResult::Permanent(error),
        }
    }
}

/// Leaves every call its few tries. The crates' own rule draws lots for them after failures, so that a call may wait without an end, or,
/// when it may not wait, is given up after one failure.
#[derive(Debug)]
pub(crate) struct Unhindered;

impl RetryThrottler for Unhindered {
    fn throttle_retry_attempt(&self) -> bool {
        false
    }
    fn on_retry_failure(&mut self, _flow: &RetryResult) {}
    fn on_success(&mut self) {}
}

/// The rule for one call.
pub(crate) fn policy(again: Again) -> impl RetryPolicy {
    Patience(again).with_attempt_limit(TRIES)
}

/// How long between tries: together about a second.
pub(crate) fn pauses() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_delay(Duration::from_millis(100))
        .with_maximum_delay(Duration::from_secs(1))
        .with_scaling(3.0)
        .clamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_on(again: Again, error: Error, tries: u32) -> bool {
        policy(again)
            .on_error(&RetryState::new(true).set_attempt_count(tries), error)
            .is_continue()
    }
    fn http(status: u16) -> Error {
        Error::http(status, Default::default(), Default::default())
    }

    #[test]
    fn a_conditional_write_is_not_repeated_once_it_may_have_been_done() {
        for error in [
            http(503),
            http(500),
            Error::io("reset"),
            Error::timeout("late"),
        ] {
            assert!(!goes_on(Again::WhenNotDone, error, 1));
        }
        assert!(goes_on(Again::WhenNotDone, Error::connect("refused"), 1));
        assert!(goes_on(Again::WhenNotDone, http(429), 1));
    }

    #[test]
    fn a_harmless_call_is_repeated_a_few_times() {
        assert!(goes_on(Again::Harmless, http(503), 1));
        assert!(goes_on(Again::Harmless, Error::io("reset"), TRIES - 1));
        assert!(!goes_on(Again::Harmless, http(503), TRIES));
        for code in [400, 403, 404, 409, 412] {
            assert!(!goes_on(Again::Harmless, http(code), 1), "{code}");
        }
    }
}
