//! A value from the text of a command line, where everything is text.

use super::Type;
use super::check::{ValueMismatch, describe};
use crate::Value;

impl Type {
    /// Reads `text`, as given with `--param name=text`, as a value of this type.
    ///
    /// Text types are taken as they stand, numbers and booleans are read, objects and lists are JSON. `any` is JSON when it
    /// reads as such and text otherwise. `null` is null where the type is optional, except that `str?` takes it as text.
    pub fn coerce_text(&self, text: &str) -> Result<Value, ValueMismatch> {
        let value = self.read(text).ok_or_else(|| ValueMismatch {
            path: String::new(),
            expected: describe(self),
            found: super::check::short(&Value::from(text)),
        })?;
        self.check(&value)?;
        Ok(value)
    }

    fn read(&self, text: &str) -> Option<Value> {
        match self {
            Self::Str
            | Self::Enum(_)
            | Self::Date
            | Self::DatetimeNotz
            | Self::DatetimeTz
            | Self::DatetimeUtc => Some(Value::from(text)),
            Self::Int => text
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| text.parse::<u64>().map(Value::from))
                .ok(),
            Self::Float => text
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
                .map(Value::from),
            Self::Bool => match text {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            Self::Any => Some(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))),
            Self::Optional(inner) if text == "null" && **inner != Self::Str => Some(Value::Null),
            Self::Optional(inner) => inner.read(text),
            Self::List(_) | Self::Map(_) | Self::Object(_) => serde_json::from_str(text).ok(),
        }
    }
}
