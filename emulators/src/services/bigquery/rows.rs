//! The rows of a query as the API writes them: columns apart, every value a text.

use serde_json::{Value, json};

use crate::services::script::Script;

/// The answer of a query.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Value>,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: String,
    mode: String,
}

impl Table {
    /// The scripted rows; without a schema the columns are those of the first row.
    pub(super) fn of(script: &Script) -> Self {
        let rows = script.rows.clone().unwrap_or_default();
        let columns = match &script.schema {
            Some(columns) => columns.iter().map(Column::given).collect(),
            None => rows.first().map(guessed).unwrap_or_default(),
        };
        Self { columns, rows }
    }

    pub(super) fn schema(&self) -> Value {
        let fields: Vec<Value> = self
            .columns
            .iter()
            .map(|column| json!({"name": column.name, "type": column.kind, "mode": column.mode}))
            .collect();
        json!({"fields": fields})
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows of a page.
    pub(super) fn rows(&self, from: usize, to: usize) -> Vec<Value> {
        let rows = self.rows.get(from..to.min(self.rows.len()));
        rows.unwrap_or_default()
            .iter()
            .map(|row| self.row(row))
            .collect()
    }

    fn row(&self, row: &Value) -> Value {
        let cells: Vec<Value> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let value = match row {
                    Value::Object(fields) => fields.get(&column.name),
                    Value::Array(values) => values.get(at),
                    value => Some(value).filter(|_| at == 0),
                };
                json!({"v": cell(value.unwrap_or(&Value::Null), column.mode == "REPEATED")})
            })
            .collect();
        json!({"f": cells})
    }
}

impl Column {
    fn given(column: &Value) -> Self {
        let text = |name: &str| column[name].as_str().map(str::to_owned);
        Self {
            name: text("name").unwrap_or_default(),
            kind: text("type").unwrap_or_default(),
            mode: text("mode").unwrap_or_else(|| "NULLABLE".to_owned()),
        }
    }

    fn guessed(name: String, value: &Value) -> Self {
        let (value, mode) = match value {
            Value::Array(values) => (values.first().unwrap_or(&Value::Null), "REPEATED"),
            value => (value, "NULLABLE"),
        };
        let kind = match value {
            Value::Bool(_) => "BOOLEAN",
            Value::Number(number) if number.is_f64() => "FLOAT",
            Value::Number(_) => "INTEGER",
            Value::Object(_) | Value::Array(_) => "JSON",
            Value::Null | Value::String(_) => "STRING",
        };
        Self {
            name,
            kind: kind.to_owned(),
            mode: mode.to_owned(),
        }
    }
}

fn guessed(row: &Value) -> Vec<Column> {
    match row {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| Column::guessed(name.clone(), value))
            .collect(),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .map(|(at, value)| Column::guessed(format!("f{at}_"), value))
            .collect(),
        value => vec![Column::guessed("f0_".to_owned(), value)],
    }
}

fn cell(value: &Value, repeated: bool) -> Value {
    match value {
        Value::Null if repeated => json!([]),
        Value::Null => Value::Null,
        Value::String(text) => json!(text),
        Value::Array(values) if repeated => values
            .iter()
            .map(|value| json!({"v": cell(value, false)}))
            .collect(),
        value => json!(value.to_string()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    #[test]
    fn rows_of_every_shape_become_cells() {
        let script = Script::parse(
            r#"{"rows": [{"a": 1, "b": null, "c": ["x", "y"], "d": {"k": 1}, "e": 1.5, "f": true}, {"a": 2}]}"#,
        );
        let table = Table::of(&script.unwrap());
        let kinds: Vec<_> = table.columns.iter().map(|column| &*column.kind).collect();
        assert_eq!(
            kinds,
            ["INTEGER", "STRING", "STRING", "JSON", "FLOAT", "BOOLEAN"]
        );
        assert_eq!(
            table.rows(0, 9),
            [
                json!({"f": [{"v": "1"}, {"v": null}, {"v": [{"v": "x"}, {"v": "y"}]}, {"v": "{\"k\":1}"}, {"v": "1.5"}, {"v": "true"}]}),
                json!({"f": [{"v": "2"}, {"v": null}, {"v": []}, {"v": null}, {"v": null}, {"v": null}]}),
            ]
        );
        let plain = Table::of(&Script::parse(r#"{"rows": [3, 4]}"#).unwrap());
        assert_eq!(plain.rows(1, 2), [json!({"f": [{"v": "4"}]})]);
        let lists = Script::parse(
            r#"{"rows": [["2026-01-01", 1]], "schema": [{"name": "day", "type": "DATE"}, {"name": "n", "type": "INT64"}]}"#,
        );
        let lists = Table::of(&lists.unwrap());
        assert_eq!(lists.schema()["fields"][0]["type"], "DATE");
        assert_eq!(
            lists.rows(0, 1),
            [json!({"f": [{"v": "2026-01-01"}, {"v": "1"}]})]
        );
        assert!(lists.rows(5, 9).is_empty());
    }
}
