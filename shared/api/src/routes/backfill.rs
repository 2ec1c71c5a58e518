//! Runs for slots that a schedule had and that have none.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use ork_core::Value;
use ork_core::time::Time;
use ork_engine::ports::Ports;
use ork_engine::{BackfillReport, SlotRange};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Ground, workflow_name};
use crate::Problem;
use crate::access::Who;
use crate::request::Told;

/// Which slots.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackfillRequest {
    /// The first instant that counts (RFC 3339).
    #[schema(value_type = String, format = DateTime)]
    from: String,
    /// The last instant that counts (RFC 3339); not in the future.
    #[schema(value_type = String, format = DateTime)]
    to: String,
    /// Only says what would be done.
    #[serde(default)]
    dry_run: bool,
    /// Inputs by name, the same for all runs.
    #[serde(default)]
    #[schema(value_type = Object)]
    params: serde_json::Map<String, Value>,
}

/// Makes a run for every slot of a range that has none, under the id that its schedule gives it: doing it twice makes no second run.
#[utoipa::path(post, path = "/api/workflows/{name}/backfill", tag = "runs", params(("name" = String, Path, description = "the workflow")),
    request_body = BackfillRequest, responses(
    (status = 200, description = "every slot of the range, and what became of it", body = BackfillReport),
    (status = 404, description = "there is no such workflow", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "the range ends in the future or has more than 500 slots, or the params are wrong; nothing was started", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn backfill<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path(name): Path<String>,
    Told(asked): Told<BackfillRequest>,
) -> Result<Json<BackfillReport>, Problem> {
    let workflow = workflow_name(&name)?;
    let range = SlotRange {
        from: instant("from", &asked.from)?,
        to: instant("to", &asked.to)?,
    };
    let filled = if asked.dry_run {
        site.engine.slots_in(&workflow, range).await
    } else {
        let by = site.engine.by(who.act());
        Box::pin(by.backfill(&workflow, range, &asked.params)).await
    };
    let filled = filled.map_err(|error| Problem::of(error, StatusCode::UNPROCESSABLE_ENTITY))?;
    Ok(Json(BackfillReport::of(&workflow, asked.dry_run, filled)))
}

fn instant(name: &str, text: &str) -> Result<Time, Problem> {
    Time::parse(text).map_err(|error| Problem::bad(format!("`{name}`: {error}")))
}
