//! What the definition of a task refers to.

use std::collections::BTreeSet;

use ork_core::definition::{Binding, CommandLine, Count, Executor, Reference, Task};

/// Everything a task's definition refers to.
pub(crate) fn references(task: &Task) -> BTreeSet<&Reference> {
    let mut found = BTreeSet::new();
    found.extend(task.when.iter().flat_map(|when| &when.references));
    found.extend(&task.foreach);
    if let Some(Count::Ref(reference)) = &task.parallel {
        found.insert(reference);
    }
    let bindings = task
        .inputs
        .iter()
        .map(|input| &input.value)
        .chain(task.env.iter().map(|(_, binding)| binding));
    for binding in bindings {
        binding_references(binding, &mut found);
    }
    match &task.executor {
        Executor::Process { command } => command_references(command, &mut found),
        Executor::CloudRun {
            command: Some(command),
            ..
        }
        | Executor::Docker {
            command: Some(command),
        }
        | Executor::Kubernetes {
            command: Some(command),
        } => {
            command_references(command, &mut found);
        }
        Executor::Http {
            url,
            headers,
            body,
            conditions,
            ..
        } => {
            found.extend(&url.references);
            found.extend(headers.iter().flat_map(|(_, value)| &value.references));
            let conditions = conditions.iter().map(|input| &input.value);
            for binding in body.iter().chain(conditions) {
                binding_references(binding, &mut found);
            }
        }
        Executor::Remote { request, .. } => {
            for input in request {
                binding_references(&input.value, &mut found);
            }
        }
        _ => {}
    }
    found
}

fn binding_references<'a>(binding: &'a Binding, found: &mut BTreeSet<&'a Reference>) {
    match binding {
        Binding::Ref(reference) => {
            found.insert(reference);
        }
        Binding::Expr(expression) => found.extend(&expression.references),
        Binding::Template(template) => found.extend(&template.references),
        Binding::Const(_) | Binding::Secret(_) => {}
    }
}

fn command_references<'a>(command: &'a CommandLine, found: &mut BTreeSet<&'a Reference>) {
    match command {
        CommandLine::Shell(text) => found.extend(&text.references),
        CommandLine::Argv(words) => found.extend(words.iter().flat_map(|word| &word.references)),
        CommandLine::File(_) => {}
    }
}
