//! JSON Schema of a type: the values it has.

use serde_json::{Map, json};

use crate::Value;
use crate::types::Type;

const DATE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
const MOMENT: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?";

/// JSON Schema of the values that [`Type::check`] accepts, up to dates that do not exist.
pub fn type_schema(kind: &Type) -> Value {
    match kind {
        Type::Str => json!({ "type": "string" }),
        Type::Int => json!({ "type": "integer", "minimum": i64::MIN, "maximum": u64::MAX }),
        Type::Float => json!({ "type": "number" }),
        Type::Bool => json!({ "type": "boolean" }),
        Type::Date => json!({ "type": "string", "format": "date", "pattern": DATE }),
        Type::DatetimeNotz => json!({ "type": "string", "pattern": format!("{MOMENT}$") }),
        Type::DatetimeTz => {
            json!({ "type": "string", "format": "date-time", "pattern": format!("{MOMENT}(Z|[+-][0-9]{{2}}:[0-9]{{2}})$") })
        }
        Type::DatetimeUtc => {
            json!({ "type": "string", "format": "date-time", "pattern": format!("{MOMENT}Z$") })
        }
        Type::Any => json!({}),
        Type::Enum(words) => json!({ "type": "string", "enum": words }),
        Type::Optional(inner) => json!({ "anyOf": [type_schema(inner), { "type": "null" }] }),
        Type::List(item) => json!({ "type": "array", "items": type_schema(item) }),
        Type::Map(value) => json!({ "type": "object", "additionalProperties": type_schema(value) }),
        Type::Object(fields) => {
            let properties: Map<String, Value> = fields
                .iter()
                .map(|(name, kind)| (name.clone(), type_schema(kind)))
                .collect();
            let required: Vec<&String> = fields
                .iter()
                .filter(|(_, kind)| !matches!(kind, Type::Optional(_)))
                .map(|(name, _)| name)
                .collect();
            json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
        }
    }
}
