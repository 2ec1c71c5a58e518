//! Workflow files from disk: read, checked, with the `ork.yaml` they belong to.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ork_core::definition::Workflow;
use ork_core::diagnostic::{Diagnostic, Severity};
use ork_core::limits;
use ork_core::parse::{Project, parse_project, parse_workflow_with};

use crate::failure::Failure;
use crate::output::Output;

/// The name of the file that the workflows of a folder share.
pub(crate) const PROJECT_FILE: &str = "ork.yaml";

/// A workflow file that is right.
#[derive(Debug)]
pub(crate) struct WorkflowFile {
    /// Absolute.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) workflow: Workflow,
    /// What its `ork.yaml` says; empty without one.
    pub(crate) project: Project,
}

/// What was found in a file, with the text to show it in.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The workflow, unless there are errors. `None` too for an `ork.yaml` that is right.
    pub(crate) workflow: Option<Workflow>,
    /// Errors and warnings.
    pub(crate) found: Vec<Diagnostic>,
    /// The file's text.
    pub(crate) source: String,
}

impl Checked {
    /// Whether the file cannot be used.
    pub(crate) fn is_wrong(&self) -> bool {
        self.found.iter().any(|one| one.severity == Severity::Error)
    }
}

/// Reads and checks a workflow; shows what is wrong with it and what somebody should look at.
pub(crate) fn load(path: &Path, out: &Output) -> Result<WorkflowFile, Failure> {
    let bytes = read(path)?;
    let project = project_of(path, out)?;
    let checked = check(&shown(path), &bytes, &project);
    out.diagnostics(&checked.found, &checked.source);
    if let Some(workflow) = checked.workflow {
        return Ok(WorkflowFile {
            path: absolute(path)?,
            workflow,
            project,
        });
    }
    if checked.is_wrong() {
        let errors = checked
            .found
            .iter()
            .filter(|one| one.severity == Severity::Error)
            .count();
        out.say(&format!(
            "\n{} in {}; nothing was started",
            count(errors, "error"),
            shown(path)
        ));
        return Err(Failure::in_file(checked.found));
    }
    Err(Failure::new(format!(
        "`{}` holds the settings of a project, not a workflow",
        shown(path)
    )))
}

/// Checks the bytes of a workflow file, or of an `ork.yaml`.
pub(crate) fn check(name: &str, bytes: &[u8], project: &Project) -> Checked {
    let (workflow, found) = if is_project(Path::new(name)) {
        (None, parse_project(name, bytes).err().unwrap_or_default())
    } else {
        match parse_workflow_with(name, bytes, project) {
            Ok(parsed) => (Some(parsed.workflow), parsed.warnings),
            Err(found) => (None, found),
        }
    };
    Checked {
        workflow,
        found,
        source: String::from_utf8_lossy(&bytes[..bytes.len().min(limits::FILE_BYTES)]).into_owned(),
    }
}

/// The project a workflow file belongs to: the `ork.yaml` beside it, or the nearest one above. An error in it is shown.
pub(crate) fn project_of(path: &Path, out: &Output) -> Result<Project, Failure> {
    let Some(file) = project_file(path)? else {
        return Ok(Project::default());
    };
    let bytes = read(&file)?;
    parse_project(&shown(&file), &bytes).map_err(|found| {
        out.diagnostics(&found, &String::from_utf8_lossy(&bytes));
        Failure::in_file(found)
    })
}

/// The `ork.yaml` that a workflow file belongs to, if there is one.
pub(crate) fn project_file(path: &Path) -> Result<Option<PathBuf>, Failure> {
    let path = absolute(path)?;
    if is_project(&path) {
        return Ok(None);
    }
    let above = path.ancestors().skip(1);
    let mut files = above.map(|folder| folder.join(PROJECT_FILE));
    Ok(files.find(|file| file.is_file()))
}

/// The workflow files right in a folder, by name.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: io::Error| {
        Failure::new(format!(
            "cannot read the folder `{}`: {}",
            shown(folder),
            reason(&error)
        ))
    };
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("yaml" | "yml" | "workflow"))
            && !is_project(&path)
            && path.is_file()
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The bytes of a file, and not many more than a workflow file may have: checking says when it is too large.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| {
        let failure = Failure::new(format!("cannot read `{}`: {}", shown(path), reason(&error)));
        match error.kind() {
            io::ErrorKind::NotFound => {
                failure.hint("check the path; `ork init` writes a workflow to start from")
            }
            _ => failure,
        }
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(Failure::new(format!(
            "`{}` is a folder, not a workflow file",
            shown(path)
        ))
        .hint("`ork dev DIR` runs the workflows of a folder"));
    }
    let mut bytes = Vec::new();
    file.take(limits::FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// The path as people know it: relative to where they are, if it is below that.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let near = here
        .as_deref()
        .and_then(|here| path.strip_prefix(here).ok())
        .filter(|near| !near.as_os_str().is_empty());
    near.unwrap_or(path).display().to_string()
}

/// The path from the root, without asking whether it exists.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::new(format!(
            "`{}` cannot be made absolute: {}",
            path.display(),
            reason(&error)
        ))
    })
}

/// An I/O error without the number behind it.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// `1 error`, `2 errors`.
pub(crate) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn is_project(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == PROJECT_FILE)
}
