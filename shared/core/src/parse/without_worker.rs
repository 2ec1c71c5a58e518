//! What means nothing to a task without a worker: keys about workers, and secrets, which nobody may read along the way.

use crate::definition::{Binding, Executor, Operator, Style, Task};
use crate::diagnostic::Diagnostics;
use crate::schema::executors::Word;

use super::blank;
use super::codes;
use super::fields::Field;
use super::node::{Key, Kind, Node};
use super::settings::Settings;

/// The keys of every task that are about a worker.
const KEYS: [&str; 11] = [
    "image",
    "worker",
    "config_file",
    "inputs",
    "input",
    "input_type",
    "start_timeout",
    "heartbeat_timeout",
    "topic",
    "env",
    "resources",
];

/// The keys of `cloudrun` that a worker job of the deployment does not have.
const WITH_A_REGION: [&str; 6] = [
    "project",
    "args",
    "service_account",
    "container",
    "task_count",
    "poll_interval",
];

/// Says which keys of the task would do nothing. A default that does not apply is no mistake: it is meant for other tasks.
pub(super) fn check(task: &Settings<'_>, name: &str, word: Word, found: &mut Diagnostics) {
    match word {
        Word::CloudRun if task.field("region").is_none() => {
            without_region(task, name, found);
            return;
        }
        Word::BigQuery | Word::CloudRun | Word::Dataproc | Word::Http | Word::Sensor => {}
        _ => return,
    }
    let takes_env = word == Word::CloudRun;
    let of_image = takes_env && task.own.field("job").is_none() && task.field("image").is_some();
    for key in KEYS {
        // With a job and an image there is one too many, which whoever reads them says.
        let taken = match key {
            "env" | "image" => takes_env,
            "resources" => of_image,
            _ => false,
        };
        if let Some(field) = task.own.field(key).filter(|_| !taken) {
            let region = if takes_env { " with a `region`" } else { "" };
            let message = format!(
                "{} has executor `{name}`{region}, which has no `{key}`",
                task.own.owner
            );
            found
                .error(codes::KEY_NOT_FOR_EXECUTOR, field.key_at, message)
                .hint(instead(key, word));
        }
    }
    if let Some(field) = task.own.field("secrets") {
        let message = format!(
            "{}: a task with executor `{name}` cannot be given secrets",
            field.label
        );
        found
            .error(codes::SECRET_NOT_GIVEN, field.key_at, message)
            .hint(secret_instead(word));
    }
    if takes_env {
        job_keys(task, of_image, found);
        secret_variables(task, found);
    }
}

/// What only a job that is there has, and what only one has that is made of an image.
fn job_keys(task: &Settings<'_>, of_image: bool, found: &mut Diagnostics) {
    let (key, message, hint) = if of_image {
        (
            "container",
            "is a Cloud Run job of one image, whose only container gets `args` and `env`",
            "remove it",
        )
    } else {
        (
            "service_account",
            "starts a Cloud Run job that is there, which has a service account of its own",
            "set it on the job, with `gcloud run jobs update JOB --service-account`, or give an `image` instead of `job`",
        )
    };
    if let Some(field) = task.own.field(key) {
        found
            .error(
                codes::KEY_NOT_FOR_EXECUTOR,
                field.key_at,
                format!("{} {message}", task.own.owner),
            )
            .hint(hint);
    }
}

fn without_region(task: &Settings<'_>, name: &str, found: &mut Diagnostics) {
    for key in WITH_A_REGION {
        if let Some(field) = task.own.field(key) {
            let message = format!(
                "{} has executor `{name}` without a `region`, which has no `{key}`",
                task.own.owner
            );
            let hint = match key {
                "args" => "use `command`, or add `region` to start any job that is there",
                _ => "remove it, or add `region` to start any job that is there",
            };
            found
                .error(codes::KEY_NOT_FOR_EXECUTOR, field.key_at, message)
                .hint(hint);
        }
    }
}

/// What to use instead of `key`.
fn instead(key: &str, word: Word) -> &'static str {
    match (key, word) {
        ("inputs" | "input" | "env", Word::BigQuery) => {
            "use `params` for the values of @name in the query"
        }
        ("inputs" | "input", Word::CloudRun) => "use `args` or `env`; both may hold templates",
        ("inputs" | "input" | "env", Word::Dataproc) => {
            "write the values into `job` or `batch`; both may hold templates"
        }
        ("inputs" | "input" | "env", Word::Http) => {
            "write the values into `url`, `headers` or `body`; all may hold templates"
        }
        ("inputs" | "input" | "env", _) => {
            "write the values into `sensor`, such as `params` of its query; it may hold templates"
        }
        ("input_type", _) => "remove it: there are no inputs to be checked",
        ("start_timeout" | "heartbeat_timeout", _) => {
            "use `timeout`, the longest that all of it may take"
        }
        ("worker" | "topic", _) => "remove it: no worker takes this task",
        ("resources", Word::CloudRun) => {
            "no start of a Cloud Run job changes its cores and memory: set them on the job, with `gcloud run jobs update JOB --cpu=… --memory=…`, or give an `image` instead of `job`"
        }
        ("image" | "resources", Word::Dataproc) => {
            "set it on the cluster, or in `batch` as Dataproc calls it"
        }
        _ => "remove it: nothing of yours runs for this task",
    }
}

fn secret_instead(word: Word) -> &'static str {
    match word {
        Word::CloudRun => {
            "mount them on the Cloud Run job itself, as in `gcloud run jobs update JOB --update-secrets=NAME=SECRET:latest`, and remove them here"
        }
        Word::BigQuery => {
            "remove them: queries run with the rights of the account of Ork's services"
        }
        Word::Dataproc => {
            "let the job read them from Secret Manager with the rights of its own account"
        }
        _ => {
            "let a header name it, as in `headers: {Authorization: {secret: NAME}}`; what else needs one is for a task with a worker"
        }
    }
}

/// The variables of a Cloud Run job that are secrets: they would be in sight of everybody who may look at the execution.
fn secret_variables(task: &Settings<'_>, found: &mut Diagnostics) {
    const HINT: &str = "mount the secret on the Cloud Run job itself, as in `gcloud run jobs update JOB --update-secrets";
    let own = task.own.field("env");
    for (key, _) in own.iter().flat_map(secrets_of) {
        let message = format!(
            "`{}` in `env` of {} is a secret, and no execution of a Cloud Run job can be given one",
            key.text, task.own.owner
        );
        found
            .error(codes::SECRET_NOT_GIVEN, key.at, message)
            .hint(format!(
                "{HINT}={}=SECRET:latest`, and remove it here",
                key.text
            ));
    }
    // It may be meant for other tasks, or be missed by this one.
    let default = task.defaults.field("env");
    for (key, _) in default.iter().flat_map(secrets_of) {
        let named = |field: &Field<'_>| field.node.get(&key.text).is_some();
        if !own.as_ref().is_some_and(named) {
            let message = format!(
                "`{}` in `env` of `defaults` is a secret, which tasks with executor `cloudrun` and a `region` are not given",
                key.text
            );
            found
                .warning(codes::SECRET_NOT_GIVEN, key.at, message)
                .hint(format!("{HINT}={}=SECRET:latest` if it needs it", key.text));
        }
    }
    if task.own.field("secrets").is_none()
        && let Some(field) = task.defaults.field("secrets")
    {
        let message = format!(
            "{} are not given to tasks with executor `cloudrun` and a `region`",
            field.label
        );
        found
            .warning(codes::SECRET_NOT_GIVEN, field.key_at, message)
            .hint(format!("{HINT}=NAME=SECRET:latest` if it needs them"));
    }
}

/// The entries of a map that are `{secret: …}`.
pub(super) fn secrets_of<'n>(field: &Field<'n>) -> impl Iterator<Item = &'n (Key, Node)> {
    let entries: &[(Key, Node)] = match &field.node.kind {
        Kind::Map(entries) => entries,
        _ => &[],
    };
    entries.iter().filter(|(_, node)| is_secret(node))
}

/// Whether a value is `{secret: …}`.
pub(super) fn is_secret(node: &Node) -> bool {
    matches!(&node.kind, Kind::Map(one) if matches!(&**one, [(key, _)] if key.text == "secret"))
}

/// Whether no value of a map is `{secret: …}`, where that would be taken for plain data; says so if one is.
pub(super) fn no_secret(field: &Field<'_>, found: &mut Diagnostics) -> bool {
    let mut good = true;
    for (key, _) in secrets_of(field) {
        let message = format!(
            "`{}` in {} is a secret, and a task without a worker cannot be given one",
            key.text, field.label
        );
        found
            .error(codes::SECRET_NOT_GIVEN, key.at, message)
            .hint("what needs a secret is for a task with a worker, such as `executor: python`");
        good = false;
    }
    good
}

/// Takes away what `defaults` say of workers.
pub(super) fn strip(task: &mut Task, style: Style) {
    let blank = blank::task(task.name.clone(), Executor::Marker, style);
    let keeps_env = matches!(
        task.executor,
        Executor::Remote {
            operator: Operator::CloudRun | Operator::CloudRunImage,
            ..
        }
    );
    let keeps_resources = matches!(
        task.executor,
        Executor::Remote {
            operator: Operator::CloudRunImage,
            ..
        }
    );
    task.env
        .retain(|(_, value)| keeps_env && !matches!(value, Binding::Secret(_)));
    task.start_timeout = blank.start_timeout;
    task.heartbeat_timeout = blank.heartbeat_timeout;
    task.topic = None;
    task.inputs = Vec::new();
    task.input_type = None;
    task.secrets = Vec::new();
    if !keeps_resources {
        task.resources = blank.resources;
    }
    task.image = None;
    task.worker = None;
    task.config_file = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::TASK_KEYS;
    use crate::schema::executors::OWN_KEYS;

    #[test]
    fn each_key_is_a_key_of_every_task_and_those_of_a_region_are_of_cloud_run() {
        for key in KEYS {
            let owned = OWN_KEYS.iter().any(|(own, _)| *own == key);
            assert!(TASK_KEYS.contains(&key) && !owned, "{key}");
        }
        for (key, owners) in OWN_KEYS {
            let of_jobs =
                owners.contains(&Word::CloudRun) && !["job", "command", "region"].contains(key);
            assert_eq!(of_jobs, WITH_A_REGION.contains(key), "{key}");
        }
    }
}
