//! The parts that several keys share: names, durations, types, bindings, schedules, retries.

use serde_json::{Map, json};

use super::{described, object, part, requiring, text};
use crate::Value;
use crate::run::{Category, RunStatus};
use crate::types::Type;

pub(super) const NAME: &str = "^[A-Za-z][A-Za-z0-9_-]{0,62}$";
const SECRET: &str = "^([A-Za-z_][A-Za-z0-9_]*|projects/[^/]+/secrets/[^/]+/versions/[^/]+)$";
/// Units come once each, the largest first; a look-ahead keeps the empty text out.
const DURATION: &str =
    "^(?=.*[0-9])([0-9]+|([0-9]+d ?)?([0-9]+h ?)?([0-9]+m ?)?([0-9]+s ?)?([0-9]+ms)?)$";

pub(super) fn all() -> Map<String, Value> {
    let parts = [
        (
            "name",
            json!({ "description": "A letter, then up to 62 letters, digits, `_` or `-`.", "type": "string", "pattern": NAME }),
        ),
        (
            "texts",
            json!({ "type": "array", "items": { "type": "string" } }),
        ),
        ("duration", duration()),
        (
            "memory",
            json!({ "type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|K|k|M|G|T)?$" }),
        ),
        ("type", kind()),
        ("path", path()),
        ("expression", expression()),
        ("secret_name", secret_name()),
        ("binding", binding()),
        ("param", param()),
        ("schedule", schedule()),
        ("schedules", schedules()),
        ("triggers", triggers()),
        ("retries", retries()),
        ("notification", super::notifications::schema()),
    ];
    parts
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn duration() -> Value {
    json!({
        "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": DURATION }],
        "examples": [600, "90s", "5m", "1h30m"],
    })
}

/// A type as a file writes it.
fn kind() -> Value {
    let named: Vec<&str> = Type::BUILTIN_NAMES.to_vec();
    let spelled = format!(
        "^\\s*((({})|types\\.[A-Za-z][A-Za-z0-9_-]*)\\?*|(map|enum)\\[.*\\]\\?*|\\[.*\\]\\?*|\\{{.*\\}}\\?*)\\s*$",
        named.join("|")
    );
    json!({
        "title": "Type",
        "description": "A builtin, `types.Name`, `T?`, `[T]`, `map[T]`, `enum[a, b]` or an object of fields.",
        "anyOf": [
            { "enum": named },
            { "type": "string", "pattern": spelled },
            { "type": "array", "items": part("type"), "minItems": 1, "maxItems": 1 },
            { "type": "object", "additionalProperties": part("type") },
        ],
    })
}

fn path() -> Value {
    json!({
        "title": "Path",
        "description": "`tasks.<task>.output[.<field>…]`, `tasks.<task>.status`, `params.<name>`, `run.<field>`, `item`, `item.index`.",
        "type": "string",
        "examples": ["tasks.extract.output", "params.day", "run.slot", "item"],
    })
}

fn expression() -> Value {
    json!({
        "title": "Expression",
        "description": "A Jinja expression over tasks, params, run, item and slot.",
        "type": "string",
        "examples": ["tasks.extract.output.rows > 0", "params.day == slot | date"],
    })
}

fn secret_name() -> Value {
    json!({
        "title": "Secret",
        "description": "`projects/P/secrets/S/versions/latest`, or the name of an environment variable. Its value is never stored.",
        "type": "string",
        "pattern": SECRET,
    })
}

fn binding() -> Value {
    let mut schema = object(
        "Binding",
        "Where the value comes from: exactly one of `const`, `ref`, `expr` and `secret`.",
        vec![
            (
                "const",
                described("Constant", "Always this value.", json!({})),
            ),
            ("ref", part("path")),
            ("expr", part("expression")),
            ("secret", part("secret_name")),
        ],
    );
    schema.insert("minProperties".to_owned(), json!(1));
    schema.insert("maxProperties".to_owned(), json!(1));
    Value::Object(schema)
}

fn param() -> Value {
    let schema = object(
        "Param",
        "A typed input of a run.",
        vec![
            ("type", part("type")),
            (
                "default",
                described(
                    "Default",
                    "Its value when none is given; a template may use `slot` and `run`. Without it the param is required.",
                    json!({}),
                ),
            ),
            ("description", text("Description", "For people.")),
        ],
    );
    let schema = requiring(schema, &["type"]);
    json!({
        "title": "Param",
        "description": "A typed input of a run: its type alone, or with a default.",
        "anyOf": [schema, { "type": ["string", "array"], "allOf": [part("type")] }],
    })
}

fn schedule() -> Value {
    let schema = object(
        "Schedule",
        "When the workflow runs by itself.",
        vec![
            (
                "cron",
                text(
                    "Cron",
                    "Five fields (minute, hour, day of month, month, day of week) or a macro such as `@daily`.",
                ),
            ),
            (
                "timezone",
                described(
                    "Time zone",
                    "IANA name.",
                    json!({ "type": "string", "default": "UTC", "examples": ["Europe/Paris"] }),
                ),
            ),
            (
                "enabled",
                described(
                    "Enabled",
                    "Whether it fires.",
                    json!({ "type": "boolean", "default": true }),
                ),
            ),
            (
                "catchup",
                described(
                    "Catch-up",
                    "What happens to slots that were missed.",
                    json!({ "enum": ["none", "latest", "all"], "default": "latest" }),
                ),
            ),
            (
                "overlap",
                described(
                    "Overlap",
                    "What a due slot does while a run is active.",
                    json!({ "enum": ["allow", "skip", "queue", "cancel"], "default": "allow" }),
                ),
            ),
        ],
    );
    requiring(schema, &["cron"])
}

fn schedules() -> Value {
    json!({
        "title": "Schedule",
        "description": "A cron text, a schedule, or a list of schedules.",
        "anyOf": [
            { "type": "string", "examples": ["30 2 * * *", "@daily"] },
            part("schedule"),
            { "type": "array", "items": { "anyOf": [{ "type": "string" }, part("schedule")] } },
        ],
    })
}

fn triggers() -> Value {
    let bucket = object(
        "Object",
        "An object appeared in a bucket.",
        vec![
            ("bucket", text("Bucket", "Name of the bucket.")),
            ("prefix", text("Prefix", "Start of the object's name.")),
            ("suffix", text("Suffix", "End of the object's name.")),
        ],
    );
    let message = object(
        "Message",
        "A message arrived.",
        vec![("topic", text("Topic", "Name of the topic."))],
    );
    let statuses: Vec<&str> = RunStatus::ALL
        .iter()
        .filter(|status| status.is_terminal())
        .map(|status| status.as_str())
        .collect();
    let status = json!({ "anyOf": [{ "enum": statuses }, { "type": "array", "items": { "enum": statuses } }] });
    let workflow = object(
        "Workflow",
        "A run of another workflow ended.",
        vec![
            ("name", part("name")),
            (
                "status",
                described(
                    "Status",
                    "The ends that count; success when absent.",
                    status,
                ),
            ),
        ],
    );
    let mut one = object(
        "Trigger",
        "What starts the workflow besides its schedule.",
        vec![
            ("object", requiring(bucket, &["bucket"])),
            ("message", requiring(message, &["topic"])),
            ("workflow", requiring(workflow, &["name"])),
        ],
    );
    one.insert("minProperties".to_owned(), json!(1));
    json!({ "title": "Triggers", "description": "What starts the workflow besides its schedule.", "anyOf": [one, { "type": "array", "items": one }] })
}

fn retries() -> Value {
    let categories: Vec<&str> = Category::ALL
        .iter()
        .filter(|category| **category != Category::Permanent)
        .map(|category| category.as_str())
        .collect();
    let map = object(
        "Retries",
        "What happens after a failed attempt.",
        vec![
            (
                "max",
                described(
                    "Retries",
                    "Attempts after the first.",
                    json!({ "type": "integer", "minimum": 0, "maximum": 1000 }),
                ),
            ),
            (
                "delay",
                described("Delay", "Pause before the first retry.", part("duration")),
            ),
            (
                "backoff",
                described(
                    "Back-off",
                    "How the pause grows.",
                    json!({ "enum": ["fixed", "exponential"], "default": "exponential" }),
                ),
            ),
            (
                "max_delay",
                described("Longest delay", "Cap of a growing pause.", part("duration")),
            ),
            (
                "jitter",
                described(
                    "Jitter",
                    "Draw the pause evenly from zero to itself.",
                    json!({ "type": "boolean" }),
                ),
            ),
            (
                "on",
                described(
                    "Categories",
                    "The failures that are retried; all but permanent when absent.",
                    json!({ "anyOf": [{ "enum": categories }, { "type": "array", "items": { "enum": categories } }] }),
                ),
            ),
        ],
    );
    let map = requiring(map, &["max"]);
    json!({
        "title": "Retries",
        "description": "A number of retries, or how they are made.",
        "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 1000 }, map],
    })
}
