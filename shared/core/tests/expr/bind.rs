//! Bindings become the inputs of an instance, params become the params of a run.

use std::sync::Arc;

use ork_core::Value;
use ork_core::bind::{Bound, Resolved, bind_inputs, bind_params, resolve};
use ork_core::definition::{
    Binding, Expression, Reference, Root, SecretRef, Segment, Task, TemplateValue, Workflow,
};
use ork_core::expr::{Instance, RunFields, Scope, lookup};
use ork_core::time::Time;
use ork_core::types::Type;
use serde_json::json;

fn kind(text: &str) -> Type {
    Type::parse_text(text, &|_| None).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn task(inputs: Vec<(&str, Binding)>, input_type: Option<&str>) -> Task {
    let mut task: Task = serde_json::from_value(json!({
        "name": "clean",
        "executor": {"kind": "marker"},
        "retries": {"max": 0, "delay": 0, "backoff": "fixed", "max_delay": 0, "jitter": false},
        "timeout": 1, "start_timeout": 1, "heartbeat_timeout": 1,
    }))
    .expect("a task");
    task.inputs = inputs
        .into_iter()
        .map(|(name, value)| ork_core::definition::Input {
            name: name.to_owned(),
            value,
        })
        .collect();
    task.input_type = input_type.map(kind);
    task
}

fn workflow(params: Value) -> Workflow {
    serde_json::from_value(json!({"format": 1, "name": "etl", "style": "strict", "params": params, "tasks": [], "max_recovery_attempts": 3})).expect("a workflow")
}

fn run() -> RunFields {
    RunFields {
        id: "r1".to_owned(),
        slot: Some(Time::parse("2026-06-01T02:30:00Z").expect("an instant")),
        ..RunFields::default()
    }
}

fn scope() -> Scope {
    Scope::builder(run(), Arc::new(json!({"day": "2026-06-01"})))
        .task(
            4,
            "extract",
            Arc::new(json!({"rows": [{"id": 7}], "n": 2})),
            "success",
            Some(kind("{rows: [{id: int, note: str?}], n: int}")),
        )
        .task(5, "gone", Arc::new(Value::Null), "skipped", None)
        .build()
        .for_instance(Instance {
            item: Some(Arc::new(json!([1, 2]))),
            item_index: 3,
            index: 3,
            count: 5,
        })
}

fn reference(root: Root, path: Vec<Segment>) -> Reference {
    Reference { root, path }
}

fn field(name: &str) -> Segment {
    Segment::Field(name.to_owned())
}

#[test]
fn every_kind_of_binding_gives_its_value_and_secrets_stay_apart() {
    let secret = SecretRef {
        name: "projects/p/secrets/s/versions/latest".to_owned(),
    };
    let all = task(
        vec![
            ("const", Binding::Const(json!({"a": "{{ not rendered }}"}))),
            (
                "ref",
                Binding::Ref(reference(
                    Root::Output(4),
                    vec![field("rows"), Segment::Index(0), field("id")],
                )),
            ),
            (
                "expr",
                Binding::Expr(Expression {
                    source: "tasks.extract.output.n * 2".to_owned(),
                    references: Vec::new(),
                }),
            ),
            (
                "template",
                Binding::Template(TemplateValue {
                    value: json!(["{{ item }}", "day {{ params.day }}"]),
                    references: Vec::new(),
                }),
            ),
            ("key", Binding::Secret(secret.clone())),
        ],
        Some("{const: any, ref: int, expr: int, template: any, key: str}"),
    );
    let bound = bind_inputs(&all, &scope()).expect("binds");
    let values = json!({"const": {"a": "{{ not rendered }}"}, "ref": 7, "expr": 4, "template": [[1, 2], "day 2026-06-01"]});
    assert_eq!(
        bound,
        Bound {
            values: values.as_object().expect("an object").clone(),
            secrets: vec![("key".to_owned(), secret)]
        }
    );
}

#[test]
fn inputs_are_checked_against_their_type_after_binding() {
    let wrong = task(vec![("n", Binding::Const(json!("7")))], Some("{n: int}"));
    let error = bind_inputs(&wrong, &scope()).expect_err("a text is no int");
    assert_eq!(
        error.to_string(),
        "the input of task `clean`: at `n`: `int` is asked for, found the text \"7\""
    );
    let missing = task(vec![], Some("{n: int}"));
    assert!(bind_inputs(&missing, &scope()).is_err());
    let untyped = task(vec![("n", Binding::Const(json!("7")))], None);
    assert_eq!(
        bind_inputs(&untyped, &scope()).map(|bound| bound.values.len()),
        Ok(1)
    );
}

#[test]
fn a_task_that_runs_after_a_failure_sees_null_whatever_its_type_says() {
    let handler = task(
        vec![
            (
                "rows",
                Binding::Ref(reference(Root::Output(5), vec![field("rows")])),
            ),
            ("n", Binding::Const(json!(1))),
        ],
        Some("{rows: [int], n: int}"),
    );
    let bound = bind_inputs(&handler, &scope()).expect("binds");
    assert_eq!(Value::Object(bound.values), json!({"rows": null, "n": 1}));
    let strict = task(
        vec![
            ("rows", Binding::Const(json!(null))),
            ("n", Binding::Const(json!(1))),
        ],
        Some("{rows: [int], n: int}"),
    );
    assert!(
        bind_inputs(&strict, &scope()).is_err(),
        "a null of its own making is wrong"
    );
}

#[test]
fn a_binding_without_a_value_names_input_task_and_path() {
    let broken = task(
        vec![(
            "x",
            Binding::Ref(reference(
                Root::Output(4),
                vec![field("rows"), Segment::Index(1)],
            )),
        )],
        None,
    );
    let error = bind_inputs(&broken, &scope()).expect_err("there is one row");
    assert_eq!(
        error.to_string(),
        "input `x` of task `clean`: `tasks.extract.output.rows[1]` has no value: there is no item [1], the list has 1"
    );
    let absent = resolve(&Binding::Ref(reference(Root::Output(9), vec![])), &scope());
    assert!(absent.expect_err("not loaded").contains("was not loaded"));
    let expression = Binding::Expr(Expression {
        source: "params.x".to_owned(),
        references: Vec::new(),
    });
    assert_eq!(
        resolve(&expression, &scope()),
        Err("`params.x` cannot be evaluated: the run has no param `x`".to_owned())
    );
}

#[test]
fn references_look_up_borrowed_values_and_null_below_what_did_not_succeed() {
    let scope = scope();
    for (wanted, value) in [
        (reference(Root::Output(4), vec![field("n")]), json!(2)),
        (
            reference(
                Root::Output(4),
                vec![field("rows"), Segment::Index(0), field("note")],
            ),
            json!(null),
        ),
        (
            reference(Root::Output(5), vec![field("any"), Segment::Index(3)]),
            json!(null),
        ),
        (reference(Root::Status(5), vec![]), json!("skipped")),
        (
            reference(Root::Param("day".to_owned()), vec![]),
            json!("2026-06-01"),
        ),
        (
            reference(Root::Run("slot".to_owned()), vec![]),
            json!("2026-06-01T02:30:00Z"),
        ),
        (reference(Root::Run("count".to_owned()), vec![]), json!(5)),
        (reference(Root::Item, vec![Segment::Index(1)]), json!(2)),
        (reference(Root::ItemIndex, vec![]), json!(3)),
    ] {
        assert_eq!(
            lookup(&wanted, &scope).map(|found| found.into_owned()),
            Ok(value),
            "{wanted:?}"
        );
    }
    let whole = reference(Root::Output(4), vec![]);
    assert!(
        matches!(lookup(&whole, &scope), Ok(std::borrow::Cow::Borrowed(_))),
        "large outputs are not copied"
    );
    let error = lookup(&reference(Root::Output(4), vec![field("rowz")]), &scope)
        .expect_err("no such field");
    assert_eq!(
        error.to_string(),
        "`tasks.extract.output.rowz` has no value: there is no field `rowz`, only `n` and `rows`; did you mean `rows`?"
    );
    assert!(error.missing);
    assert!(lookup(&reference(Root::Run("colour".to_owned()), vec![]), &scope).is_err());
}

#[test]
fn params_take_what_is_given_then_their_defaults() {
    let etl = workflow(json!([
        {"name": "day", "type": "date", "default": {"template": {"source": "{{ slot | date }}"}}},
        {"name": "n", "type": "int", "default": {"template": {"source": "{{ 1 + 2 }}"}}},
        {"name": "tags", "type": {"list": "str"}, "default": {"value": ["a"]}},
        {"name": "note", "type": {"optional": "str"}},
        {"name": "must", "type": "bool"},
    ]));
    let given = json!({"must": true, "tags": []});
    let params = bind_params(&etl, given.as_object().expect("an object"), run()).expect("binds");
    assert_eq!(
        Value::Object(params),
        json!({"day": "2026-06-01", "n": 3, "tags": [], "note": null, "must": true})
    );
}

#[test]
fn everything_wrong_with_params_is_said_at_once() {
    let etl = workflow(json!([
        {"name": "day", "type": "date"},
        {"name": "n", "type": "int"},
        {"name": "bad", "type": "int", "default": {"template": {"source": "{{ slot | date }}"}}},
        {"name": "worse", "type": "str", "default": {"template": {"source": "{{ nobody }}"}}},
    ]));
    let given = json!({"n": "x", "dya": "2026-06-01"});
    let errors =
        bind_params(&etl, given.as_object().expect("an object"), run()).expect_err("much is wrong");
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        vec![
            "param `day`: it is required (`date`) and was not given",
            "param `n`: `int` is asked for, found the text \"x\"",
            "param `bad`: `int` is asked for, found the text \"2026-06-01\"",
            &texts[3],
            "param `dya`: workflow `etl` has no such param (the text \"2026-06-01\" was given); did you mean `day`?",
        ]
    );
    assert!(
        texts[3].starts_with(
            "param `worse`: its default `nobody` cannot be evaluated: `nobody` is neither a task"
        ),
        "{}",
        texts[3]
    );
    let large = json!({"day": "2026-06-01", "n": 1, "bad": 1, "worse": "x".repeat(70_000)});
    let errors =
        bind_params(&etl, large.as_object().expect("an object"), run()).expect_err("too large");
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].to_string().contains("65536 are allowed"),
        "{}",
        errors[0]
    );
}

#[test]
fn a_secret_resolves_to_its_name_only() {
    let secret = SecretRef {
        name: "TOKEN".to_owned(),
    };
    assert_eq!(
        resolve(&Binding::Secret(secret.clone()), &scope()),
        Ok(Resolved::Secret(secret))
    );
}
