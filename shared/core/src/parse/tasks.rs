//! The tasks of a YAML workflow, from their maps to the definition.

use crate::definition::{Executor, Style, Task, TaskIndex};
use crate::diagnostic::{Diagnostics, Position};
use crate::ids::TaskName;
use crate::limits;
use crate::schema::{DEFAULTS_KEYS, TASK_KEYS};
use crate::types::Type;

use super::Project;
use super::beside::Folder;
use super::bindings::{self, Placed};
use super::blank;
use super::codes;
use super::control;
use super::executors;
use super::fields::{Field, Fields};
use super::graph::Graph;
use super::kinds::Aliases;
use super::node::{Key, Kind, Node};
use super::scope::{Scope, Use};
use super::sensor;
use super::settings::{self, Settings};
use super::times;
use super::without_worker;

/// A task and the places of its parts, for the checks that need all tasks.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) task: Task,
    /// Where it is named.
    pub(super) at: Position,
    /// Where each input's name and value are.
    pub(super) inputs: Vec<(Position, Option<Position>)>,
    /// Where the inputs as a whole are, when there are any.
    pub(super) inputs_at: Option<Position>,
    pub(super) input_type_at: Option<Position>,
    pub(super) foreach_at: Option<Position>,
    pub(super) parallel_at: Option<Position>,
    /// Where it names the workflow whose run it waits for.
    pub(super) awaited_at: Option<Position>,
    pub(super) uses: Vec<Use>,
    /// Whether its executor could be read; without it little is known about it.
    pub(super) whole: bool,
    /// Whether it is to have several instances, by a right key or a wrong one.
    pub(super) fans_out: bool,
    /// Whether it has an `output_type`, right or wrong.
    pub(super) states_output: bool,
}

/// What all tasks share.
pub(super) struct Context<'a> {
    pub(super) style: Style,
    pub(super) project: &'a Project,
    pub(super) folder: &'a Folder<'a>,
    pub(super) params: &'a [String],
    pub(super) aliases: &'a Aliases,
    pub(super) custom: Vec<String>,
}

/// Reads the map under `tasks`.
pub(super) fn read(
    field: &Field<'_>,
    defaults: Option<&Field<'_>>,
    context: &Context<'_>,
    found: &mut Diagnostics,
) -> Vec<Read> {
    let Some(all) = entries(field, found) else {
        return Vec::new();
    };
    let defaults = defaults.and_then(|field| {
        Fields::read(
            field.node,
            "`defaults`".to_owned(),
            field.key_at,
            DEFAULTS_KEYS,
            found,
        )
    });
    let defaults = defaults.unwrap_or_else(|| Fields::empty("`defaults`".to_owned(), field.key_at));
    let mut graph = Graph::default();
    let mut opened: Vec<(TaskName, Position, Fields<'_>)> = Vec::new();
    for (key, node) in all {
        let owner = format!("task `{}`", key.text);
        let name = match TaskName::new(&key.text) {
            Ok(name) => name,
            Err(error) => {
                found.error(codes::BAD_NAME, key.at, error.to_string());
                // Read on under another name, to find what else is wrong with it.
                TaskName::new("unnamed").expect("a valid name")
            }
        };
        graph.add(&key.text);
        let fields = if node.is_null() {
            Some(Fields::empty(owner.clone(), key.at))
        } else {
            Fields::read(node, owner.clone(), key.at, TASK_KEYS, found)
        };
        opened.push((
            name,
            key.at,
            fields.unwrap_or_else(|| Fields::empty(owner, key.at)),
        ));
    }
    for (task, (_, _, fields)) in (0..).zip(&opened) {
        if let Some(field) = fields.field("depends_on") {
            dependencies(&field, task, &mut graph, found);
        }
    }
    graph.check_cycles(found);
    (0..)
        .zip(opened)
        .map(|(index, (name, at, own))| {
            one(
                index,
                name,
                at,
                Settings {
                    own,
                    defaults: defaults.clone(),
                },
                &graph,
                context,
                found,
            )
        })
        .collect()
}

fn entries<'n>(field: &Field<'n>, found: &mut Diagnostics) -> Option<&'n [(Key, Node)]> {
    if let Kind::List(_) = field.node.kind {
        found
            .error(
                codes::WRONG_KIND,
                field.node.at,
                "`tasks` must be a map of names and tasks, not a list",
            )
            .hint("write the name as the key, as in `extract: {executor: python, file: tasks.py}`");
        return None;
    }
    let none = |found: &mut Diagnostics| {
        found
            .error(codes::NO_TASKS, field.key_at, "the workflow has no tasks")
            .hint("add one, as in `hello: {command: echo hello}`");
    };
    if field.node.is_null() {
        none(found);
        return None;
    }
    let all = Fields::open(field.node, "`tasks`".to_owned(), field.key_at, found)?.entries();
    if all.is_empty() {
        none(found);
    }
    if all.len() > limits::TASKS {
        let message = format!(
            "the workflow has {} tasks, and at most {} are allowed",
            all.len(),
            limits::TASKS
        );
        found
            .error(codes::TOO_MANY_TASKS, all[limits::TASKS].0.at, message)
            .hint("use `foreach` or `parallel` for tasks that do the same, or split the workflow");
        return None;
    }
    Some(all)
}

fn dependencies(field: &Field<'_>, task: TaskIndex, graph: &mut Graph, found: &mut Diagnostics) {
    if let Kind::Map(_) = field.node.kind {
        field.wrong_kind("a list of task names", found);
        return;
    }
    for item in field
        .items(true, "a list of task names", found)
        .unwrap_or_default()
    {
        if let Some(upstream) = item.text(found) {
            graph.depend(task, upstream, item.node.at, false, found);
        }
    }
}

fn one(
    index: TaskIndex,
    name: TaskName,
    at: Position,
    settings: Settings<'_>,
    graph: &Graph,
    context: &Context<'_>,
    found: &mut Diagnostics,
) -> Read {
    let own = &settings.own;
    let mut scope = Scope::new(
        graph,
        context.params,
        context.folder,
        index,
        own.field("foreach").is_some(),
    );
    let executor = executors::read(&settings, &context.custom, &mut scope, found);
    let whole = executor.is_some();
    let mut task = blank::task(name, executor.unwrap_or(Executor::Marker), context.style);
    task.description = own
        .field("description")
        .and_then(|field| field.text(found))
        .map(str::to_owned);
    task.depends_on = graph.depends_on(index);
    settings::apply(&mut task, &settings, context.style, context.project, found);
    times::check(&task, &settings, found);
    control::apply(&mut task, &settings, &mut scope, found);
    let placed = inputs(&settings, &mut scope, found);
    let places = placed
        .iter()
        .map(|one| (one.name_at, one.value_at))
        .collect();
    task.inputs = placed.into_iter().map(|one| one.input).collect();
    let kind = |key: &str, found: &mut Diagnostics| {
        own.field(key)
            .and_then(|field| context.aliases.kind(&field, found))
    };
    task.input_type = kind("input_type", found).filter(|kind| is_input_type(kind, own, found));
    task.output_type = kind("output_type", found);
    env(&mut task, &settings, &mut scope, found);
    task.secrets = settings
        .field("secrets")
        .map(|field| bindings::secrets(&field, found))
        .unwrap_or_default();
    if task.executor.is_remote() {
        without_worker::strip(&mut task, context.style);
    }
    Read {
        at,
        inputs: places,
        inputs_at: own
            .field("inputs")
            .or_else(|| own.field("input"))
            .map(|field| field.key_at),
        input_type_at: own.field("input_type").map(|field| field.key_at),
        foreach_at: own.field("foreach").map(|field| referring(field.node)),
        parallel_at: own.field("parallel").map(|field| referring(field.node)),
        awaited_at: sensor::awaited_at(own),
        uses: scope.uses,
        whole,
        fans_out: own.field("foreach").is_some() || own.field("parallel").is_some(),
        states_output: own.field("output_type").is_some(),
        task,
    }
}

/// Where the path is, in `{ref: path}` too.
fn referring(node: &Node) -> Position {
    node.get("ref").map_or(node.at, |path| path.at)
}

fn inputs(settings: &Settings<'_>, scope: &mut Scope<'_>, found: &mut Diagnostics) -> Vec<Placed> {
    match (settings.own.field("inputs"), settings.own.field("input")) {
        (Some(strict), Some(planned)) => {
            let message = format!("{} has `inputs` and `input`", settings.own.owner);
            found
                .error(
                    codes::KEYS_EXCLUDE,
                    strict.key_at.max(planned.key_at),
                    message,
                )
                .hint(
                    "keep `inputs` for checked bindings, or `input` for free values with templates",
                );
            Vec::new()
        }
        (Some(field), None) => bindings::strict(&field, scope, found),
        (None, Some(field)) => bindings::planned(&field, scope, found),
        (None, None) => Vec::new(),
    }
}

fn is_input_type(kind: &Type, own: &Fields<'_>, found: &mut Diagnostics) -> bool {
    let good = matches!(kind, Type::Object(_) | Type::Map(_) | Type::Any);
    if let (false, Some(field)) = (good, own.field("input_type")) {
        let message = format!("{} must be a map of fields, not `{kind}`", field.label);
        found
            .error(codes::INPUT_TYPE_NOT_OBJECT, field.node.at, message)
            .hint(format!("give it a name, as in {{value: \"{kind}\"}}"));
    }
    good
}

/// The task's variables, and those of `defaults` that it does not set itself.
fn env(task: &mut Task, settings: &Settings<'_>, scope: &mut Scope<'_>, found: &mut Diagnostics) {
    task.env = settings
        .own
        .field("env")
        .map(|field| bindings::env(&field, scope, found))
        .unwrap_or_default();
    for (name, value) in settings
        .defaults
        .field("env")
        .map(|field| bindings::env(&field, scope, found))
        .unwrap_or_default()
    {
        if !task.env.iter().any(|(known, _)| *known == name) {
            task.env.push((name, value));
        }
    }
}
