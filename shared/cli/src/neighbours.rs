//! Sub-workflows of a file that is run: found beside it by their names, and deployed with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
        let mut todo: VecDeque<WorkflowName> = called(&file.workflow).into();
        let mut done = BTreeSet::from([file.workflow.name.clone()]);
        if todo.is_empty() {
            return Ok(found);
        }
        let files = files_beside(file);
        while let Some(name) = todo.pop_front() {
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
        found.files = callees_first(found.files);
        Ok(found)
    }
}

/// The same files, those that others of them run before these. Of two that run each other the second comes first.
pub(crate) fn callees_first(files: Vec<WorkflowFile>) -> Vec<WorkflowFile> {
    let by_name: BTreeMap<&WorkflowName, usize> = (0..)
        .zip(&files)
        .map(|(at, file)| (&file.workflow.name, at))
        .collect();
    let below = |at: usize| -> Vec<usize> {
        let names = called(&files[at].workflow);
        names
            .iter()
            .filter_map(|name| by_name.get(name))
            .copied()
            .collect()
    };
    let order = post_order(files.len(), below);
    let mut files: Vec<Option<WorkflowFile>> = files.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|at| files[at].take())
        .collect()
}

/// Everything from 0 to `n`, each after what is below it.
fn post_order(n: usize, below: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    let mut order = Vec::with_capacity(n);
    let mut seen = vec![false; n];
    for root in 0..n {
        // Each is met twice: before what is below it, and after that.
        let mut todo = vec![(root, false)];
        while let Some((at, after)) = todo.pop() {
            if after {
                order.push(at);
            } else if !std::mem::replace(&mut seen[at], true) {
                todo.push((at, true));
                todo.extend(below(at).into_iter().rev().map(|at| (at, false)));
            }
        }
    }
    order
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
    let folder = workflow_file::folder_of(path);
    let name_of = workflow_file::shown(path);
    let checked = workflow_file::check(&name_of, &bytes, &file.project, folder.as_deref());
    match checked.workflow {
        Some(workflow) => workflow.name == *name,
        None => checked
            .source
            .lines()
            .any(|line| line.strip_prefix("name:").map(str::trim) == Some(name.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run_by_others_comes_first() {
        // 0 runs 1 and 2, 1 runs 2.
        let below = |at: usize| vec![vec![1, 2], vec![2], vec![]][at].clone();
        assert_eq!(post_order(3, below), [2, 1, 0]);
        // 0 runs 2 and 1, 2 runs 1 and 3, and 3 runs 0 again.
        let below = |at: usize| vec![vec![2, 1], vec![], vec![1, 3], vec![0]][at].clone();
        assert_eq!(post_order(4, below), [1, 3, 2, 0]);
        // Nobody runs anybody: as they were.
        assert_eq!(post_order(3, |_| Vec::new()), [0, 1, 2]);
    }
}
