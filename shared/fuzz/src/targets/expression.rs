//! Expressions, templates and paths.

use std::sync::Arc;

use ork_core::Value;
use ork_core::definition::{Expression, TemplateValue};
use ork_core::expr::{self, EvalError, ExprError, Instance, RunFields, Scope};
use ork_core::limits;
use ork_core::time::Time;
use ork_core::types::Type;
use serde_json::json;

use crate::Reading;

/// Bytes that a value may have as JSON: every byte made takes from a budget of steps, and escaping can make six of one.
const VALUE_BYTES: usize = 300_000_000;

/// A bare expression, as in `when`.
///
/// Compiling ends; an error stands inside the text. What compiles names paths inside the text and has, in a scope that is
/// given, one value or one error; what does not compile has no value. The value is bounded and `when` agrees with it.
pub fn expression(bytes: &[u8]) -> Reading {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Reading::Rejected;
    };
    let scope = scope();
    let source = source(text);
    let value = expr::evaluate(&source, &scope);
    let holds = expr::evaluate_bool(&source, &scope);
    match expr::compile(text) {
        Ok(compiled) => {
            for path in &compiled.paths {
                inside(text, path.start, path.end);
                assert!(path.start < path.end && !path.segments.is_empty());
                // It refers to something or says why not.
                let _ =
                    expr::resolve_path(&path.segments, &|name| (name == "extract").then_some(0));
            }
            match (&value, &holds) {
                (Ok(value), Ok(holds)) => {
                    bounded(value);
                    assert_eq!(*holds, is_true(value), "`when` and the value of {text:?}");
                }
                (Err(error), _) => stands(text, error),
                // Values that are no plain data hold or not all the same.
                (Ok(_), Err(error)) => panic!("it has a value and no truth: {error}"),
            }
            let again = expr::evaluate(&source, &self::scope());
            assert_eq!(again, value, "evaluated twice");
            Reading::Accepted
        }
        Err(error) => {
            refused(text, &error);
            assert!(value.is_err() && holds.is_err(), "refused and evaluated");
            Reading::Rejected
        }
    }
}

/// A text with `{{ }}`.
///
/// Compiling ends; an error stands inside the text. What compiles renders to a bounded text or one error; a text without
/// templates renders to itself; a text that is one template as a whole is an expression that compiles by itself, and as
/// data keeps the value of that.
pub fn template(bytes: &[u8]) -> Reading {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Reading::Rejected;
    };
    let scope = scope();
    let rendered = expr::render(&source(text), &scope);
    let data = TemplateValue {
        value: json!({ "a": [text], "plain": 1 }),
        references: Vec::new(),
    };
    let value = expr::render_value(&data, &scope);
    let plain = !expr::has_template(text);
    match expr::compile_template(text) {
        Ok(compiled) => {
            for path in &compiled.paths {
                inside(text, path.start, path.end);
            }
            match &rendered {
                Ok(out) => assert!(plain || out.len() <= limits::RENDERED_BYTES),
                Err(error) => stands(text, error),
            }
            if plain {
                assert_eq!(rendered.as_deref(), Ok(text));
                assert_eq!(value.as_ref(), Ok(&data.value));
            }
            if let Some(inner) = expr::whole_template(text) {
                expr::compile(inner).expect("a whole template is an expression");
            } else if let (Ok(value), Ok(out)) = (&value, &rendered) {
                assert_eq!(value["a"][0], Value::from(out.as_str()));
            }
            // Plain text proves little.
            if plain {
                Reading::Rejected
            } else {
                Reading::Accepted
            }
        }
        Err(error) => {
            refused(text, &error);
            assert!(rendered.is_err() && value.is_err(), "refused and rendered");
            Reading::Rejected
        }
    }
}

/// A plain path, as in `{ref: …}`: reading ends, and what was read is written so that it reads as the same.
pub fn path(bytes: &[u8]) -> Reading {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Reading::Rejected;
    };
    match expr::parse_path(text) {
        Ok(segments) => {
            let written = expr::path_text(&segments);
            // There is no way to write a quote inside a quoted name.
            if !written.contains('\\') {
                let read = expr::parse_path(&written)
                    .unwrap_or_else(|error| panic!("{written:?} was written: {error}"));
                assert_eq!(read, segments, "{written:?} of {text:?}");
            }
            let found = expr::resolve_path(&segments, &|name| (name == "extract").then_some(0));
            if let Ok(reference) = found {
                // Whatever it refers to is there or has a reason not to be.
                let _ = expr::lookup(&reference, &scope());
            }
            Reading::Accepted
        }
        Err(error) => {
            assert!(!error.message.is_empty());
            Reading::Rejected
        }
    }
}

fn inside(text: &str, start: usize, end: usize) {
    assert!(
        start <= end && text.is_char_boundary(start) && text.is_char_boundary(end),
        "{start}..{end} of {text:?}"
    );
}

fn refused(text: &str, error: &ExprError) {
    inside(text, error.start, error.end);
    assert!(!error.message.is_empty());
}

fn stands(text: &str, error: &EvalError) {
    inside(text, error.start, error.end);
    assert!(!error.message.is_empty());
}

fn bounded(value: &Value) {
    assert!(value.to_string().len() <= VALUE_BYTES, "it is huge");
}

/// Jinja's rule.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn source(text: &str) -> Expression {
    Expression {
        source: text.to_owned(),
        references: Vec::new(),
    }
}

/// A small world: an output of every kind of value, one upstream that failed, one with a type.
fn scope() -> Scope {
    let run = RunFields {
        id: "etl--20260601T023000Z".to_owned(),
        slot: Some(Time(1_780_281_000_000)),
        workflow: "etl".to_owned(),
        version: "abc".to_owned(),
        attempt: 1,
        recovery_attempts: 0,
    };
    let params = json!({"day": "2026-06-01", "n": 3, "none": null, "f": 2.5, "long": "é".repeat(2000), "dirs": ["/a/b/c.csv", "x.txt"]});
    let rows = json!({"rows": [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}], "many": (0..500).collect::<Vec<u32>>(), "total": 2.5, "odd key": true, "2024": [1, [2]]});
    let typed = Type::parse_text("{id: int, note: str?}", &|_| None).expect("a type");
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
            Some(typed),
        )
        .build()
        .for_instance(Instance {
            item: Some(Arc::new(json!({"file": "f.csv", "index": "own"}))),
            item_index: 4,
            index: 9,
            count: 10,
        })
}
