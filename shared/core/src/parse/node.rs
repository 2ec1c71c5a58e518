//! A YAML document as a tree in which every piece knows its place.

use crate::Value;
use crate::diagnostic::{Diagnostics, Position};

use super::codes;

/// A piece of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Where it starts.
    pub(super) at: Position,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a piece of a document is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order of the file, no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Where it starts.
    pub(super) at: Position,
    /// The key.
    pub(super) text: String,
}

/// A single value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scalar {
    /// Its text, unquoted and unfolded.
    pub(super) text: String,
    /// How it was written.
    pub(super) style: Style,
}

/// How a scalar was written; decides whether `5` is a number and where its characters are in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes.
    Plain,
    /// In quotes, on one line and without escapes: its characters are where they seem to be.
    Quoted,
    /// After `|`: line for line as in the file.
    Literal,
    /// Anything else: only its start is known.
    Woven,
    /// Without quotes over several lines: only its start is known.
    WovenPlain,
}

/// A plain value as the YAML 1.2 core schema reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plain<'n> {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number between 2^63 and 2^64.
    Large(u64),
    /// A number.
    Float(f64),
    /// A number that JSON cannot hold.
    Unholdable,
    /// Text.
    Text(&'n str),
}

impl Scalar {
    /// What the scalar means.
    pub(super) fn resolve(&self) -> Plain<'_> {
        match self.style {
            Style::Plain | Style::WovenPlain => resolve_plain(&self.text),
            Style::Quoted | Style::Literal | Style::Woven => Plain::Text(&self.text),
        }
    }
}

impl Node {
    /// What a person calls this kind of value.
    pub(super) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar(scalar) => match scalar.resolve() {
                Plain::Null => "nothing",
                Plain::Bool(_) => "true or false",
                Plain::Int(_) | Plain::Large(_) => "an integer",
                Plain::Float(_) | Plain::Unholdable => "a number",
                Plain::Text(_) => "text",
            },
        }
    }
    /// What it means, when it is a scalar.
    pub(super) fn plain(&self) -> Option<Plain<'_>> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar.resolve()),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }
    /// Its text, when it is text.
    pub(super) fn text(&self) -> Option<&str> {
        match self.plain() {
            Some(Plain::Text(text)) => Some(text),
            _ => None,
        }
    }
    /// Whether there is no value.
    pub(super) fn is_null(&self) -> bool {
        self.plain() == Some(Plain::Null)
    }
    /// The value under `key`, when it is a map.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries
                .iter()
                .find(|(found, _)| found.text == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }
    /// The place of the bytes `start..end` of its text.
    pub(super) fn inside(&self, start: usize, end: usize) -> Position {
        let Kind::Scalar(scalar) = &self.kind else {
            return self.at;
        };
        let text = &scalar.text;
        let chars = |upto: usize| text.char_indices().take_while(|(at, _)| *at < upto).count();
        let (from, to) = (chars(start), chars(end.max(start)));
        let width = count(to - from).max(1);
        match scalar.style {
            Style::Plain => Position::new(self.at.line, self.at.column + count(from), width),
            Style::Quoted => Position::new(self.at.line, self.at.column + 1 + count(from), width),
            Style::Literal => {
                let before: String = text.chars().take(from).collect();
                let line = count(before.matches('\n').count());
                let column = count(before.chars().rev().take_while(|c| *c != '\n').count());
                Position::new(self.at.line + line, self.at.column + column, width)
            }
            Style::Woven | Style::WovenPlain => self.at,
        }
    }
    /// The whole piece as plain data; numbers JSON cannot hold are reported and become null.
    pub(super) fn value(&self, found: &mut Diagnostics) -> Value {
        match &self.kind {
            Kind::List(items) => Value::Array(items.iter().map(|item| item.value(found)).collect()),
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.text.clone(), node.value(found)))
                    .collect(),
            ),
            Kind::Scalar(scalar) => match scalar.resolve() {
                Plain::Null => Value::Null,
                Plain::Bool(value) => Value::Bool(value),
                Plain::Int(value) => Value::from(value),
                Plain::Large(value) => Value::from(value),
                Plain::Float(value) => Value::from(value),
                Plain::Text(text) => Value::String(text.to_owned()),
                Plain::Unholdable => {
                    let message = format!("`{}` has no place among JSON's numbers", scalar.text);
                    found
                        .error(codes::NUMBER_SIZE, self.at, message)
                        .hint("put it in quotes to pass it as text");
                    Value::Null
                }
            },
        }
    }
}

/// Saturating; files are far smaller.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn resolve_plain(text: &str) -> Plain<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF"
        | ".nan" | ".NaN" | ".NAN" => return Plain::Unholdable,
        _ => {}
    }
    let radix = |digits: &str, radix: u32| match u64::from_str_radix(digits, radix) {
        Ok(value) => i64::try_from(value).map_or(Plain::Large(value), Plain::Int),
        Err(_) => Plain::Unholdable,
    };
    if let Some(digits) = text.strip_prefix("0x")
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o")
        && !digits.is_empty()
        && digits.bytes().all(|b| matches!(b, b'0'..=b'7'))
    {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return match (text.parse::<i64>(), unsigned.parse::<u64>()) {
            (Ok(value), _) => Plain::Int(value),
            (Err(_), Ok(value)) if !text.starts_with('-') => Plain::Large(value),
            _ => Plain::Unholdable,
        };
    }
    if is_float(unsigned) {
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Plain::Float(value),
            _ => Plain::Unholdable,
        };
    }
    Plain::Text(text)
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        ),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, wanted) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("true", Plain::Bool(true)),
            ("yes", Plain::Text("yes")),
            ("off", Plain::Text("off")),
            ("012", Plain::Int(12)),
            ("-7", Plain::Int(-7)),
            ("0x1F", Plain::Int(31)),
            ("0o17", Plain::Int(15)),
            ("18446744073709551615", Plain::Large(u64::MAX)),
            ("18446744073709551616", Plain::Unholdable),
            ("1.5", Plain::Float(1.5)),
            (".5e1", Plain::Float(5.0)),
            ("1e999", Plain::Unholdable),
            ("1.2.3", Plain::Text("1.2.3")),
            (".", Plain::Text(".")),
            ("e5", Plain::Text("e5")),
            ("2026-06-01", Plain::Text("2026-06-01")),
            (".nan", Plain::Unholdable),
        ] {
            assert_eq!(resolve_plain(text), wanted, "{text}");
        }
    }
}
