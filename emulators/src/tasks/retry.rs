//! When a delivery is tried again.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{ApiError, Code};

/// How a queue tries again. Cloud Tasks' own default is 100 attempts from 0.1 s on; the stand-in is less patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How many attempts a task has in all; `None` = without end.
    pub max_attempts: Option<u32>,
    /// The wait after the first attempt.
    pub min_backoff: Duration,
    /// The longest wait.
    pub max_backoff: Duration,
    /// How often the wait doubles before it grows evenly.
    pub max_doublings: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: Some(5),
            min_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(3600),
            max_doublings: 16,
        }
    }
}

impl Retry {
    /// How long to wait after `attempts` attempts; `None` when that was the last.
    pub(super) fn wait_after(&self, attempts: u32) -> Option<Duration> {
        if self.max_attempts.is_some_and(|max| attempts >= max) {
            return None;
        }
        let retries = attempts.saturating_sub(1);
        let doublings = retries.min(self.max_doublings).min(31);
        let doubled = self.min_backoff.saturating_mul(1 << doublings);
        let steps = retries.saturating_sub(self.max_doublings);
        Some(
            doubled
                .saturating_add(doubled.saturating_mul(steps))
                .min(self.max_backoff),
        )
    }

    /// Reads a `retryConfig`; what it does not say is as in `self`.
    pub(super) fn with(self, config: &Value) -> Result<Self, ApiError> {
        let mut retry = self;
        let number = |field: &str| match &config[field] {
            Value::Null => Ok(None),
            value => value
                .as_i64()
                .map(Some)
                .ok_or_else(|| invalid(field, value)),
        };
        match number("maxAttempts")? {
            None | Some(0) => {}
            Some(-1) => retry.max_attempts = None,
            Some(attempts) => {
                let attempts = u32::try_from(attempts)
                    .map_err(|_| invalid("maxAttempts", &config["maxAttempts"]))?;
                retry.max_attempts = Some(attempts);
            }
        }
        if let Some(doublings) = number("maxDoublings")? {
            retry.max_doublings = u32::try_from(doublings)
                .map_err(|_| invalid("maxDoublings", &config["maxDoublings"]))?;
        }
        for (field, place) in [
            ("minBackoff", &mut retry.min_backoff),
            ("maxBackoff", &mut retry.max_backoff),
        ] {
            if !config[field].is_null() {
                *place = seconds(&config[field]).ok_or_else(|| invalid(field, &config[field]))?;
            }
        }
        if retry.min_backoff > retry.max_backoff {
            return Err(ApiError::new(
                Code::InvalidArgument,
                "retry_config: min_backoff is longer than max_backoff",
            ));
        }
        Ok(retry)
    }

    pub(super) fn resource(&self) -> Value {
        json!({
            "maxAttempts": self.max_attempts.map_or(-1, i64::from),
            "minBackoff": format!("{}s", self.min_backoff.as_secs_f64()),
            "maxBackoff": format!("{}s", self.max_backoff.as_secs_f64()),
            "maxDoublings": self.max_doublings,
        })
    }
}

fn invalid(field: &str, value: &Value) -> ApiError {
    ApiError::new(
        Code::InvalidArgument,
        format!("retry_config: {value} is no value for {field}"),
    )
}

/// `1.5s`
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_str()?.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_then_grows_evenly_up_to_its_limit() {
        let retry = Retry {
            max_attempts: Some(9),
            min_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(14),
            max_doublings: 2,
        };
        let waits: Vec<Option<u64>> = (1..=9)
            .map(|attempts| retry.wait_after(attempts).map(|wait| wait.as_secs()))
            .collect();
        assert_eq!(
            waits,
            [
                Some(1),
                Some(2),
                Some(4),
                Some(8),
                Some(12),
                Some(14),
                Some(14),
                Some(14),
                None
            ]
        );
    }

    #[test]
    fn a_retry_config_changes_what_it_names() {
        let retry = Retry::default()
            .with(&json!({"maxAttempts": -1, "minBackoff": "0.25s"}))
            .unwrap();
        assert_eq!(retry.max_attempts, None);
        assert_eq!(retry.min_backoff, Duration::from_millis(250));
        assert_eq!(retry.max_doublings, Retry::default().max_doublings);
        for bad in [
            json!({"maxAttempts": -2}),
            json!({"minBackoff": "soon"}),
            json!({"minBackoff": "9s", "maxBackoff": "1s"}),
        ] {
            assert!(Retry::default().with(&bad).is_err(), "{bad}");
        }
    }
}
