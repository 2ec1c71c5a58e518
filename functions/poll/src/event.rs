//! Reads word of a job's end: an entry of an audit log, in whichever of its wrappings it comes.
//!
//! The shapes, by what Google publishes (seen 2026-11; none of them has come from a real project yet):
//! - Eventarc sends CloudEvents in HTTP's binary mode, their attributes as headers `ce-…`
//!   (<https://cloud.google.com/eventarc/docs/event-format>); the structured mode is that of the
//!   [CloudEvents specification](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md).
//! - `google.cloud.audit.log.v1.written` holds a log entry with an audit log as `protoPayload`
//!   (<https://cloud.google.com/logging/docs/audit/understanding-audit-logs>); a sink publishes the same entry as a message's data.
//! - BigQuery: `jobservice.jobcompleted` with `serviceData.jobCompletedEvent`, as in
//!   [Google's own sample](https://github.com/googleapis/google-cloudevents/blob/main/testdata/google/events/cloud/audit/v1/LogEntryData-bigqueryjobcompleted.json);
//!   `google.cloud.bigquery.v2.JobService.InsertJob` and others with `metadata.jobChange` or `jobInsertion`
//!   (<https://cloud.google.com/bigquery/docs/reference/auditlogs/rest/Shared.Types/BigQueryAuditMetadata>).
//! - Cloud Run: `/Jobs.RunJob` in the log of system events when an execution ends, `google.cloud.run.v1.Jobs.RunJob` and its kin when
//!   somebody starts one (<https://cloud.google.com/run/docs/audit-logging>). Resource names are `namespaces/P/executions/E`,
//!   `namespaces/P/jobs/J` or `projects/P/locations/R/jobs/J/executions/E`.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ork_core::Value;
use ork_core::ids::RunId;
use ork_engine::{JobKey, run_of_label};
use ork_host::push::Broken;

/// The label of a job that names the run which waits for it.
const RUN_LABEL: &str = "ork-run";
/// The environment variable of an execution that does.
const RUN_VARIABLE: &str = "ORK_RUN_ID";
/// Those that tell Ork's own workers what to run. Of their ends monitor hears by their verdicts.
const BATCH_VARIABLES: [&str; 2] = ["ORK_BATCH", "ORK_BATCH_URL"];
const AUDIT: &str = "google.cloud.audit.log.v1.written";
const PUBLISHED: &str = "google.cloud.pubsub.topic.v1.messagePublished";

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A job is over, if it is to be believed.
    Over(Over),
    /// Something that is none of Ork's business.
    PassedOver(&'static str),
}

/// A job that is said to be over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) key: JobKey,
    /// The run that waits for it, where the job names it.
    pub(crate) run: Option<RunId>,
}

/// Reads an event, its headers and its body.
pub(crate) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Word, Broken> {
    let header = |name| {
        let value = headers.get(name).map(|value| value.to_str());
        value.and_then(Result::ok).unwrap_or_default()
    };
    let body = json("the event", body)?;
    if !body.is_object() {
        return Err(Broken("the event is no object".into()));
    }
    let structured = header("content-type").starts_with("application/cloudevents+json")
        || body["specversion"].is_string();
    let (kind, data) = if structured {
        let kind = body["type"].as_str();
        let kind = kind.ok_or_else(|| Broken("the event has no type".into()))?;
        (kind.to_owned(), data_of(&body)?)
    } else {
        (header("ce-type").to_owned(), body)
    };
    match &*kind {
        AUDIT => audited(&data)?
            .ok_or_else(|| Broken("the event has no audit log, and its type says it has".into())),
        // Without a type: pushed by Pub/Sub itself, in an envelope or as the bare entry.
        PUBLISHED | "" => {
            let word = match data["message"].is_object() {
                true => audited(&published(&data["message"])?)?,
                false => audited(&data)?,
            };
            Ok(word.unwrap_or(Word::PassedOver("no entry of an audit log")))
        }
        _ => Ok(Word::PassedOver("an event of another type")),
    }
}

/// The data of an event in structured mode.
fn data_of(event: &Value) -> Result<Value, Broken> {
    match (&event["data"], event["data_base64"].as_str()) {
        (data @ Value::Object(_), _) => Ok(data.clone()),
        (_, Some(text)) => decoded("the event", text),
        _ => Err(Broken("the event has no data".into())),
    }
}

/// The data of a message.
fn published(message: &Value) -> Result<Value, Broken> {
    match message["data"].as_str() {
        Some(text) if !text.is_empty() => decoded("the message", text),
        _ => Err(Broken("the message has no data".into())),
    }
}

fn decoded(what: &str, text: &str) -> Result<Value, Broken> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| Broken(format!("the data of {what} is not base64: {error}")))?;
    json(&format!("the data of {what}"), &bytes)
}

fn json(what: &str, bytes: &[u8]) -> Result<Value, Broken> {
    serde_json::from_slice(bytes).map_err(|error| Broken(format!("{what} is not JSON: {error}")))
}

/// What a log entry says; `None` when it is none of an audit log.
fn audited(entry: &Value) -> Result<Option<Word>, Broken> {
    let payload = &entry["protoPayload"];
    if !payload.is_object() {
        return Ok(None);
    }
    let service = payload["serviceName"].as_str();
    let service = service.ok_or_else(|| Broken("the audit log has no serviceName".into()))?;
    match service {
        "bigquery.googleapis.com" => bigquery(entry, payload).map(Some),
        "run.googleapis.com" => cloud_run(entry, payload).map(Some),
        _ => Ok(Some(Word::PassedOver("of another service"))),
    }
}

fn bigquery(entry: &Value, payload: &Value) -> Result<Word, Broken> {
    let old = &payload["serviceData"]["jobCompletedEvent"]["job"];
    let metadata = &payload["metadata"];
    let changes = ["jobChange", "jobInsertion"].map(|change| &metadata[change]["job"]);
    let new = changes.into_iter().find(|job| job.is_object());
    let resource = short(&payload["resourceName"], "jobs");
    let (id, labels, over) = match new {
        Some(job) => (
            short(&job["jobName"], "jobs").or(resource),
            &job["jobConfig"]["labels"],
            job["jobStatus"]["jobState"] == "DONE",
        ),
        None if old.is_object() => (
            old["jobName"]["jobId"].as_str().or(resource),
            &old["jobConfiguration"]["labels"],
            true,
        ),
        None => {
            let completed = payload["methodName"] == "jobservice.jobcompleted";
            (
                resource,
                &Value::Null,
                completed || entry["operation"]["last"] == true,
            )
        }
    };
    if !over {
        return Ok(Word::PassedOver("not the end of a job of BigQuery"));
    }
    let id = id.ok_or_else(|| Broken("the end of a job of BigQuery does not say which".into()))?;
    Ok(Word::Over(Over {
        key: JobKey::BigQuery(id.to_owned()),
        run: labels[RUN_LABEL].as_str().and_then(run_of_label),
    }))
}

fn cloud_run(entry: &Value, payload: &Value) -> Result<Word, Broken> {
    let method = payload["methodName"].as_str().unwrap_or_default();
    if !method.ends_with("Jobs.RunJob") && !method.contains("Executions.") {
        return Ok(Word::PassedOver("no execution of a Cloud Run job"));
    }
    let (operation, response) = (&entry["operation"], &payload["response"]);
    let begins = operation["first"] == true && operation["last"] != true;
    let conditions = response["status"]["conditions"].as_array();
    let goes_on = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Completed" && condition["status"] == "Unknown");
    if begins || goes_on {
        return Ok(Word::PassedOver("the start of an execution"));
    }
    let name = &payload["resourceName"];
    let execution = short(name, "executions")
        .or_else(|| short(&response["name"], "executions"))
        .or_else(|| {
            let named = response["metadata"]["name"].as_str();
            named.filter(|_| response["kind"] == "Execution")
        })
        .or_else(|| entry["labels"]["run.googleapis.com/execution_name"].as_str());
    let job = short(name, "jobs").or_else(|| entry["resource"]["labels"]["job_name"].as_str());
    let key = match (execution, job) {
        (Some(execution), _) => JobKey::Execution(execution.to_owned()),
        (None, Some(job)) => JobKey::CloudRunJob(job.to_owned()),
        (None, None) => {
            return Err(Broken("the end of an execution does not say which".into()));
        }
    };
    let run = variable(response, &[RUN_VARIABLE]);
    let run = run.and_then(|run| RunId::new(run).ok()).or_else(|| {
        let label = response["metadata"]["labels"][RUN_LABEL].as_str();
        label.and_then(run_of_label)
    });
    // A job that a task started with its own environment has these too, and names its run.
    if run.is_none() && variable(response, &BATCH_VARIABLES).is_some() {
        return Ok(Word::PassedOver("the end of a worker of Ork"));
    }
    Ok(Word::Over(Over { key, run }))
}

/// The value of the first of an execution's environment variables that is called one of `names`, in either version of the interface.
fn variable<'a>(execution: &'a Value, names: &[&str]) -> Option<&'a str> {
    let old = &execution["spec"]["template"]["spec"]["containers"];
    let new = &execution["template"]["containers"];
    let containers = [old, new].map(Value::as_array).into_iter().flatten();
    let variables = containers
        .flatten()
        .filter_map(|container| container["env"].as_array());
    let mut named = variables.flatten().filter(|variable| {
        variable["name"]
            .as_str()
            .is_some_and(|name| names.contains(&name))
    });
    named.next()?["value"].as_str()
}

/// The segment behind `collection` in a resource name.
fn short<'a>(name: &'a Value, collection: &str) -> Option<&'a str> {
    let mut segments = name.as_str()?.split('/');
    segments.find(|segment| *segment == collection)?;
    segments.next().filter(|segment| !segment.is_empty())
}
