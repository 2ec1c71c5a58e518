//! Why a command did not come through, and the exit codes: which there are, and which error means which.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use ork_core::diagnostic::Diagnostic;
use ork_engine::EngineErrorKind;
use ork_engine::ports::ObjectError;
use ork_local::OpenError;
use ork_local::state_dir::StateDirError;

use crate::workflow_file::reason;

/// What the exit code says: whom it is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was done.
    Success,
    /// The run that was waited for failed or was cancelled.
    RunFailed,
    /// The command is wrong, or what it was given: the same again ends the same.
    Invalid,
    /// The command may be right, and the state folder, the project, the server or this machine does not do its part.
    Trouble,
    /// Somebody pressed Ctrl-C twice, or once where only watching ends.
    LeftAtOnce,
}

impl Exit {
    /// Every code, with what `ork --help` says of it.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Success, "done"),
        (Self::RunFailed, "the run failed or was cancelled"),
        (Self::Invalid, "wrong use or input"),
        (
            Self::Trouble,
            "trouble with the state folder, project, server or machine",
        ),
        (Self::LeftAtOnce, "left at once"),
    ];

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::RunFailed => 1,
            Self::Invalid => 2,
            Self::Trouble => 3,
            Self::LeftAtOnce => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<EngineErrorKind> for Exit {
    fn from(kind: EngineErrorKind) -> Self {
        match kind {
            EngineErrorKind::NotFound | EngineErrorKind::Refused => Self::Invalid,
            EngineErrorKind::Unavailable | EngineErrorKind::Store | EngineErrorKind::Corrupt => {
                Self::Trouble
            }
        }
    }
}

impl From<&ObjectError> for Exit {
    fn from(error: &ObjectError) -> Self {
        match error {
            ObjectError::Precondition(_)
            | ObjectError::TooLarge { .. }
            | ObjectError::Unavailable(_)
            | ObjectError::Refused(_) => Self::Trouble,
        }
    }
}

impl From<&OpenError> for Exit {
    fn from(error: &OpenError) -> Self {
        match error {
            OpenError::Folder(folder) => Self::from(folder),
            OpenError::Store(_) | OpenError::Objects(_) | OpenError::Executor(_) => Self::Trouble,
        }
    }
}

impl From<&StateDirError> for Exit {
    fn from(error: &StateDirError) -> Self {
        match error {
            // Another folder is meant.
            StateDirError::Missing(_)
            | StateDirError::NotAFolder(_)
            | StateDirError::Foreign { .. } => Self::Invalid,
            StateDirError::Newer { .. }
            | StateDirError::NotAVersion { .. }
            | StateDirError::Io { .. } => Self::Trouble,
        }
    }
}

/// Of a file or folder that somebody named.
impl From<io::ErrorKind> for Exit {
    fn from(kind: io::ErrorKind) -> Self {
        use io::ErrorKind as K;
        match kind {
            K::NotFound
            | K::PermissionDenied
            | K::AlreadyExists
            | K::NotADirectory
            | K::IsADirectory
            | K::InvalidInput
            | K::InvalidFilename
            | K::InvalidData => Self::Invalid,
            _ => Self::Trouble,
        }
    }
}

/// A command that did not come through.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What happened; empty when everything has been said.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// What is wrong with a file: already shown to people, part of the JSON for programs.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether it may pass by itself: something could not be reached.
    pub(crate) is_passing: bool,
}

impl Failure {
    fn ending(exit: Exit) -> Self {
        Self {
            exit,
            message: String::new(),
            hint: None,
            diagnostics: Vec::new(),
            is_passing: false,
        }
    }
    /// Wrong use or input.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::of(Exit::Invalid, message)
    }
    /// Trouble that the command is not to blame for.
    pub(crate) fn trouble(message: impl Into<String>) -> Self {
        Self::of(Exit::Trouble, message)
    }
    /// Whatever kind of error it is that `exit` comes from.
    pub(crate) fn of(exit: impl Into<Exit>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::ending(exit.into())
        }
    }
    /// What could not be done, such as "cannot read `w.yaml`", with a file that somebody named.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        Self::of(error.kind(), format!("{what}: {}", reason(error)))
    }
    /// Says what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// Says that it may pass by itself.
    pub(crate) fn passing(mut self) -> Self {
        self.is_passing = true;
        self
    }
    /// Problems of a file that people have been shown.
    pub(crate) fn in_file(diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            diagnostics,
            ..Self::ending(Exit::Invalid)
        }
    }
    /// Whoever read the output went away: nothing is wrong.
    pub(crate) fn nobody_reads() -> Self {
        Self::ending(Exit::Success)
    }
}

/// What happened, in one line, for records of it.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.diagnostics.first() {
            Some(first) if self.message.is_empty() => {
                write!(f, "{} {}", first.code, first.message)
            }
            _ => f.write_str(&self.message),
        }
    }
}

/// Replaces the backtrace of a panic by a sentence: whoever sees it did nothing wrong.
pub(crate) fn hide_panics() {
    std::panic::set_hook(Box::new(|info| {
        let what = info.payload_as_str().unwrap_or("no message");
        let place = info
            .location()
            .map(|at| format!(" ({}:{})", at.file(), at.line()));
        let _ = writeln!(
            std::io::stderr(),
            "error: {what}{}\nhint: this is a bug in ork; please report it with the command you ran. Runs are safe: `ork run resume latest` goes on",
            place.unwrap_or_default()
        );
    }));
}
