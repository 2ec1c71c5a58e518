//! Assignability: may a value of one type stand where another is asked for.

use super::Type;

/// Where two types part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", place(.path))]
pub struct Mismatch {
    /// The field or item, such as `rows[].id`; empty for the type itself.
    pub path: String,
    /// What is asked for there.
    pub expected: Box<Type>,
    /// What is offered there; `None` when the field is missing.
    pub found: Option<Box<Type>>,
    /// The difference in words.
    pub reason: String,
}

fn place(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!("at `{path}`: ")
    }
}

impl Type {
    /// Whether a value of type `other` may stand where this type is asked for.
    ///
    /// A `datetime_utc` is a `datetime_tz`, an enum's words are text, an object whose fields all fit is a map, `T` is `T?`.
    /// `any` goes with everything: it is looked at when the value is there. Nothing else is converted; an `int` is not a `float`.
    pub fn accepts(&self, other: &Self) -> Result<(), Mismatch> {
        fits(self, other, String::new())
    }
}

fn mismatch(asked: &Type, offered: &Type, path: String, reason: String) -> Mismatch {
    Mismatch {
        path,
        expected: Box::new(asked.clone()),
        found: Some(Box::new(offered.clone())),
        reason,
    }
}

fn fits(asked: &Type, offered: &Type, path: String) -> Result<(), Mismatch> {
    match (asked, offered) {
        (Type::Any, _)
        | (_, Type::Any)
        | (Type::DatetimeTz, Type::DatetimeUtc)
        | (Type::Str, Type::Enum(_)) => Ok(()),
        (Type::Optional(asked), Type::Optional(offered)) => fits(asked, offered, path),
        (Type::Optional(asked), _) => fits(asked, offered, path),
        (_, Type::Optional(_)) => Err(mismatch(
            asked,
            offered,
            path,
            format!("`{asked}` is asked for, `{offered}` may be null"),
        )),
        (Type::Enum(allowed), Type::Enum(words)) => {
            match words.iter().find(|word| !allowed.contains(word)) {
                None => Ok(()),
                Some(word) => Err(mismatch(
                    asked,
                    offered,
                    path,
                    format!("`{asked}` is asked for, `{offered}` may be `{word}`"),
                )),
            }
        }
        (Type::List(asked), Type::List(offered)) => fits(asked, offered, format!("{path}[]")),
        (Type::Map(asked), Type::Map(offered)) => fits(asked, offered, format!("{path}[*]")),
        (Type::Map(asked), Type::Object(fields)) => fields
            .iter()
            .try_for_each(|(name, kind)| fits(asked, kind, below(&path, name))),
        (Type::Object(fields), Type::Object(offers)) => {
            if let Some(extra) = offers.keys().find(|name| !fields.contains_key(*name)) {
                return Err(mismatch(
                    asked,
                    offered,
                    path,
                    format!("`{asked}` has no field `{extra}`"),
                ));
            }
            fields
                .iter()
                .try_for_each(|(name, kind)| match offers.get(name) {
                    Some(offer) => fits(kind, offer, below(&path, name)),
                    None if matches!(kind, Type::Optional(_)) => Ok(()),
                    None => Err(Mismatch {
                        path: below(&path, name),
                        expected: Box::new(kind.clone()),
                        found: None,
                        reason: format!("`{kind}` is asked for, the field is missing"),
                    }),
                })
        }
        _ if asked == offered => Ok(()),
        _ => Err(mismatch(
            asked,
            offered,
            path,
            format!("`{asked}` is asked for, this is `{offered}`"),
        )),
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
