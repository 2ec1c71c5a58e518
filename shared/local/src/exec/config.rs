//! What the executors are told: settings, the folder of a run, and what they say back.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use ork_core::task::{AttemptId, Verdict};
use ork_core::time::Millis;

/// Settings of a [`super::LocalExecutor`]. Nothing below it reads the environment of this process.
#[derive(Debug, Clone)]
pub struct ExecConfig {
    /// Attempts that run at once, at most; 0 counts as 1.
    pub parallel: usize,
    /// Where objects lie; an attempt's log and large output are written below it.
    pub objects_root: PathBuf,
    /// Where virtual environments (`venvs`), the unpacked Python package (`sdk`) and scratch files (`scratch`) lie.
    pub state_dir: PathBuf,
    /// The `ork` executable, run again with `__library` and `__reaper`. Without it there is neither.
    pub exe: Option<PathBuf>,
    /// The interpreter somebody asked for (`ORK_PYTHON`).
    pub python: Option<PathBuf>,
    /// The interpreter of the virtual environment that `ork` was started from: it goes before those on `PATH`.
    pub own_python: Option<PathBuf>,
    /// The environment tasks start from.
    pub env_passthrough: Vec<(OsString, OsString)>,
    /// The value of a secret by its name.
    pub secret_lookup: fn(&str) -> Option<String>,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Custom executors: name and command.
    pub custom: BTreeMap<String, Vec<String>>,
}

impl ExecConfig {
    /// Settings with the given folders, this process's environment left out, and defaults for the rest.
    pub fn new(parallel: usize, objects_root: PathBuf, state_dir: PathBuf) -> Self {
        Self {
            parallel,
            objects_root,
            state_dir,
            exe: None,
            python: None,
            own_python: None,
            env_passthrough: Vec::new(),
            secret_lookup: |_| None,
            grace: Duration::from_secs(5),
            custom: BTreeMap::new(),
        }
    }

    /// A variable of the environment tasks start from.
    pub(crate) fn env(&self, name: &str) -> Option<&OsString> {
        self.env_passthrough
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}

/// Where the files of a run's workflow lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    /// The folder of the workflow file, absolute: the working directory of its tasks, and the place of `requirements.txt`.
    pub workflow_dir: PathBuf,
    /// The workflow file, for the tracebacks of scripts inside it.
    pub workflow_file: Option<PathBuf>,
}

impl RunDir {
    /// The folder `workflow_dir`.
    pub fn new(workflow_dir: PathBuf) -> Self {
        Self {
            workflow_dir,
            workflow_file: None,
        }
    }
}

/// What the executors say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecEvent {
    /// An attempt's own code began.
    Started {
        /// Which attempt.
        id: AttemptId,
        /// Its process.
        pid: Option<u32>,
    },
    /// An attempt is over, and with it every process of its group.
    Ended {
        /// Which attempt.
        id: AttemptId,
        /// How it ended.
        verdict: Verdict,
        /// Bytes of its `log.txt`; 0 when there is none.
        log_bytes: u64,
        /// Whether its own code began.
        started: bool,
        /// Whether it ended because [`super::LocalExecutor::stop`] or `shutdown` asked for it.
        stopped: bool,
        /// The most memory it held, where that is known.
        maxrss: Option<u64>,
        /// From its start, or from its submission when it never started.
        duration: Millis,
    },
    /// Something to tell the user that belongs to no attempt: an environment being built, a limit that cannot be kept.
    Setup {
        /// One line.
        text: String,
    },
}
