//! Tasks without a worker: a job of another service that Ork starts itself, or a request. Sensors are read the same way.

use crate::Value;
use crate::deferred::SECRET_HEADERS;
use crate::deferred::{LONGEST_POLL, SHORTEST_POLL};
use crate::definition::{Binding, Executor, Input, Operator, SecretRef};
use crate::diagnostic::Diagnostics;
use crate::expr;
use crate::ids::WorkflowName;
use crate::schema::executors::{METHODS, WRITES};
use crate::time::{Millis, Time};

use super::beside;
use super::bindings;
use super::cloud::Name;
use super::codes;
use super::executors::{both, is_map, needs};
use super::fields::Field;
use super::labels;
use super::node::{Kind, Node, Plain};
use super::programs::literal_or_template;
use super::scope::{Moment, Scope};
use super::settings::Settings;
use super::url;
use super::without_worker::{is_secret, no_secret, secrets_of};

/// What a key's value must be when it is written out. A template may become anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Text,
    /// What a request is made to.
    Url,
    Whole,
    /// How many tasks an execution has.
    Tasks,
    Flag,
    Map,
    /// Labels of a BigQuery job.
    Labels,
    /// The parameters of a query.
    Params,
    Headers,
    Texts,
    Codes,
    Word(&'static [&'static str]),
    /// A name of Google Cloud.
    Name(Name),
    /// The name of a workflow.
    Workflow,
    Instant,
    Span,
    Any,
}

/// The keys of a request and what each holds.
pub(super) type Keys = [(&'static str, Want)];

pub(super) const BIGQUERY: &Keys = &[
    ("query", Want::Text),
    ("project", Want::Name(Name::Project)),
    ("location", Want::Name(Name::Location)),
    ("destination", Want::Name(Name::Table)),
    ("write", Want::Word(&WRITES)),
    ("params", Want::Params),
    ("dry_run", Want::Flag),
    ("maximum_bytes_billed", Want::Whole),
    ("labels", Want::Labels),
    ("poll_interval", Want::Span),
];
pub(super) const CLOUD_RUN: &Keys = &[
    ("job", Want::Name(Name::RunJob)),
    ("image", Want::Text),
    ("project", Want::Name(Name::Project)),
    ("region", Want::Name(Name::Region)),
    ("args", Want::Texts),
    ("service_account", Want::Text),
    ("container", Want::Text),
    ("task_count", Want::Tasks),
    ("poll_interval", Want::Span),
];
/// Tasks of one execution of a Cloud Run job.
const MOST_TASKS: i64 = 10_000;
/// Labels of a job of BigQuery. One more is Ork's, which says whose run it is of.
const MOST_LABELS: usize = 63;
/// Those of them that a job which is there has already.
const IMAGE_ONLY: [&str; 2] = ["image", "service_account"];
pub(super) const DATAPROC: &Keys = &[
    ("project", Want::Name(Name::Project)),
    ("region", Want::Name(Name::Region)),
    ("cluster", Want::Text),
    ("job", Want::Map),
    ("batch", Want::Map),
    ("poll_interval", Want::Span),
];
/// What an answer over HTTP must be like.
const CONDITIONS: &Keys = &[
    ("success_status_codes", Want::Codes),
    ("success_field", Want::Text),
    ("success_value", Want::Any),
];
/// Keys that say nothing without another one, and what to write.
const PAIRS: [(&str, &str, &str); 3] = [
    ("write", "destination", "destination: dataset.table"),
    ("success_value", "success_field", "success_field: status"),
    ("failure_value", "success_field", "success_field: status"),
];

/// A task whose settings are keys of the task itself.
pub(super) fn operator(
    operator: Operator,
    keys: &Keys,
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

/// A query, written here or in a file of its own.
pub(super) fn bigquery(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    let needed = [("query", "`query: SELECT …`, or `file: report.sql`")];
    // A file in `defaults` is for other tasks.
    let Some(file) = task.own.field("file") else {
        return operator(Operator::BigQuery, BIGQUERY, &needed, task, scope, found);
    };
    if task.own.field("query").is_some() {
        return both(task, "query", "file", &file, found);
    }
    let query = beside::query(&file, scope, found);
    let keys = without(BIGQUERY, &["query"]);
    let mut executor = operator(Operator::BigQuery, &keys, &[], task, scope, found)?;
    if let Executor::Remote { request, .. } = &mut executor {
        request.insert(0, named("query", query?));
    }
    Some(executor)
}

/// A job of Cloud Run that is there, or one that is made of an image and lasts as long as the attempt.
pub(super) fn cloud_run(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    // An image in `defaults` is for tasks that name no job.
    let (job, image) = (task.own.field("job"), task.own.field("image"));
    if let (Some(_), Some(image)) = (&job, &image) {
        return both(task, "job", "image", image, found);
    }
    if job.is_some() || task.field("image").is_none() {
        let needed = [("job", "`job: name` of an existing job, or `image: …`")];
        let keys = without(CLOUD_RUN, &IMAGE_ONLY);
        return operator(Operator::CloudRun, &keys, &needed, task, scope, found);
    }
    let keys = without(CLOUD_RUN, &["job", "container"]);
    operator(Operator::CloudRunImage, &keys, &[], task, scope, found)
}

pub(super) fn without(keys: &Keys, left_out: &[&str]) -> Vec<(&'static str, Want)> {
    let keys = keys.iter().copied();
    keys.filter(|(key, _)| !left_out.contains(key)).collect()
}

/// A request that is made once.
pub(super) fn http(
    task: &Settings<'_>,
    name: &str,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    let method = task
        .field("method")
        .and_then(|field| field.word(&METHODS.map(|word| (word, word)), found))
        .unwrap_or("GET");
    let mut headers = Vec::new();
    let mut secret_headers = Vec::new();
    if let Some(field) = task.field("headers")
        && let Some(fields) = field.open(found)
    {
        secret_headers = secrets_in(&field, found);
        for (key, node) in fields.entries() {
            if is_secret(node) {
                continue;
            }
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
    let conditions = conditions(task, scope, found);
    let Some(field) = task.field("url") else {
        return needs(task, name, "url", "`url: https://…`", found);
    };
    let good = url::check(&field, found);
    let url = scope.template(&field, Moment::Instance, found)?;
    good.then(|| Executor::Http {
        method: method.to_owned(),
        url,
        headers,
        body,
        conditions,
        secret_headers,
    })
}

/// The headers of a map that are secrets. One that is misspelled is said, and left out.
pub(super) fn secrets_in(field: &Field<'_>, found: &mut Diagnostics) -> Vec<(String, SecretRef)> {
    let mut secrets = Vec::new();
    for (key, node) in secrets_of(field) {
        let label = format!("`{}` in {}", key.text, field.label);
        let one = Field::new(label, node);
        let named = one.node.get("secret").map(|node| Field { node, ..one });
        let named = named.and_then(|named| bindings::secret(&named, found));
        secrets.extend(named.map(|secret| (key.text.clone(), secret)));
    }
    secrets
}

/// What its answer must be like.
fn conditions(task: &Settings<'_>, scope: &mut Scope<'_>, found: &mut Diagnostics) -> Vec<Input> {
    read(CONDITIONS, |key| task.field(key), scope, found).unwrap_or_default()
}

/// The keys that are there; `None` when one of them is wrong.
pub(super) fn read<'n>(
    keys: &Keys,
    field_at: impl Fn(&str) -> Option<Field<'n>>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Vec<Input>> {
    let mut good = true;
    let mut request = Vec::new();
    for (key, want) in keys {
        let Some(field) = field_at(key) else { continue };
        if *want == Want::Headers && secrets_of(&field).next().is_some() {
            good &= with_secrets(key, &field, &mut request, scope, found);
            continue;
        }
        match value(&field, *want, scope, found) {
            Some(value) => request.push(named(key, value)),
            None => good = false,
        }
    }
    for (key, other, hint) in PAIRS {
        let known = keys.iter().any(|(known, _)| *known == key);
        if let Some(field) = field_at(key).filter(|_| known)
            && field_at(other).is_none()
        {
            let message = format!("{} says nothing without `{other}`", field.label);
            found
                .error(codes::MISSING_KEY, field.key_at, message)
                .hint(format!("add `{hint}`, or remove `{key}`"));
            good = false;
        }
    }
    good.then_some(request)
}

/// Headers of which some are secrets: these by their names, under a key of their own.
fn with_secrets(
    key: &str,
    field: &Field<'_>,
    request: &mut Vec<Input>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> bool {
    let secrets = secrets_in(field, found);
    let good = secrets.len() == secrets_of(field).count();
    let names = secrets
        .into_iter()
        .map(|(header, secret)| (header, Value::String(secret.name)));
    let names = Binding::Const(Value::Object(names.collect()));
    request.push(named(SECRET_HEADERS, names));
    let Kind::Map(entries) = &field.node.kind else {
        return good;
    };
    let others = entries.iter().filter(|(_, node)| !is_secret(node));
    let others = Node {
        at: field.node.at,
        kind: Kind::Map(others.cloned().collect()),
    };
    let others = Field {
        label: field.label.clone(),
        key_at: field.key_at,
        node: &others,
    };
    match value(&others, Want::Headers, scope, found) {
        Some(value) => {
            request.push(named(key, value));
            good
        }
        None => false,
    }
}

pub(super) fn named(name: &str, value: Binding) -> Input {
    Input {
        name: name.to_owned(),
        value,
    }
}

/// The value of a key, with templates where it has any.
pub(super) fn value(
    field: &Field<'_>,
    want: Want,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Binding> {
    let good = want != Want::Url || url::check(field, found);
    let written = field.node.text().filter(|text| expr::has_template(text));
    let read = match (want, written) {
        // When to ask next is the file's to say.
        (Want::Span, _) => span(field, found),
        (_, Some(_)) => scope
            .data(field, Moment::Instance, found)
            .map(Binding::Template),
        _ => checked(field, want, found).then(|| bindings::free(field, scope, found))?,
    };
    read.filter(|_| good)
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
        Want::Text | Want::Url => is_text(field, found),
        Want::Tasks => field.integer::<u32>(1..=MOST_TASKS, found).is_some(),
        Want::Labels => labels::check(field, MOST_LABELS, found),
        Want::Whole => field.integer::<i64>(1..=i64::MAX, found).is_some(),
        Want::Flag => field.boolean(found).is_some(),
        Want::Word(words) => {
            let words: Vec<_> = words.iter().map(|word| (*word, ())).collect();
            field.word(&words, found).is_some()
        }
        Want::Map | Want::Params | Want::Headers if !is_map => {
            field.wrong_kind("a map", found);
            false
        }
        Want::Params => no_secret(field, found),
        Want::Headers => are_texts(field, found),
        Want::Name(name) => is_name(field, name, found),
        Want::Workflow => match field.text(found).map(WorkflowName::new) {
            Some(Err(error)) => {
                let message = format!("{}: {error}", field.label);
                found.error(codes::BAD_NAME, field.node.at, message);
                false
            }
            read => read.is_some(),
        },
        Want::Instant => match field.text(found).map(Time::parse) {
            Some(Err(why)) => {
                let message = format!("{}: {why}", field.label);
                found.error(codes::WRONG_KIND, field.node.at, message).hint(
                    "write it with an offset or `Z`, or as a template such as `{{ run.slot }}`",
                );
                false
            }
            read => read.is_some(),
        },
        Want::Texts => match field.items(false, "a list of texts", found) {
            Some(items) => items.iter().all(|item| match item.node.plain() {
                Some(Plain::Text(_)) => true,
                _ => item.text(found).is_some(),
            }),
            None => false,
        },
        Want::Codes => match field.items(true, "a list of status codes", found) {
            Some(items) if items.is_empty() => {
                let message = format!("{} is an empty list, which no answer fits", field.label);
                found.error(codes::WRONG_KIND, field.node.at, message).hint(
                    "name a status code, or leave the key out: then 200 to 299 are a success",
                );
                false
            }
            Some(items) => items
                .iter()
                .all(|item| item.integer::<u16>(100..=599, found).is_some()),
            None => false,
        },
        Want::Map | Want::Any | Want::Span => true,
    }
}

/// A text with something in it.
fn is_text(field: &Field<'_>, found: &mut Diagnostics) -> bool {
    let text = field.text(found);
    let blank = text.is_some_and(|text| text.trim().is_empty());
    if blank {
        let message = format!("{} holds nothing but spaces", field.label);
        found.error(codes::WRONG_KIND, field.node.at, message);
    }
    text.is_some() && !blank
}

fn is_name(field: &Field<'_>, name: Name, found: &mut Diagnostics) -> bool {
    let Some(text) = field.text(found) else {
        return false;
    };
    let fits = name.fits(text);
    if !fits {
        let message = format!("{}: `{text}` is not {}", field.label, name.what());
        found
            .error(codes::BAD_NAME, field.node.at, message)
            .hint(name.hint());
    }
    fits
}

/// Whether the values of a map are single ones; says so of those that are not.
fn are_texts(field: &Field<'_>, found: &mut Diagnostics) -> bool {
    let Some(fields) = field.open(found) else {
        return false;
    };
    let mut good = true;
    for (key, node) in fields.entries() {
        if matches!(node.plain(), None | Some(Plain::Null | Plain::Unholdable)) {
            let label = format!("`{}` in {}", key.text, field.label);
            Field::new(label, node).wrong_kind("text", found);
            good = false;
        }
    }
    good
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::schema::executors::{OWN_KEYS, Word};

    fn names(keys: &[&Keys], more: &[&'static str]) -> BTreeSet<&'static str> {
        let keys = keys.iter().flat_map(|keys| keys.iter());
        keys.map(|(key, _)| *key)
            .chain(more.iter().copied())
            .collect()
    }

    #[test]
    fn what_is_read_for_a_service_are_the_keys_that_its_executor_has() {
        for (word, read) in [
            (Word::BigQuery, names(&[BIGQUERY], &["file"])),
            // Every task may have an `image`.
            (Word::CloudRun, {
                let mut all = names(&[CLOUD_RUN], &["command"]);
                all.remove("image");
                all
            }),
            (
                Word::Http,
                names(&[CONDITIONS], &["url", "method", "headers", "body"]),
            ),
        ] {
            assert_eq!(read, owned(word), "{word:?}");
        }
        // Every task may have a `batch`; that of Dataproc is a map.
        let mut dataproc = owned(Word::Dataproc);
        dataproc.insert("batch");
        assert_eq!(names(&[DATAPROC], &[]), dataproc);
    }

    fn owned(word: Word) -> BTreeSet<&'static str> {
        let own = OWN_KEYS.iter().filter(|(_, owners)| owners.contains(&word));
        own.map(|(key, _)| *key).collect()
    }
}
