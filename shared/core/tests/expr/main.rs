//! Expressions and templates: what they mean, what they refuse, and that no source can hurt.

mod bind;
mod hostile;
mod paths;
mod refused;
mod templates;
mod values;

use std::sync::Arc;

use ork_core::Value;
use ork_core::definition::Expression;
use ork_core::expr::{self, Instance, RunFields, Scope};
use ork_core::time::Time;
use ork_core::types::Type;
use serde_json::json;

fn source(text: &str) -> Expression {
    Expression {
        source: text.to_owned(),
        references: Vec::new(),
    }
}

fn scope() -> Scope {
    let run = RunFields {
        id: "etl--20260601T023000Z".to_owned(),
        slot: Some(Time::parse("2026-06-01T02:30:00Z").expect("an instant")),
        workflow: "etl".to_owned(),
        version: "abc".to_owned(),
        attempt: 1,
        recovery_attempts: 0,
    };
    let params =
        json!({"day": "2026-06-01", "n": 3, "none": null, "dirs": ["/a/b/c.csv", "x.txt"]});
    let rows = json!({"rows": [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}], "total": 2.5, "odd key": true});
    Scope::builder(run, Arc::new(params))
        .task(0, "extract", Arc::new(rows), "success", None)
        .task(
            1,
            "load-all",
            Arc::new(json!(["a.csv", "b.csv"])),
            "success",
            None,
        )
        .task(2, "broken", Arc::new(Value::Null), "failed", None)
        .task(
            3,
            "typed",
            Arc::new(json!({"id": 1})),
            "success",
            Some(Type::parse_text("{id: int, note: str?}", &|_| None).expect("a type")),
        )
        .build()
        .for_instance(Instance {
            item: Some(Arc::new(json!({"file": "f.csv", "index": "own"}))),
            item_index: 4,
            index: 9,
            count: 10,
        })
}

fn eval(text: &str) -> Result<Value, String> {
    expr::evaluate(&source(text), &scope()).map_err(|error| error.to_string())
}

fn render(text: &str) -> Result<String, String> {
    expr::render(&source(text), &scope()).map_err(|error| error.to_string())
}
