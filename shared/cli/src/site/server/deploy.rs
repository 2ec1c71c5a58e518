//! Handing in workflow files: the text of the file goes to the server and nothing else.

use ork_core::diagnostic::Severity;
use ork_core::ids::VersionHash;
use ork_core::parse::{Project, parse_workflow_with};
use serde::Deserialize;
use serde_json::json;

use super::Server;
use super::http::Asked;
use crate::engine::failure;
use crate::failure::Failure;
use crate::workflow_file::{self, WorkflowFile, shown};

/// What became of a file.
#[derive(Deserialize)]
struct HandedIn {
    version: String,
    changed: bool,
}

impl Server {
    /// Whether the server would take a file. Nothing is stored.
    pub(crate) async fn check(&self, file: &WorkflowFile) -> Result<(), Failure> {
        self.hand_in(file, true).await.map(drop)
    }

    /// Makes a file the current version of its workflow; says which, and whether that changed anything.
    pub(crate) async fn deploy(&self, file: &WorkflowFile) -> Result<(VersionHash, bool), Failure> {
        self.hand_in(file, false).await
    }

    async fn hand_in(
        &self,
        file: &WorkflowFile,
        dry_run: bool,
    ) -> Result<(VersionHash, bool), Failure> {
        let text = alone(file)?;
        let asked = Asked::post("/api/workflows", json!({ "text": text }));
        let asked = asked.with("dry_run", Some(dry_run));
        let asked = if dry_run { asked.again() } else { asked };
        let done: HandedIn = self.http.json(asked).await.map_err(failure)?;
        let version = self.version(&done.version).map_err(failure)?;
        Ok((version, done.changed))
    }
}

/// The text of a file that means the same without what lies around it.
fn alone(file: &WorkflowFile) -> Result<String, Failure> {
    let bytes = workflow_file::read(&file.path)?;
    let name = shown(&file.path);
    let hint = "`ork workflow deploy --project` sends the folder and its `ork.yaml`, too";
    let parsed = parse_workflow_with(&name, &bytes, &Project::default()).map_err(|found| {
        let first = found.iter().find(|one| one.severity == Severity::Error);
        let why = first.map_or_else(String::new, |one| {
            format!(": line {}: {}", one.at.line, one.message)
        });
        Failure::new(format!(
            "`{name}` needs what lies around it, and to a server only the file itself goes{why}"
        ))
        .hint(hint)
    })?;
    if parsed.workflow != file.workflow {
        return Err(Failure::new(format!(
            "the `ork.yaml` of `{name}` says more than the file, and to a server only the file itself goes"
        ))
        .hint(format!("{hint}; or write its `notifications` into the file")));
    }
    String::from_utf8(bytes).map_err(|_| Failure::new(format!("`{name}` is not UTF-8")))
}
