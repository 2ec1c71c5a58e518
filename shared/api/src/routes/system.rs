//! How the system as a whole stands.

use axum::Json;
use axum::extract::State;
use ork_core::ids::RunId;
use ork_core::time::Time;
use ork_engine::TickRecord;
use ork_engine::ports::{Clock, Ports};
use serde::Serialize;
use utoipa::ToSchema;

use super::Ground;
use crate::Problem;

/// Runs that are counted when they are late.
const COUNTED: usize = 100;
/// What could not be handled, counted.
const SET_ASIDE: usize = 100;

/// A tick that was noted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TickReport {
    /// When it began.
    at: String,
    /// How long it took, in milliseconds.
    took_ms: u64,
    /// Slots that were due.
    fired: u32,
    /// Runs that were looked at.
    runs: u32,
    /// Runs that retention removed.
    removed: u32,
    /// What could not be done.
    errors: u32,
}

impl TickReport {
    fn of(one: &TickRecord) -> Self {
        Self {
            at: one.at.rfc3339(),
            took_ms: one.took.0,
            fired: one.fired,
            runs: one.runs,
            removed: one.removed,
            errors: one.errors,
        }
    }
}

/// A run and the instant at which it is or was to be looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WakeReport {
    /// Its id.
    run_id: String,
    /// When.
    at: String,
}

/// How the system as a whole stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SystemDocument {
    /// Ork's version.
    version: &'static str,
    /// The clock of whoever answers.
    now: String,
    /// Whether it is deployed, so that ticks are expected. `ork dev` looks after its runs without any.
    is_ticked: bool,
    /// The last ticks that were noted, the newest first: those that did something, and of idle ones one in five minutes.
    ticks: Vec<TickReport>,
    /// The run that is looked at next, or should have been for longest; null when none is under way.
    next_wake: Option<WakeReport>,
    /// Runs that should have been looked at by now, at most 100 of them counted.
    overdue: usize,
    /// What could not be handled and was set aside for a person, at most 100 counted.
    set_aside: usize,
    /// Why the first of them could not.
    set_aside_why: Option<String>,
}

/// How the system as a whole stands.
#[utoipa::path(get, path = "/api/system", tag = "system", responses(
    (status = 200, description = "how it stands", body = SystemDocument),
))]
pub(crate) async fn system<P: Ports>(
    State(site): Ground<P>,
) -> Result<Json<SystemDocument>, Problem> {
    let engine = &site.engine;
    let report = |(run, at): (RunId, Time)| WakeReport {
        run_id: run.to_string(),
        at: at.rfc3339(),
    };
    let ticks = engine.last_ticks().await?;
    let (set_aside, _) = engine.set_aside_page(None, SET_ASIDE).await?;
    Ok(Json(SystemDocument {
        version: env!("CARGO_PKG_VERSION"),
        now: engine.ports().clock().now().rfc3339(),
        is_ticked: site.settings.prices.is_some(),
        ticks: ticks.iter().map(TickReport::of).collect(),
        next_wake: engine.next_wake().await?.map(report),
        overdue: engine.overdue(COUNTED).await?.len(),
        set_aside: set_aside.len(),
        set_aside_why: set_aside
            .first()
            .map(|one| format!("{}: {}", one.key, one.why)),
    }))
}
