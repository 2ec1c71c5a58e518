//! The keys of a task.

use serde_json::{Map, json};

use super::executors::{EXECUTORS, METHODS};
use super::{DEFAULTS_KEYS, described, object, part, requiring, text};
use crate::{Value, limits};

pub(super) fn schema() -> Map<String, Value> {
    object(
        "Task",
        "A node of the graph. Without an executor it is a marker that is done as soon as it is ready.",
        properties(),
    )
}

/// The task keys that make sense for all tasks together.
pub(super) fn defaults() -> Map<String, Value> {
    let chosen = properties()
        .into_iter()
        .filter(|(name, _)| DEFAULTS_KEYS.contains(name))
        .collect();
    object(
        "Defaults",
        "Applies to every task that does not say otherwise.",
        chosen,
    )
}

fn properties() -> Vec<(&'static str, Value)> {
    let mut all = what_runs();
    all.extend(super::remote::properties());
    all.extend(graph());
    all.extend(values());
    all.extend(limits_and_places());
    all
}

fn what_runs() -> Vec<(&'static str, Value)> {
    let words: Vec<&str> = EXECUTORS.iter().map(|(word, _)| *word).collect();
    let run_as = {
        let schema = object(
            "Sub-workflow",
            "Starts another workflow and waits for it.",
            vec![("workflow", part("name"))],
        );
        let schema = requiring(schema, &["workflow"]);
        described(
            "Sub-workflow",
            "Starts another workflow and waits for it.",
            json!({ "anyOf": [schema, { "type": "string", "pattern": "^(workflow: *)?[A-Za-z][A-Za-z0-9_-]{0,62}$" }] }),
        )
    };
    vec![
        ("description", text("Description", "For people.")),
        (
            "executor",
            described(
                "Executor",
                "What runs the task: one of these, or one declared in `ork.yaml`.",
                json!({ "anyOf": [{ "enum": words }, { "type": "string" }] }),
            ),
        ),
        (
            "file",
            text(
                "File",
                "Python file, script, shared object or SQL file, relative to the workflow file.",
            ),
        ),
        (
            "module",
            text("Module", "Importable Python module, instead of `file`."),
        ),
        (
            "function",
            described(
                "Function",
                "Function in the file or module.",
                json!({ "type": "string", "default": "main" }),
            ),
        ),
        (
            "isolation",
            described(
                "Isolation",
                "A fresh process for each attempt, or one that serves many attempts of the workflow.",
                json!({ "enum": ["process", "reuse"], "default": "process" }),
            ),
        ),
        (
            "preload",
            described(
                "Preload",
                "Import the module once before processes are forked. Not for modules whose import starts threads.",
                json!({ "type": "boolean", "default": false }),
            ),
        ),
        (
            "command",
            described(
                "Command",
                "One text for a shell, or a program and its arguments; may hold templates.",
                json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": ["string", "number", "boolean"] }, "minItems": 1 }] }),
            ),
        ),
        ("image", text("Image", "Container image.")),
        (
            "job",
            described(
                "Job",
                "An existing Cloud Run job, or what a Dataproc cluster is to run.",
                json!({ "type": ["string", "object"] }),
            ),
        ),
        (
            "url",
            text("URL", "Where the request goes; may hold templates."),
        ),
        (
            "method",
            described(
                "Method",
                "HTTP method.",
                json!({ "enum": METHODS, "default": "GET" }),
            ),
        ),
        (
            "headers",
            described(
                "Headers",
                "Headers of the request; may hold templates, or name a secret: {secret: NAME}.",
                super::remote::headers(),
            ),
        ),
        (
            "body",
            described(
                "Body",
                "Sent as JSON; its texts may hold templates.",
                json!({}),
            ),
        ),
        (
            "project",
            text(
                "Project",
                "Google Cloud project of the job; for dbt, the folder of its project, relative to the workflow file.",
            ),
        ),
        (
            "models",
            described("Models", "dbt selectors.", part("texts")),
        ),
        ("run_as", run_as),
        ("worker", text("Worker", "Worker profile from `ork.yaml`.")),
        (
            "config_file",
            text("Config file", "Settings file of a custom executor."),
        ),
    ]
}

fn graph() -> Vec<(&'static str, Value)> {
    let reference = json!({
        "anyOf": [
            { "type": "string" },
            { "type": "object", "additionalProperties": false, "required": ["ref"], "properties": { "ref": part("path") } },
        ],
    });
    let count = |max: u32| json!({ "type": "integer", "minimum": 1, "maximum": max });
    vec![
        (
            "depends_on",
            described(
                "Depends on",
                "The tasks that must end first.",
                json!({ "anyOf": [part("name"), { "type": "array", "items": part("name"), "uniqueItems": true }] }),
            ),
        ),
        (
            "trigger",
            described(
                "Trigger rule",
                "How the ends of `depends_on` decide whether the task runs.",
                json!({ "enum": ["all_success", "all_done", "one_success", "one_failed", "none_failed", "always"], "default": "all_success" }),
            ),
        ),
        (
            "on_failure",
            described(
                "On failure",
                "Older spelling: `run` runs the task even though an upstream failed.",
                json!({ "enum": ["run", "skip"] }),
            ),
        ),
        (
            "when",
            described(
                "When",
                "Skips the task when it evaluates to false.",
                json!({ "anyOf": [part("expression"), { "type": "boolean" }] }),
            ),
        ),
        (
            "parallel",
            described(
                "Parallel",
                "A number of instances, or a reference to one.",
                json!({ "anyOf": [count(limits::INSTANCES_PER_TASK), reference] }),
            ),
        ),
        (
            "foreach",
            described(
                "For each",
                "A reference to a list: one instance per item, with `item` in its input.",
                reference,
            ),
        ),
        (
            "batch",
            described(
                "Batch",
                "Items of `foreach` per instance; `item` is then a list. For Dataproc, a job without a cluster.",
                json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "object" }] }),
            ),
        ),
        (
            "tolerate",
            described(
                "Tolerate",
                "How many instances may fail, as a number or a share, while the task still succeeds.",
                json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^(100(\\.0{1,2})?|[0-9]{1,2}(\\.[0-9]{1,2})?) ?%$" }] }),
            ),
        ),
        (
            "fail_fast",
            described(
                "Fail fast",
                "Once more instances have failed than `tolerate` allows, those that are left are cancelled, and their jobs stopped.",
                json!({ "type": "boolean" }),
            ),
        ),
        (
            "concurrency",
            described(
                "Concurrency",
                "Instances in flight at most.",
                json!({ "type": "integer", "minimum": 1 }),
            ),
        ),
    ]
}

fn values() -> Vec<(&'static str, Value)> {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    let secret = {
        let schema = object(
            "Secret",
            "A secret mounted as a variable or file.",
            vec![
                ("name", text("Name", "Name of the variable or file.")),
                ("secret", part("secret_name")),
                (
                    "path",
                    text("Path", "Where the file goes; a variable when absent."),
                ),
            ],
        );
        requiring(schema, &["name", "secret"])
    };
    vec![
        (
            "inputs",
            described(
                "Inputs",
                "Named values, each a binding.",
                json!({ "type": "object", "additionalProperties": part("binding") }),
            ),
        ),
        (
            "input",
            described(
                "Input",
                "Free values with `{{ task.field }}` templates.",
                json!({ "type": "object" }),
            ),
        ),
        (
            "input_type",
            described(
                "Input type",
                "The type of the inputs as a whole.",
                part("type"),
            ),
        ),
        (
            "output_type",
            described(
                "Output type",
                "The type of what one instance returns.",
                part("type"),
            ),
        ),
        (
            "env",
            described(
                "Environment",
                "Environment variables: literals, templates or `{secret: …}`.",
                json!({ "type": "object", "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }, "additionalProperties": { "anyOf": [scalar, part("binding")] } }),
            ),
        ),
        (
            "secrets",
            described(
                "Secrets",
                "Secrets mounted as variables or files.",
                json!({ "type": "array", "items": secret }),
            ),
        ),
    ]
}

fn limits_and_places() -> Vec<(&'static str, Value)> {
    let resources = object(
        "Resources",
        "Cores and memory of one attempt.",
        vec![
            (
                "cpu",
                described(
                    "CPU",
                    "Cores, or thousandths of a core from 1000 up.",
                    json!({ "anyOf": [{ "type": "number", "exclusiveMinimum": 0 }, { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?m?$" }] }),
                ),
            ),
            (
                "memory",
                described("Memory", "Such as 512Mi or 2Gi.", part("memory")),
            ),
        ],
    );
    vec![
        ("retries", part("retries")),
        (
            "timeout",
            described(
                "Timeout",
                "Start to end of an attempt: seconds, or such as 5m.",
                part("duration"),
            ),
        ),
        (
            "start_timeout",
            described(
                "Start timeout",
                "Hand-over to start of an attempt.",
                part("duration"),
            ),
        ),
        (
            "heartbeat_timeout",
            described(
                "Heartbeat timeout",
                "Silence of a remote worker before it counts as lost.",
                part("duration"),
            ),
        ),
        (
            "pool",
            described("Pool", "Places shared with other runs.", part("name")),
        ),
        (
            "priority",
            described(
                "Priority",
                "Higher goes first among ready tasks.",
                json!({ "type": "integer", "default": 0 }),
            ),
        ),
        ("topic", text("Topic", "Which workers take the task.")),
        ("resources", Value::Object(resources)),
        (
            "estimated_duration",
            described(
                "Estimated duration",
                "What you expect it to take; feeds the remaining time shown.",
                part("duration"),
            ),
        ),
    ]
}
