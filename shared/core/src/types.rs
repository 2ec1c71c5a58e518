//! Types of inputs and outputs, what may stand for what, and whether a value is of a type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A type with every alias resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Text.
    Str,
    /// A whole number in 64 bits.
    Int,
    /// A number; an int may stand for it.
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
