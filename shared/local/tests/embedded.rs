//! The embedded engine runs whole workflows, end to end, with real processes.

use std::collections::BTreeMap;
use std::path::Path;

use ork_core::parse::parse_workflow;
use ork_core::run::{InstanceStatus, RunStatus};
use ork_local::{Control, Embedded, EmbeddedConfig, RunView, Silent, StartRun, Until};

struct Ended {
    view: RunView,
    outputs: BTreeMap<String, serde_json::Value>,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn config(folder: &Path) -> EmbeddedConfig {
    EmbeddedConfig {
        env: std::env::vars_os().collect(),
        ..EmbeddedConfig::new(folder.join(".ork"))
    }
}

/// Writes the files, runs the workflow to its end and gives what it came to.
fn run(files: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let (name, text) = files[0];
    let parsed =
        parse_workflow(name, text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    runtime().block_on(async {
        let mut embedded = Embedded::open(config(folder.path())).expect("opens");
        embedded
            .deploy(
                &parsed.workflow,
                &folder.path().join(name),
                &BTreeMap::new(),
            )
            .await
            .expect("deploys");
        let started = embedded
            .start(StartRun::of(parsed.workflow.name.clone()))
            .await
            .expect("starts");
        embedded
            .drive(
                Until::RunsEnd(vec![started.id.clone()]),
                &mut Silent,
                Control::new(),
            )
            .await
            .expect("drives");
        let view = embedded.run(&started.id).await.expect("is there");
        let mut outputs = BTreeMap::new();
        for (at, task) in (0u32..).zip(&view.graph.workflow.tasks) {
            let text = embedded.output_of(&view, at).await.expect("has an output");
            outputs.insert(
                task.name.to_string(),
                serde_json::from_str(&text).expect("is JSON"),
            );
        }
        Ended { view, outputs }
    })
}

fn statuses(ended: &Ended) -> Vec<(String, InstanceStatus)> {
    ended
        .view
        .graph
        .workflow
        .tasks
        .iter()
        .zip(ended.view.state.tasks())
        .map(|(task, state)| (task.name.to_string(), state.status()))
        .collect()
}

#[test]
fn processes_pass_values_on() {
    let ended = run(&[(
        "w.yaml",
        r#"
name: w
tasks:
  a:
    executor: process
    command: "echo 'ORK_OUTPUT:[1,2,3]'"
  b:
    executor: process
    command: ["sh", "-c", "echo ORK_OUTPUT:{{ item * 2 }}"]
    depends_on: [a]
    foreach: a
  c:
    executor: process
    command: "echo ORK_OUTPUT:$ORK_UPSTREAM_JSON"
    depends_on: [b]
  m:
    depends_on: [c]
"#,
    )]);
    assert_eq!(
        ended.view.header.status,
        RunStatus::Success,
        "{:?} {:#?}",
        statuses(&ended),
        ended
            .view
            .state
            .progress(&ended.view.graph, ended.view.header.created_at)
    );
    assert_eq!(ended.outputs["b"], serde_json::json!([2, 4, 6]));
    assert_eq!(ended.outputs["c"], serde_json::json!({"b": [2, 4, 6]}));
}

#[test]
fn python_functions_get_their_inputs_and_failures_skip_what_follows() {
    let ended = run(&[
        (
            "w.yaml",
            r#"
name: w
tasks:
  a:
    executor: python
    file: tasks.py
    function: numbers
  b:
    executor: python
    file: tasks.py
    function: double
    depends_on: [a]
    foreach: a
    input: {n: "{{ item }}"}
  c:
    executor: python
    file: tasks.py
    function: total
    depends_on: [b]
    input: {values: "{{ b }}"}
  bad:
    executor: python
    file: tasks.py
    function: bad
    depends_on: [a]
  after:
    executor: python
    file: tasks.py
    function: total
    depends_on: [bad]
    input: {values: []}
"#,
        ),
        (
            "tasks.py",
            "def numbers():\n    return [1, 2, 3]\n\ndef double(n):\n    return n * 2\n\ndef total(values):\n    return sum(values)\n\ndef bad():\n    raise ValueError('no good')\n",
        ),
    ]);
    assert_eq!(
        ended.outputs["c"],
        serde_json::json!(12),
        "{:?} {:#?}",
        statuses(&ended),
        ended
            .view
            .state
            .progress(&ended.view.graph, ended.view.header.created_at)
    );
    assert_eq!(ended.view.header.status, RunStatus::Failed);
    let after = ended
        .view
        .graph
        .workflow
        .task_index("after")
        .expect("is there");
    assert_eq!(
        ended.view.state.task(after).status(),
        InstanceStatus::Skipped
    );
}
