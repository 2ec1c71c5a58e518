//! Who may do what at a server, and who did what.

use ork_core::ids::RecordId;
use ork_core::time::Time;
use ork_engine::report::{KeyReport, NewKeyReport};
use ork_engine::{AuditFilter, AuditRecord, EngineError, NewKey};
use serde_json::json;

use super::http::Asked;
use super::{PAGE, Page, Server};

impl Server {
    /// Every API key, by id.
    pub(crate) async fn keys(&self) -> Result<Vec<KeyReport>, EngineError> {
        self.all("/api/keys").await
    }

    /// Makes an API key; its text is told once.
    pub(crate) async fn create_key(&self, wish: NewKey) -> Result<NewKeyReport, EngineError> {
        let body = json!({
            "name": wish.name,
            "role": wish.role,
            "workflows": wish.workflows,
            "expires_in_seconds": wish.lasts.map(|lasts| lasts.0.div_ceil(1000)),
        });
        self.http.json(Asked::post("/api/keys", body)).await
    }

    /// Has an API key let nobody in any more.
    pub(crate) async fn revoke_key(&self, id: &RecordId) -> Result<KeyReport, EngineError> {
        let asked = Asked::post(format!("/api/keys/{id}/revoke"), json!({}));
        self.http.json(asked.again()).await
    }

    /// A page of changes, newest first, and where the next one begins.
    pub(crate) async fn audit(
        &self,
        filter: &AuditFilter,
        cursor: Option<&str>,
        most: usize,
    ) -> Result<(Vec<AuditRecord>, Option<String>), EngineError> {
        let asked = Asked::get("/api/audit")
            .with("actor", filter.actor.as_ref())
            .with("action", filter.action.as_ref())
            .with("workflow", filter.workflow.as_ref())
            .with("run", filter.run.as_ref())
            .with("since", filter.since.map(Time::rfc3339))
            .with("until", filter.until.map(Time::rfc3339))
            .with("limit", Some(most.clamp(1, PAGE)))
            .with("cursor", cursor);
        let page: Page<AuditRecord> = self.http.json(asked).await?;
        Ok((page.items, page.next_cursor))
    }
}
