//! Batches: work without a cluster.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{CREATOR, Request, empty, exists, invalid, key, no, operations};
use crate::http::{ApiError, Code};
use crate::services::fault::Call;
use crate::services::job::{Job, Key, Service};
use crate::services::script::Script;
use crate::services::state::{Answer, NewJob, Reply, State, page, uid};
use crate::services::timeline::End;

/// What a batch may be.
const KINDS: [&str; 4] = ["pysparkBatch", "sparkBatch", "sparkRBatch", "sparkSqlBatch"];

pub(super) fn name(key: &Key) -> String {
    format!(
        "projects/{}/locations/{}/batches/{}",
        key.project, key.location, key.id
    )
}

/// Makes a batch and gives its operation. One request id makes one batch, however often it comes.
pub(super) fn create(
    state: &mut State,
    now: Timestamp,
    (project, region): (&str, &str),
    (id, request_id): (&str, &str),
    batch: &Value,
) -> Answer {
    if let Some(batch) = state.made_by(Service::Batches, project, request_id) {
        return Ok(Reply::Json(operations::resource(batch, now)));
    }
    let kinds = KINDS.iter().filter(|kind| batch[**kind].is_object());
    if kinds.count() != 1 {
        return Err(invalid(format!(
            "A batch has exactly one of {}",
            KINDS.join(", ")
        )));
    }
    let id = if id.is_empty() { uid() } else { id.to_owned() };
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let right = (4..=63).contains(&id.len())
        && id.bytes().all(|byte| letter(byte) || byte == b'-')
        && !id.starts_with('-')
        && !id.ends_with('-');
    if !right {
        return Err(invalid(format!(
            "Invalid batch id '{id}': it has 4 to 63 lowercase letters, digits and dashes, with no dash at its ends"
        )));
    }
    let key = key(Service::Batches, project, region, &id);
    if state.jobs.contains_key(&key) {
        return Err(exists("batch", &name(&key)));
    }
    let script = Script::of_labels(&batch["labels"])
        .map_err(|why| invalid(format!("the script of the simulated batch: {why}")))?;
    let new = NewJob {
        key,
        request: batch.clone(),
        script,
        operation: Some(operations::name(project, region)),
        request_id: request_id.to_owned(),
    };
    let made = state.insert(new, now);
    Ok(Reply::Json(operations::resource(made, now)))
}

/// Reads or deletes one.
pub(super) fn one(state: &mut State, now: Timestamp, key: &Key, on: Call) -> Answer {
    let name = name(key);
    let batch = state.jobs.get_mut(key).ok_or_else(|| no("Batch", &name))?;
    if on == Call::Delete {
        if !batch.timeline.at(now).is_over() {
            return Err(ApiError::new(
                Code::FailedPrecondition,
                format!("Batch {name} is not in a terminal state and cannot be deleted"),
            ));
        }
        state.jobs.remove(key);
        return empty();
    }
    batch.asked += 1;
    Ok(Reply::Json(resource(batch, now)))
}

pub(super) fn list(
    state: &State,
    now: Timestamp,
    (project, region): (&str, &str),
    request: &Request<'_>,
) -> Answer {
    if !request.text("filter").is_empty() {
        return Err(ApiError::new(
            Code::Unimplemented,
            "the stand-in lists batches without a filter",
        ));
    }
    let all: Vec<&Job> = state
        .jobs_of(Service::Batches, project)
        .into_iter()
        .filter(|batch| batch.key.location == region)
        .collect();
    let (found, next) = page(&all, request.text("pageSize"), request.text("pageToken"))?;
    let batches: Vec<Value> = found.iter().map(|batch| resource(batch, now)).collect();
    Ok(Reply::Json(
        json!({"batches": batches, "nextPageToken": next}),
    ))
}

/// The resource of a batch.
pub(super) fn resource(batch: &Job, now: Timestamp) -> Value {
    let standing = batch.timeline.at(now);
    let status = |state: &str, at: Timestamp| json!({"state": state, "stateStartTime": at});
    let mut history = vec![status("PENDING", batch.timeline.created)];
    if let Some(started) = standing.started {
        history.push(status("RUNNING", started));
    }
    if let Some(asked) = standing.cancelling {
        history.push(status("CANCELLING", asked));
    }
    let mut message = String::new();
    if let Some((at, end)) = &standing.ended {
        let state = match end {
            End::Succeeded => "SUCCEEDED",
            End::Cancelled => {
                "Batch was cancelled by the user.".clone_into(&mut message);
                "CANCELLED"
            }
            End::Failed(failure) => {
                message.clone_from(&failure.message);
                "FAILED"
            }
        };
        history.push(status(state, *at));
    }
    let last = history.pop().unwrap_or_default();
    let mut value = batch.request.clone();
    value["name"] = json!(name(&batch.key));
    value["uuid"] = json!(batch.uid);
    value["createTime"] = json!(batch.timeline.created);
    value["state"] = last["state"].clone();
    value["stateTime"] = last["stateStartTime"].clone();
    value["stateHistory"] = json!(history);
    value["creator"] = json!(CREATOR);
    value["operation"] = json!(batch.operation);
    if !message.is_empty() {
        value["stateMessage"] = json!(message);
    }
    if standing.started.is_some() {
        value["runtimeInfo"] = json!({
            "outputUri": format!("gs://stand-in/google-cloud-dataproc-metainfo/batches/{}/driveroutput", batch.key.id),
        });
    }
    value
}
