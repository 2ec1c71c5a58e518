//! Why a job was not started.

use google_cloud_gax::error::Error;
use ork_core::time::Millis;
use ork_engine::ports::TrackerError;

use super::classify::{About, classify};

/// A job that was not started, or of which nobody knows whether it was. Asking again with the same id is always harmless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartTrouble {
    /// Nobody answered, or the service has no time now. Asked again with the same id, what was started by then is found.
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// Not before this has passed.
        retry_after: Option<Millis>,
    },
    /// Ork may not start it.
    #[error("{0}")]
    Denied(String),
    /// Asking again will not help: the request cannot be used, or it names what is not there.
    #[error("{0}")]
    Permanent(String),
}

impl From<TrackerError> for StartTrouble {
    fn from(error: TrackerError) -> Self {
        match error {
            TrackerError::Transient {
                message,
                retry_after,
            } => Self::Transient {
                message,
                retry_after,
            },
            TrackerError::Denied(why) => Self::Denied(why),
            TrackerError::Elsewhere(why) => Self::Transient {
                message: why.into(),
                retry_after: None,
            },
            TrackerError::Missing(why) | TrackerError::Permanent(why) => Self::Permanent(why),
        }
    }
}

/// What a failed start means.
pub(super) fn not_started(about: &About, error: &Error) -> StartTrouble {
    classify(about, error).into()
}
