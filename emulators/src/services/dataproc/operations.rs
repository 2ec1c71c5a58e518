//! The long-running operations that stand for batches, and for jobs that were submitted as one.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{batches, empty, jobs, no};
use crate::services::fault::Call;
use crate::services::job::{Job, Key, Service};
use crate::services::state::{Answer, Reply, State, uid};
use crate::services::timeline::End;

/// What Google's RPC codes call these ends.
const CANCELLED: i32 = 1;
const ABORTED: i32 = 10;

/// A name for a new operation.
pub(super) fn name(project: &str, region: &str) -> String {
    format!("projects/{project}/regions/{region}/operations/{}", uid())
}

/// The job that an operation stands for. An operation may be asked for by its region or by its location.
pub(super) fn find(state: &State, name: &str) -> Option<Key> {
    let name = name.replacen("/locations/", "/regions/", 1);
    let found = state
        .jobs
        .values()
        .find(|job| job.operation.as_ref() == Some(&name));
    found.map(|job| job.key.clone())
}

/// Reads one, or cancels what it stands for.
pub(super) fn one(state: &mut State, now: Timestamp, name: &str, on: Call) -> Answer {
    let key = find(state, name).ok_or_else(|| no("Operation", name))?;
    let job = state.jobs.get_mut(&key).expect("it was found just now");
    if on == Call::Cancel {
        job.timeline.cancel(now);
        return empty();
    }
    Ok(Reply::Json(resource(job, now)))
}

/// The resource of the operation of a job or a batch.
pub(super) fn resource(job: &Job, now: Timestamp) -> Value {
    let standing = job.timeline.at(now);
    let is_batch = job.key.service == Service::Batches;
    let resource = |now| {
        let (kind, mut value) = if is_batch {
            ("Batch", batches::resource(job, now))
        } else {
            ("Job", jobs::resource(job, now))
        };
        value["@type"] = json!(format!(
            "type.googleapis.com/google.cloud.dataproc.v1.{kind}"
        ));
        value
    };
    let mut metadata = if is_batch {
        json!({
            "@type": "type.googleapis.com/google.cloud.dataproc.v1.BatchOperationMetadata",
            "batch": batches::name(&job.key),
            "batchUuid": job.uid,
            "createTime": job.timeline.created,
            "operationType": "BATCH",
            "description": "Batch",
        })
    } else {
        json!({
            "@type": "type.googleapis.com/google.cloud.dataproc.v1.JobMetadata",
            "jobId": job.key.id,
            "status": jobs::resource(job, now)["status"],
            "operationType": "SUBMIT_JOB",
            "startTime": job.timeline.created,
        })
    };
    if let (true, Some((ended, _))) = (is_batch, &standing.ended) {
        metadata["doneTime"] = json!(ended);
    }
    let mut value = json!({
        "name": job.operation,
        "metadata": metadata,
        "done": standing.is_over(),
    });
    match &standing.ended {
        None => {}
        Some((_, End::Succeeded)) => value["response"] = resource(now),
        Some((_, End::Cancelled)) => {
            value["error"] = json!({"code": CANCELLED, "message": "The operation was cancelled."});
        }
        Some((_, End::Failed(failure))) => {
            value["error"] = json!({"code": ABORTED, "message": failure.message});
        }
    }
    value
}
