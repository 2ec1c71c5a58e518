//! What tells people and programs of runs.

use std::future::Future;

use ork_core::definition::{Occasion, Receiver};
use ork_core::ids::RunId;
use ork_core::time::Millis;
use ork_core::{Map, Value};

/// A notice, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The same however often it is sent, and no other's: receivers may tell by it that they have it already.
    pub id: String,
    /// What is told.
    pub on: Occasion,
    /// Of which run.
    pub run: RunId,
    /// Whom.
    pub to: Receiver,
    /// One line.
    pub title: String,
    /// The text below it.
    pub body: String,
    /// The same for programs.
    pub facts: Map,
}

impl Letter {
    /// The whole notice for programs: its facts with title and text.
    pub fn document(&self) -> Value {
        let mut all = self.facts.clone();
        all.insert("title".to_owned(), self.title.as_str().into());
        all.insert("body".to_owned(), self.body.as_str().into());
        Value::Object(all)
    }
}

/// Why a notice was not sent, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// Nobody answered, or not as somebody does who has it. It may have been received all the same.
    #[error("{why}")]
    NotNow {
        /// What happened.
        why: String,
        /// Not before this has passed.
        retry_after: Option<Millis>,
    },
    /// Trying again will not help: it cannot or may not be sent as it is described.
    #[error("{0}")]
    Never(String),
    /// This process leaves it to others.
    #[error("{0}")]
    Elsewhere(&'static str),
}

impl NotSent {
    /// Not now, and nobody said when.
    pub fn not_now(why: impl Into<String>) -> Self {
        Self::NotNow {
            why: why.into(),
            retry_after: None,
        }
    }
}

/// Sends notices. No try takes longer than [`ork_core::limits::NOTICE_TIMEOUT`].
pub trait Notifier: Send + Sync {
    /// Sends a notice once. The id goes with it in the way of the receiver: a header, an attribute, the number of a letter.
    fn send(&self, letter: &Letter) -> impl Future<Output = Result<(), NotSent>> + Send;
}
