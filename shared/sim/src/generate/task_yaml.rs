//! The keys of one task.

use ork_core::Value;
use ork_core::definition::{Tolerate, TriggerRule};
use serde_json::{Map, json};

use super::plan::WorkflowPlan;
use super::render::CUSTOM_EXECUTOR;
use super::source::{Bind, How, Over, Source, Spelling, Times, expression, path, task_path};
use super::task_plan::{Inputs, Kind, RetryPlan, RetryPolicyPlan, TaskExtra, TaskPlan};

type Keys = Vec<(&'static str, Value)>;

/// Every key a task has, in the order they are written.
pub(super) fn keys(plan: &WorkflowPlan, task: &TaskPlan) -> Keys {
    let mut keys = executor(task);
    let mut put = |key: &'static str, value: Option<Value>| {
        keys.extend(value.map(|value| (key, value)));
    };
    let names: Vec<&str> = task
        .depends_on
        .iter()
        .map(|above| plan.tasks[*above].name.as_str())
        .collect();
    put("depends_on", (!names.is_empty()).then(|| json!(names)));
    match (task.trigger, task.older_trigger) {
        (TriggerRule::AllDone, true) => put("on_failure", Some(json!("run"))),
        (TriggerRule::AllSuccess, true) => put("on_failure", Some(json!("skip"))),
        // Where the default is another rule, this one must be said.
        (TriggerRule::AllSuccess, false) if plan.defaults.trigger.is_none() => {}
        (rule, _) => put("trigger", Some(json!(trigger_word(rule)))),
    }
    put(
        "when",
        task.when.as_ref().map(|when| match when.text(plan) {
            text if text == "true" => json!(true),
            text if text == "false" => json!(false),
            text => json!(text),
        }),
    );
    put(
        "foreach",
        task.foreach.as_ref().map(|foreach| {
            let (root, fields) = match &foreach.over {
                Over::Output(above) => (Ok(*above), ""),
                Over::Files(above) => (Ok(*above), ".files"),
                Over::Param(name) => (Err(name.as_str()), ""),
            };
            spelled(plan, root, fields, foreach.spelled)
        }),
    );
    put(
        "parallel",
        task.parallel
            .as_ref()
            .map(|parallel| match &parallel.times {
                Times::Fixed(n) => json!(n),
                Times::Output(above) => spelled(plan, Ok(*above), "", parallel.spelled),
                Times::Param(name) => spelled(plan, Err(name), "", parallel.spelled),
            }),
    );
    put("batch", task.batch.map(Value::from));
    put(
        "tolerate",
        match task.tolerate {
            Tolerate::None => None,
            Tolerate::Count(count) => Some(json!(count)),
            Tolerate::BasisPoints(points) => Some(json!(format!("{}%", f64::from(points) / 100.0))),
        },
    );
    put("concurrency", task.concurrency.map(Value::from));
    put(
        "retries",
        match &task.retries {
            RetryPlan::None => None,
            RetryPlan::Number(max) => Some(json!(max)),
            RetryPlan::Policy(policy) => Some(retries(policy)),
        },
    );
    put("timeout", task.timeout.map(Value::from));
    put("start_timeout", task.start_timeout.map(seconds));
    put("heartbeat_timeout", task.heartbeat_timeout.map(seconds));
    put("pool", task.pool.as_deref().map(Value::from));
    put("priority", task.priority.map(Value::from));
    put("topic", task.topic.as_deref().map(Value::from));
    inputs(plan, task, &mut put);
    put(
        "env",
        (!task.env.is_empty()).then(|| {
            json!(Map::from_iter(task.env.iter().map(|bind| (
                bind.name.clone(),
                match bind.how {
                    How::Ref | How::Expr => binding(plan, bind),
                    How::Template | How::Inside => free(plan, bind),
                }
            ))))
        }),
    );
    put(
        "output_type",
        task.typed_output.then(|| plan.output_type(task)),
    );
    for extra in &task.extras {
        let (key, value) = extra_key(*extra);
        put(key, Some(value));
    }
    if matches!(
        task.kind,
        Kind::Http | Kind::Query | Kind::Execution | Kind::OwnJob | Kind::Sensor
    ) {
        let own = task.kind == Kind::OwnJob;
        keys.retain(|(key, _)| !OF_WORKERS.contains(key) || (own && *key == "image"));
    }
    keys
}

/// What is about a worker, and refused where there is none.
const OF_WORKERS: [&str; 12] = [
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
    "secrets",
];

/// The word of a trigger rule.
pub(super) const fn trigger_word(rule: TriggerRule) -> &'static str {
    match rule {
        TriggerRule::AllSuccess => "all_success",
        TriggerRule::AllDone => "all_done",
        TriggerRule::OneSuccess => "one_success",
        TriggerRule::OneFailed => "one_failed",
        TriggerRule::NoneFailed => "none_failed",
        TriggerRule::Always => "always",
    }
}

fn executor(task: &TaskPlan) -> Keys {
    let name = &task.name;
    match &task.kind {
        Kind::Marker => vec![],
        Kind::Command => vec![(
            "command",
            json!(format!("./{name} --try {{{{ run.attempt }}}}")),
        )],
        Kind::Workflow(child) => vec![("run_as", json!({ "workflow": child }))],
        Kind::Program => vec![("command", json!(["./run", name, "{{ run.id }}", 7, ""]))],
        Kind::Script => vec![
            ("executor", json!("shell")),
            ("file", json!(format!("{name}.sh"))),
        ],
        Kind::Python => vec![("file", json!("tasks.py")), ("function", json!(name))],
        Kind::PythonReuse => vec![
            ("executor", json!("python")),
            ("module", json!("acme.tasks")),
            ("isolation", json!("reuse")),
            ("preload", json!(true)),
        ],
        Kind::Http => vec![
            ("url", json!("https://example.com/{{ run.id }}")),
            ("method", json!("POST")),
            ("headers", json!({ "X-Run": "{{ run.id }}", "X-Fixed": 1 })),
            ("body", json!({ "slot": "{{ run.slot }}", "rows": [1, 2] })),
        ],
        Kind::Query => vec![
            ("executor", json!("bigquery")),
            ("query", json!(format!("SELECT '{name}'"))),
            ("params", json!({ "slot": "{{ run.slot }}" })),
            ("project", json!("acme-data")),
        ],
        Kind::Execution => vec![
            ("executor", json!("cloudrun")),
            ("job", json!("nightly")),
            ("region", json!("europe-west1")),
            ("args", json!(["{{ run.id }}"])),
        ],
        Kind::OwnJob => vec![
            ("executor", json!("cloudrun")),
            ("image", json!(format!("example/{name}:1"))),
            ("region", json!("europe-west1")),
            ("poll_interval", json!("5s")),
        ],
        Kind::Sensor => vec![(
            "sensor",
            json!({ "object": "gs://acme/{{ run.id }}", "poll_interval": "30s" }),
        )],
        Kind::CloudRun => vec![("executor", json!("cloudrun")), ("job", json!("nightly"))],
        Kind::CloudRunImage => vec![
            ("executor", json!("cloud_run")),
            ("image", json!("example/job:1")),
            ("command", json!(["run", "{{ parallel_index }}"])),
        ],
        Kind::Docker => vec![("executor", json!("docker")), ("image", json!("alpine:3"))],
        Kind::Kubernetes => vec![
            ("executor", json!("kubernetes")),
            ("image", json!("alpine:3")),
            ("command", json!("echo {{ run.slot }}")),
        ],
        Kind::Library => vec![
            ("executor", json!("library")),
            ("file", json!("libtasks.so")),
            ("function", json!(name)),
        ],
        Kind::Service => vec![("executor", json!("service")), ("function", json!(name))],
        Kind::Dbt => vec![
            ("executor", json!("dbt")),
            ("project", json!("./models")),
            ("models", json!(["staging.*"])),
        ],
        Kind::Custom => vec![
            ("executor", json!(CUSTOM_EXECUTOR)),
            ("file", json!("job.scala")),
        ],
    }
}

/// A path to a task's output (`Ok`) or a param (`Err`) in one of its spellings.
fn spelled(
    plan: &WorkflowPlan,
    root: Result<usize, &str>,
    fields: &str,
    spelling: Spelling,
) -> Value {
    let path = match root {
        Err(param) => format!("params.{param}"),
        Ok(task) if spelling == Spelling::Name => format!("{}{fields}", plan.tasks[task].name),
        Ok(task) => format!("{}.output{fields}", task_path(plan, task)),
    };
    match spelling {
        Spelling::Name | Spelling::Path => json!(path),
        Spelling::Map => json!({ "ref": path }),
        Spelling::Template => json!(format!("{{{{ {path} }}}}")),
    }
}

/// Whole seconds, or minutes where they come out even.
fn seconds(seconds: u64) -> Value {
    if seconds.is_multiple_of(60) {
        json!(format!("{}m", seconds / 60))
    } else {
        json!(format!("{seconds}s"))
    }
}

fn retries(policy: &RetryPolicyPlan) -> Value {
    let mut entries = Map::from_iter([("max".to_owned(), json!(policy.max))]);
    let mut put = |key: &str, value: Option<Value>| {
        entries.extend(value.map(|value| (key.to_owned(), value)));
    };
    put("delay", policy.delay.map(seconds));
    put(
        "backoff",
        policy
            .exponential
            .map(|yes| json!(if yes { "exponential" } else { "fixed" })),
    );
    put("max_delay", policy.max_delay.map(seconds));
    put("jitter", policy.jitter.map(Value::from));
    let on: Vec<&str> = policy.on.iter().map(|one| one.as_str()).collect();
    put("on", (!on.is_empty()).then(|| json!(on)));
    Value::Object(entries)
}

fn inputs(plan: &WorkflowPlan, task: &TaskPlan, put: &mut impl FnMut(&'static str, Option<Value>)) {
    let all = |write: &dyn Fn(&Bind) -> Value| {
        let binds = task.inputs.binds().iter();
        json!(Map::from_iter(
            binds.map(|bind| (bind.name.clone(), write(bind)))
        ))
    };
    match &task.inputs {
        Inputs::None => {}
        Inputs::Strict { typed, .. } => {
            put(
                "input_type",
                typed.then(|| all(&|bind| plan.bind_type(task, bind))),
            );
            put("inputs", Some(all(&|bind| binding(plan, bind))));
        }
        Inputs::Planned(_) => put("input", Some(all(&|bind| free(plan, bind)))),
    }
}

/// `{const|ref|expr|secret: …}`.
fn binding(plan: &WorkflowPlan, bind: &Bind) -> Value {
    let Some(path) = path(plan, &bind.source) else {
        return match &bind.source {
            Source::Secret => {
                json!({ "secret": "projects/acme-data/secrets/token/versions/latest" })
            }
            literal => json!({ "const": literal_value(literal) }),
        };
    };
    match bind.how {
        How::Ref => json!({ "ref": path }),
        _ => json!({ "expr": expression(&bind.source, &path) }),
    }
}

/// A value that may hold templates.
fn free(plan: &WorkflowPlan, bind: &Bind) -> Value {
    match (path(plan, &bind.source), bind.how) {
        (None, _) if bind.source == Source::Secret => binding(plan, bind),
        (None, _) => literal_value(&bind.source),
        (Some(path), How::Inside) => json!(format!("it is {{{{ {path} }}}} now")),
        (Some(path), How::Expr) => json!(format!("{{{{ {} }}}}", expression(&bind.source, &path))),
        (Some(path), _) => json!(format!("{{{{ {path} }}}}")),
    }
}

fn literal_value(source: &Source) -> Value {
    match source {
        Source::Const(n) => json!(n),
        Source::Text => json!("yes: \"quoted\" # ünd 'so' \\ weiter"),
        _ => json!({ "deep": [1, { "more": [true, null] }], "1": "x" }),
    }
}

fn extra_key(extra: TaskExtra) -> (&'static str, Value) {
    match extra {
        TaskExtra::Description => ("description", json!("Made by chance.")),
        TaskExtra::Resources => ("resources", json!({ "cpu": "500m", "memory": "512Mi" })),
        TaskExtra::Image => ("image", json!("example/task:1")),
        TaskExtra::Worker => ("worker", json!("small")),
        TaskExtra::ConfigFile => ("config_file", json!("task.toml")),
        TaskExtra::EstimatedDuration => ("estimated_duration", json!("1m30s")),
        TaskExtra::Secrets => (
            "secrets",
            json!([
                { "name": "TOKEN", "secret": "API_TOKEN" },
                { "name": "ca.pem", "secret": "DB_CA", "path": "/run/ca.pem" },
            ]),
        ),
    }
}
