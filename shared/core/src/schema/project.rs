//! The schema of `ork.yaml`.

use serde_json::{Map, json};

use super::{described, object, part, parts, requiring, text};
use crate::Value;

/// Keys of an `ork.yaml`.
pub const PROJECT_KEYS: &[&str] = &[
    "pools",
    "executors",
    "workers",
    "notifications",
    "retention",
];

/// Keys of `retention`.
pub const RETENTION_KEYS: &[&str] = &["runs", "failed_runs"];

/// The schema's name for editors; nothing is fetched.
const ID: &str = "urn:ork:project";

/// JSON Schema (draft 2020-12) of an `ork.yaml`.
pub fn project_schema() -> Value {
    let mut schema = object(
        "Ork settings",
        "What the workflows of a folder share.",
        vec![
            (
                "pools",
                by_name(
                    "Pools",
                    "How many places each pool has, for the tasks of all runs together.",
                    json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 }),
                ),
            ),
            (
                "executors",
                by_name(
                    "Executors",
                    "Executors of your own: programs that are given the task's specification.",
                    executor(),
                ),
            ),
            (
                "workers",
                described(
                    "Worker profiles",
                    "Profiles that tasks may name as their `worker`.",
                    json!({ "type": "object", "additionalProperties": { "type": "object" } }),
                ),
            ),
            (
                "notifications",
                described(
                    "Notifications",
                    "Whom runs of workflows tell that say nothing of it themselves.",
                    super::notifications::list(),
                ),
            ),
            ("retention", retention()),
        ],
    );
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("$id".to_owned(), json!(ID));
    let shared = parts::all();
    let mut used = Map::new();
    // What is used may use others.
    loop {
        let text = json!([schema, used]).to_string();
        let is_new =
            |name: &String| text.contains(&format!("#/$defs/{name}\"")) && !used.contains_key(name);
        let Some(name) = shared.keys().find(|name| is_new(name)) else {
            break;
        };
        used.insert(name.clone(), shared[name].clone());
    }
    schema.insert("$defs".to_owned(), Value::Object(used));
    Value::Object(schema)
}

fn by_name(title: &str, description: &str, each: Value) -> Value {
    let schema = json!({
        "type": "object",
        "propertyNames": { "pattern": parts::NAME },
        "additionalProperties": each,
    });
    described(title, description, schema)
}

fn executor() -> Value {
    let schema = object(
        "Executor",
        "A program that runs tasks.",
        vec![
            (
                "command",
                described("Command", "Program and arguments.", part("texts")),
            ),
            ("description", text("Description", "For people.")),
        ],
    );
    requiring(schema, &["command"])
}

fn retention() -> Value {
    let mut schema = object(
        "Retention",
        "How long runs are kept after their end; without it for ever.",
        vec![
            ("runs", described("Runs", "Any run: 30d.", part("duration"))),
            (
                "failed_runs",
                described(
                    "Failed runs",
                    "Runs that failed: 90d; as `runs` when left out.",
                    part("duration"),
                ),
            ),
        ],
    );
    schema.insert("minProperties".to_owned(), json!(1));
    Value::Object(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listed_keys_are_the_keys_of_the_schema() {
        let schema = project_schema();
        for (pointer, names) in [
            ("/properties", PROJECT_KEYS),
            ("/properties/retention/properties", RETENTION_KEYS),
        ] {
            let found = schema.pointer(pointer).and_then(Value::as_object);
            let mut found: Vec<&str> = found.expect(pointer).keys().map(String::as_str).collect();
            let mut names = names.to_vec();
            found.sort_unstable();
            names.sort_unstable();
            assert_eq!(found, names, "{pointer}");
        }
        for used in ["duration", "texts", "notification", "secret_name"] {
            assert!(schema["$defs"][used].is_object(), "{used}");
        }
    }
}
