//! `workflow.status.json`: what became of an upload, for the person who uploaded it.

use ork_core::Value;
use ork_core::diagnostic::Diagnostic;
use ork_core::ids::VersionHash;
use ork_core::time::Time;
use serde_json::json;

/// Version of the status file.
const FORMAT: u32 = 1;

/// One thing that is wrong with an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which file.
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// `None` when it is not the file that is wrong.
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Finding {
    /// Something that is wrong with the upload as a whole.
    pub(crate) fn of_all(message: impl Into<String>) -> Self {
        Self {
            file: "workflow.yaml".to_owned(),
            line: 1,
            column: 1,
            code: None,
            message: message.into(),
            hint: None,
        }
    }
    fn json(&self) -> Value {
        json!({
            "file": self.file, "line": self.line, "column": self.column, "code": self.code,
            "message": self.message, "hint": self.hint,
        })
    }
}

impl From<Diagnostic> for Finding {
    fn from(one: Diagnostic) -> Self {
        Self {
            file: one.file,
            line: one.at.line,
            column: one.at.column,
            code: Some(one.code),
            message: one.message,
            hint: one.hint,
        }
    }
}

/// What an upload came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Judged {
    /// The version that was stored; `None`: the upload was refused, and what was current before still is.
    pub(crate) version: Option<VersionHash>,
    pub(crate) errors: Vec<Finding>,
    pub(crate) warnings: Vec<Finding>,
}

impl Judged {
    /// Refused for this.
    pub(crate) fn refused(errors: Vec<Finding>) -> Self {
        Self {
            errors,
            ..Self::default()
        }
    }
    /// The file's contents. `generation` is that of the upload, unknown when it was too large to be read.
    pub(crate) fn encode(&self, generation: Option<u64>, at: Time) -> Value {
        let list = |all: &[Finding]| all.iter().map(Finding::json).collect::<Vec<_>>();
        json!({
            "format": FORMAT,
            "accepted": self.version.is_some(),
            "version": self.version.as_ref().map(VersionHash::as_str),
            "generation": generation,
            "errors": list(&self.errors),
            "warnings": list(&self.warnings),
            "at": at.rfc3339(),
        })
    }
}

/// Whether two files say the same, whenever they were written.
pub(crate) fn same(stored: &[u8], new: &Value) -> bool {
    let Ok(mut stored) = serde_json::from_slice::<Value>(stored) else {
        return false;
    };
    stored["at"] = new["at"].clone();
    stored == *new
}
