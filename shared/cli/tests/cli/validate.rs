//! `ork validate`

use serde_json::json;
use std::io::Write;
use std::process::Stdio;

use crate::support::{Project, steady};

const BAD: &str = "name: etl\ntasks:\n  extract:\n    executor: process\n    command: echo\n  load:\n    executor: process\n    comand: x\n    depends_on: [extrct]\n";

#[test]
fn a_right_file_is_ok_and_a_wrong_one_shows_everything_at_once() {
    let project = Project::with("bad.yaml", BAD);
    project.write("good.yaml", "name: good\ntasks:\n  a: {}\n");
    steady(|| {
        insta::assert_snapshot!(
            "validate",
            project
                .ork(&["validate", "good.yaml", "bad.yaml"])
                .exits(2)
                .text()
        )
    });
    project.ork(&["validate-workflow", "good.yaml"]).ok();
}

#[test]
fn programs_get_file_line_column_code_message_and_hint() {
    let project = Project::with("bad.yaml", BAD);
    let ran = project.ork(&["validate", "--json", "bad.yaml"]).exits(2);
    assert_eq!(ran.err, "");
    let document = ran.json();
    let errors = document["errors"].as_array().expect("a list");
    assert!(errors.len() >= 2, "{document:#}");
    let unknown = errors
        .iter()
        .find(|one| one["code"] == "ORK040")
        .expect("the unknown task");
    assert_eq!(
        (&unknown["file"], &unknown["line"], &unknown["column"]),
        (&json!("bad.yaml"), &json!(9), &json!(18))
    );
    assert!(
        unknown["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("extract")),
        "{unknown:#}"
    );
    project.write("good.yaml", "name: good\ntasks:\n  a: {}\n");
    assert_eq!(
        project
            .ork(&["validate", "--json", "good.yaml"])
            .ok()
            .json(),
        json!({ "errors": [], "warnings": [] })
    );
}

#[test]
fn a_dash_reads_standard_input() {
    let project = Project::new();
    let mut child = project
        .command(&["validate", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(BAD.as_bytes())
        .expect("taken");
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("<stdin>:9:18"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn warnings_are_errors_when_asked_to_be_strict() {
    let project = Project::with("p.yaml", "name: p\ntasks:\n  a: {pool: db}\n");
    project.ork(&["validate", "p.yaml"]).ok().says("1 warning");
    let document = project
        .ork(&["validate", "p.yaml", "--strict", "--json"])
        .exits(2)
        .json();
    assert_eq!(
        (&document["errors"], &document["warnings"][0]["code"]),
        (&json!([]), &json!("ORK103"))
    );
}

#[test]
fn what_is_no_file_is_said() {
    let project = Project::new();
    project
        .ork(&["validate", "nowhere.yaml"])
        .exits(2)
        .says("cannot read `nowhere.yaml`: No such file");
    project.ork(&["validate", "."]).exits(2).says("is a folder");
    project.write("latin.yaml", b"name: caf\xe9\n");
    project
        .ork(&["validate", "latin.yaml"])
        .exits(2)
        .says("UTF-8");
}

#[test]
fn the_project_file_beside_or_above_counts_and_is_checked_itself() {
    let project = Project::with("ork.yaml", "executors:\n  shout: {command: [./shout]}\n");
    project.write(
        "custom.yaml",
        "name: custom\ntasks:\n  a: {executor: shout}\n",
    );
    project.ork(&["validate", "custom.yaml", "ork.yaml"]).ok();
    std::fs::create_dir(project.path("below")).expect("made");
    project.write(
        "below/custom.yaml",
        "name: custom\ntasks:\n  a: {executor: shout}\n",
    );
    project.ork(&["validate", "below/custom.yaml"]).ok();
    project.write("ork.yaml", "executers: {}\n");
    project
        .ork(&["validate", "custom.yaml"])
        .exits(2)
        .says("ork.yaml:1:1");
}

#[test]
fn a_query_lies_below_the_folder_of_its_workflow() {
    let text = "name: w\ntasks:\n  a: {executor: bigquery, file: sql/day.sql}\n";
    let project = Project::with("w.yaml", text);
    project
        .ork(&["validate", "w.yaml"])
        .exits(2)
        .says("w.yaml:3:33")
        .says("there is no file `sql/day.sql`");
    std::fs::create_dir(project.path("sql")).expect("made");
    project.write("sql/day.sql", "SELECT '{{ params.day }}'\n");
    project
        .ork(&["validate", "w.yaml"])
        .exits(2)
        .says("(`sql/day.sql`, line 1, column 12)");
    project.write("sql/day.sql", "SELECT @day\n");
    project.ork(&["validate", "w.yaml"]).ok();
    let elsewhere = Project::with("day.sql", "SELECT 1\n");
    std::fs::remove_file(project.path("sql/day.sql")).expect("removed");
    std::os::unix::fs::symlink(elsewhere.path("day.sql"), project.path("sql/day.sql"))
        .expect("linked");
    project
        .ork(&["validate", "w.yaml"])
        .exits(2)
        .says("leads out of the workflow's folder");
}
