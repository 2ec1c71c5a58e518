//! Changing things: here, and nowhere else among the pages. Every change leads back to a page that shows what became of it.

use std::collections::BTreeMap;

use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use ork_core::definition::Workflow;
use ork_core::ids::{PoolName, RecordId, RunId, WorkflowName};
use ork_core::run::Command;
use ork_engine::ports::Ports;
use ork_engine::{
    Act, ApiKeyDocument, Backfill, EngineError, NewKey, SlotRange, StartRun, Started,
};

use super::actor::Actor;
use crate::Problem;
use crate::routes::keys;
use crate::site::Site;

const REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// Who does it, for the record; refuses whoever may not.
fn require(actor: &Actor, may: bool, what: &str) -> Result<Act, Problem> {
    if may && let Some(act) = &actor.act {
        return Ok(act.clone());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        format!("your role does not allow you to {what}; nothing was changed"),
    ))
}

/// Carries out a command on a run.
pub(crate) async fn command<P: Ports>(
    site: &Site<P>,
    actor: &Actor,
    run: &RunId,
    command: Command,
) -> Result<(), Problem> {
    let by = site
        .engine
        .by(require(actor, actor.operates, "change runs")?);
    let stepped = Box::pin(by.command(run, command)).await;
    stepped
        .map(|_| ())
        .map_err(|error| Problem::of(error, StatusCode::CONFLICT))
}

/// Starts a run. What is wrong with its params is the caller's to show.
pub(crate) async fn start<P: Ports>(
    site: &Site<P>,
    actor: &Actor,
    wish: StartRun,
) -> Result<Result<Started, EngineError>, Problem> {
    let by = site
        .engine
        .by(require(actor, actor.operates, "start runs")?);
    Ok(Box::pin(by.start(wish)).await)
}

/// Makes a run for every slot of a range that has none.
pub(crate) async fn backfill<P: Ports>(
    site: &Site<P>,
    actor: &Actor,
    name: &WorkflowName,
    range: SlotRange,
) -> Result<Backfill, Problem> {
    let act = require(actor, actor.operates, "start runs")?;
    let by = site.engine.by(act);
    let filled = Box::pin(by.backfill(name, range, &serde_json::Map::new())).await;
    filled.map_err(|error| Problem::of(error, StatusCode::UNPROCESSABLE_ENTITY))
}

/// Makes an API key: what is kept of it, and its text.
pub(crate) async fn make_key<P: Ports>(
    site: &Site<P>,
    actor: &Actor,
    wish: NewKey,
) -> Result<(ApiKeyDocument, String), Problem> {
    let act = require(actor, actor.rules, "make API keys")?;
    keys::make(site, act, wish).await
}

/// Has an API key let nobody in any more.
pub(crate) async fn revoke_key<P: Ports>(
    site: &Site<P>,
    actor: &Actor,
    id: &RecordId,
) -> Result<(), Problem> {
    let act = require(actor, actor.rules, "revoke API keys")?;
    site.engine.by(act).revoke_key(id).await?;
    Ok(())
}

/// Lets schedules fire or not.
pub(crate) async fn enable<P: Ports>(
    site: &Site<P>,
    actor: &Actor,
    name: &WorkflowName,
    enabled: bool,
) -> Result<(), Problem> {
    let act = require(actor, actor.operates, "pause schedules")?;
    Ok(site.engine.by(act).enable(name, enabled).await?)
}

/// To a page that shows what was done.
pub(crate) fn led_to(headers: &HeaderMap, place: String) -> Response {
    if headers.contains_key("hx-request") {
        return (StatusCode::NO_CONTENT, [(REDIRECT, place)]).into_response();
    }
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

/// Stores a version of a workflow.
pub(crate) async fn deploy<P: Ports>(
    site: &Site<P>,
    actor: &Actor,
    workflow: &Workflow,
    source: Option<String>,
    pools: &BTreeMap<PoolName, u32>,
) -> Result<(), Problem> {
    let act = require(actor, actor.writes, "store workflows")?;
    site.engine.by(act).deploy(workflow, source, pools).await?;
    Ok(())
}
