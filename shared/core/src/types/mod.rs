//! Types of inputs and outputs, what may stand for what, and whether a value is of a type.

mod accepts;
mod check;
mod coerce;
mod text;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use accepts::Mismatch;
pub use check::ValueMismatch;
pub(crate) use check::short;
pub use text::TypeError;

use crate::definition::Segment;

/// A type with every alias resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Text.
    Str,
    /// A whole number in 64 bits.
    Int,
    /// A number; a value without a fraction may be written as a whole number.
    Float,
    /// true or false.
    Bool,
    /// `YYYY-MM-DD`.
    Date,
    /// Date and time without an offset.
    DatetimeNotz,
    /// RFC 3339 with an offset.
    DatetimeTz,
    /// RFC 3339 with `Z`.
    DatetimeUtc,
    /// Anything.
    Any,
    /// One of these texts.
    Enum(Vec<String>),
    /// The type or null.
    Optional(Box<Type>),
    /// A list.
    List(Box<Type>),
    /// Any keys, values of one type.
    Map(Box<Type>),
    /// Exactly these fields (optional ones may be absent).
    Object(BTreeMap<String, Type>),
}

impl Type {
    /// The words that are types by themselves, in the order they are listed to people.
    pub const BUILTIN_NAMES: &'static [&'static str] = &[
        "str",
        "int",
        "float",
        "bool",
        "date",
        "datetime_notz",
        "datetime_tz",
        "datetime_utc",
        "any",
    ];

    /// The builtin type called `word`.
    pub fn builtin(word: &str) -> Option<Self> {
        Some(match word {
            "str" => Self::Str,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "date" => Self::Date,
            "datetime_notz" => Self::DatetimeNotz,
            "datetime_tz" => Self::DatetimeTz,
            "datetime_utc" => Self::DatetimeUtc,
            "any" => Self::Any,
            _ => return None,
        })
    }

    /// For a name people know from elsewhere and Ork refuses: what to write instead.
    pub fn wrong_name(word: &str) -> Option<&'static str> {
        Some(match word.to_ascii_lowercase().as_str() {
            "string" | "text" | "varchar" | "char" | "unicode" => "str",
            "integer" | "long" | "bigint" | "int32" | "int64" => "int",
            "number" => "int or float",
            "double" | "decimal" | "numeric" | "real" | "float32" | "float64" => "float",
            "boolean" => "bool",
            "datetime" => "datetime_notz, datetime_tz or datetime_utc",
            "timestamp" | "instant" => "datetime_utc",
            "timestamptz" => "datetime_tz",
            "object" | "struct" | "record" => "the fields, as in {id: int, name: str}",
            "dict" | "mapping" | "map" => "map[T], as in map[str]",
            "array" | "list" | "sequence" | "tuple" | "set" => "[T], as in [str]",
            "enum" => "enum[a, b]",
            "null" | "none" | "nil" | "void" => "T?, as in str?",
            "optional" => "T?, as in str?",
            "json" | "variant" | "object?" => "any",
            lower if lower != word => {
                return Self::BUILTIN_NAMES
                    .iter()
                    .copied()
                    .find(|known| *known == lower);
            }
            _ => return None,
        })
    }

    /// The type found at `path` below this one. Through an optional it is optional, below `any` it is `any`.
    pub fn at(&self, path: &[Segment]) -> Result<Self, String> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(self.clone());
        };
        match (self, first) {
            (Self::Any, _) => Ok(Self::Any),
            (Self::Optional(inner), _) => inner.at(path).map(Self::or_null),
            (Self::Object(fields), Segment::Field(name)) => match fields.get(name) {
                Some(found) => found.at(rest),
                None => Err(format!(
                    "there is no field `{name}`, only {}",
                    list(fields.keys())
                )),
            },
            // `by_year.2024` is a position by its looks and a key by its meaning.
            (Self::Object(_), Segment::Index(key)) => {
                let mut path = path.to_vec();
                path[0] = Segment::Field(key.to_string());
                self.at(&path)
            }
            (Self::Map(value), _) => value.at(rest),
            (Self::List(item), Segment::Index(_)) => item.at(rest),
            (Self::List(_), Segment::Field(name)) => Err(format!(
                "`{self}` is a list and has no field `{name}`; take an item first, as in [0].{name}"
            )),
            (_, Segment::Field(name)) => Err(format!("`{self}` has no field `{name}`")),
            (_, Segment::Index(index)) => {
                Err(format!("`{self}` is no list and has no item [{index}]"))
            }
        }
    }

    /// The type or null, without doubling an optional.
    fn or_null(self) -> Self {
        match self {
            Self::Optional(_) | Self::Any => self,
            other => Self::Optional(Box::new(other)),
        }
    }
}

impl fmt::Display for Type {
    /// The spelling of a workflow file, aliases spelled out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str => f.write_str("str"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Bool => f.write_str("bool"),
            Self::Date => f.write_str("date"),
            Self::DatetimeNotz => f.write_str("datetime_notz"),
            Self::DatetimeTz => f.write_str("datetime_tz"),
            Self::DatetimeUtc => f.write_str("datetime_utc"),
            Self::Any => f.write_str("any"),
            Self::Enum(words) => {
                f.write_str("enum[")?;
                for (at, word) in words.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    text::write_word(f, word)?;
                }
                f.write_str("]")
            }
            Self::Optional(inner) => write!(f, "{inner}?"),
            Self::List(item) => write!(f, "[{item}]"),
            Self::Map(value) => write!(f, "map[{value}]"),
            Self::Object(fields) => {
                f.write_str("{")?;
                for (at, (name, kind)) in fields.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    text::write_word(f, name)?;
                    write!(f, ": {kind}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Names for a sentence: `a`, `b` and `c`, cut when there are many.
pub(crate) fn list<T: fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 12;
    let all: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match all.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [head @ .., last] if all.len() <= SHOWN => format!("{} and {last}", head.join(", ")),
        many => format!(
            "{} and {} more",
            many[..SHOWN].join(", "),
            many.len() - SHOWN
        ),
    }
}
