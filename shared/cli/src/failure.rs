//! Why a command did not come through, and the exit codes.

use std::io::Write;
use std::process::ExitCode;

use ork_core::diagnostic::Diagnostic;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was done.
    Success,
    /// The run failed or was cancelled.
    RunFailed,
    /// The input is wrong, or Ork met an error of its own.
    Invalid,
    /// Somebody pressed Ctrl-C twice.
    LeftAtOnce,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::RunFailed => 1,
            Exit::Invalid => 2,
            Exit::LeftAtOnce => 130,
        })
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
    /// Wrong input, or an error of our own.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Invalid,
            message: message.into(),
            hint: None,
            diagnostics: Vec::new(),
            is_passing: false,
        }
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
            exit: Exit::Invalid,
            message: String::new(),
            hint: None,
            diagnostics,
            is_passing: false,
        }
    }
    /// Whoever read the output went away: nothing is wrong.
    pub(crate) fn nobody_reads() -> Self {
        Self {
            exit: Exit::Success,
            message: String::new(),
            hint: None,
            diagnostics: Vec::new(),
            is_passing: false,
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
