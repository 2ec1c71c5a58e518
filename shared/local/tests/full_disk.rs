//! A disk that fills up while runs are under way: the engine stops, says so, and the run goes on when there is room again.

use std::collections::BTreeMap;

use ork_core::parse::parse_workflow;
use ork_core::run::RunStatus;
use ork_local::{Control, Embedded, EmbeddedConfig, EngineErrorKind, Silent, StartRun, Until};

const WORKFLOW: &str = r#"
name: filling
tasks:
  list: {executor: process, command: "echo list >> journal; printf 'ORK_OUTPUT:[%s]' $(seq -s, 300)"}
  fill: {executor: process, command: "echo {{ item }} >> journal; printf 'ORK_OUTPUT:\"%0900d\"' {{ item }}", depends_on: [list], foreach: list}
  last: {executor: process, command: "echo last >> journal", depends_on: [fill]}
"#;

#[test]
fn a_full_disk_stops_the_engine_and_the_run_is_resumed_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("w.yaml");
    std::fs::write(&file, WORKFLOW).expect("written");
    let workflow = parse_workflow("w.yaml", WORKFLOW.as_bytes())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
        .workflow;
    let config = EmbeddedConfig {
        env: std::env::vars_os().collect(),
        ..EmbeddedConfig::new(folder.path().join(".ork"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut small = Embedded::open(EmbeddedConfig {
            store_bytes: Some(160 * 1024),
            ..config.clone()
        })
        .expect("opens");
        small
            .deploy(&workflow, &file, &BTreeMap::new())
            .await
            .expect("deploys");
        let run = small
            .start(StartRun::of(workflow.name.clone()))
            .await
            .expect("starts")
            .id;
        let error = small
            .drive(
                Until::RunsEnd(vec![run.clone()]),
                &mut Silent,
                Control::new(),
            )
            .await
            .expect_err("300 outputs of 900 bytes do not fit");
        assert_eq!(error.kind, EngineErrorKind::Store, "{error}");
        assert!(
            error.message.contains("state.db") && error.message.contains("full"),
            "{error}"
        );
        drop(small);

        let mut roomy = Embedded::open(config).expect("opens");
        let before = roomy.run(&run).await.expect("is there");
        assert!(
            !before.header.status.is_terminal(),
            "{}",
            before.header.status
        );
        roomy.resume(&run).await.expect("is taken over");
        roomy
            .drive(
                Until::RunsEnd(vec![run.clone()]),
                &mut Silent,
                Control::new(),
            )
            .await
            .expect("drives");
        assert_eq!(
            roomy.run(&run).await.expect("is there").header.status,
            RunStatus::Success
        );
    });
    let journal = std::fs::read_to_string(folder.path().join("journal")).expect("is there");
    assert_eq!(
        journal.lines().filter(|line| *line == "list").count(),
        1,
        "what had succeeded did not run again"
    );
    assert_eq!(journal.lines().filter(|line| *line == "last").count(), 1);
}
