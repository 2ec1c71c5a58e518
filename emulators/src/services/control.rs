//! What tests and people ask of the stand-in beyond Google's own APIs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::job::{JobView, Service};
use super::planned::Planned;
use super::script::Script;
use super::state::Inner;
use crate::http::{ApiError, Code, read};

type Shared = State<Arc<Inner>>;

fn invalid(why: impl Into<String>) -> ApiError {
    ApiError::new(Code::InvalidArgument, why)
}

fn sensible(nonsense: Option<String>) -> Result<(), ApiError> {
    nonsense.map_or(Ok(()), |why| Err(invalid(why)))
}

pub(super) async fn scripts(State(inner): Shared) -> Json<Vec<Planned>> {
    Json(inner.state().waiting.all().to_vec())
}

pub(super) async fn add_script(State(inner): Shared, body: Bytes) -> Result<StatusCode, ApiError> {
    let planned: Planned = read(&body)?;
    sensible(planned.nonsense())?;
    inner.plan(planned);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn clear_scripts(State(inner): Shared) -> StatusCode {
    inner.state().waiting.clear();
    StatusCode::NO_CONTENT
}

pub(super) async fn faults(State(inner): Shared) -> Json<Vec<Fault>> {
    Json(inner.state().faults.all().to_vec())
}

pub(super) async fn add_fault(State(inner): Shared, body: Bytes) -> Result<StatusCode, ApiError> {
    let fault: Fault = read(&body)?;
    sensible(fault.nonsense())?;
    inner.state().faults.add(fault);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn clear_faults(State(inner): Shared) -> StatusCode {
    inner.state().faults.clear();
    StatusCode::NO_CONTENT
}

pub(super) async fn calls(State(inner): Shared) -> Json<BTreeMap<String, u64>> {
    Json(inner.state().calls.clone())
}

pub(super) async fn clear_calls(State(inner): Shared) -> StatusCode {
    inner.state().calls.clear();
    StatusCode::NO_CONTENT
}

/// Which jobs are asked for; without a word, all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    project: Option<String>,
    service: Option<Service>,
}

pub(super) async fn jobs(State(inner): Shared, Query(wanted): Query<Wanted>) -> Json<Vec<JobView>> {
    let jobs = inner.views().into_iter().filter(|job| {
        wanted
            .project
            .as_ref()
            .is_none_or(|project| *project == job.project)
            && wanted.service.is_none_or(|service| service == job.service)
    });
    Json(jobs.collect())
}

/// How the clock of the jobs stands.
#[derive(Debug, Serialize)]
pub(super) struct Reading {
    now: Timestamp,
    speed: f64,
}

/// How it is to be changed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    speed: Option<f64>,
    advance_seconds: Option<f64>,
}

pub(super) async fn clock(State(inner): Shared) -> Json<Reading> {
    Json(Reading {
        now: inner.clock.now(),
        speed: inner.clock.speed(),
    })
}

pub(super) async fn set_clock(
    State(inner): Shared,
    body: Bytes,
) -> Result<Json<Reading>, ApiError> {
    let change: Change = read(&body)?;
    let speed = change.speed;
    if let Some(speed) = speed.filter(|speed| !(0.0..=1e6).contains(speed)) {
        return Err(invalid(format!(
            "speed: {speed} is not between 0 and a million"
        )));
    }
    let by = change
        .advance_seconds
        .map(Duration::try_from_secs_f64)
        .transpose();
    let by = by.map_err(|error| invalid(format!("advance_seconds: {error}")))?;
    if let Some(speed) = speed {
        inner.clock.hurry(speed);
    }
    if let Some(by) = by {
        inner.clock.advance(by);
    }
    Ok(clock(State(inner)).await)
}

pub(super) async fn defaults(State(inner): Shared, body: Bytes) -> Result<StatusCode, ApiError> {
    let script: Script = read(&body)?;
    sensible(script.nonsense())?;
    inner.state().defaults = script;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn wipe(State(inner): Shared, Path(project): Path<String>) -> StatusCode {
    inner.wipe(&project);
    StatusCode::NO_CONTENT
}
