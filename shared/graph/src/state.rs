//! Where a task, an attempt or a run stands: the class that it is drawn with.

use ork_core::run::{InstanceStatus, RunStatus};

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $icon:literal;)+) => {
        /// Where something stands. Its word is the class it is drawn with and the word people read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum State { $($(#[$doc])* $variant),+ }
        impl State {
            /// Every state.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word for it, and its class.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            /// Lines about a middle, within 4 units of it: a colour never is the only sign.
            pub(crate) const fn icon(self) -> &'static str {
                match self { $(Self::$variant => $icon),+ }
            }
        }
    };
}

states! {
    /// Waits for what comes before it.
    Pending = "pending", "m-3 0h.01m2.99 0h.01m2.99 0h.01";
    /// Ready, waits for a place.
    Queued = "queued", "m-4-3h8m-8 3h8m-8 3h8";
    /// Handed to an executor.
    Dispatched = "dispatched", "m-4 0h8m-3-3l3 3-3 3";
    /// At work.
    Running = "running", "m-2-4v8l6-4z";
    /// Waits for jobs elsewhere.
    Deferred = "deferred", "m-3-4h6l-6 8h6z";
    /// Waits before it is tried again.
    Retrying = "retrying", "m4 1a4 4 0 1 1-1-4m1-2v3h-3";
    /// Held back by somebody.
    Paused = "paused", "m-2-3v6m4-6v6";
    /// Done.
    Success = "success", "m-4 0l3 3 5-6";
    /// Failed for good.
    Failed = "failed", "m-3-3l6 6m0-6l-6 6";
    /// Not run.
    Skipped = "skipped", "m-4-3l3 3-3 3m4-6l3 3-3 3";
    /// Cancelled.
    Cancelled = "cancelled", "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0m1-3l6 6";
    /// At work again after a recovery.
    Recovering = "recovering", "m4 1a4 4 0 1 1-1-4m1-2v3h-3";
}

impl State {
    /// Whether nothing changes any more by itself.
    pub const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failed | Self::Skipped | Self::Cancelled
        )
    }
}

impl From<InstanceStatus> for State {
    fn from(status: InstanceStatus) -> Self {
        match status {
            InstanceStatus::Pending => Self::Pending,
            InstanceStatus::Queued => Self::Queued,
            InstanceStatus::Dispatched => Self::Dispatched,
            InstanceStatus::Running => Self::Running,
            InstanceStatus::Deferred => Self::Deferred,
            InstanceStatus::Retrying => Self::Retrying,
            InstanceStatus::Paused => Self::Paused,
            InstanceStatus::Success => Self::Success,
            InstanceStatus::Failed => Self::Failed,
            InstanceStatus::Skipped => Self::Skipped,
            InstanceStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<RunStatus> for State {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Pending => Self::Pending,
            RunStatus::Running => Self::Running,
            RunStatus::Paused => Self::Paused,
            RunStatus::Success => Self::Success,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
            RunStatus::Recovering => Self::Recovering,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_core() {
        for status in InstanceStatus::ALL {
            assert_eq!(State::from(*status).as_str(), status.as_str());
        }
        for status in RunStatus::ALL {
            assert_eq!(State::from(*status).as_str(), status.as_str());
        }
    }
}
