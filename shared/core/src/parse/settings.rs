//! The settings of a task that `defaults` may state for all: retries, timeouts, pool, resources, …

use crate::definition::{Backoff, Resources, RetryPolicy, Style, Task};
use crate::diagnostic::Diagnostics;
use crate::ids::PoolName;
use crate::run::Category;
use crate::schema::RETRY_KEYS;
use crate::time::Millis;

use super::Project;
use super::amounts;
use super::blank;
use super::codes;
use super::fields::{Field, Fields};
use super::node::{Kind, Plain};
use super::suggest;

/// The keys of a task, and behind them those of `defaults`.
#[derive(Debug)]
pub(super) struct Settings<'n> {
    pub(super) own: Fields<'n>,
    pub(super) defaults: Fields<'n>,
}

impl<'n> Settings<'n> {
    /// The value of `key`: the task's, else the default.
    pub(super) fn field(&self, key: &str) -> Option<Field<'n>> {
        self.own.field(key).or_else(|| self.defaults.field(key))
    }

    /// The text of `key`.
    pub(super) fn text(&self, key: &str, found: &mut Diagnostics) -> Option<String> {
        self.field(key)?.text(found).map(str::to_owned)
    }
}

const SECOND: Millis = Millis::from_secs(1);

/// Fills in everything that does not depend on other tasks.
pub(super) fn apply(
    task: &mut Task,
    settings: &Settings<'_>,
    style: Style,
    project: &Project,
    found: &mut Diagnostics,
) {
    let span = |key: &str, otherwise: Millis, found: &mut Diagnostics| {
        settings
            .field(key)
            .and_then(|field| field.duration(SECOND, found))
            .unwrap_or(otherwise)
    };
    task.timeout = span("timeout", blank::timeout(style), found);
    task.start_timeout = span("start_timeout", task.start_timeout, found);
    task.heartbeat_timeout = span("heartbeat_timeout", task.heartbeat_timeout, found);
    task.estimated_duration = settings
        .field("estimated_duration")
        .and_then(|field| field.duration(Millis(1), found));
    if let Some(field) = settings.field("retries") {
        task.retries = retries(&field, found).unwrap_or_else(blank::retries);
    }
    if let Some(field) = settings.field("priority") {
        task.priority = field.integer(-1_000_000..=1_000_000, found).unwrap_or(0);
    }
    task.pool = settings
        .field("pool")
        .and_then(|field| pool(&field, project, found));
    task.worker = settings
        .field("worker")
        .and_then(|field| worker(&field, project, found));
    task.topic = settings.text("topic", found);
    task.image = settings.text("image", found);
    task.config_file = settings.text("config_file", found);
    if let Some(field) = settings.field("resources") {
        task.resources = resources(&field, found);
    }
}

/// A number of retries, or a map.
fn retries(field: &Field<'_>, found: &mut Diagnostics) -> Option<RetryPolicy> {
    let mut policy = blank::retries();
    let Kind::Map(_) = &field.node.kind else {
        policy.max = field.integer(0..=1000, found)?;
        return Some(policy);
    };
    let fields = field.fields(RETRY_KEYS, found)?;
    policy.max = fields
        .need("max", "write {max: 5}", found)?
        .integer(0..=1000, found)?;
    if let Some(delay) = fields.field("delay") {
        policy.delay = delay.duration(Millis(0), found)?;
    }
    if let Some(backoff) = fields.field("backoff") {
        policy.backoff = backoff.word(
            &[
                ("fixed", Backoff::Fixed),
                ("exponential", Backoff::Exponential),
            ],
            found,
        )?;
    }
    match fields.field("max_delay") {
        Some(cap) => {
            policy.max_delay = cap.duration(Millis(0), found)?;
            if policy.max_delay < policy.delay {
                let message = format!(
                    "{} is {}, less than the `delay` of {}",
                    cap.label, policy.max_delay, policy.delay
                );
                found
                    .error(codes::OUT_OF_RANGE, cap.node.at, message)
                    .hint("raise `max_delay`, or leave it out");
            }
        }
        None => policy.max_delay = policy.max_delay.max(policy.delay),
    }
    if let Some(jitter) = fields.field("jitter") {
        policy.jitter = jitter.boolean(found)?;
    }
    if let Some(on) = fields.field("on") {
        let words: Vec<(&str, Category)> = Category::ALL
            .iter()
            .filter(|one| **one != Category::Permanent)
            .map(|one| (one.as_str(), *one))
            .collect();
        for item in on.items(true, "a list of categories", found)? {
            if item.node.text() == Some("permanent") {
                let message = format!(
                    "{} cannot be `permanent`: such failures are never retried",
                    item.label
                );
                found
                    .error(codes::UNKNOWN_WORD, item.node.at, message)
                    .hint("remove it");
            } else if let Some(category) = item.word(&words, found)
                && !policy.on.contains(&category)
            {
                policy.on.push(category);
            }
        }
    }
    Some(policy)
}

fn pool(field: &Field<'_>, project: &Project, found: &mut Diagnostics) -> Option<PoolName> {
    let text = field.text(found)?;
    let name = match PoolName::new(text) {
        Ok(name) => name,
        Err(error) => {
            found.error(
                codes::BAD_NAME,
                field.node.at,
                format!("{}: {error}", field.label),
            );
            return None;
        }
    };
    if !project.pools.contains_key(text) {
        if project.pools.is_empty() {
            let message =
                format!("nobody says how many places the pool `{text}` has, so it has one");
            found
                .warning(codes::UNDECLARED_POOL, field.node.at, message)
                .hint(format!(
                    "write `pools: {{{text}: 4}}` into ork.yaml beside the workflow"
                ));
        } else {
            let hint = suggest::hint(text, project.pools.keys().map(String::as_str), found)
                .unwrap_or_default();
            found
                .error(
                    codes::UNKNOWN_POOL,
                    field.node.at,
                    format!("{}: ork.yaml declares no pool `{text}`", field.label),
                )
                .hint(format!("{hint}; or declare it under `pools` in ork.yaml"));
        }
    }
    Some(name)
}

fn worker(field: &Field<'_>, project: &Project, found: &mut Diagnostics) -> Option<String> {
    let text = field.text(found)?;
    if !project.worker_profiles.is_empty() && !project.worker_profiles.contains_key(text) {
        let hint = suggest::hint(
            text,
            project.worker_profiles.keys().map(String::as_str),
            found,
        )
        .unwrap_or_default();
        found
            .error(
                codes::UNKNOWN_WORKER,
                field.node.at,
                format!(
                    "{}: ork.yaml declares no worker profile `{text}`",
                    field.label
                ),
            )
            .hint(format!("{hint}; or declare it under `workers` in ork.yaml"));
    }
    Some(text.to_owned())
}

fn resources(field: &Field<'_>, found: &mut Diagnostics) -> Resources {
    let mut resources = Resources::default();
    let Some(fields) = field.fields(&["cpu", "memory"], found) else {
        return resources;
    };
    if let Some(cpu) = fields.field("cpu") {
        resources.cpu_millis = amount(
            &cpu,
            amounts::cpu,
            "write cores (2, 0.5, \"500m\") or millicores from 1000 up",
            found,
        );
    }
    if let Some(memory) = fields.field("memory") {
        resources.memory_bytes = amount(
            &memory,
            amounts::memory,
            "write 512Mi, 2Gi, 500M or a number of bytes",
            found,
        );
    }
    resources
}

fn amount<T>(
    field: &Field<'_>,
    read: fn(&str) -> Option<T>,
    hint: &str,
    found: &mut Diagnostics,
) -> Option<T> {
    let text = match (&field.node.kind, field.node.plain()) {
        (
            Kind::Scalar(scalar),
            Some(Plain::Int(_) | Plain::Large(_) | Plain::Float(_) | Plain::Text(_)),
        ) => &scalar.text,
        _ => {
            field.wrong_kind("an amount", found);
            return None;
        }
    };
    let amount = read(text.trim());
    if amount.is_none() {
        found
            .error(
                codes::BAD_QUANTITY,
                field.node.at,
                format!("{}: `{text}` is not an amount", field.label),
            )
            .hint(hint);
    }
    amount
}
