//! What a worker does with an attempt when nothing goes wrong, or only the task does.

use ork_core::definition::{Executor, SecretMount, SecretRef};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::Category;
use ork_core::task::{Output, Verdict};
use ork_core::time::Millis;
use ork_engine::ClaimObject;
use ork_engine::ports::Objects;

use crate::harness::*;

#[test]
fn a_command_runs_and_leaves_claim_log_and_verdict() {
    let bench = Bench::new();
    let mut spec =
        shell("echo hello; echo \"ORK_OUTPUT:[\\\"$ORK_RUN_ID\\\",\\\"$WHO\\\",$ORK_INPUT_JSON]\"");
    spec.env = vec![("WHO".to_owned(), "me".to_owned())];
    spec.input = json(r#"{"x": 1}"#);
    bench.run(&spec);
    assert_eq!(bench.output(&spec), r#"["run1","me",{"x": 1}]"#);
    let log = bench.text(&spec, AttemptFile::Log).expect("a log");
    assert!(log.starts_with("hello\n"), "{log}");
    let claim = bench.text(&spec, AttemptFile::Claim).expect("a claim");
    let claim: ClaimObject = serde_json::from_str(&claim).expect("a claim");
    let mut name = claim.worker.split('/');
    assert_eq!(
        [name.next(), name.next(), name.next()],
        [Some("job-x1"), Some("0"), Some("7")]
    );
    assert!(name.next().is_some_and(|suffix| suffix.len() == 16));
    assert_eq!(bench.text(&spec, AttemptFile::Output), None);
    let left: Vec<_> = std::fs::read_dir(bench.path("cache/attempts"))
        .expect("listed")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn each_worker_takes_the_spec_at_its_index_and_a_python_function_runs() {
    let bench = Bench::new();
    bench.file(
        "tasks.py",
        "def double(x):\n    print('doubling', x)\n    return {'twice': 2 * x}\n",
    );
    let specs: Vec<_> = (0..3_u32)
        .map(|n| {
            let mut spec = python("tasks.py", "double");
            (spec.fans_out, spec.id.index, spec.parallel_index) = (true, n, n);
            spec.input = json(&format!("{{\"x\": {n}}}"));
            spec
        })
        .collect();
    let batch = bench.batch(&specs);
    let workers: Vec<_> = (0..3).map(|index| bench.start(&batch, index)).collect();
    for (worker, spec) in workers.into_iter().zip(&specs) {
        let (code, log) = worker.end();
        assert_eq!(code, Some(0), "{log}");
        let n = spec.id.index;
        assert_eq!(bench.output(spec), format!("{{\"twice\":{}}}", 2 * n));
        assert_eq!(
            bench.text(spec, AttemptFile::Log),
            Some(format!("doubling {n}\n"))
        );
    }
}

#[test]
fn a_failing_task_is_a_verdict_and_no_failure_of_the_worker() {
    let bench = Bench::new();
    let spec = shell("echo one; echo two >&2; exit 64");
    bench.run(&spec);
    let (category, message, tail) = bench.failure(&spec);
    assert_eq!(category, Category::Permanent);
    assert!(
        message.contains("code 64") && message.contains("two"),
        "{message}"
    );
    assert_eq!(tail, ["one", "two"]);
    assert_eq!(
        bench.text(&spec, AttemptFile::Log).as_deref(),
        Some("one\ntwo\n")
    );
}

#[test]
fn time_and_memory_are_limited_as_in_the_local_engine() {
    let bench = Bench::new();
    let mut slow = shell("sleep 1000");
    slow.timeout = Millis(300);
    bench.run(&slow);
    let (category, message, _) = bench.failure(&slow);
    assert_eq!(category, Category::Timeout, "{message}");
    assert!(message.contains("timeout of 300ms"), "{message}");

    let bench = Bench::new();
    let mut large =
        shell("python3 -c 'import time; held = bytearray(300 << 20); time.sleep(1000)'");
    large.memory_bytes = Some(64 << 20);
    bench.run(&large);
    let (category, message, _) = bench.failure(&large);
    assert_eq!(category, Category::Oom, "{message}");
}

#[test]
fn outputs_go_into_the_verdict_while_they_fit_and_into_an_object_of_their_own_when_not() {
    for (bytes, own) in [(500, false), (10_000, false), (200_000, true)] {
        let bench = Bench::new();
        bench.file("big.py", "def big(n):\n    return 'x' * n\n");
        let mut spec = python("big.py", "big");
        spec.input = json(&format!("{{\"n\": {bytes}}}"));
        bench.run(&spec);
        let text = format!("\"{}\"", "x".repeat(bytes));
        assert_eq!(
            bench.text(&spec, AttemptFile::Output),
            own.then(|| text.clone()),
            "{bytes}"
        );
        let raw = bench.text(&spec, AttemptFile::Result).expect("a verdict");
        assert_eq!(raw.contains(&"x".repeat(bytes)), !own, "{bytes}");
        match bench.verdict(&spec) {
            Some(Verdict::Success {
                output: Output::Inline(inline),
            }) => assert_eq!(*inline, *text),
            Some(Verdict::Success {
                output: Output::Object { bytes: said },
            }) => {
                assert!(bytes > 1024);
                assert_eq!(said, text.len() as u64);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_task_that_hands_over_to_other_jobs_is_deferred() {
    let bench = Bench::new();
    bench.file(
        "hand.py",
        "def over():\n    return {'deferred': [{'service_type': 'bigquery', 'project': 'p', 'job_id': 'j', 'location': 'EU'}], 'note': 1}\n",
    );
    let spec = python("hand.py", "over");
    bench.run(&spec);
    match bench.verdict(&spec) {
        Some(Verdict::Deferred {
            jobs: Output::Inline(jobs),
            count: 1,
            ..
        }) => {
            let jobs: Vec<ork_core::Value> = serde_json::from_str(&jobs).expect("a list");
            assert_eq!(jobs.len(), 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn secrets_come_from_the_jobs_environment_and_go_nowhere_but_to_the_task() {
    const CANARY: &str = "canary-5f0c1f";
    let bench = Bench::new();
    let mut spec = shell(
        "test \"$TOKEN\" = \"$EXPECTED\" && test \"$(cat \"$FILE\")\" = \"$EXPECTED\" && test \"$(printf %s \"$ORK_INPUT_JSON\" | sed 's/.*:\"//;s/\".*//')\" = \"$EXPECTED\"",
    );
    let mount = |name: &str, secret: &str, path: Option<&str>| SecretMount {
        name: name.to_owned(),
        secret: SecretRef {
            name: secret.to_owned(),
        },
        path: path.map(str::to_owned),
    };
    spec.secrets = vec![
        mount(
            "TOKEN",
            "projects/p/secrets/API_TOKEN/versions/latest",
            None,
        ),
        mount("FILE", "API_TOKEN", Some("/secrets/token")),
    ];
    let reference = SecretRef {
        name: "API_TOKEN".to_owned(),
    };
    spec.input_secrets = vec![("key".to_owned(), reference)];
    let batch = bench.batch(std::slice::from_ref(&spec));
    let mut env = bench.env(&batch, 0);
    env.insert("API_TOKEN".to_owned(), CANARY.to_owned());
    env.insert("EXPECTED".to_owned(), CANARY.to_owned());
    let (code, log) = bench.start_in(&env).end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(bench.output(&spec), "null");
    assert!(!log.contains(CANARY));
    let names: Vec<ObjectName> = wait(bench.objects.list("", None, 100)).expect("listed");
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        let bytes = bench.bytes(&name).expect("there");
        assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{name}");
    }

    let bench = Bench::new();
    bench.run(&spec);
    let (category, message, _) = bench.failure(&spec);
    assert_eq!(category, Category::Permanent);
    assert!(message.contains("API_TOKEN"), "{message}");
}

#[test]
fn an_executor_of_the_projects_own_runs_the_command_that_ork_yaml_names() {
    let bench = Bench::new();
    bench.file(
        "ork.yaml",
        "executors:\n  twice:\n    command: [sh, -c, 'echo ORK_OUTPUT:$ORK_OPTIONS_JSON']\n",
    );
    let spec = spec(Executor::Custom {
        name: "twice".to_owned(),
        options: [("n".to_owned(), ork_core::Value::from(2))].into(),
    });
    bench.run(&spec);
    assert_eq!(bench.output(&spec), "{\"n\":2}");
}
