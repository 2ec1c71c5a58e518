//! Everything Ork prints: data to standard output, the rest to standard error, colours only where they help.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use ork_core::Value;
use ork_core::diagnostic::{self, Diagnostic, Severity};
use ork_core::run::{InstanceStatus, RunStatus};
use serde_json::json;

use crate::config::Config;
use crate::failure::Failure;

/// When to use colours. The variants have no doc comments so that `--help` stays one line per option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    // On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// Puts colours around text, or does not. A colour never says what the text does not say too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
    /// No colours.
    #[cfg(test)]
    pub(crate) const fn none() -> Self {
        Self(false)
    }
    /// Whether there are colours.
    pub(crate) const fn is_on(self) -> bool {
        self.0
    }
    /// Stands out.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }
    /// Stands back.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }
    /// Went well.
    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }
    /// Went wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }
    /// Look here.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }
    /// At work.
    pub(crate) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }
    /// `text`, which says `status`, in its colour.
    pub(crate) fn instance(self, status: InstanceStatus, text: &str) -> String {
        use InstanceStatus as S;
        match status {
            S::Success => self.green(text),
            S::Failed => self.red(text),
            S::Cancelled | S::Retrying | S::Paused => self.yellow(text),
            S::Dispatched | S::Running | S::Deferred => self.cyan(text),
            S::Pending | S::Queued | S::Skipped => self.dim(text),
        }
    }
    /// `text`, which says `status`, in its colour.
    pub(crate) fn run(self, status: RunStatus, text: &str) -> String {
        match status {
            RunStatus::Success => self.green(text),
            RunStatus::Failed => self.red(text),
            RunStatus::Cancelled | RunStatus::Paused => self.yellow(text),
            RunStatus::Running | RunStatus::Recovering => self.cyan(text),
            RunStatus::Pending => self.dim(text),
        }
    }
}

/// Where things are printed to.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// Colours of standard output.
    pub(crate) data: Paint,
    /// Colours of standard error.
    pub(crate) talk: Paint,
    /// Whether standard error is a terminal that can be redrawn.
    pub(crate) live: bool,
}

impl Output {
    /// Looks at where the two streams go.
    pub(crate) fn new(color: Color, config: &Config) -> Self {
        let paint = |terminal: bool| {
            Paint(match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto if config.no_color => false,
                Color::Auto => config.force_color || (terminal && !config.dumb_terminal),
            })
        };
        let terminal = io::stderr().is_terminal();
        Self {
            data: paint(io::stdout().is_terminal()),
            talk: paint(terminal),
            live: terminal && !config.dumb_terminal,
        }
    }

    /// Writes data to standard output. A reader that went away ends the command quietly.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::nobody_reads()),
            Err(error) => Err(Failure::io("cannot write to standard output", &error)),
        }
    }

    /// Writes one JSON document to standard output.
    pub(crate) fn json(&self, document: &Value) -> Result<(), Failure> {
        self.print(&format!("{document:#}\n"))
    }

    /// Tells people something, with a line end. Nobody being there to read it is no error.
    pub(crate) fn say(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Writes to standard error as is.
    pub(crate) fn raw(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }

    /// Tells people about something that is not as it should be but stops nothing.
    pub(crate) fn warn(&self, text: &str) {
        self.say(&format!("{} {text}", self.talk.yellow("warning:")));
    }

    /// Shows what is wrong with a file.
    pub(crate) fn diagnostics(&self, found: &[Diagnostic], source: &str) {
        if !found.is_empty() {
            self.say(diagnostic::render(found, source, self.talk.is_on()).trim_end());
        }
    }

    /// Shows why a command did not come through, and where programs read, tells them too.
    pub(crate) fn failure(&self, failure: &Failure, json: bool) {
        if json && (!failure.message.is_empty() || !failure.diagnostics.is_empty()) {
            let mut document = diagnostic_lists(&failure.diagnostics);
            if !failure.message.is_empty() {
                document["errors"] = json!([{ "message": failure.message, "hint": failure.hint }]);
            }
            // The error that matters is about to be shown.
            let _ = self.json(&document);
        }
        if !failure.message.is_empty() {
            self.say(&format!("{} {}", self.talk.red("error:"), failure.message));
        }
        if let Some(hint) = &failure.hint {
            self.say(&format!("{} {hint}", self.talk.bold("hint:")));
        }
    }
}

/// `{"errors": […], "warnings": […]}`.
pub(crate) fn diagnostic_lists(found: &[Diagnostic]) -> Value {
    let (errors, warnings): (Vec<_>, Vec<_>) = found
        .iter()
        .cloned()
        .partition(|one| one.severity == Severity::Error);
    let mut document = diagnostic::to_json(&errors);
    document["warnings"] = diagnostic::to_json(&warnings)["errors"].take();
    document
}

/// The size of the terminal behind standard error: columns and rows.
pub(crate) fn terminal_size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            (usize::from(size.ws_col), usize::from(size.ws_row))
        }
        _ => (80, 24),
    }
}

/// Text from a task or a file must not steer the terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
