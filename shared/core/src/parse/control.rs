//! When a task runs and how often: trigger, `when`, `foreach`, `parallel`, `batch`, `tolerate`, `fail_fast`, `concurrency`.

use crate::definition::{Count, Task, Tolerate, TriggerRule};
use crate::diagnostic::Diagnostics;
use crate::limits::INSTANCES_PER_TASK;

use super::amounts;
use super::codes;
use super::executors::is_map;
use super::fields::Field;
use super::node::{Kind, Plain};
use super::scope::{Moment, Scope};
use super::settings::Settings;

const TRIGGERS: [(&str, TriggerRule); 6] = [
    ("all_success", TriggerRule::AllSuccess),
    ("all_done", TriggerRule::AllDone),
    ("one_success", TriggerRule::OneSuccess),
    ("one_failed", TriggerRule::OneFailed),
    ("none_failed", TriggerRule::NoneFailed),
    ("always", TriggerRule::Always),
];

/// `on_failure`, the older spelling.
const OLDER: [(&str, TriggerRule); 2] = [
    ("run", TriggerRule::AllDone),
    ("skip", TriggerRule::AllSuccess),
];

/// Reads all of them into `task`.
pub(super) fn apply(
    task: &mut Task,
    settings: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) {
    task.trigger = trigger(settings, found);
    task.when = settings
        .own
        .field("when")
        .and_then(|field| scope.expression(&field, Moment::Task, found));
    let (foreach, parallel) = (
        settings.own.field("foreach"),
        settings.own.field("parallel"),
    );
    task.foreach = foreach.as_ref().and_then(|field| over(field, scope, found));
    task.parallel = parallel
        .as_ref()
        .and_then(|field| instances(field, scope, found));
    let most = i64::from(INSTANCES_PER_TASK);
    let batch = settings.own.field("batch");
    // Dataproc calls a job without a cluster so.
    let executor = settings.field("executor");
    let theirs = executor.is_some_and(|field| field.node.text() == Some("dataproc"));
    if let Some(field) = batch.filter(|field| !(theirs && is_map(field))) {
        task.batch = field.integer(1..=most, found);
        if foreach.is_none() {
            let message = format!(
                "{} puts items of `foreach` together, and there is no `foreach`",
                field.label
            );
            found
                .error(codes::BATCH_WITHOUT_FOREACH, field.key_at, message)
                .hint("add `foreach`, or remove `batch`");
        }
    }
    let fans_out = foreach.is_some() || parallel.is_some();
    for key in ["tolerate", "fail_fast", "concurrency"] {
        if let Some(field) = settings.own.field(key)
            && !fans_out
        {
            let message = format!(
                "{} means something only with several instances",
                field.label
            );
            found
                .error(codes::NEEDS_FAN_OUT, field.key_at, message)
                .hint("add `foreach` or `parallel`, or remove it");
        }
    }
    if let Some(field) = settings.field("tolerate") {
        let read = tolerate(&field, found);
        task.tolerate = if fans_out { read } else { Tolerate::None };
    }
    if let Some(field) = settings.field("fail_fast") {
        task.fail_fast = field.boolean(found) == Some(true) && fans_out;
    }
    if let Some(field) = settings.field("concurrency") {
        task.concurrency = field.integer(1..=most, found).filter(|_| fans_out);
    }
}

fn trigger(settings: &Settings<'_>, found: &mut Diagnostics) -> TriggerRule {
    let (rule, older) = (
        settings.own.field("trigger"),
        settings.own.field("on_failure"),
    );
    if let (Some(rule), Some(older)) = (&rule, &older) {
        let message = format!(
            "{} has `trigger` and its older spelling `on_failure`",
            settings.own.owner
        );
        found
            .error(codes::KEYS_EXCLUDE, rule.key_at.max(older.key_at), message)
            .hint("keep `trigger`");
        return TriggerRule::default();
    }
    // What the task says itself goes before the defaults, whichever of the two spellings it is.
    let stated = rule
        .or(older)
        .or_else(|| settings.field("trigger"))
        .or_else(|| settings.field("on_failure"));
    let Some(stated) = stated else {
        return TriggerRule::default();
    };
    let words: &[(&str, TriggerRule)] = if stated.label.starts_with("`on_failure`") {
        &OLDER
    } else {
        &TRIGGERS
    };
    stated.word(words, found).unwrap_or_default()
}

/// A map `{ref: path}`, or a path as text.
fn reference(
    field: &Field<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<crate::definition::Reference> {
    match &field.node.kind {
        Kind::Map(_) => {
            let inner = field.fields(&["ref"], found)?.need(
                "ref",
                "write {ref: tasks.name.output}",
                found,
            )?;
            scope.path(
                &Field {
                    label: field.label.clone(),
                    ..inner
                },
                Moment::Task,
                found,
            )
        }
        _ => scope.path(field, Moment::Task, found),
    }
}

fn over(
    field: &Field<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<crate::definition::Reference> {
    if let Kind::List(_) = field.node.kind {
        found
            .error(
                codes::WRONG_KIND,
                field.node.at,
                format!("{} must name a list, not be one", field.label),
            )
            .hint("make the list the default of a param and write `foreach: params.name`");
        return None;
    }
    reference(field, scope, found)
}

fn instances(field: &Field<'_>, scope: &mut Scope<'_>, found: &mut Diagnostics) -> Option<Count> {
    match field.node.plain() {
        Some(Plain::Text(_)) | None if !matches!(field.node.kind, Kind::List(_)) => {
            reference(field, scope, found).map(Count::Ref)
        }
        Some(Plain::Int(_) | Plain::Large(_)) => field
            .integer(1..=i64::from(INSTANCES_PER_TASK), found)
            .map(Count::Fixed),
        _ => {
            field.wrong_kind("an integer or {ref: …}", found);
            None
        }
    }
}

fn tolerate(field: &Field<'_>, found: &mut Diagnostics) -> Tolerate {
    if let Some(Plain::Text(text)) = field.node.plain() {
        return amounts::share(text.trim()).unwrap_or_else(|| {
            let message = format!("{}: `{text}` is not a share", field.label);
            found
                .error(codes::BAD_QUANTITY, field.node.at, message)
                .hint("write a number of instances (3) or a share of them (5%)");
            Tolerate::None
        });
    }
    field
        .integer(0..=i64::from(INSTANCES_PER_TASK), found)
        .map_or(Tolerate::None, |count| {
            if count == 0 {
                Tolerate::None
            } else {
                Tolerate::Count(count)
            }
        })
}
