//! How the embedded engine tells whoever watches what happens: the terminal, a test, the pages of `ork dev`.

use std::sync::Arc;

use ork_core::ids::RunId;
use ork_core::run::{Graph, Note, RunState};
use ork_core::task::AttemptId;

/// Watches runs. Called on the engine's thread after each commit, so it should return quickly.
pub trait Observer {
    /// A commit changed a run: how it stands now, and why.
    fn committed(&mut self, run: &RunId, graph: &Arc<Graph>, state: &RunState, notes: &[Note]);
    /// Something is being set up (a virtual environment), in words.
    fn setup(&mut self, text: &str);
    /// Something that people must look after, in words.
    fn warn(&mut self, text: &str) {
        self.setup(text);
    }
    /// An attempt ended, with the last lines of its log when it failed. Comes before the commit that settles it.
    fn attempt_ended(&mut self, attempt: &AttemptId, log_tail: &[String]) {
        let _ = (attempt, log_tail);
    }
}

/// Watches nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn committed(&mut self, _: &RunId, _: &Arc<Graph>, _: &RunState, _: &[Note]) {}
    fn setup(&mut self, _: &str) {}
}
