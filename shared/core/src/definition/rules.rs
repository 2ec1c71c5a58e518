//! When a task runs, how many instances of it, how many may fail, and what happens after a failed attempt.

use serde::{Deserialize, Serialize};

use super::Reference;
use crate::time::Millis;

/// When a task runs, seen from the ends of its upstreams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// Every upstream succeeded.
    #[default]
    AllSuccess,
    /// Every upstream ended, however.
    AllDone,
    /// At least one upstream succeeded; does not wait for the others.
    OneSuccess,
    /// At least one upstream failed; does not wait for the others.
    OneFailed,
    /// Every upstream ended and none failed.
    NoneFailed,
    /// As `all_done`, under the name GitHub Actions uses.
    Always,
}

/// A number of instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// Known from the file.
    Fixed(u32),
    /// An integer computed upstream.
    Ref(Reference),
}

/// How many instances may fail while the task still succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerate {
    /// None.
    #[default]
    None,
    /// Up to this many.
    Count(u32),
    /// Up to this share, in hundredths of a percent (5% is 500).
    BasisPoints(u32),
}

impl Tolerate {
    /// Whether it is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
    /// How many of `total` instances may fail, rounded down.
    pub fn allowed(&self, total: u32) -> u32 {
        match *self {
            Self::None => 0,
            Self::Count(n) => n,
            Self::BasisPoints(bp) => {
                u32::try_from(u64::from(total) * u64::from(bp) / 10_000).unwrap_or(u32::MAX)
            }
        }
    }
}

/// What happens after a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max: u16,
    /// Pause before the first retry.
    pub delay: Millis,
    /// How the pause grows.
    pub backoff: Backoff,
    /// Cap of a growing pause.
    pub max_delay: Millis,
    /// Draw the pause evenly from zero to itself (full jitter).
    pub jitter: bool,
    /// The categories that are retried; empty means all but permanent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<crate::run::Category>,
}

/// How a retry's pause grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Stays the same.
    Fixed,
    /// Doubles.
    #[default]
    Exponential,
}
