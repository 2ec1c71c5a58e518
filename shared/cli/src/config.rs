//! The environment variables Ork reads: all of them, here and nowhere else.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// A variable and what it does.
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does, for `ork --help`.
    pub(crate) doc: &'static str,
}

/// The registry, in the order it is shown.
pub(crate) const VARIABLES: [Variable; 5] = [
    Variable {
        name: "ORK_PYTHON",
        doc: "Interpreter for Python tasks that have no environment of their own",
    },
    Variable {
        name: "ORK_STATE",
        doc: "State folder, as --state",
    },
    Variable {
        name: "NO_COLOR",
        doc: "No colours, whatever the terminal",
    },
    Variable {
        name: "CLICOLOR_FORCE",
        doc: "Colours even where there is no terminal",
    },
    Variable {
        name: "TERM",
        doc: "`dumb` means no colours and no live progress",
    },
];

/// What the environment says.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// `ORK_PYTHON`.
    pub(crate) python: Option<PathBuf>,
    /// `ORK_STATE`.
    pub(crate) state: Option<PathBuf>,
    /// `NO_COLOR`.
    pub(crate) no_color: bool,
    /// `CLICOLOR_FORCE`.
    pub(crate) force_color: bool,
    /// `TERM=dumb`.
    pub(crate) dumb_terminal: bool,
}

impl Config {
    /// Reads the registry's variables; an empty one counts as absent.
    pub(crate) fn read() -> Self {
        let [python, state, no_color, force_color, term] =
            VARIABLES.map(|one| env::var_os(one.name).filter(|value| !value.is_empty()));
        Self {
            python: python.map(PathBuf::from),
            state: state.map(PathBuf::from),
            no_color: no_color.is_some(),
            force_color: force_color.is_some_and(|value| value != "0"),
            dumb_terminal: term.is_some_and(|value| value == "dumb"),
        }
    }
}

/// The whole environment, which tasks inherit.
pub(crate) fn whole_environment() -> Vec<(OsString, OsString)> {
    env::vars_os().collect()
}

/// A secret by the name of the environment variable that holds it.
pub(crate) fn secret(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// The registry as the end of `ork --help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Environment:\n");
    for one in &VARIABLES {
        text.push_str(&format!("  {:<16} {}\n", one.name, one.doc));
    }
    text.push_str("\nExit codes: 0 done, 1 the run failed or was cancelled, 2 wrong input or an error of ork's own, 130 left at once.");
    text
}
