//! Projects, in an `ork` that was built without them: there is none.

use std::sync::Arc;

use ork_core::definition::TaskIndex;
use ork_core::ids::VersionHash;
use ork_core::names::ObjectName;
use ork_core::usage::Usage;
use ork_engine::EngineError;
use ork_local::RunView;

use super::{Deployment, Sending};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::Output;
use crate::workflow_file::WorkflowFile;

/// A project that one is connected to, which cannot be.
pub(crate) enum Remote {}

impl Remote {
    /// Says why not.
    pub(crate) async fn connect(deployment: Deployment, _: &Config) -> Result<Self, Failure> {
        let Deployment {
            project,
            bucket: _,
            database: _,
            topic_dispatch: _,
            topic_poll: _,
            emulators: _,
        } = deployment;
        Err(Failure::new(format!(
            "this ork was built without Google Cloud and cannot work with project `{project}`"
        ))
        .hint("`make install` builds one that can (cargo: the feature `cloud` of ork-cli, which is on by default); --state DIR works with a state folder"))
    }
    pub(crate) const fn never(&self) -> ! {
        match *self {}
    }
    pub(crate) const fn deployment(&self) -> &Deployment {
        self.never()
    }
    pub(crate) async fn deploy(
        &self,
        _: &WorkflowFile,
        _: Sending,
        _: &Config,
        _: &Output,
    ) -> Result<VersionHash, Failure> {
        self.never()
    }
    pub(crate) async fn output_of(
        &self,
        _: &RunView,
        _: TaskIndex,
    ) -> Result<Arc<str>, EngineError> {
        self.never()
    }
    pub(crate) async fn read(&self, _: &ObjectName, _: u64, _: u64) -> Result<Vec<u8>, Failure> {
        self.never()
    }
    pub(crate) async fn size(&self, _: &ObjectName) -> Result<Option<u64>, Failure> {
        self.never()
    }
    pub(crate) const fn price(&self, _: &Usage) -> u64 {
        self.never()
    }
    pub(crate) const fn prices_of(&self) -> &'static str {
        self.never()
    }
    pub(crate) fn place_of(&self, _: &ObjectName) -> String {
        self.never()
    }
}
