//! The fixtures of `shared/spec`: a real worker reads what the engine and the SDKs write, and writes what they read.

use std::collections::BTreeSet;

use ork_core::Value;
use ork_core::deferred::Job;
use ork_core::ids::{RunId, VersionHash};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::Category;
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_core::time::Millis;
use ork_engine::{batch, decode_report, decode_verdict, encode_verdict_with};
use ork_engine::{label_of, run_of_label};
use serde_json::json;

use crate::harness::*;
use crate::served::{Served, answer};

#[path = "../../../../shared/core/tests/run/fixtures.rs"]
mod fixtures;
#[path = "spec_service.rs"]
mod service;

use fixtures::{cases, folder, load, read, said};

/// Who reads them here.
const READER: &str = "worker";

/// A program that gives its variables.
const TOLD: &str = "\
import json, os
print('ORK_OUTPUT:' + json.dumps({'variables': dict(os.environ)}))
";

/// A function that gives its variables and its context.
const TELL: &str = "\
import os
from ork import Context

NAMES = 'task_id run_id task_name workflow_name attempt parallel_index parallel_count'.split()

def tell(ctx: Context, **given):
    return {'variables': dict(os.environ), 'given': given, 'index': ctx.index, 'context': {name: getattr(ctx, name) for name in NAMES}}
";

/// `fixture` with other fields in place of its own.
fn instead(fixture: &Value, fields: &Value) -> Value {
    let mut changed = fixture.clone();
    for (name, value) in fields.as_object().expect("fields") {
        changed[name] = value.clone();
    }
    changed
}

fn batch_of(specs: &[Value]) -> Vec<u8> {
    json!({"format": 1, "specs": specs})
        .to_string()
        .into_bytes()
}

/// A spec as a worker reads it.
fn decoded(spec: &Value) -> TaskSpec {
    batch::decode(&batch_of(std::slice::from_ref(spec)), 0).expect("a spec")
}

/// Writes the batch object of a spec.
fn put_batch(bench: &Bench, run: &RunId, spec: &Value) -> ObjectName {
    let bytes = batch_of(std::slice::from_ref(spec));
    let name = ObjectName::Batch(run.clone(), VersionHash::of(&bytes));
    bench.put(&name, &bytes);
    name
}

/// The verdict as it is written: the engine leaves a text of some length in its object.
fn written(bench: &Bench, name: &ObjectName) -> Verdict {
    let bytes = bench.bytes(name).expect("a verdict");
    serde_json::from_slice(&bytes).expect("a verdict")
}

/// `spec` at other positions, all of one run.
fn fanned(specs: impl IntoIterator<Item = TaskSpec>) -> Vec<TaskSpec> {
    let at = |(index, mut spec): (u32, TaskSpec)| {
        (spec.fans_out, spec.id.index) = (true, index);
        spec
    };
    (0..).zip(specs).map(at).collect()
}

#[test]
fn every_fixture_is_listed_and_read_by_two_at_least() {
    let found = std::fs::read_dir(folder()).expect("the fixtures");
    let names = found.map(|entry| entry.expect("an entry").file_name());
    let there: BTreeSet<String> = names
        .map(|name| name.into_string().expect("a plain name"))
        .filter(|name| name.ends_with(".json") && name != "index.json")
        .collect();
    let index = read("index.json");
    let listed = index["files"].as_object().expect("files by name");
    assert_eq!(there, listed.keys().cloned().collect());
    for (file, listed) in listed {
        let readers = listed["readers"].as_array().expect("readers");
        assert!(readers.len() >= 2, "{file} is read by {readers:?} alone");
        let source = concat!(include_str!("spec.rs"), include_str!("spec_service.rs"));
        let here = source.contains(&format!("load(\"{file}\")"));
        let ours = readers.contains(&json!(READER));
        assert_eq!(here, ours, "{file}: read here, and listed so");
    }
}

#[test]
fn a_task_is_told_what_its_spec_says() {
    let attempts = load("attempts.json");
    let valid = cases(&attempts, "valid");
    let bench = Bench::new();
    bench.file("told.py", TOLD);
    bench.file("tell.py", TELL);
    bench.file(
        "ork.yaml",
        "executors:\n  told: {command: [python3, told.py]}\n",
    );
    let served = Served::start(&bench);
    for case in valid {
        let spec = decoded(&case["spec"]);
        let name = put_batch(&bench, &spec.id.run, &case["spec"]);
        assert_eq!(served.push(&name, 0), 204);
        let result = ObjectName::parse(said(&case["object"])).expect("a name");
        let verdict = written(&bench, &result);
        let Verdict::Success {
            output: Output::Inline(given),
        } = verdict
        else {
            panic!("{case}: {verdict:?}");
        };
        let given: Value = serde_json::from_str(&given).expect("JSON");
        for (name, value) in case["variables"].as_object().expect("variables") {
            assert_eq!(&given["variables"][name], value, "{name} of {case}");
        }
        if given["context"].is_object() {
            assert_eq!(given["context"], case["context"]);
            assert_eq!(given["index"], case["index"]);
            assert_eq!(given["given"], case["spec"]["input"]);
        }
    }
    for case in cases(&attempts, "broken") {
        let broken = instead(&valid[0]["spec"], &case["instead"]);
        let why = batch::decode(&batch_of(&[broken]), 0).expect_err("it is broken");
        assert!(why.contains(said(&case["says"])), "{case}: {why}");
    }
}

#[test]
fn what_a_task_gives_becomes_its_verdict() {
    let (outputs, failures, jobs) = (
        load("outputs.json"),
        load("failures.json"),
        load("jobs.json"),
    );
    let line = |text: &str| shell(&format!("cat <<'END'\nORK_OUTPUT:{text}\nEND"));
    let valid = cases(&outputs, "valid");
    let broken = cases(&outputs, "broken");
    let codes = cases(&failures, "exit_codes");
    // Every job that an SDK may write, handed over by one attempt.
    let handed: Vec<&Value> = ["valid", "others", "careless"]
        .into_iter()
        .flat_map(|kind| cases(&jobs, kind))
        .map(|case| &case["given"])
        .collect();
    let specs = valid.iter().map(|case| line(&case["output"].to_string()));
    let specs = specs.chain(broken.iter().map(|case| line(said(&case["text"]))));
    let specs = specs.chain(
        codes
            .iter()
            .map(|case| shell(&format!("exit {}", case["code"]))),
    );
    let specs = specs.chain([line(&json!({"deferred": handed}).to_string())]);
    let specs = fanned(specs);
    let bench = Bench::new();
    let name = bench.batch(&specs);
    let served = Served::start(&bench);
    for index in 0..specs.len() {
        assert_eq!(served.push(&name, index), 204);
    }
    let result = |spec: &TaskSpec| written(&bench, &spec.object(AttemptFile::Result));
    let mut verdicts = specs.iter().map(result);
    for case in valid {
        let wanted: Verdict = serde_json::from_value(case["verdict"].clone()).expect("a verdict");
        assert_eq!(verdicts.next(), Some(wanted), "{case}");
    }
    for case in broken {
        let Some(Verdict::Failed {
            category, message, ..
        }) = verdicts.next()
        else {
            panic!("{case} is taken");
        };
        assert_eq!(category, Category::Permanent, "{case}");
        assert!(message.contains(said(&case["says"])), "{case}: {message}");
    }
    for case in codes {
        let Some(Verdict::Failed {
            category,
            exit_code,
            ..
        }) = verdicts.next()
        else {
            panic!("{case} is no failure");
        };
        assert_eq!(json!(category), case["category"], "{case}");
        assert_eq!(json!(exit_code), case["code"], "{case}");
    }
    let Some(Verdict::Deferred {
        jobs: Output::Inline(text),
        count,
        ..
    }) = verdicts.next()
    else {
        panic!("nothing is handed over");
    };
    let found: Vec<Value> = serde_json::from_str(&text).expect("a list");
    assert_eq!(count as usize, found.len());
    assert_eq!(found.iter().collect::<Vec<_>>(), handed);
    for case in cases(&jobs, "valid") {
        let read = |key: &str| Job::read(&case[key]).expect("a job");
        assert_eq!(read("given"), read("read"));
    }
}

#[test]
fn signs_of_life_and_verdicts_are_those_of_the_fixtures() {
    let statuses = load("statuses.json");
    let bench = Bench::new();
    let go = bench.path("go").display().to_string();
    let mut spec = shell(&format!("while [ ! -e {go} ]; do sleep 0.02; done"));
    spec.heartbeat = Millis(1000);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let served = Served::start(&bench);
    let request = served.begin(&batch, 0);
    let status = appears("a sign of life", || bench.text(&spec, AttemptFile::Status));
    std::fs::write(&go, "").expect("written");
    assert_eq!(answer(request).0, 204);
    let status: Value = serde_json::from_str(&status).expect("JSON");
    let keys = |value: &Value| {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let mut written = cases(&statuses, "valid").iter();
    let written = written
        .find(|case| case["written"] == true)
        .expect("as it is written");
    let (found, wanted): (Vec<String>, Vec<String>) = (keys(&status), keys(&written["status"]));
    assert_eq!(found, wanted);
    assert_eq!(status["status"], written["status"]["status"]);

    let verdicts = load("verdicts.json");
    let bytes = |case: &Value| case["object"].to_string().into_bytes();
    for case in cases(&verdicts, "valid") {
        let verdict = decode_verdict(&bytes(case));
        assert_eq!(
            json!(verdict)["outcome"],
            case["object"]["outcome"],
            "{verdict:?}"
        );
        if case["written"] == true {
            let report = decode_report(&bytes(case)).map(|report| *report);
            let again = encode_verdict_with(&verdict, report.unwrap_or_default());
            let again: Value = serde_json::from_slice(&again).expect("JSON");
            assert_eq!(again, case["object"]);
        }
    }
    for case in cases(&verdicts, "broken") {
        let Verdict::Failed {
            category, message, ..
        } = decode_verdict(&bytes(case))
        else {
            panic!("{case} is read");
        };
        assert_eq!(category, Category::Unknown);
        assert!(message.contains(said(&case["says"])), "{case}: {message}");
    }
}

#[test]
fn labels_of_jobs_name_their_runs() {
    let labels = load("job_labels.json");
    for case in cases(&labels, "valid") {
        let run = RunId::new(said(&case["run"])).expect("a run id");
        let label = label_of(&run);
        assert_eq!(json!(label), case["labels"]["ork-run"], "{case}");
        if let Some(label) = label {
            assert_eq!(run_of_label(&label), Some(run));
        }
    }
    for case in cases(&labels, "broken") {
        assert_eq!(run_of_label(said(&case["label"])), None, "{case}");
    }
}
