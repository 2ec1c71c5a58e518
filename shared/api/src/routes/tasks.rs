//! The tasks of a run, and their instances.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ork_core::run::InstanceStatus;
use ork_engine::ports::{Clock, Ports};
use ork_engine::report::{self, TaskReport};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Ground, task, view};
use crate::Problem;
use crate::documents::{InstanceDocument, TaskDocument};
use crate::page;
use crate::request::Asked;

/// All tasks of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TasksDocument {
    /// By name.
    #[schema(value_type = BTreeMap<String, TaskReport>)]
    tasks: BTreeMap<ork_core::ids::TaskName, TaskReport>,
}

/// The tasks of a run by name.
#[utoipa::path(get, path = "/api/runs/{run}/tasks", tag = "tasks", params(("run" = String, Path, description = "the run")), responses(
    (status = 200, description = "how far each is", body = TasksDocument),
    (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list<P: Ports>(
    State(site): Ground<P>,
    Path(run): Path<String>,
) -> Result<Json<TasksDocument>, Problem> {
    let view = view(&site, &run).await?;
    let tasks = report::tasks(&view, site.engine.ports().clock().now());
    Ok(Json(TasksDocument { tasks }))
}

/// Which instances.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstancesQuery {
    /// Only in this status, such as failed or running.
    status: Option<String>,
    /// Items at most, 1 to 500 (50).
    limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filter.
    cursor: Option<String>,
}

/// A task of a run, with its instances.
#[utoipa::path(get, path = "/api/runs/{run}/tasks/{task}", tag = "tasks",
    params(("run" = String, Path, description = "the run"), ("task" = String, Path, description = "one of its tasks"), InstancesQuery), responses(
    (status = 200, description = "how far it is", body = TaskDocument),
    (status = 404, description = "there is no such run or task", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    Path((run, name)): Path<(String, String)>,
    Asked(query): Asked<InstancesQuery>,
) -> Result<Json<TaskDocument>, Problem> {
    let limit = page::limit(query.limit)?;
    let status: Option<InstanceStatus> = query
        .status
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| Problem::bad(format!("`status`: {error}")))?;
    let from: u32 = match &query.cursor {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_| Problem::bad("`cursor` is not one of this listing"))?,
    };
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let report = TaskReport::of(&view, at, site.engine.ports().clock().now());
    let name = &view.graph.task(at).name;
    let all = (0u32..).zip(view.state.instances(at)).skip(from as usize);
    let mut wanted = all.filter(|(_, one)| status.is_none_or(|status| one.status() == status));
    let items: Vec<InstanceDocument> = wanted
        .by_ref()
        .take(limit)
        .map(|(index, one)| InstanceDocument::of(index, one))
        .collect();
    Ok(Json(TaskDocument {
        name: name.to_string(),
        report,
        items,
        next_cursor: wanted.next().map(|(index, _)| index.to_string()),
    }))
}

/// What a task gave: its value, or for a fan-out the list; null where there is nothing (yet).
#[utoipa::path(get, path = "/api/runs/{run}/tasks/{task}/output", tag = "tasks",
    params(("run" = String, Path, description = "the run"), ("task" = String, Path, description = "one of its tasks")), responses(
    (status = 200, description = "the output, any JSON", body = Value),
    (status = 404, description = "there is no such run or task", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn output<P: Ports>(
    State(site): Ground<P>,
    Path((run, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let text = site.engine.task_output(&view, at).await?;
    let kind = [(CONTENT_TYPE, "application/json")];
    Ok((kind, text.as_ref().to_owned()).into_response())
}
