//! Whether it serves, and what it offers.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use ork_engine::ports::Ports;

use super::Ground;
use crate::Problem;
use crate::documents::HealthDocument;

/// Whether the store answers.
#[utoipa::path(get, path = "/api/health", tag = "system", responses(
    (status = 200, description = "it does", body = HealthDocument),
    (status = 503, description = "it does not", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn health<P: Ports>(
    State(site): Ground<P>,
) -> Result<Json<HealthDocument>, Problem> {
    site.engine.runs(None, None, None, 1).await?;
    Ok(Json(HealthDocument {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "system", responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn openapi() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(crate::openapi::document);
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str())
}
