//! `jobs.list`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::calls::invalid;
use super::resource;
use crate::services::job::Service;
use crate::services::state::{Answer, Reply, State, page};

pub(super) fn list(state: &State, now: Timestamp, project: &str, query: &str) -> Answer {
    let uri = format!("/?{query}")
        .parse()
        .map_err(|_| invalid("the query cannot be read"))?;
    // `stateFilter` may come several times.
    let parameters = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
        .map_err(|error| invalid(format!("the query cannot be read: {error}")))?
        .0;
    let all = |name: &str| {
        parameters
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
    };
    let text = |name: &str| all(name).pop().unwrap_or_default();
    let time = |name: &str| -> Result<Option<i64>, _> {
        match text(name) {
            "" | "0" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| invalid(format!("Invalid value for {name}: {text}"))),
        }
    };
    let (from, to) = (time("minCreationTime")?, time("maxCreationTime")?);
    let mut states = Vec::new();
    for filter in all("stateFilter") {
        states.push(match filter.to_lowercase().as_str() {
            "done" | "0" => "DONE",
            "pending" | "1" => "PENDING",
            "running" | "2" => "RUNNING",
            _ => return Err(invalid(format!("Invalid value for stateFilter: {filter}"))),
        });
    }
    let full = matches!(text("projection").to_lowercase().as_str(), "full" | "1");
    let wanted = state.jobs_of(Service::Bigquery, project);
    let wanted: Vec<_> = wanted
        .into_iter()
        .filter(|job| {
            let created = job.timeline.created.as_millisecond();
            from.is_none_or(|from| created >= from)
                && to.is_none_or(|to| created <= to)
                && (states.is_empty() || states.contains(&resource::state(&job.timeline.at(now))))
        })
        .collect();
    let (found, next) = page(&wanted, text("maxResults"), text("pageToken"))?;
    let jobs: Vec<Value> = found
        .iter()
        .map(|job| {
            let mut value = resource::job(job, now);
            value["state"] = value["status"]["state"].clone();
            let error = value["status"]["errorResult"].clone();
            if !error.is_null() {
                value["errorResult"] = error;
            }
            if !full {
                value
                    .as_object_mut()
                    .map(|value| value.remove("configuration"));
            }
            value
        })
        .collect();
    let mut answer = json!({"kind": "bigquery#jobList", "etag": "stand-in", "jobs": jobs});
    if !next.is_empty() {
        answer["nextPageToken"] = json!(next);
    }
    Ok(Reply::Json(answer))
}
