//! `POST /compile`: what a workflow file of the code folder says.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use ork_core::definition::Workflow;
use ork_core::diagnostic::to_json;
use ork_host::{Payload, answer};
use serde::Deserialize;
use serde_json::{Value, json};

use super::folder::{Wrong, load};
use super::{Inner, Supply};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    workflow_path: Option<String>,
}

pub(super) async fn compile<S: Supply>(
    State(service): State<Arc<Inner<S>>>,
    body: Payload,
) -> Response {
    let request: Request = match read(&body) {
        Ok(request) => request,
        Err(answer) => return *answer,
    };
    match load(&service.machine.code_dir, request.workflow_path.as_deref()) {
        Ok(file) => Json(described(&file.workflow)).into_response(),
        Err(wrong) => unprocessable(&wrong),
    }
}

/// A body that is JSON; nothing is `{}`.
pub(super) fn read<T: for<'a> Deserialize<'a>>(body: &Payload) -> Result<T, Box<Response>> {
    let bytes = match body {
        Payload::Whole(bytes) if bytes.is_empty() => b"{}".as_slice(),
        Payload::Whole(bytes) => bytes,
        Payload::TooLarge(size) => {
            let detail = format!("the body has {size} bytes");
            return Err(answer::problem(StatusCode::PAYLOAD_TOO_LARGE, &detail).into());
        }
    };
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("the body is not what is asked for: {error}");
        answer::problem(StatusCode::BAD_REQUEST, &detail).into()
    })
}

/// A problem with all that was found.
pub(super) fn unprocessable(wrong: &Wrong) -> Response {
    match wrong {
        Wrong::Said(detail) => answer::problem(StatusCode::UNPROCESSABLE_ENTITY, detail),
        Wrong::Found(found) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let mut body = json!({
                "title": status.canonical_reason(),
                "status": status.as_u16(),
                "detail": found.first().map(|one| one.message.as_str()),
            });
            body["errors"] = to_json(found)["errors"].take();
            let mut answer = (status, Json(body)).into_response();
            let kind = HeaderValue::from_static("application/problem+json");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            answer
        }
    }
}

fn described(workflow: &Workflow) -> Value {
    let name = |at: &u32| {
        workflow
            .tasks
            .get(*at as usize)
            .map(|task| task.name.as_str())
    };
    let tasks: Vec<Value> = workflow
        .tasks
        .iter()
        .map(|task| {
            let upstreams: Vec<&str> = task.depends_on.iter().filter_map(name).collect();
            json!({
                "name": task.name,
                "executor": task.executor.word(),
                "depends_on": upstreams,
            })
        })
        .collect();
    json!({"workflow": workflow.name, "tasks": tasks})
}
