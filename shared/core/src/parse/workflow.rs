//! The top level of a YAML workflow.

use crate::definition::{Import, Param, ParamDefault, Style, Workflow};
use crate::diagnostic::{Diagnostics, Position};
use crate::expr;
use crate::ids::WorkflowName;
use crate::schema::{PARAM_KEYS, WORKFLOW_KEYS};
use crate::time::Millis;
use crate::types::Type;

use super::Project;
use super::assign;
use super::beside::Folder;
use super::blank;
use super::codes;
use super::fields::{Field, Fields};
use super::kinds::Aliases;
use super::node::{Kind, Node};
use super::notifications;
use super::schedules;
use super::scope;
use super::tasks::{self, Context};

/// Reads a whole file.
pub(super) fn read(
    root: &Node,
    project: &Project,
    folder: &Folder<'_>,
    found: &mut Diagnostics,
) -> Option<(Workflow, Vec<Position>)> {
    let before = found.errors();
    let at = Position {
        width: 1,
        ..root.at
    };
    let top = Fields::read(root, "the workflow".to_owned(), at, WORKFLOW_KEYS, found)?;
    let style = style(&top);
    let name = top
        .need("name", "write `name: my_workflow` in the first line", found)
        .and_then(|field| name(&field, found));
    let mut workflow = blank::workflow(
        name.unwrap_or_else(|| WorkflowName::new("unnamed").expect("a valid name")),
        style,
    );
    workflow.description = top
        .field("description")
        .and_then(|field| field.text(found))
        .map(str::to_owned);
    workflow.schedules = top
        .field("schedule")
        .map(|field| schedules::schedules(&field, found))
        .unwrap_or_default();
    workflow.triggers = top
        .field("on")
        .map(|field| schedules::triggers(&field, found))
        .unwrap_or_default();
    let aliases = top
        .field("types")
        .map_or_else(Aliases::none, |field| Aliases::read(&field, found));
    let (params, param_names) = top
        .field("params")
        .map(|field| params(&field, &aliases, found))
        .unwrap_or_default();
    workflow.params = params;
    workflow.imports = top
        .field("import")
        .map(|field| imports(&field, found))
        .unwrap_or_default();
    workflow.deadline = top
        .field("deadline")
        .and_then(|field| field.duration(Millis::from_secs(1), found));
    workflow.max_active_runs = top
        .field("max_active_runs")
        .and_then(|field| field.integer(1..=100_000, found));
    if let Some(field) = top.field("max_recovery_attempts") {
        workflow.max_recovery_attempts = field
            .integer(0..=1000, found)
            .unwrap_or(workflow.max_recovery_attempts);
    }
    match top.field("notifications") {
        Some(field) => {
            workflow.notifications = notifications::read(&field, &param_names, found);
            notifications::check(&field, &workflow, found);
        }
        None => workflow.notifications = project.notifications.clone(),
    }
    let context = Context {
        style,
        project,
        folder,
        params: &param_names,
        aliases: &aliases,
        custom: project.custom_executors.keys().cloned().collect(),
    };
    let tasks_field = top.need(
        "tasks",
        "write `tasks:` and below it one key for each task",
        found,
    );
    let read = tasks_field
        .map(|field| tasks::read(&field, top.field("defaults").as_ref(), &context, found))
        .unwrap_or_default();
    assign::check(&workflow, &read, found);
    let places = read.iter().map(|one| one.at).collect();
    workflow.tasks = read.into_iter().map(|one| one.task).collect();
    workflow.types = aliases.into_types();
    (found.errors() == before).then_some((workflow, places))
}

/// Strict when typed keys are used and no free `input` is.
fn style(top: &Fields<'_>) -> Style {
    let tasks = top.field("tasks");
    let bodies: &[(super::node::Key, Node)] = match tasks.as_ref().map(|field| &field.node.kind) {
        Some(Kind::Map(entries)) => entries,
        _ => &[],
    };
    let any = |keys: &[&str]| {
        bodies
            .iter()
            .any(|(_, body)| keys.iter().any(|key| body.get(key).is_some()))
    };
    let typed = top.field("types").is_some() || any(&["inputs", "input_type", "output_type"]);
    if typed && !any(&["input"]) {
        Style::Strict
    } else {
        Style::Planned
    }
}

fn name(field: &Field<'_>, found: &mut Diagnostics) -> Option<WorkflowName> {
    match WorkflowName::new(field.text(found)?) {
        Ok(name) => Some(name),
        Err(error) => {
            found.error(codes::BAD_NAME, field.node.at, error.to_string());
            None
        }
    }
}

/// The params, and the names of all of them: a param that cannot be read is still known.
fn params(
    field: &Field<'_>,
    aliases: &Aliases,
    found: &mut Diagnostics,
) -> (Vec<Param>, Vec<String>) {
    let Some(fields) = field.open(found) else {
        return Default::default();
    };
    let mut params = Vec::new();
    for (key, node) in fields.entries() {
        let name_is_good = !key.text.is_empty()
            && key.text.len() <= 63
            && key
                .text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if !name_is_good {
            found.error(
                codes::BAD_NAME,
                key.at,
                format!(
                    "`{}` is not a name for a param: 1 to 63 letters, digits, `_` or `-`",
                    key.text
                ),
            );
        }
        let one = Field {
            label: format!("param `{}`", key.text),
            key_at: key.at,
            node,
        };
        params.extend(param(&one, &key.text, aliases, found));
    }
    (
        params,
        fields
            .entries()
            .iter()
            .map(|(key, _)| key.text.clone())
            .collect(),
    )
}

/// A type alone, or a map of `type`, `default` and `description`.
fn param(
    field: &Field<'_>,
    name: &str,
    aliases: &Aliases,
    found: &mut Diagnostics,
) -> Option<Param> {
    let Kind::Map(_) = field.node.kind else {
        let kind = aliases.kind(field, found)?;
        return Some(Param {
            name: name.to_owned(),
            kind,
            default: None,
            description: None,
        });
    };
    let fields = field.fields(PARAM_KEYS, found)?;
    let description = fields
        .field("description")
        .and_then(|field| field.text(found))
        .map(str::to_owned);
    let kind = fields
        .need("type", "write {type: str}", found)
        .and_then(|field| aliases.kind(&field, found));
    let default = fields
        .field("default")
        .and_then(|field| default(&field, kind.as_ref(), found));
    Some(Param {
        name: name.to_owned(),
        kind: kind?,
        default,
        description,
    })
}

fn default(
    field: &Field<'_>,
    kind: Option<&Type>,
    found: &mut Diagnostics,
) -> Option<ParamDefault> {
    if let Some(text) = field.node.text()
        && expr::has_template(text)
    {
        return scope::param_default(field, text, found).map(ParamDefault::Template);
    }
    let value = field.node.value(found);
    assign::literal(&value, kind?, field.node.at, &field.label, found);
    Some(ParamDefault::Value(value))
}

/// A list of `{dbt: folder, models: […]}`.
fn imports(field: &Field<'_>, found: &mut Diagnostics) -> Vec<Import> {
    let mut imports = Vec::new();
    for item in field
        .items(false, "a list of {dbt: folder}", found)
        .unwrap_or_default()
    {
        let Some(fields) = item.fields(&["dbt", "models"], found) else {
            continue;
        };
        let path = fields
            .need("dbt", "write {dbt: ./folder}", found)
            .and_then(|field| field.text(found));
        let models = fields
            .field("models")
            .map(|field| field.texts(found))
            .unwrap_or_default()
            .unwrap_or_default();
        imports.extend(path.map(|path| Import::Dbt {
            path: path.to_owned(),
            models,
        }));
    }
    imports
}
