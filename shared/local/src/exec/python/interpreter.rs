//! Finds the real interpreter behind whatever is called python here, once, and remembers it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::super::ExecConfig;
use super::super::command;
use super::Trouble;

/// The oldest Python that Ork's package runs on: its major and minor version.
pub const OLDEST_PYTHON: (u32, u32) = (3, 9);

/// An interpreter as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Interpreter {
    /// `sys.executable`.
    pub(super) executable: PathBuf,
    /// `3.11.7`.
    pub(super) version: String,
}

/// What is remembered of one that was found.
#[derive(Serialize, Deserialize)]
struct Remembered {
    key: String,
    interpreter: Interpreter,
}

/// What is called for Python tasks of a workflow in `dir` that have no environment of their own: `asked` (`ORK_PYTHON`) or what the search
/// path (`PATH`) has. It was not run.
///
/// # Errors
/// There is none, in words.
pub fn find_python(
    asked: Option<&Path>,
    dir: &Path,
    search: Option<&OsStr>,
) -> Result<PathBuf, String> {
    match asked {
        Some(asked) => {
            let name = asked.to_string_lossy();
            command::find(&name, dir, search).ok_or_else(|| {
                format!("the interpreter ORK_PYTHON={name} does not exist or is not executable")
            })
        }
        None => ["python3", "python"]
            .iter()
            .find_map(|name| command::find(name, dir, search))
            .ok_or_else(|| nowhere(search)),
    }
}

/// The interpreter for tasks of a workflow in `dir`.
pub(super) fn find(config: &ExecConfig, dir: &Path) -> Result<Interpreter, Trouble> {
    let search = config.env("PATH").map(|path| path.as_os_str());
    let found = match (&config.python, &config.own_python) {
        (None, Some(own)) => own.clone(),
        (asked, _) => find_python(asked.as_deref(), dir, search).map_err(Trouble::permanent)?,
    };
    let memory = config.state_dir.join("python.json");
    let key = key(&found, config, dir);
    if let Some(known) = recall(&memory, &key) {
        return Ok(known);
    }
    let interpreter = ask(&found, config, dir)?;
    let remembered = Remembered { key, interpreter };
    let text = serde_json::to_string(&remembered).expect("paths that were JSON a moment ago");
    let temporary = memory.with_extension(format!("part{}", std::process::id()));
    // A memory that cannot be kept costs time, not correctness: the next start asks again.
    let _ = std::fs::create_dir_all(&config.state_dir)
        .and_then(|()| std::fs::write(&temporary, text))
        .and_then(|()| std::fs::rename(&temporary, &memory));
    Ok(remembered.interpreter)
}

fn nowhere(search: Option<&OsStr>) -> String {
    let path = search.map_or_else(
        || "PATH is not set".to_owned(),
        |path| format!("PATH is {}", path.to_string_lossy()),
    );
    format!(
        "no Python: neither `python3` nor `python` was found ({path}); install Python 3.9 or newer, or set ORK_PYTHON to an interpreter"
    )
}

fn recall(memory: &Path, key: &str) -> Option<Interpreter> {
    let remembered: Remembered = serde_json::from_slice(&std::fs::read(memory).ok()?).ok()?;
    (remembered.key == key && remembered.interpreter.executable.is_file())
        .then_some(remembered.interpreter)
}

/// Everything the answer depends on: the file found, what it links to, and for shims the files they look at.
fn key(found: &Path, config: &ExecConfig, dir: &Path) -> String {
    let mut key = String::new();
    let mut add = |path: &Path| {
        if let Ok(meta) = std::fs::metadata(path) {
            // Writing to a String cannot fail.
            let _ = write!(
                key,
                "{}:{}.{}:{};",
                path.display(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.size()
            );
        }
    };
    add(found);
    if let Ok(target) = found.canonicalize() {
        add(&target);
    }
    for folder in dir.ancestors() {
        add(&folder.join(".python-version"));
        add(&folder.join(".tool-versions"));
    }
    if let Some(root) = found.parent().and_then(Path::parent) {
        add(&root.join("version"));
    }
    for name in ["PYENV_VERSION", "VIRTUAL_ENV", "CONDA_PREFIX"] {
        if let Some(value) = config.env(name) {
            let _ = write!(key, "{name}={};", value.to_string_lossy());
        }
    }
    key
}

/// Runs it to learn what it really is.
fn ask(found: &Path, config: &ExecConfig, dir: &Path) -> Result<Interpreter, Trouble> {
    const QUESTION: &str = "import sys, json; print(json.dumps({'executable': sys.executable, 'version': '.'.join(map(str, sys.version_info[:3]))}))";
    let named = if config.python.is_some() {
        format!("ORK_PYTHON={}", found.display())
    } else {
        found.display().to_string()
    };
    let advice = "set ORK_PYTHON to a Python 3.9 or newer";
    let output = Command::new(found)
        .args(["-I", "-S", "-c", QUESTION])
        .env_clear()
        .envs(
            config
                .env_passthrough
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Trouble::permanent(format!(
                "the interpreter {named} cannot be started: {error}; {advice}"
            ))
        })?;
    let Ok(interpreter) = serde_json::from_slice::<Interpreter>(output.stdout.trim_ascii()) else {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().last().unwrap_or("it printed nothing");
        return Err(Trouble::permanent(format!(
            "the interpreter {named} does not answer as Python 3 does ({}): {said}; {advice}",
            output.status
        )));
    };
    let mut numbers = interpreter
        .version
        .split('.')
        .filter_map(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < OLDEST_PYTHON {
        return Err(Trouble::permanent(format!(
            "the interpreter {named} is Python {}, Ork's tasks need {}.{} or newer; {advice}",
            interpreter.version, OLDEST_PYTHON.0, OLDEST_PYTHON.1
        )));
    }
    Ok(interpreter)
}
