//! Types of variables, as far as they say what holds for parts that nobody states.

use hcl::eval::{Context, Evaluate};
use hcl::expr::{Expression, ObjectKey};
use hcl::{Map, Value};

/// The value with what `optional(…)` of its type says in the places that are not there.
pub(crate) fn with_defaults(
    of: &Expression,
    value: Value,
    context: &Context<'_>,
) -> Result<Value, String> {
    let Expression::FuncCall(call) = of else {
        return Ok(value);
    };
    match (call.name.name.as_str(), value) {
        ("object", Value::Object(mut entries)) => {
            let Some(Expression::Object(members)) = call.args.first() else {
                return Err("object(…) of nothing".into());
            };
            for (key, of) in members {
                let key = match key {
                    ObjectKey::Identifier(name) => name.to_string(),
                    other => return Err(format!("a member called {other}")),
                };
                let (of, default) = match of {
                    Expression::FuncCall(call) if call.name.name.as_str() == "optional" => {
                        (&call.args[0], call.args.get(1))
                    }
                    other => (other, None),
                };
                let value = match (entries.swap_remove(&key), default) {
                    (None | Some(Value::Null), Some(default)) => default
                        .evaluate(context)
                        .map_err(|error| format!("{key}: {error}"))?,
                    (value, _) => value.unwrap_or(Value::Null),
                };
                entries.insert(key, with_defaults(of, value, context)?);
            }
            Ok(Value::Object(entries))
        }
        ("map", Value::Object(entries)) => {
            let mut all = Map::new();
            for (key, value) in entries {
                all.insert(key, with_defaults(&call.args[0], value, context)?);
            }
            Ok(Value::Object(all))
        }
        ("list" | "set", Value::Array(items)) => {
            let items = items
                .into_iter()
                .map(|item| with_defaults(&call.args[0], item, context));
            items.collect::<Result<_, _>>().map(Value::Array)
        }
        (_, value) => Ok(value),
    }
}
