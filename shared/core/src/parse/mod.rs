//! From the bytes of a file to a checked workflow, with everything that is wrong with it.
//!
//! `source` makes text of bytes, `yaml` a tree with positions of text, `workflow` and the files it calls a
//! definition of the tree; `fun` is the front end for `.workflow` files. Each adds what it finds to one
//! [`Diagnostics`] and goes on, so that a file is mended in one go.

mod amounts;
mod assign;
mod beside;
mod bindings;
mod blank;
mod cloud;
pub mod codes;
mod control;
mod dataproc;
mod executors;
mod fields;
mod fun;
mod graph;
mod kinds;
mod labels;
mod node;
mod notifications;
mod profiles;
mod programs;
mod project;
mod python;
mod remote;
mod schedules;
mod scope;
mod sensor;
mod settings;
mod source;
mod suggest;
mod tasks;
mod times;
mod url;
mod without_worker;
mod workflow;
mod yaml;

use crate::definition::Workflow;
use crate::diagnostic::{Diagnostic, Diagnostics, Position};
use crate::ids::WorkflowName;
use crate::names::QueryPath;
use node::Node;

pub use amounts::duration;
pub use beside::Beside;
pub use profiles::{Profile, Profiles, SecretSource, server_url};
pub use project::{CustomExecutor, Project};

/// A workflow that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The definition.
    pub workflow: Workflow,
    /// What somebody should look at all the same.
    pub warnings: Vec<Diagnostic>,
    /// Where each task is named, in the order of the definition's tasks.
    pub task_positions: Vec<Position>,
}

/// Reads a workflow file of a folder without `ork.yaml`. `file` is its name as messages show it; its ending
/// decides the format: `.workflow` holds `fun` blocks, everything else is YAML.
pub fn parse_workflow(file: &str, bytes: &[u8]) -> Result<Parsed, Vec<Diagnostic>> {
    parse_workflow_with(file, bytes, &Project::default())
}

/// The name by which a file is read that has none of its own, such as one that was uploaded for `workflow`: it tells the format by
/// what stands in it.
pub fn file_name_for(workflow: &WorkflowName, bytes: &[u8]) -> String {
    if fun::is_fun(&source::lossy(bytes)) {
        format!("{workflow}.workflow")
    } else {
        "workflow.yaml".to_owned()
    }
}

/// Reads a workflow file with the given project, whose tasks name no files that belong into the definition.
pub fn parse_workflow_with(
    file: &str,
    bytes: &[u8],
    project: &Project,
) -> Result<Parsed, Vec<Diagnostic>> {
    parse_workflow_beside(file, bytes, project, &|_| Beside::NoFolder)
}

/// Reads a workflow file of a folder with the given project; `beside` looks for the files that belong into the definition. The errors
/// come all at once, in the order of the file, the warnings behind them.
pub fn parse_workflow_beside(
    file: &str,
    bytes: &[u8],
    project: &Project,
    beside: &dyn Fn(&QueryPath) -> Beside,
) -> Result<Parsed, Vec<Diagnostic>> {
    let mut found = Diagnostics::new(file);
    let read = source::text(bytes, &mut found).and_then(|text| {
        if file.ends_with(".workflow") {
            fun::read(file, text, &mut found).map(|(mut workflow, places)| {
                workflow.notifications = project.notifications.clone();
                (workflow, places)
            })
        } else {
            let folder = beside::Folder::new(beside);
            workflow::read(&yaml::load(text, &mut found)?, project, &folder, &mut found)
        }
    });
    let (errors, warnings) = found.finish(&source::lossy(bytes));
    match read {
        Some((workflow, task_positions)) if errors.is_empty() => Ok(Parsed {
            workflow,
            warnings,
            task_positions,
        }),
        _ => Err(errors.into_iter().chain(warnings).collect()),
    }
}

/// Reads how long runs are kept, written as behind `retention:` in `ork.yaml`; JSON will do.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_retention(text: &str) -> Result<crate::retention::Retention, String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match parse_project("retention", format!("retention: {line}").as_bytes()) {
        Ok(project) => Ok(project.retention),
        Err(found) => Err(found
            .iter()
            .map(|one| one.message.as_str())
            .collect::<Vec<_>>()
            .join("; ")),
    }
}

/// Reads the profiles of the command line; an empty file says nothing, which is fine. The lines of the file are not to be shown with what is
/// wrong: somebody may have written a key there.
pub fn parse_profiles(file: &str, bytes: &[u8]) -> Result<Profiles, Vec<Diagnostic>> {
    parse_settings(file, bytes, profiles::read)
}

/// Reads `ork.yaml`; an empty one says nothing, which is fine.
pub fn parse_project(file: &str, bytes: &[u8]) -> Result<Project, Vec<Diagnostic>> {
    parse_settings(file, bytes, project::read)
}

fn parse_settings<T: Default>(
    file: &str,
    bytes: &[u8],
    read: impl Fn(&Node, &mut Diagnostics) -> T,
) -> Result<T, Vec<Diagnostic>> {
    let mut found = Diagnostics::new(file);
    let root = source::text(bytes, &mut found).and_then(|text| yaml::load(text, &mut found));
    let settings = root.map(|root| read(&root, &mut found));
    let (errors, _) = found.finish(&source::lossy(bytes));
    if let [only] = errors.as_slice()
        && only.code == codes::EMPTY_FILE.id
    {
        return Ok(T::default());
    }
    match settings {
        Some(settings) if errors.is_empty() => Ok(settings),
        _ => Err(errors),
    }
}
