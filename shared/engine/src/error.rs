//! What can go wrong in a use case, by what the caller can do about it.

use serde::{Deserialize, Serialize};

use crate::ports::{ObjectError, StoreError, StoreErrorKind};

/// What kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineErrorKind {
    /// There is no such workflow, run or task.
    NotFound,
    /// What was asked for makes no sense now, or the input is wrong; nothing changed.
    Refused,
    /// The world could not be reached; trying again may help. Nothing is lost.
    Unavailable,
    /// The store will not take it: full, read-only.
    Store,
    /// What is stored cannot be read.
    Corrupt,
}

/// A use case that did not come through. The message is for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What the caller can act on.
    pub kind: EngineErrorKind,
    /// What, where, which value, what to do.
    pub message: String,
}

impl EngineError {
    /// An error of `kind`.
    pub fn new(kind: EngineErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::NotFound, message)
    }
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Refused, message)
    }
    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Corrupt, message)
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind {
            StoreErrorKind::Conflict
            | StoreErrorKind::Ambiguous
            | StoreErrorKind::Throttled { .. }
            | StoreErrorKind::Unavailable => EngineErrorKind::Unavailable,
            StoreErrorKind::Refused => EngineErrorKind::Store,
            StoreErrorKind::Corrupt => EngineErrorKind::Corrupt,
        };
        Self::new(kind, error.message)
    }
}

impl From<ObjectError> for EngineError {
    fn from(error: ObjectError) -> Self {
        let kind = match error {
            ObjectError::Unavailable(_) => EngineErrorKind::Unavailable,
            ObjectError::Precondition(_)
            | ObjectError::TooLarge { .. }
            | ObjectError::Refused(_) => EngineErrorKind::Store,
        };
        Self::new(kind, error.to_string())
    }
}
