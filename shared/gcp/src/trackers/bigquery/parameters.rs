//! Parameters of a query, from JSON.

use google_cloud_bigquery_v2::model::{QueryParameter, QueryParameterType, QueryParameterValue};
use ork_core::{Map, Value};

/// Parameters by their names; an error says which cannot be one, and how to write it.
pub(super) fn named(params: &Map) -> Result<Vec<QueryParameter>, String> {
    params
        .iter()
        .map(|(name, value)| parameter(name, value))
        .collect()
}

fn parameter(name: &str, value: &Value) -> Result<QueryParameter, String> {
    let wrong = |why: String| format!("the parameter `{name}` {why}");
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(legal) {
        return Err(wrong(
            "has no name of a parameter: letters, digits and _ only".into(),
        ));
    }
    let (kind, value) = match value {
        Value::Object(typed) => {
            let (kind, value) = written_out(typed).map_err(wrong)?;
            (kind.to_ascii_uppercase(), value)
        }
        plain => (kind_of(plain).map_err(wrong)?, plain),
    };
    let parameter = QueryParameter::new().set_name(name);
    let element = kind
        .strip_prefix("ARRAY<")
        .and_then(|rest| rest.strip_suffix('>'));
    let Some(element) = element.map(str::trim) else {
        let value = scalar(&kind, value).map_err(wrong)?;
        return Ok(parameter
            .set_parameter_type(QueryParameterType::new().set_type(kind))
            .set_parameter_value(value));
    };
    let list = value
        .as_array()
        .ok_or_else(|| wrong(format!("is {kind}, and its value is no list")))?;
    let values = list
        .iter()
        .map(|value| match value {
            // BigQuery knows no NULL in a list that it is given.
            Value::Null => Err("is a list with a null in it".to_owned()),
            value => scalar(element, value),
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    let kind = QueryParameterType::new()
        .set_type("ARRAY")
        .set_array_type(QueryParameterType::new().set_type(element));
    Ok(parameter
        .set_parameter_type(kind)
        .set_parameter_value(QueryParameterValue::new().set_array_values(values)))
}

/// `{"type": "DATE", "value": "2026-01-31"}`.
fn written_out(typed: &Map) -> Result<(&str, &Value), String> {
    const FORM: &str = "is an object: write it as {\"type\": \"DATE\", \"value\": \"2026-01-31\"}";
    match (
        typed.get("type").and_then(Value::as_str),
        typed.get("value"),
    ) {
        (Some(kind), Some(value)) if typed.len() == 2 && !kind.trim().is_empty() => {
            Ok((kind.trim(), value))
        }
        _ => Err(FORM.into()),
    }
}

/// The type of a value that says its own.
fn kind_of(value: &Value) -> Result<String, String> {
    let kind = match value {
        Value::Bool(_) => "BOOL",
        Value::String(_) => "STRING",
        Value::Number(number) if number.is_i64() => "INT64",
        Value::Number(number) if number.is_u64() => {
            return Err(format!(
                "is {number}, more than an INT64 holds: write it as {{\"type\": \"BIGNUMERIC\", \"value\": \"{number}\"}}"
            ));
        }
        Value::Number(_) => "FLOAT64",
        Value::Null => {
            return Err(
                "is null, of no type: write it as {\"type\": \"STRING\", \"value\": null}".into(),
            );
        }
        Value::Object(_) => return Err("holds an object, which is no value of a query".into()),
        Value::Array(list) => return kind_of_all(list),
    };
    Ok(kind.into())
}

fn kind_of_all(list: &[Value]) -> Result<String, String> {
    let mut found: Option<String> = None;
    for value in list {
        if value.is_array() {
            return Err("is a list of lists, which BigQuery does not have".into());
        }
        let kind = kind_of(value)?;
        found = match found {
            None => Some(kind),
            Some(before) if before == kind => Some(kind),
            Some(before)
                if [&*before, &*kind]
                    .iter()
                    .all(|kind| ["INT64", "FLOAT64"].contains(kind)) =>
            {
                Some("FLOAT64".into())
            }
            Some(before) => {
                return Err(format!(
                    "is a list of {before} and {kind}: of one type only"
                ));
            }
        };
    }
    match found {
        Some(kind) => Ok(format!("ARRAY<{kind}>")),
        None => Err(
            "is an empty list, of no type: write it as {\"type\": \"ARRAY<STRING>\", \"value\": []}"
                .into(),
        ),
    }
}

fn scalar(kind: &str, value: &Value) -> Result<QueryParameterValue, String> {
    let text = match value {
        Value::Null => return Ok(QueryParameterValue::new()),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            return Err(format!(
                "is {kind}, and its value is neither text, number nor boolean"
            ));
        }
    };
    Ok(QueryParameterValue::new().set_value(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(value: Value) -> Result<Value, String> {
        let params = Map::from_iter([("x".to_owned(), value)]);
        let mut all = serde_json::to_value(named(&params)?).expect("JSON");
        Ok(all[0].take())
    }

    #[test]
    fn values_of_json_have_types_of_bigquery() {
        for (value, kind, expected) in [
            (
                json!(true),
                json!({"type": "BOOL"}),
                json!({"value": "true"}),
            ),
            (json!(-7), json!({"type": "INT64"}), json!({"value": "-7"})),
            (
                json!(1.5),
                json!({"type": "FLOAT64"}),
                json!({"value": "1.5"}),
            ),
            (
                json!("a'b"),
                json!({"type": "STRING"}),
                json!({"value": "a'b"}),
            ),
            (
                json!({"type": "date", "value": "2026-01-31"}),
                json!({"type": "DATE"}),
                json!({"value": "2026-01-31"}),
            ),
            (
                json!({"type": "STRING", "value": null}),
                json!({"type": "STRING"}),
                json!({}),
            ),
            (
                json!([1, 2]),
                json!({"type": "ARRAY", "arrayType": {"type": "INT64"}}),
                json!({"arrayValues": [{"value": "1"}, {"value": "2"}]}),
            ),
            (
                json!([1, 2.5]),
                json!({"type": "ARRAY", "arrayType": {"type": "FLOAT64"}}),
                json!({"arrayValues": [{"value": "1"}, {"value": "2.5"}]}),
            ),
            (
                json!({"type": "ARRAY<STRING>", "value": []}),
                json!({"type": "ARRAY", "arrayType": {"type": "STRING"}}),
                json!({}),
            ),
        ] {
            let expected = json!({"name": "x", "parameterType": kind, "parameterValue": expected});
            assert_eq!(one(value.clone()), Ok(expected), "{value}");
        }
    }

    #[test]
    fn what_has_no_type_is_refused_with_the_way_to_write_it() {
        for (value, word) in [
            (json!(null), "\"type\": \"STRING\""),
            (json!([]), "ARRAY<STRING>"),
            (json!([1, "a"]), "INT64 and STRING"),
            (json!([[1]]), "list of lists"),
            (json!([null]), "null"),
            (json!({"a": 1}), "\"type\": \"DATE\""),
            (json!({"type": "DATE"}), "\"type\": \"DATE\""),
            (json!({"type": "DATE", "value": []}), "neither text"),
            (json!({"type": "ARRAY<DATE>", "value": "x"}), "no list"),
            (
                json!({"type": "ARRAY<DATE>", "value": [null]}),
                "null in it",
            ),
            (json!(u64::MAX), "BIGNUMERIC"),
        ] {
            let error = one(value.clone()).expect_err("no parameter");
            assert!(
                error.starts_with("the parameter `x`") && error.contains(word),
                "{value}: {error}"
            );
        }
        let params = Map::from_iter([("a b".to_owned(), json!(1))]);
        assert!(named(&params).is_err());
    }
}
