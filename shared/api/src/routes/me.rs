//! Who asks.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use ork_engine::{Actor, Role};

use crate::Problem;
use crate::access::Who;

/// Who asks, as Ork knows them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeDocument {
    /// Who.
    actor: Actor,
    /// What they may do.
    role: Role,
    /// Only to these workflows and their runs; to all when empty.
    workflows: Vec<String>,
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/api/me", tag = "access", responses(
    (status = 200, description = "whoever this is", body = MeDocument),
))]
pub(crate) async fn me(who: Who) -> Result<Json<MeDocument>, Problem> {
    let caller = who.caller;
    Ok(Json(MeDocument {
        actor: caller.actor,
        role: caller.role,
        workflows: caller.workflows.into_iter().map(String::from).collect(),
    }))
}
