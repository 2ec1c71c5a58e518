//! Jobs of clusters.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Request, empty, exists, invalid, key, no, operations};
use crate::http::{ApiError, Code};
use crate::services::fault::Call;
use crate::services::job::{Job, Service};
use crate::services::script::Script;
use crate::services::state::{Answer, NewJob, Reply, State, page, uid};
use crate::services::timeline::End;

/// What a job may be.
const KINDS: [&str; 10] = [
    "hadoopJob",
    "sparkJob",
    "pysparkJob",
    "hiveJob",
    "pigJob",
    "sparkRJob",
    "sparkSqlJob",
    "prestoJob",
    "trinoJob",
    "flinkJob",
];
const ID_MAX: usize = 100;

/// Makes a job. One request id makes one job, however often it comes.
pub(super) fn submit(
    state: &mut State,
    now: Timestamp,
    (project, region): (&str, &str),
    body: &Value,
    as_operation: bool,
) -> Answer {
    let request_id = body["requestId"].as_str().unwrap_or_default();
    if let Some(job) = state.made_by(Service::Dataproc, project, request_id) {
        return Ok(Reply::Json(answer(job, now, as_operation)));
    }
    let job = &body["job"];
    let cluster = job["placement"]["clusterName"].as_str().unwrap_or_default();
    if cluster.is_empty() {
        return Err(invalid("Cluster name is required"));
    }
    let kinds = KINDS.iter().filter(|kind| job[**kind].is_object());
    if kinds.count() != 1 {
        return Err(invalid(format!(
            "A job has exactly one of {}",
            KINDS.join(", ")
        )));
    }
    let other = job["reference"]["projectId"].as_str().unwrap_or_default();
    if !other.is_empty() && other != project {
        return Err(invalid(format!(
            "job.reference.project_id: it is {other}, and the request goes to {project}"
        )));
    }
    let id = match job["reference"]["jobId"].as_str() {
        None | Some("") => uid(),
        Some(id) => id.to_owned(),
    };
    let right = id.len() <= ID_MAX
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !right {
        return Err(invalid(format!(
            "Invalid job id '{id}': it has letters, digits, underscores and dashes, at most {ID_MAX}"
        )));
    }
    let key = key(Service::Dataproc, project, region, &id);
    if state.jobs.contains_key(&key) {
        return Err(exists(
            "job",
            &format!("Job projects/{project}/regions/{region}/jobs/{id}"),
        ));
    }
    let script = Script::of_labels(&job["labels"])
        .map_err(|why| invalid(format!("the script of the simulated job: {why}")))?;
    let new = NewJob {
        key,
        request: job.clone(),
        script,
        operation: Some(operations::name(project, region)),
        request_id: request_id.to_owned(),
    };
    let made = state.insert(new, now);
    Ok(Reply::Json(answer(made, now, as_operation)))
}

fn answer(job: &Job, now: Timestamp, as_operation: bool) -> Value {
    if as_operation {
        operations::resource(job, now)
    } else {
        resource(job, now)
    }
}

/// Reads, cancels or deletes one.
pub(super) fn one(
    state: &mut State,
    now: Timestamp,
    key: &crate::services::job::Key,
    on: Call,
) -> Answer {
    let name = format!(
        "projects/{}/regions/{}/jobs/{}",
        key.project, key.location, key.id
    );
    let job = state.jobs.get_mut(key).ok_or_else(|| no("Job", &name))?;
    let over = job.timeline.at(now).is_over();
    let refused = |what: &str, job: &Job| {
        let state = resource(job, now)["status"]["state"].clone();
        ApiError::new(
            Code::FailedPrecondition,
            format!("Cannot {what} job {name} in state {state}"),
        )
    };
    match on {
        Call::Cancel if over => return Err(refused("cancel", job)),
        Call::Cancel => job.timeline.cancel(now),
        Call::Delete if !over => return Err(refused("delete", job)),
        Call::Delete => {
            state.jobs.remove(key);
            return empty();
        }
        _ => job.asked += 1,
    }
    Ok(Reply::Json(resource(job, now)))
}

pub(super) fn list(
    state: &State,
    now: Timestamp,
    (project, region): (&str, &str),
    request: &Request<'_>,
) -> Answer {
    let cluster = request.text("clusterName");
    // Enums come as names or as numbers.
    let active = match request.text("jobStateMatcher") {
        "" | "ALL" | "0" => None,
        "ACTIVE" | "1" => Some(true),
        "NON_ACTIVE" | "2" => Some(false),
        other => return Err(invalid(format!("job_state_matcher: {other} is none"))),
    };
    let all: Vec<&Job> = state
        .jobs_of(Service::Dataproc, project)
        .into_iter()
        .filter(|job| {
            job.key.location == region
                && (cluster.is_empty() || job.request["placement"]["clusterName"] == cluster)
                && active.is_none_or(|active| active != job.timeline.at(now).is_over())
        })
        .collect();
    let (found, next) = page(&all, request.text("pageSize"), request.text("pageToken"))?;
    let jobs: Vec<Value> = found.iter().map(|job| resource(job, now)).collect();
    Ok(Reply::Json(json!({"jobs": jobs, "nextPageToken": next})))
}

/// The states it went through, with their times.
fn history(job: &Job, now: Timestamp) -> Vec<Value> {
    let standing = job.timeline.at(now);
    let status = |state: &str, at: Timestamp| json!({"state": state, "stateStartTime": at});
    let mut history = vec![status("PENDING", job.timeline.created)];
    if let Some(started) = standing.started {
        history.push(status("SETUP_DONE", started));
        history.push(status("RUNNING", started));
    }
    if let Some(asked) = standing.cancelling {
        history.push(status("CANCEL_PENDING", asked));
    }
    if let Some((at, end)) = &standing.ended {
        let (state, details) = match end {
            End::Succeeded => ("DONE", String::new()),
            End::Cancelled => ("CANCELLED", "Job cancelled by the user.".to_owned()),
            End::Failed(failure) => ("ERROR", failure.message.clone()),
        };
        let mut last = status(state, *at);
        if !details.is_empty() {
            last["details"] = json!(details);
        }
        history.push(last);
    }
    history
}

/// The resource of a job.
pub(super) fn resource(job: &Job, now: Timestamp) -> Value {
    let mut history = history(job, now);
    let status = history.pop().unwrap_or_default();
    let mut value = job.request.clone();
    value["reference"] = json!({"projectId": job.key.project, "jobId": job.key.id});
    value["done"] = json!(job.timeline.at(now).is_over());
    value["status"] = status;
    value["statusHistory"] = json!(history);
    value["jobUuid"] = json!(job.uid);
    value["placement"]["clusterUuid"] = json!("00000000-0000-4000-8000-000000000000");
    let folder = format!(
        "gs://stand-in/google-cloud-dataproc-metainfo/jobs/{}",
        job.key.id
    );
    value["driverControlFilesUri"] = json!(format!("{folder}/"));
    value["driverOutputResourceUri"] = json!(format!("{folder}/driveroutput"));
    value
}
