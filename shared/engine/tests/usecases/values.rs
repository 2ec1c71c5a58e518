//! Values: what attempts are given, and what becomes of what they give.

use std::sync::{Arc, Mutex};

use ork_core::Value;
use ork_core::limits;
use ork_core::run::{Category, RunStatus};
use ork_core::task::TaskSpec;
use ork_engine::conformance::block_on;
use ork_engine::ports::{ListQuery, Objects, Store};
use serde_json::json;

use crate::support::*;

/// Runs a workflow to its end with `script` saying what attempts give.
fn run(yaml: &str, script: impl Fn(&TaskSpec) -> Reply + Send + 'static) -> World {
    let world = World::with(yaml);
    world.script(script);
    world.run(world.engine().start(named("w", "r"))).unwrap();
    world.drive(&world.engine());
    world
}

fn specs(world: &World, task: &str) -> Vec<TaskSpec> {
    world
        .0
        .started
        .lock()
        .unwrap()
        .iter()
        .filter(|spec| spec.task_name.as_str() == task)
        .cloned()
        .collect()
}

fn spec(world: &World, task: &str) -> TaskSpec {
    let specs = specs(world, task);
    assert_eq!(specs.len(), 1, "{task}");
    specs[0].clone()
}

fn input(spec: &TaskSpec) -> Value {
    serde_json::from_str(spec.input.get()).unwrap()
}

fn upstream(spec: &TaskSpec) -> Value {
    serde_json::from_str(spec.upstream.get()).unwrap()
}

#[test]
fn upstreams_are_given_by_name_and_failed_ones_as_null() {
    let yaml = "name: w\ntasks:\n  a: {x}\n  b: {x}\n  c: {x}\n  d: {x, depends_on: [a, b, c], trigger: all_done, input: {v: \"{{ tasks.b.output }}\", n: \"{{ tasks.a.output.k }}\"}}\n";
    let world = run(yaml, |spec| match spec.task_name.as_str() {
        "a" => Reply::output("{\"k\": [1, null, \"ü\"]}"),
        "b" => Reply::fail(Category::Permanent, "no"),
        _ => Reply::output("null"),
    });
    let spec = spec(&world, "d");
    assert_eq!(
        upstream(&spec),
        json!({"a": {"k": [1, null, "ü"]}, "b": null, "c": null})
    );
    assert_eq!(input(&spec), json!({"v": null, "n": [1, null, "ü"]}));
}

#[test]
fn outputs_of_a_fan_out_come_in_the_order_of_the_index() {
    let yaml = "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a], foreach: a.files, batch: 2, input: {v: \"{{ item }}\", at: \"{{ item.index }}\"}}\n  c: {x, depends_on: [b]}\n";
    let world = World::with(yaml);
    let turn = Mutex::new(0);
    world.script(move |spec| match spec.task_name.as_str() {
        "a" => Reply::output("{\"files\": [10, 11, 12, 13, 14]}"),
        "b" => {
            *turn.lock().unwrap() += 1;
            // The largest is an object of its own, the next is inside its verdict, the last in its page.
            let size = [
                limits::VERDICT_OUTPUT_BYTES + 1,
                limits::INLINE_OUTPUT_BYTES + 1,
                1,
            ][spec.id.index as usize];
            Reply::output(&json!({"i": spec.id.index, "x": "y".repeat(size)}).to_string())
        }
        _ => Reply::output("1"),
    });
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.drive(&engine);
    let inputs: Vec<Value> = specs(&world, "b").iter().map(input).collect();
    assert_eq!(
        inputs,
        [
            json!({"v": [10, 11], "at": 0}),
            json!({"v": [12, 13], "at": 1}),
            json!({"v": [14], "at": 2})
        ]
    );
    let list = &upstream(&spec(&world, "c"))["b"];
    let sizes: Vec<usize> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["x"].as_str().unwrap().len())
        .collect();
    assert_eq!(
        sizes,
        [
            limits::VERDICT_OUTPUT_BYTES + 1,
            limits::INLINE_OUTPUT_BYTES + 1,
            1
        ]
    );
    assert_eq!(list[2]["i"], 2);
    let published = block_on(world.0.objects.get(
        &ork_core::names::ObjectName::parse("runs/r/b/output.json").unwrap(),
        u64::MAX,
    ))
    .unwrap()
    .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&published.bytes).unwrap(),
        *list
    );
}

#[test]
fn foreach_and_parallel_multiply() {
    let yaml = "name: w\nparams: {n: {type: int, default: 2}}\ntasks:\n  a: {x}\n  b: {x, depends_on: [a], foreach: a, parallel: {ref: params.n}, input: {v: \"{{ item }}\"}}\n  c: {x, parallel: 3}\n";
    let world = run(yaml, |spec| {
        Reply::output(if spec.task_name.as_str() == "a" {
            "[\"p\", \"q\", \"r\"]"
        } else {
            "1"
        })
    });
    let b = specs(&world, "b");
    let seen: Vec<_> = b
        .iter()
        .map(|spec| {
            (
                input(spec)["v"].as_str().unwrap().to_owned(),
                spec.parallel_index,
                spec.parallel_count,
            )
        })
        .collect();
    let expected: Vec<_> = ["p", "q", "r"]
        .iter()
        .flat_map(|item| [((*item).to_owned(), 0, 2), ((*item).to_owned(), 1, 2)])
        .collect();
    assert_eq!(seen, expected);
    let c: Vec<_> = specs(&world, "c")
        .iter()
        .map(|spec| (spec.parallel_index, spec.parallel_count))
        .collect();
    assert_eq!(c, [(0, 3), (1, 3), (2, 3)]);
    assert_eq!(world.output("r", "b"), "[1,1,1,1,1,1]");
}

#[test]
fn no_items_are_a_success_with_an_empty_list() {
    let yaml = "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a], foreach: a}\n  c: {x, depends_on: [b]}\n";
    let world = run(yaml, |spec| {
        Reply::output(if spec.task_name.as_str() == "a" {
            "[]"
        } else {
            "1"
        })
    });
    assert_eq!(upstream(&spec(&world, "c")), json!({"b": []}));
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn the_environment_is_rendered_and_secrets_are_only_named() {
    let yaml = "name: w\nparams: {p: {type: str, default: hello}}\ntasks:\n  a:\n    command: \"run {{ params.p }}\"\n    env:\n      CONST: plain\n      NUMBER: {const: 3}\n      REF: {ref: params.p}\n      EXPR: {expr: \"1 + 2\"}\n      TEMPLATE: \"{{ params.p }}!\"\n      HIDDEN: {secret: projects/P/secrets/S/versions/latest}\n    inputs:\n      token: {secret: projects/P/secrets/T/versions/latest}\n      day: {const: 1}\n";
    let world = run(yaml, |_| Reply::output("1"));
    let spec = spec(&world, "a");
    let mut env: Vec<String> = spec
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    env.sort();
    assert_eq!(
        env,
        [
            "CONST=plain",
            "EXPR=3",
            "NUMBER=3",
            "REF=hello",
            "TEMPLATE=hello!"
        ]
    );
    assert_eq!(
        spec.secrets
            .iter()
            .map(|secret| secret.name.as_str())
            .collect::<Vec<_>>(),
        ["HIDDEN"]
    );
    assert_eq!(
        spec.input_secrets
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["token"]
    );
    assert_eq!(input(&spec), json!({"day": 1}));
    let command = serde_json::to_string(&spec.executor).unwrap();
    assert!(command.contains("run hello"), "{command}");
}

#[test]
fn the_value_of_a_secret_is_nowhere() {
    const CANARY: &str = "canary-7f3a";
    let yaml = "name: w\ntasks:\n  a: {command: work, retries: {max: 1, delay: 0s}, inputs: {token: {secret: projects/P/secrets/T/versions/latest}}}\n  b: {x, depends_on: [a]}\n";
    let world = World::with(yaml);
    // The executor looks the value up at the last moment: no spec may hold it, nor a place for it.
    let given = Arc::new(Mutex::new(Vec::new()));
    let seen = given.clone();
    world.script(move |spec| {
        let mut arguments = input(spec);
        for (name, _) in &spec.input_secrets {
            arguments[name] = CANARY.into();
        }
        seen.lock().unwrap().push(arguments.to_string());
        if spec.id.attempt == 1 && spec.id.task == 0 {
            Reply::fail(Category::Transient, "once more")
        } else {
            Reply::output("1")
        }
    });
    world.run(world.engine().start(named("w", "r"))).unwrap();
    world.drive(&world.engine());
    assert_eq!(world.status("r"), RunStatus::Success);
    assert!(given.lock().unwrap()[0].contains(CANARY), "the task got it");
    let mut haystack: Vec<Vec<u8>> = world
        .0
        .notes
        .lock()
        .unwrap()
        .iter()
        .map(|note| note.clone().into_bytes())
        .collect();
    assert!(haystack.len() > 5);
    haystack.extend(
        world
            .0
            .started
            .lock()
            .unwrap()
            .iter()
            .map(|spec| serde_json::to_vec(spec).unwrap()),
    );
    for query in [
        ListQuery::Workflows,
        ListQuery::Versions(name("w")),
        ListQuery::Runs {
            status: None,
            workflow: None,
            made_by: None,
        },
        ListQuery::Dead,
    ] {
        haystack.extend(
            block_on(world.0.store.list(&query, None, 1000))
                .unwrap()
                .items
                .into_iter()
                .map(|(_, document)| document.body),
        );
    }
    for object in block_on(world.0.objects.list("", None, 1000)).unwrap() {
        haystack.push(
            block_on(world.0.objects.get(&object, u64::MAX))
                .unwrap()
                .unwrap()
                .bytes,
        );
    }
    let found = haystack.iter().find(|bytes| {
        bytes
            .windows(CANARY.len())
            .any(|window| window == CANARY.as_bytes())
    });
    assert!(
        found.is_none(),
        "{:?}",
        found.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    );
}

#[test]
fn a_retry_sees_its_own_attempt() {
    let yaml = "name: w\ntasks:\n  a: {x, parallel: 2, retries: {max: 2, delay: 0s}, input: {n: \"{{ run.attempt }}\"}}\n";
    let world = run(yaml, |spec| {
        if spec.id.attempt < 3 {
            Reply::fail(Category::Transient, "again")
        } else {
            Reply::output("1")
        }
    });
    let seen: Vec<_> = specs(&world, "a")
        .iter()
        .map(|spec| (spec.id.index, input(spec)["n"].clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (0, json!(1)),
            (1, json!(1)),
            (0, json!(2)),
            (1, json!(2)),
            (0, json!(3)),
            (1, json!(3))
        ]
    );
}

#[test]
fn what_has_no_value_fails_for_good_and_says_where() {
    for (task, words) in [
        (
            "b: {x, depends_on: [a], retries: 3, input: {v: \"{{ tasks.a.output.nope }}\"}}",
            ["nope", "`k`"],
        ),
        (
            "b: {x, depends_on: [a], retries: 3, env: {V: {ref: tasks.a.output.nope}}}",
            ["nope", "env V"],
        ),
        (
            "b: {command: \"do {{ tasks.a.output.nope }}\", depends_on: [a], retries: 3}",
            ["nope", "command"],
        ),
        (
            "b: {x, depends_on: [a], retries: 3, foreach: a}",
            ["`foreach` must be a list", "an object"],
        ),
        (
            "b: {x, depends_on: [a], retries: 3, parallel: {ref: tasks.a.output.k}}",
            ["`parallel` must be a whole number", "one"],
        ),
        (
            "b: {x, depends_on: [a], retries: 3, when: \"tasks.a.output.nope > 1\"}",
            ["`when`", "nope"],
        ),
    ] {
        let world = run(&format!("name: w\ntasks:\n  a: {{x}}\n  {task}\n"), |_| {
            Reply::output("{\"k\": \"one\"}")
        });
        let why = world.failure("r", "b");
        assert!(
            why.starts_with("permanent: ") && words.iter().all(|word| why.contains(word)),
            "{task}: {why}"
        );
        assert_eq!(world.status("r"), RunStatus::Failed);
        assert!(specs(&world, "b").is_empty(), "{task}");
    }
}

#[test]
fn an_output_that_a_worker_only_claims_to_have_fails_its_reader_and_not_the_run() {
    let bad = |output: &str| {
        Reply::Give(
            serde_json::from_str(&format!("{{\"outcome\":\"success\",\"output\":{output}}}"))
                .unwrap(),
        )
    };
    for yaml in [
        "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a], foreach: a}\n",
        "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n",
    ] {
        let world = World::with(yaml);
        world.script(move |_| bad("{\"object\":{\"bytes\":5000}}"));
        let engine = world.engine();
        world.run(engine.start(named("w", "r"))).unwrap();
        world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
        for (run, event) in world.work() {
            // The publication of what is missing fails, unless this ends the run; it goes on all the same.
            let stepped = world.run(engine.step(&run, vec![event], CLAIM));
            assert!(
                stepped.is_err() || world.status("r").is_terminal(),
                "{stepped:?}"
            );
        }
        world.finish_by_wakes(&engine);
        assert_eq!(world.status("r"), RunStatus::Failed);
        assert!(
            world.failure("r", "b").contains("missing"),
            "{}",
            world.failure("r", "b")
        );
    }
}
