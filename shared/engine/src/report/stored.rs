//! A run as it is stored, for programs that read that form themselves: `ork` shows runs of a server as it shows its own.

use serde::{Deserialize, Serialize};

/// A run as it is stored, each document in base64 with padding. docs/formats.md describes them; a document of a newer format is to be refused
/// by whoever does not know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoredReport {
    /// Its id.
    pub run_id: String,
    /// What it runs.
    pub workflow: String,
    /// The version it is pinned to, whose definition reads the documents.
    pub version: String,
    /// The header document.
    pub header: String,
    /// The documents of its pages, in their order.
    pub pages: Vec<String>,
}
