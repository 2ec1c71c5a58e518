//! `ork run explain`: why a run or a task does not go on.

use rustix::process::Signal;

use crate::support::{Project, WAITS, steady};

const FLAKY: &str = "name: flaky\ntasks:\n  a:\n    executor: process\n    command: echo a\n  b:\n    executor: process\n    command: test -e mended\n    depends_on: [a]\n    retries: {max: 1, delay: 0ms}\n  c:\n    executor: process\n    command: echo c\n    depends_on: [b]\n";

/// What `ork run explain latest …` prints, and as JSON.
fn explained(project: &Project, task: &[&str]) -> (String, serde_json::Value) {
    let args = [&["run", "explain", "latest"], task].concat();
    let text = project.ork(&args).ok().out;
    let json = project.ork(&[&args[..], &["--json"]].concat()).ok().json();
    (text, json)
}

#[test]
fn what_waits_says_for_what() {
    let third = "  third:\n    executor: process\n    command: echo third\n    depends_on: [first, second]\n";
    let project = Project::with("w.yaml", &format!("{WAITS}{third}"));
    let mut ork = project.start(&["execute", "w.yaml"]);
    ork.until("start     second");
    let (text, json) = explained(&project, &[]);
    assert!(text.contains("waits for second (running)"), "{text}");
    assert_eq!(json["status"], "running");
    assert_eq!(json["run"], serde_json::json!([]), "a process executes it");
    assert_eq!(json["tasks"]["third"]["reasons"][0]["kind"], "upstream");
    assert_eq!(
        json["tasks"].as_object().map(|tasks| tasks.len()),
        Some(1),
        "what is at work waits for nothing: {json:#}"
    );
    let (text, json) = explained(&project, &["second"]);
    assert!(text.contains("attempt 1 is at work since"), "{text}");
    assert_eq!(json["tasks"]["second"]["status"], "running");
    assert_eq!(json["tasks"]["second"]["upstream"]["first"], "success");
    project.ork(&["run", "pause", "latest"]).ok();
    let (text, json) = explained(&project, &[]);
    assert!(text.contains("the run is paused"), "{text}");
    assert_eq!(json["run"][0]["kind"], "paused");
    project
        .ork(&["run", "explain", "latest"])
        .ok()
        .says("goes on with it");
    ork.signal(Signal::KILL);
    ork.end();
    let (text, json) = explained(&project, &[]);
    assert!(text.contains("no process executes it"), "{text}");
    assert_eq!(json["run"][1]["kind"], "engine");
    project.write("go", "");
    project.ork(&["run", "resume", "latest"]).ok();
    let (text, json) = explained(&project, &[]);
    assert!(text.contains("3 tasks ended well"), "{text}");
    assert_eq!(json["run"][0]["kind"], "over");
    assert_eq!(json["tasks"], serde_json::json!({}));
}

#[test]
fn what_failed_and_what_did_not_run_because_of_it_is_told() {
    let project = Project::with("f.yaml", FLAKY);
    project.ork(&["execute", "f.yaml"]).exits(1);
    let whole = project.ork(&["run", "explain", "latest"]).ok().text();
    let task = project.ork(&["run", "explain", "latest", "b"]).ok().text();
    steady(|| insta::assert_snapshot!("explain", format!("{whole}\n{task}")));
    let (_, json) = explained(&project, &[]);
    let (b, c) = (&json["tasks"]["b"], &json["tasks"]["c"]);
    assert_eq!((&b["attempts"], &b["max_retries"]), (&2.into(), &1.into()));
    assert_eq!(b["failures"][0]["category"], "unknown");
    assert_eq!(b["failures"][0]["attempt"], 2);
    assert_eq!(c["reasons"][0]["kind"], "skipped");
    assert!(json["tasks"]["a"].is_null(), "it went well: {json:#}");
    project.write("mended", "");
    project.ork(&["run", "retry", "latest"]).ok();
    let (text, json) = explained(&project, &["b"]);
    assert!(text.contains("it succeeded"), "{text}");
    assert_eq!(json["tasks"]["b"]["failures"], serde_json::json!([]));
}

#[test]
fn instances_of_a_fan_out_that_failed_are_told_a_few_at_a_time() {
    let project = Project::with(
        "f.yaml",
        "name: fan\ntasks:\n  a: {executor: process, command: exit 64, parallel: 30}\n",
    );
    project.ork(&["execute", "f.yaml"]).exits(1);
    let (text, _) = explained(&project, &[]);
    assert!(
        text.contains("instance 0, attempt 1 failed (permanent)") && text.contains("and 27 more"),
        "{text}"
    );
    let (text, json) = explained(&project, &["a"]);
    assert!(text.contains("and 10 more"), "{text}");
    let failures = json["tasks"]["a"]["failures"].as_array().map(Vec::len);
    assert_eq!(failures, Some(20));
    assert_eq!(json["tasks"]["a"]["instances"]["failed"], 30);
}

#[test]
fn a_run_that_waits_for_its_place_says_who_holds_it() {
    let project = Project::with("w.yaml", &format!("max_active_runs: 1\n{WAITS}"));
    let first = project.ork(&["run", "start", "w.yaml"]).ok().out;
    project.ork(&["run", "start", "waits"]).ok();
    let (text, json) = explained(&project, &[]);
    assert!(text.contains("1 of 1 run(s) of waits are active"), "{text}");
    let held = format!("{}, which nobody executes", first.trim());
    assert!(text.contains(&held), "{text}");
    let kinds: Vec<&str> = json["run"]
        .as_array()
        .expect("reasons")
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["place", "holder", "engine"]);
}

#[test]
fn what_is_not_there_is_refused() {
    let project = Project::with("a.yaml", "name: alpha\ntasks:\n  a: {}\n");
    project.ork(&["execute", "a.yaml"]).ok();
    project
        .ork(&["run", "explain", "latest", "b"])
        .exits(2)
        .says("has no task `b`");
    project
        .ork(&["run", "explain", "gone"])
        .exits(2)
        .says("there is no run `gone`");
}
