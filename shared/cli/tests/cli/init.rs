//! `ork init`, and that what it writes runs.

use crate::support::Project;

#[test]
fn every_style_validates_and_runs_as_written() {
    for (style, file) in [
        ("planned", "hello.yaml"),
        ("strict", "hello.yaml"),
        ("fun", "hello.workflow"),
    ] {
        let project = Project::new();
        project
            .ork(&["init", "new", "--style", style])
            .ok()
            .says("ork execute");
        let path = format!("new/{file}");
        project.ork(&["validate", "--strict", &path]).ok();
        let result = project.ork(&["execute", &path, "--json"]).ok().json();
        assert_eq!(
            result["tasks"]["report"]["status"], "success",
            "{style}: {result:#}"
        );
        assert!(
            result["tasks"]["report"]["output"]
                .to_string()
                .contains("HELLO WORLD!"),
            "{style}: {result:#}"
        );
        assert!(
            project.path("new/.ork").is_dir(),
            "the state is beside the file"
        );
    }
}

#[test]
fn nothing_is_overwritten() {
    let project = Project::with("tasks.py", "mine");
    project
        .ork(&["init"])
        .exits(2)
        .says("tasks.py would be overwritten; nothing was written");
    assert!(!project.path("hello.yaml").exists());
    assert_eq!(project.read("tasks.py"), "mine");
}
