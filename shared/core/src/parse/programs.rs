//! The programs that tasks run: Python sources, and commands as one text or as words.

use crate::definition::{CommandLine, Expression, PythonSource};
use crate::diagnostic::Diagnostics;

use super::codes;
use super::executors::{both, needs};
use super::fields::Field;
use super::node::{Kind, Plain};
use super::scope::{Moment, Scope};
use super::settings::Settings;

/// The file or module of a Python task.
pub(super) fn source(
    task: &Settings<'_>,
    name: &str,
    found: &mut Diagnostics,
) -> Option<PythonSource> {
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
pub(super) fn command(
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
pub(super) fn command_line(
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
pub(super) fn literal_or_template(
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
