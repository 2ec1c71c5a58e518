//! Runs: starting, listing, looking.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{ETAG, IF_NONE_MATCH, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ork_core::Value;
use ork_core::ids::{RunId, TaskName};
use ork_core::run::RunStatus;
use ork_engine::StartRun;
use ork_engine::ports::{Clock, Ports};
use ork_engine::report::{CostReport, RunReport, RunSummary, StoredReport};
use ork_engine::why::Explanation;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Ground, version, view, workflow_name};
use crate::Problem;
use crate::access::Who;
use crate::documents::StartedDocument;
use crate::page::{self, Page};
use crate::request::{Asked, Told};

/// How to start a run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StartRequest {
    /// Inputs by name.
    #[schema(value_type = Object)]
    params: serde_json::Map<String, Value>,
    /// The run's id: a second request with the same key makes no second run.
    idempotency_key: Option<String>,
    /// Which version, as 64 hexadecimal digits; the current one when absent.
    version: Option<String>,
    /// Only these tasks and what they depend on.
    tasks: Vec<String>,
}

/// Starts a run.
#[utoipa::path(post, path = "/api/workflows/{name}/runs", tag = "runs", params(("name" = String, Path, description = "the workflow")),
    request_body = StartRequest, responses(
    (status = 201, description = "it was made; `Location` names it", body = StartedDocument),
    (status = 200, description = "a request with the same key made it before", body = StartedDocument),
    (status = 404, description = "there is no such workflow", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "the key is the id of a run of another workflow", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "the params are wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn start<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path(name): Path<String>,
    Told(asked): Told<StartRequest>,
) -> Result<Response, Problem> {
    let workflow = workflow_name(&name)?;
    let wish = StartRun {
        params: asked.params,
        id: asked.idempotency_key.as_deref().map(key).transpose()?,
        version: asked.version.as_deref().map(version).transpose()?,
        only: asked
            .tasks
            .iter()
            .map(|name| task_name(name))
            .collect::<Result<_, _>>()?,
        ..StartRun::of(workflow.clone())
    };
    let started = Box::pin(site.engine.by(who.act()).start(wish)).await;
    let started = started.map_err(|error| Problem::of(error, StatusCode::UNPROCESSABLE_ENTITY))?;
    if !started.created {
        let there = site.engine.run(&started.id).await?.header.workflow;
        if there != workflow {
            let id = &started.id;
            let whose = match who.sees(&there) {
                true => format!("of workflow {there}"),
                false => "of another workflow".to_owned(),
            };
            return Err(Problem::new(
                StatusCode::CONFLICT,
                format!("`idempotency_key`: there is a run {id} {whose}; choose another key"),
            ));
        }
    }
    let status = match started.created {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let place = format!("/api/runs/{}", started.id);
    let body = StartedDocument {
        run_id: started.id.to_string(),
        created: started.created,
        queued: started.queued,
    };
    Ok((status, [(LOCATION, place)], Json(body)).into_response())
}

fn key(text: &str) -> Result<RunId, Problem> {
    RunId::new(text)
        .map_err(|error| Problem::bad(format!("`idempotency_key` becomes the run's id: {error}")))
}

fn task_name(text: &str) -> Result<TaskName, Problem> {
    TaskName::new(text).map_err(|error| Problem::bad(error.to_string()))
}

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunsQuery {
    /// Only in this status: pending, running, paused, success, failed, cancelled or recovering.
    status: Option<String>,
    /// Only of this workflow.
    workflow: Option<String>,
    /// Items at most, 1 to 500 (50).
    limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/runs", tag = "runs", params(RunsQuery), responses(
    (status = 200, description = "a page of them", body = Page<RunSummary>),
    (status = 400, description = "no such page or filter", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list<P: Ports>(
    State(site): Ground<P>,
    Asked(query): Asked<RunsQuery>,
) -> Result<Json<Page<RunSummary>>, Problem> {
    let limit = page::limit(query.limit)?;
    let status: Option<RunStatus> = query
        .status
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| Problem::bad(format!("`status`: {error}")))?;
    let workflow = query.workflow.as_deref().map(workflow_name).transpose()?;
    let cursor = query.cursor.as_deref();
    let found = site.engine.runs(status, workflow.as_ref(), cursor, limit);
    let (headers, next_cursor) = found
        .await
        .map_err(|error| Problem::of_listing(error, cursor))?;
    Ok(Json(Page {
        items: headers.iter().map(RunSummary::of).collect(),
        next_cursor,
    }))
}

/// How far a run is.
#[utoipa::path(get, path = "/api/runs/{run}", tag = "runs", params(("run" = String, Path, description = "the run")), responses(
    (status = 200, description = "its progress; `ETag` changes with every change of the run", body = RunReport),
    (status = 304, description = "`If-None-Match` names what it still is; durations of what runs are not looked at"),
    (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let tag = tag(view.header.commits);
    if is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let report = RunReport::of(&view, site.engine.ports().clock().now());
    Ok(([(ETAG, tag)], Json(report)).into_response())
}

/// A run as it is stored: for programs that show it themselves, as `ork` does. A few bytes for each instance.
#[utoipa::path(get, path = "/api/runs/{run}/state", tag = "runs", params(("run" = String, Path, description = "the run")), responses(
    (status = 200, description = "its documents; `ETag` changes with every change of the run", body = StoredReport),
    (status = 304, description = "`If-None-Match` names what it still is"),
    (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn state<P: Ports>(
    State(site): Ground<P>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut view = view(&site, &run).await?;
    let tag = tag(view.header.commits);
    if is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    view.state.touch_all();
    let stored = view.state.encode();
    let text = |bytes: Vec<u8>| BASE64.encode(bytes);
    let body = StoredReport {
        run_id: view.header.id.to_string(),
        workflow: view.header.workflow.to_string(),
        version: view.header.version.to_string(),
        header: text(stored.header),
        pages: stored
            .pages
            .into_iter()
            .map(|(_, bytes)| text(bytes))
            .collect(),
    };
    Ok(([(ETAG, tag)], Json(body)).into_response())
}

/// Why a run and its tasks do not go on.
#[utoipa::path(get, path = "/api/runs/{run}/explanation", tag = "runs", params(("run" = String, Path, description = "the run")), responses(
    (status = 200, description = "what is waited for; nothing of what has ended or is simply at work", body = Explanation),
    (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn explain<P: Ports>(
    State(site): Ground<P>,
    Path(run): Path<String>,
) -> Result<Json<Explanation>, Problem> {
    let view = view(&site, &run).await?;
    Ok(Json(site.engine.explain(&view).await?))
}

/// What a run has cost so far, as of its last commit. Where runs cost nothing there are no prices.
#[utoipa::path(get, path = "/api/runs/{run}/cost", tag = "runs", params(("run" = String, Path, description = "the run")), responses(
    (status = 200, description = "what each function used, at list prices", body = CostReport),
    (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn cost<P: Ports>(
    State(site): Ground<P>,
    Path(run): Path<String>,
) -> Result<Json<CostReport>, Problem> {
    let view = view(&site, &run).await?;
    Ok(Json(match site.settings.prices {
        Some(prices) => CostReport::of(&view, prices.of, prices.nanos),
        None => CostReport::nothing(&view),
    }))
}

/// Weak: what is written about a run that goes on also depends on when it is written.
fn tag(commits: u64) -> String {
    format!("W/\"{commits}\"")
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let strong = tag.trim_start_matches("W/");
    let all = headers.get_all(IF_NONE_MATCH).iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == strong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_a_list_and_weakly() {
        for (said, known) in [
            ("W/\"7\"", true),
            ("\"7\"", true),
            ("\"6\", W/\"7\"", true),
            ("*", true),
            ("\"17\"", false),
            ("7", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, said.parse().expect("a header"));
            assert_eq!(is_known(&headers, &tag(7)), known, "{said}");
        }
    }
}
