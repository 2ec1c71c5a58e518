//! Jobs of Dataproc clusters, and batches, which have none: both in the JSON of its REST interface. Of it is read here what says whether
//! there is anything to run, and where; the rest the service judges.

use crate::definition::{Executor, Operator};
use crate::diagnostic::Diagnostics;
use crate::expr;

use super::codes;
use super::executors::{both, is_map, needs};
use super::fields::Field;
use super::labels;
use super::node::{Key, Kind, Node};
use super::remote::{DATAPROC, operator, without};
use super::scope::Scope;
use super::settings::Settings;

/// What a job can run.
const JOBS: [&str; 10] = [
    "pysparkJob",
    "sparkJob",
    "sparkSqlJob",
    "sparkRJob",
    "hadoopJob",
    "hiveJob",
    "pigJob",
    "prestoJob",
    "trinoJob",
    "flinkJob",
];
/// What a batch can.
const BATCHES: [&str; 5] = [
    "pysparkBatch",
    "sparkBatch",
    "sparkRBatch",
    "sparkSqlBatch",
    "pysparkNotebookBatch",
];
/// Labels of a job or a batch.
const MOST_LABELS: usize = 32;

/// A job of a cluster, or a batch, which has none.
pub(super) fn dataproc(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    let (job, cluster) = (task.own.field("job"), task.own.field("cluster"));
    let batch = task.own.field("batch").filter(is_map);
    let good;
    let other = if let Some(batch) = &batch {
        for (key, field) in [("job", &job), ("cluster", &cluster)] {
            if let Some(field) = field {
                return both(task, "batch", key, field, found);
            }
        }
        good = runs_something(batch, &BATCHES, found);
        "batch"
    } else {
        good = match job.as_ref().filter(|job| is_map(job)) {
            // It may come out of a template, with a cluster.
            None => true,
            Some(job) => runs_something(job, &JOBS, found) & on_a_cluster(job, task, found)?,
        };
        "job"
    };
    // A cluster in `defaults` is for the jobs of the file.
    let no_cluster: &[&str] = if batch.is_some() { &["cluster"] } else { &[] };
    let keys = without(DATAPROC, no_cluster);
    let executor = operator(
        Operator::Dataproc,
        &keys,
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
    );
    executor.filter(|_| good)
}

/// Whether a job or batch has exactly one of `kinds`, labels that will be taken, and no id of its own; says what is wrong.
fn runs_something(field: &Field<'_>, kinds: &[&str], found: &mut Diagnostics) -> bool {
    let Kind::Map(entries) = &field.node.kind else {
        return true;
    };
    let is_kind = |key: &Key| kinds.iter().any(|kind| is(&key.text, kind));
    let mut stated = entries
        .iter()
        .filter(|(key, node)| is_kind(key) && !node.is_null());
    let mut good = true;
    match (stated.next(), stated.next()) {
        (None, _) => {
            let message = format!("{} does not say what to run", field.label);
            // The first key that is none of Dataproc's own may be a kind that is misspelt.
            let near = entries.iter().find_map(|(key, _)| {
                crate::expr::nearest(&key.text, kinds.iter().copied()).filter(|_| !is_kind(key))
            });
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("give it one of {}", kinds.join(", ")),
            };
            found
                .error(codes::MISSING_KEY, field.node.at, message)
                .hint(hint);
            good = false;
        }
        (Some((key, node)), None) => {
            let label = format!("`{}` in {}", key.text, field.label);
            let kind = Field::new(label, node);
            if !is_map(&kind) && !node.text().is_some_and(expr::has_template) {
                kind.wrong_kind("a map", found);
                good = false;
            }
        }
        (Some((first, _)), Some((second, _))) => {
            let message = format!("{} has `{}` and `{}`", field.label, first.text, second.text);
            found
                .error(codes::KEYS_EXCLUDE, second.at, message)
                .hint("make two tasks of it");
            good = false;
        }
    }
    if let Some(node) = field.node.get("labels") {
        let label = format!("`labels` in {}", field.label);
        good &= labels::check(&Field::new(label, node), MOST_LABELS, found);
    }
    if let Some((_, node)) = inner(field.node, "reference", "jobId").filter(|(_, id)| !id.is_null())
    {
        let message = format!(
            "{} has a `jobId`, and the id of a job is Ork's to choose",
            field.label
        );
        found
            .error(codes::KEY_NOT_FOR_EXECUTOR, node.at, message)
            .hint("remove it: with an id of Ork's a start that is repeated finds the first job");
        good = false;
    }
    good
}

/// Whether it is clear where a job runs: on `cluster`, or where it says so itself. `None` when nobody says.
fn on_a_cluster(job: &Field<'_>, task: &Settings<'_>, found: &mut Diagnostics) -> Option<bool> {
    let placement = job.node.get("placement");
    let written = inner(job.node, "placement", "clusterName").filter(|(_, name)| !name.is_null());
    let Some(cluster) = task.field("cluster") else {
        let templated = placement
            .and_then(Node::text)
            .is_some_and(expr::has_template);
        return if written.is_some() || templated {
            Some(true)
        } else {
            needs(task, "dataproc", "cluster", "`cluster: name`", found)
        };
    };
    let one = cluster.node.text();
    let (other, at) = match written {
        Some((_, name)) => (name.text(), name.at),
        None => return Some(true),
    };
    // One that is a template may turn out to be the other.
    let plain = |text: &Option<&str>| text.is_some_and(|text| !expr::has_template(text));
    if one == other || !plain(&one) || !plain(&other) {
        return Some(true);
    }
    let message = format!(
        "{} is `{}`, and `clusterName` in `placement` of its `job` is `{}`",
        cluster.label,
        one.unwrap_or_default(),
        other.unwrap_or_default()
    );
    found
        .error(codes::KEYS_EXCLUDE, at, message)
        .hint("keep one of them");
    Some(false)
}

/// The entry `key` of the map under `outer`, in either of the spellings that Google's JSON has.
fn inner<'n>(node: &'n Node, outer: &str, key: &str) -> Option<(&'n Key, &'n Node)> {
    let Kind::Map(entries) = &node.get(outer)?.kind else {
        return None;
    };
    let entry = entries.iter().find(|(known, _)| is(&known.text, key))?;
    Some((&entry.0, &entry.1))
}

/// Whether `text` is the name `camel` of Google's JSON, as it is or with `_`.
fn is(text: &str, camel: &str) -> bool {
    let mut snake = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    text == camel || text == snake
}
