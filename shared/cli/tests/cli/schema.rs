//! `ork schema export`

use crate::support::Project;

#[test]
fn the_schema_of_workflow_files_is_json_schema() {
    let project = Project::new();
    let schema = project.ork(&["schema", "export"]).ok().json();
    assert!(
        schema["$schema"]
            .as_str()
            .is_some_and(|dialect| dialect.contains("json-schema.org")),
        "{schema}"
    );
    assert!(schema["properties"]["tasks"].is_object());
    project
        .ork(&["schema", "export", "--out", "s.json"])
        .ok()
        .says("wrote s.json");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&project.read("s.json")).expect("JSON"),
        schema
    );
}

#[test]
fn the_schema_of_the_settings_knows_retention() {
    let project = Project::new();
    let schema = project.ork(&["schema", "export", "--settings"]).ok().json();
    let keys = &schema["properties"]["retention"]["properties"];
    assert!(
        keys["runs"].is_object() && keys["failed_runs"].is_object(),
        "{schema:#}"
    );
    project
        .ork(&["schema", "export", "--settings", "tasks.py"])
        .exits(2)
        .says("cannot be used with");
}

#[test]
fn a_full_disk_is_an_error() {
    let project = Project::new();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let output = project
        .command(&["schema", "export"])
        .stdout(full)
        .output()
        .expect("started");
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("cannot write to standard output: No space left on device"),
        "{said}"
    );
}

#[test]
fn the_schemas_of_task_functions_come_from_their_annotations() {
    let project = Project::with(
        "tasks.py",
        "from ork import task\nprint('noise')\n@task\ndef load(day: str, n: int = 1) -> list[str]:\n    return []\n",
    );
    let document = project.ork(&["schema", "export", "tasks.py"]).ok().json();
    let load = &document["tasks"][0];
    assert_eq!(load["name"], "load");
    assert_eq!(load["input_schema"]["required"], serde_json::json!(["day"]));
    assert_eq!(load["output_schema"]["type"], "array");
}

#[test]
fn a_python_file_that_cannot_be_read_says_where() {
    let project = Project::with("tasks.py", "x = 1\ndef broken(:\n");
    project
        .ork(&["schema", "export", "tasks.py"])
        .exits(2)
        .says("tasks.py:2:");
    project
        .ork(&["schema", "export", "nowhere.py"])
        .exits(2)
        .says("there is no file `nowhere.py`");
    let ran = project.finish(
        project
            .command(&["schema", "export", "tasks.py"])
            .env("ORK_PYTHON", "/nowhere/python"),
    );
    ran.exits(2)
        .says("ORK_PYTHON=/nowhere/python cannot be started")
        .says("set ORK_PYTHON");
}
