//! What runs a task: the executor's name, the keys it needs, the keys that are not its own.

use std::collections::BTreeMap;

use crate::definition::{CommandLine, Executor, Expression, Isolation, Operator, PythonSource};
use crate::diagnostic::Diagnostics;
use crate::ids::WorkflowName;

use super::bindings;
use super::codes;
use super::fields::Field;
use super::node::{Kind, Plain};
use super::remote;
use super::scope::{Moment, Scope};
use super::settings::Settings;

/// The executors by every word a file may use, and the keys that only they have.
const EXECUTORS: &[(&str, Word, &[&str])] = &[
    (
        "python",
        Word::Python,
        &["file", "module", "function", "isolation", "preload"],
    ),
    ("process", Word::Process, &["command", "file"]),
    ("shell", Word::Process, &["command", "file"]),
    ("library", Word::Library, &["file", "function"]),
    ("cloudrun", Word::CloudRun, CLOUD_RUN),
    ("cloud_run", Word::CloudRun, CLOUD_RUN),
    (
        "bigquery",
        Word::BigQuery,
        &[
            "query",
            "project",
            "location",
            "destination",
            "write",
            "params",
            "dry_run",
            "maximum_bytes_billed",
            "labels",
            "poll_interval",
        ],
    ),
    (
        "dataproc",
        Word::Dataproc,
        &["project", "region", "cluster", "job", "poll_interval"],
    ),
    ("sensor", Word::Sensor, &["sensor"]),
    ("service", Word::Service, &["file", "module", "function"]),
    ("docker", Word::Docker, &["command"]),
    ("kubernetes", Word::Kubernetes, &["command"]),
    (
        "http",
        Word::Http,
        &[
            "url",
            "method",
            "headers",
            "body",
            "success_status_codes",
            "success_field",
            "success_value",
        ],
    ),
    ("dbt", Word::Dbt, &["project", "models"]),
    ("workflow", Word::Workflow, &["run_as"]),
    ("marker", Word::Marker, &[]),
];

const CLOUD_RUN: &[&str] = &[
    "job",
    "command",
    "project",
    "region",
    "args",
    "container",
    "task_count",
    "poll_interval",
];

/// The keys that belong to some executors only.
const OWN_KEYS: &[&str] = &[
    "file",
    "module",
    "function",
    "isolation",
    "preload",
    "command",
    "job",
    "url",
    "method",
    "headers",
    "body",
    "project",
    "models",
    "run_as",
    "query",
    "location",
    "destination",
    "write",
    "params",
    "dry_run",
    "maximum_bytes_billed",
    "labels",
    "region",
    "args",
    "container",
    "task_count",
    "cluster",
    "poll_interval",
    "success_status_codes",
    "success_field",
    "success_value",
    "sensor",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Python,
    Process,
    Library,
    CloudRun,
    BigQuery,
    Dataproc,
    Sensor,
    Service,
    Docker,
    Kubernetes,
    Http,
    Dbt,
    Workflow,
    Marker,
}

const METHODS: [(&str, &str); 7] = [
    ("GET", "GET"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
    ("HEAD", "HEAD"),
    ("OPTIONS", "OPTIONS"),
];

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
    let Some((_, word, keys)) = EXECUTORS.iter().find(|(known, ..)| *known == name) else {
        let known = EXECUTORS
            .iter()
            .map(|(known, ..)| *known)
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
    foreign_keys(task, name, keys, found);
    build(*word, name, task, scope, found)
}

/// Without `executor` the other keys decide, where they leave no doubt.
fn unstated(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    let has = |key: &str| task.own.field(key).is_some();
    let python = has("module")
        || task
            .own
            .field("file")
            .and_then(|file| file.node.text())
            .is_some_and(|file| file.ends_with(".py"));
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
    } else if has("query") {
        "bigquery"
    } else if let Some(key) = OWN_KEYS.iter().chain(&["image"]).find(|key| has(key)) {
        let message = format!(
            "{} has `{key}` and lacks the key `executor`",
            task.own.owner
        );
        found.error(codes::MISSING_KEY, task.own.at, message).hint("say what runs it: python, process, library, bigquery, cloudrun, dataproc, http, service, docker, kubernetes or dbt");
        return None;
    } else {
        return Some(Executor::Marker);
    };
    let (_, word, keys) = EXECUTORS.iter().find(|(known, ..)| *known == name)?;
    foreign_keys(task, name, keys, found);
    build(*word, name, task, scope, found)
}

fn foreign_keys(task: &Settings<'_>, name: &str, keys: &[&str], found: &mut Diagnostics) {
    for key in OWN_KEYS.iter().filter(|key| !keys.contains(key)) {
        let Some(field) = task.own.field(key) else {
            continue;
        };
        let owners: Vec<&str> = EXECUTORS
            .iter()
            .filter(|(word, _, keys)| keys.contains(key) && !matches!(*word, "shell" | "cloud_run"))
            .map(|(word, ..)| *word)
            .collect();
        let message = format!(
            "{} has executor `{name}`, which has no `{key}`",
            task.own.owner
        );
        found
            .error(codes::KEY_NOT_FOR_EXECUTOR, field.key_at, message)
            .hint(format!("`{key}` belongs to {}", owners.join(", ")));
    }
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
            let function = text(task, "function", found).unwrap_or_else(|| "main".to_owned());
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
                function: text(task, "function", found),
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
            let function = text(task, "function", found).unwrap_or_else(|| "main".to_owned());
            match task.field("file") {
                Some(file) => Some(Executor::Library {
                    file: file.text(found)?.to_owned(),
                    function,
                }),
                None => needs(task, name, "file", "`file: libtasks.so`", found),
            }
        }
        Word::BigQuery => remote::operator(
            Operator::BigQuery,
            remote::BIGQUERY,
            &[("query", "`query: SELECT …`")],
            task,
            scope,
            found,
        ),
        Word::Dataproc => dataproc(task, scope, found),
        Word::Sensor => remote::sensor(task, scope, found),
        // With a region it is any job there; without one it is a worker job of the deployment.
        Word::CloudRun if task.field("region").is_some() => {
            if let Some(field) = task.own.field("command") {
                return both(task, "command", "region", &field, found);
            }
            remote::operator(
                Operator::CloudRun,
                remote::CLOUD_RUN,
                &[("job", "`job: name` of an existing job")],
                task,
                scope,
                found,
            )
        }
        Word::CloudRun => {
            let command = command(task, scope, found)?;
            let job = text(task, "job", found);
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
        Word::Http => http(task, name, scope, found),
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

fn dataproc(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    let batch = task.own.field("batch").filter(|field| is_map(field));
    let other = if batch.is_some() { "batch" } else { "job" };
    if let (Some(_), Some(job)) = (&batch, task.own.field("job")) {
        return both(task, "batch", "job", &job, found);
    }
    remote::operator(
        Operator::Dataproc,
        remote::DATAPROC,
        &[
            (
                other,
                "`cluster: name` and `job: {pysparkJob: …}`, or `batch: {pysparkBatch: …}`",
            ),
            ("region", "`region: europe-west1`"),
        ],
        task,
        scope,
        found,
    )
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

fn both<T>(
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

fn text(task: &Settings<'_>, key: &str, found: &mut Diagnostics) -> Option<String> {
    task.field(key)?.text(found).map(str::to_owned)
}

fn source(task: &Settings<'_>, name: &str, found: &mut Diagnostics) -> Option<PythonSource> {
    if let (Some(_), Some(module)) = (task.own.field("file"), task.own.field("module")) {
        return both(task, "file", "module", &module, found);
    }
    // What the task says itself goes before the defaults, whichever of the two it is.
    let pick = |key: &str| task.own.field(key);
    let field = pick("file")
        .map(|field| (field, true))
        .or_else(|| pick("module").map(|field| (field, false)));
    let field = field
        .or_else(|| task.field("file").map(|field| (field, true)))
        .or_else(|| task.field("module").map(|field| (field, false)));
    match field {
        Some((file, true)) => file
            .text(found)
            .map(|text| PythonSource::File(text.to_owned())),
        Some((module, false)) => {
            let text = module.text(found)?;
            let good = text.split('.').all(|part| {
                part.starts_with(|c: char| c.is_alphabetic() || c == '_')
                    && part.chars().all(|c| c.is_alphanumeric() || c == '_')
            });
            if !good {
                let message = format!(
                    "{}: `{text}` is not the name of a Python module",
                    module.label
                );
                found
                    .error(codes::BAD_NAME, module.node.at, message)
                    .hint("write package.module, or use `file` for a path");
            }
            good.then(|| PythonSource::Module(text.to_owned()))
        }
        None => needs(
            task,
            name,
            "file",
            "`file: tasks.py` or `module: package.tasks`",
            found,
        ),
    }
}

/// `Some(None)` when there is no command, `None` when it is wrong.
fn command(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Option<CommandLine>> {
    match task.field("command") {
        Some(field) => command_line(&field, scope, found).map(Some),
        None => Some(None),
    }
}

/// One text for a shell, or a program and its arguments.
fn command_line(
    field: &Field<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<CommandLine> {
    let Kind::List(_) = &field.node.kind else {
        return scope
            .template(field, Moment::Instance, found)
            .map(CommandLine::Shell);
    };
    let items = field.items(false, "a text or a list of texts", found)?;
    if items.is_empty() {
        found.error(
            codes::WRONG_KIND,
            field.node.at,
            format!("{} must name at least a program", field.label),
        );
        return None;
    }
    let mut words = Vec::new();
    for item in &items {
        words.push(literal_or_template(item, scope, found));
    }
    words
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .map(CommandLine::Argv)
}

/// A text; an empty one, a number or `true` is taken as it is written.
fn literal_or_template(
    item: &Field<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Expression> {
    match (&item.node.kind, item.node.plain()) {
        (
            Kind::Scalar(scalar),
            Some(
                Plain::Int(_)
                | Plain::Large(_)
                | Plain::Float(_)
                | Plain::Bool(_)
                | Plain::Text(""),
            ),
        ) => Some(Expression {
            source: scalar.text.clone(),
            references: Vec::new(),
        }),
        _ => scope.template(item, Moment::Instance, found),
    }
}

fn http(
    task: &Settings<'_>,
    name: &str,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    let method = task
        .field("method")
        .and_then(|field| field.word(&METHODS, found))
        .unwrap_or("GET");
    let mut headers = Vec::new();
    if let Some(field) = task.field("headers")
        && let Some(fields) = field.open(found)
    {
        for (key, node) in fields.entries() {
            let one = Field {
                label: format!("`{}` in {}", key.text, field.label),
                key_at: key.at,
                node,
            };
            headers.extend(
                literal_or_template(&one, scope, found).map(|value| (key.text.clone(), value)),
            );
        }
    }
    let body = task
        .field("body")
        .and_then(|field| bindings::free(&field, scope, found));
    match task.field("url") {
        Some(field) => Some(Executor::Http {
            method: method.to_owned(),
            url: scope.template(&field, Moment::Instance, found)?,
            headers,
            body,
            conditions: remote::conditions(task, scope, found),
        }),
        None => needs(task, name, "url", "`url: https://…`", found),
    }
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
    let keys = OWN_KEYS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), task.field(key)?)));
    keys.map(|(key, field)| (key, field.node.value(found)))
        .collect()
}

/// Whether an executor of Ork itself has this name.
pub(super) fn is_word(name: &str) -> bool {
    EXECUTORS.iter().any(|(known, ..)| *known == name)
}
