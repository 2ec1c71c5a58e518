//! No source and no value can hurt.

use std::sync::Arc;

use ork_core::expr::{self, RunFields, Scope};
use proptest::prelude::*;
use serde_json::json;

use crate::{eval, render, scope, source};

#[test]
fn no_filter_or_test_panics_whatever_it_is_given() {
    let values = [
        "none",
        "true",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775807 - 1",
        "1.5",
        "-0.0",
        "1e308",
        "''",
        "'é x/ß'",
        "'2026-06-01'",
        "slot",
        "'%'",
        "[]",
        "[1, 'a', none, [2]]",
        "{}",
        "{'a': 1, 'b': {'c': []}}",
        "range(3)",
        "tasks.extract.output.rows",
    ];
    let args = [
        "none",
        "0",
        "-1",
        "9223372036854775807",
        "''",
        "'é x/ß'",
        "[]",
        "range(3)",
    ];
    let mut good = 0;
    for (names, link) in [(expr::FILTERS, "|"), (expr::TESTS, "is")] {
        for name in names {
            let scope = scope();
            for value in values {
                let calls = args
                    .iter()
                    .map(|arg| format!("({value}) {link} {name}({arg})"));
                let more = args
                    .iter()
                    .map(|arg| format!("({value}) {link} {name}('upper', {arg}, {arg})"));
                for text in calls.chain(more).chain([
                    format!("({value}) {link} {name}"),
                    format!("({value}) {link} {name}(attribute='id')"),
                ]) {
                    good += usize::from(expr::evaluate(&source(&text), &scope).is_ok());
                }
            }
        }
    }
    assert!(good > 1_000, "only {good} had a value");
}

#[test]
fn hostile_sources_end_quickly_with_an_error() {
    let nested = |open: &str, close: &str, times: usize| {
        format!("{}1{}", open.repeat(times), close.repeat(times))
    };
    let sources = [
        nested("(", ")", 1_000),
        nested("[", "]", 1_000),
        nested("{1:", "}", 1_000),
        "not ".repeat(900) + "1",
        "-".repeat(4_000) + "1",
        vec!["1"; 2_000].join("+"),
        vec!["1"; 600].join(" and "),
        format!("1{}", " if 1 else 1".repeat(300)),
        format!("x{}", "|upper".repeat(600)),
        "range(".repeat(500),
        "'x' * 1000000000".to_owned(),
        "[1] * 1000000000".to_owned(),
        "'x' | indent(1000000000)".to_owned(),
        "[1] | batch(1000000000, 1) | list".to_owned(),
        "[1] | slice(1000000000) | list".to_owned(),
        "range(100000) | map('replace', '', 'x' | indent(4000, true)) | list".to_owned(),
        "range(100000) | select('in', range(100000)) | list".to_owned(),
        "range(100000) | map('default', 1) | zip(range(100000)) | map('join', range(100000) | join) | list".to_owned(),
        format!("('x' | indent(4000, true)){}", " | replace(' ', 'x' | indent(4000, true))".repeat(8)),
        format!("(range(100000) | join){}", " | replace('1', range(100000) | join)".repeat(3)),
        "x".repeat(5_000),
    ];
    let reasons = [
        "deeper than",
        "too much time or memory",
        "may have 4096 bytes",
        "a text cannot be repeated",
        "`*` cannot be applied to a list and a number",
    ];
    for text in sources {
        let start: String = text.chars().take(60).collect();
        let error = eval(&text).expect_err(&start);
        assert!(
            reasons.iter().any(|reason| error.contains(reason)),
            "{start}: {error}"
        );
        assert!(render(&format!("{{{{ {text} }}}}")).is_err(), "{start}");
    }
}

#[test]
fn a_text_that_grows_over_its_bound_is_an_error() {
    let big = Arc::new(json!({"t": "x".repeat(700_000)}));
    let scope = Scope::builder(RunFields::default(), big).build();
    assert_eq!(
        expr::render(&source("{{ params.t }}"), &scope).map(|text| text.len()),
        Ok(700_000)
    );
    let error = expr::render(&source("{{ params.t }}{{ params.t }}"), &scope)
        .expect_err("two are too many");
    assert!(error.message.contains("grows over"), "{error}");
    let chain = vec!["params.t"; 90].join(" ~ ");
    let error = expr::evaluate(&source(&chain), &scope).expect_err("it grows");
    assert!(error.message.contains("too much time or memory"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_source_text_makes_evaluation_panic(
        random in "\\PC{0,60}",
        words in prop::collection::vec(prop::sample::select(vec![
            "a", "item", "params.n", "tasks", ".", "[", "]", "(", ")", "{", "}", "{{", "}}", "|", "upper", "join", "is", "not", "in", "if", "else", "and", "or",
            "1", "0", "2.5", "'x'", "\"", "'", "+", "-", "*", "/", "//", "%", "**", "~", ",", ":", "=", "==", "<", "range", "map", "\\", "é", "\n", " ", "slot", "date", "-1", "9223372036854775807",
            "extract.rows", "default", "none", "batch", "slice", "round", "int", "sort", "groupby", "'name'", "indent", "format", "'%Y'", "add_days", "split", "zip", "dictsort", "items",
        ]), 0..14),
    ) {
        for text in [random, words.join(" "), words.concat()] {
            if let Err(error) = expr::compile(&text) {
                prop_assert!(error.start <= error.end && error.end <= text.len(), "{:?} in {:?}", error, text);
                prop_assert!(text.is_char_boundary(error.start) && text.is_char_boundary(error.end));
            }
            if let Err(error) = expr::compile_template(&text) {
                prop_assert!(error.start <= error.end && error.end <= text.len(), "{:?} in {:?}", error, text);
                prop_assert!(text.is_char_boundary(error.start) && text.is_char_boundary(error.end));
            }
            let _ = eval(&text);
            let _ = render(&text);
            let _ = expr::parse_path(&text);
        }
    }

    #[test]
    fn integer_arithmetic_agrees_with_exact_arithmetic(a in -1_000_000_i64..1_000_000, b in -1_000_i64..1_000) {
        prop_assert_eq!(eval(&format!("({a}) + ({b}) * 2 - 1")), Ok(json!(a + b * 2 - 1)));
        if b != 0 {
            let (quotient, rest) = (a.div_euclid(b), a.rem_euclid(b));
            // Python rounds towards minus infinity, so for a negative divisor it is one off from Euclid unless it divides.
            let (quotient, rest) = if b < 0 && rest != 0 { (quotient - 1, rest + b) } else { (quotient, rest) };
            prop_assert_eq!(eval(&format!("[({a}) // ({b}), ({a}) % ({b})]")), Ok(json!([quotient, rest])));
        }
    }
}
