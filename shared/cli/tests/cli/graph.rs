//! `ork graph`

use serde_json::json;

use crate::support::{Project, steady};

const ETL: &str = "\
name: etl
tasks:
  orders: {executor: process, command: echo orders, estimated_duration: 2m}
  customers: {executor: process, command: echo customers, estimated_duration: 1m}
  clean: {executor: process, command: echo clean, depends_on: [orders, customers], parallel: 3, estimated_duration: 30s}
  load: {executor: process, command: \"exit 64\", depends_on: [clean, orders]}
  report: {depends_on: [load]}
  alone: {}
";

/// The drawing without its stylesheet, which is that of the crate that draws.
fn without_style(svg: &str) -> String {
    let (before, rest) = svg.split_once("<style>").expect("a stylesheet");
    let (style, after) = rest.split_once("</style>").expect("its end");
    assert!(style.contains("prefers-color-scheme:dark"), "{style}");
    format!("{before}<style>…</style>{after}")
}

#[test]
fn a_workflow_is_listed_layer_by_layer_and_drawn() {
    let project = Project::with("etl.yaml", ETL);
    let mut text = project
        .ork(&["graph", "etl.yaml", "--critical"])
        .ok()
        .text();
    text.push_str(
        &project
            .ork(&["graph", "etl.yaml", "--around", "orders", "--depth", "1"])
            .ok()
            .text(),
    );
    project
        .ork(&["graph", "etl.yaml", "--svg", "etl.svg"])
        .ok()
        .says("wrote etl.svg");
    let svg = project.ork(&["graph", "etl.yaml", "--svg", "-"]).ok();
    assert_eq!(
        (svg.out.as_str(), svg.err.as_str()),
        (project.read("etl.svg").as_str(), "")
    );
    text.push_str(&without_style(&svg.out));
    steady(|| insta::assert_snapshot!("graph", text));
    let document = project
        .ork(&["graph", "etl.yaml", "--critical", "--json"])
        .ok()
        .json();
    assert_eq!(
        document["critical_path"],
        json!(["orders", "clean", "load", "report"])
    );
    assert_eq!(
        document["nodes"][2],
        json!({
            "name": "clean", "layer": 2, "note": "process", "duration_ms": 30_000,
            "instances": {"total": 3, "done": 0, "failed": 0, "running": 0},
        })
    );
    assert_eq!(
        document["edges"][0],
        json!({"from": "orders", "to": "clean"})
    );
    assert_eq!(document["edges"].as_array().map(Vec::len), Some(5));
}

#[test]
fn a_run_is_drawn_with_where_its_tasks_stand() {
    let project = Project::with("etl.yaml", ETL);
    project.ork(&["execute", "etl.yaml"]).exits(1);
    let text = project.ork(&["graph", "--run", "latest"]).ok().text();
    // Columns are as wide as the times in them.
    let narrow = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    let text: String = text.lines().map(narrow).collect();
    steady(|| insta::assert_snapshot!("graph_run", text));
    let document = project
        .ork(&["graph", "etl.yaml", "--run", "latest", "--json"])
        .ok()
        .json();
    assert_eq!(document["status"], "failed");
    let stand: Vec<_> = document["nodes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|node| node["status"].as_str().expect("a word"))
        .collect();
    assert_eq!(
        stand,
        [
            "success", "success", "success", "failed", "skipped", "success"
        ]
    );
    assert_eq!(document["nodes"][2]["instances"]["done"], 3);
    let svg = project
        .ork(&["graph", "--run", "latest", "--svg", "-", "--top-down"])
        .ok()
        .out;
    assert!(
        svg.contains("<g class=\"node failed\" tabindex=\"0\" role=\"img\" data-task=\"load\""),
        "{svg}"
    );
    assert!(svg.contains(">3/3</text>"), "{svg}");
    let gantt = project
        .ork(&["graph", "--run", "latest", "--svg", "-", "--gantt"])
        .ok()
        .out;
    assert!(
        gantt.contains("class=\"span failed\"") && gantt.contains("attempt 1: failed"),
        "{gantt}"
    );
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let project = Project::with("etl.yaml", ETL);
    project.write("other.yaml", "name: other\ntasks:\n  a: {}\n");
    project
        .ork(&["graph"])
        .exits(2)
        .says("neither a workflow file nor a run is named");
    project
        .ork(&["graph", "nowhere.yaml"])
        .exits(2)
        .says("cannot read `nowhere.yaml`");
    project
        .ork(&["graph", "--run", "latest"])
        .exits(2)
        .says("there is no state folder");
    project
        .ork(&["graph", "etl.yaml", "--top-down"])
        .exits(2)
        .says("--svg");
    project
        .ork(&["graph", "etl.yaml", "--gantt", "--svg", "-"])
        .exits(2)
        .says("--run");
    project
        .ork(&["graph", "etl.yaml", "--svg", "nowhere/x.svg"])
        .exits(2)
        .says("cannot write `nowhere/x.svg`: No such file");
    project
        .ork(&["graph", "etl.yaml", "--around", "nobody"])
        .exits(2)
        .says("workflow etl has no task `nobody`");
    project.ork(&["execute", "other.yaml"]).ok();
    project
        .ork(&["graph", "etl.yaml", "--run", "latest"])
        .exits(2)
        .says("is one of workflow other, and etl.yaml has workflow etl");
    project.write(
        "wrong.yaml",
        "name: wrong\ntasks:\n  a: {depends_on: [b]}\n",
    );
    let wrong = project
        .ork(&["graph", "wrong.yaml", "--json"])
        .exits(2)
        .json();
    assert_eq!(wrong["errors"][0]["line"], 3, "{wrong:#}");
}
