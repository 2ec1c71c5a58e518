//! The words for where a run, an instance and a failure stand.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($(#[$vdoc])* $variant),+ }
        impl $type {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word used in files, documents and on the screen.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|known| known.as_str()).collect();
                    format!("`{text}` is none of {}", known.join(", "))
                })
            }
        }
    };
}

words!(
    /// Where a run stands.
    RunStatus {
        /// Made, waiting for a place (`max_active_runs`, overlap: queue).
        Pending = "pending",
        /// At work.
        Running = "running",
        /// Nothing new starts until it is resumed.
        Paused = "paused",
        /// Every task ended and none failed.
        Success = "success",
        /// Some task failed, or the deadline passed.
        Failed = "failed",
        /// Somebody cancelled it.
        Cancelled = "cancelled",
        /// At work again after a recover.
        Recovering = "recovering",
    }
);

impl RunStatus {
    /// Whether it only changes by an explicit command.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Cancelled)
    }
}

words!(
    /// Where a task instance stands.
    InstanceStatus {
        /// Waits for its upstreams.
        Pending = "pending",
        /// Ready, waiting for a place.
        Queued = "queued",
        /// Handed to an executor.
        Dispatched = "dispatched",
        /// Its worker has claimed it.
        Running = "running",
        /// Handed over to jobs outside.
        Deferred = "deferred",
        /// Waits for its back-off.
        Retrying = "retrying",
        /// Held back by a pause of its task.
        Paused = "paused",
        /// Done.
        Success = "success",
        /// Out of retries.
        Failed = "failed",
        /// Not run, with a reason.
        Skipped = "skipped",
        /// Cancelled.
        Cancelled = "cancelled",
    }
);

impl InstanceStatus {
    /// Whether it only changes by an explicit command.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failed | Self::Skipped | Self::Cancelled
        )
    }
    /// Whether it holds a place (concurrency, pool).
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Dispatched | Self::Running | Self::Deferred)
    }
}

words!(
    /// What kind of failure an attempt met.
    Category {
        /// Likely to pass by itself (network, quota); exit code 75.
        Transient = "transient",
        /// May pass once something was mended.
        Recoverable = "recoverable",
        /// Will not pass; never retried; exit code 64.
        Permanent = "permanent",
        /// Ran longer than its timeout.
        Timeout = "timeout",
        /// Needed more memory than its limit.
        Oom = "oom",
        /// Its worker vanished.
        Lost = "lost",
        /// Anything else.
        Unknown = "unknown",
    }
);
