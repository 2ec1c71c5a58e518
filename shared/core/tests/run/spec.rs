//! The fixtures of `shared/spec`: what the SDKs and the worker write is read here as they mean it, and what nobody may write is refused.

use std::collections::BTreeSet;

use ork_core::deferred::{Job, job_id, poll_interval, service};
use ork_core::diagnostic::to_json;
use ork_core::ids::{RunId, TaskName};
use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::parse::parse_workflow;
use ork_core::run::Category;
use ork_core::task::{
    NextAttempt, Report, TASK_FORMAT, TaskSpec, Verdict, VerdictWritten, WorkerStatus,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value, json, to_value};

use crate::fixtures::{cases, folder, load, read, said as text};

/// Who reads them here.
const READER: &str = "core";

/// What a refusal must say, in general or here.
fn says(case: &Value) -> &str {
    text(match &case["says"] {
        Value::Object(of) => &of[READER],
        says => says,
    })
}

/// Reads it as text, as what comes from outside is.
fn parsed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_str(&value.to_string()).map_err(|error| error.to_string())
}

fn refused<T: DeserializeOwned>(case: &Value, value: &Value) {
    match parsed::<T>(value) {
        Ok(_) => panic!("{case} is read"),
        Err(why) => assert!(why.contains(says(case)), "{case}: {why}"),
    }
}

/// `fixture` with other fields in place of its own.
fn instead(fixture: &Value, fields: &Value) -> Value {
    let mut changed = fixture.clone();
    for (name, value) in fields.as_object().unwrap() {
        changed[name] = value.clone();
    }
    changed
}

#[test]
fn every_fixture_is_listed_and_read_by_two_at_least() {
    let found = std::fs::read_dir(folder()).unwrap();
    let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = names
        .filter(|name| name.ends_with(".json") && name != "index.json")
        .collect();
    let index = read("index.json");
    let listed = index["files"].as_object().unwrap();
    assert_eq!(there, listed.keys().cloned().collect());
    for (file, said) in listed {
        let readers = said["readers"].as_array().unwrap();
        assert!(readers.len() >= 2, "{file} is read by {readers:?} alone");
        let here = include_str!("spec.rs").contains(&format!("load(\"{file}\")"));
        let ours = readers.contains(&json!(READER));
        assert_eq!(here, ours, "{file}: read here, and listed so");
    }
}

#[test]
fn jobs_are_read_in_every_spelling() {
    let jobs = load("jobs.json");
    for case in cases(&jobs, "valid") {
        let job = Job::read(&case["given"]).unwrap_or_else(|why| panic!("{case}: {why}"));
        let mut wanted = case["read"].clone();
        // Not the job's own, but of the asking.
        wanted.as_object_mut().unwrap().remove("poll_interval");
        assert_eq!(to_value(job).unwrap(), wanted);
        let poll = poll_interval(&case["given"]).map(|pause| pause.0);
        assert_eq!(poll, case["poll_ms"].as_u64(), "{case}");
        assert_eq!(Job::read(&case["read"]), Job::read(&case["given"]));
    }
    for case in cases(&jobs, "others") {
        assert_eq!(service(&case["given"]), Ok(text(&case["service"])));
        Job::read(&case["given"]).expect_err("none of Ork's own");
    }
    for case in cases(&jobs, "broken") {
        let why = Job::read(&case["given"]).expect_err("it is broken");
        assert!(why.contains(says(case)), "{case}: {why}");
    }
    for case in cases(&jobs, "careless") {
        Job::read(&case["given"]).expect("somebody else refuses it");
    }
}

#[test]
fn ids_of_jobs_are_those_of_the_sdks() {
    let ids = load("job_ids.json");
    let own = cases(&ids, "valid").iter();
    let own: Vec<_> = own.filter(|case| case["name"] == "").collect();
    assert!(own.len() >= 3, "what Ork starts has no name");
    for case in own {
        let run = RunId::new(text(&case["run"])).unwrap();
        let task = TaskName::new(text(&case["task"])).unwrap();
        let number = |key: &str| u32::try_from(case[key].as_u64().unwrap()).unwrap();
        let id = job_id(&run, &task, number("index"), number("attempt"));
        assert_eq!(id, text(&case["bigquery"]));
    }
}

#[test]
fn specs_are_read_and_written_alike() {
    let attempts = load("attempts.json");
    let valid = cases(&attempts, "valid");
    for case in valid {
        let spec: TaskSpec = parsed(&case["spec"]).unwrap_or_else(|why| panic!("{case}: {why}"));
        assert_eq!(spec.format, TASK_FORMAT);
        assert_eq!(to_value(&spec).unwrap(), case["spec"]);
        let object = spec.object(AttemptFile::Result).to_string();
        assert_eq!(object, text(&case["object"]));
    }
    for case in cases(&attempts, "broken") {
        refused::<TaskSpec>(case, &instead(&valid[0]["spec"], &case["instead"]));
    }
}

#[test]
fn signs_of_life_are_read_also_of_newer_workers() {
    let statuses = load("statuses.json");
    for case in cases(&statuses, "valid") {
        let status: WorkerStatus = parsed(&case["status"]).unwrap();
        assert_eq!(to_value(status).unwrap(), case["status"]);
    }
    for case in cases(&statuses, "broken") {
        refused::<WorkerStatus>(case, &case["status"]);
    }
}

#[test]
fn verdicts_are_read_and_written_alike() {
    let verdicts = load("verdicts.json");
    for case in cases(&verdicts, "valid") {
        let object = &case["object"];
        let verdict: Verdict = parsed(object).unwrap_or_else(|why| panic!("{case}: {why}"));
        let report: Report = parsed(object).unwrap();
        let mut written = instead(&to_value(verdict).unwrap(), &to_value(report).unwrap());
        assert_eq!(written["outcome"], object["outcome"]);
        if case["written"] == true {
            written["format"] = json!(TASK_FORMAT);
            assert_eq!(&written, object);
        }
    }
    for case in cases(&verdicts, "broken") {
        let object = &case["object"];
        if object["format"].as_u64().unwrap_or(0) > u64::from(TASK_FORMAT) {
            continue;
        }
        match parsed::<Verdict>(object) {
            Ok(Verdict::Success { .. }) => {
                let inline = text(&object["output"]["inline"]);
                serde_json::from_str::<Value>(inline).expect_err("not JSON");
            }
            Ok(other) => panic!("{other:?} is read"),
            Err(why) => assert!(why.contains(says(case)), "{case}: {why}"),
        }
    }
}

#[test]
fn what_a_task_gives_is_in_its_verdict() {
    let outputs = load("outputs.json");
    for case in cases(&outputs, "valid") {
        let verdict: Verdict = parsed(&case["verdict"]).unwrap();
        assert_eq!(to_value(&verdict).unwrap(), case["verdict"]);
        let (inline, given) = match &verdict {
            Verdict::Deferred { count, .. } => {
                let jobs = case["jobs"].as_array().unwrap();
                assert_eq!(*count as usize, jobs.len(), "{case}");
                (&case["verdict"]["jobs"]["inline"], &case["jobs"])
            }
            _ => (&case["verdict"]["output"]["inline"], &case["output"]),
        };
        assert_eq!(&serde_json::from_str::<Value>(text(inline)).unwrap(), given);
    }
    for case in cases(&outputs, "broken") {
        serde_json::from_str::<Value>(text(&case["text"])).expect_err("not JSON");
    }
}

#[test]
fn kinds_of_failure_are_these() {
    let failures = load("failures.json");
    let words: BTreeSet<&str> = cases(&failures, "categories").iter().map(text).collect();
    assert_eq!(
        words,
        Category::ALL.iter().map(|one| one.as_str()).collect()
    );
    for case in cases(&failures, "exit_codes") {
        from_value::<Category>(case["category"].clone()).unwrap();
    }
    for word in cases(&failures, "broken") {
        from_value::<Category>(word.clone()).expect_err("no such kind");
    }
}

#[test]
fn the_ends_that_a_service_tells_of_are_verdicts() {
    let finished = load("finished.json");
    for case in cases(&finished, "valid") {
        let told: VerdictWritten = parsed(&case["request"]).unwrap();
        assert_eq!(to_value(&told).unwrap(), case["request"]);
        let name = ObjectName::parse(&told.verdict);
        let file = AttemptFile::Result;
        assert!(matches!(name, Some(ObjectName::Attempt { file: found, .. }) if found == file));
        let next: NextAttempt = parsed(&case["answer"]).unwrap();
        assert_eq!(to_value(next).unwrap(), case["answer"]);
    }
    for case in cases(&finished, "broken") {
        refused::<VerdictWritten>(case, &case["request"]);
    }
    for name in cases(&finished, "not_verdicts") {
        let name = ObjectName::parse(text(name));
        let file = AttemptFile::Result;
        assert!(!matches!(name, Some(ObjectName::Attempt { file: found, .. }) if found == file));
    }
}

#[test]
fn a_push_names_a_batch_and_a_position() {
    let pushes = load("pushes.json");
    let named = |case: &Value| {
        let attributes = &case["body"]["message"]["attributes"];
        let batch = ObjectName::parse(attributes["batch"].as_str()?)?;
        let index: usize = attributes["index"].as_str()?.parse().ok()?;
        match batch {
            ObjectName::Batch(run, _) if index < limits::BATCH_ATTEMPTS => Some((run, index)),
            _ => None,
        }
    };
    for case in cases(&pushes, "valid") {
        let (run, index) = named(case).unwrap();
        assert_eq!(
            (json!(run), json!(index)),
            (case["run"].clone(), case["index"].clone())
        );
    }
    for case in cases(&pushes, "broken") {
        let message = &case["body"]["message"];
        let has_id = message["messageId"].is_string() || message["message_id"].is_string();
        let understood = has_id && named(case).is_some();
        // Another subscription's are understood, and turned away.
        assert_eq!(understood, case["status"] == 403, "{case}");
    }
}

#[test]
fn a_workflow_file_is_compiled_to_its_tasks() {
    let compiles = load("compiles.json");
    let files = cases(&compiles, "valid").iter();
    let files: Vec<_> = files.filter(|case| case["workflow"].is_string()).collect();
    assert!(!files.is_empty());
    for case in files {
        let found = parse_workflow("workflow.yaml", text(&case["workflow"]).as_bytes());
        let workflow = found.unwrap_or_else(|found| panic!("{found:?}")).workflow;
        let name = |at: &u32| workflow.tasks[*at as usize].name.clone();
        let tasks = workflow.tasks.iter().map(|task| {
            let upstreams: Vec<_> = task.depends_on.iter().map(name).collect();
            json!({"name": task.name, "executor": task.executor.word(), "depends_on": upstreams})
        });
        let tasks: Vec<Value> = tasks.collect();
        assert_eq!(
            json!({"workflow": workflow.name, "tasks": tasks}),
            case["answer"]
        );
    }
    for case in cases(&compiles, "broken") {
        let found = parse_workflow("workflow.yaml", text(&case["workflow"]).as_bytes());
        let said = to_json(&found.expect_err("it is broken"));
        let lines: BTreeSet<u64> = said["errors"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["line"].as_u64())
            .collect();
        let wanted = case["lines"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_u64);
        assert_eq!(lines, wanted.collect(), "{said:#}");
    }
}
