//! JSON Schema of workflow files, for editors, and of types, for whoever checks values elsewhere.

pub(crate) mod executors;
mod notifications;
mod parts;
mod project;
mod remote;
mod task;
mod types;
mod workflow;

use serde_json::{Map, json};

pub use project::{PROJECT_KEYS, RETENTION_KEYS, project_schema};
pub use types::type_schema;

use crate::Value;
use executors::OWN_KEYS;

/// Keys of a workflow file.
pub const WORKFLOW_KEYS: &[&str] = &[
    "name",
    "description",
    "schedule",
    "on",
    "params",
    "types",
    "import",
    "defaults",
    "tasks",
    "deadline",
    "max_active_runs",
    "max_recovery_attempts",
    "notifications",
];

/// Keys of a task: those of every task, and those that only some executors have.
pub const TASK_KEYS: &[&str] = &task_keys();

/// Keys of every task, whatever runs it.
const COMMON_KEYS: &[&str] = &[
    "description",
    "executor",
    "image",
    "worker",
    "config_file",
    "depends_on",
    "trigger",
    "on_failure",
    "when",
    "parallel",
    "foreach",
    "batch",
    "tolerate",
    "fail_fast",
    "concurrency",
    "inputs",
    "input",
    "input_type",
    "output_type",
    "retries",
    "timeout",
    "start_timeout",
    "heartbeat_timeout",
    "pool",
    "priority",
    "topic",
    "env",
    "secrets",
    "resources",
    "estimated_duration",
];

const fn task_keys() -> [&'static str; COMMON_KEYS.len() + OWN_KEYS.len()] {
    let mut all = [""; COMMON_KEYS.len() + OWN_KEYS.len()];
    let mut at = 0;
    while at < COMMON_KEYS.len() {
        all[at] = COMMON_KEYS[at];
        at += 1;
    }
    while at < all.len() {
        all[at] = OWN_KEYS[at - COMMON_KEYS.len()].0;
        at += 1;
    }
    all
}

/// Keys of a task that `defaults` may set for all of them.
pub const DEFAULTS_KEYS: &[&str] = &[
    "executor",
    "file",
    "module",
    "function",
    "isolation",
    "preload",
    "image",
    "project",
    "location",
    "region",
    "cluster",
    "labels",
    "worker",
    "config_file",
    "trigger",
    "on_failure",
    "tolerate",
    "fail_fast",
    "concurrency",
    "retries",
    "timeout",
    "start_timeout",
    "heartbeat_timeout",
    "pool",
    "priority",
    "topic",
    "env",
    "secrets",
    "resources",
];

/// Keys of a schedule written as a map.
pub const SCHEDULE_KEYS: &[&str] = &["cron", "timezone", "enabled", "catchup", "overlap"];

/// Keys of a param written as a map.
pub const PARAM_KEYS: &[&str] = &["type", "default", "description"];

/// Keys of a notification.
pub const NOTIFICATION_KEYS: &[&str] = &[
    "on",
    "late_after",
    "webhook",
    "slack",
    "email",
    "pubsub",
    "headers",
    "title",
    "body",
];

/// Those of them that say who is told, of which one has to be there.
pub const RECEIVER_KEYS: &[&str] = &["webhook", "slack", "email", "pubsub"];

/// Keys of `retries` written as a map.
pub const RETRY_KEYS: &[&str] = &["max", "delay", "backoff", "max_delay", "jitter", "on"];

/// The schema's name for editors; nothing is fetched.
const ID: &str = "urn:ork:workflow";

/// JSON Schema (draft 2020-12) of a workflow file, strict and shorter style alike.
pub fn workflow_schema() -> Value {
    let mut schema = workflow::schema();
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("$id".to_owned(), json!(ID));
    let mut defs = Map::new();
    defs.insert("task".to_owned(), Value::Object(task::schema()));
    defs.insert("defaults".to_owned(), Value::Object(task::defaults()));
    defs.extend(parts::all());
    schema.insert("$defs".to_owned(), Value::Object(defs));
    Value::Object(schema)
}

/// A closed object: exactly these properties, in the words editors show.
fn object(title: &str, description: &str, properties: Vec<(&str, Value)>) -> Map<String, Value> {
    let properties: Map<String, Value> = properties
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    let schema = json!({
        "title": title,
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    match schema {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// `schema` with a title and a description for the editor.
fn described(title: &str, description: &str, schema: Value) -> Value {
    let mut map = match schema {
        Value::Object(map) => map,
        other => return other,
    };
    map.insert("title".to_owned(), json!(title));
    map.insert("description".to_owned(), json!(description));
    Value::Object(map)
}

/// A text with a title and a description.
fn text(title: &str, description: &str) -> Value {
    described(title, description, json!({ "type": "string" }))
}

/// An object that must have these of its properties.
fn requiring(mut object: Map<String, Value>, required: &[&str]) -> Value {
    object.insert("required".to_owned(), json!(required));
    Value::Object(object)
}

/// A reference to a shared part.
fn part(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
        let found = schema
            .pointer(pointer)
            .and_then(Value::as_object)
            .expect(pointer);
        found.keys().cloned().collect()
    }

    fn listed(names: &[&str]) -> BTreeSet<String> {
        let set: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(set.len(), names.len(), "a key is listed twice in {names:?}");
        set
    }

    fn visit(value: &Value, look: &mut dyn FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(map) => {
                look(map);
                map.values().for_each(|inner| visit(inner, look));
            }
            Value::Array(items) => items.iter().for_each(|inner| visit(inner, look)),
            _ => {}
        }
    }

    #[test]
    fn the_listed_keys_are_the_keys_of_the_schema() {
        let schema = workflow_schema();
        for (pointer, names) in [
            ("/properties", WORKFLOW_KEYS),
            ("/$defs/task/properties", TASK_KEYS),
            ("/$defs/defaults/properties", DEFAULTS_KEYS),
            ("/$defs/schedule/properties", SCHEDULE_KEYS),
            ("/$defs/notification/properties", NOTIFICATION_KEYS),
            ("/$defs/param/anyOf/0/properties", PARAM_KEYS),
            ("/$defs/retries/anyOf/1/properties", RETRY_KEYS),
        ] {
            assert_eq!(keys(&schema, pointer), listed(names), "{pointer}");
        }
    }

    #[test]
    fn every_reference_of_the_schema_resolves_and_every_part_is_used() {
        let schema = workflow_schema();
        let mut used = BTreeSet::new();
        visit(&schema, &mut |map| {
            if let Some(reference) = map.get("$ref") {
                let text = reference.as_str().expect("a text");
                assert!(
                    schema.pointer(text.trim_start_matches('#')).is_some(),
                    "{text} points nowhere"
                );
                used.insert(text.trim_start_matches("#/$defs/").to_owned());
            }
        });
        assert_eq!(used, keys(&schema, "/$defs"));
    }

    #[test]
    fn objects_with_named_properties_are_closed_and_every_property_is_explained() {
        let schema = workflow_schema();
        let parts = schema
            .get("$defs")
            .and_then(Value::as_object)
            .expect("parts")
            .clone();
        let mut count = 0;
        visit(&schema, &mut |map| {
            let Some(Value::Object(properties)) = map.get("properties") else {
                return;
            };
            assert_eq!(
                map.get("additionalProperties"),
                Some(&Value::Bool(false)),
                "{:?}",
                map.get("title")
            );
            for name in map
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                assert!(
                    properties.contains_key(name.as_str().expect("a text")),
                    "{name} is required and unknown"
                );
            }
            for (name, property) in properties {
                let explained = property.get("description").is_some()
                    || property
                        .get("$ref")
                        .and_then(Value::as_str)
                        .is_some_and(|found| {
                            parts[found.trim_start_matches("#/$defs/")]
                                .get("description")
                                .is_some()
                        });
                assert!(
                    explained,
                    "`{name}` of {:?} has no description",
                    map.get("title")
                );
                count += 1;
            }
        });
        assert!(count > 100, "only {count} properties were seen");
    }
}
