//! What is wrong with a file, where, and what to do about it; as text with a caret and as JSON.

mod render;

use serde::Serialize;
use serde_json::json;

use crate::Value;
use crate::parse::codes::{self, Code};

pub use render::render;

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

impl Position {
    /// The place at `line` and `column`, `width` characters wide.
    pub const fn new(line: u32, column: u32, width: u32) -> Self {
        Self {
            line,
            column,
            width,
        }
    }
    /// The first character of a file.
    pub const START: Self = Self::new(1, 1, 1);
}

/// Whether the file can be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No.
    #[default]
    Error,
    /// Yes, but somebody should look.
    Warning,
}

impl Severity {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
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
    /// Whether the file can be used all the same.
    pub severity: Severity,
}

impl Diagnostic {
    /// A problem that makes the file unusable.
    pub fn error(file: &str, code: Code, at: Position, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            at,
            code: code.id,
            message: message.into(),
            hint: None,
            severity: Severity::Error,
        }
    }
    /// Says what to do about it.
    pub fn hint(&mut self, text: impl Into<String>) -> &mut Self {
        self.hint = Some(text.into());
        self
    }
    /// Says what to do about it when there is something to say.
    pub fn maybe_hint(&mut self, text: Option<String>) -> &mut Self {
        if text.is_some() {
            self.hint = text;
        }
        self
    }
}

/// Collects problems; none is reported twice.
#[derive(Debug)]
pub struct Diagnostics {
    file: String,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// Errors beyond [`COLLECTED`].
    dropped: usize,
    /// Where the hint of a dropped problem goes.
    spare: Option<Diagnostic>,
    /// Comparisons of words that may still be made for hints.
    comparisons: usize,
}

/// Problems that are kept; a file of a megabyte can have half a million.
const COLLECTED: usize = 10_000;
/// Problems that are reported; nobody mends more before looking again.
const REPORTED: usize = 1_000;
/// Comparisons of words for the hints of one file: a fraction of a second.
const COMPARISONS: usize = 200_000;

impl Diagnostics {
    /// None yet, in `file`.
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            errors: Vec::new(),
            warnings: Vec::new(),
            dropped: 0,
            spare: None,
            comparisons: COMPARISONS,
        }
    }
    /// Adds an error; the answer takes a hint.
    pub fn error(
        &mut self,
        code: Code,
        at: Position,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let added = Diagnostic::error(&self.file, code, at, message);
        if self.errors.len() >= COLLECTED {
            self.dropped += 1;
            return self.spare.insert(added);
        }
        self.errors.push(added);
        self.errors.last_mut().expect("one was just pushed")
    }
    /// Adds a warning; the answer takes a hint. A warning is about a thing, not about a place: it is given once.
    pub fn warning(
        &mut self,
        code: Code,
        at: Position,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let mut added = Diagnostic::error(&self.file, code, at, message);
        added.severity = Severity::Warning;
        let known = self
            .warnings
            .iter()
            .any(|one| one.code == added.code && one.message == added.message);
        if known || self.warnings.len() >= REPORTED {
            return self.spare.insert(added);
        }
        self.warnings.push(added);
        self.warnings.last_mut().expect("one was just pushed")
    }
    /// Whether a word may be compared with some others for a hint; `more` counts them.
    pub(crate) fn may_compare(&mut self, more: impl FnOnce() -> usize) -> bool {
        if self.comparisons == 0 {
            return false;
        }
        self.comparisons = self.comparisons.saturating_sub(more());
        true
    }
    /// How many errors there are so far, doubles included.
    pub fn errors(&self) -> usize {
        self.errors.len() + self.dropped
    }
    /// The problems in the order of the file, each once, every position inside `source`: errors, then warnings.
    pub fn finish(self, source: &str) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        let lengths: Vec<u32> = lines(source)
            .map(|line| u32::try_from(line.chars().count()).unwrap_or(u32::MAX))
            .collect();
        let mut errors = in_order(self.errors, &lengths);
        let more = self.dropped + errors.len().saturating_sub(REPORTED);
        if more > 0 {
            let at = errors.get(REPORTED).map_or(Position::START, |one| one.at);
            errors.truncate(REPORTED);
            let mut rest = Diagnostic::error(
                &self.file,
                codes::MANY_PROBLEMS,
                at,
                format!("there are {more} more problems, which are not shown"),
            );
            rest.hint("mend the first ones and look again");
            errors.push(rest);
        }
        (errors, in_order(self.warnings, &lengths))
    }
}

fn in_order(mut found: Vec<Diagnostic>, lengths: &[u32]) -> Vec<Diagnostic> {
    for one in &mut found {
        one.at = inside(one.at, lengths);
    }
    found.sort_by(|a, b| {
        (a.at.line, a.at.column, a.code, &a.message).cmp(&(
            b.at.line,
            b.at.column,
            b.code,
            &b.message,
        ))
    });
    found.dedup_by(|a, b| a.at == b.at && a.code == b.code && a.message == b.message);
    found
}

/// Moves a place that lies behind the end of the file or of its line to that end: a missing value has its place there.
fn inside(at: Position, lengths: &[u32]) -> Position {
    let last = u32::try_from(lengths.len()).unwrap_or(u32::MAX).max(1);
    let line = at.line.clamp(1, last);
    let length = lengths.get(line as usize - 1).copied().unwrap_or(0);
    let column = if at.line > last {
        length + 1
    } else {
        at.column.clamp(1, length.saturating_add(1))
    };
    Position::new(
        line,
        column,
        at.width
            .clamp(1, (length + 1).saturating_sub(column).max(1)),
    )
}

/// The lines of a text without their ends; an end is `\n`, `\r\n` or `\r`, as in YAML.
pub fn lines(source: &str) -> impl Iterator<Item = &str> {
    let mut rest = source;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(end) = rest.find(['\n', '\r']) else {
            return Some(std::mem::take(&mut rest));
        };
        let line = &rest[..end];
        rest = rest[end..]
            .strip_prefix("\r\n")
            .unwrap_or_else(|| &rest[end + 1..]);
        Some(line)
    })
}

/// The list as programs read it: `{"errors": [{file, line, column, code, message, hint}]}`.
pub fn to_json(found: &[Diagnostic]) -> Value {
    let errors: Vec<Value> = found
        .iter()
        .map(|one| {
            let mut entry = json!({
                "file": one.file, "line": one.at.line, "column": one.at.column,
                "code": one.code, "message": one.message, "hint": one.hint,
            });
            if one.severity == Severity::Warning {
                entry["severity"] = json!("warning");
            }
            entry
        })
        .collect();
    json!({ "errors": errors })
}
