//! What is wrong with a file, where, and what to do about it; as text with a caret and as JSON.

use serde::Serialize;

/// A place in a file: line and column from 1, and how many characters it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Characters to underline, at least 1.
    pub width: u32,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file as the user named it.
    pub file: String,
    /// Where in it.
    #[serde(flatten)]
    pub at: Position,
    /// `ORK…`, stable; docs/errors.md explains each.
    pub code: &'static str,
    /// One sentence that names task and field.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
