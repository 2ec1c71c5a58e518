//! Whether a value is of a type.

use super::Type;
use crate::Value;

/// Where a value is not what its type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{expected} is asked for, found {found}", if .path.is_empty() { String::new() } else { format!("at `{}`: ", .path) })]
pub struct ValueMismatch {
    /// The field or item, such as `rows[3].id`; empty for the value itself.
    pub path: String,
    /// What is asked for there.
    pub expected: String,
    /// What is there, cut to a short form.
    pub found: String,
}

impl Type {
    /// Whether `value` is of this type. Numbers without a fraction are floats too; an optional field may be absent.
    pub fn check(&self, value: &Value) -> Result<(), ValueMismatch> {
        check(self, value).map_err(|mut inner| {
            inner.steps.reverse();
            let path = inner.steps.concat();
            ValueMismatch {
                path: path.strip_prefix('.').map(str::to_owned).unwrap_or(path),
                expected: inner.expected,
                found: inner.found,
            }
        })
    }
}

/// A mismatch on its way up: the path is built only when there is one.
struct Found {
    steps: Vec<String>,
    expected: String,
    found: String,
}

fn wrong(expected: impl Into<String>, value: &Value) -> Found {
    Found {
        steps: Vec::new(),
        expected: expected.into(),
        found: short(value),
    }
}

fn below(step: impl FnOnce() -> String) -> impl FnOnce(Found) -> Found {
    move |mut inner| {
        inner.steps.push(step());
        inner
    }
}

fn check(kind: &Type, value: &Value) -> Result<(), Found> {
    let ok = match (kind, value) {
        (Type::Any, _)
        | (Type::Str, Value::String(_))
        | (Type::Float, Value::Number(_))
        | (Type::Bool, Value::Bool(_)) => true,
        (Type::Int, Value::Number(number)) => number.is_i64() || number.is_u64(),
        (Type::Date, Value::String(text)) => is_date(text),
        (Type::DatetimeNotz, Value::String(text)) => is_datetime(text).is_some_and(str::is_empty),
        (Type::DatetimeTz, Value::String(text)) => {
            is_datetime(text).is_some_and(|offset| offset == "Z" || is_offset(offset))
        }
        (Type::DatetimeUtc, Value::String(text)) => is_datetime(text) == Some("Z"),
        (Type::Enum(words), Value::String(text)) => words.contains(text),
        (Type::Optional(_), Value::Null) => true,
        (Type::Optional(inner), _) => return check(inner, value),
        (Type::List(item), Value::Array(values)) => {
            for (at, value) in values.iter().enumerate() {
                check(item, value).map_err(below(|| format!("[{at}]")))?;
            }
            true
        }
        (Type::Map(inner), Value::Object(values)) => {
            for (name, value) in values {
                check(inner, value).map_err(below(|| format!(".{name}")))?;
            }
            true
        }
        (Type::Object(fields), Value::Object(values)) => {
            for (name, kind) in fields {
                match values.get(name) {
                    Some(value) => check(kind, value).map_err(below(|| format!(".{name}")))?,
                    None if matches!(kind, Type::Optional(_)) => {}
                    None => {
                        return Err(Found {
                            steps: vec![format!(".{name}")],
                            expected: format!("`{kind}`"),
                            found: "no such field".to_owned(),
                        });
                    }
                }
            }
            if let Some(extra) = values.keys().find(|name| !fields.contains_key(*name)) {
                return Err(Found {
                    steps: Vec::new(),
                    expected: format!("an object with {}", super::list(fields.keys())),
                    found: format!("the extra field `{extra}`"),
                });
            }
            true
        }
        _ => false,
    };
    if ok {
        Ok(())
    } else {
        Err(wrong(describe(kind), value))
    }
}

/// The type as a sentence names it, with its format where the name alone does not say it.
pub(super) fn describe(kind: &Type) -> String {
    match kind {
        Type::Date => "`date` (YYYY-MM-DD)".to_owned(),
        Type::DatetimeNotz => "`datetime_notz` (2026-06-01T02:30:00)".to_owned(),
        Type::DatetimeTz => "`datetime_tz` (2026-06-01T02:30:00+02:00)".to_owned(),
        Type::DatetimeUtc => "`datetime_utc` (2026-06-01T02:30:00Z)".to_owned(),
        other => format!("`{other}`"),
    }
}

/// A value for a message.
pub(crate) fn short(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => format!("the number {n}"),
        Value::String(text) if text.chars().count() <= 40 => {
            format!("the text {}", Value::from(text.as_str()))
        }
        Value::String(text) => format!(
            "the text {}…",
            Value::from(text.chars().take(40).collect::<String>())
        ),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(fields) => match fields.len() {
            0 => "an empty object".to_owned(),
            _ => format!("an object with {}", super::list(fields.keys())),
        },
    }
}

/// `YYYY-MM-DD` and a day that exists.
fn is_date(text: &str) -> bool {
    shaped(text, "dddd-dd-dd") && text.parse::<jiff::civil::Date>().is_ok()
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction]` and a moment that exists; gives what follows it.
fn is_datetime(text: &str) -> Option<&str> {
    let (moment, mut rest) = text.split_at_checked(19)?;
    if !shaped(moment, "dddd-dd-ddTdd:dd:dd") || moment.parse::<jiff::civil::DateTime>().is_err() {
        return None;
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        rest = &fraction[digits..];
    }
    Some(rest)
}

/// `+HH:MM` or `-HH:MM`, less than a day.
fn is_offset(text: &str) -> bool {
    (shaped(text, "+dd:dd") || shaped(text, "-dd:dd")) && &text[1..3] < "24" && &text[4..6] < "60"
}

/// Whether `text` follows `shape`, where `d` is any digit.
fn shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(found, asked)| {
            if asked == b'd' {
                found.is_ascii_digit()
            } else {
                found == asked
            }
        })
}
