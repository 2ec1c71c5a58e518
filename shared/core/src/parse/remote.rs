//! Tasks without a worker: a job of another service that Ork starts itself, a request, or something that is waited for.

use crate::Value;
use crate::deferred::{LONGEST_POLL, SHORTEST_POLL};
use crate::definition::{Binding, Executor, Input, Operator};
use crate::diagnostic::Diagnostics;
use crate::expr;
use crate::time::Millis;

use super::bindings;
use super::codes;
use super::executors::{is_map, needs};
use super::fields::Field;
use super::node::{Kind, Plain};
use super::scope::{Moment, Scope};
use super::settings::Settings;

/// What a key's value must be when it is written out. A template may become anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Text,
    Whole,
    Flag,
    Map,
    Texts,
    Codes,
    Word(&'static [(&'static str, ())]),
    Span,
    Any,
}

/// A key of a request and what it holds.
pub(super) type Keys = &'static [(&'static str, Want)];

const WRITES: &[(&str, ())] = &[("append", ()), ("truncate", ()), ("empty", ())];

pub(super) const BIGQUERY: Keys = &[
    ("query", Want::Text),
    ("project", Want::Text),
    ("location", Want::Text),
    ("destination", Want::Text),
    ("write", Want::Word(WRITES)),
    ("params", Want::Map),
    ("dry_run", Want::Flag),
    ("maximum_bytes_billed", Want::Whole),
    ("labels", Want::Map),
    ("poll_interval", Want::Span),
];
pub(super) const CLOUD_RUN: Keys = &[
    ("job", Want::Text),
    ("project", Want::Text),
    ("region", Want::Text),
    ("args", Want::Texts),
    ("container", Want::Text),
    ("task_count", Want::Whole),
    ("poll_interval", Want::Span),
];
pub(super) const DATAPROC: Keys = &[
    ("project", Want::Text),
    ("region", Want::Text),
    ("cluster", Want::Text),
    ("job", Want::Map),
    ("batch", Want::Map),
    ("poll_interval", Want::Span),
];
/// What an answer over HTTP must be like.
pub(super) const CONDITIONS: Keys = &[
    ("success_status_codes", Want::Codes),
    ("success_field", Want::Text),
    ("success_value", Want::Any),
];
const HTTP_SENSOR: Keys = &[
    ("url", Want::Text),
    ("method", Want::Text),
    ("headers", Want::Map),
    ("body", Want::Any),
    ("success_status_codes", Want::Codes),
    ("success_field", Want::Text),
    ("success_value", Want::Any),
];
const BIGQUERY_SENSOR: Keys = &[
    ("query", Want::Text),
    ("project", Want::Text),
    ("location", Want::Text),
    ("params", Want::Map),
];
const WORKFLOW_SENSOR: Keys = &[
    ("name", Want::Text),
    ("slot", Want::Text),
    ("within", Want::Span),
];
const SENSORS: [&str; 4] = ["object", "bigquery", "http", "workflow"];

/// A task whose settings are keys of the task itself.
pub(super) fn operator(
    operator: Operator,
    keys: Keys,
    needed: &[(&str, &str)],
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    let missing = needed.iter().find(|(key, _)| task.field(key).is_none());
    if let Some((key, hint)) = missing {
        return needs(task, operator.word(), key, hint, found);
    }
    // A `batch` that is no map is the number of items for an instance.
    let own = |key: &str| {
        task.field(key)
            .filter(|field| key != "batch" || is_map(field))
    };
    let request = read(keys, own, scope, found)?;
    Some(Executor::Remote { operator, request })
}

/// The conditions of a request.
pub(super) fn conditions(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Vec<Input> {
    read(CONDITIONS, |key| task.field(key), scope, found).unwrap_or_default()
}

/// `sensor: {object | bigquery | http | workflow: …, poll_interval: …}`.
pub(super) fn sensor(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    const HINT: &str =
        "`sensor: {object: \"gs://bucket/name\"}`, or one with bigquery, http or workflow";
    let Some(field) = task.field("sensor") else {
        return needs(task, "sensor", "sensor", HINT, found);
    };
    let known: Vec<&str> = SENSORS.into_iter().chain(["poll_interval"]).collect();
    let fields = field.fields(&known, found)?;
    let mut stated = SENSORS
        .into_iter()
        .filter_map(|key| Some((key, fields.field(key)?)));
    let Some((key, inner)) = stated.next() else {
        let message = format!("{} does not say what it waits for", field.label);
        found
            .error(codes::MISSING_KEY, field.node.at, message)
            .hint(format!("write {HINT}"));
        return None;
    };
    if let Some((other, second)) = stated.next() {
        let message = format!("{} waits for `{key}` and for `{other}`", field.label);
        found
            .error(codes::KEYS_EXCLUDE, second.key_at, message)
            .hint("make two tasks of it");
        return None;
    }
    let (operator, request) = match key {
        "object" => {
            if let Some(text) = inner.text(found)?.strip_prefix("gs://")
                && (text.contains("{{")
                    || text
                        .split_once('/')
                        .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()))
            {
                let value = value(&inner, Want::Text, scope, found)?;
                (Operator::ObjectSensor, vec![named("object", value)])
            } else {
                let message = format!("{} must be gs://bucket/name", inner.label);
                found.error(codes::BAD_NAME, inner.node.at, message);
                return None;
            }
        }
        "bigquery" => (
            Operator::BigQuerySensor,
            map(&inner, BIGQUERY_SENSOR, "query", scope, found)?,
        ),
        "http" => (
            Operator::HttpSensor,
            map(&inner, HTTP_SENSOR, "url", scope, found)?,
        ),
        _ if matches!(inner.node.kind, Kind::Map(_)) => (
            Operator::WorkflowSensor,
            map(&inner, WORKFLOW_SENSOR, "name", scope, found)?,
        ),
        _ => {
            let value = value(&inner, Want::Text, scope, found)?;
            (Operator::WorkflowSensor, vec![named("name", value)])
        }
    };
    let mut request = request;
    if let Some(every) = fields.field("poll_interval") {
        request.push(named(
            "poll_interval",
            value(&every, Want::Span, scope, found)?,
        ));
    }
    Some(Executor::Remote { operator, request })
}

/// The settings of a sensor that are a map.
fn map(
    field: &Field<'_>,
    keys: Keys,
    needed: &str,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Vec<Input>> {
    let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let fields = field.fields(&known, found)?;
    fields.need(needed, &format!("write `{needed}: …`"), found)?;
    read(keys, |key| fields.field(key), scope, found)
}

/// The keys that are there; `None` when one of them is wrong.
fn read<'n>(
    keys: Keys,
    field: impl Fn(&str) -> Option<Field<'n>>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Vec<Input>> {
    let mut good = true;
    let mut request = Vec::new();
    for (key, want) in keys {
        let Some(field) = field(key) else { continue };
        match value(&field, *want, scope, found) {
            Some(value) => request.push(named(key, value)),
            None => good = false,
        }
    }
    good.then_some(request)
}

fn named(name: &str, value: Binding) -> Input {
    Input {
        name: name.to_owned(),
        value,
    }
}

fn value(
    field: &Field<'_>,
    want: Want,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Binding> {
    let written = field.node.text().filter(|text| expr::has_template(text));
    match (want, written) {
        // When to ask next is the file's to say.
        (Want::Span, _) => span(field, found),
        (_, Some(_)) => scope
            .data(field, Moment::Instance, found)
            .map(Binding::Template),
        _ => checked(field, want, found).then(|| bindings::free(field, scope, found))?,
    }
}

fn span(field: &Field<'_>, found: &mut Diagnostics) -> Option<Binding> {
    let least = if field.label.starts_with("`poll_interval`") {
        SHORTEST_POLL
    } else {
        Millis(1)
    };
    let span = field.duration(least, found)?;
    if least == SHORTEST_POLL && span > LONGEST_POLL {
        let message = format!("{} must be at most {LONGEST_POLL}, not {span}", field.label);
        found.error(codes::OUT_OF_RANGE, field.node.at, message);
        return None;
    }
    Some(Binding::Const(Value::from(span.0 as f64 / 1000.0)))
}

/// Whether what is written is of the right kind; says so if not.
fn checked(field: &Field<'_>, want: Want, found: &mut Diagnostics) -> bool {
    let is_map = matches!(field.node.kind, Kind::Map(_));
    match want {
        Want::Text => field.text(found).is_some(),
        Want::Whole => field.integer::<i64>(1..=i64::MAX, found).is_some(),
        Want::Flag => field.boolean(found).is_some(),
        Want::Word(words) => field.word(words, found).is_some(),
        Want::Map if !is_map => {
            field.wrong_kind("a map", found);
            false
        }
        Want::Texts => match field.items(false, "a list of texts", found) {
            Some(items) => items.iter().all(|item| match item.node.plain() {
                Some(Plain::Text(_)) => true,
                _ => item.text(found).is_some(),
            }),
            None => false,
        },
        Want::Codes => match field.items(true, "a list of status codes", found) {
            Some(items) => items
                .iter()
                .all(|item| item.integer::<u16>(100..=599, found).is_some()),
            None => false,
        },
        Want::Map | Want::Any | Want::Span => true,
    }
}
