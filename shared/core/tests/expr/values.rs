//! What expressions and filters give.

use std::sync::Arc;

use ork_core::Value;
use ork_core::expr::{self, Instance, RunFields, Scope};
use serde_json::json;

use crate::{eval, scope, source};

#[test]
fn expressions_have_the_values_jinja_gives_them() {
    for (text, value) in [
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("7 // 2 - 7 % 4", json!(0)),
        ("-7 // 2", json!(-4)),
        ("-7 % 3", json!(2)),
        ("6 / 4", json!(1.5)),
        ("2 ** 10", json!(1024)),
        ("1.5 + 1", json!(2.5)),
        ("'a' ~ 1 ~ true ~ [1, 'x']", json!("a1true[1,\"x\"]")),
        ("'a' + 'b'", json!("ab")),
        ("[1] + [2]", json!([1, 2])),
        ("1 < 2 <= 2 < 3", json!(true)),
        ("1 < 2 > 5", json!(false)),
        ("not 1 == 2 and 3", json!(3)),
        ("0 or '' or 'x'", json!("x")),
        ("1 if params.n > 2 else 2", json!(1)),
        (
            "'b' in 'abc' and 2 in [1, 2] and 'k' in {'k': 1}",
            json!(true),
        ),
        ("4 not in range(4)", json!(true)),
        ("range(1, 10, 4) | list", json!([1, 5, 9])),
        ("range(3, 0, -1)", json!([3, 2, 1])),
        ("[1, 2, 3, 4][1:3]", json!([2, 3])),
        ("[1, 2, 3][::-1]", json!([3, 2, 1])),
        ("[1, 2, 3][-1]", json!(3)),
        ("'äbc'[:2]", json!("äb")),
        (
            "{'a': [1, none], 'b': {'c': 1.0}}",
            json!({"a": [1, null], "b": {"c": 1.0}}),
        ),
        ("params.n is odd and params.none is none", json!(true)),
        ("params.n is divisibleby 3", json!(true)),
        ("params.n is not even", json!(true)),
        ("tasks.extract.output.rows[1].name | upper", json!("BOB")),
        ("tasks['extract'].output['odd key']", json!(true)),
        ("tasks[\"load-all\"].output | length", json!(2)),
        (
            "tasks.extract.output.rows | map(attribute='id') | sum",
            json!(3),
        ),
        (
            "tasks.extract.output.rows | selectattr('id', 'gt', 1) | map(attribute='name') | list",
            json!(["Bob"]),
        ),
        ("tasks.extract.output.rows | sum(attribute='id')", json!(3)),
        ("extract.rows[0].id", json!(1)),
        ("tasks.extract.status == 'success'", json!(true)),
        ("tasks.broken.status", json!("failed")),
        ("tasks.broken.output", json!(null)),
        ("tasks.broken.output.rows[3].id", json!(null)),
        ("tasks.typed.output.note", json!(null)),
        ("params.missing | default('x')", json!("x")),
        ("tasks.extract.output.zzz.deep | default(7)", json!(7)),
        ("tasks.extract.output.zzz is defined", json!(false)),
        ("tasks.extract.output.rows[(0 + 1)].id", json!(2)),
        ("item.file", json!("f.csv")),
        ("item.index", json!(4)),
        ("item['index']", json!(4)),
        (
            "[parallel_index, run.index, parallel_count, run.count]",
            json!([9, 9, 10, 10]),
        ),
        (
            "run.id ~ run.workflow ~ run.version ~ run.attempt ~ run.recovery_attempts",
            json!("etl--20260601T023000Zetlabc10"),
        ),
        (
            "slot == run.slot and slot == '2026-06-01T02:30:00Z'",
            json!(true),
        ),
        ("{{ params.n }}", json!(3)),
    ] {
        assert_eq!(eval(text), Ok(value), "{text}");
    }
}

#[test]
fn filters_do_what_their_names_say() {
    for (text, value) in [
        ("slot | date", "2026-06-01"),
        ("slot | date('America/Los_Angeles')", "2026-05-31"),
        ("slot | datetime", "2026-06-01T02:30:00Z"),
        (
            "slot | datetime('Europe/Paris')",
            "2026-06-01T04:30:00+02:00",
        ),
        ("params.day | datetime", "2026-06-01T00:00:00"),
        ("slot | format('%Y/%m/%d %H')", "2026/06/01 02"),
        ("params.day | strftime('%d.%m.%Y')", "01.06.2026"),
        ("slot | add_days(-1) | date", "2026-05-31"),
        ("params.day | add_days(30)", "2026-07-01"),
        ("slot | add_hours(-3)", "2026-05-31T23:30:00Z"),
        (
            "'2026-06-01T02:30:00.5+02:00' | add_hours(1)",
            "2026-06-01T03:30:00.5+02:00",
        ),
        (
            "tasks.extract.output.rows[0] | json",
            "{\"id\":1,\"name\":\"Ann\"}",
        ),
        ("params.dirs[0] | basename", "c.csv"),
        ("params.dirs[0] | dirname", "/a/b"),
        ("params.dirs[1] | dirname", ""),
        ("'/' | basename ~ ('/a' | dirname)", "/"),
        ("'Zürich & Genève  2026!' | slug", "zürich-genève-2026"),
        ("params.dirs | map('basename') | join(', ')", "c.csv, x.txt"),
        ("' x ' | trim | replace('x', 'yy')", "yy"),
        ("[3, 1, 2] | sort | join('-')", "1-2-3"),
    ] {
        assert_eq!(eval(text), Ok(json!(value)), "{text}");
    }
    for text in [
        "5 | date",
        "'yesterday' | date",
        "params.day | date('Europe/Paris')",
        "slot | date('Mars/Base')",
        "params.day | add_hours(1)",
        "slot | add_days('1')",
        "slot | add_days(99999999)",
        "slot | add_days(9223372036854775807)",
        "slot | format('%Q%!')",
        "params.none | date",
        "1 | basename",
        "'x' | sum",
    ] {
        assert!(eval(text).is_err(), "{text}: {:?}", eval(text));
    }
}

#[test]
fn truth_is_as_in_jinja() {
    for (text, holds) in [
        ("0", false),
        ("''", false),
        ("[]", false),
        ("{}", false),
        ("none", false),
        ("false", false),
        ("0.0", false),
        ("'false'", true),
        ("[0]", true),
        ("-1", true),
    ] {
        assert_eq!(
            expr::evaluate_bool(&source(text), &scope()),
            Ok(holds),
            "{text}"
        );
    }
}

#[test]
fn a_number_after_a_dot_is_a_key_of_an_object() {
    let params = Arc::new(json!({"by": {"2024": 1, "007": 2}, "list": [5]}));
    let scope = Scope::builder(RunFields::default(), params).build();
    for (text, value) in [
        ("params.by.2024", 1),
        ("params.list.0", 5),
        ("params.by['007']", 2),
    ] {
        assert_eq!(
            expr::evaluate(&source(text), &scope),
            Ok(json!(value)),
            "{text}"
        );
        let segments = expr::parse_path(text).expect("a path");
        let reference = expr::resolve_path(&segments, &|_| None).expect("a reference");
        assert_eq!(
            expr::lookup(&reference, &scope).map(|found| found.into_owned()),
            Ok(json!(value)),
            "{text}"
        );
    }
}

#[test]
fn ten_thousand_instances_share_one_scope() {
    let base = scope();
    let template = source("file {{ item.n }} of {{ tasks.extract.output.rows | length }}");
    for n in 0..10_000_u32 {
        let scope = base.for_instance(Instance {
            item: Some(Arc::new(json!({"n": n}))),
            item_index: n,
            index: n,
            count: 10_000,
        });
        assert_eq!(
            expr::render(&template, &scope),
            Ok(format!("file {n} of 2"))
        );
    }
}

#[test]
fn an_expression_from_a_task_without_foreach_has_no_item() {
    let scope = Scope::builder(RunFields::default(), Arc::new(json!({}))).build();
    let error = expr::evaluate(&source("item"), &scope).expect_err("there is none");
    assert!(error.message.contains("no `foreach`"), "{error}");
    assert!(
        expr::evaluate(&source("item | default(1)"), &scope).is_err(),
        "what is not loaded has no default"
    );
    assert_eq!(expr::evaluate(&source("slot"), &scope), Ok(Value::Null));
}
