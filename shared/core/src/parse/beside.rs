//! Files that lie beside a workflow file and become part of what it says: the queries of tasks.

use std::cell::Cell;
use std::fmt;

use crate::definition::Binding;
use crate::diagnostic::{Diagnostic, Diagnostics, Position};
use crate::expr;
use crate::limits;
use crate::names::QueryPath;

use super::codes;
use super::fields::Field;
use super::node::{Kind, Node, Scalar, Style};
use super::remote::{Want, value};
use super::scope::Scope;

/// What became of looking for a file beside a workflow file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// Its bytes, or more of them than may be: at most one more than [`limits::QUERY_FILE_BYTES`] are needed.
    File(Vec<u8>),
    /// There is none; what to do about it.
    Missing(String),
    /// It cannot be used; why.
    Unusable(String),
    /// The workflow file lies in no folder that could be looked into.
    NoFolder,
}

/// Who looks for files beside a workflow file, and what they came to.
pub(super) struct Folder<'a> {
    look: &'a dyn Fn(&QueryPath) -> Beside,
    bytes: Cell<usize>,
}

impl<'a> Folder<'a> {
    pub(super) fn new(look: &'a dyn Fn(&QueryPath) -> Beside) -> Self {
        Self {
            look,
            bytes: Cell::new(0),
        }
    }
}

impl fmt::Debug for Folder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folder")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The query of a task that stands in a file of its own.
pub(super) fn query(
    field: &Field<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Binding> {
    let written = field.text(found)?;
    let mut bad = |message: String, hint: String| {
        found
            .error(codes::BAD_FILE, field.node.at, message)
            .hint(hint);
        None
    };
    let path = match QueryPath::new(written) {
        Ok(path) => path,
        Err(why) => {
            return bad(
                format!("{}: `{written}` {why}", field.label),
                "write the path of a file ending in .sql, relative to the workflow file and below its folder".into(),
            );
        }
    };
    let label = &field.label;
    let bytes = match (scope.folder.look)(&path) {
        Beside::File(bytes) => bytes,
        Beside::Missing(hint) => {
            return bad(format!("{label}: there is no file `{path}`"), hint);
        }
        Beside::Unusable(why) => {
            return bad(
                format!("{label}: `{path}` {why}"),
                "put the file below the workflow's own folder, or write `query` instead".into(),
            );
        }
        Beside::NoFolder => {
            return bad(
                format!(
                    "{label}: nobody knows where `{path}` is, as the workflow was read from no folder"
                ),
                "name the workflow file by its path, or write `query` instead".into(),
            );
        }
    };
    if bytes.len() > limits::QUERY_FILE_BYTES {
        return bad(
            format!(
                "{label}: `{path}` has more than {} bytes",
                limits::QUERY_FILE_BYTES
            ),
            "make it a view or a procedure in BigQuery, or several tasks".into(),
        );
    }
    let all = scope.folder.bytes.get() + bytes.len();
    scope.folder.bytes.set(all);
    if all > limits::QUERY_FILES_BYTES {
        return bad(
            format!(
                "{label}: with `{path}` the queries of this workflow's files have more than {} bytes",
                limits::QUERY_FILES_BYTES
            ),
            "make some of them views or procedures in BigQuery, or split the workflow".into(),
        );
    }
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let line = bytes[..error.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            return bad(
                format!("{label}: `{path}` is not UTF-8 in line {}", line + 1),
                "save the file as UTF-8".into(),
            );
        }
    };
    if text.trim().is_empty() {
        return bad(
            format!("{label}: `{path}` is empty"),
            "write the query into it".into(),
        );
    }
    if expr::has_template(text) && text.len() > limits::EXPRESSION_BYTES {
        return bad(
            format!(
                "{label}: `{path}` has templates and {} bytes, and a text with templates may have {}",
                text.len(),
                limits::EXPRESSION_BYTES
            ),
            "hand the values over as `params`: they are @name in the query, which may then be longer".into(),
        );
    }
    templates(field, &path, text, scope, found)
}

/// The text as `query` would be read. What is wrong in it is said where the file is named, with the place in the file.
fn templates(
    field: &Field<'_>,
    path: &QueryPath,
    text: &str,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Binding> {
    let inner = Node {
        at: Position::START,
        kind: Kind::Scalar(Scalar {
            text: text.to_owned(),
            style: Style::Literal,
        }),
    };
    let as_query = Field {
        label: field.label.clone(),
        key_at: Position::START,
        node: &inner,
    };
    let mut inside = Diagnostics::new(path.as_str());
    let before = scope.uses.len();
    let read = value(&as_query, Want::Text, scope, &mut inside);
    for one in &mut scope.uses[before..] {
        one.at = field.node.at;
    }
    let (errors, warnings) = inside.finish(text);
    for one in errors.into_iter().chain(warnings) {
        tell(one, field.node.at, path, found);
    }
    read
}

fn tell(one: Diagnostic, at: Position, path: &QueryPath, found: &mut Diagnostics) {
    let code = codes::ALL.iter().find(|code| code.id == one.code);
    let code = code.copied().unwrap_or(codes::BAD_EXPRESSION);
    let message = format!(
        "{} (`{path}`, line {}, column {})",
        one.message, one.at.line, one.at.column
    );
    found.error(code, at, message).maybe_hint(one.hint);
}
