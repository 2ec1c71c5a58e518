//! `ork execute`

use serde_json::json;

use crate::support::{Project, steady};

const MIXED: &str = "\
name: mixed
params:
  n: {type: int, default: 3}
  who: {type: str}
tasks:
  start: {}
  greet:
    executor: process
    command: 'echo ORK_OUTPUT:{\\\"hello\\\":\\\"{{ params.who }}\\\"}'
    depends_on: [start]
  each:
    executor: process
    command: echo ORK_OUTPUT:$ORK_PARALLEL_INDEX
    depends_on: [greet]
    parallel: 4
  broken:
    executor: process
    command: echo one; echo two >&2; exit 3
    depends_on: [each]
    retries: {max: 1, delay: 0ms}
  after:
    executor: process
    command: echo never
    depends_on: [broken]
";

#[test]
fn a_run_that_fails_says_which_task_and_why() {
    let project = Project::with("mixed.yaml", MIXED);
    let ran = project
        .ork(&["execute", "mixed.yaml", "--param", "who=you"])
        .exits(1);
    steady(|| insta::assert_snapshot!("execute_failed", ran.text()));
}

#[test]
fn programs_get_one_document_about_every_task() {
    let project = Project::with("mixed.yaml", MIXED);
    let ran = project
        .ork(&["run", "mixed.yaml", "-p", "who=you", "-p", "n=7", "--json"])
        .exits(1);
    let document = ran.json();
    assert_eq!(document["status"], "failed");
    assert_eq!(document["workflow"], "mixed");
    assert_eq!(document["params"], json!({ "n": 7, "who": "you" }));
    assert!(
        document["duration_ms"].is_u64()
            && document["run_id"].is_string()
            && document["version"].is_string()
    );
    let tasks = &document["tasks"];
    assert_eq!(tasks["greet"]["output"], json!({ "hello": "you" }));
    assert_eq!(tasks["each"]["output"], json!([0, 1, 2, 3]));
    assert_eq!(tasks["each"]["instances"], json!({ "success": 4 }));
    assert_eq!(
        (&tasks["broken"]["status"], &tasks["broken"]["attempts"]),
        (&json!("failed"), &json!(2))
    );
    assert!(
        tasks["broken"]["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("code 3")),
        "{tasks:#}"
    );
    assert_eq!(tasks["after"]["skipped_because"], "upstream broken failed");
}

#[test]
fn a_task_and_its_ancestors_can_be_run_alone() {
    let project = Project::with("mixed.yaml", MIXED);
    let document = project
        .ork(&[
            "execute",
            "mixed.yaml",
            "-p",
            "who=you",
            "--task",
            "greet",
            "--json",
        ])
        .ok()
        .json();
    assert_eq!(document["status"], "success");
    assert_eq!(
        document["tasks"]["each"]["skipped_because"],
        "it was not asked for"
    );
    project
        .ork(&["execute", "mixed.yaml", "-p", "who=you", "--task", "gret"])
        .exits(2)
        .says("has no task `gret`");
}

#[test]
fn the_plan_is_shown_and_nothing_runs() {
    let project = Project::with("mixed.yaml", MIXED);
    let ran = project
        .ork(&[
            "execute",
            "--file",
            "mixed.yaml",
            "-p",
            "who=you",
            "--dry-run",
        ])
        .ok();
    steady(|| insta::assert_snapshot!("dry_run", ran.text()));
    assert!(!project.path(".ork").exists());
    let plan = project
        .ork(&[
            "execute",
            "mixed.yaml",
            "-p",
            "who=you",
            "--dry-run",
            "--task",
            "each",
            "--json",
        ])
        .ok()
        .json();
    let names: Vec<&str> = plan["tasks"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|task| task["name"].as_str())
        .collect();
    assert_eq!(names, ["start", "greet", "each"]);
}

#[test]
fn wrong_params_are_refused_before_anything_runs() {
    let project = Project::with("mixed.yaml", MIXED);
    project
        .ork(&["execute", "mixed.yaml"])
        .exits(2)
        .says("param `who`: it is required");
    project
        .ork(&["execute", "mixed.yaml", "-p", "who=x", "-p", "n=x"])
        .exits(2)
        .says("param `n`: `int` is asked for");
    project
        .ork(&["execute", "mixed.yaml", "-p", "who=x", "-p", "m=1"])
        .exits(2)
        .says("no such param");
    project
        .ork(&["execute", "mixed.yaml", "-p", "who"])
        .exits(2)
        .says("write --param name=value");
    project.write("p.json", "[1]");
    project
        .ork(&["execute", "mixed.yaml", "--params-file", "p.json"])
        .exits(2)
        .says("`p.json` holds no JSON object");
    let document = project
        .ork(&["execute", "mixed.yaml", "--json"])
        .exits(2)
        .json();
    assert!(
        document["errors"][0]["message"]
            .as_str()
            .is_some_and(|text| text.contains("who")),
        "{document}"
    );
    assert!(!project.path(".ork").exists());
}

#[test]
fn params_of_a_file_are_overruled_by_those_of_the_command_line() {
    let project = Project::with("mixed.yaml", MIXED);
    project.write("p.json", "{\"who\": \"file\", \"n\": 5}");
    let plan = project
        .ork(&[
            "execute",
            "mixed.yaml",
            "--params-file",
            "p.json",
            "-p",
            "n=6",
            "--dry-run",
            "--json",
        ])
        .ok()
        .json();
    assert_eq!(plan["params"], json!({ "n": 6, "who": "file" }));
}

#[test]
fn a_broken_file_starts_nothing() {
    let project = Project::with("bad.yaml", "name: bad\ntasks:\n  a: {depends_on: [b]}\n");
    project
        .ork(&["execute", "bad.yaml"])
        .exits(2)
        .says("bad.yaml:3:20")
        .says("nothing was started");
    let document = project
        .ork(&["execute", "bad.yaml", "--json"])
        .exits(2)
        .json();
    assert_eq!(document["errors"][0]["line"], 3);
    assert!(!project.path(".ork").exists());
}

#[test]
fn an_executor_that_cannot_run_here_is_refused() {
    let project = Project::with(
        "d.yaml",
        "name: d\ntasks:\n  a: {executor: docker, image: busybox}\n  b: {}\n",
    );
    project
        .ork(&["execute", "d.yaml"])
        .exits(2)
        .says("task `a`: executor `docker`");
    project.ork(&["execute", "d.yaml", "--task", "b"]).ok();
}

#[test]
fn verbose_says_why_and_quiet_says_nothing() {
    let project = Project::with("mixed.yaml", MIXED);
    project
        .ork(&["execute", "mixed.yaml", "-p", "who=x", "-v"])
        .exits(1)
        .says("after: skipped: upstream broken failed")
        .says("retry 1 of 1");
    let ran = project
        .ork(&["execute", "mixed.yaml", "-p", "who=x", "-q"])
        .exits(1);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[test]
fn a_large_output_is_named_by_its_path() {
    let project = Project::with(
        "big.yaml",
        "name: big\ntasks:\n  a:\n    executor: process\n    command: |\n      printf 'ORK_OUTPUT:\"'; head -c 1500000 /dev/zero | tr '\\000' x; echo '\"'\n",
    );
    let document = project.ork(&["execute", "big.yaml", "--json"]).ok().json();
    let output = &document["tasks"]["a"]["output"];
    assert_eq!(output["bytes"], 1_500_002, "{document:#}");
    let path = output["$object"].as_str().expect("a path");
    assert_eq!(
        std::fs::metadata(path).expect("it is there").len(),
        1_500_002
    );
}

#[test]
fn a_run_that_takes_too_long_is_cancelled() {
    let project = Project::with(
        "slow.yaml",
        "name: slow\ntasks:\n  a:\n    executor: process\n    command: sleep 1000\n",
    );
    project
        .ork(&["execute", "slow.yaml", "--timeout", "300ms"])
        .exits(1)
        .says("did not end within 300ms");
    project
        .ork(&["execute", "slow.yaml", "--timeout", "soon"])
        .exits(2)
        .says("90s, 5m");
}

#[test]
fn a_fan_out_is_summed_up_in_tenths() {
    let project = Project::with(
        "fan.yaml",
        "name: fan\ntasks:\n  a:\n    executor: process\n    command: sleep 0.01\n    parallel: 100\n",
    );
    let ran = project
        .ork(&["execute", "fan.yaml", "--max-parallel", "2"])
        .ok()
        .says("100 instances")
        .says("100/100 succeeded");
    let lines = ran
        .err
        .lines()
        .filter(|line| line.starts_with("running"))
        .count();
    assert!((1..=9).contains(&lines), "{}", ran.err);
}
