//! `ork workflow …`

use crate::support::{Project, steady};

#[test]
fn workflows_are_deployed_listed_switched_off_and_deleted() {
    let project = Project::with(
        "a.yaml",
        "name: alpha\nschedule: \"0 3 * * *\"\ntasks:\n  a: {}\n",
    );
    project
        .ork(&["workflow", "deploy", "a.yaml"])
        .ok()
        .says("is current now");
    project
        .ork(&["workflow", "deploy", "a.yaml"])
        .ok()
        .says("was current already");
    steady(|| {
        insta::assert_snapshot!(
            "workflow_list",
            project.ork(&["workflow", "list"]).ok().text()
        )
    });
    project.write(
        "a.yaml",
        "name: alpha\nschedule: \"0 4 * * *\"\ntasks:\n  a: {}\n",
    );
    project.ork(&["workflow", "deploy", "a.yaml"]).ok();
    let versions = project
        .ork(&["workflow", "versions", "alpha", "--json"])
        .ok()
        .json();
    assert_eq!(versions["versions"].as_array().map(Vec::len), Some(2));
    assert_eq!(versions["versions"][0], versions["current"]);
    project.ork(&["workflow", "disable", "alpha"]).ok();
    let status = project
        .ork(&["workflow", "status", "alpha", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&status["enabled"], &status["next_slot"]),
        (&false.into(), &serde_json::Value::Null)
    );
    project.ork(&["workflow", "enable", "alpha"]).ok();
    assert!(
        project
            .ork(&["workflow", "status", "alpha", "--json"])
            .ok()
            .json()["next_slot"]
            .is_string()
    );
    project.ork(&["delete-workflow", "alpha"]).ok();
    assert_eq!(
        project.ork(&["list-workflows", "--json"]).ok().json(),
        serde_json::json!({ "workflows": [] })
    );
    project
        .ork(&["workflow", "status", "alpha"])
        .exits(2)
        .says("no workflow `alpha` is deployed");
}

#[test]
fn nothing_is_deployed_when_one_file_is_wrong() {
    let project = Project::with("a.yaml", "name: alpha\ntasks:\n  a: {}\n");
    project.write("b.yaml", "name: beta\n");
    project
        .ork(&["workflow", "deploy", "a.yaml", "b.yaml"])
        .exits(2);
    assert!(!project.path(".ork").exists());
}
