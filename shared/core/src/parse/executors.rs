//! What runs a task: the executor's name, the keys it needs, the keys that are not its own.

use std::collections::BTreeMap;

use crate::definition::{CommandLine, Executor, Isolation};
use crate::diagnostic::Diagnostics;
use crate::ids::WorkflowName;
use crate::schema::executors::{EXECUTORS, OWN_KEYS, Word, shown, word};

use super::codes;
use super::dataproc;
use super::fields::Field;
use super::node::Kind;
use super::programs::{command, command_line, source};
use super::remote;
use super::scope::Scope;
use super::sensor;
use super::settings::Settings;
use super::without_worker;

/// Reads the executor of a task. `custom` are the names that `ork.yaml` declares.
pub(super) fn read(
    task: &Settings<'_>,
    custom: &[String],
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    let stated = task.own.field("executor").or_else(|| {
        if task.own.field("run_as").is_some() {
            None
        } else {
            task.field("executor")
        }
    });
    let Some(stated) = stated else {
        return unstated(task, scope, found);
    };
    let name = stated.text(found)?;
    if custom.iter().any(|known| known == name) {
        return Some(Executor::Custom {
            name: name.to_owned(),
            options: options(task, found),
        });
    }
    let Some(word) = word(name) else {
        let known = EXECUTORS
            .iter()
            .map(|(known, _)| *known)
            .chain(custom.iter().map(String::as_str));
        let hint = match crate::expr::nearest(name, known) {
            Some(near) => format!(
                "did you mean `{near}`? An executor of your own is declared under `executors` in ork.yaml"
            ),
            None => format!(
                "use one of python, process, library, bigquery, cloudrun, dataproc, http, sensor, service, docker, kubernetes, dbt, or declare `{name}` under `executors` in ork.yaml"
            ),
        };
        found
            .error(
                codes::UNKNOWN_EXECUTOR,
                stated.node.at,
                format!("{}: there is no executor `{name}`", task.own.owner),
            )
            .hint(hint);
        return None;
    };
    foreign_keys(task, name, word, found);
    build(word, name, task, scope, found)
}

/// Without `executor` the other keys decide, where they leave no doubt.
fn unstated(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    let has = |key: &str| task.own.field(key).is_some();
    let file = task.own.field("file").and_then(|file| file.node.text());
    let ends = |with: &str| file.is_some_and(|file| file.ends_with(with));
    let python = has("module") || ends(".py");
    let name = if has("run_as") {
        "workflow"
    } else if python {
        "python"
    } else if has("command") && !has("image") && !has("job") {
        "process"
    } else if has("url") {
        "http"
    } else if has("sensor") {
        "sensor"
    } else if has("query") || ends(".sql") {
        "bigquery"
    } else if let Some(key) = own_keys().chain(["image"]).find(|key| has(key)) {
        let message = format!(
            "{} has `{key}` and lacks the key `executor`",
            task.own.owner
        );
        found.error(codes::MISSING_KEY, task.own.at, message).hint("say what runs it: python, process, library, bigquery, cloudrun, dataproc, http, sensor, service, docker, kubernetes or dbt");
        return None;
    } else {
        return Some(Executor::Marker);
    };
    let word = word(name)?;
    foreign_keys(task, name, word, found);
    build(word, name, task, scope, found)
}

fn own_keys() -> impl Iterator<Item = &'static str> {
    OWN_KEYS.iter().map(|(key, _)| *key)
}

fn foreign_keys(task: &Settings<'_>, name: &str, word: Word, found: &mut Diagnostics) {
    for (key, owners) in OWN_KEYS
        .iter()
        .filter(|(_, owners)| !owners.contains(&word))
    {
        let Some(field) = task.own.field(key) else {
            continue;
        };
        let owners: Vec<&str> = EXECUTORS
            .iter()
            .filter(|(name, word)| owners.contains(word) && shown(*word) == *name)
            .map(|(name, _)| *name)
            .collect();
        let message = format!(
            "{} has executor `{name}`, which has no `{key}`",
            task.own.owner
        );
        found
            .error(codes::KEY_NOT_FOR_EXECUTOR, field.key_at, message)
            .hint(format!("`{key}` belongs to {}", owners.join(", ")));
    }
    without_worker::check(task, name, word, found);
}

fn build(
    word: Word,
    name: &str,
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    match word {
        Word::Marker => Some(Executor::Marker),
        Word::Python => {
            let source = source(task, name, found);
            let function = task
                .text("function", found)
                .unwrap_or_else(|| "main".to_owned());
            let isolation = task.field("isolation").and_then(|field| {
                field.word(
                    &[("process", Isolation::Process), ("reuse", Isolation::Reuse)],
                    found,
                )
            });
            let preload = task.field("preload").and_then(|field| field.boolean(found));
            Some(Executor::Python {
                source: source?,
                function,
                isolation: isolation.unwrap_or_default(),
                preload: preload.unwrap_or(false),
            })
        }
        Word::Service => {
            let source = if task.field("file").is_some() || task.field("module").is_some() {
                Some(source(task, name, found)?)
            } else {
                None
            };
            Some(Executor::Service {
                source,
                function: task.text("function", found),
            })
        }
        Word::Process => match (task.field("command"), task.field("file")) {
            (Some(_), Some(file))
                if task.own.field("command").is_some() && task.own.field("file").is_some() =>
            {
                both(task, "command", "file", &file, found)
            }
            (Some(command), _) => {
                command_line(&command, scope, found).map(|command| Executor::Process { command })
            }
            (None, Some(file)) => Some(Executor::Process {
                command: CommandLine::File(file.text(found)?.to_owned()),
            }),
            (None, None) => needs(
                task,
                name,
                "command",
                "`command: …` or `file: script.sh`",
                found,
            ),
        },
        Word::Library => {
            let function = task
                .text("function", found)
                .unwrap_or_else(|| "main".to_owned());
            match task.field("file") {
                Some(file) => Some(Executor::Library {
                    file: file.text(found)?.to_owned(),
                    function,
                }),
                None => needs(task, name, "file", "`file: libtasks.so`", found),
            }
        }
        Word::BigQuery => remote::bigquery(task, scope, found),
        Word::Dataproc => dataproc::dataproc(task, scope, found),
        Word::Sensor => sensor::sensor(task, scope, found),
        // With a region it is any job there; without one it is a worker job of the deployment.
        Word::CloudRun if task.field("region").is_some() => {
            if let Some(field) = task.own.field("command") {
                return both(task, "command", "region", &field, found);
            }
            remote::cloud_run(task, scope, found)
        }
        Word::CloudRun => {
            let command = command(task, scope, found)?;
            let job = task.text("job", found);
            if task.field("job").is_none() && task.field("image").is_none() {
                return needs(
                    task,
                    name,
                    "job",
                    "`job: name` of an existing job, or `image: …`",
                    found,
                );
            }
            Some(Executor::CloudRun { job, command })
        }
        Word::Docker | Word::Kubernetes => {
            let command = command(task, scope, found)?;
            if task.field("image").is_none() {
                return needs(task, name, "image", "`image: …`", found);
            }
            Some(if word == Word::Docker {
                Executor::Docker { command }
            } else {
                Executor::Kubernetes { command }
            })
        }
        Word::Http => remote::http(task, name, scope, found),
        Word::Dbt => {
            let models = task
                .field("models")
                .map(|field| field.texts(found))
                .unwrap_or_default()
                .unwrap_or_default();
            match task.field("project") {
                Some(project) => Some(Executor::Dbt {
                    project: project.text(found)?.to_owned(),
                    models,
                }),
                None => needs(task, name, "project", "`project: ./folder`", found),
            }
        }
        Word::Workflow => match task.field("run_as") {
            Some(field) => other_workflow(&field, found).map(|name| Executor::Workflow { name }),
            None => needs(task, name, "run_as", "`run_as: {workflow: name}`", found),
        },
    }
}

/// Whether a task's `batch` is a job of Dataproc's, not the number of items for an instance.
pub(super) fn is_map(field: &Field<'_>) -> bool {
    matches!(field.node.kind, Kind::Map(_))
}

pub(super) fn needs<T>(
    task: &Settings<'_>,
    name: &str,
    key: &str,
    hint: &str,
    found: &mut Diagnostics,
) -> Option<T> {
    let message = format!(
        "{} has executor `{name}`, which needs `{key}`",
        task.own.owner
    );
    found
        .error(codes::EXECUTOR_NEEDS_KEY, task.own.at, message)
        .hint(format!("add {hint}"));
    None
}

pub(super) fn both<T>(
    task: &Settings<'_>,
    key: &str,
    other: &str,
    field: &Field<'_>,
    found: &mut Diagnostics,
) -> Option<T> {
    found
        .error(
            codes::KEYS_EXCLUDE,
            field.key_at,
            format!("{} has `{key}` and `{other}`", task.own.owner),
        )
        .hint("keep one of them");
    None
}

/// `{workflow: name}` or `workflow: name` as text.
fn other_workflow(field: &Field<'_>, found: &mut Diagnostics) -> Option<WorkflowName> {
    let (text, at) = match &field.node.kind {
        Kind::Map(_) => {
            let fields = field.fields(&["workflow"], found)?;
            let inner = fields.need("workflow", "write `run_as: {workflow: name}`", found)?;
            (inner.text(found)?, inner.node.at)
        }
        _ => {
            let text = field.text(found)?;
            let Some(name) = text.strip_prefix("workflow:") else {
                found
                    .error(
                        codes::WRONG_KIND,
                        field.node.at,
                        format!("{} must be {{workflow: name}}", field.label),
                    )
                    .hint("write `run_as: {workflow: name}`");
                return None;
            };
            (name.trim(), field.node.at)
        }
    };
    match WorkflowName::new(text) {
        Ok(name) => Some(name),
        Err(error) => {
            found.error(codes::BAD_NAME, at, format!("{}: {error}", field.label));
            None
        }
    }
}

/// The executor-specific keys of a task with an executor of the project's own.
fn options(task: &Settings<'_>, found: &mut Diagnostics) -> BTreeMap<String, crate::Value> {
    own_keys()
        .filter_map(|key| Some((key, task.field(key)?)))
        .map(|(key, field)| (key.to_owned(), field.node.value(found)))
        .collect()
}

/// Whether an executor of Ork itself has this name.
pub(super) fn is_word(name: &str) -> bool {
    word(name).is_some()
}
