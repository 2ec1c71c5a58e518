//! API keys: made, listed, revoked.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::{IntoResponse, Response};
use ork_core::ids::{RecordId, WorkflowName};
use ork_core::time::Millis;
use ork_engine::ports::{Clock, Ports};
use ork_engine::report::{KeyReport, NewKeyReport};
use ork_engine::{Act, ApiKeyDocument, NewKey, Role};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Ground, workflow_name};
use crate::Problem;
use crate::access::Who;
use crate::page::{self, Page};
use crate::request::{Asked, Told};
use crate::site::Site;

/// The least and the most that a key may last, in seconds: a minute and ten years.
const LASTS: std::ops::RangeInclusive<u64> = 60..=315_360_000;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeysQuery {
    /// Items at most, 1 to 500 (50).
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// API keys by id, those that ended too.
#[utoipa::path(get, path = "/api/keys", tag = "access", params(KeysQuery), responses(
    (status = 200, description = "a page of them", body = Page<KeyReport>),
    (status = 400, description = "no such page", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list<P: Ports>(
    State(site): Ground<P>,
    Asked(query): Asked<KeysQuery>,
) -> Result<Json<Page<KeyReport>>, Problem> {
    let limit = page::limit(query.limit)?;
    let cursor = query.cursor.as_deref();
    let found = site.engine.keys_page(cursor, limit).await;
    let (all, next_cursor) = found.map_err(|error| Problem::of_listing(error, cursor))?;
    let now = site.engine.ports().clock().now();
    Ok(Json(Page {
        items: all
            .into_iter()
            .map(|known| KeyReport::of(known, now))
            .collect(),
        next_cursor,
    }))
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyRequest {
    /// What it is for: 1 to 80 characters.
    name: String,
    /// What its holder may do.
    role: Role,
    /// Only to these workflows and their runs; to all when empty.
    #[serde(default)]
    workflows: Vec<String>,
    /// How long it is good for, 60 to 315360000; until it is revoked when absent.
    expires_in_seconds: Option<u64>,
}

/// Makes an API key. The answer is the only one that tells it.
#[utoipa::path(post, path = "/api/keys", tag = "access", request_body = NewKeyRequest, responses(
    (status = 201, description = "the key, told once", body = NewKeyReport),
    (status = 400, description = "the request cannot be read", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "there can be no such key", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn create<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Told(asked): Told<NewKeyRequest>,
) -> Result<Response, Problem> {
    let lasts = match asked.expires_in_seconds {
        Some(seconds) if !LASTS.contains(&seconds) => {
            return Err(Problem::bad(format!(
                "`expires_in_seconds` is {seconds}; it may be {} to {}",
                LASTS.start(),
                LASTS.end()
            )));
        }
        given => given.map(Millis::from_secs),
    };
    let workflows: Result<Vec<WorkflowName>, Problem> = asked
        .workflows
        .iter()
        .map(|name| workflow_name(name))
        .collect();
    let wish = NewKey {
        name: asked.name,
        role: asked.role,
        workflows: workflows?,
        lasts,
    };
    let (known, token) = make(&site, who.act(), wish).await?;
    let place = format!("/api/keys/{}", known.id);
    let key = KeyReport::of(known, site.engine.ports().clock().now());
    let body = Json(NewKeyReport { token, key });
    let headers = [(LOCATION, place), (CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, body).into_response())
}

/// Makes a key out of random bytes: what is kept of it, and its text.
pub(crate) async fn make<P: Ports>(
    site: &Site<P>,
    act: Act,
    wish: NewKey,
) -> Result<(ApiKeyDocument, String), Problem> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("this system has no random bytes for a key now: {error}"),
        )
    })?;
    let made = site.engine.by(act).create_key(wish, secret).await;
    made.map_err(|error| Problem::of(error, StatusCode::UNPROCESSABLE_ENTITY))
}

/// Has an API key let nobody in any more, from the next request on. It stays in the list.
#[utoipa::path(post, path = "/api/keys/{key}/revoke", tag = "access", params(("key" = String, Path, description = "the key's id")), responses(
    (status = 200, description = "the key as it stands", body = KeyReport),
    (status = 404, description = "there is no such key", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path(key): Path<String>,
    Told(super::commands::Nothing {}): Told<super::commands::Nothing>,
) -> Result<Json<KeyReport>, Problem> {
    let id = RecordId::new(&key).map_err(|error| Problem::bad(error.to_string()))?;
    let known = site.engine.by(who.act()).revoke_key(&id).await?;
    let now = site.engine.ports().clock().now();
    Ok(Json(KeyReport::of(known, now)))
}
