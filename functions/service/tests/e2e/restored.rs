//! The drill of docs/operations.md: the database comes from a backup, the bucket is as it is.

use std::time::Duration;

use serde_json::json;

use crate::cloud::{Cloud, Setup};
use crate::services::ROLES;

/// Each attempt leaves a line; `b` waits until somebody lets it go on.
const WORKFLOW: &str = "name: w
tasks:
  a: {command: 'echo x >> a; echo ORK_OUTPUT:1'}
  b: {command: 'echo x >> b; while [ ! -e go ]; do sleep 0.02; done; echo ORK_OUTPUT:2', depends_on: [a]}
  each: {command: 'echo x >> each.$ORK_PARALLEL_INDEX; echo ORK_OUTPUT:$ORK_PARALLEL_INDEX', parallel: 4, depends_on: [b]}
  last: {command: 'echo x >> last; echo \"ORK_OUTPUT:$ORK_UPSTREAM_JSON\"', depends_on: [each]}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_a_backup_goes_on_and_nothing_is_done_twice() {
    let setup = Setup {
        tick_every: Duration::from_secs(1),
        ..Setup::default()
    };
    let Some(cloud) = Cloud::start("a database from a backup", setup).await else {
        return;
    };
    let code = cloud.copy_of("schedules");
    cloud.work_in(&code);
    // So that what was lost with the messages is looked for soon.
    let text = WORKFLOW.replace(
        "{command",
        "{start_timeout: 8s, heartbeat_timeout: 8s, command",
    );
    cloud.deploy("w", &text).await;
    let run = cloud.run("w", json!({})).await;
    let lines = |file: &str| {
        let text = std::fs::read_to_string(code.join(file));
        text.unwrap_or_default().lines().count()
    };
    cloud
        .until("b to begin", async || (lines("b") == 1).then_some(()))
        .await;
    let backup = cloud.documents().await;
    std::fs::write(code.join("go"), "").expect("written");
    let before = cloud.outcome(&run).await;
    assert_eq!(before["status"], json!("success"), "{before:#}");

    cloud.restore(&backup).await;
    for role in ROLES {
        cloud.kill(role).await;
    }
    let view = cloud.engine.run(&run).await.expect("it is there");
    assert!(!view.header.status.is_terminal(), "it is as it was");
    let after = cloud.outcome(&run).await;
    assert_eq!(after, before);
    for file in ["a", "b", "each.0", "each.1", "each.2", "each.3", "last"] {
        assert_eq!(lines(file), 1, "{file} ran once");
    }
    cloud.stop().await;
}
