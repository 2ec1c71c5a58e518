//! `ork execute FILE`, `ork run FILE`: runs a workflow file here and now.

use std::path::{Path, PathBuf};

use clap::Args;
use ork_core::definition::{TaskIndex, Workflow};
use ork_core::ids::TaskName;
use ork_core::run::Graph;
use ork_core::time::Millis;
use ork_local::StartRun;

use crate::config::Config;
use crate::drive::{self, ShowArgs};
use crate::duration;
use crate::engine::{self, EngineArgs};
use crate::failure::{Exit, Failure};
use crate::neighbours;
use crate::output::Output;
use crate::params::{self, ParamArgs};
use crate::progress;
use crate::site::{Sending, Site};
use crate::state_folder::StateArg;
use crate::workflow_file::{self, WorkflowFile, count};

mod plan;

/// `ork execute`
#[derive(Debug, Args)]
pub(crate) struct ExecuteArgs {
    /// Workflow file
    #[arg(value_name = "FILE", required_unless_present = "file_option")]
    file: Option<PathBuf>,
    /// Workflow file, as an option
    #[arg(
        long = "file",
        id = "file_option",
        value_name = "FILE",
        conflicts_with = "file"
    )]
    file_option: Option<PathBuf>,
    #[command(flatten)]
    params: ParamArgs,
    /// Run only this task and what it depends on (may be repeated)
    #[arg(short, long = "task", value_name = "NAME")]
    tasks: Vec<String>,
    /// Cancel the run when it has not ended after this long, such as 90s or 5m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Millis>,
    /// Show the plan and run nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    state: StateArg,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

impl ExecuteArgs {
    /// The workflow file.
    pub(crate) fn path(&self) -> Result<&Path, Failure> {
        self.file
            .as_deref()
            .or(self.file_option.as_deref())
            .ok_or_else(|| Failure::new("no workflow file was named"))
    }
}

/// Runs a workflow file to its end.
pub(crate) fn execute(args: &ExecuteArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let path = args.path()?;
    let file = workflow_file::load(path, out)?;
    let given = args.params.given(&file.workflow)?;
    let resolved = params::resolve(&file.workflow, &given, progress::now())?;
    let only = tasks(&file.workflow, &args.tasks)?;
    let state = args.state.beside(path, config)?;
    let wanted = wanted(&file.workflow, &only);
    if args.dry_run {
        return plan::show(&file, &resolved, &wanted, &state, args.show.json, out);
    }
    refuse_what_cannot_run(&file, &wanted, &state)?;
    engine::block_on(async {
        let custom = engine::custom_of(&file.project);
        let embedded = engine::to_execute(state, &args.engine, custom, config)?;
        let mut site = Site::of(embedded);
        let sending = Sending::default();
        neighbours::deploy(&site, &file, sending, config, out).await?;
        let (version, _) = site.deploy(&file, sending, config, out).await?;
        let wish = StartRun {
            version: Some(version),
            params: given,
            only,
            ..StartRun::of(file.workflow.name.clone())
        };
        let started = site.start(wish).await?;
        drive::from_the_start(&mut site, started, args.timeout, &args.show, out).await
    })
}

/// The tasks asked for by name.
pub(crate) fn tasks(workflow: &Workflow, names: &[String]) -> Result<Vec<TaskName>, Failure> {
    names
        .iter()
        .map(|name| task(workflow, name).map(|at| workflow.tasks[at as usize].name.clone()))
        .collect()
}

/// The position of the task called `name`.
pub(crate) fn task(workflow: &Workflow, name: &str) -> Result<TaskIndex, Failure> {
    workflow.task_index(name).ok_or_else(|| {
        let known: Vec<&str> = workflow
            .tasks
            .iter()
            .take(12)
            .map(|task| task.name.as_str())
            .collect();
        let more = if workflow.tasks.len() > known.len() {
            ", …"
        } else {
            ""
        };
        Failure::new(format!("workflow `{}` has no task `{name}`", workflow.name))
            .hint(format!("it has {}{more}", known.join(", ")))
    })
}

/// Which tasks would run: all, or those asked for and what they depend on.
fn wanted(workflow: &Workflow, only: &[TaskName]) -> Vec<bool> {
    let graph = Graph::new(workflow.clone());
    let mut marks = vec![only.is_empty(); workflow.tasks.len()];
    for at in only
        .iter()
        .filter_map(|name| workflow.task_index(name.as_str()))
    {
        graph.mark_ancestors(at, &mut marks);
    }
    marks
}

fn refuse_what_cannot_run(
    file: &WorkflowFile,
    wanted: &[bool],
    state: &Path,
) -> Result<(), Failure> {
    let tasks = file
        .workflow
        .tasks
        .iter()
        .zip(wanted)
        .filter(|(_, wanted)| **wanted);
    let wrong: Vec<String> = tasks
        .filter_map(|(task, _)| {
            let why = engine::cannot_run(&task.executor, &file.project, state)?;
            Some(format!("task `{}`: {why}", task.name))
        })
        .collect();
    match wrong.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::new(one.clone())),
        many => Err(Failure::new(format!(
            "{} cannot run here\n  - {}",
            count(many.len(), "task"),
            many.join("\n  - ")
        ))),
    }
}
