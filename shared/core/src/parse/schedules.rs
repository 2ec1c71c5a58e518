//! `schedule` and `on`: what starts a workflow by itself.

use crate::definition::{Catchup, EventTrigger, Overlap, Schedule};
use crate::diagnostic::Diagnostics;
use crate::ids::WorkflowName;
use crate::run::RunStatus;
use crate::schedule::{Cron, Zone};
use crate::schema::SCHEDULE_KEYS;

use super::codes;
use super::fields::{Field, Fields};
use super::node::Kind;

/// A cron text, a map, or a list of maps.
pub(super) fn schedules(field: &Field<'_>, found: &mut Diagnostics) -> Vec<Schedule> {
    match &field.node.kind {
        Kind::List(_) => {
            let items = field.items(false, "a list", found).unwrap_or_default();
            items
                .iter()
                .filter_map(|item| schedule(item, found))
                .collect()
        }
        _ => schedule(field, found).into_iter().collect(),
    }
}

fn schedule(field: &Field<'_>, found: &mut Diagnostics) -> Option<Schedule> {
    let Kind::Map(_) = field.node.kind else {
        return Some(Schedule {
            cron: cron(field, found)?,
            timezone: "UTC".to_owned(),
            enabled: true,
            catchup: Catchup::default(),
            overlap: Overlap::default(),
        });
    };
    let fields = field.fields(SCHEDULE_KEYS, found)?;
    let pattern = fields
        .need("cron", "write {cron: \"30 2 * * *\"}", found)
        .and_then(|field| cron(&field, found));
    let timezone = match fields.field("timezone") {
        Some(field) => zone(&field, found),
        None => Some("UTC".to_owned()),
    };
    let enabled = fields
        .field("enabled")
        .and_then(|field| field.boolean(found));
    let catchup = fields.field("catchup").and_then(|field| {
        field.word(
            &[
                ("none", Catchup::None),
                ("latest", Catchup::Latest),
                ("all", Catchup::All),
            ],
            found,
        )
    });
    let overlap = fields.field("overlap").and_then(|field| {
        field.word(
            &[
                ("allow", Overlap::Allow),
                ("skip", Overlap::Skip),
                ("queue", Overlap::Queue),
                ("cancel", Overlap::Cancel),
            ],
            found,
        )
    });
    Some(Schedule {
        cron: pattern?,
        timezone: timezone?,
        enabled: enabled.unwrap_or(true),
        catchup: catchup.unwrap_or_default(),
        overlap: overlap.unwrap_or_default(),
    })
}

fn cron(field: &Field<'_>, found: &mut Diagnostics) -> Option<String> {
    let text = field.text(found)?;
    match Cron::parse(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            let bytes = |chars: usize| {
                text.char_indices()
                    .nth(chars)
                    .map_or(text.len(), |(at, _)| at)
            };
            let at = field
                .node
                .inside(bytes(error.offset), bytes(error.offset + error.width));
            found
                .error(
                    codes::BAD_CRON,
                    at,
                    format!("{}: {}", field.label, error.message),
                )
                .maybe_hint(error.hint);
            None
        }
    }
}

fn zone(field: &Field<'_>, found: &mut Diagnostics) -> Option<String> {
    let text = field.text(found)?;
    match Zone::parse(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            found
                .error(
                    codes::BAD_ZONE,
                    field.node.at,
                    format!("{}: {}", field.label, error.message),
                )
                .maybe_hint(error.hint);
            None
        }
    }
}

/// A map, or a list of maps; each with one of `object`, `message`, `workflow`.
pub(super) fn triggers(field: &Field<'_>, found: &mut Diagnostics) -> Vec<EventTrigger> {
    let items = field
        .items(true, "a map or a list of maps", found)
        .unwrap_or_default();
    let mut triggers = Vec::new();
    for item in items {
        let Some(fields) = item.fields(&["object", "message", "workflow"], found) else {
            continue;
        };
        if fields.entries().is_empty() {
            found
                .error(
                    codes::MISSING_KEY,
                    item.node.at,
                    format!("{} says not what it waits for", item.label),
                )
                .hint("write {object: …}, {message: …} or {workflow: …}");
        }
        for (key, node) in fields.entries() {
            let one = Field {
                label: format!("`{}` of {}", key.text, item.label),
                key_at: key.at,
                node,
            };
            triggers.extend(match key.text.as_str() {
                "object" => object(&one, found),
                "message" => message(&one, found),
                "workflow" => workflow(&one, found),
                _ => None,
            });
        }
    }
    triggers
}

fn object(field: &Field<'_>, found: &mut Diagnostics) -> Option<EventTrigger> {
    let fields = field.fields(&["bucket", "prefix", "suffix"], found)?;
    let bucket = fields
        .need("bucket", "write {bucket: name}", found)
        .and_then(|field| field.text(found));
    let text = |fields: &Fields<'_>, key: &str, found: &mut Diagnostics| {
        fields
            .field(key)
            .and_then(|field| field.text(found))
            .unwrap_or_default()
            .to_owned()
    };
    let (prefix, suffix) = (
        text(&fields, "prefix", found),
        text(&fields, "suffix", found),
    );
    Some(EventTrigger::Object {
        bucket: bucket?.to_owned(),
        prefix,
        suffix,
    })
}

fn message(field: &Field<'_>, found: &mut Diagnostics) -> Option<EventTrigger> {
    let fields = field.fields(&["topic"], found)?;
    let topic = fields
        .need("topic", "write {topic: name}", found)?
        .text(found)?
        .to_owned();
    Some(EventTrigger::Message { topic })
}

fn workflow(field: &Field<'_>, found: &mut Diagnostics) -> Option<EventTrigger> {
    let fields = field.fields(&["name", "status"], found)?;
    let name_field = fields.need("name", "write {name: other_workflow}", found);
    let name = name_field.and_then(|field| match WorkflowName::new(field.text(found)?) {
        Ok(name) => Some(name),
        Err(error) => {
            found.error(
                codes::BAD_NAME,
                field.node.at,
                format!("{}: {error}", field.label),
            );
            None
        }
    });
    let words: Vec<(&str, RunStatus)> = RunStatus::ALL
        .iter()
        .filter(|one| one.is_terminal())
        .map(|one| (one.as_str(), *one))
        .collect();
    let mut status = Vec::new();
    match fields.field("status") {
        Some(field) => {
            for item in field
                .items(true, "a list of statuses", found)
                .unwrap_or_default()
            {
                if let Some(one) = item.word(&words, found)
                    && !status.contains(&one)
                {
                    status.push(one);
                }
            }
        }
        None => status.push(RunStatus::Success),
    }
    Some(EventTrigger::Workflow {
        name: name?,
        status,
    })
}
