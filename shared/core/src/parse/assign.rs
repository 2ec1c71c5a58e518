//! The checks that need every task read: does what flows into an input fit its type.

use std::collections::BTreeSet;

use crate::Value;
use crate::definition::{
    Binding, Count, Executor, Operator, Reference, Root, TriggerRule, Workflow,
};
use crate::diagnostic::{Diagnostics, Position};
use crate::types::Type;

use super::codes;
use super::sensor;
use super::tasks::Read;

/// Checks all tasks. `workflow` has its params, and not yet its tasks.
pub(super) fn check(workflow: &Workflow, tasks: &[Read], found: &mut Diagnostics) {
    let checker = Checker { workflow, tasks };
    for task in tasks {
        if let Executor::Workflow { name } = &task.task.executor
            && *name == workflow.name
        {
            let message = format!(
                "task `{}` runs the workflow `{name}`, which is this one",
                task.task.name
            );
            found
                .error(codes::SELF_WORKFLOW, task.at, message)
                .hint("name another workflow, or use `foreach` to repeat");
        }
        if let Executor::Remote {
            operator: Operator::WorkflowSensor,
            request,
        } = &task.task.executor
            && sensor::awaits_itself(request, &workflow.name)
        {
            let message = format!(
                "task `{}` waits for the run of `{}` for this run's own slot, which is this run: it never ends",
                task.task.name, workflow.name
            );
            found
                .error(codes::SELF_SENSOR, task.awaited_at.unwrap_or(task.at), message)
                .hint("name another workflow; an earlier run of this one is waited for with its `slot`, or with `within`");
        }
        checker.fields(task, found);
        checker.fan_out(task, found);
        checker.input_keys(task, found);
        checker.inputs(task, found);
    }
}

/// Reports a literal that is not of its type.
pub(super) fn literal(
    value: &Value,
    kind: &Type,
    at: Position,
    label: &str,
    found: &mut Diagnostics,
) {
    if let Err(error) = kind.check(value) {
        found.error(
            codes::TYPE_MISMATCH,
            at,
            format!("{label} does not fit its type: {error}"),
        );
    }
}

struct Checker<'a> {
    workflow: &'a Workflow,
    tasks: &'a [Read],
}

impl Checker<'_> {
    /// What a reference gives: `Ok(None)` when nobody says.
    fn kind(&self, reference: &Reference, at: &Read) -> Result<Option<Type>, String> {
        let base = match &reference.root {
            Root::Output(index) => {
                let Some(upstream) = self.tasks.get(*index as usize) else {
                    return Ok(None);
                };
                match (&upstream.task.output_type, upstream.fans_out) {
                    (Some(kind), true) => Type::List(Box::new(kind.clone())),
                    (Some(kind), false) => kind.clone(),
                    (None, true) => Type::List(Box::new(Type::Any)),
                    (None, false) => return Ok(None),
                }
            }
            Root::Status(_) => Type::Str,
            Root::Param(name) => match self
                .workflow
                .params
                .iter()
                .find(|param| param.name == *name)
            {
                Some(param) => param.kind.clone(),
                None => return Ok(None),
            },
            Root::Run(field) => match field.as_str() {
                "slot" => Type::DatetimeUtc,
                "attempt" | "recovery_attempts" | "index" | "count" => Type::Int,
                _ => Type::Str,
            },
            Root::ItemIndex => Type::Int,
            // No task sees it.
            Root::Notice(_) => return Ok(None),
            Root::Item => {
                let list = match &at.task.foreach {
                    Some(foreach) => self.kind(foreach, at)?,
                    None => None,
                };
                let Some(Type::List(item)) = list.map(without_null) else {
                    return Ok(None);
                };
                if at.task.batch.is_some() {
                    Type::List(item)
                } else {
                    *item
                }
            }
        };
        base.at(&reference.path).map(Some)
    }

    /// Every path must exist in the type it goes into.
    fn fields(&self, task: &Read, found: &mut Diagnostics) {
        for one in &task.uses {
            if let Err(message) = self.kind(&one.reference, task) {
                let shown = format!("{}: {message}", one.label);
                let several = self
                    .upstream(&one.reference)
                    .filter(|upstream| upstream.fans_out);
                let hint = several.map(|upstream| {
                    format!(
                        "`{}` has several instances, so its output is the list of theirs",
                        upstream.task.name
                    )
                });
                found
                    .error(codes::UNKNOWN_FIELD, one.at, shown)
                    .maybe_hint(hint);
            }
        }
    }

    fn upstream(&self, reference: &Reference) -> Option<&Read> {
        match reference.root {
            Root::Output(index) => self.tasks.get(index as usize),
            _ => None,
        }
    }

    fn fan_out(&self, task: &Read, found: &mut Diagnostics) {
        if let (Some(reference), Some(at)) = (&task.task.foreach, task.foreach_at)
            && let Ok(Some(kind)) = self.kind(reference, task)
            && !matches!(without_null(kind.clone()), Type::List(_) | Type::Any)
        {
            let message = format!(
                "`foreach` of task `{}` is over `{kind}`, which is not a list",
                task.task.name
            );
            found
                .error(codes::FOREACH_NOT_LIST, at, message)
                .hint("refer to a list, such as a field of this type [T]");
        }
        if let (Some(Count::Ref(reference)), Some(at)) = (&task.task.parallel, task.parallel_at)
            && let Ok(Some(kind)) = self.kind(reference, task)
            && Type::Int.accepts(&without_null(kind.clone())).is_err()
        {
            let message = format!(
                "`parallel` of task `{}` is `{kind}`, not an int",
                task.task.name
            );
            found
                .error(codes::PARALLEL_NOT_INT, at, message)
                .hint("refer to an int, or use `foreach` for a list");
        }
    }

    /// The names in `inputs` and in `input_type` must be the same; an optional one may be left out.
    fn input_keys(&self, task: &Read, found: &mut Diagnostics) {
        let (Some(Type::Object(fields)), Some(type_at)) =
            (&task.task.input_type, task.input_type_at)
        else {
            return;
        };
        let given: BTreeSet<&str> = task
            .task
            .inputs
            .iter()
            .map(|input| input.name.as_str())
            .collect();
        let name = &task.task.name;
        for (input, (at, _)) in task.task.inputs.iter().zip(&task.inputs) {
            if !fields.contains_key(&input.name) {
                let message = format!("the `input_type` of task `{name}` has no `{}`", input.name);
                let hint = super::suggest::hint(
                    &input.name,
                    fields
                        .keys()
                        .map(String::as_str)
                        .filter(|field| !given.contains(field)),
                    found,
                );
                found.error(codes::INPUT_KEYS, *at, message).hint(
                    hint.unwrap_or_else(|| "add it to `input_type`, or remove it here".to_owned()),
                );
            }
        }
        let missing: Vec<&str> = fields
            .iter()
            .filter(|(field, kind)| {
                !given.contains(field.as_str()) && !matches!(kind, Type::Optional(_))
            })
            .map(|(field, _)| field.as_str())
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "task `{name}` gives no value for {}",
                crate::types::list(&missing)
            );
            let hint = format!("add it to `inputs`, as in `{}: {{ref: …}}`", missing[0]);
            found
                .error(
                    codes::INPUT_KEYS,
                    task.inputs_at.unwrap_or(type_at),
                    message,
                )
                .hint(hint);
        }
    }

    fn inputs(&self, task: &Read, found: &mut Diagnostics) {
        for (input, (_, at)) in task.task.inputs.iter().zip(&task.inputs) {
            let Some(at) = at else { continue };
            let asked = match &task.task.input_type {
                Some(Type::Object(fields)) => fields.get(&input.name),
                Some(Type::Map(value)) => Some(&**value),
                _ => None,
            };
            let Some(asked) = asked.filter(|asked| **asked != Type::Any) else {
                continue;
            };
            let label = format!("input `{}` of task `{}`", input.name, task.task.name);
            match &input.value {
                Binding::Const(value) => literal(value, asked, *at, &label, found),
                Binding::Ref(reference) => {
                    self.reference(reference, asked, task, *at, &label, found)
                }
                Binding::Secret(_) => fits(asked, &Type::Str, *at, &label, found),
                Binding::Template(template) => {
                    let text = template
                        .value
                        .as_str()
                        .filter(|text| crate::expr::whole_template(text).is_none());
                    if text.is_some() {
                        fits(asked, &Type::Str, *at, &label, found);
                    }
                }
                Binding::Expr(_) => {}
            }
        }
    }

    fn reference(
        &self,
        reference: &Reference,
        asked: &Type,
        task: &Read,
        at: Position,
        label: &str,
        found: &mut Diagnostics,
    ) {
        if let Some(upstream) = self.upstream(reference) {
            let untyped =
                upstream.task.output_type.is_none() && !upstream.states_output && upstream.whole;
            if untyped && !matches!(upstream.task.executor, Executor::Workflow { .. }) {
                let message = format!(
                    "{label} is typed and refers to the output of `{}`, which states no `output_type`",
                    upstream.task.name
                );
                found
                    .error(codes::OUTPUT_TYPE_NEEDED, at, message)
                    .hint(format!(
                        "add `output_type` to `{}`, or give the input the type `any`",
                        upstream.task.name
                    ));
                return;
            }
            if upstream.task.output_type.is_none() {
                return;
            }
            let may_fail = !matches!(task.task.trigger, TriggerRule::AllSuccess);
            if may_fail && !matches!(asked, Type::Optional(_)) {
                let message = format!(
                    "{label} is null when `{}` did not succeed, and its type is `{asked}`",
                    upstream.task.name
                );
                found.warning(codes::MAY_BE_NULL, at, message).hint(format!(
                    "write `{asked}?`, or let the task wait for success"
                ));
            }
        }
        // A path that does not exist was reported with the other paths.
        if let Ok(Some(kind)) = self.kind(reference, task) {
            fits(asked, &kind, at, label, found);
        }
    }
}

fn without_null(kind: Type) -> Type {
    match kind {
        Type::Optional(inner) => *inner,
        other => other,
    }
}

fn fits(asked: &Type, offered: &Type, at: Position, label: &str, found: &mut Diagnostics) {
    if let Err(error) = asked.accepts(offered) {
        found
            .error(codes::TYPE_MISMATCH, at, format!("{label}: {error}"))
            .hint("change one of the two types, or convert the value in a task or an `expr`");
    }
}
