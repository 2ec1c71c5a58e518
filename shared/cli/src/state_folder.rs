//! Which state folder a command works on.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::Config;
use crate::failure::Failure;
use crate::workflow_file;

/// The name of a state folder.
pub(crate) const NAME: &str = ".ork";

/// Where the state is.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct StateArg {
    /// State folder [default: the nearest `.ork`, here or above; for a workflow file the one beside it]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

impl StateArg {
    /// For a command about a workflow file: `.ork` beside it unless somebody said otherwise.
    pub(crate) fn beside(&self, file: &Path, config: &Config) -> Result<PathBuf, Failure> {
        match self.said(config) {
            Some(folder) => workflow_file::absolute(folder),
            None => Ok(workflow_file::absolute(file)?
                .parent()
                .map_or_else(|| PathBuf::from(NAME), |folder| folder.join(NAME))),
        }
    }

    /// For a command about runs: the nearest `.ork`, here or above.
    pub(crate) fn nearest(&self, config: &Config) -> Result<PathBuf, Failure> {
        if let Some(folder) = self.said(config) {
            return workflow_file::absolute(folder);
        }
        let here = workflow_file::absolute(Path::new("."))?;
        let found = here
            .ancestors()
            .map(|folder| folder.join(NAME))
            .find(|folder| folder.is_dir());
        Ok(found.unwrap_or_else(|| here.join(NAME)))
    }

    fn said<'a>(&'a self, config: &'a Config) -> Option<&'a Path> {
        self.state.as_deref().or(config.state.as_deref())
    }
}
