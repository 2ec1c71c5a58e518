//! Who measures what runs do: told of every commit, asked how the spans of attempts are called.

use std::fmt::Debug;

use ork_core::run::RunState;
use ork_core::task::AttemptId;
use ork_engine::Committed;

/// Measures. Called on the engine's thread, so it should return quickly.
pub trait Measure: Debug + Send + Sync {
    /// A commit stands, and this is where its run stands by it. Told of each once.
    fn committed(&self, commit: &Committed, state: &RunState);
    /// The span of an attempt as a `traceparent`, if it is recorded.
    fn trace(&self, attempt: &AttemptId) -> Option<String>;
}
