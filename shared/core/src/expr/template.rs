//! Text with `{{ }}` in it.

use super::ExprError;
use super::ast::Ast;
use super::lexer;
use super::parser;

/// A piece of a template.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Taken as it stands.
    Literal(String),
    /// Evaluated.
    Expression(Ast),
}

/// Whether `text` is a template rather than plain text: it holds `{{`, or a statement or comment, which compiling refuses.
pub fn has_template(text: &str) -> bool {
    text.contains("{{") || statement(text).is_some()
}

/// The expression of a text that is one `{{ … }}` and nothing else but spaces around it. Such a text keeps its value's type.
pub fn whole_template(text: &str) -> Option<&str> {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("{{")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let (_, stopped) = lexer::tokens(inner, 0, true).ok()?;
    // Reading stopped at `}}` or `-}}`.
    let end = inner[stopped..].trim_start_matches('-');
    (end == "}}").then(|| inner[..stopped].trim())
}

/// Words that begin a Jinja statement. Others after `{%` are left alone: shells and date formats use the same letters.
const STATEMENTS: &[&str] = &[
    "autoescape",
    "block",
    "break",
    "call",
    "continue",
    "do",
    "elif",
    "else",
    "endfor",
    "endif",
    "extends",
    "filter",
    "for",
    "from",
    "if",
    "import",
    "include",
    "macro",
    "raw",
    "set",
    "with",
];

/// A `{% if … %}` or a `{# … #}`: what Jinja would read as more than text.
fn statement(text: &str) -> Option<(usize, &'static str)> {
    let begins = |at: &usize| {
        let inner = text[at + 2..].trim_start_matches(['-', '+']).trim_start();
        let word = &inner[..inner
            .find(|c: char| !c.is_ascii_lowercase())
            .unwrap_or(inner.len())];
        STATEMENTS.contains(&word) && inner.contains("%}")
    };
    // `${#name}` is a length in a shell, `{# … #}` with spaces is a comment.
    let comments = |at: &usize| {
        text[at + 2..].starts_with([' ', '\n', '-'])
            && text[at + 2..].contains("#}")
            && !text[..*at].ends_with('$')
    };
    let statement = text
        .match_indices("{%")
        .map(|(at, _)| at)
        .find(begins)
        .map(|at| (at, "statement"));
    statement.or_else(|| {
        text.match_indices("{#")
            .map(|(at, _)| at)
            .find(comments)
            .map(|at| (at, "comment"))
    })
}

/// Splits a template into its parts. Positions in them count from the start of `source`.
pub(super) fn parse(source: &str) -> Result<Vec<Part>, ExprError> {
    let mut parts = Vec::new();
    let mut at = 0;
    let mut trim_start = false;
    loop {
        let open = source[at..].find("{{").map(|offset| at + offset);
        let literal = &source[at..open.unwrap_or(source.len())];
        if let Some((offset, what)) = statement(literal) {
            let start = at + offset;
            return Err(ExprError::new(
                format!("a template has only `{{{{ }}}}`; this is a Jinja {what}"),
                start,
                start + 2,
            )
            .hint("for a choice write {{ a if condition else b }}, for a loop use `foreach:`"));
        }
        let trim_end = open.is_some_and(|open| source[open + 2..].starts_with('-'));
        let literal = if trim_start {
            literal.trim_start()
        } else {
            literal
        };
        let literal = if trim_end {
            literal.trim_end()
        } else {
            literal
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        let Some(open) = open else { return Ok(parts) };
        let inner = open + 2 + usize::from(trim_end);
        let (tokens, stopped) = lexer::tokens(source, inner, true)?;
        if tokens.len() == 1 && stopped < source.len() {
            return Err(ExprError::new(
                "the template `{{ }}` is empty",
                open,
                stopped + 2,
            ));
        }
        if stopped >= source.len() {
            return Err(
                ExprError::new("`{{` is not closed", open, open + 2).hint("close it with }}")
            );
        }
        parts.push(Part::Expression(parser::parse_tokens(source, &tokens)?));
        trim_start = source[stopped..].starts_with('-');
        at = stopped + 2 + usize::from(trim_start);
    }
}
