//! `POST /compile`: what a workflow file of the code folder says.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ork_core::definition::Workflow;
use ork_host::Payload;
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::asked;
use super::folder::load;
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
    let code = &service.machine.code_dir;
    let find = |request: Request| load(code, request.workflow_path.as_deref());
    match asked(&body, find) {
        Ok(file) => Json(described(&file.workflow)).into_response(),
        Err(answer) => *answer,
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
