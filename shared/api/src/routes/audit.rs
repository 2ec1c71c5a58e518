//! Who changed what.

use axum::Json;
use axum::extract::State;
use ork_core::time::Time;
use ork_engine::ports::Ports;
use ork_engine::{AuditFilter, AuditRecord};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Ground, run_id, workflow_name};
use crate::Problem;
use crate::access::Who;
use crate::page::{self, Page};
use crate::request::Asked;

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// By this actor: `key:7f3k2m9q1x`, or what stands behind the colon alone.
    actor: Option<String>,
    /// This action, or all that begin so: `run.cancel`, `run`.
    action: Option<String>,
    /// About this workflow and its runs.
    workflow: Option<String>,
    /// About this run.
    run: Option<String>,
    /// Not before this instant (RFC 3339).
    since: Option<String>,
    /// Before this instant (RFC 3339).
    until: Option<String>,
    /// Items at most, 1 to 500 (50).
    limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
}

/// Changes that people and programs made, newest first. A filtered page may be short and still have a successor.
#[utoipa::path(get, path = "/api/audit", tag = "access", params(AuditQuery), responses(
    (status = 200, description = "a page of them", body = Page<AuditRecord>),
    (status = 400, description = "no such page or filter", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Asked(query): Asked<AuditQuery>,
) -> Result<Json<Page<AuditRecord>>, Problem> {
    let limit = page::limit(query.limit)?;
    let filter = AuditFilter {
        actor: query.actor,
        action: query.action,
        workflow: query.workflow.as_deref().map(workflow_name).transpose()?,
        run: query.run.as_deref().map(run_id).transpose()?,
        since: instant("since", query.since.as_deref())?,
        until: instant("until", query.until.as_deref())?,
        within: who.caller.workflows,
    };
    let cursor = query.cursor.as_deref();
    let found = site.engine.audit(&filter, cursor, limit).await;
    let (items, next_cursor) = found.map_err(|error| Problem::of_listing(error, cursor))?;
    Ok(Json(Page { items, next_cursor }))
}

fn instant(name: &str, text: Option<&str>) -> Result<Option<Time>, Problem> {
    let read = text.map(Time::parse).transpose();
    read.map_err(|error| Problem::bad(format!("`{name}`: {error}")))
}
