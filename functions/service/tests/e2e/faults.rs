//! What may happen to a deployment, and what must not come of it.

use std::time::{Duration, Instant};

use ork_core::ids::RunId;
use serde_json::json;

use crate::cloud::{Cloud, Setup};
use crate::gate::Way;
use crate::services::ROLES;

/// A chain, a fan-out and a join. Every attempt leaves a line in a file of its own, so that a second one would show.
const WORKFLOW: &str = "name: w
tasks:
  first: {command: 'echo x >> first.$ORK_RUN_ID; echo ORK_OUTPUT:7'}
  each: {command: 'echo x >> each.$ORK_PARALLEL_INDEX.$ORK_RUN_ID; echo ORK_OUTPUT:$ORK_PARALLEL_INDEX', parallel: 6, depends_on: [first]}
  last: {command: 'echo x >> last.$ORK_RUN_ID; echo \"ORK_OUTPUT:$ORK_UPSTREAM_JSON\"', depends_on: [each]}
";

async fn start(cloud: &Cloud) -> RunId {
    let code = cloud.copy_of("schedules");
    cloud.work_in(&code);
    cloud.deploy("w", WORKFLOW).await;
    cloud.run("w", json!({})).await
}

/// The run succeeded, and every task ran once.
async fn check(cloud: &Cloud, run: &RunId) {
    let found = cloud.outcome(run).await;
    assert_eq!(found["status"], json!("success"), "{found:#}");
    assert_eq!(
        found["tasks"]["last"]["output"],
        json!({"each": [0, 1, 2, 3, 4, 5]}),
        "{found:#}"
    );
    let code = cloud.folder_of("schedules");
    let mut files = vec![format!("first.{run}"), format!("last.{run}")];
    files.extend((0..6).map(|index| format!("each.{index}.{run}")));
    for file in files {
        let text = std::fs::read_to_string(code.join(&file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(text, "x\n", "{file}: it ran once");
    }
}

async fn with(test: &str, setup: Setup) {
    let Some(cloud) = Cloud::start(test, setup).await else {
        return;
    };
    let run = start(&cloud).await;
    check(&cloud, &run).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_needs_to_survive_in_memory() {
    let setup = Setup {
        way: Way::OneProcessEach,
        ..Setup::default()
    };
    with("a process for each request", setup).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_message_the_tick_finishes_the_run() {
    let setup = Setup {
        messages: false,
        tick_every: Duration::from_secs(1),
        ..Setup::default()
    };
    let Some(cloud) = Cloud::start("all messages lost", setup).await else {
        return;
    };
    let code = cloud.copy_of("schedules");
    cloud.work_in(&code);
    // No notice tells of an upload either, so it is stored as `ork workflow deploy` would. The claim lease finds each end.
    let text = WORKFLOW.replace(
        "{command",
        "{start_timeout: 8s, heartbeat_timeout: 8s, command",
    );
    let parsed = ork_core::parse::parse_workflow("workflow.yaml", text.as_bytes());
    let pools = std::collections::BTreeMap::new();
    cloud
        .engine
        .deploy(&parsed.expect("it is right").workflow, None, &pools)
        .await
        .expect("it is stored");
    let run = cloud.run("w", json!({})).await;
    check(&cloud, &run).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_come_thrice_run_nothing_twice() {
    let setup = Setup {
        way: Way::Thrice,
        ..Setup::default()
    };
    with("every message three times", setup).await;
}

/// Kills of services and workers; each is followed by a look whether all is still well in the end. `ORK_E2E_KILLS` asks for another number.
const KILLS: usize = 40;
/// Every so manieth is a worker's.
const OF_WORKERS: usize = 5;
/// How long to wait for a worker before another run is started.
const NO_WORKER: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn services_and_workers_that_are_killed_lose_nothing() {
    let setup = Setup {
        tick_every: Duration::from_secs(1),
        ..Setup::default()
    };
    let kills = std::env::var("ORK_E2E_KILLS").map_or(KILLS, |text| {
        text.parse().expect("ORK_E2E_KILLS is a number")
    });
    let Some(cloud) = Cloud::start("kills", setup).await else {
        return;
    };
    let code = cloud.copy_of("schedules");
    cloud.work_in(&code);
    // A killed worker is found out by its missing heartbeat.
    let text = "name: k
tasks:
  a: {command: 'sleep 0.2; echo ORK_OUTPUT:1', heartbeat_timeout: 4s, start_timeout: 20s, retries: {max: 50, delay: 1s}}
  b: {command: 'sleep 0.1; echo ORK_OUTPUT:$ORK_PARALLEL_INDEX', parallel: 4, depends_on: [a], heartbeat_timeout: 4s, start_timeout: 20s, retries: {max: 50, delay: 1s}}
  c: {command: 'echo ORK_OUTPUT:2', depends_on: [b], heartbeat_timeout: 4s, start_timeout: 20s, retries: {max: 50, delay: 1s}}
";
    cloud.deploy("k", text).await;
    let mut runs = Vec::new();
    let mut dice = 7_u64;
    let (mut services, mut workers) = (0, 0);
    while services + workers < kills {
        if runs.len() * 20 <= services + workers {
            runs.push(cloud.run("k", json!({})).await);
        }
        if workers * OF_WORKERS < services + workers {
            // There may be none at the moment, and none to come when all runs are over.
            let begun = Instant::now();
            let mut killed = cloud.kill_a_worker();
            while !killed && begun.elapsed() < NO_WORKER {
                tokio::time::sleep(Duration::from_millis(20)).await;
                killed = cloud.kill_a_worker();
            }
            workers += usize::from(killed);
            if !killed {
                runs.push(cloud.run("k", json!({})).await);
            }
        } else {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let pick = usize::try_from(dice >> 60).expect("four bits");
            cloud.kill(ROLES[pick % ROLES.len()]).await;
            services += 1;
        }
    }
    assert!(
        workers > 0,
        "{workers} workers and {services} services were killed"
    );
    for run in &runs {
        let found = cloud.outcome(run).await;
        assert_eq!(found["status"], json!("success"), "{found:#}");
        assert_eq!(
            found["tasks"]["b"]["output"],
            json!([0, 1, 2, 3]),
            "{found:#}"
        );
    }
    cloud.stop().await;
}
