//! Text with `{{ }}`.

use ork_core::definition::TemplateValue;
use ork_core::expr;
use serde_json::json;

use crate::{render, scope};

#[test]
fn templates_render_and_keep_everything_around() {
    for (text, value) in [
        ("plain", "plain"),
        ("a {{ params.n }} b\n", "a 3 b\n"),
        ("{{ params.n }}{{ 'x' }}", "3x"),
        ("{{ '}}' }} {{ \"{{\" }}", "}} {{"),
        ("{{ {'a': {'b': 1}} }}", "{\"a\":{\"b\":1}}"),
        ("x  {{- 1 -}}  y", "x1y"),
        (
            "{{ true }} {{ none }} {{ 1.0 }} {{ [1, 'a'] }}",
            "true null 1.0 [1,\"a\"]",
        ),
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
        (
            "{% for x in y %}{{ x }}{% endfor %}",
            "this is a Jinja statement",
        ),
        ("{{ 1 }} {# note #}", "this is a Jinja comment"),
        ("{{ params.n", "`{{` is not closed"),
    ] {
        let error = expr::compile_template(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {}", error.message);
        assert!(
            error.end <= text.len() && error.start <= error.end,
            "{text}"
        );
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
    let rendered = expr::render_value(
        &TemplateValue {
            value,
            references: Vec::new(),
        },
        &scope(),
    );
    assert_eq!(
        rendered,
        Ok(json!({
            "n": 3, "text": "n=3", "rows": [[{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}], 5, null], "deep": {"x": {"y": "f.csv"}}, "{{ n }}": "plain",
        }))
    );
}
