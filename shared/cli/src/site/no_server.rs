//! Servers, in an `ork` that was built without them: there is none.

use std::sync::Arc;

use ork_core::definition::TaskIndex;
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_engine::report::CostReport;
use ork_engine::{EngineError, RunView};

use super::{Attempt, ServerAt};
use crate::failure::Failure;
use crate::workflow_file::WorkflowFile;

/// A server that is asked, which cannot be.
pub(crate) enum Server {}

impl Server {
    /// Says why not.
    pub(crate) async fn connect(at: ServerAt) -> Result<Self, Failure> {
        let ServerAt {
            url,
            key: _,
            id_token: _,
            withheld: _,
        } = at;
        Err(Failure::new(format!(
            "this ork was built without what asks servers and cannot work with {url}"
        ))
        .hint("`make install` builds one that can (cargo: the feature `server` of ork-cli, which is on by default); --state DIR works with a state folder"))
    }
    pub(crate) const fn never(&self) -> ! {
        match *self {}
    }
    pub(crate) const fn url(&self) -> &str {
        self.never()
    }
    pub(crate) async fn check(&self, _: &WorkflowFile) -> Result<(), Failure> {
        self.never()
    }
    pub(crate) async fn deploy(&self, _: &WorkflowFile) -> Result<(VersionHash, bool), Failure> {
        self.never()
    }
    pub(crate) async fn cost(&self, _: &RunId) -> Result<CostReport, EngineError> {
        self.never()
    }
    pub(crate) async fn limited_to(&self) -> Result<Vec<WorkflowName>, EngineError> {
        self.never()
    }
    pub(crate) async fn output_of(
        &self,
        _: &RunView,
        _: TaskIndex,
    ) -> Result<Arc<str>, EngineError> {
        self.never()
    }
    pub(crate) fn output_place(&self, _: &RunView, _: TaskIndex) -> String {
        self.never()
    }
    pub(crate) async fn log(
        &self,
        _: &RunView,
        _: Attempt,
        _: u64,
        _: u64,
    ) -> Result<Vec<u8>, EngineError> {
        self.never()
    }
    pub(crate) async fn log_end(
        &self,
        _: &RunView,
        _: Attempt,
        _: u64,
    ) -> Result<(Vec<u8>, String), EngineError> {
        self.never()
    }
}
