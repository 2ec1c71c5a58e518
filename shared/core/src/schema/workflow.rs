//! The top of a workflow file.

use serde_json::{Map, json};

use super::{described, object, part, requiring, text};
use crate::{Value, limits};

pub(super) fn schema() -> Map<String, Value> {
    let mut schema = object(
        "Ork workflow",
        "Tasks, what they wait for, and when they run.",
        vec![
            (
                "name",
                described(
                    "Name",
                    "Unique name of the workflow: a letter, then up to 62 letters, digits, `_` or `-`.",
                    part("name"),
                ),
            ),
            (
                "description",
                described("Description", "For people.", json!({ "type": "string" })),
            ),
            ("schedule", part("schedules")),
            ("on", part("triggers")),
            ("params", params()),
            ("types", types()),
            ("import", import()),
            ("defaults", part("defaults")),
            ("tasks", tasks()),
            (
                "deadline",
                described(
                    "Deadline",
                    "From a run's start to when it is failed with everything in flight stopped.",
                    part("duration"),
                ),
            ),
            (
                "max_active_runs",
                described(
                    "Active runs",
                    "Runs of this workflow that may be active together; further ones wait.",
                    json!({ "type": "integer", "minimum": 1 }),
                ),
            ),
            (
                "max_recovery_attempts",
                described(
                    "Recoveries",
                    "How often one run may be recovered.",
                    json!({ "type": "integer", "minimum": 0, "default": limits::MAX_RECOVERY_ATTEMPTS }),
                ),
            ),
            (
                "notifications",
                described(
                    "Notifications",
                    "Whom its runs tell of themselves. An empty list turns off those of ork.yaml.",
                    super::notifications::list(),
                ),
            ),
        ],
    );
    schema.insert("required".to_owned(), json!(["name", "tasks"]));
    schema
}

fn tasks() -> Value {
    json!({
        "title": "Tasks",
        "description": "The tasks by name.",
        "type": "object",
        "propertyNames": part("name"),
        "additionalProperties": { "anyOf": [part("task"), { "type": "null" }] },
        "minProperties": 1,
        "maxProperties": limits::TASKS,
    })
}

fn params() -> Value {
    json!({
        "title": "Params",
        "description": "Typed inputs of a run, given with `--param name=value`.",
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,63}$" },
        "additionalProperties": part("param"),
    })
}

fn types() -> Value {
    json!({
        "title": "Types",
        "description": "Names for types, used as `types.Name`. They may use each other, not themselves.",
        "type": "object",
        "propertyNames": part("name"),
        "additionalProperties": part("type"),
    })
}

fn import() -> Value {
    let dbt = object(
        "dbt project",
        "Each selected model becomes a task.",
        vec![
            (
                "dbt",
                text(
                    "Project folder",
                    "Folder of the dbt project, relative to this file.",
                ),
            ),
            (
                "models",
                described(
                    "Models",
                    "Selectors of models; all when absent.",
                    part("texts"),
                ),
            ),
        ],
    );
    json!({
        "title": "Imports",
        "description": "Other projects whose tasks join this workflow.",
        "type": "array",
        "items": requiring(dbt, &["dbt"]),
    })
}
