//! A worker service that is called directly: `/execute`, `/compile`, and who may.

use ork_core::Value;
use serde_json::json;

use crate::harness::*;
use crate::served::Served;

const TASKS: &str = "\
import os, sys

def double(x):
    print('doubling')
    return {'twice': 2 * x}

def exact():
    return 12345678901234567890123

def broken():
    print('so far')
    raise ValueError('no such thing')

def over():
    return {'deferred': [{'service_type': 'bigquery', 'project': 'p', 'job_id': 'j', 'location': 'EU'}]}

def own():
    return os.getpid()
";

const WORKFLOW: &str = "\
name: flow
tasks:
  first:
    executor: python
    file: tasks.py
    function: double
    inputs:
      x: {const: 4}
  second:
    executor: process
    command: 'echo \"ORK_OUTPUT:\\\"$WHO\\\"\"'
    depends_on: [first]
    env:
      WHO: me
  third:
    executor: process
    command: 'echo {{ tasks.second.output }}'
    depends_on: [second]
";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("tasks.py", TASKS);
    bench.file("workflow.yaml", WORKFLOW);
    std::fs::write(bench.path("secret.py"), TASKS).expect("written");
    bench
}

fn task(name: &str, executor: &str, params: Value) -> Value {
    json!({"task_id": "7", "task_name": name, "executor_type": executor, "params": params})
}

#[test]
fn a_function_that_is_named_is_called_and_its_output_comes_back() {
    let bench = bench();
    let served = Served::start(&bench);
    let python = |function: &str, input: Value| {
        let params = json!({"file": "tasks.py", "function": function, "input": input});
        served.ask("/execute", &task("t", "python", params))
    };
    let (status, answer) = python("double", json!({"x": 4}));
    assert_eq!(
        (status, answer),
        (200, json!({"status": "success", "output": {"twice": 8}}))
    );
    // Every digit of it.
    let params = json!({"module": "tasks"});
    let body = task("exact", "service", params).to_string();
    let (_, _, text) = served.post("/execute", body.as_bytes());
    assert_eq!(
        text,
        r#"{"status":"success","output":12345678901234567890123}"#
    );
    let (status, answer) = python("broken", json!({}));
    assert_eq!((status, &answer["status"]), (200, &json!("failed")));
    let error = answer["error"].as_str().expect("a text");
    assert!(error.contains("no such thing"), "{error}");
    assert_eq!(answer["log_tail"][0], "so far");
    assert!(answer["category"].is_string(), "{answer}");
    let (_, answer) = python("over", json!({}));
    assert_eq!(
        (&answer["status"], &answer["output"]),
        (&json!("success"), &Value::Null)
    );
    assert_eq!(answer["deferred"][0]["job_id"], "j");
    let (_, one) = python("own", json!({}));
    let (_, other) = python("own", json!({}));
    assert_eq!(one, other, "the interpreter is warm");
    let names = wait(ork_engine::ports::Objects::list(
        &bench.objects,
        "",
        None,
        10,
    ));
    let names = names.expect("listed");
    assert!(names.is_empty(), "no objects are involved: {names:?}");
}

#[test]
fn a_task_of_the_workflow_file_is_found_by_its_name() {
    let bench = bench();
    let served = Served::start(&bench);
    let asked = |name: &str, executor: &str, params: Value| {
        served.ask("/execute", &task(name, executor, params))
    };
    let (status, answer) = asked("first", "python", json!({}));
    assert_eq!(
        (status, answer),
        (200, json!({"status": "success", "output": {"twice": 8}}))
    );
    let (_, answer) = asked("first", "python", json!({"input": {"x": 5}}));
    assert_eq!(answer["output"], json!({"twice": 10}));
    let path = json!({"workflow_path": "workflow.yaml"});
    let (_, answer) = asked("second", "process", path);
    assert_eq!(answer["output"], "me", "{answer}");
}

#[test]
fn what_cannot_be_executed_says_why() {
    let bench = bench();
    let served = Served::start(&bench);
    let mut misspelt = task("first", "python", json!({}));
    misspelt["parms"] = json!({});
    for (body, status, word) in [
        (json!([]), 400, "not what is asked for"),
        (json!({"task_id": "7"}), 400, "task_name"),
        (misspelt, 400, "parms"),
        (task("a b", "python", json!({})), 422, "a b"),
        (
            task("t", "python", json!({"file": "../secret.py"})),
            422,
            "not a path in the code folder",
        ),
        (
            task("t", "python", json!({"file": "/etc/passwd"})),
            422,
            "not a path in the code folder",
        ),
        (
            task("t", "python", json!({"file": "none.py"})),
            422,
            "cannot be found",
        ),
        (
            task("t", "python", json!({"module": "../x"})),
            422,
            "no name of a module",
        ),
        (
            task("t", "python", json!({"module": "a", "file": "tasks.py"})),
            422,
            "one of them",
        ),
        (
            task("t", "process", json!({"file": "tasks.py"})),
            422,
            "executor_type is `process`",
        ),
        (
            task("first", "python", json!({"timeout": 0})),
            422,
            "seconds from 1 to 570",
        ),
        (
            task("first", "python", json!({"timeout": 571})),
            422,
            "seconds from 1 to 570",
        ),
        (
            task("none", "python", json!({})),
            422,
            "it has first, second, third",
        ),
        (
            task("first", "process", json!({})),
            422,
            "has executor `python`",
        ),
        (task("third", "process", json!({})), 422, "template"),
        (
            task(
                "first",
                "python",
                json!({"workflow_path": "../workflow.yaml"}),
            ),
            422,
            "not a path",
        ),
    ] {
        let (found, answer) = served.ask("/execute", &body);
        assert_eq!(found, status, "{body}: {answer}");
        let detail = answer["detail"].as_str().expect("a detail");
        assert!(detail.contains(word), "{body}: {detail}");
    }
}

#[test]
fn a_workflow_file_is_compiled() {
    let bench = bench();
    let served = Served::start(&bench);
    let expected = json!({"workflow": "flow", "tasks": [
        {"name": "first", "executor": "python", "depends_on": []},
        {"name": "second", "executor": "process", "depends_on": ["first"]},
        {"name": "third", "executor": "process", "depends_on": ["second"]},
    ]});
    assert_eq!(served.ask("/compile", &json!({})), (200, expected.clone()));
    let (status, _, text) = served.post("/compile", b"");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, answer), (200, expected.clone()));
    let named = json!({"workflow_path": "./workflow.yaml"});
    assert_eq!(served.ask("/compile", &named), (200, expected));
}

#[test]
fn a_workflow_file_that_is_wrong_is_answered_with_all_that_is_wrong() {
    let bench = bench();
    let wrong = "name: flow\ntasks:\n  a:\n    executor: process\n    command: x\n    depends_on: [b]\n  c:\n    executor: nothing\n";
    bench.file("wrong.yaml", wrong);
    let served = Served::start(&bench);
    let body = json!({"workflow_path": "wrong.yaml"}).to_string();
    let (status, head, text) = served.post("/compile", body.as_bytes());
    assert_eq!(status, 422, "{text}");
    assert!(
        head.contains("content-type: application/problem+json"),
        "{head}"
    );
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    let errors = answer["errors"].as_array().expect("a list");
    assert!(errors.len() >= 2, "{answer}");
    for one in errors {
        assert_eq!(one["file"], "wrong.yaml");
        assert!(one["line"].as_u64() > Some(1), "{one}");
        assert!(one["code"].as_str().expect("a code").starts_with("ORK"));
    }
    for (path, word) in [
        ("../workflow.yaml", "not a path in the code folder"),
        ("none.yaml", "cannot be found"),
    ] {
        let (status, answer) = served.ask("/compile", &json!({"workflow_path": path}));
        let detail = answer["detail"].as_str().expect("a detail");
        assert_eq!(status, 422);
        assert!(detail.contains(word), "{detail}");
    }
    assert_eq!(served.post("/compile", b"{").0, 400);
}

#[test]
fn nobody_is_let_in_without_a_token() {
    let bench = bench();
    let variables = [
        ("ORK_AUTH", "verify"),
        ("ORK_AUTH_AUDIENCE", "https://worker.example"),
        ("ORK_AUTH_EMAIL", "push@p.iam.gserviceaccount.com"),
    ];
    let served = Served::with(&bench, &variables);
    for path in ["/push", "/execute", "/compile"] {
        assert_eq!(served.post(path, b"{}").0, 401, "{path}");
    }
    assert_eq!(served.post("/elsewhere", b"{}").0, 404);
}
