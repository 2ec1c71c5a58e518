//! A worker as a service: an attempt for each message, with the rules of the other lane.

use ork_core::definition::{Executor, Isolation, PythonSource};
use ork_core::names::AttemptFile;
use ork_core::run::Category;
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_core::time::Millis;
use ork_engine::{ClaimObject, encode_verdict};
use rustix::process::Signal;
use serde_json::json;

use crate::harness::*;
use crate::served::{Served, answer, message};

/// A task that tells its process's number, ends when there is a file `go`, and leaves a line when it does.
fn waiting(bench: &Bench) -> TaskSpec {
    let path = |name: &str| bench.path(name).display().to_string();
    shell(&format!(
        "echo begun; echo $$ > {}; while [ ! -e {} ]; do sleep 0.02; done; echo done >> {}",
        path("own"),
        path("go"),
        path("effect")
    ))
}

fn go(bench: &Bench) {
    std::fs::write(bench.path("go"), "").expect("written");
}

fn effects(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path("effect")).unwrap_or_default()
}

/// The same spec at other indices.
fn fanned(spec: &TaskSpec, count: u32) -> Vec<TaskSpec> {
    let at = |index| {
        let mut spec = spec.clone();
        (spec.fans_out, spec.id.index, spec.parallel_index) = (true, index, index);
        spec
    };
    (0..count).map(at).collect()
}

#[test]
fn a_message_runs_its_attempt_and_leaves_what_a_job_leaves() {
    let bench = Bench::new();
    let specs = fanned(&shell("echo hello; echo \"ORK_OUTPUT:$ORK_INDEX_TEST\""), 2);
    let specs: Vec<_> = specs
        .into_iter()
        .map(|mut spec| {
            let index = spec.id.index.to_string();
            spec.env = vec![("ORK_INDEX_TEST".to_owned(), index)];
            spec
        })
        .collect();
    let batch = bench.batch(&specs);
    let served = Served::start(&bench);
    assert_eq!(served.push(&batch, 1), 204);
    assert_eq!(bench.verdict(&specs[0]), None, "nobody asked for that one");
    assert_eq!(served.push(&batch, 0), 204);
    for (index, spec) in specs.iter().enumerate() {
        assert_eq!(bench.output(spec), index.to_string());
        let log = bench.text(spec, AttemptFile::Log).expect("a log");
        assert!(log.starts_with("hello\n"), "{log}");
        let claim = bench.text(spec, AttemptFile::Claim).expect("a claim");
        let claim: ClaimObject = serde_json::from_str(&claim).expect("a claim");
        // An execution of a job has a name of three parts, and could be cancelled.
        let parts: Vec<&str> = claim.worker.split('/').collect();
        assert_eq!((parts.len(), parts[0]), (2, "service:"), "{}", claim.worker);
    }
    let service = std::fs::read_dir(bench.path("cache/attempts")).expect("listed");
    for folder in service {
        let folder = folder.expect("listed").path();
        let left: Vec<_> = std::fs::read_dir(&folder).expect("listed").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_message_that_comes_again_runs_nothing_again() {
    let bench = Bench::new();
    let spec = waiting(&bench);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let (served, other) = (Served::start(&bench), Served::start(&bench));
    let first = served.begin(&batch, 0);
    number_in(&bench.path("own"));
    // While it runs, to the same worker and to another.
    assert_eq!((served.push(&batch, 0), other.push(&batch, 0)), (204, 204));
    assert_eq!(bench.verdict(&spec), None);
    go(&bench);
    assert_eq!(answer(first).0, 204);
    assert_eq!(bench.output(&spec), "null");
    // And when it is over.
    assert_eq!((served.push(&batch, 0), other.push(&batch, 0)), (204, 204));
    assert_eq!(effects(&bench), "done\n");
}

#[test]
fn what_makes_no_sense_is_thrown_away_and_counted() {
    let bench = Bench::new();
    let served = Served::start(&bench);
    let spec = shell("true");
    let batch = bench.batch(std::slice::from_ref(&spec)).to_string();
    let none = batch.replace("run1", "run2");
    let mut thrown = 0;
    for body in [
        b"not JSON".to_vec(),
        b"{}".to_vec(),
        message(&batch, "first"),
        message(&batch, "1"),
        message("runs/run1/t/1/claim", "0"),
        message(&none, "0"),
        vec![b' '; 2 << 20],
    ] {
        let (status, _, text) = served.post("/push", &body);
        assert_eq!(status, 204, "{text}");
        thrown += 1;
        assert_eq!(served.broken(), thrown);
    }
    let foreign = String::from_utf8(message(&batch, "0")).expect("text");
    let foreign = foreign.replace("subscriptions/work", "subscriptions/other");
    assert_eq!(served.post("/push", foreign.as_bytes()).0, 403);
    // A batch of one run with the spec of another.
    let bytes = bench.bytes(&ork_core::names::ObjectName::parse(&batch).expect("a name"));
    let moved = ork_core::names::ObjectName::parse(&none).expect("a name");
    bench.put(&moved, &bytes.expect("there"));
    assert_eq!(served.post("/push", &message(&none, "0")).0, 204);
    assert_eq!(served.broken(), thrown + 1);
    assert_eq!(bench.verdict(&spec), None);
}

#[test]
fn what_is_too_much_goes_elsewhere() {
    let bench = Bench::new();
    let specs = fanned(&waiting(&bench), 2);
    let batch = bench.batch(&specs);
    let served = Served::with(&bench, &[("ORK_CONCURRENCY", "1")]);
    let first = served.begin(&batch, 0);
    number_in(&bench.path("own"));
    let (status, head, body) = answer(served.begin(&batch, 1));
    assert_eq!(status, 429, "{body}");
    assert!(head.contains("retry-after: 1"), "{head}");
    assert!(body.contains("ORK_CONCURRENCY"), "{body}");
    assert_eq!(bench.bytes(&specs[1].object(AttemptFile::Claim)), None);
    let body = json!({"task_id": "1", "task_name": "t", "executor_type": "python", "params": {"module": "os"}});
    assert_eq!(served.ask("/execute", &body).0, 429);
    // What needs no place is answered.
    assert_eq!(served.broken(), 0);
    go(&bench);
    assert_eq!(answer(first).0, 204);
    assert_eq!(served.push(&batch, 1), 204);
    assert_eq!(effects(&bench), "done\ndone\n");
}

#[test]
fn an_attempt_that_has_its_verdict_is_ended_at_the_next_sign_of_life() {
    let bench = Bench::new();
    let mut spec = waiting(&bench);
    spec.heartbeat = Millis(1000);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let served = Served::start(&bench);
    let request = served.begin(&batch, 0);
    let own = number_in(&bench.path("own"));
    let given_up = Verdict::Failed {
        category: Category::Lost,
        message: "given up".to_owned(),
        log_tail: Vec::new(),
        exit_code: None,
    };
    bench.put(
        &spec.object(AttemptFile::Result),
        &encode_verdict(&given_up),
    );
    assert_eq!(answer(request).0, 204);
    gone(own);
    assert_eq!(bench.verdict(&spec), Some(given_up));
    assert_eq!(effects(&bench), "");
}

#[test]
fn an_attempt_that_has_its_verdict_is_ended_long_before_its_next_sign_of_life() {
    let bench = Bench::new();
    let mut spec = waiting(&bench);
    spec.heartbeat = Millis::from_secs(3_600);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let served = Served::start(&bench);
    let request = served.begin(&batch, 0);
    let own = number_in(&bench.path("own"));
    let sign = appears("the first sign of life", || {
        bench.text(&spec, AttemptFile::Status)
    });
    let given_up = Verdict::Failed {
        category: Category::Unknown,
        message: "it was stopped".to_owned(),
        log_tail: Vec::new(),
        exit_code: None,
    };
    bench.put(
        &spec.object(AttemptFile::Result),
        &encode_verdict(&given_up),
    );
    assert_eq!(answer(request).0, 204);
    gone(own);
    assert_eq!(bench.verdict(&spec), Some(given_up));
    assert_eq!(effects(&bench), "");
    let signs = bench.text(&spec, AttemptFile::Status);
    assert_eq!(signs, Some(sign), "to look is not to say anything");
}

#[test]
fn python_stays_warm_from_one_request_to_the_next() {
    let bench = Bench::new();
    bench.file("own.py", "import os\ndef own():\n    return os.getpid()\n");
    let mut reused = python("own.py", "own");
    reused.executor = Executor::Python {
        source: PythonSource::File("own.py".to_owned()),
        function: "own".to_owned(),
        isolation: Isolation::Reuse,
        preload: false,
    };
    let mut specs = fanned(&reused, 4);
    // A task of executor `service` is a function that may share its process.
    specs[2].executor = Executor::Service {
        source: Some(PythonSource::File("own.py".to_owned())),
        function: Some("own".to_owned()),
    };
    specs[3].executor = python("own.py", "own").executor;
    let batch = bench.batch(&specs);
    let served = Served::start(&bench);
    let own: Vec<String> = (0..4)
        .map(|index| {
            assert_eq!(served.push(&batch, index), 204);
            bench.output(&specs[index])
        })
        .collect();
    assert_eq!(own[0], own[1]);
    assert_eq!(own[0], own[2]);
    assert_ne!(own[0], own[3], "isolation has its price");
}

#[test]
fn a_fan_out_is_worked_on_side_by_side() {
    let bench = Bench::new();
    // Each of them waits for all others.
    let folder = bench.path("here").display().to_string();
    let spec = shell(&format!(
        "mkdir -p {folder}; : > {folder}/$$; while [ $(ls {folder} | wc -l) -lt 3 ]; do sleep 0.02; done"
    ));
    let specs = fanned(&spec, 3);
    let batch = bench.batch(&specs);
    let served = Served::with(&bench, &[("ORK_CONCURRENCY", "3")]);
    let requests: Vec<_> = (0..3).map(|index| served.begin(&batch, index)).collect();
    for request in requests {
        assert_eq!(answer(request).0, 204);
    }
    for spec in &specs {
        assert_eq!(bench.output(spec), "null");
    }
}

#[test]
fn failures_custom_executors_and_large_outputs_are_as_in_a_job() {
    let bench = Bench::new();
    bench.file(
        "ork.yaml",
        "executors:\n  twice:\n    command: [sh, -c, 'echo ORK_OUTPUT:$ORK_OPTIONS_JSON']\n",
    );
    bench.file("big.py", "def big():\n    return 'x' * 200_000\n");
    let mut specs = fanned(&shell("echo one; exit 64"), 3);
    specs[1].executor = Executor::Custom {
        name: "twice".to_owned(),
        options: [("n".to_owned(), ork_core::Value::from(2))].into(),
    };
    specs[2].executor = python("big.py", "big").executor;
    let batch = bench.batch(&specs);
    let served = Served::start(&bench);
    for index in 0..3 {
        assert_eq!(served.push(&batch, index), 204);
    }
    let (category, message, tail) = bench.failure(&specs[0]);
    assert_eq!(
        (category, tail),
        (Category::Permanent, vec!["one".to_owned()]),
        "{message}"
    );
    assert_eq!(bench.output(&specs[1]), "{\"n\":2}");
    let large = format!("\"{}\"", "x".repeat(200_000));
    assert_eq!(bench.text(&specs[2], AttemptFile::Output), Some(large));
    assert!(matches!(
        bench.verdict(&specs[2]),
        Some(Verdict::Success {
            output: Output::Object { bytes: 200_002 }
        })
    ));
}

#[test]
fn an_attempt_goes_on_when_its_caller_goes_away() {
    let bench = Bench::new();
    let spec = waiting(&bench);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let served = Served::with(&bench, &[("ORK_CONCURRENCY", "1")]);
    drop(served.begin(&batch, 0));
    number_in(&bench.path("own"));
    go(&bench);
    appears("the verdict", || bench.verdict(&spec));
    assert_eq!(bench.output(&spec), "null");
}

#[test]
fn what_takes_longer_than_a_push_is_acknowledged_and_goes_on() {
    let bench = Bench::new();
    let spec = waiting(&bench);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let one = ("ORK_CONCURRENCY", "1");
    let served = Served::with(&bench, &[one, ("ORK_DEADLINE_SECONDS", "1")]);
    assert_eq!(served.push(&batch, 0), 204);
    served.line("acknowledged, and its attempt goes on");
    number_in(&bench.path("own"));
    assert_eq!(bench.verdict(&spec), None);
    assert_eq!(served.push(&batch, 0), 429, "its place is taken");
    go(&bench);
    appears("the verdict", || bench.verdict(&spec));
    assert_eq!(bench.output(&spec), "null");
    assert_eq!(effects(&bench), "done\n");
}

#[test]
fn told_to_end_it_finishes_what_ends_soon() {
    let bench = Bench::new();
    let spec = waiting(&bench);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let served = Served::start(&bench);
    let request = served.begin(&batch, 0);
    number_in(&bench.path("own"));
    served.tell(Signal::TERM);
    served.line("stops: SIGTERM");
    go(&bench);
    assert_eq!(answer(request).0, 204);
    assert_eq!(served.end(), Some(0));
    assert_eq!(bench.output(&spec), "null");
}

#[test]
fn told_to_end_it_gives_back_what_does_not_end() {
    let bench = Bench::new();
    let own = bench.path("own").display().to_string();
    let spec = shell(&format!(
        "trap '' TERM; echo begun; echo $$ > {own}; while :; do sleep 1000; done"
    ));
    let batch = bench.batch(std::slice::from_ref(&spec));
    let served = Served::start(&bench);
    let begun = served.begin(&batch, 0);
    let own = number_in(&bench.path("own"));
    // Nobody waits for the answer: the attempt is given back all the same.
    drop(begun);
    let told = std::time::Instant::now();
    served.tell(Signal::TERM);
    assert_eq!(served.end(), Some(0));
    // Cloud Run kills after ten.
    assert!(told.elapsed().as_secs() < 9, "{:?}", told.elapsed());
    gone(own);
    let (category, message, tail) = bench.failure(&spec);
    assert_eq!(category, Category::Lost);
    assert!(message.contains("SIGTERM"), "{message}");
    assert_eq!(tail, ["begun"]);
}
