//! What a worker has to run tasks with, whatever brings it the attempts: folders, an interpreter, an environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use ork_telemetry::{Telemetry, TelemetrySettings};

/// Cloud Run's images have the user's code here unless they say otherwise.
const CODE_DIR: &str = "/app";
/// The variable with the signed URL of a worker without credentials. Its tasks do not see it: who has it may do what the worker may.
pub(crate) const BATCH_URL: &str = "ORK_BATCH_URL";
/// The variable with what a collector is shown. Tasks that send spans of their own have it as a secret of theirs.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// How long a verdict is offered to objects that cannot be reached.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a worker has to run tasks with.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The folder of the code of workflows that have no bundle.
    pub code_dir: PathBuf,
    /// Where bundles and Python environments are kept, and files of the attempts while they run.
    pub cache_dir: PathBuf,
    /// The interpreter for Python tasks; what `PATH` finds when absent.
    pub python: Option<PathBuf>,
    /// The environment that tasks start from: this process's own, but for what is this process's alone.
    pub env: Vec<(OsString, OsString)>,
    /// The program that [`crate::hidden`] is part of: it is run again for library tasks, and to end what a killed worker leaves behind.
    pub exe: Option<PathBuf>,
    /// How long objects that cannot be reached are asked again.
    pub patience: Duration,
    /// What sends the metrics that tasks report.
    pub telemetry: Telemetry,
}

impl Machine {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let code_dir = PathBuf::from(reader.optional("ORK_CODE_DIR").unwrap_or(CODE_DIR));
        let cache_dir = match reader.optional("ORK_CACHE_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => PathBuf::from(reader.optional("TMPDIR").unwrap_or("/tmp")).join("ork-worker"),
        };
        let python = reader.optional("ORK_PYTHON").map(PathBuf::from);
        for (name, folder) in [("ORK_CODE_DIR", &code_dir), ("ORK_CACHE_DIR", &cache_dir)] {
            if !folder.is_absolute() {
                let shown = folder.display();
                reader
                    .problems
                    .push(format!("{name} is `{shown}`: write an absolute path"));
            }
        }
        Self {
            code_dir,
            cache_dir,
            python,
            env: reader.all(),
            exe: None,
            patience: PATIENCE,
            telemetry: Telemetry::off(),
        }
    }
}

/// The variables, and what was found wrong with them so far. Each line begins with a variable's name.
pub(crate) struct Reader<'a> {
    env: &'a BTreeMap<String, String>,
    pub(crate) problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(env: &'a BTreeMap<String, String>) -> Self {
        Self {
            env,
            problems: Vec::new(),
        }
    }

    pub(crate) fn problem<T>(&mut self, text: String) -> Option<T> {
        self.problems.push(text);
        None
    }

    /// An empty variable is none.
    pub(crate) fn optional(&self, name: &str) -> Option<&'a str> {
        self.env
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&mut self, name: &str, what: &str) -> Option<&'a str> {
        self.optional(name)
            .or_else(|| self.problem(format!("{name} is not set: {what}")))
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<u32> {
        let text = self.required(name, "Cloud Run sets it for each task of a job")?;
        text.parse()
            .ok()
            .or_else(|| self.problem(format!("{name} is `{text}`, which is not a whole number")))
    }

    /// Where traces and metrics go, if anywhere.
    pub(crate) fn otlp(&mut self) -> Option<TelemetrySettings> {
        match TelemetrySettings::read(self.env) {
            Ok(settings) => settings,
            Err(wrong) => {
                let lines = wrong
                    .into_iter()
                    .map(|(variable, what)| format!("{variable} {what}"));
                self.problems.extend(lines);
                None
            }
        }
    }

    /// What tasks may see.
    fn all(&self) -> Vec<(OsString, OsString)> {
        let all = self.env.iter();
        let all = all.filter(|(name, _)| *name != BATCH_URL && *name != HEADERS);
        all.map(|(name, value)| (name.into(), value.into()))
            .collect()
    }
}
