//! What became of definitions that were uploaded to the bucket: monitor writes it beside the upload, for whoever uploaded it.

use ork_core::ids::WorkflowName;
use ork_core::names::ObjectName;
use serde::{Deserialize, Serialize};

use crate::Engine;
use crate::error::EngineError;
use crate::ports::{ObjectError, Objects, Ports};

/// Bytes of a status, far above what it comes to.
const STATUS_BYTES: u64 = 8 << 20;

/// What became of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadStatus {
    /// Whether it is the current version; if not, what was current before still is.
    pub accepted: bool,
    /// The version that was stored.
    #[serde(default)]
    pub version: Option<String>,
    /// When that was found.
    pub at: String,
    /// What is wrong with it.
    #[serde(default)]
    pub errors: Vec<UploadFinding>,
    /// What somebody should look at.
    #[serde(default)]
    pub warnings: Vec<UploadFinding>,
}

/// Something about an uploaded file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadFinding {
    /// Which file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// `ORK…`; docs/errors.md explains each. Null when it is not the file that is wrong.
    #[serde(default)]
    pub code: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
}

/// A workflow that something was uploaded for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its name.
    pub workflow: WorkflowName,
    /// What became of the latest upload; `None` where nobody said yet.
    pub status: Option<UploadStatus>,
}

impl<P: Ports> Engine<P> {
    /// What became of the latest upload of a workflow; `None` where none was judged, as in a state folder.
    pub async fn upload_status(
        &self,
        name: &WorkflowName,
    ) -> Result<Option<UploadStatus>, EngineError> {
        let place = ObjectName::UploadStatus(name.clone());
        let found = match self.ports().objects().get(&place, STATUS_BYTES).await {
            Err(error @ ObjectError::TooLarge { .. }) => {
                return Err(EngineError::corrupt(error.to_string()));
            }
            other => other?,
        };
        let Some(found) = found else { return Ok(None) };
        let status = serde_json::from_slice(&found.bytes)
            .map_err(|error| EngineError::corrupt(format!("{place} cannot be read: {error}")))?;
        Ok(Some(status))
    }

    /// Workflows that something was uploaded for, by name, each with what became of it, and the name to go on after. One listing and one
    /// read for each.
    pub async fn uploads(
        &self,
        after: Option<&WorkflowName>,
        limit: usize,
    ) -> Result<(Vec<Upload>, Option<WorkflowName>), EngineError> {
        let mut found = Vec::new();
        // Behind everything of that workflow, as names go.
        let behind = |name: &WorkflowName| format!("workflows/{name}/~");
        let mut after = after.map(behind);
        loop {
            let listed = self.ports().objects();
            let names = listed.list("workflows/", after.as_deref(), 1).await?;
            let Some(first) = names.first() else {
                return Ok((found, None));
            };
            let text = first.to_string();
            let name = text
                .split('/')
                .nth(1)
                .and_then(|name| WorkflowName::new(name).ok());
            let Some(name) = name else {
                after = Some(text);
                continue;
            };
            after = Some(behind(&name));
            if found.len() == limit {
                let last = found.last().map(|one: &Upload| one.workflow.clone());
                return Ok((found, last));
            }
            let status = self.upload_status(&name).await?;
            found.push(Upload {
                workflow: name,
                status,
            });
        }
    }
}
