//! `ork execute --dry-run`: what would run, in which order, with which params.

use std::path::Path;

use ork_core::Value;
use ork_core::definition::{Backoff, RetryPolicy, Task};
use ork_core::run::Graph;
use serde_json::{Map, json};

use crate::engine;
use crate::executors;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::table::{Cell, Table};
use crate::workflow_file::{WorkflowFile, count};

/// Shows the plan.
pub(super) fn show(
    file: &WorkflowFile,
    params: &Map<String, Value>,
    wanted: &[bool],
    state: &Path,
    json: bool,
    out: &Output,
) -> Result<Exit, Failure> {
    let graph = Graph::new(file.workflow.clone());
    let waves = waves(&graph);
    let planned: Vec<(u32, &Task)> = graph
        .order()
        .iter()
        .filter(|&&at| wanted[at as usize])
        .map(|&at| (at, graph.task(at)))
        .collect();
    let upstreams = |task: &Task| {
        task.depends_on
            .iter()
            .map(|&at| graph.task(at).name.to_string())
            .collect::<Vec<_>>()
    };
    if json {
        let tasks: Vec<Value> = planned
            .iter()
            .map(|&(at, task)| {
                json!({
                    "name": task.name, "step": graph.step(at), "wave": waves[at as usize], "executor": task.executor.word(),
                    "runs": executors::describe(&task.executor), "depends_on": upstreams(task), "fan_out": executors::fan_out(task),
                    "retries": task.retries.max, "timeout_ms": task.timeout,
                    "cannot_run_here": engine::cannot_run(&task.executor, &file.project, state),
                })
            })
            .collect();
        let version = file.workflow.version();
        out.json(&json!({ "workflow": file.workflow.name, "version": version, "params": params, "tasks": tasks }))?;
        return Ok(Exit::Success);
    }
    let mut text = format!(
        "{} would run {}",
        out.data.bold(file.workflow.name.as_str()),
        count(planned.len(), "task")
    );
    if planned.len() < file.workflow.tasks.len() {
        text.push_str(&format!(" of {}", file.workflow.tasks.len()));
    }
    text.push_str(" in ");
    let mut used: Vec<u32> = planned.iter().map(|&(at, _)| waves[at as usize]).collect();
    used.sort_unstable();
    used.dedup();
    text.push_str(&count(used.len(), "wave"));
    text.push_str("\n\n");
    let mut table = Table::new([
        "step", "wave", "task", "executor", "runs", "fan-out", "retries", "timeout", "after",
    ]);
    for &(at, task) in &planned {
        table.row([
            Cell::right(graph.step(at).to_string()),
            Cell::right(waves[at as usize].to_string()),
            Cell::painted(task.name.as_str(), |paint, text| paint.bold(text)),
            Cell::new(task.executor.word()),
            Cell::new(executors::describe(&task.executor)),
            Cell::new(executors::fan_out(task)),
            Cell::new(retries(&task.retries)),
            Cell::right(task.timeout.to_string()),
            Cell::new(upstreams(task).join(", ")),
        ]);
    }
    text.push_str(&table.render(out.data));
    if !params.is_empty() {
        text.push_str("\nparams\n");
        for (name, value) in params {
            text.push_str(&format!("  {name} = {value}\n"));
        }
    }
    for (_, task) in planned {
        if let Some(why) = engine::cannot_run(&task.executor, &file.project, state) {
            text.push_str(&format!(
                "\n{} task `{}`: {why}\n",
                out.data.yellow("cannot run here:"),
                task.name
            ));
        }
    }
    out.print(&text)?;
    Ok(Exit::Success)
}

/// For each task the length of the longest chain before it: tasks of one wave may run together.
fn waves(graph: &Graph) -> Vec<u32> {
    let mut waves = vec![0; graph.order().len()];
    for &at in graph.order() {
        let before = graph
            .task(at)
            .depends_on
            .iter()
            .map(|&upstream| waves[upstream as usize] + 1)
            .max();
        waves[at as usize] = before.unwrap_or(0);
    }
    waves
}

fn retries(policy: &RetryPolicy) -> String {
    match (policy.max, policy.backoff) {
        (0, _) => String::new(),
        (max, Backoff::Fixed) => format!("{max}, {} apart", policy.delay),
        (max, Backoff::Exponential) => format!("{max}, from {}", policy.delay),
    }
}
