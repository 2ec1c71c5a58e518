//! Jobs, executions and operations as the API's JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::execution::{Execution, Phase};
use super::name::short;
use super::state::{Kind, Operation, Registered, State};

const EXECUTION: &str = "type.googleapis.com/google.cloud.run.v2.Execution";
const JOB: &str = "type.googleapis.com/google.cloud.run.v2.Job";

/// How enums are written: clients ask with `$alt=json;enum-encoding=int` for numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enums {
    pub(super) as_numbers: bool,
}

impl Enums {
    fn of(self, name: &str, number: i32) -> Value {
        if self.as_numbers {
            json!(number)
        } else {
            json!(name)
        }
    }

    fn reconciling(self) -> Value {
        self.of("CONDITION_RECONCILING", 2)
    }

    fn failed(self) -> Value {
        self.of("CONDITION_FAILED", 3)
    }

    fn succeeded(self) -> Value {
        self.of("CONDITION_SUCCEEDED", 4)
    }
}

fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}

fn container(
    image: &str,
    command: &[String],
    args: &[String],
    env: &BTreeMap<String, String>,
) -> Value {
    let env: Vec<Value> = env
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({"name": "worker", "image": image, "command": command, "args": args, "env": env})
}

/// Reasons why an execution's container did not get to run, which a script's `fail` may name, with their numbers.
const COMMON_REASONS: [(&str, i32); 8] = [
    ("PROGRESS_DEADLINE_EXCEEDED", 4),
    ("CONTAINER_MISSING", 6),
    ("CONTAINER_PERMISSION_DENIED", 7),
    ("CONTAINER_IMAGE_UNAUTHORIZED", 8),
    ("SECRETS_ACCESS_CHECK_FAILED", 12),
    ("POSTPONED_RETRY", 15),
    ("INTERNAL", 16),
    ("VPC_NETWORK_NOT_FOUND", 17),
];

/// The resource of an execution.
pub(super) fn execution(execution: &Execution, enums: Enums) -> Value {
    let done = execution.completed.is_some();
    let mut value = json!({
        "name": execution.name,
        "uid": execution.uid,
        "generation": "1",
        "observedGeneration": "1",
        "labels": {},
        "createTime": execution.created,
        "updateTime": execution.updated,
        "job": short(&execution.job),
        "parallelism": execution.parallelism,
        "taskCount": execution.task_count,
        "template": {
            "containers": [container(&execution.image, &execution.command, &execution.args, &execution.env)],
            "timeout": seconds(execution.timeout),
            "maxRetries": 0,
        },
        "reconciling": !done,
        "conditions": conditions(execution, enums),
        "runningCount": execution.running,
        "succeededCount": execution.succeeded,
        "failedCount": execution.failed,
        "cancelledCount": execution.cancelled,
        "retriedCount": 0,
        "logUri": format!("file://{}", execution.log.display()),
        "etag": format!("\"{}\"", execution.updated.as_microsecond()),
    });
    if let Some(started) = execution.started {
        value["startTime"] = json!(started);
    }
    if let Some(completed) = execution.completed {
        value["completionTime"] = json!(completed);
    }
    value
}

fn conditions(execution: &Execution, enums: Enums) -> Vec<Value> {
    let condition = |kind: &str, state: Value, at: Timestamp| json!({"type": kind, "state": state, "lastTransitionTime": at});
    let reason = |name: &str, number: i32| enums.of(name, number);
    let id = short(&execution.name);
    let mut completed = match execution.phase() {
        Phase::Succeeded => {
            let mut condition = condition("Completed", enums.succeeded(), execution.updated);
            condition["message"] = json!("Execution completed successfully.");
            condition
        }
        Phase::Failed => {
            let mut condition = condition("Completed", enums.failed(), execution.updated);
            condition["message"] = json!(execution.first_failure);
            let script = execution.script.as_ref();
            let why = script.and_then(|script| script.borrow().failure());
            let known =
                why.and_then(|why| COMMON_REASONS.iter().find(|(name, _)| *name == why.reason));
            match known {
                Some((name, number)) => condition["reason"] = reason(name, *number),
                None => condition["executionReason"] = reason("NON_ZERO_EXIT_CODE", 2),
            }
            condition
        }
        Phase::Cancelled => {
            let mut condition = condition("Completed", enums.failed(), execution.updated);
            condition["message"] = json!(format!("Execution {id} was cancelled."));
            condition["executionReason"] = reason("CANCELLED", 3);
            condition
        }
        Phase::Pending | Phase::Running => {
            let mut condition = condition("Completed", enums.reconciling(), execution.created);
            condition["message"] = json!("Waiting for execution to complete.");
            condition
        }
    };
    if execution.is_cancelling() {
        completed["executionReason"] = reason("CANCELLING", 4);
    }
    let mut started = match execution.started {
        Some(at) => condition("Started", enums.succeeded(), at),
        None if execution.completed.is_some() => {
            condition("Started", enums.failed(), execution.updated)
        }
        None => condition("Started", enums.reconciling(), execution.created),
    };
    if execution.phase() == Phase::Pending {
        started["executionReason"] = reason("DELAYED_START_PENDING", 6);
    }
    let prepared = |kind| match execution.started {
        Some(at) => condition(kind, enums.succeeded(), at),
        None => condition(kind, enums.reconciling(), execution.created),
    };
    vec![
        completed,
        prepared("ResourcesAvailable"),
        started,
        prepared("ContainerReady"),
    ]
}

/// The resource of a job.
pub(super) fn job(job: &Registered, state: &State, enums: Enums) -> Value {
    let (image, command, args, env) = job.work.container();
    let ready =
        json!({"type": "Ready", "state": enums.succeeded(), "lastTransitionTime": job.created});
    let executions = state.executions_of(&job.name);
    let mut value = json!({
        "name": job.name,
        "uid": job.uid,
        "generation": "1",
        "observedGeneration": "1",
        "createTime": job.created,
        "updateTime": job.created,
        "template": {
            "taskCount": job.task_count,
            "parallelism": job.parallelism,
            "template": {"containers": [container(&image, &command, &args, &env)], "timeout": seconds(job.timeout), "maxRetries": 0},
        },
        "terminalCondition": ready,
        "executionCount": executions.len(),
        "reconciling": false,
    });
    if let Some(latest) = executions.first() {
        let (status, number) = match latest.phase() {
            Phase::Succeeded => ("EXECUTION_SUCCEEDED", 1),
            Phase::Failed => ("EXECUTION_FAILED", 2),
            Phase::Running => ("EXECUTION_RUNNING", 3),
            Phase::Pending => ("EXECUTION_PENDING", 4),
            Phase::Cancelled => ("EXECUTION_CANCELLED", 5),
        };
        let mut reference = json!({"name": short(&latest.name), "createTime": latest.created, "completionStatus": enums.of(status, number)});
        if let Some(completed) = latest.completed {
            reference["completionTime"] = json!(completed);
        }
        value["latestCreatedExecution"] = reference;
    }
    value
}

fn typed(kind: &str, mut resource: Value) -> Value {
    resource["@type"] = json!(kind);
    resource
}

/// The resource of an operation. A run and a cancellation are done when the execution is; that it failed is told by the
/// execution in the response, not by an error of the operation.
pub(super) fn operation(operation: &Operation, state: &State, enums: Enums) -> Value {
    let mut value = json!({"name": operation.name, "done": false});
    match &operation.kind {
        Kind::Job(name) => {
            let resource = state.jobs.get(name).map(|found| job(found, state, enums));
            let resource = typed(JOB, resource.unwrap_or_else(|| json!({"name": name})));
            value["metadata"] = resource.clone();
            value["response"] = resource;
            value["done"] = json!(true);
        }
        Kind::Deleted(resource) | Kind::DeletedJob(resource) => {
            let kind = match &operation.kind {
                Kind::DeletedJob(_) => JOB,
                _ => EXECUTION,
            };
            let resource = typed(kind, resource.clone());
            value["metadata"] = resource.clone();
            value["response"] = resource;
            value["done"] = json!(true);
        }
        Kind::Execution(name) => {
            let Some(found) = state.executions.get(name) else {
                value["done"] = json!(true);
                value["error"] =
                    json!({"code": 5, "message": format!("execution {name} was deleted")});
                return value;
            };
            let resource = typed(EXECUTION, execution(found, enums));
            value["metadata"] = resource.clone();
            if found.completed.is_some() {
                value["response"] = resource;
                value["done"] = json!(true);
            }
        }
    }
    value
}
