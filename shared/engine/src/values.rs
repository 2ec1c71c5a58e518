//! Values: what conditions, fan-outs, inputs and environments evaluate to, and the spec of an attempt.

use std::collections::BTreeSet;
use std::sync::Arc;

use ork_core::Value;
use ork_core::bind::{self, Resolved, bind_inputs};
use ork_core::definition::{
    Binding, CommandLine, Count, Executor, Expression, Reference, Root, SecretMount, Task,
    TaskIndex,
};
use ork_core::expr::{self, Instance as InstanceFields, RunFields, Scope, lookup};
use ork_core::limits;
use ork_core::run::{Attempt, Graph, Resolution, RunState};
use ork_core::task::{TASK_FORMAT, TaskSpec};
use ork_core::time::{Millis, Time};
use serde_json::value::RawValue;

use crate::error::EngineError;
use crate::outputs::{parse, task_output};
use crate::ports::Ports;
use crate::references::references;
use crate::remote;

/// What the instances of one task share.
#[derive(Debug)]
pub(crate) struct Prepared {
    scope: Scope,
    upstream: Arc<RawValue>,
    files: Vec<(String, Arc<str>)>,
    /// The foreach items, or the batches of them.
    items: Option<Vec<Arc<Value>>>,
    /// Instances per item.
    replicas: u32,
}

fn raw(text: String) -> Result<Arc<RawValue>, EngineError> {
    let raw = RawValue::from_string(text)
        .map_err(|error| EngineError::corrupt(format!("a stored output is not JSON: {error}")))?;
    Ok(raw.into())
}

/// Loads what a task refers to.
async fn scope<P: Ports>(
    ports: &P,
    graph: &Graph,
    state: &RunState,
    task: TaskIndex,
    attempt: u32,
) -> Result<Scope, EngineError> {
    let definition = graph.task(task);
    let header = &state.header;
    let fields = RunFields {
        id: header.id.to_string(),
        slot: Some(header.slot),
        workflow: header.workflow.to_string(),
        version: header.version.to_string(),
        attempt,
        recovery_attempts: header.recovery_attempts,
    };
    let mut builder = Scope::builder(fields, Arc::new(Value::Object(header.params.clone())));
    let mut outputs = BTreeSet::new();
    let mut statuses = BTreeSet::new();
    for reference in references(definition) {
        match reference.root {
            Root::Output(upstream) => outputs.insert(upstream),
            Root::Status(upstream) => statuses.insert(upstream),
            Root::Param(_) | Root::Run(_) | Root::Item | Root::ItemIndex | Root::Notice(_) => false,
        };
    }
    for &upstream in outputs.union(&statuses) {
        let value = if outputs.contains(&upstream) {
            parse(&task_output(ports, graph, state, upstream).await?)?
        } else {
            Value::Null
        };
        let source = graph.task(upstream);
        let kind = source.output_type.clone().filter(|_| !source.fans_out());
        builder = builder.task(
            upstream,
            source.name.as_str(),
            Arc::new(value),
            state.task(upstream).status().as_str(),
            kind,
        );
    }
    Ok(builder.build())
}

/// Evaluates a task's `when`, `foreach` and `parallel`.
pub(crate) async fn resolve<P: Ports>(
    ports: &P,
    graph: &Graph,
    state: &RunState,
    task: TaskIndex,
) -> Result<Resolution, EngineError> {
    let definition = graph.task(task);
    let scope = scope(ports, graph, state, task, 1).await?;
    if let Some(when) = &definition.when {
        match expr::evaluate_bool(when, &scope) {
            Ok(true) => {}
            Ok(false) => return Ok(Resolution::Skip),
            Err(error) => {
                return Ok(Resolution::Failed(format!(
                    "`when` cannot be evaluated: {error}"
                )));
            }
        }
    }
    let replicas = match replicas(definition, &scope) {
        Ok(replicas) => replicas,
        Err(why) => return Ok(Resolution::Failed(why)),
    };
    let items = match items(definition, &scope) {
        Ok(items) => items.map_or(1, |items| items.len()),
        Err(why) => return Ok(Resolution::Failed(why)),
    };
    Ok(Resolution::Run(
        u32::try_from(items)
            .unwrap_or(u32::MAX)
            .saturating_mul(replicas),
    ))
}

fn replicas(definition: &Task, scope: &Scope) -> Result<u32, String> {
    match &definition.parallel {
        None => Ok(1),
        Some(Count::Fixed(n)) => Ok(*n),
        Some(Count::Ref(reference)) => {
            let value = lookup(reference, scope).map_err(|error| format!("`parallel`: {error}"))?;
            value
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .ok_or_else(|| format!("`parallel` must be a whole number from 0, it is {value}"))
        }
    }
}

fn items(definition: &Task, scope: &Scope) -> Result<Option<Vec<Arc<Value>>>, String> {
    let Some(reference) = &definition.foreach else {
        return Ok(None);
    };
    let value = lookup(reference, scope).map_err(|error| format!("`foreach`: {error}"))?;
    let Value::Array(items) = &*value else {
        let found = match &*value {
            Value::Null => "null (its task gave no output)".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => format!("{other}"),
        };
        return Err(format!(
            "`foreach` must be a list, it is {}",
            found.chars().take(80).collect::<String>()
        ));
    };
    Ok(Some(match definition.batch {
        None => items.iter().cloned().map(Arc::new).collect(),
        Some(size) => items
            .chunks(size.max(1) as usize)
            .map(|batch| Arc::new(Value::Array(batch.to_vec())))
            .collect(),
    }))
}

/// Loads what the instances of a task share.
pub(crate) async fn prepare<P: Ports>(
    ports: &P,
    graph: &Graph,
    state: &RunState,
    task: TaskIndex,
    attempt: u32,
) -> Result<Prepared, EngineError> {
    let definition = graph.task(task);
    let scope = scope(ports, graph, state, task, attempt).await?;
    let mut upstream = String::from("{");
    for &source in &definition.depends_on {
        if upstream.len() > 1 {
            upstream.push(',');
        }
        upstream.push_str(&format!("\"{}\":", graph.task(source).name));
        upstream.push_str(&task_output(ports, graph, state, source).await?);
    }
    upstream.push('}');
    let mut files = Vec::new();
    if matches!(definition.executor, Executor::Script { .. }) {
        for input in &definition.inputs {
            if let Binding::Ref(Reference {
                root: Root::Output(source),
                ..
            }) = &input.value
            {
                let text = match parse(&task_output(ports, graph, state, *source).await?)? {
                    Value::String(text) => text,
                    Value::Null => String::new(),
                    other => other.to_string(),
                };
                files.push((input.name.clone(), text.into()));
            }
        }
    }
    // Resolution found both right before the task got its instances.
    let replicas = replicas(definition, &scope).map_err(EngineError::corrupt)?;
    let items = items(definition, &scope).map_err(EngineError::corrupt)?;
    Ok(Prepared {
        scope,
        upstream: raw(upstream)?,
        files,
        items,
        replicas,
    })
}

/// The spec of one attempt. The error is of the workflow's making (a value that is not there, a template): the attempt fails with it.
pub(crate) fn spec(
    graph: &Graph,
    state: &RunState,
    prepared: &Prepared,
    attempt: Attempt,
    now: Time,
) -> Result<TaskSpec, String> {
    let definition = graph.task(attempt.task);
    let count = state.task(attempt.task).count;
    let item_index = attempt.index / prepared.replicas.max(1);
    let (parallel_index, parallel_count) = if prepared.items.is_some() && prepared.replicas > 1 {
        (attempt.index % prepared.replicas, prepared.replicas)
    } else {
        (attempt.index, count)
    };
    let scope = if definition.fans_out() {
        let item = prepared
            .items
            .as_ref()
            .and_then(|items| items.get(item_index as usize))
            .cloned();
        prepared.scope.for_instance(InstanceFields {
            item,
            item_index,
            index: parallel_index,
            count: parallel_count,
        })
    } else {
        prepared.scope.clone()
    };
    let bound = bind_inputs(definition, &scope).map_err(|error| error.to_string())?;
    let input =
        serde_json::value::to_raw_value(&bound.values).map_err(|error| error.to_string())?;
    let mut env = Vec::with_capacity(definition.env.len());
    let mut secrets: Vec<SecretMount> = definition.secrets.clone();
    for (name, binding) in &definition.env {
        let value = match binding {
            Binding::Secret(secret) => {
                secrets.push(SecretMount {
                    name: name.clone(),
                    secret: secret.clone(),
                    path: None,
                });
                continue;
            }
            Binding::Const(value) => value.clone(),
            Binding::Ref(reference) => lookup(reference, &scope)
                .map_err(|error| format!("env {name}: {error}"))?
                .into_owned(),
            Binding::Expr(expression) => expr::evaluate(expression, &scope)
                .map_err(|error| format!("env {name}: {error}"))?,
            Binding::Template(template) => expr::render_value(template, &scope)
                .map_err(|error| format!("env {name}: {error}"))?,
        };
        env.push((name.clone(), text_of(value)));
    }
    if let Some(file) = &definition.config_file {
        env.push(("ORK_CONFIG_FILE".to_owned(), file.clone()));
    }
    Ok(TaskSpec {
        format: TASK_FORMAT,
        id: attempt.in_run(&state.header.id),
        task_name: definition.name.clone(),
        workflow_name: state.header.workflow.clone(),
        workflow_version: state.header.version.clone(),
        bundle: graph.workflow.bundle.clone(),
        executor: rendered(&definition.executor, &scope)?,
        input: input.into(),
        input_secrets: bound.secrets,
        upstream: prepared.upstream.clone(),
        files: prepared.files.clone(),
        env,
        secrets,
        parallel_index,
        parallel_count,
        timeout: definition.timeout,
        // Several may be lost before the worker is missed.
        heartbeat: limits::HEARTBEAT_INTERVAL
            .min(Millis(definition.heartbeat_timeout.0 / 4))
            .max(Millis(1)),
        memory_bytes: definition.resources.memory_bytes,
        worker: definition.worker.clone(),
        topic: definition.topic.clone(),
        fans_out: definition.fans_out(),
        created_at: now,
        trace: None,
    })
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The executor with its templates rendered.
fn rendered(executor: &Executor, scope: &Scope) -> Result<Executor, String> {
    let text = |expression: &Expression| -> Result<Expression, String> {
        if !expr::has_template(&expression.source) {
            return Ok(expression.clone());
        }
        let source = expr::render(expression, scope).map_err(|error| error.to_string())?;
        Ok(Expression {
            source,
            references: Vec::new(),
        })
    };
    let command = |command: &CommandLine| -> Result<CommandLine, String> {
        Ok(match command {
            CommandLine::Shell(line) => {
                CommandLine::Shell(text(line).map_err(|error| format!("command: {error}"))?)
            }
            CommandLine::Argv(words) => CommandLine::Argv(
                words
                    .iter()
                    .map(text)
                    .collect::<Result<_, _>>()
                    .map_err(|error| format!("command: {error}"))?,
            ),
            CommandLine::File(file) => CommandLine::File(file.clone()),
        })
    };
    Ok(match executor {
        Executor::Process { command: line } => Executor::Process {
            command: command(line)?,
        },
        Executor::CloudRun { job, command: line } => Executor::CloudRun {
            job: job.clone(),
            command: line.as_ref().map(command).transpose()?,
        },
        Executor::Docker { command: line } => Executor::Docker {
            command: line.as_ref().map(command).transpose()?,
        },
        Executor::Kubernetes { command: line } => Executor::Kubernetes {
            command: line.as_ref().map(command).transpose()?,
        },
        Executor::Http {
            method,
            url,
            headers,
            body,
            conditions,
            secret_headers,
        } => Executor::Http {
            method: method.clone(),
            url: text(url)?,
            headers: headers
                .iter()
                .map(|(name, value)| Ok((name.clone(), text(value)?)))
                .collect::<Result<_, String>>()?,
            body: match body {
                None => None,
                Some(body) => {
                    match bind::resolve(body, scope).map_err(|why| format!("body: {why}"))? {
                        Resolved::Value(value) => Some(Binding::Const(value)),
                        Resolved::Secret(_) => {
                            return Err("body: a secret cannot be given to a request".into());
                        }
                    }
                }
            },
            conditions: remote::rendered(conditions, scope)?,
            secret_headers: secret_headers.clone(),
        },
        Executor::Remote { operator, request } => Executor::Remote {
            operator: *operator,
            request: remote::rendered(request, scope)?,
        },
        other => other.clone(),
    })
}
