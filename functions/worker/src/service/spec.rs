//! What `POST /execute` asks for, as a spec: a function that the caller names, or a task of a workflow file.

use std::path::{Path, PathBuf};

use ork_core::definition::{
    Binding, CommandLine, Executor, Isolation, PythonSource, SecretMount, SecretRef, Task,
};
use ork_core::expr::has_template;
use ork_core::ids::{RunId, TaskName, VersionHash, WorkflowName};
use ork_core::limits;
use ork_core::task::{AttemptId, TASK_FORMAT, TaskSpec};
use ork_core::time::Millis;
use ork_engine::ports::Clock;
use ork_local::clock::SystemClock;
use serde::Deserialize;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value};

use super::folder::{Wrong, inside, load};
use crate::patience::random;

/// The longest that a task may take whose caller waits for it.
const LONGEST: Millis = Millis::from_secs(570);

/// A body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// For the log.
    pub(super) task_id: String,
    task_name: String,
    executor_type: String,
    #[serde(default)]
    params: Params,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    file: Option<String>,
    module: Option<String>,
    function: Option<String>,
    workflow_path: Option<String>,
    /// Arguments by name.
    #[serde(default)]
    input: Map<String, Value>,
    /// Seconds.
    timeout: Option<u64>,
}

/// The spec and the folder it runs in.
pub(super) fn prepared(request: &Request, code: &Path) -> Result<(TaskSpec, PathBuf), Wrong> {
    let name = TaskName::new(&request.task_name).map_err(|error| error.to_string())?;
    let params = &request.params;
    let timeout = match params.timeout {
        None => LONGEST,
        Some(seconds) if (1..=LONGEST.0 / 1000).contains(&seconds) => Millis::from_secs(seconds),
        Some(seconds) => {
            return Err(Wrong::Said(format!(
                "params.timeout is {seconds}: write seconds from 1 to {}",
                LONGEST.0 / 1000
            )));
        }
    };
    let source = match (&params.file, &params.module) {
        (Some(_), Some(_)) => {
            return Err(Wrong::Said(
                "params has `file` and `module`: name one of them".to_owned(),
            ));
        }
        (Some(file), None) => Some(PythonSource::File(file.clone())),
        (None, Some(module)) => Some(PythonSource::Module(module.clone())),
        (None, None) => None,
    };
    let mut spec = bare(name, timeout)?;
    let folder = match source {
        Some(source) => {
            named(&mut spec, request, source, code)?;
            code.to_owned()
        }
        None => of_workflow(&mut spec, request, code)?,
    };
    Ok((spec, folder))
}

/// A function that the caller names.
fn named(
    spec: &mut TaskSpec,
    request: &Request,
    source: PythonSource,
    code: &Path,
) -> Result<(), String> {
    if !["python", "service"].contains(&request.executor_type.as_str()) {
        return Err(format!(
            "executor_type is `{}`, and params names a Python function: write `python`, or leave `file` and `module` out and the task is looked for in the workflow file",
            request.executor_type
        ));
    }
    if request.params.workflow_path.is_some() {
        return Err("params has `workflow_path` and a function: name one of them".to_owned());
    }
    is_inside(&source, code)?;
    spec.executor = Executor::Python {
        source,
        function: request
            .params
            .function
            .clone()
            .unwrap_or_else(|| request.task_name.clone()),
        isolation: Isolation::Reuse,
        preload: false,
    };
    spec.input = raw(&request.params.input)?;
    Ok(())
}

/// A task of a workflow file; gives the file's folder.
fn of_workflow(spec: &mut TaskSpec, request: &Request, code: &Path) -> Result<PathBuf, Wrong> {
    if request.params.function.is_some() {
        return Err(Wrong::Said(
            "params has `function` and neither `file` nor `module`".to_owned(),
        ));
    }
    let file = load(code, request.params.workflow_path.as_deref())?;
    let workflow = &file.workflow;
    let task = workflow
        .tasks
        .iter()
        .find(|task| task.name == spec.task_name);
    let Some(task) = task else {
        let names: Vec<&str> = workflow
            .tasks
            .iter()
            .map(|task| task.name.as_str())
            .collect();
        return Err(Wrong::Said(format!(
            "workflow {} has no task `{}`; it has {}",
            workflow.name,
            spec.task_name,
            names.join(", ")
        )));
    };
    let word = task.executor.word();
    if word != request.executor_type {
        return Err(Wrong::Said(format!(
            "executor_type is `{}`, and task `{}` has executor `{word}`",
            request.executor_type, task.name
        )));
    }
    if let Some(part) = rendered_part(&task.executor) {
        return Err(Wrong::Said(format!(
            "task `{}` has a template in `{part}`, which only a run fills in",
            task.name
        )));
    }
    if let Executor::Python { source, .. }
    | Executor::Service {
        source: Some(source),
        ..
    } = &task.executor
    {
        is_inside(source, &file.folder)?;
    }
    spec.executor = task.executor.clone();
    spec.workflow_name = workflow.name.clone();
    spec.workflow_version = VersionHash::of(&workflow.encode());
    spec.memory_bytes = task.resources.memory_bytes;
    if request.params.timeout.is_none() {
        spec.timeout = task.timeout.min(LONGEST);
    }
    surroundings(spec, task)?;
    inputs(spec, task, &request.params.input)?;
    Ok(file.folder)
}

/// What the caller gives, and what the file says where he gives nothing.
fn inputs(spec: &mut TaskSpec, task: &Task, given: &Map<String, Value>) -> Result<(), String> {
    let mut values = given.clone();
    for input in task
        .inputs
        .iter()
        .filter(|input| !given.contains_key(&input.name))
    {
        match &input.value {
            Binding::Const(value) => {
                values.insert(input.name.clone(), value.clone());
            }
            Binding::Secret(secret) => {
                let secret: SecretRef = secret.clone();
                spec.input_secrets.push((input.name.clone(), secret));
            }
            _ => {
                return Err(format!(
                    "input `{0}` of task `{1}` comes from its run: give it in params.input.{0}",
                    input.name, task.name
                ));
            }
        }
    }
    spec.input = raw(&values)?;
    Ok(())
}

fn surroundings(spec: &mut TaskSpec, task: &Task) -> Result<(), String> {
    spec.secrets.clone_from(&task.secrets);
    for (name, value) in &task.env {
        match value {
            Binding::Const(Value::String(text)) => spec.env.push((name.clone(), text.clone())),
            Binding::Const(Value::Null) => spec.env.push((name.clone(), String::new())),
            Binding::Const(value) => spec.env.push((name.clone(), value.to_string())),
            Binding::Secret(secret) => spec.secrets.push(SecretMount {
                name: name.clone(),
                secret: secret.clone(),
                path: None,
            }),
            _ => {
                return Err(format!(
                    "variable `{name}` of task `{}` comes from its run",
                    task.name
                ));
            }
        }
    }
    if let Some(file) = &task.config_file {
        spec.env.push(("ORK_CONFIG_FILE".to_owned(), file.clone()));
    }
    Ok(())
}

/// Which part of an executor has a template.
fn rendered_part(executor: &Executor) -> Option<&'static str> {
    match executor {
        Executor::Process { command }
        | Executor::CloudRun {
            command: Some(command),
            ..
        } => {
            let has = match command {
                CommandLine::Shell(line) => has_template(&line.source),
                CommandLine::Argv(words) => words.iter().any(|word| has_template(&word.source)),
                CommandLine::File(_) => false,
            };
            has.then_some("command")
        }
        _ => None,
    }
}

fn is_inside(source: &PythonSource, folder: &Path) -> Result<(), String> {
    match source {
        PythonSource::File(file) => inside(folder, file).map(drop),
        PythonSource::Module(module) => {
            let is_word = |word: &str| {
                !word.is_empty()
                    && !word.starts_with(|c: char| c.is_ascii_digit())
                    && word.chars().all(|c| c.is_alphanumeric() || c == '_')
            };
            if module.split('.').all(is_word) {
                Ok(())
            } else {
                Err(format!("`{module}` is no name of a module"))
            }
        }
    }
}

fn raw(values: &Map<String, Value>) -> Result<std::sync::Arc<serde_json::value::RawValue>, String> {
    to_raw_value(values)
        .map(Into::into)
        .map_err(|error| error.to_string())
}

/// A spec without anything to run, of a run that nobody else has.
pub(super) fn bare(task_name: TaskName, timeout: Millis) -> Result<TaskSpec, String> {
    let empty = raw(&Map::new())?;
    Ok(TaskSpec {
        format: TASK_FORMAT,
        id: AttemptId {
            run: RunId::new(&format!("execute-{:016x}", random()))
                .map_err(|error| error.to_string())?,
            task: 0,
            index: 0,
            attempt: 1,
            fence: 1,
        },
        task_name,
        workflow_name: WorkflowName::new("execute").map_err(|error| error.to_string())?,
        workflow_version: VersionHash::of(b""),
        bundle: None,
        executor: Executor::Marker,
        input: empty.clone(),
        input_secrets: Vec::new(),
        upstream: empty,
        files: Vec::new(),
        env: Vec::new(),
        secrets: Vec::new(),
        parallel_index: 0,
        parallel_count: 1,
        timeout,
        heartbeat: limits::HEARTBEAT_INTERVAL,
        memory_bytes: None,
        worker: None,
        topic: None,
        fans_out: false,
        created_at: SystemClock.now(),
        trace: None,
    })
}
