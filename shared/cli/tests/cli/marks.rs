//! Tasks marked as succeeded, and runs for past slots.

use serde_json::json;

use crate::support::Project;

const BREAKS: &str = "name: breaks\ntasks:\n  a:\n    executor: process\n    command: exit 64\n  b:\n    executor: process\n    command: echo {{ tasks.a.output.n }} >> done\n    depends_on: [a]\n";

#[test]
fn a_failed_task_that_is_marked_lets_the_run_go_on() {
    let project = Project::with("w.yaml", BREAKS);
    project.ork(&["execute", "w.yaml"]).exits(1);
    project
        .ork(&["run", "mark-success", "latest", "c"])
        .exits(2)
        .says("has no task `c`");
    project
        .ork(&["run", "mark-success", "latest", "a", "--output", "{"])
        .exits(2)
        .says("is not JSON");
    project
        .ork(&[
            "run",
            "mark-success",
            "latest",
            "a",
            "--output",
            r#"{"n": 7}"#,
        ])
        .ok()
        .says("a counts as succeeded");
    assert_eq!(project.read("done"), "7\n");
    let status = project
        .ork(&["run", "status", "latest", "--json"])
        .ok()
        .json();
    assert_eq!(
        (
            &status["status"],
            &status["tasks"]["a"]["marked"],
            &status["tasks"]["a"]["attempts"]
        ),
        (&json!("success"), &json!(1), &json!(1))
    );
    project
        .ork(&["run", "mark-success", "latest", "a"])
        .exits(2)
        .says("has succeeded already");
    let audit = project.ork(&["audit", "--json"]).ok().json();
    let found = audit["records"].as_array().into_iter().flatten();
    let marked = found
        .filter(|one| one["action"] == "task.mark_success")
        .count();
    assert_eq!(marked, 1, "{audit:#}");
}

#[test]
fn past_slots_are_previewed_and_get_their_runs_once() {
    let project = Project::with(
        "a.yaml",
        "name: alpha\nschedule: \"0 3 * * *\"\ntasks:\n  a: {}\n",
    );
    project.ork(&["workflow", "deploy", "a.yaml"]).ok();
    let range = |more: &[&'static str]| {
        let mut all = vec!["workflow", "backfill", "alpha"];
        all.extend([
            "--from",
            "2020-06-01T00:00:00Z",
            "--to",
            "2020-06-02T12:00:00Z",
        ]);
        all.extend(more);
        all
    };
    let seen = project.ork(&range(&["--dry-run"])).ok();
    seen.says("2 slots, 2 without a run; nothing was started");
    let done = project.ork(&range(&["--json"])).ok().json();
    assert_eq!(
        (&done["started"], &done["slots"][1]["run_id"]),
        (&json!(2), &json!("alpha--20200602T030000Z"))
    );
    let again = project.ork(&range(&["--json"])).ok().json();
    assert_eq!(
        (&again["started"], &again["slots"][0]["state"]),
        (&json!(0), &json!("there"))
    );
    project
        .ork(&[
            "workflow",
            "backfill",
            "alpha",
            "--from",
            "9000-01-01T00:00:00Z",
        ])
        .exits(2)
        .says("before it begins at 9000-01-01 00:00 UTC");
    // A marker is done as soon as it is ready.
    let run = project
        .ork(&["run", "status", "alpha--20200601T030000Z", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&run["status"], &run["slot"]),
        (&json!("success"), &json!("2020-06-01T03:00:00Z"))
    );
}

#[test]
fn a_slot_that_can_have_no_run_ends_a_backfill_and_is_named() {
    let project = Project::with(
        "a.yaml",
        "name: alpha
schedule: \"0 3 * * *\"
params: {day: {type: \"enum[2020-06-01, 2020-06-03]\", default: \"{{ slot | date }}\"}}
tasks:
  a: {}
",
    );
    project.ork(&["workflow", "deploy", "a.yaml"]).ok();
    let range = |from: &str, more: &[&str]| {
        let from = format!("2020-06-0{from}T00:00:00Z");
        let range = ["--from", &from, "--to", "2020-06-03T12:00:00Z"];
        project.ork(&[&["workflow", "backfill", "alpha"], &range[..], more].concat())
    };
    let ran = range("1", &["--json"]);
    let document = ran.json();
    let states: Vec<_> = document["slots"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["state"].clone())
        .collect();
    assert_eq!(states, ["started", "failed", "missing"], "{document:#}");
    let why = document["slots"][1]["error"].as_str().expect("why");
    assert!(why.contains("param `day`"), "{why}");
    let ran = ran
        .exits(2)
        .says(
            "error: the run for the slot 2020-06-02 03:00 UTC was not started: the params of alpha",
        )
        .says("the slots after it were not tried");
    assert!(ran.err.contains("1 run started, 2 without"), "{}", ran.err);
    // The first that is missing is the one that cannot be: nothing is started.
    range("1", &[])
        .exits(2)
        .says("the params of alpha are not right");
    let rest = range("3", &[]).ok();
    rest.says("1 slot: 1 run started, 0 without a run");
}
