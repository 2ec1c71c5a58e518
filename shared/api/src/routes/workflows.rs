//! Workflows: what there is, what it says, whether it fires.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use ork_engine::WorkflowDocument;
use ork_engine::ports::{Clock, Ports};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Ground, workflow_name};
use crate::Problem;
use crate::access::Who;
use crate::documents::{WorkflowDetail, WorkflowSummary};
use crate::page::{self, Page};
use crate::request::{Asked, Told};
use crate::site::Site;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Items at most, 1 to 500 (50).
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Workflows by name.
#[utoipa::path(get, path = "/api/workflows", tag = "workflows", params(ListQuery), responses(
    (status = 200, description = "a page of them", body = Page<WorkflowSummary>),
    (status = 400, description = "no such page", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<WorkflowSummary>>, Problem> {
    let limit = page::limit(query.limit)?;
    let cursor = query.cursor.as_deref();
    let found = site.engine.workflows_page(cursor, limit).await;
    let (all, next_cursor) = found.map_err(|error| Problem::of_listing(error, cursor))?;
    Ok(Json(Page {
        items: all
            .iter()
            .filter(|one| who.sees(&one.name))
            .map(WorkflowSummary::of)
            .collect(),
        next_cursor,
    }))
}

/// A workflow, with its schedule, its params and its tasks.
#[utoipa::path(get, path = "/api/workflows/{name}", tag = "workflows", params(("name" = String, Path, description = "the workflow")), responses(
    (status = 200, description = "the workflow as it stands", body = WorkflowDetail),
    (status = 404, description = "there is none of that name", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    Path(name): Path<String>,
) -> Result<Json<WorkflowDetail>, Problem> {
    let standing = standing(&site, &name).await?;
    detail(&site, &standing).await.map(Json)
}

/// Removes a workflow. Its versions and its runs stay.
#[utoipa::path(delete, path = "/api/workflows/{name}", tag = "workflows", params(("name" = String, Path, description = "the workflow")), responses(
    (status = 204, description = "it is gone"),
    (status = 404, description = "there is none of that name", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn delete<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let name = workflow_name(&name)?;
    site.engine.by(who.act()).delete_workflow(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What may be changed of a workflow's schedule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleChange {
    /// Whether its schedules fire.
    enabled: bool,
}

/// Lets the schedules of a workflow fire, or not.
#[utoipa::path(patch, path = "/api/workflows/{name}/schedule", tag = "workflows", params(("name" = String, Path, description = "the workflow")),
    request_body = ScheduleChange, responses(
    (status = 200, description = "the workflow as it stands now", body = WorkflowDetail),
    (status = 404, description = "there is none of that name", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn schedule<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path(name): Path<String>,
    Told(change): Told<ScheduleChange>,
) -> Result<Json<WorkflowDetail>, Problem> {
    let known = workflow_name(&name)?;
    let by = site.engine.by(who.act());
    by.enable(&known, change.enabled).await?;
    let standing = standing(&site, &name).await?;
    detail(&site, &standing).await.map(Json)
}

/// A stored version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionDocument {
    /// The hash of its definition.
    version: String,
    /// Whether new runs are pinned to it.
    current: bool,
}

/// The stored versions of a workflow, the current one first.
#[utoipa::path(get, path = "/api/workflows/{name}/versions", tag = "workflows", params(("name" = String, Path, description = "the workflow")), responses(
    (status = 200, description = "all of them", body = Page<VersionDocument>),
    (status = 404, description = "there is none of that name", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn versions<P: Ports>(
    State(site): Ground<P>,
    Path(name): Path<String>,
) -> Result<Json<Page<VersionDocument>>, Problem> {
    let standing = standing(&site, &name).await?;
    let mut items: Vec<VersionDocument> = site
        .engine
        .versions(&standing.name)
        .await?
        .into_iter()
        .map(|version| VersionDocument {
            current: version == standing.current,
            version: version.to_string(),
        })
        .collect();
    items.sort_by(|a, b| (!a.current, &a.version).cmp(&(!b.current, &b.version)));
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// What a version says, as it is stored. Of whom it tells only so much is in it as may be shown.
#[utoipa::path(get, path = "/api/workflows/{name}/versions/{version}", tag = "workflows",
    params(("name" = String, Path, description = "the workflow"), ("version" = String, Path, description = "64 hexadecimal digits")), responses(
    (status = 200, description = "the definition; it never changes", body = Object),
    (status = 404, description = "there is no such version", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn definition<P: Ports>(
    State(site): Ground<P>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (name, version) = (workflow_name(&name)?, super::version(&version)?);
    let graph = site.engine.definition(&name, &version).await?;
    let mut workflow = graph.workflow.clone();
    for one in &mut workflow.notifications {
        one.to.forget_secrets();
    }
    let kind = [(CONTENT_TYPE, "application/json")];
    Ok((kind, workflow.encode()).into_response())
}

async fn standing<P: Ports>(site: &Site<P>, name: &str) -> Result<WorkflowDocument, Problem> {
    let name = workflow_name(name)?;
    Ok(site.engine.workflow_standing(&name).await?)
}

async fn detail<P: Ports>(
    site: &Site<P>,
    standing: &WorkflowDocument,
) -> Result<WorkflowDetail, Problem> {
    let graph = site
        .engine
        .definition(&standing.name, &standing.current)
        .await?;
    let now = site.engine.ports().clock().now();
    Ok(WorkflowDetail::of(standing, &graph.workflow, now))
}
