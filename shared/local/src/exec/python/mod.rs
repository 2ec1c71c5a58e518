//! Everything a Python task needs before it can run: interpreter, Ork's package, virtual environment.

pub(crate) mod frames;
mod interpreter;
pub(crate) mod request;
mod sdk;
pub(crate) mod template;
mod tool;
mod venv;
pub(crate) mod worker;

pub use interpreter::{OLDEST_PYTHON, find_python};
pub use sdk::PYTHON_PACKAGE;

use std::path::PathBuf;
use std::sync::Arc;

use ork_core::run::Category;

use super::RunDir;
use super::shared::Shared;

/// An interpreter with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PythonEnv {
    /// The interpreter itself, no shim; of a virtual environment its own.
    pub(crate) python: PathBuf,
    /// The folder that holds the package `ork`.
    pub(crate) sdk: PathBuf,
}

/// Why there is none.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) category: Category,
    pub(crate) message: String,
}

impl Trouble {
    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self {
            category: Category::Permanent,
            message: message.into(),
        }
    }
    pub(crate) fn recoverable(message: impl Into<String>) -> Self {
        Self {
            category: Category::Recoverable,
            message: message.into(),
        }
    }
}

/// Finds or builds the Python environment of a folder: some file accesses when everything is cached, minutes when
/// packages must be installed.
pub(crate) fn prepare(shared: &Arc<Shared>, dir: &RunDir) -> Result<PythonEnv, Trouble> {
    let sdk = sdk::unpack(&shared.config.state_dir)?;
    let base = interpreter::find(&shared.config, &dir.workflow_dir)?;
    let python = venv::prepare(shared, &dir.workflow_dir, &base)?.unwrap_or(base.executable);
    Ok(PythonEnv { python, sdk })
}
