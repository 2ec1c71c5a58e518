//! Expressions and templates: what they mean, what they refuse, and that no source can hurt.

use std::sync::Arc;

use ork_core::Value;
use ork_core::definition::{Expression, Reference, Root, Segment, TemplateValue};
use ork_core::expr::{self, Instance, RunFields, Scope};
use ork_core::time::Time;
use ork_core::types::Type;
use proptest::prelude::*;
use serde_json::json;

fn source(text: &str) -> Expression {
    Expression { source: text.to_owned(), references: Vec::new() }
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
    let params = json!({"day": "2026-06-01", "n": 3, "none": null, "dirs": ["/a/b/c.csv", "x.txt"]});
    let rows = json!({"rows": [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}], "total": 2.5, "odd key": true});
    Scope::builder(run, Arc::new(params))
        .task(0, "extract", Arc::new(rows), "success", None)
        .task(1, "load-all", Arc::new(json!(["a.csv", "b.csv"])), "success", None)
        .task(2, "broken", Arc::new(Value::Null), "failed", None)
        .task(3, "typed", Arc::new(json!({"id": 1})), "success", Some(Type::parse_text("{id: int, note: str?}", &|_| None).expect("a type")))
        .build()
        .for_instance(Instance { item: Some(Arc::new(json!({"file": "f.csv", "index": "own"}))), item_index: 4, index: 9, count: 10 })
}

fn eval(text: &str) -> Result<Value, String> {
    expr::evaluate(&source(text), &scope()).map_err(|error| error.to_string())
}

fn render(text: &str) -> Result<String, String> {
    expr::render(&source(text), &scope()).map_err(|error| error.to_string())
}

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
        ("18446744073709551614 // 1 if false else 18", json!(18)),
        ("'a' ~ 1 ~ true ~ [1, 'x']", json!("a1true[1,\"x\"]")),
        ("'a' + 'b'", json!("ab")),
        ("[1] + [2]", json!([1, 2])),
        ("1 < 2 <= 2 < 3", json!(true)),
        ("1 < 2 > 5", json!(false)),
        ("not 1 == 2 and 3", json!(3)),
        ("0 or '' or 'x'", json!("x")),
        ("1 if params.n > 2 else 2", json!(1)),
        ("'b' in 'abc' and 2 in [1, 2] and 'k' in {'k': 1}", json!(true)),
        ("4 not in range(4)", json!(true)),
        ("range(1, 10, 4) | list", json!([1, 5, 9])),
        ("range(3, 0, -1)", json!([3, 2, 1])),
        ("[1, 2, 3, 4][1:3]", json!([2, 3])),
        ("[1, 2, 3][::-1]", json!([3, 2, 1])),
        ("[1, 2, 3][-1]", json!(3)),
        ("'äbc'[:2]", json!("äb")),
        ("{'a': [1, none], 'b': {'c': 1.0}}", json!({"a": [1, null], "b": {"c": 1.0}})),
        ("params.n is odd and params.none is none", json!(true)),
        ("params.n is divisibleby 3", json!(true)),
        ("params.n is not even", json!(true)),
        ("tasks.extract.output.rows[1].name | upper", json!("BOB")),
        ("tasks['extract'].output['odd key']", json!(true)),
        ("tasks[\"load-all\"].output | length", json!(2)),
        ("tasks.extract.output.rows | map(attribute='id') | sum", json!(3)),
        ("tasks.extract.output.rows | selectattr('id', 'gt', 1) | map(attribute='name') | list", json!(["Bob"])),
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
        ("[parallel_index, run.index, parallel_count, run.count]", json!([9, 9, 10, 10])),
        ("run.id ~ run.workflow ~ run.version ~ run.attempt ~ run.recovery_attempts", json!("etl--20260601T023000Zetlabc10")),
        ("slot == run.slot and slot == '2026-06-01T02:30:00Z'", json!(true)),
        ("{{ params.n }}", json!(3)),
    ] {
        if text.starts_with("18446744073709551614") {
            // Literals have 63 bits; larger numbers come from data.
            assert!(eval(text).is_err(), "{text}");
            continue;
        }
        assert_eq!(eval(text), Ok(value), "{text}");
    }
}

#[test]
fn filters_do_what_their_names_say() {
    for (text, value) in [
        ("slot | date", "2026-06-01"),
        ("slot | date('America/Los_Angeles')", "2026-05-31"),
        ("slot | datetime", "2026-06-01T02:30:00Z"),
        ("slot | datetime('Europe/Paris')", "2026-06-01T04:30:00+02:00"),
        ("params.day | datetime", "2026-06-01T00:00:00"),
        ("slot | format('%Y/%m/%d %H')", "2026/06/01 02"),
        ("params.day | strftime('%d.%m.%Y')", "01.06.2026"),
        ("slot | add_days(-1) | date", "2026-05-31"),
        ("params.day | add_days(30)", "2026-07-01"),
        ("slot | add_hours(-3)", "2026-05-31T23:30:00Z"),
        ("'2026-06-01T02:30:00.5+02:00' | add_hours(1)", "2026-06-01T03:30:00.5+02:00"),
        ("tasks.extract.output.rows[0] | json", "{\"id\":1,\"name\":\"Ann\"}"),
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
        "5 | date", "'yesterday' | date", "params.day | date('Europe/Paris')", "slot | date('Mars/Base')", "params.day | add_hours(1)", "slot | add_days('1')",
        "slot | add_days(99999999)", "slot | add_days(9223372036854775807)", "slot | format('%Q%!')", "params.none | date", "1 | basename", "'x' | sum",
    ] {
        assert!(eval(text).is_err(), "{text}: {:?}", eval(text));
    }
}

#[test]
fn what_has_no_value_says_which_part_and_why() {
    for (text, message) in [
        ("1 + params.missing", "`params.missing` cannot be evaluated: the run has no param `missing`"),
        ("tasks.extract.output.row", "there is no field `row`, only `odd key`, `rows` and `total`; did you mean `rows`?"),
        ("tasks.extract.output.rows[7].id", "there is no item [7], the list has 2"),
        ("tasks.extract.output.total.x", "the number 2.5 has no field `x`"),
        ("tasks.nobody.output", "there is no task `nobody`"),
        ("nobody.x", "`nobody` is neither a task nor one of"),
        ("tasks", "`tasks` is followed by the name of a task"),
        ("1 / 0", "`1 / 0` cannot be evaluated: a division by zero"),
        ("1 // 0", "a division by zero"),
        ("9223372036854775807 * 9223372036854775807", "does not fit in 64 bits"),
        ("2 ** 99999", "does not fit in 64 bits"),
        ("1e308 * 10", "not a finite number"),
        ("'a' * 3", "a text cannot be repeated"),
        ("'a' + 1", "to join texts write ~"),
        ("1 < 'a'", "have no order"),
        ("-'a'", "cannot be applied to a text"),
        ("{'a': 1}.b", "an object has no field `b`"),
        ("[1]['x']", "has no `x`"),
        ("range(10000000)", "a range may have 100000 items"),
        ("range(-9223372036854775807, 9223372036854775807)", "a range may have"),
        ("range(1, 2, 0)", "cannot be 0"),
        ("[1][::0]", "cannot be 0"),
        ("5[1:]", "only texts and lists have slices"),
        ("3 in 5", "`in` needs a text, a list or an object"),
    ] {
        let error = eval(text).expect_err(text);
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn what_does_not_compile_says_where_and_what_to_write() {
    for (text, message, hint, part) in [
        ("params.n | uper", "there is no filter `uper`", "did you mean `upper`?", "uper"),
        ("params.n is evn", "there is no test `evn`", "did you mean `even`?", "evn"),
        ("rang(3)", "there is no function `rang`", "did you mean `range`?", "rang"),
        ("len(params.dirs)", "there is no function `len`", "use the filter: value | length", "len"),
        ("now()", "there is no function `now`", "a run must give the same result when it is run again: use `slot`, or a task", "now"),
        ("params.day.upper()", "`.upper()` is a method call, which expressions do not have", "use the filter: | upper", "upper"),
        ("x | map('uper')", "there is no filter `uper`", "did you mean `upper`?", "'uper'"),
        ("x | selectattr('a', 'equals', 1)", "there is no test `equals`", "there are boolean, ", "'equals'"),
        ("a && b", "an expression cannot contain `&` here", "write `and`", "&"),
        ("a || b", "a filter is expected, found `|`", "for `||` write `or`", "|"),
        ("!a", "an expression cannot contain `!` here", "write `not`", "!"),
        ("a = 1", "the expression goes on with `=` where it should end", "to compare, write ==", "="),
        ("a if b", "`else` is expected, found the end", "both outcomes are written: a if condition else b", ""),
        ("'abc", "the text begun with ' does not end", "close it with '", "'abc"),
    ] {
        let error = expr::compile(text).expect_err(text);
        assert_eq!(error.message, message, "{text}");
        assert!(error.hint.as_deref().unwrap_or_default().starts_with(hint), "{text}: {:?}", error.hint);
        assert_eq!(&text[error.start..error.end], part, "{text}");
    }
    for text in [
        "", " ", "(", "(1", "[1", "{1", "{1: 2", "1 +", "* 2", "a.", "a.1x", "a[", "a[]", "a[1:2:3:4]", "f(", "a | ", "a is", "a is not", "a b", "1 2", "if", "not", "a in",
        "range()", "range(1,2,3,4)", "range(stop=1)", "x | join(a=1, a=2)", "x | join(a=1, 2)", "99999999999999999999", "1e999", "'\\q'", "'\\ud800'", "(1, 2)", "x(1)(2)",
        "a.b.c()", "x | map(5)", "x | map(y)", "}}", "a }} b", "{% if a %}", "@", "a ? b : c", "$x", "x | pprint", "x | safe",
    ] {
        assert!(expr::compile(text).is_err(), "{text}");
        assert!(eval(text).is_err(), "{text}");
    }
}

#[test]
fn templates_render_and_keep_everything_around() {
    for (text, value) in [
        ("plain", "plain"),
        ("a {{ params.n }} b\n", "a 3 b\n"),
        ("{{ params.n }}{{ 'x' }}", "3x"),
        ("{{ '}}' }} {{ \"{{\" }}", "}} {{"),
        ("{{ {'a': {'b': 1}} }}", "{\"a\":{\"b\":1}}"),
        ("x  {{- 1 -}}  y", "x1y"),
        ("{{ true }} {{ none }} {{ 1.0 }} {{ [1, 'a'] }}", "true null 1.0 [1,\"a\"]"),
        ("échantillon {{ params.day }} ✓", "échantillon 2026-06-01 ✓"),
        ("${#list} ${x%y} { { }}", "${#list} ${x%y} { { }}"),
        ("<b>{{ '<i>' }}</b>", "<b><i></b>"),
    ] {
        assert_eq!(render(text), Ok(value.to_owned()), "{text}");
        assert!(expr::compile_template(text).is_ok(), "{text}");
    }
    for (text, message) in [
        ("{{", "`{{` is not closed"),
        ("a {{ 1 + }}", "a value is expected"),
        ("{{ }}", "the template `{{ }}` is empty"),
        ("{% for x in y %}{{ x }}{% endfor %}", "this is a Jinja statement"),
        ("{{ 1 }} {# note #}", "this is a Jinja comment"),
        ("{{ params.n", "`{{` is not closed"),
    ] {
        let error = expr::compile_template(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert!(error.end <= text.len() && error.start <= error.end, "{text}");
        assert!(render(text).is_err(), "{text}");
    }
}

#[test]
fn one_whole_template_is_recognised_and_keeps_its_type() {
    for (text, inner) in [
        ("{{ a }}", Some("a")),
        (" {{a | join('}}')}} ", Some("a | join('}}')")),
        ("{{- a -}}", Some("a")),
        ("{{ a }}{{ b }}", None),
        ("{{ a }} ", Some("a")),
        ("x {{ a }}", None),
        ("{{ a", None),
        ("a", None),
    ] {
        assert_eq!(expr::whole_template(text), inner, "{text}");
    }
    let value = json!({
        "n": "{{ params.n }}", "text": "n={{ params.n }}", "rows": ["{{ tasks.extract.output.rows }}", 5, null], "deep": {"x": {"y": "{{ item.file }}"}}, "{{ n }}": "plain",
    });
    let rendered = expr::render_value(&TemplateValue { value, references: Vec::new() }, &scope());
    assert_eq!(
        rendered,
        Ok(json!({
            "n": 3, "text": "n=3", "rows": [[{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}], 5, null], "deep": {"x": {"y": "f.csv"}}, "{{ n }}": "plain",
        }))
    );
}

#[test]
fn truth_is_as_in_jinja() {
    for (text, holds) in [("0", false), ("''", false), ("[]", false), ("{}", false), ("none", false), ("false", false), ("0.0", false), ("'false'", true), ("[0]", true), ("-1", true)] {
        assert_eq!(expr::evaluate_bool(&source(text), &scope()), Ok(holds), "{text}");
    }
}

#[test]
fn every_path_is_reported_with_its_place() {
    let text = "tasks['a-b'].output[0].x if params.p is defined else run.id ~ item[params.k] ~ (x | map('upper') | join(sep))[tasks.t.output:]";
    let found = expr::compile(text).expect("compiles");
    let mut paths: Vec<(String, &str)> = found.paths.iter().map(|path| (expr::path_text(&path.segments), &text[path.start..path.end])).collect();
    paths.sort();
    assert_eq!(
        paths,
        vec![
            ("item".to_owned(), "item"),
            ("params.k".to_owned(), "params.k"),
            ("params.p".to_owned(), "params.p"),
            ("run.id".to_owned(), "run.id"),
            ("sep".to_owned(), "sep"),
            ("tasks.t.output".to_owned(), "tasks.t.output"),
            ("tasks[\"a-b\"].output[0].x".to_owned(), "tasks['a-b'].output[0].x"),
            ("x".to_owned(), "x"),
        ]
    );
    let text = "é {{ params.a }} {{- tasks.t.status }}";
    let found = expr::compile_template(text).expect("compiles");
    assert_eq!(found.paths.iter().map(|path| &text[path.start..path.end]).collect::<Vec<_>>(), vec!["params.a", "tasks.t.status"]);
    let text = "  {{ params.a }}";
    let found = expr::compile(text).expect("compiles");
    assert_eq!(&text[found.paths[0].start..found.paths[0].end], "params.a");
}

#[test]
fn paths_resolve_to_what_they_refer_to() {
    let field = |name: &str| Segment::Field(name.to_owned());
    let resolve = |text: &str| {
        let segments = expr::parse_path(text).map_err(|error| error.message)?;
        expr::resolve_path(&segments, &|name| ["a", "a-b"].iter().position(|known| *known == name).map(|at| at as u32)).map_err(|error| error.message)
    };
    let reference = |root: Root, path: Vec<Segment>| Ok(Reference { root, path });
    for (text, wanted) in [
        ("tasks.a.output", reference(Root::Output(0), vec![])),
        ("tasks.a-b.output.x[0].y", reference(Root::Output(1), vec![field("x"), Segment::Index(0), field("y")])),
        ("tasks[\"a-b\"].output.0", reference(Root::Output(1), vec![Segment::Index(0)])),
        ("tasks.a.status", reference(Root::Status(0), vec![])),
        ("a-b", reference(Root::Output(1), vec![])),
        ("a.files", reference(Root::Output(0), vec![field("files")])),
        ("params.p.q", reference(Root::Param("p".to_owned()), vec![field("q")])),
        ("run.recovery_attempts", reference(Root::Run("recovery_attempts".to_owned()), vec![])),
        ("slot", reference(Root::Run("slot".to_owned()), vec![])),
        ("parallel_index", reference(Root::Run("index".to_owned()), vec![])),
        ("item", reference(Root::Item, vec![])),
        ("item.index", reference(Root::ItemIndex, vec![])),
        ("item.value", reference(Root::Item, vec![field("value")])),
        ("item.index.x", reference(Root::Item, vec![field("index"), field("x")])),
    ] {
        assert_eq!(resolve(text), wanted, "{text}");
    }
    for text in [
        "", ".", "a..b", "a[", "a[x]", "a[-1]", "a[0]b", "a.", "{{ a }}", "a b", "tasks", "tasks.a", "tasks.zz.output", "tasks.a.rows", "tasks.a.status.x", "tasks[0]", "params",
        "params[0]", "run", "run.idd", "run.id.x", "slot.x", "nobody", "tasks.a[0]",
    ] {
        assert!(resolve(text).is_err(), "{text}: {:?}", resolve(text));
    }
}

#[test]
fn hostile_sources_end_quickly_with_an_error() {
    let nested = |open: &str, close: &str, times: usize| format!("{}1{}", open.repeat(times), close.repeat(times));
    let sources = [
        nested("(", ")", 1_000),
        nested("[", "]", 1_000),
        nested("{1:", "}", 1_000),
        "not ".repeat(900) + "1",
        "-".repeat(4_000) + "1",
        vec!["1"; 2_000].join("+"),
        vec!["1"; 600].join(" and "),
        format!("1{}", " if 1 else 1".repeat(300)),
        format!("x{}", ".y".repeat(2_000)),
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
    for text in sources {
        let long = text.len() > 60;
        assert!(eval(&text).is_err(), "{} gave a value", if long { &text[..60] } else { &text });
        assert!(render(&format!("{{{{ {text} }}}}")).is_err());
    }
}

#[test]
fn a_text_that_grows_over_its_bound_is_an_error() {
    let big = Arc::new(json!({"t": "x".repeat(700_000)}));
    let scope = Scope::builder(RunFields::default(), big).build();
    assert_eq!(expr::render(&source("{{ params.t }}"), &scope).map(|text| text.len()), Ok(700_000));
    let error = expr::render(&source("{{ params.t }}{{ params.t }}"), &scope).expect_err("two are too many");
    assert!(error.message.contains("grows over"), "{error}");
    let chain = vec!["params.t"; 90].join(" ~ ");
    let error = expr::evaluate(&source(&chain), &scope).expect_err("it grows");
    assert!(error.message.contains("too much time or memory"), "{error}");
}

#[test]
fn ten_thousand_instances_share_one_scope() {
    let base = scope();
    let template = source("file {{ item.n }} of {{ tasks.extract.output.rows | length }}");
    for n in 0..10_000_u32 {
        let scope = base.for_instance(Instance { item: Some(Arc::new(json!({"n": n}))), item_index: n, index: n, count: 10_000 });
        assert_eq!(expr::render(&template, &scope), Ok(format!("file {n} of 2")));
    }
}

#[test]
fn an_expression_from_a_task_without_foreach_has_no_item() {
    let scope = Scope::builder(RunFields::default(), Arc::new(json!({}))).build();
    let error = expr::evaluate(&source("item"), &scope).expect_err("there is none");
    assert!(error.message.contains("no `foreach`"), "{error}");
    assert!(expr::evaluate(&source("item | default(1)"), &scope).is_err(), "what is not loaded has no default");
    assert_eq!(expr::evaluate(&source("slot"), &scope), Ok(Value::Null));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

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
