//! Making, reading, cancelling and deleting jobs.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::resource;
use crate::http::{ApiError, Code, read};
use crate::services::job::{Job, Key, Service};
use crate::services::script::Script;
use crate::services::state::{Answer, NewJob, Reply, State, uid};
use crate::services::timeline::Timeline;

/// Where a job runs that does not say.
const USUAL: &str = "US";
/// Where a job is looked for when nobody says where it runs.
const MULTI_REGIONS: [&str; 2] = ["US", "EU"];
const KINDS: [&str; 4] = ["query", "load", "extract", "copy"];
const ID_MAX: usize = 1024;

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(Code::InvalidArgument, message).because("invalid")
}

fn required(what: &str) -> ApiError {
    ApiError::new(
        Code::InvalidArgument,
        format!("Required parameter is missing: {what}"),
    )
    .because("required")
}

pub(super) fn body(body: &[u8]) -> Result<Value, ApiError> {
    read::<Map<String, Value>>(body)
        .map(Value::Object)
        .map_err(|error| error.because("parseError"))
}

/// The id that a request chooses for its job.
pub(super) fn chosen_id(body: &Value) -> Option<String> {
    let id = body["jobReference"]["jobId"].as_str();
    id.filter(|id| !id.is_empty()).map(str::to_owned)
}

/// A location as it is compared: multi-regions are written in capitals, regions are not.
pub(super) fn location(text: &str) -> String {
    let capitals = text.to_uppercase();
    if MULTI_REGIONS.contains(&capitals.as_str()) {
        capitals
    } else {
        text.to_lowercase()
    }
}

fn check(configuration: &Value) -> Result<&'static str, ApiError> {
    let given: Vec<&str> = KINDS
        .into_iter()
        .filter(|kind| configuration[*kind].is_object())
        .collect();
    let [kind] = given[..] else {
        return Err(invalid(format!(
            "Job configuration must contain exactly one job-specific configuration object (e.g., query, load, extract, copy), but there were {}: {}",
            given.len(),
            given.join(", ")
        )));
    };
    let part = &configuration[kind];
    let (kind, needed): (_, &[&[&str]]) = match kind {
        "query" => ("query", &[&["query"]]),
        "load" => ("load", &[&["destinationTable"], &["sourceUris"]]),
        "extract" => (
            "extract",
            &[
                &["sourceTable", "sourceModel"],
                &["destinationUris", "destinationUri"],
            ],
        ),
        _ => (
            "copy",
            &[&["sourceTable", "sourceTables"], &["destinationTable"]],
        ),
    };
    for one_of in needed {
        let there = one_of.iter().any(|field| match &part[*field] {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        });
        if !there {
            return Err(required(&format!("configuration.{kind}.{}", one_of[0])));
        }
    }
    Ok(kind)
}

/// What the request says about its simulation: labels, then the comments of its query.
fn scripted(configuration: &Value) -> Result<Script, ApiError> {
    let labels = Script::of_labels(&configuration["labels"]);
    let query = configuration["query"]["query"].as_str().unwrap_or_default();
    labels
        .and_then(|labels| Ok(labels.overlaid(Script::of_query(query)?)))
        .map_err(|why| invalid(format!("the script of the simulated job: {why}")))
}

/// Makes the job, or answers a dry run, for which there is none.
pub(super) fn insert(state: &mut State, now: Timestamp, project: &str, body: &Value) -> Answer {
    let configuration = &body["configuration"];
    if !configuration.is_object() {
        return Err(required("configuration"));
    }
    check(configuration)?;
    let reference = &body["jobReference"];
    if let Some(other) = reference["projectId"]
        .as_str()
        .filter(|other| !other.is_empty() && *other != project)
    {
        return Err(invalid(format!(
            "Invalid value: jobReference.projectId is {other}, and the request goes to {project}"
        )));
    }
    let place = reference["location"]
        .as_str()
        .filter(|text| !text.is_empty());
    let key = Key {
        service: Service::Bigquery,
        project: project.to_owned(),
        location: location(place.unwrap_or(USUAL)),
        id: chosen_id(body).unwrap_or_else(|| format!("job_{}", uid().replace('-', ""))),
    };
    let job = make(state, now, key, configuration, String::new())?;
    Ok(Reply::Json(job))
}

/// Makes a job and gives its resource.
pub(super) fn make(
    state: &mut State,
    now: Timestamp,
    key: Key,
    configuration: &Value,
    request_id: String,
) -> Result<Value, ApiError> {
    let kind = check(configuration)?;
    let script = scripted(configuration)?;
    let right = key.id.len() <= ID_MAX
        && key
            .id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !right {
        return Err(invalid(format!(
            "Invalid job ID \"{}\". Job IDs must be alphanumeric (plus underscores and dashes) and must be at most {ID_MAX} characters long.",
            key.id
        )));
    }
    let mut configuration = configuration.clone();
    configuration["jobType"] = json!(kind.to_uppercase());
    let dry = configuration["dryRun"] == true;
    if dry {
        return dry_run(state, now, key, configuration, script);
    }
    if state.jobs.contains_key(&key) {
        return Err(ApiError::new(
            Code::AlreadyExists,
            format!("Already Exists: Job {}", resource::full_id(&key)),
        )
        .because("duplicate"));
    }
    let new = NewJob {
        key,
        request: configuration,
        script,
        operation: None,
        request_id,
    };
    let job = state.insert(new, now);
    limit(job);
    Ok(resource::job(job, now))
}

/// A query that may not cost as much as it would fails at once.
fn limit(job: &mut Job) {
    let script = &mut job.timeline.script;
    let most = resource::number(&job.request["query"]["maximumBytesBilled"]);
    let bytes = script.bytes.unwrap_or(0);
    if let Some(most) = most
        && bytes > most
    {
        script.fail = Some(format!(
            "bytesBilledLimitExceeded: Query exceeded limit for bytes billed: {most}. {bytes} or higher required."
        ));
        script.bytes = Some(0);
        script.seconds = Some(0.0);
        script.forever = None;
    }
}

/// Says what the job would process. It fails for what is known without running: a query that makes no sense, a table that is
/// not there or not to be read.
fn dry_run(
    state: &mut State,
    now: Timestamp,
    key: Key,
    configuration: Value,
    script: Script,
) -> Result<Value, ApiError> {
    let own = state.defaults.clone().overlaid(script);
    let script = state.waiting.script(&key, own);
    if let Some(failure) = script.failure()
        && ["invalid", "invalidQuery", "notFound", "accessDenied"].contains(&&*failure.reason)
    {
        return Err(resource::failed(&failure));
    }
    let at_once = Script {
        pending_seconds: None,
        seconds: None,
        forever: None,
        fail: None,
        ..script
    };
    let job = Job {
        key,
        number: 0,
        uid: uid(),
        request: configuration,
        timeline: Timeline::new(now, at_once),
        operation: None,
        asked: 0,
    };
    Ok(resource::dry(&job, now))
}

/// Where the job is; an error as BigQuery gives it for one that is not there, or elsewhere.
pub(super) fn find(state: &State, project: &str, id: &str, place: &str) -> Result<Key, ApiError> {
    let key = |place: &str| Key {
        service: Service::Bigquery,
        project: project.to_owned(),
        location: place.to_owned(),
        id: id.to_owned(),
    };
    let found = if place.is_empty() {
        MULTI_REGIONS
            .into_iter()
            .map(key)
            .find(|key| state.jobs.contains_key(key))
    } else {
        Some(key(&location(place))).filter(|key| state.jobs.contains_key(key))
    };
    found.ok_or_else(|| {
        let shown = if place.is_empty() {
            format!("{project}:{id}")
        } else {
            format!("{project}:{}.{id}", location(place))
        };
        ApiError::new(Code::NotFound, format!("Not found: Job {shown}")).because("notFound")
    })
}

fn found<'a>(
    state: &'a mut State,
    project: &str,
    id: &str,
    place: &str,
) -> Result<&'a mut Job, ApiError> {
    let key = find(state, project, id, place)?;
    Ok(state.jobs.get_mut(&key).expect("it was found just now"))
}

pub(super) fn get(
    state: &mut State,
    now: Timestamp,
    project: &str,
    id: &str,
    place: &str,
) -> Answer {
    let job = found(state, project, id, place)?;
    job.asked += 1;
    Ok(Reply::Json(resource::job(job, now)))
}

/// Answered at once, and for a job that is over just the same: what became of it, the job says.
pub(super) fn cancel(
    state: &mut State,
    now: Timestamp,
    project: &str,
    id: &str,
    place: &str,
) -> Answer {
    let job = found(state, project, id, place)?;
    job.timeline.cancel(now);
    Ok(Reply::Json(json!({
        "kind": "bigquery#jobCancelResponse",
        "job": resource::job(job, now),
    })))
}

pub(super) fn delete(
    state: &mut State,
    now: Timestamp,
    project: &str,
    id: &str,
    place: &str,
) -> Answer {
    let key = find(state, project, id, place)?;
    if !state.jobs[&key].timeline.at(now).is_over() {
        return Err(invalid(format!(
            "Job {} is not over and cannot be deleted.",
            resource::full_id(&key)
        )));
    }
    state.jobs.remove(&key);
    Ok(Reply::Nothing)
}
