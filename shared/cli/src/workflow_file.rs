//! Workflow files from disk: read, checked, with the `ork.yaml` they belong to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use ork_core::definition::Workflow;
use ork_core::diagnostic::{Diagnostic, Severity};
use ork_core::limits;
use ork_core::names::QueryPath;
use ork_core::parse::{Beside, Project, parse_project, parse_workflow_beside};

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
    /// The files that became part of it, as they were read: for an upload.
    #[cfg_attr(
        not(feature = "cloud"),
        expect(dead_code, reason = "only uploads send them")
    )]
    pub(crate) queries: Queries,
}

/// Files beside a workflow file that its tasks name as their queries, by their paths; `None` for one that could not be read.
pub(crate) type Queries = BTreeMap<QueryPath, Option<Vec<u8>>>;

/// What was found in a file, with the text to show it in.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The workflow, unless there are errors. `None` too for an `ork.yaml` that is right.
    pub(crate) workflow: Option<Workflow>,
    /// Errors and warnings.
    pub(crate) found: Vec<Diagnostic>,
    /// The file's text.
    pub(crate) source: String,
    /// The files that it names and that belong into it.
    pub(crate) queries: Queries,
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
    let checked = check(&shown(path), &bytes, &project, folder_of(path).as_deref());
    out.diagnostics(&checked.found, &checked.source);
    if let Some(workflow) = checked.workflow {
        return Ok(WorkflowFile {
            path: placed(path)?,
            workflow,
            project,
            queries: checked.queries,
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

/// The folder that a workflow file is in.
pub(crate) fn folder_of(path: &Path) -> Option<PathBuf> {
    let path = placed(path).ok()?;
    path.parent().map(Path::to_owned)
}

/// Checks the bytes of a workflow file, or of an `ork.yaml`. In `folder` lie the files that it names.
pub(crate) fn check(name: &str, bytes: &[u8], project: &Project, folder: Option<&Path>) -> Checked {
    let queries = RefCell::new(Queries::new());
    let beside = |path: &QueryPath| {
        let Some(folder) = folder else {
            return Beside::NoFolder;
        };
        let file = query_file(folder, path);
        let bytes = match &file {
            Beside::File(bytes) => Some(bytes.clone()),
            _ => None,
        };
        queries.borrow_mut().insert(path.clone(), bytes);
        file
    };
    let (workflow, found) = if is_project(Path::new(name)) {
        (None, parse_project(name, bytes).err().unwrap_or_default())
    } else {
        match parse_workflow_beside(name, bytes, project, &beside) {
            Ok(parsed) => (Some(parsed.workflow), parsed.warnings),
            Err(found) => (None, found),
        }
    };
    Checked {
        workflow,
        found,
        source: String::from_utf8_lossy(&bytes[..bytes.len().min(limits::FILE_BYTES)]).into_owned(),
        queries: queries.into_inner(),
    }
}

/// Looks for a file of SQL below a folder. No link leads out of it.
fn query_file(folder: &Path, path: &QueryPath) -> Beside {
    let file = folder.join(path.as_str());
    let real = match file.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Beside::Missing(format!(
                "the path is relative to the workflow file, so it would be `{}`",
                shown(&file)
            ));
        }
        Err(error) => return Beside::Unusable(format!("cannot be read: {}", reason(&error))),
    };
    if !real.starts_with(self::real(folder)) {
        return Beside::Unusable("is a link that leads out of the workflow's folder".into());
    }
    if !real.is_file() {
        return Beside::Unusable("is no file".into());
    }
    let mut bytes = Vec::new();
    let most = limits::QUERY_FILE_BYTES as u64 + 1;
    let read = File::open(&real).and_then(|file| file.take(most).read_to_end(&mut bytes));
    match read {
        Ok(_) => Beside::File(bytes),
        Err(error) => Beside::Unusable(format!("cannot be read: {}", reason(&error))),
    }
}

/// The project a workflow file belongs to: the `ork.yaml` beside it, or the nearest one above. An error in it is shown.
pub(crate) fn project_of(path: &Path, out: &Output) -> Result<Project, Failure> {
    match project_file(path)? {
        Some(file) => read_project(&file, out),
        None => Ok(Project::default()),
    }
}

/// What holds where an `ork.yaml` is or would be: this one, or the nearest one above. An error in it is shown.
pub(crate) fn settings_at(file: &Path, out: &Output) -> Result<Project, Failure> {
    let file = absolute(file)?;
    project_of(&file.with_file_name("any.yaml"), out)
}

fn read_project(file: &Path, out: &Output) -> Result<Project, Failure> {
    let bytes = read(file)?;
    parse_project(&shown(file), &bytes).map_err(|found| {
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
    let Some(folder) = path.parent().map(real) else {
        return Ok(None);
    };
    let mut files = folder.ancestors().map(|folder| folder.join(PROJECT_FILE));
    Ok(files.find(|file| file.is_file()))
}

/// The workflow files right in a folder, by name: what ends like one and claims to be one.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: io::Error| {
        Failure::io(
            &format!("cannot read the folder `{}`", shown(folder)),
            &error,
        )
    };
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !is_named_like_one(&path) || !path.is_file() {
            continue;
        }
        // One that cannot be read is one: whoever reads it says why.
        if read(&path).map_or(true, |bytes| claims_to_be_one(&path, &bytes)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file of a folder may be a workflow file, by its name.
pub(crate) fn is_named_like_one(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("yaml" | "yml" | "workflow")) && !is_project(path)
}

/// Whether a file of that name claims to be a workflow: YAML files that are something else lie about in most folders.
pub(crate) fn claims_to_be_one(path: &Path, bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let key = |line: &[u8], key: &[u8]| {
        let rest = line.strip_prefix(key).map(<[u8]>::trim_ascii_start);
        rest.is_some_and(|rest| rest.starts_with(b":"))
    };
    path.extension().is_some_and(|ending| ending == "workflow")
        || bytes.split(|&byte| byte == b'\n').any(|line| {
            [&b"tasks"[..], b"\"tasks\"", b"'tasks'"]
                .iter()
                .any(|tasks| key(line, tasks))
                || line.starts_with(b"{")
        })
}

/// The bytes of a file, and not many more than a workflow file may have: checking says when it is too large.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| {
        let failure = Failure::io(&format!("cannot read `{}`", shown(path)), &error);
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
        Failure::io(
            &format!("`{}` cannot be made absolute", path.display()),
            &error,
        )
    })
}

/// The path from the root, in the folder that it really is in when it says `..`: behind a link that leads elsewhere than one reads.
pub(crate) fn placed(path: &Path) -> Result<PathBuf, Failure> {
    let path = absolute(path)?;
    if !path.components().any(|part| part == Component::ParentDir) {
        return Ok(path);
    }
    Ok(match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => real(folder).join(name),
        _ => path,
    })
}

/// A folder without links and `..` on the way to it. One that is not there (any more) stays as it is written.
pub(crate) fn real(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// An I/O error without the number behind it.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// That a file cannot be read, and why.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {}", shown(path), reason(error))
}

/// `1 error`, `2 errors`.
pub(crate) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn is_project(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == PROJECT_FILE)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_yaml_file_is_a_workflow_when_it_has_tasks() {
        let yaml = Path::new("w.yaml");
        for text in [
            "name: w\ntasks:\n",
            "tasks: {}\n",
            "\u{feff}tasks:\n",
            "name: w\r\n\"tasks\" : 3\r\n",
            "'tasks':\n",
            "{\"name\": \"w\"}",
        ] {
            assert!(claims_to_be_one(yaml, text.as_bytes()), "{text:?}");
        }
        for text in [
            "",
            "name: w\n",
            "taskset: 1\n",
            "x:\n  tasks:\n",
            "# tasks:\n",
        ] {
            assert!(!claims_to_be_one(yaml, text.as_bytes()), "{text:?}");
            assert!(claims_to_be_one(Path::new("w.workflow"), text.as_bytes()));
        }
    }

    #[test]
    fn only_folders_that_are_above_a_file_are_asked_for_its_settings() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        for folder in ["flows", "other"] {
            fs::create_dir(at(folder)).expect("made");
        }
        fs::write(at("flows/w.yaml"), "").expect("written");
        fs::write(at("other/ork.yaml"), "").expect("written");
        // Read letter by letter, `other` is above the file.
        let round_about = at("other/../flows/w.yaml");
        assert_eq!(project_file(&round_about).expect("looked"), None);
        let plain = real(&at("flows")).join("w.yaml");
        assert_eq!(placed(&round_about).expect("placed"), plain);
        fs::write(at("ork.yaml"), "").expect("written");
        let found = project_file(&round_about).expect("looked");
        assert_eq!(found, Some(real(root.path()).join(PROJECT_FILE)));
    }
}
