//! What tests and people ask of the stand-in beyond Cloud Run's own API.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::Inner;
use super::fault::Fault;
use super::job::{Job, Work};
use super::simulated::{Planned, Simulated};
use crate::http::{ApiError, Code, read};
use crate::services::Script;

/// The body of `POST /control/jobs`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    /// `projects/P/locations/L/jobs/J`
    name: String,
    /// The command line that stands for the container …
    #[serde(default)]
    command: Vec<String>,
    /// … or what the job does instead.
    #[serde(default)]
    simulate: Option<Script>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    dir: Option<PathBuf>,
    #[serde(default)]
    timeout_seconds: Option<u64>,
    #[serde(default)]
    parallelism: Option<usize>,
}

pub(super) async fn register(
    State(inner): State<Arc<Inner>>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let registration: Registration = read(&body)?;
    if let Some(script) = registration.simulate {
        if !registration.command.is_empty() || registration.dir.is_some() {
            return Err(ApiError::new(
                Code::InvalidArgument,
                "a job has either a `command` or a script to `simulate` it",
            ));
        }
        let mut job = Simulated::new("stand-in");
        job.script = script;
        job.args = registration.args;
        job.env = registration.env;
        if let Some(seconds) = registration.timeout_seconds {
            job.timeout = Duration::from_secs(seconds);
        }
        inner.register(&registration.name, Work::Simulated(job))?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let mut job = Job::new(registration.command).with_env(registration.env);
    job.args = registration.args;
    job.dir = registration.dir;
    job.parallelism = registration.parallelism;
    if let Some(seconds) = registration.timeout_seconds {
        job.timeout = Duration::from_secs(seconds);
    }
    inner.register(&registration.name, Work::Process(job))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn faults(State(inner): State<Arc<Inner>>) -> Json<Vec<Fault>> {
    Json(inner.state().faults.all().to_vec())
}

pub(super) async fn add_fault(
    State(inner): State<Arc<Inner>>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let fault: Fault = read(&body)?;
    if let Some(why) = fault.nonsense() {
        return Err(ApiError::new(Code::InvalidArgument, why));
    }
    inner.state().faults.add(fault);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn clear_faults(State(inner): State<Arc<Inner>>) -> StatusCode {
    inner.state().faults.clear();
    StatusCode::NO_CONTENT
}

pub(super) async fn scripts(State(inner): State<Arc<Inner>>) -> Json<Vec<Planned>> {
    Json(inner.state().planned.clone())
}

pub(super) async fn add_script(
    State(inner): State<Arc<Inner>>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    inner.plan(read(&body)?)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn clear_scripts(State(inner): State<Arc<Inner>>) -> StatusCode {
    inner.state().planned.clear();
    StatusCode::NO_CONTENT
}

pub(super) async fn output(
    State(inner): State<Arc<Inner>>,
    Path(execution): Path<String>,
) -> Result<String, ApiError> {
    inner
        .output(&execution)
        .ok_or_else(|| ApiError::new(Code::NotFound, format!("there is no execution {execution}")))
}

pub(super) async fn kill(
    State(inner): State<Arc<Inner>>,
    Path((index, execution)): Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    if inner.kill_task(&execution, index) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::new(
            Code::NotFound,
            format!("task {index} of {execution} does not run"),
        ))
    }
}

pub(super) async fn wipe(
    State(inner): State<Arc<Inner>>,
    Path(project): Path<String>,
) -> StatusCode {
    inner.wipe(&project);
    StatusCode::NO_CONTENT
}
