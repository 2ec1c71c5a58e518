//! Files of the code folder that a caller names. None of them is outside.

use std::fs;
use std::path::{Component, Path, PathBuf};

use ork_core::definition::Workflow;
use ork_core::diagnostic::Diagnostic;
use ork_core::limits;
use ork_core::names::QueryPath;
use ork_core::parse::{Beside, Project, parse_project, parse_workflow_beside};

/// Why what was asked for cannot be done.
#[derive(Debug)]
pub(super) enum Wrong {
    /// One sentence says it.
    Said(String),
    /// What was found in a file.
    Found(Vec<Diagnostic>),
}

impl From<String> for Wrong {
    fn from(said: String) -> Self {
        Self::Said(said)
    }
}

/// A workflow file.
#[derive(Debug)]
pub(super) struct File {
    /// The folder it is in, where its tasks run.
    pub(super) folder: PathBuf,
    pub(super) workflow: Workflow,
}

/// Files that are taken when none is named.
const USUAL: [&str; 2] = ["workflow.yaml", "workflow.yml"];

/// The workflow in `named` of the folder `code`, or in the one that is usual.
pub(super) fn load(code: &Path, named: Option<&str>) -> Result<File, Wrong> {
    let named = match named {
        Some(named) => named.to_owned(),
        None => usual(code)?,
    };
    let path = inside(code, &named)?;
    let bytes = read(&path, &named)?;
    let folder = path.parent().unwrap_or(code).to_owned();
    let project = project(&folder)?;
    match parse_workflow_beside(&named, &bytes, &project, &|path| query(&folder, path)) {
        Ok(parsed) => Ok(File {
            folder,
            workflow: parsed.workflow,
        }),
        Err(found) => Err(Wrong::Found(found)),
    }
}

fn usual(code: &Path) -> Result<String, String> {
    if let Some(found) = USUAL.iter().find(|name| code.join(name).is_file()) {
        return Ok((*found).to_owned());
    }
    let listed = fs::read_dir(code)
        .map_err(|error| format!("the code folder {} cannot be read: {error}", code.display()))?;
    let mut found = listed.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.ends_with(".workflow").then_some(name)
    });
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(format!(
            "the code folder has no {}: name the file in `workflow_path`",
            USUAL[0]
        )),
        (Some(_), Some(_)) => Err(
            "the code folder has several workflow files: name one in `workflow_path`".to_owned(),
        ),
    }
}

fn project(folder: &Path) -> Result<Project, Wrong> {
    let path = folder.join("ork.yaml");
    if !path.is_file() {
        return Ok(Project::default());
    }
    let bytes = read(&path, "ork.yaml")?;
    parse_project("ork.yaml", &bytes).map_err(Wrong::Found)
}

fn read(path: &Path, named: &str) -> Result<Vec<u8>, String> {
    let cannot = |why: String| format!("`{named}` cannot be read: {why}");
    let size = fs::metadata(path).map_err(|error| cannot(error.to_string()))?;
    if !size.is_file() || size.len() > limits::FILE_BYTES as u64 {
        return Err(cannot(format!(
            "it is no file of at most {} bytes",
            limits::FILE_BYTES
        )));
    }
    fs::read(path).map_err(|error| cannot(error.to_string()))
}

/// A file of SQL that a workflow of `folder` names.
fn query(folder: &Path, path: &QueryPath) -> Beside {
    let missing = || Beside::Missing("it lies beside the workflow file".into());
    if !folder.join(path.as_str()).exists() {
        return missing();
    }
    match inside(folder, path.as_str()).and_then(|file| read(&file, path.as_str())) {
        Ok(bytes) => Beside::File(bytes),
        Err(why) => Beside::Unusable(format!("is not to be had: {why}")),
    }
}

/// The file `named` in the folder `code`, through no link that leads out of it.
pub(super) fn inside(code: &Path, named: &str) -> Result<PathBuf, String> {
    let relative = Path::new(named);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let out = || {
        format!("`{named}` is not a path in the code folder: write it relative to it, without `..`")
    };
    if named.is_empty() || named.contains('\0') || !plain {
        return Err(out());
    }
    let real = |path: &Path| {
        path.canonicalize()
            .map_err(|error| format!("`{named}` cannot be found in the code folder: {error}"))
    };
    let (root, path) = (real(code)?, real(&code.join(relative))?);
    if path.starts_with(&root) {
        Ok(path)
    } else {
        Err(out())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_code_folder() {
        let root = tempfile::tempdir().expect("a folder");
        let code = root.path().join("code");
        fs::create_dir_all(code.join("sub")).expect("made");
        fs::write(code.join("sub/a.py"), "").expect("written");
        fs::write(root.path().join("secret"), "").expect("written");
        std::os::unix::fs::symlink(root.path().join("secret"), code.join("link")).expect("linked");
        std::os::unix::fs::symlink("sub/a.py", code.join("fine")).expect("linked");
        for fine in ["sub/a.py", "./sub/a.py", "fine"] {
            let path = inside(&code, fine).expect(fine);
            assert!(path.ends_with("sub/a.py"), "{path:?}");
        }
        let absolute = code.join("sub/a.py").display().to_string();
        for wrong in [
            "",
            "../secret",
            "sub/../../secret",
            "link",
            "/etc/passwd",
            &absolute,
            "a\0b",
        ] {
            let said = inside(&code, wrong).expect_err(wrong);
            assert!(said.contains("not a path in the code folder"), "{said}");
        }
        let said = inside(&code, "none.py").expect_err("there is none");
        assert!(said.contains("cannot be found"), "{said}");
    }
}
