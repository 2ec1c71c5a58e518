//! The fixtures of `shared/spec`: this SDK writes and reads what the core, the worker and the other SDK do.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::environment::{self, Env};
use crate::{BigQueryJob, Category, Context, Deferred, Error, Job, Metrics, Value, json};

/// Who reads them here.
const READER: &str = "sdk-rust";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec")
}

fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(file)).expect("a fixture");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A fixture of the version that is listed.
fn load(file: &str) -> Value {
    let found = read(file);
    let listed = &read("index.json")["files"][file]["version"];
    assert_eq!(&found["version"], listed, "{file}");
    found
}

/// The cases of one kind, of which there must be some.
fn cases<'a>(fixture: &'a Value, kind: &str) -> &'a [Value] {
    let cases = fixture[kind].as_array().map_or(&[][..], Vec::as_slice);
    assert!(!cases.is_empty(), "no {kind} cases in {fixture}");
    cases
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

/// What a refusal must say, in general or here.
fn says(case: &Value) -> &str {
    text(match &case["says"] {
        Value::Object(of) => &of[READER],
        says => says,
    })
}

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().expect("a number")).expect("not that large")
}

fn told(ctx: &Context) -> Value {
    json!({"task_id": ctx.task_id, "run_id": ctx.run_id, "task_name": ctx.task_name, "workflow_name": ctx.workflow_name,
        "attempt": ctx.attempt, "parallel_index": ctx.parallel_index, "parallel_count": ctx.parallel_count})
}

/// Whatever it is given, and what it knows about its attempt.
#[crate::task]
fn tell(input: Value, ctx: &Context) -> Value {
    json!({"input": input, "context": told(ctx), "index": ctx.index()})
}

#[crate::task]
fn echo(input: Value) -> Value {
    input
}

#[derive(serde::Deserialize)]
struct Given {
    x: i64,
}

#[crate::task]
fn double(input: Given) -> Value {
    json!({"twice": 2 * input.x})
}

#[crate::task]
fn nothing() {}

#[crate::task]
fn over() -> Deferred {
    Deferred::to([BigQueryJob::new("p", "j").location("EU")])
}

#[crate::task]
fn wrong() -> crate::Result<()> {
    Err(Error::permanent("no such region"))
}

#[crate::task]
fn busy() -> crate::Result<()> {
    Err(Error::transient("come back later"))
}

#[crate::executor]
fn sql(options: Value) -> Value {
    options
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
    for (file, said) in listed {
        let readers = said["readers"].as_array().expect("readers");
        assert!(readers.len() >= 2, "{file} is read by {readers:?} alone");
        let here = include_str!("spec.rs").contains(&format!("load(\"{file}\")"));
        let ours = readers.contains(&json!(READER));
        assert_eq!(here, ours, "{file}: read here, and listed so");
    }
}

#[test]
fn jobs_are_written_as_they_are_read() {
    let jobs = load("jobs.json");
    for kind in ["valid", "careless", "others"] {
        for case in cases(&jobs, kind) {
            let job: Job = serde_json::from_value(case["given"].clone())
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            let wanted = match kind {
                "valid" => &case["read"],
                "others" => &case["given"],
                _ => continue,
            };
            assert_eq!(&serde_json::to_value(&job).expect("JSON"), wanted);
        }
    }
    for case in cases(&jobs, "broken") {
        let error = serde_json::from_value::<Job>(case["given"].clone()).expect_err("broken");
        assert!(error.to_string().contains(says(case)), "{case}: {error}");
    }
}

#[test]
fn ids_and_labels_of_jobs_are_these() {
    for case in cases(&load("job_ids.json"), "valid") {
        let ctx = Context {
            run_id: text(&case["run"]).to_owned(),
            task_name: text(&case["task"]).to_owned(),
            parallel_index: number(&case["index"]),
            attempt: number(&case["attempt"]),
            ..Context::default()
        };
        let id = crate::job_id(&ctx, text(&case["name"]));
        assert_eq!(id.bigquery(), text(&case["bigquery"]));
        assert_eq!(id.dataproc(), text(&case["dataproc"]));
    }
    let labels = load("job_labels.json");
    for case in cases(&labels, "valid") {
        let ctx = Context {
            run_id: text(&case["run"]).to_owned(),
            ..Context::default()
        };
        let made = ctx.job_labels();
        assert_eq!(json!(made), case["labels"], "{case}");
        for broken in cases(&labels, "broken") {
            assert!(!made.values().any(|label| label == text(&broken["label"])));
        }
    }
}

#[test]
fn a_task_is_told_of_its_attempt_alike_however_it_is_called() {
    for case in cases(&load("attempts.json"), "valid") {
        let wanted = json!({"input": case["spec"]["input"], "context": case["context"], "index": case["index"]});
        let variables: BTreeMap<String, String> =
            serde_json::from_value(case["variables"].clone()).expect("texts");
        let env: Env<'_> = &|name| variables.get(name).map(OsString::from);
        let ctx = environment::context(env).expect("a context");
        assert_eq!(told(&ctx), case["context"]);
        assert_eq!(ctx.index(), number(&case["index"]));
        let upstream = ctx.upstream().expect("outputs by task");
        assert_eq!(&json!(upstream), &case["spec"]["upstream"]);
        let options = environment::json(env, "OPTIONS").expect("options");
        let options: Value =
            serde_json::from_str(options.as_deref().unwrap_or("null")).expect("JSON");
        assert_eq!(options, case["spec"]["executor"]["options"]);
        // As a program, and as a shared object.
        let line = crate::run::output_of(crate::tasks![tell], env).expect("an output");
        let output = line
            .trim()
            .strip_prefix("ORK_OUTPUT:")
            .expect("a line of output");
        assert_eq!(serde_json::from_str::<Value>(output).expect("JSON"), wanted);
        let envelope = json!({"input": case["spec"]["input"], "context": case["context"]});
        let (code, output) = crate::library::call(
            crate::tasks![tell],
            b"tell",
            envelope.to_string().as_bytes(),
        );
        let output: Value = serde_json::from_slice(&output).expect("JSON");
        assert_eq!((code, output), (0, wanted));
    }
}

#[test]
fn what_a_task_gives_is_its_output_or_its_jobs() {
    let outputs = load("outputs.json");
    for case in cases(&outputs, "valid") {
        let given = case["output"].to_string();
        let env: Env<'_> = &|name| (name == "ORK_INPUT_JSON").then(|| given.clone().into());
        let line = crate::run::output_of(crate::tasks![echo], env).expect("an output");
        assert_eq!(line, format!("\nORK_OUTPUT:{given}\n"));
        let jobs = crate::serve::deferred(&given).map(|jobs| jobs.get());
        let verdict = &case["verdict"];
        assert_eq!(jobs, verdict["jobs"]["inline"].as_str(), "{case}");
        if verdict["outcome"] == "success" {
            assert_eq!(given, text(&verdict["output"]["inline"]));
        }
    }
    for case in cases(&outputs, "broken") {
        let given = text(&case["text"]);
        let env: Env<'_> = &|name| (name == "ORK_INPUT_JSON").then(|| given.into());
        crate::run::output_of(crate::tasks![echo], env).expect_err("not JSON");
    }
}

#[test]
fn failures_have_the_exit_codes_of_their_kinds() {
    let failures = load("failures.json");
    let known = [Category::Permanent, Category::Transient, Category::Unknown];
    let words = cases(&failures, "categories");
    for category in known {
        let word = json!(category);
        assert!(words.contains(&word), "{word}");
        let mut codes = cases(&failures, "exit_codes").iter();
        let first = codes
            .find(|case| case["category"] == word)
            .expect("its code");
        assert_eq!(json!(category.exit_code()), first["code"]);
    }
    for word in cases(&failures, "broken") {
        serde_json::from_value::<Category>(word.clone()).expect_err("no such kind");
    }
}

#[test]
fn a_service_answers_as_a_worker_does() {
    let tasks = crate::tasks![double, nothing, over, wrong, busy];
    let executes = load("executes.json");
    for case in cases(&executes, "valid") {
        let asked = case["requests"][READER].to_string();
        let (status, answer) = crate::serve::answer_to(tasks, "/execute", &asked);
        let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
        if let Some(words) = case["says"].as_str() {
            let error = answer.as_object_mut().expect("an object").remove("error");
            assert!(text(&error.expect("an error")).contains(words), "{case}");
        }
        assert_eq!((status, &answer), (200, &case["answer"]), "{case}");
    }
    for case in cases(&executes, "broken") {
        let (status, answer) = crate::serve::answer_to(tasks, "/execute", text(&case["text"]));
        assert_eq!(json!(status), case["status"], "{case}: {answer}");
        assert!(answer.contains(says(case)), "{case}: {answer}");
    }
    let compiles = load("compiles.json");
    let programs = cases(&compiles, "valid").iter();
    let mut programs = programs.filter(|case| case["workflow"].is_null());
    let case = programs.next().expect("a program");
    let asked = case["request"].to_string();
    let (status, answer) = crate::serve::answer_to(crate::tasks![double, sql], "/compile", &asked);
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!((status, &answer), (200, &case["answer"]));
}

#[test]
fn metrics_are_lines_of_json() {
    let file = std::env::temp_dir().join(format!("ork-spec-metrics-{}", std::process::id()));
    let metrics = Metrics::to_file(Some(file.clone()));
    let fixture = load("metrics.json");
    let lines: Vec<&Value> = cases(&fixture, "valid")
        .iter()
        .map(|case| &case["line"])
        .collect();
    for line in &lines {
        let tags = line["tags"].as_object().into_iter().flatten();
        let tags: Vec<(&str, &str)> = tags
            .map(|(key, value)| (key.as_str(), text(value)))
            .collect();
        let metrics = metrics.tagged(&tags);
        let (name, value) = (text(&line["name"]), &line["value"]);
        match (text(&line["kind"]), value.as_i64(), value.as_f64()) {
            ("count", Some(value), _) => metrics.count(name, value),
            ("gauge", Some(value), _) => metrics.gauge(name, value),
            ("gauge", None, Some(value)) => metrics.gauge(name, value),
            ("timing", _, Some(value)) => metrics.timing(name, Duration::from_secs_f64(value)),
            other => panic!("{other:?}"),
        }
    }
    let written = std::fs::read_to_string(&file).expect("written");
    std::fs::remove_file(&file).expect("it is there");
    let written = written
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    assert_eq!(
        written.collect::<Vec<_>>(),
        lines.into_iter().cloned().collect::<Vec<_>>()
    );
}
