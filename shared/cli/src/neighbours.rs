//! Sub-workflows of a file that is run: found beside it by their names, and deployed with it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ork_core::definition::{Executor, Workflow};
use ork_core::ids::WorkflowName;

use crate::config::Config;
use crate::failure::Failure;
use crate::output::Output;
use crate::site::{Sending, Site};
use crate::workflow_file::{self, WorkflowFile};

/// What a file runs with `run_as`.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    /// The workflows that lie beside it, and those that they run, what is run by others first.
    pub(crate) files: Vec<WorkflowFile>,
    /// The names of those that do not.
    pub(crate) elsewhere: Vec<WorkflowName>,
}

impl Neighbours {
    /// Looks for what `file` runs, and checks it.
    pub(crate) fn of(file: &WorkflowFile, out: &Output) -> Result<Self, Failure> {
        let mut found = Self::default();
        let mut todo = called(&file.workflow);
        let mut done = BTreeSet::from([file.workflow.name.clone()]);
        if todo.is_empty() {
            return Ok(found);
        }
        let files = files_beside(file);
        while let Some(name) = todo.pop() {
            if !done.insert(name.clone()) {
                continue;
            }
            match files.iter().find(|path| is_called(path, file, &name)) {
                Some(path) => {
                    let neighbour = workflow_file::load(path, out)?;
                    todo.extend(called(&neighbour.workflow));
                    found.files.push(neighbour);
                }
                None => found.elsewhere.push(name),
            }
        }
        found.files.reverse();
        Ok(found)
    }
}

/// Deploys the workflows that `file` runs, and those that they run. One that is not in the folder must have been deployed before.
pub(crate) async fn deploy(
    site: &Site,
    file: &WorkflowFile,
    sending: Sending,
    config: &Config,
    out: &Output,
) -> Result<(), Failure> {
    let Neighbours { files, elsewhere } = Neighbours::of(file, out)?;
    if !elsewhere.is_empty() {
        let known = site.workflows().await?;
        let is_unknown = |name: &&WorkflowName| !known.iter().any(|one| one.name == **name);
        if let Some(name) = elsewhere.iter().find(is_unknown) {
            return Err(Failure::new(format!(
                "sub-workflow `{name}` is not deployed, and no workflow file beside `{}` is called that",
                workflow_file::shown(&file.path)
            ))
            .hint("put its file into the same folder, or deploy it first with `ork workflow deploy FILE`"));
        }
    }
    for neighbour in &files {
        site.deploy(neighbour, sending, config, out).await?;
    }
    Ok(())
}

/// The workflows that tasks of this one run.
fn called(workflow: &Workflow) -> Vec<WorkflowName> {
    let name = |executor: &Executor| match executor {
        Executor::Workflow { name } => Some(name.clone()),
        _ => None,
    };
    workflow
        .tasks
        .iter()
        .filter_map(|task| name(&task.executor))
        .collect()
}

/// The other files of its folder; none when that cannot be read, for then nothing is beside it.
fn files_beside(file: &WorkflowFile) -> Vec<PathBuf> {
    let folder = file.path.parent();
    folder
        .and_then(|folder| workflow_file::files_in(folder).ok())
        .unwrap_or_default()
}

/// Whether the file describes the workflow `name`. One that is broken is not asked for its name but for its text, so that
/// loading it shows what is wrong.
fn is_called(path: &std::path::Path, file: &WorkflowFile, name: &WorkflowName) -> bool {
    let Ok(bytes) = workflow_file::read(path) else {
        return false;
    };
    let checked = workflow_file::check(&workflow_file::shown(path), &bytes, &file.project);
    match checked.workflow {
        Some(workflow) => workflow.name == *name,
        None => checked
            .source
            .lines()
            .any(|line| line.strip_prefix("name:").map(str::trim) == Some(name.as_str())),
    }
}
