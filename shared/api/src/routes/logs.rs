//! What tasks printed.

use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use ork_core::names::{AttemptFile, ObjectName};
use ork_engine::ports::Ports;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Ground, task, view};
use crate::Problem;
use crate::request::Asked;

/// Bytes of an answer when nobody says how many.
const USUAL: u64 = 64 << 10;
/// Bytes of an answer at most.
const MOST: u64 = 1 << 20;
/// Where the next part begins.
const NEXT: HeaderName = HeaderName::from_static("ork-log-next");
/// Bytes of the whole log as it is now.
const SIZE: HeaderName = HeaderName::from_static("ork-log-size");

/// Which part of which log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// Which instance, from 0 (0).
    index: Option<u32>,
    /// Which attempt, from 1 (the latest).
    attempt: Option<u32>,
    /// The first byte (0).
    from: Option<u64>,
    /// Only so many of its last bytes, in place of `from`.
    tail: Option<u64>,
    /// Bytes at most, 1 to 1048576 (65536).
    limit: Option<u64>,
}

/// The log of an attempt, a part at a time: `ork-log-next` says where the next part begins, `ork-log-size` how long the log is now.
#[utoipa::path(get, path = "/api/runs/{run}/tasks/{task}/logs", tag = "tasks",
    params(("run" = String, Path, description = "the run"), ("task" = String, Path, description = "one of its tasks"), LogQuery), responses(
    (status = 200, description = "bytes as they were printed; none when nothing was", body = String, content_type = "text/plain",
        headers(("ork-log-next" = u64, description = "where the next part begins"), ("ork-log-size" = u64, description = "how long the log is now"))),
    (status = 404, description = "there is no such run, task, instance or attempt", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn read<P: Ports>(
    State(site): Ground<P>,
    Path((run, name)): Path<(String, String)>,
    Asked(query): Asked<LogQuery>,
) -> Result<Response, Problem> {
    let most = match query.limit.unwrap_or(USUAL) {
        most @ 1..=MOST => most,
        other => {
            return Err(Problem::bad(format!(
                "`limit` is {other}; it may be 1 to {MOST}"
            )));
        }
    };
    if query.from.is_some() && query.tail.is_some() {
        return Err(Problem::bad("give only one of `from` and `tail`"));
    }
    // No file and no object is larger.
    let largest = i64::MAX.unsigned_abs();
    for (key, value) in [("from", query.from), ("tail", query.tail)] {
        if let Some(value) = value.filter(|value| *value > largest) {
            return Err(Problem::bad(format!(
                "`{key}` is {value}; it may be at most {largest}"
            )));
        }
    }
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let definition = view.graph.task(at);
    let index = query.index.unwrap_or(0);
    let instance = view.state.instance(at, index).ok_or_else(|| {
        let there = view.state.instances(at).len();
        Problem::not_found(format!(
            "task {} has {there} instances, and none has index {index}",
            definition.name
        ))
    })?;
    let latest = instance.attempt.max(1);
    let attempt = query.attempt.unwrap_or(latest);
    if attempt == 0 || attempt > latest {
        return Err(Problem::not_found(format!(
            "instance {index} of task {} has made {} attempts; there is no attempt {attempt}",
            definition.name, instance.attempt
        )));
    }
    let log = ObjectName::Attempt {
        run: view.header.id.clone(),
        task: definition.name.clone(),
        index: definition.fans_out().then_some(index),
        attempt,
        file: AttemptFile::Log,
    };
    let failed = |error: crate::LogError| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.0);
    let from = match (query.from, query.tail) {
        (from, None) => from.unwrap_or(0),
        (_, Some(tail)) => {
            let known = site.logs.read(&log, 0, 0).await.map_err(failed)?;
            known.map_or(0, |known| known.size.saturating_sub(tail.min(most)))
        }
    };
    let found = site.logs.read(&log, from, most).await.map_err(failed)?;
    let found = found.unwrap_or(crate::Log {
        bytes: Vec::new(),
        size: 0,
    });
    let next = from + found.bytes.len() as u64;
    Ok((
        [
            (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
            (NEXT, next.to_string()),
            (SIZE, found.size.to_string()),
        ],
        found.bytes,
    )
        .into_response())
}
