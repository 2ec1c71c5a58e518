//! `jobs.query` and `getQueryResults`: they wait for the job, up to a time that is asked for.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::calls::{self, find, invalid};
use super::resource;
use super::rows::Table;
use crate::http::ApiError;
use crate::services::fault::Asked;
use crate::services::job::{Job, Key, Service};
use crate::services::state::{Answer, Inner, Reply, State, page, uid};

/// How long they wait when nothing is said.
const USUAL_WAIT: u64 = 10_000;
/// The longest they wait, whatever is said.
const LONGEST_WAIT: u64 = 200_000;
/// How often the clock is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// Which part of the rows is asked for.
struct Wanted {
    most: String,
    token: String,
    start: usize,
}

pub(super) async fn results(
    inner: &Inner,
    asked: &Asked<'_>,
    project: &str,
    id: &str,
    parameters: &HashMap<String, String>,
) -> Answer {
    let text = |name: &str| parameters.get(name).map_or("", String::as_str);
    let number = |name: &str| -> Result<Option<u64>, ApiError> {
        match text(name) {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| invalid(format!("Invalid value for {name}: {text}"))),
        }
    };
    let gate = inner.gate(asked).await?;
    let wanted = Wanted {
        most: text("maxResults").to_owned(),
        token: text("pageToken").to_owned(),
        start: number("startIndex")?.unwrap_or(0) as usize,
    };
    let wait = number("timeoutMs")?.unwrap_or(USUAL_WAIT);
    let key = find(&inner.state(), project, id, text("location"))?;
    if let Some(job) = inner.state().jobs.get_mut(&key) {
        job.asked += 1;
    }
    let answer = wait_for(inner, &key, wait, &wanted).await;
    gate.close(answer.map(|mut value| {
        value["kind"] = json!("bigquery#getQueryResultsResponse");
        Reply::Json(value)
    }))
}

pub(super) async fn query(inner: &Inner, asked: &Asked<'_>, project: &str, body: &[u8]) -> Answer {
    let gate = inner.gate(asked).await?;
    let body = calls::body(body)?;
    let answer = asked_for(inner, project, &body).await;
    gate.close(answer.map(|mut value| {
        value["kind"] = json!("bigquery#queryResponse");
        Reply::Json(value)
    }))
}

async fn asked_for(inner: &Inner, project: &str, body: &Value) -> Result<Value, ApiError> {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let mut query = json!({});
    for field in [
        "query",
        "useLegacySql",
        "maximumBytesBilled",
        "defaultDataset",
        "parameterMode",
        "queryParameters",
        "useQueryCache",
        "createSession",
        "priority",
    ] {
        if !body[field].is_null() {
            query[field] = body[field].clone();
        }
    }
    let mut configuration = json!({"query": query});
    for field in ["labels", "dryRun"] {
        if !body[field].is_null() {
            configuration[field] = body[field].clone();
        }
    }
    let place = Some(text("location")).filter(|place| !place.is_empty());
    let key = Key {
        service: Service::Bigquery,
        project: project.to_owned(),
        location: calls::location(place.unwrap_or("US")),
        id: format!("job_{}", uid().replace('-', "")),
    };
    let now = inner.clock.now();
    let key = {
        let mut state = inner.state();
        // A query that was asked for before, by the same request id, is that query.
        match state.made_by(Service::Bigquery, project, text("requestId")) {
            Some(job) => job.key.clone(),
            None => {
                let request_id = text("requestId").to_owned();
                let made = calls::make(&mut state, now, key.clone(), &configuration, request_id)?;
                if body["dryRun"] == true {
                    return Ok(dry(&made));
                }
                key
            }
        }
    };
    let wanted = Wanted {
        most: resource::number(&body["maxResults"])
            .map_or_else(String::new, |most| most.to_string()),
        token: String::new(),
        start: 0,
    };
    let wait = resource::number(&body["timeoutMs"]).unwrap_or(USUAL_WAIT);
    wait_for(inner, &key, wait, &wanted).await
}

fn dry(made: &Value) -> Value {
    let query = &made["statistics"]["query"];
    json!({
        "jobReference": made["jobReference"],
        "jobComplete": true,
        "schema": query["schema"],
        "totalRows": "0",
        "totalBytesProcessed": query["totalBytesProcessed"],
        "cacheHit": false,
    })
}

/// Looks until the job is over or the time is.
async fn wait_for(inner: &Inner, key: &Key, wait: u64, wanted: &Wanted) -> Result<Value, ApiError> {
    let deadline = Instant::now() + Duration::from_millis(wait.min(LONGEST_WAIT));
    loop {
        let value = look(&inner.state(), inner.clock.now(), key, wanted)?;
        if value["jobComplete"] == true || Instant::now() >= deadline {
            return Ok(value);
        }
        tokio::time::sleep_until((Instant::now() + LOOK).min(deadline)).await;
    }
}

fn look(state: &State, now: Timestamp, key: &Key, wanted: &Wanted) -> Result<Value, ApiError> {
    let job = state.jobs.get(key).ok_or_else(|| {
        ApiError::new(
            crate::http::Code::NotFound,
            format!("Not found: Job {}", resource::full_id(key)),
        )
        .because("notFound")
    })?;
    if job.request["jobType"] != "QUERY" {
        return Err(invalid(format!(
            "Job {} is not a query job.",
            resource::full_id(key)
        )));
    }
    let standing = job.timeline.at(now);
    if let Some(failure) = resource::failure(&standing) {
        return Err(resource::failed(&failure));
    }
    if !standing.is_over() {
        return Ok(json!({"jobReference": resource::reference(key), "jobComplete": false}));
    }
    answer(job, wanted)
}

fn answer(job: &Job, wanted: &Wanted) -> Result<Value, ApiError> {
    let table = Table::of(&job.timeline.script);
    let numbers: Vec<usize> = (0..table.len()).collect();
    let rest = numbers.get(wanted.start..).unwrap_or_default();
    // A token counts from the first row, as the numbers of the rows do.
    let all = if wanted.token.is_empty() {
        rest
    } else {
        &numbers
    };
    let (found, mut next) = page(all, &wanted.most, &wanted.token)?;
    if wanted.token.is_empty() && !next.is_empty() {
        next = found
            .last()
            .map_or_else(String::new, |last| (last + 1).to_string());
    }
    let (from, to) = (
        found.first().copied().unwrap_or(0),
        found.last().map_or(0, |last| last + 1),
    );
    let bytes = job.timeline.script.bytes.unwrap_or(0).to_string();
    let mut value = json!({
        "etag": job.uid,
        "jobReference": resource::reference(&job.key),
        "jobComplete": true,
        "schema": table.schema(),
        "rows": table.rows(from, to),
        "totalRows": table.len().to_string(),
        "totalBytesProcessed": bytes,
        "totalBytesBilled": bytes,
        "cacheHit": false,
    });
    if !next.is_empty() {
        value["pageToken"] = json!(next);
    }
    Ok(value)
}
