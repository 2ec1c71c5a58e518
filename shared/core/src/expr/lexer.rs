//! The words of an expression.

use super::ExprError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    Ident(&'a str),
    Text(String),
    Int(i64),
    Float(f64),
    Mark(&'static str),
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Spanned<'a> {
    pub(super) token: Token<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Longer ones first, so that `**` is not read as two `*`.
const MARKS: &[&str] = &[
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", ".", ",", ":", "~", "|", "=", ">",
    "<", "(", ")", "[", "]", "{", "}",
];

/// Reads tokens from `source` beginning at byte `at` until `}}` at the top level or the end. Gives them with an `End` and
/// the byte where reading stopped.
pub(super) fn tokens(
    source: &str,
    mut at: usize,
    in_template: bool,
) -> Result<(Vec<Spanned<'_>>, usize), ExprError> {
    let mut out: Vec<Spanned<'_>> = Vec::new();
    let mut open = 0usize;
    loop {
        at = source.len() - source[at..].trim_start().len();
        let rest = &source[at..];
        let Some(first) = rest.chars().next() else {
            break;
        };
        if in_template && open == 0 && (rest.starts_with("}}") || rest.starts_with("-}}")) {
            break;
        }
        let after_dot = out
            .last()
            .is_some_and(|last| last.token == Token::Mark("."));
        let (token, length) = if first.is_ascii_digit() {
            number(source, at, after_dot)?
        } else if first == '"' || first == '\'' {
            text(source, at, first)?
        } else if first == '_' || first.is_alphabetic() {
            let length = rest
                .find(|c: char| !(c == '_' || c.is_alphanumeric()))
                .unwrap_or(rest.len());
            (Token::Ident(&rest[..length]), length)
        } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            match *mark {
                "(" | "[" | "{" => open += 1,
                ")" | "]" | "}" => open = open.saturating_sub(1),
                _ => {}
            }
            (Token::Mark(mark), mark.len())
        } else {
            return Err(unexpected(rest, first, at));
        };
        out.push(Spanned {
            token,
            start: at,
            end: at + length,
        });
        at += length;
    }
    out.push(Spanned {
        token: Token::End,
        start: at,
        end: at,
    });
    Ok((out, at))
}

fn unexpected(rest: &str, first: char, at: usize) -> ExprError {
    let error = ExprError::new(
        format!("an expression cannot contain `{first}` here"),
        at,
        at + first.len_utf8(),
    );
    match first {
        '&' if rest.starts_with("&&") => error.hint("write `and`"),
        '!' => error.hint("write `not`"),
        '?' => error.hint("write `a if condition else b`"),
        '$' => error.hint("names are written without `$`, as in params.day"),
        _ => error,
    }
}

fn number(source: &str, at: usize, after_dot: bool) -> Result<(Token<'_>, usize), ExprError> {
    let rest = &source[at..];
    let digits = |from: usize| {
        rest[from..]
            .bytes()
            .take_while(|b| b.is_ascii_digit() || *b == b'_')
            .count()
    };
    let mut length = digits(0);
    let mut float = false;
    if !after_dot {
        if rest[length..].starts_with('.')
            && rest[length + 1..].starts_with(|c: char| c.is_ascii_digit())
        {
            float = true;
            length += 1 + digits(length + 1);
        }
        if rest[length..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
            let exponent = digits(length + 1 + sign);
            if exponent > 0 {
                float = true;
                length += 1 + sign + exponent;
            }
        }
    }
    let end = at + length;
    if let Some(next) = source[end..]
        .chars()
        .next()
        .filter(|c| c.is_alphabetic() || *c == '_')
    {
        return Err(ExprError::new(
            format!("the number `{}` is followed by `{next}`", &rest[..length]),
            at,
            end + next.len_utf8(),
        ));
    }
    let plain = rest[..length].replace('_', "");
    let token = if float {
        plain
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
            .map(Token::Float)
    } else {
        plain.parse().ok().map(Token::Int)
    };
    match token {
        Some(token) => Ok((token, length)),
        None => Err(ExprError::new(
            format!("the number `{}` does not fit in 64 bits", &rest[..length]),
            at,
            end,
        )),
    }
}

fn text(source: &str, at: usize, quote: char) -> Result<(Token<'_>, usize), ExprError> {
    let mut out = String::new();
    let mut chars = source[at + 1..].char_indices();
    while let Some((offset, c)) = chars.next() {
        if c == quote {
            return Ok((Token::Text(out), offset + 2));
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        let place = at + 1 + offset;
        match chars.next().map(|(_, c)| c) {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('u') => {
                let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                let code = u32::from_str_radix(&hex, 16)
                    .ok()
                    .filter(|_| hex.len() == 4)
                    .and_then(char::from_u32);
                out.push(code.ok_or_else(|| {
                    ExprError::new(
                        format!("`\\u{hex}` is no character"),
                        place,
                        place + 2 + hex.len(),
                    )
                })?);
            }
            Some(c @ ('\\' | '"' | '\'' | '/')) => out.push(c),
            Some(other) => {
                return Err(ExprError::new(
                    format!("`\\{other}` is no escape"),
                    place,
                    place + 1 + other.len_utf8(),
                )
                .hint(
                    "escapes are \\n \\t \\r \\\\ \\\" \\' \\uXXXX; a backslash is written \\\\",
                ));
            }
            None => break,
        }
    }
    Err(ExprError::new(
        format!("the text begun with {quote} does not end"),
        at,
        source.len(),
    )
    .hint(format!("close it with {quote}")))
}
