//! The HTTP side: which request is which call.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Inner;
use crate::http::{ApiError, Code};

/// A task's body of 1 MiB in base64, and what is around it.
const REQUEST_MAX: usize = 3 * 1024 * 1024;

pub(super) fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .route("/v2/{*path}", any(call))
        .route("/control/refuse", post(refuse))
        .route("/control/wipe/{project}", post(wipe))
        .layer(DefaultBodyLimit::max(REQUEST_MAX))
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
    let (name, verb) = match path.rsplit_once(':') {
        Some((name, verb)) if !verb.contains('/') => (name, Some(verb)),
        _ => (path, None),
    };
    let parts: Vec<&str> = name.split('/').collect();
    let upper = |count: usize| parts[..parts.len() - count].join("/");
    match (method.as_str(), &parts[..], verb) {
        ("GET", ["projects", _, "locations", _, "queues"], None) => inner.list_queues(&upper(1)),
        ("POST", ["projects", _, "locations", _, "queues"], None) => {
            inner.create_queue(&upper(1), &read(body)?)
        }
        ("GET", ["projects", _, "locations", _, "queues", _], None) => inner.get_queue(name),
        ("DELETE", ["projects", _, "locations", _, "queues", _], None) => inner.delete_queue(name),
        ("POST", ["projects", _, "locations", _, "queues", _], Some("purge")) => inner.purge(name),
        ("POST", ["projects", _, "locations", _, "queues", _], Some("pause")) => {
            inner.set_paused(name, true)
        }
        ("POST", ["projects", _, "locations", _, "queues", _], Some("resume")) => {
            inner.set_paused(name, false)
        }
        ("POST", ["projects", _, "locations", _, "queues", _, "tasks"], None) => {
            inner.create_task(&upper(1), &read(body)?)
        }
        ("GET", ["projects", _, "locations", _, "queues", _, "tasks"], None) => inner.list_tasks(
            &upper(1),
            text("responseView"),
            text("pageSize"),
            text("pageToken"),
        ),
        ("GET", ["projects", _, "locations", _, "queues", _, "tasks", _], None) => {
            inner.get_task(name, text("responseView"))
        }
        ("DELETE", ["projects", _, "locations", _, "queues", _, "tasks", _], None) => {
            inner.delete_task(name)
        }
        ("POST", ["projects", _, "locations", _, "queues", _, "tasks", _], Some("run")) => {
            inner.run_task(name, &read(body)?)
        }
        _ => Err(ApiError::new(
            Code::Unimplemented,
            format!("the stand-in for Cloud Tasks has no {method} of {path}"),
        )),
    }
}

fn read(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(
            Code::InvalidArgument,
            format!("the body is not JSON: {error}"),
        )
    })
}

/// The body of `POST /control/refuse`: the next `times` creations are answered with `status`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refuse {
    status: u16,
    times: usize,
}

async fn refuse(State(inner): State<Arc<Inner>>, body: Bytes) -> Result<StatusCode, ApiError> {
    let refuse: Refuse = serde_json::from_slice(&body).map_err(|error| {
        ApiError::new(
            Code::InvalidArgument,
            format!("the body is not what is expected: {error}"),
        )
    })?;
    if !(400..600).contains(&refuse.status) {
        return Err(ApiError::new(
            Code::InvalidArgument,
            format!("the status {} is no error", refuse.status),
        ));
    }
    inner
        .state()
        .refusals
        .extend(std::iter::repeat_n(refuse.status, refuse.times));
    Ok(StatusCode::NO_CONTENT)
}

async fn wipe(State(inner): State<Arc<Inner>>, Path(project): Path<String>) -> StatusCode {
    inner.state().wipe(&format!("projects/{project}/"));
    StatusCode::NO_CONTENT
}
