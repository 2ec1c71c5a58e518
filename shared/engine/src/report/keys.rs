//! API keys as programs read them.

use ork_core::time::Time;
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::keys::ApiKeyDocument;

/// An API key, without what its holder keeps secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = KeyDocument))]
pub struct KeyReport {
    /// Its id, which is also part of it.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// Only to these workflows and their runs; to all when empty.
    pub workflows: Vec<String>,
    /// Whether it lets anybody in: good, expired or revoked.
    pub status: String,
    /// When it was made.
    pub created_at: String,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<String>,
    /// When it was used last, to the day.
    pub last_used_at: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<String>,
    /// By whom.
    pub revoked_by: Option<String>,
}

impl KeyReport {
    /// What `known` is at `now`.
    pub fn of(known: ApiKeyDocument, now: Time) -> Self {
        Self {
            status: known.status(now).to_owned(),
            id: known.id.into(),
            name: known.name,
            role: known.role,
            workflows: known.workflows.into_iter().map(String::from).collect(),
            created_at: known.created_at.rfc3339(),
            created_by: known.created_by,
            expires_at: known.expires_at.map(Time::rfc3339),
            last_used_at: known.last_used_at.map(Time::rfc3339),
            revoked_at: known.revoked_at.map(Time::rfc3339),
            revoked_by: known.revoked_by,
        }
    }
}

/// A key that was just made. It is not to be written into any log, so that it cannot be shown by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = NewKeyDocument))]
pub struct NewKeyReport {
    /// What its holder shows. It is told here and never again.
    pub token: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub key: KeyReport,
}

impl std::fmt::Debug for NewKeyReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKeyReport")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
