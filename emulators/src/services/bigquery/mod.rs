//! The jobs API of BigQuery (`/bigquery/v2`): jobs and queries whose course is scripted.

mod calls;
mod list;
mod resource;
mod results;
mod rows;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{delete, get, post};

use super::fault::{Asked, Call};
use super::job::Service;
use super::state::Inner;
use crate::http::{ApiError, Code};

type Shared = State<Arc<Inner>>;
type Parameters = Query<HashMap<String, String>>;

pub(super) fn router() -> Router<Arc<Inner>> {
    let project = "/bigquery/v2/projects/{project}";
    Router::new()
        .route(&format!("{project}/jobs"), get(list).post(insert))
        .route(&format!("{project}/jobs/{{id}}"), get(read))
        .route(&format!("{project}/jobs/{{id}}/cancel"), post(cancel))
        .route(&format!("{project}/jobs/{{id}}/delete"), delete(remove))
        .route(&format!("{project}/queries"), post(query))
        .route(&format!("{project}/queries/{{id}}"), get(results))
        .route("/bigquery/v2/{*path}", axum::routing::any(unknown))
}

fn about<'a>(on: Call, project: &'a str, job: Option<&'a str>) -> Asked<'a> {
    Asked {
        service: Service::Bigquery,
        on,
        project,
        job,
    }
}

fn text<'a>(parameters: &'a HashMap<String, String>, name: &str) -> &'a str {
    parameters.get(name).map_or("", String::as_str)
}

async fn insert(State(inner): Shared, Path(project): Path<String>, body: Bytes) -> Response {
    let body = calls::body(&body);
    let id = body.as_ref().ok().and_then(calls::chosen_id);
    let asked = about(Call::Insert, &project, id.as_deref());
    inner
        .answer(asked, |state, now| {
            calls::insert(state, now, &project, &body?)
        })
        .await
}

async fn read(
    State(inner): Shared,
    Path((project, id)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Response {
    let location = text(&parameters, "location");
    inner
        .answer(about(Call::Get, &project, Some(&id)), |state, now| {
            calls::get(state, now, &project, &id, location)
        })
        .await
}

async fn list(
    State(inner): Shared,
    Path(project): Path<String>,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Response {
    inner
        .answer(about(Call::List, &project, None), |state, now| {
            list::list(state, now, &project, &query.unwrap_or_default())
        })
        .await
}

async fn cancel(
    State(inner): Shared,
    Path((project, id)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Response {
    let location = text(&parameters, "location");
    inner
        .answer(about(Call::Cancel, &project, Some(&id)), |state, now| {
            calls::cancel(state, now, &project, &id, location)
        })
        .await
}

async fn remove(
    State(inner): Shared,
    Path((project, id)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Response {
    let location = text(&parameters, "location");
    inner
        .answer(about(Call::Delete, &project, Some(&id)), |state, now| {
            calls::delete(state, now, &project, &id, location)
        })
        .await
}

async fn query(State(inner): Shared, Path(project): Path<String>, body: Bytes) -> Response {
    let asked = about(Call::Query, &project, None);
    let answer = results::query(&inner, &asked, &project, &body).await;
    inner.told(&asked, answer)
}

async fn results(
    State(inner): Shared,
    Path((project, id)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Response {
    let asked = about(Call::Results, &project, Some(&id));
    let answer = results::results(&inner, &asked, &project, &id, &parameters).await;
    inner.told(&asked, answer)
}

async fn unknown(method: axum::http::Method, uri: axum::http::Uri) -> ApiError {
    ApiError::new(
        Code::Unimplemented,
        format!(
            "the stand-in for BigQuery has no {method} of {}: it has jobs and queries",
            uri.path()
        ),
    )
    .because("notImplemented")
}
