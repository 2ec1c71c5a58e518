//! Between plain data and the values of the expression engine.

use minijinja::Value as Computed;
use minijinja::value::ValueKind;

use crate::Value;

/// What a computation may still use: every value looked at and every byte made takes from it.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
}

/// Steps one evaluation may take. Enough to sort the largest output, little enough to end within about a second.
const STEPS: u64 = 50_000_000;

impl Budget {
    pub(super) fn new() -> Self {
        Self { left: STEPS }
    }
    /// Takes `steps`, or says that there is no more.
    pub(super) fn take(&mut self, steps: u64) -> Result<(), String> {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(
                "it takes too much time or memory; compute it in a task and pass the result on"
                    .to_owned(),
            ),
        }
    }
    pub(super) fn left(&self) -> u64 {
        self.left
    }
}

/// Converts plain data.
pub(super) fn from_json(value: &Value) -> Computed {
    match value {
        Value::Null => Computed::from(()),
        Value::Bool(yes) => Computed::from(*yes),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(small), _) => Computed::from(small),
            (None, Some(large)) => Computed::from(large),
            (None, None) => Computed::from(number.as_f64()),
        },
        Value::String(text) => Computed::from(text.as_str()),
        Value::Array(items) => items.iter().map(from_json).collect(),
        Value::Object(fields) => Computed::from_pairs(
            fields
                .iter()
                .map(|(name, field)| (name.as_str(), from_json(field))),
        ),
    }
}

/// Converts back. Values that JSON does not have are errors, not nulls.
pub(super) fn to_json(value: &Computed, budget: &mut Budget) -> Result<Value, String> {
    budget.take(1)?;
    Ok(match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => number(value)?,
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            budget.take(text.len() as u64)?;
            Value::from(text)
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter().map_err(|error| describe(&error))? {
                items.push(to_json(&item, budget)?);
            }
            Value::Array(items)
        }
        ValueKind::Map => {
            let mut fields = serde_json::Map::new();
            for key in value.try_iter().map_err(|error| describe(&error))? {
                let found = value.get_item(&key).map_err(|error| describe(&error))?;
                fields.insert(text(&key, budget)?, to_json(&found, budget)?);
            }
            Value::Object(fields)
        }
        ValueKind::Undefined => return Err("a part of it is undefined".to_owned()),
        ValueKind::Invalid => return Err(format!("a part of it failed: {value}")),
        other => return Err(format!("a {other} is not plain data")),
    })
}

fn number(value: &Computed) -> Result<Value, String> {
    if value.is_integer() {
        if let Some(small) = value.as_i64() {
            return Ok(Value::from(small));
        }
        return u64::try_from(value.clone())
            .map(Value::from)
            .map_err(|_| format!("the number {value} does not fit in 64 bits"));
    }
    let float = f64::try_from(value.clone()).map_err(|error| describe(&error))?;
    serde_json::Number::from_f64(float)
        .map(Value::Number)
        .ok_or_else(|| format!("{float} is not a number that JSON has"))
}

/// The value as it appears in a text: text as it stands, anything else as JSON.
pub(super) fn text(value: &Computed, budget: &mut Budget) -> Result<String, String> {
    if let Some(text) = value.as_str() {
        budget.take(text.len() as u64)?;
        return Ok(text.to_owned());
    }
    Ok(to_json(value, budget)?.to_string())
}

/// What kind of value it is, for a sentence.
pub(super) fn kind_name(value: &Computed) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "something undefined",
        ValueKind::None => "null",
        ValueKind::Bool => "a bool",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        _ => "a value of another kind",
    }
}

/// Bytes of text and number of values in it, counted up to `limit`.
pub(super) fn size(value: &Computed, limit: u64) -> u64 {
    let mut total = 1;
    match value.kind() {
        ValueKind::String => total += value.as_str().map_or(0, str::len) as u64,
        ValueKind::Seq | ValueKind::Iterable => {
            for item in value.try_iter().into_iter().flatten() {
                if total > limit {
                    break;
                }
                total += size(&item, limit - total.min(limit));
            }
        }
        ValueKind::Map => {
            for key in value.try_iter().into_iter().flatten() {
                if total > limit {
                    break;
                }
                total += size(&key, limit)
                    + value
                        .get_item(&key)
                        .map_or(0, |found| size(&found, limit - total.min(limit)));
            }
        }
        _ => {}
    }
    total
}

/// An engine error without its position, which is known better here.
pub(super) fn describe(error: &minijinja::Error) -> String {
    error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned)
}
