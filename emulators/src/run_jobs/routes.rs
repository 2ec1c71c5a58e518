//! The HTTP side: which request is which call.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::calls::Page;
use super::name::{Name, parse};
use super::resource::Enums;
use super::{Inner, control};
use crate::http::{ApiError, Code};

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
    match answer(&inner, &method, &path, &query, &body) {
        Ok(value) => Json(value).into_response(),
        Err(error) => error.into_response(),
    }
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

/// A JSON body; an empty one stands for an empty object.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(
            Code::InvalidArgument,
            format!("the body is not what is expected: {error}"),
        )
    })
}
