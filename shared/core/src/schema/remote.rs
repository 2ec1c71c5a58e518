//! The keys of tasks that have no worker: jobs of other services, requests, sensors.

use serde_json::json;

use super::executors::{METHODS, WRITES};
use super::{described, object, part, requiring, text};
use crate::Value;

/// Headers of a request.
pub(super) fn headers() -> Value {
    let secret = json!({
        "type": "object",
        "properties": { "secret": part("secret_name") },
        "required": ["secret"],
        "additionalProperties": false,
    });
    let value = json!({ "anyOf": [{ "type": ["string", "number", "boolean"] }, secret] });
    json!({ "type": "object", "additionalProperties": value })
}

pub(super) fn properties() -> Vec<(&'static str, Value)> {
    let map = |title: &str, description: &str| {
        described(title, description, json!({ "type": ["object", "string"] }))
    };
    vec![
        (
            "query",
            text(
                "Query",
                "GoogleSQL for BigQuery; may hold templates, values belong into `params`.",
            ),
        ),
        (
            "location",
            text("Location", "Where the query runs, such as EU."),
        ),
        (
            "destination",
            text(
                "Destination",
                "Table for the result: dataset.table or project.dataset.table.",
            ),
        ),
        (
            "write",
            described(
                "Write",
                "What becomes of rows that the destination has.",
                json!({ "enum": WRITES }),
            ),
        ),
        (
            "params",
            map(
                "Query parameters",
                "Values of @name in the query; may hold templates.",
            ),
        ),
        (
            "dry_run",
            described(
                "Dry run",
                "Only says how much the query would read.",
                json!({ "type": ["boolean", "string"], "default": false }),
            ),
        ),
        (
            "maximum_bytes_billed",
            described(
                "Maximum bytes billed",
                "A query that would be billed for more fails.",
                json!({ "type": ["integer", "string"], "minimum": 1 }),
            ),
        ),
        ("labels", map("Labels", "Labels of the job, for bills.")),
        ("region", text("Region", "Google Cloud region of the job.")),
        (
            "args",
            described(
                "Arguments",
                "Arguments of the container instead of the job's own.",
                json!({ "type": ["array", "string"], "items": { "type": "string" } }),
            ),
        ),
        (
            "service_account",
            text(
                "Service account",
                "Whose rights the container of `image` has, by its e-mail address.",
            ),
        ),
        (
            "container",
            text(
                "Container",
                "The container that gets `args` and `env`, when the job has several.",
            ),
        ),
        (
            "task_count",
            described(
                "Task count",
                "How many tasks the execution has instead of the job's own number.",
                json!({ "type": ["integer", "string"], "minimum": 1, "maximum": 10_000 }),
            ),
        ),
        (
            "cluster",
            text("Cluster", "Dataproc cluster that the job runs on."),
        ),
        (
            "poll_interval",
            described(
                "Poll interval",
                "Pause between two questions about the job, 10 s when not stated.",
                part("duration"),
            ),
        ),
        ("success_status_codes", codes()),
        (
            "success_field",
            text(
                "Success field",
                "Field of the JSON answer that must be there, with dots between its parts.",
            ),
        ),
        (
            "success_value",
            described(
                "Success value",
                "What must stand there: a value, or a list of them.",
                json!({}),
            ),
        ),
        ("sensor", sensor()),
    ]
}

fn codes() -> Value {
    described(
        "Success status codes",
        "Status codes that are a success; 200 to 299 when not stated.",
        json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }, { "type": "array", "minItems": 1, "items": { "type": "integer", "minimum": 100, "maximum": 599 } }] }),
    )
}

/// A method, or a template that becomes one.
fn method() -> Value {
    described(
        "Method",
        "HTTP method, or a template that becomes one.",
        json!({ "anyOf": [{ "enum": METHODS }, { "type": "string", "pattern": "\\{\\{" }], "default": "GET" }),
    )
}

fn sensor() -> Value {
    let map =
        |title: &str, description: &str| described(title, description, json!({ "type": "object" }));
    let query = object(
        "Query",
        "Waits until the first value of the query's first row is something true.",
        vec![
            ("query", text("Query", "GoogleSQL; may hold templates.")),
            ("project", text("Project", "The project that runs it.")),
            ("location", text("Location", "Where it runs, such as EU.")),
            (
                "params",
                map("Query parameters", "Values of @name in the query."),
            ),
            (
                "maximum_bytes_billed",
                described(
                    "Maximum bytes billed",
                    "A look that would be billed for more fails.",
                    json!({ "type": ["integer", "string"], "minimum": 1 }),
                ),
            ),
            (
                "labels",
                map("Labels", "Labels of each look's job, for bills."),
            ),
        ],
    );
    let mut http = object(
        "Request",
        "Waits for an answer over HTTP; 404 means not yet.",
        vec![
            ("url", text("URL", "Where to ask; may hold templates.")),
            ("method", method()),
            (
                "headers",
                described(
                    "Headers",
                    "Headers of the request; each may name a secret: {secret: NAME}.",
                    json!({ "oneOf": [headers(), { "type": "string" }] }),
                ),
            ),
            ("body", described("Body", "Sent as JSON.", json!({}))),
            ("success_status_codes", codes()),
            (
                "success_field",
                text(
                    "Success field",
                    "Field of the JSON answer that must be there.",
                ),
            ),
            (
                "success_value",
                described("Success value", "What must stand there.", json!({})),
            ),
            (
                "failure_value",
                described(
                    "Failure value",
                    "What stands there when it came to nothing, so that the task fails: a value, or a list of them.",
                    json!({}),
                ),
            ),
        ],
    );
    http.insert(
        "dependentRequired".to_owned(),
        json!({ "success_value": ["success_field"], "failure_value": ["success_field"] }),
    );
    let workflow = object(
        "Workflow",
        "Waits for a run of another workflow that succeeds.",
        vec![
            ("name", text("Name", "The other workflow.")),
            (
                "slot",
                text(
                    "Slot",
                    "The slot of its run; that of this run when not stated.",
                ),
            ),
            (
                "within",
                described(
                    "Within",
                    "A run for a slot up to this much earlier will do, too.",
                    part("duration"),
                ),
            ),
        ],
    );
    let schema = object(
        "Sensor",
        "Waits, without a worker, for exactly one of these.",
        vec![
            (
                "object",
                described(
                    "Object",
                    "An object of Cloud Storage: gs://bucket/name.",
                    json!({ "type": "string", "pattern": "^gs://" }),
                ),
            ),
            (
                "bigquery",
                described(
                    "Query",
                    "A query whose first value becomes true.",
                    requiring(query, &["query"]),
                ),
            ),
            (
                "http",
                described("Request", "An answer over HTTP.", requiring(http, &["url"])),
            ),
            (
                "workflow",
                described(
                    "Workflow",
                    "A run of another workflow.",
                    json!({ "anyOf": [{ "type": "string" }, requiring(workflow, &["name"])] }),
                ),
            ),
            (
                "poll_interval",
                described(
                    "Poll interval",
                    "Pause between two looks, 10 s when not stated.",
                    part("duration"),
                ),
            ),
        ],
    );
    described(
        "Sensor",
        "Waits, without a worker, for exactly one of these.",
        Value::Object(schema),
    )
}
