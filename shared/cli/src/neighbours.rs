//! Sub-workflows of a file that is run: found beside it by their names, and deployed with it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ork_core::definition::{Executor, Workflow};
use ork_core::ids::WorkflowName;
use ork_local::Embedded;

use crate::engine::{self, failure};
use crate::failure::Failure;
use crate::output::Output;
use crate::workflow_file::{self, WorkflowFile};

/// Deploys the workflows that `file` runs with `run_as`, and those that they run. One that is not in the folder must have
/// been deployed before.
pub(crate) async fn deploy(
    embedded: &Embedded,
    file: &WorkflowFile,
    out: &Output,
) -> Result<(), Failure> {
    let mut todo = called(&file.workflow);
    let mut done = BTreeSet::from([file.workflow.name.clone()]);
    if todo.is_empty() {
        return Ok(());
    }
    let files = files_beside(file);
    let mut deployed: Option<BTreeSet<WorkflowName>> = None;
    while let Some(name) = todo.pop() {
        if !done.insert(name.clone()) {
            continue;
        }
        if let Some(path) = files.iter().find(|path| is_called(path, file, &name)) {
            let neighbour = workflow_file::load(path, out)?;
            todo.extend(called(&neighbour.workflow));
            engine::deploy(embedded, &neighbour).await?;
            continue;
        }
        let known = match deployed.take() {
            Some(known) => known,
            None => {
                let all = embedded.workflows().await.map_err(failure)?;
                all.into_iter().map(|document| document.name).collect()
            }
        };
        if !known.contains(&name) {
            return Err(Failure::new(format!(
                "sub-workflow `{name}` is not deployed, and no workflow file beside `{}` is called that",
                workflow_file::shown(&file.path)
            ))
            .hint("put its file into the same folder, or deploy it first with `ork workflow deploy FILE`"));
        }
        deployed = Some(known);
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

fn files_beside(file: &WorkflowFile) -> Vec<PathBuf> {
    let entries = file.path.parent().and_then(|folder| folder.read_dir().ok());
    let mut files: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("yaml" | "yml" | "workflow"))
        })
        .collect();
    files.sort();
    files
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
