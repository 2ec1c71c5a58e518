//! The one expression language of `when`, `{expr: …}` and `{{ }}`: Jinja's expressions, bounded and total.
//!
//! The syntax and most filters are those of minijinja; statements, method calls and anything that could grow without
//! bound are not part of it. Parsing gives every path an expression refers to, so that it can be checked before a run.

mod ast;
mod dates;
mod eval;
mod filters;
mod grammar;
mod lexer;
mod operators;
mod parser;
mod path;
mod scope;
mod template;
mod values;

pub use eval::{EvalError, evaluate, evaluate_bool, render, render_value};
pub use filters::{FILTERS, FUNCTIONS, TESTS};
pub use path::{DottedPath, NOTICE_FIELDS, PathError, parse_path, path_text, resolve_path};
pub use scope::{Instance, LookupError, RunFields, Scope, ScopeBuilder, lookup};
pub use template::{has_template, whole_template};

use crate::limits;

/// What compiling an expression or template finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// Every path it reads, in the order of the text.
    pub paths: Vec<DottedPath>,
}

/// Why a text is not an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// First byte of the offending part of the source.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
}

impl ExprError {
    fn new(message: impl Into<String>, start: usize, end: usize) -> Self {
        Self {
            message: message.into(),
            hint: None,
            start,
            end,
        }
    }
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Checks a bare expression, as in `when: …` and `{expr: …}`.
pub fn compile(source: &str) -> Result<Compiled, ExprError> {
    check_length(source, "an expression")?;
    let mut paths = Vec::new();
    parser::parse(source)?.collect_paths(&mut paths);
    Ok(Compiled { paths })
}

/// Checks a text with `{{ }}` in it; a text without any is fine and refers to nothing.
pub fn compile_template(source: &str) -> Result<Compiled, ExprError> {
    let mut paths = Vec::new();
    if has_template(source) {
        check_length(source, "a text with `{{ }}`")?;
        for part in template::parse(source)? {
            if let template::Part::Expression(ast) = part {
                ast.collect_paths(&mut paths);
            }
        }
    }
    Ok(Compiled { paths })
}

fn check_length(source: &str, what: &str) -> Result<(), ExprError> {
    if source.len() <= limits::EXPRESSION_BYTES {
        return Ok(());
    }
    let message = format!(
        "{what} may have {} bytes, this one has {}",
        limits::EXPRESSION_BYTES,
        source.len()
    );
    let mut start = limits::EXPRESSION_BYTES;
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    Err(ExprError::new(message, start, source.len())
        .hint("compute it in a task and pass the result on"))
}

/// The candidate closest to `word`, if one is close enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, remove, replace or swap with their neighbour to get from one word to the other; case costs nothing.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().take(64).collect(),
        b.to_lowercase().chars().take(64).collect(),
    );
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = last;
        last = row;
    }
    last[b.len()]
}
