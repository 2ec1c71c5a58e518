//! The virtual environment of a workflow with a `requirements.txt` or `pyproject.toml` beside it: built once, kept by content.
//!
//! It is built in its final place, because scripts in it name their interpreter by path, and counts only once a marker
//! file says that it is complete: a build that was killed half-way is done again. A lock file lets one builder in at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::super::shared::Shared;
use super::super::{ExecEvent, command};
use super::interpreter::Interpreter;
use super::{Trouble, tool};

const MARKER: &str = "ork-complete";
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// What a folder asks for.
struct Manifest {
    name: &'static str,
    contents: Vec<u8>,
}

/// The environment's interpreter, or `None` when the folder asks for no packages.
pub(super) fn prepare(
    shared: &Shared,
    dir: &Path,
    base: &Interpreter,
) -> Result<Option<PathBuf>, Trouble> {
    let Some(manifest) = manifest(dir)? else {
        return Ok(None);
    };
    let root = shared.config.state_dir.join("venvs");
    let key = key(&manifest, dir, base);
    let venv = root.join(&key);
    let python = venv.join("bin/python");
    if venv.join(MARKER).is_file() && python.exists() {
        return Ok(Some(python));
    }
    let trouble = |error: std::io::Error| {
        Trouble::recoverable(format!(
            "the virtual environment {} cannot be made: {error}",
            venv.display()
        ))
    };
    fs::create_dir_all(&root).map_err(trouble)?;
    let lock = File::create(root.join(format!("{key}.lock"))).map_err(trouble)?;
    wait_for(&lock, shared, manifest.name).map_err(trouble)?;
    if venv.join(MARKER).is_file() && python.exists() {
        return Ok(Some(python));
    }
    if venv.exists() {
        fs::remove_dir_all(&venv).map_err(trouble)?;
    }
    shared.say(ExecEvent::Setup {
        text: format!(
            "{}: building a virtual environment (Python {})",
            manifest.name, base.version
        ),
    });
    let built = build(shared, dir, &manifest, base, &venv, &python)
        .and_then(|()| fs::write(venv.join(MARKER), &base.version).map_err(trouble));
    if let Err(trouble) = built {
        // What stays is rebuilt next time anyway.
        let _ = fs::remove_dir_all(&venv);
        return Err(trouble);
    }
    shared.say(ExecEvent::Setup {
        text: format!("{}: the virtual environment is ready", manifest.name),
    });
    Ok(Some(python))
}

fn manifest(dir: &Path) -> Result<Option<Manifest>, Trouble> {
    for name in ["requirements.txt", "pyproject.toml"] {
        let path = dir.join(name);
        match fs::read(&path) {
            Ok(contents) => {
                let text = String::from_utf8_lossy(&contents);
                let asks = match name {
                    "requirements.txt" => text
                        .lines()
                        .any(|line| !matches!(line.trim().chars().next(), None | Some('#'))),
                    // A file of tool settings only asks for nothing.
                    _ => {
                        text.lines().any(|line| line.trim() == "[project]")
                            && text
                                .lines()
                                .any(|line| line.trim_start().starts_with("dependencies"))
                    }
                };
                if asks {
                    return Ok(Some(Manifest { name, contents }));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Trouble::permanent(format!(
                    "{} cannot be read: {error}",
                    path.display()
                )));
            }
        }
    }
    Ok(None)
}

fn key(manifest: &Manifest, dir: &Path, base: &Interpreter) -> String {
    let mut hash = Sha256::new();
    for part in [
        manifest.name.as_bytes(),
        base.version.as_bytes(),
        base.executable.as_os_str().as_encoded_bytes(),
    ] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(&manifest.contents);
    if manifest.name == "requirements.txt" {
        included(&manifest.contents, dir, &mut hash, 0);
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Adds the files that `-r` and `-c` lines name, so that a change in them is a change.
fn included(contents: &[u8], dir: &Path, hash: &mut Sha256, depth: usize) {
    const DEPTH: usize = 8;
    for line in String::from_utf8_lossy(contents).lines() {
        let line = line.trim();
        let named = ["-r", "--requirement", "-c", "--constraint"]
            .iter()
            .find_map(|option| {
                let rest = line.strip_prefix(option)?;
                rest.starts_with([' ', '\t', '='])
                    .then(|| rest.trim_start_matches([' ', '\t', '=']))
            });
        let Some(path) = named.filter(|_| depth < DEPTH).map(|name| dir.join(name)) else {
            continue;
        };
        // One that cannot be read is for the installer to complain about.
        if let Ok(contents) = fs::read(&path) {
            hash.update(&contents);
            included(&contents, path.parent().unwrap_or(dir), hash, depth + 1);
        }
    }
}

fn wait_for(lock: &File, shared: &Shared, name: &str) -> std::io::Result<()> {
    let mut told = false;
    loop {
        match flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(error.into()),
        }
        if shared.is_closed() {
            return Err(std::io::Error::other("stopped"));
        }
        if !told {
            shared.say(ExecEvent::Setup {
                text: format!(
                    "{name}: waiting for another ork that builds the same virtual environment"
                ),
            });
            told = true;
        }
        std::thread::sleep(LOCK_PAUSE);
    }
}

fn build(
    shared: &Shared,
    dir: &Path,
    manifest: &Manifest,
    base: &Interpreter,
    venv: &Path,
    python: &Path,
) -> Result<(), Trouble> {
    let place = venv.to_string_lossy();
    let inner = python.to_string_lossy();
    let search = shared.config.env("PATH").map(|path| path.as_os_str());
    if let Some(uv) = command::find("uv", dir, search) {
        tool::run(
            shared,
            dir,
            &uv,
            &[
                "venv",
                "--quiet",
                "--python",
                &base.executable.to_string_lossy(),
                &place,
            ],
            manifest.name,
        )?;
        return tool::run(
            shared,
            dir,
            &uv,
            &["pip", "install", "--python", &inner, "-r", manifest.name],
            manifest.name,
        );
    }
    tool::run(
        shared,
        dir,
        &base.executable,
        &["-I", "-m", "venv", &place],
        manifest.name,
    )?;
    let mut list = manifest.name.to_owned();
    if manifest.name == "pyproject.toml" {
        list = venv.join("requirements.txt").to_string_lossy().into_owned();
        tool::run(
            shared,
            dir,
            python,
            &["-I", "-c", DEPENDENCIES, &list],
            manifest.name,
        )?;
    }
    tool::run(
        shared,
        dir,
        python,
        &[
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--progress-bar",
            "off",
            "-r",
            &list,
        ],
        manifest.name,
    )
}

/// Writes the dependencies of a `pyproject.toml` as requirements: pip alone cannot install them without the project.
const DEPENDENCIES: &str = "
import sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open('pyproject.toml', 'rb') as file:
    project = tomllib.load(file).get('project', {})
with open(sys.argv[1], 'w', encoding='utf-8') as file:
    file.writelines(line + '\\n' for line in project.get('dependencies', []))
";
