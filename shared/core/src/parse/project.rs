//! `ork.yaml`: what the workflows of a folder share.

use std::collections::BTreeMap;

use crate::Value;
use crate::definition::Notification;
use crate::diagnostic::Diagnostics;
use crate::ids::PoolName;

use super::codes;
use super::executors;
use super::fields::{Field, Fields};
use super::node::{Kind, Node};
use super::notifications;
use crate::retention::Retention;
use crate::schema::{PROJECT_KEYS, RETENTION_KEYS};
use crate::time::Millis;

/// What `ork.yaml` says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Project {
    /// Pools and their places.
    pub pools: BTreeMap<String, u32>,
    /// Executors of the project's own.
    pub custom_executors: BTreeMap<String, CustomExecutor>,
    /// Worker profiles, as written.
    pub worker_profiles: BTreeMap<String, Value>,
    /// Whom runs of workflows tell that say nothing of it themselves.
    pub notifications: Vec<Notification>,
    /// How long runs are kept after their end.
    pub retention: Retention,
}

/// An executor of the project's own: a program that is given the task's specification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomExecutor {
    /// Program and arguments.
    pub command: Vec<String>,
    /// For people.
    pub description: Option<String>,
}

/// Reads a whole file.
pub(super) fn read(root: &Node, found: &mut Diagnostics) -> Project {
    let mut project = Project::default();
    let Some(top) = Fields::read(root, "ork.yaml".to_owned(), root.at, PROJECT_KEYS, found) else {
        return project;
    };
    for one in entries(&top, "pools", "pool", found) {
        if let Err(error) = PoolName::new(&one.name) {
            found.error(codes::BAD_NAME, one.field.key_at, error.to_string());
        }
        if let Some(size) = one.field.integer(1..=1_000_000, found) {
            project.pools.insert(one.name, size);
        }
    }
    for one in entries(&top, "executors", "executor", found) {
        if PoolName::new(&one.name).is_err() {
            let message = format!(
                "`{}` is not a name for an executor: a letter, then up to 62 letters, digits, `_` or `-`",
                one.name
            );
            found.error(codes::BAD_NAME, one.field.key_at, message);
        }
        if executors::is_word(&one.name) {
            found
                .error(
                    codes::BAD_NAME,
                    one.field.key_at,
                    format!("Ork has an executor `{}` of its own", one.name),
                )
                .hint("give yours another name");
        }
        if let Some(executor) = executor(&one.field, found) {
            project.custom_executors.insert(one.name, executor);
        }
    }
    for one in entries(&top, "workers", "worker profile", found) {
        if let Kind::Map(_) = one.field.node.kind {
            project
                .worker_profiles
                .insert(one.name, one.field.node.value(found));
        } else {
            one.field.wrong_kind("a map", found);
        }
    }
    if let Some(field) = top.field("notifications") {
        // It is for workflows of all kinds: it can know no params of theirs.
        project.notifications = notifications::read(&field, &[], found);
    }
    if let Some(field) = top.field("retention") {
        project.retention = retention(&field, found).unwrap_or_default();
    }
    project
}

/// The least that runs are kept, and the most that is taken for meant.
const KEPT: [Millis; 2] = [Millis::from_secs(1), Millis::from_secs(3_650 * 86_400)];

fn retention(field: &Field<'_>, found: &mut Diagnostics) -> Option<Retention> {
    let fields = field.fields(RETENTION_KEYS, found)?;
    if fields.entries().is_empty() {
        found
            .error(
                codes::WRONG_KIND,
                field.node.at,
                format!("{} must say how long runs are kept", field.label),
            )
            .hint("write {runs: 30d, failed_runs: 90d}, or leave it out to keep them for ever");
    }
    let mut span = |key: &str| {
        fields
            .field(key)
            .and_then(|field| field.duration_within(KEPT, found))
    };
    Some(Retention {
        runs: span("runs"),
        failed_runs: span("failed_runs"),
    })
}

struct Named<'n> {
    name: String,
    field: Field<'n>,
}

fn entries<'n>(top: &Fields<'n>, key: &str, what: &str, found: &mut Diagnostics) -> Vec<Named<'n>> {
    let Some(fields) = top.field(key).and_then(|field| field.open(found)) else {
        return Vec::new();
    };
    let named = fields.entries().iter().map(|(key, node)| Named {
        name: key.text.clone(),
        field: Field {
            label: format!("{what} `{}`", key.text),
            key_at: key.at,
            node,
        },
    });
    named.collect()
}

fn executor(field: &Field<'_>, found: &mut Diagnostics) -> Option<CustomExecutor> {
    let fields = field.fields(&["command", "description"], found)?;
    let description = fields
        .field("description")
        .and_then(|field| field.text(found))
        .map(str::to_owned);
    let command = fields.need("command", "write {command: [./run-it]}", found)?;
    let words = command.texts(found)?;
    if words.is_empty() {
        found.error(
            codes::WRONG_KIND,
            command.node.at,
            format!("{} must name a program", command.label),
        );
    }
    Some(CustomExecutor {
        command: words,
        description,
    })
}
