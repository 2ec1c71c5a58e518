//! The HTTP side: which request is which call.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::calls::Page;
use super::fault::Call;
use super::name::{Name, parse};
use super::resource::Enums;
use super::{Inner, control};
use crate::http::{ApiError, Code, read};

pub(super) fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/v2/{*path}", any(call))
        .route("/control/jobs", post(control::register))
        .route(
            "/control/faults",
            get(control::faults)
                .post(control::add_fault)
                .delete(control::clear_faults),
        )
        .route(
            "/control/scripts",
            get(control::scripts)
                .post(control::add_script)
                .delete(control::clear_scripts),
        )
        .route("/control/output/{*execution}", get(control::output))
        .route("/control/kill/{index}/{*execution}", post(control::kill))
        .route("/control/wipe/{project}", post(control::wipe))
        .with_state(inner)
}

async fn call(
    State(inner): State<Arc<Inner>>,
    method: Method,
    Path(path): Path<String>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let delay = delay(&inner, &method, &path);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match answer(&inner, &method, &path, &query, &body) {
        Ok(value) => Json(value).into_response(),
        Err(error) => error.into_response(),
    }
}

/// How long a fault lets this call wait.
fn delay(inner: &Inner, method: &Method, path: &str) -> Duration {
    let Ok((name, verb)) = parse(path) else {
        return Duration::ZERO;
    };
    let (on, job) = match (method.as_str(), &name, verb) {
        ("POST", Name::Job { job }, Some("run")) => (Call::Run, job),
        ("GET", Name::Execution { job, .. }, None) => (Call::Get, job),
        ("GET", Name::Executions { job }, None) => (Call::List, job),
        ("POST", Name::Execution { job, .. }, Some("cancel")) => (Call::Cancel, job),
        _ => return Duration::ZERO,
    };
    inner.state().faults.take_delay(on, job)
}

fn answer(
    inner: &Arc<Inner>,
    method: &Method,
    path: &str,
    query: &HashMap<String, String>,
    body: &[u8],
) -> Result<Value, ApiError> {
    let text = |name: &str| query.get(name).map_or("", String::as_str);
    let enums = Enums {
        as_numbers: text("$alt").contains("enum-encoding=int"),
    };
    let page = || -> Result<Page, ApiError> {
        let size = text("pageSize");
        let size = match size {
            "" => 0,
            size => size.parse().map_err(|_| {
                ApiError::new(
                    Code::InvalidArgument,
                    format!("page_size: `{size}` is no number"),
                )
            })?,
        };
        Ok(Page {
            size,
            token: text("pageToken").to_owned(),
        })
    };
    let (name, verb) = parse(path)?;
    match (method.as_str(), &name, verb) {
        ("POST", Name::Job { job }, Some("run")) => inner.run(job, read(body)?, enums),
        ("POST", Name::Jobs { location }, None) => {
            inner.create_job(location, text("jobId"), read(body)?, enums)
        }
        ("GET", Name::Jobs { location }, None) => inner.list_jobs(location, &page()?, enums),
        ("GET", Name::Job { job }, None) => inner.get_job(job, enums),
        ("DELETE", Name::Job { job }, None) => inner.delete_job(job, enums),
        ("GET", Name::Executions { job }, None) => inner.list_executions(job, &page()?, enums),
        ("GET", Name::Execution { name, job }, None) => inner.get_execution(name, job, enums),
        ("POST", Name::Execution { name, job }, Some("cancel")) => {
            inner.cancel_execution(name, job, enums)
        }
        ("DELETE", Name::Execution { name, job }, None) => inner.delete_execution(name, job, enums),
        ("GET", Name::Operation { name }, None) => inner.get_operation(name, enums),
        _ => Err(ApiError::new(
            Code::Unimplemented,
            format!("the stand-in for Cloud Run jobs has no {method} of {path}"),
        )),
    }
}
