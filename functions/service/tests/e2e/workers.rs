//! A worker service in a deployment: short tasks without a container's start, and what becomes of them when it is killed.

use std::path::Path;
use std::time::Duration;

use ork_core::ids::RunId;
use ork_core::run::InstanceStatus;
use serde_json::json;

use crate::cloud::{Cloud, Setup, WORKERS};

/// Each task leaves a line in a file of its own, so that a second one would show.
const TASKS: &str = "import os


def left(name):
    with open(f'{name}.{os.environ[\"ORK_RUN_ID\"]}', 'a') as file:
        file.write('x\\n')


def first():
    left('first')
    return {'n': 7, 'own': os.getpid()}


def each():
    index = os.environ[\"ORK_PARALLEL_INDEX\"]
    left(f'each.{index}')
    return int(index)


def last(first, each):
    left('last')
    return {'n': first['n'], 'each': each, 'same': first['own'] == os.getpid()}
";

/// The first three on the service, the last one in the job.
const WORKFLOW: &str = "name: short
tasks:
  first: {file: tasks.py, function: first, isolation: reuse, worker: service}
  each: {file: tasks.py, function: each, worker: service, parallel: 6, depends_on: [first]}
  last:
    executor: service
    file: tasks.py
    function: last
    inputs: {first: {ref: tasks.first.output}, each: {ref: tasks.each.output}}
    depends_on: [first, each]
  after: {command: 'echo x >> after.$ORK_RUN_ID; echo ORK_OUTPUT:1', depends_on: [last]}
";

/// One message starts it, and the rest is handed on.
const CHAIN: &str = "name: chain
tasks:
  a: {command: 'echo x >> a; echo ORK_OUTPUT:1', worker: service}
  b: {command: 'echo x >> b; echo ORK_OUTPUT:2', worker: service, depends_on: [a]}
  c: {command: 'echo x >> c; echo ORK_OUTPUT:3', worker: service, depends_on: [b]}
  d: {command: 'echo x >> d; echo ORK_OUTPUT:4', worker: service, depends_on: [c]}
";

/// It waits for a file, and leaves its effect after it.
const WAITS: &str = "name: waits
tasks:
  a:
    command: 'echo x >> begun; while [ ! -e go ]; do sleep 0.02; done; echo x >> effect; echo ORK_OUTPUT:$ORK_ATTEMPT'
    worker: service
    retries: {max: 3, delay: 1s}
    heartbeat_timeout: 2s
  b: {command: 'echo x >> effect.b; echo ORK_OUTPUT:2', topic: ork-worker-service, depends_on: [a]}
";

/// Nobody has these workers.
const UNKNOWN: &str = "name: unknown
tasks:
  a: {command: 'true', worker: fast, retries: 5}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_service_takes_the_tasks_that_name_it() {
    let setup = Setup {
        tick_every: Duration::from_secs(1),
        ..Setup::default()
    };
    let Some(mut cloud) = Cloud::start("a worker service on the emulators", setup).await else {
        return;
    };
    let code = cloud.copy_of("schedules");
    std::fs::write(code.join("tasks.py"), TASKS).expect("written");
    cloud.work_in(&code);
    cloud.serve_in(&code).await;
    for (name, text) in [
        ("short", WORKFLOW),
        ("chain", CHAIN),
        ("waits", WAITS),
        ("unknown", UNKNOWN),
    ] {
        cloud.deploy(name, text).await;
    }

    let run = cloud.run("short", json!({})).await;
    let found = cloud.outcome(&run).await;
    assert_eq!(found["status"], json!("success"), "{found:#}");
    assert_eq!(
        found["tasks"]["last"]["output"],
        json!({"n": 7, "each": [0, 1, 2, 3, 4, 5], "same": true}),
        "in the interpreter of the first, which stayed warm: {found:#}"
    );
    let mut files: Vec<String> = ["first", "last", "after"].map(str::to_owned).into();
    files.extend((0..6).map(|index| format!("each.{index}")));
    for file in files {
        assert_eq!(lines(&code, &format!("{file}.{run}")), 1, "{file} ran once");
    }
    let jobs = cloud.emulators.run_jobs().expect("it was started");
    let executions = jobs.executions(&cloud.emulators.names().worker_job);
    assert_eq!(executions.len(), 1, "the other tasks started no container");

    let before = cloud.served();
    let run = cloud.run("chain", json!({})).await;
    let found = cloud.outcome(&run).await;
    assert_eq!(found["status"], json!("success"), "{found:#}");
    for file in ["a", "b", "c", "d"] {
        assert_eq!(lines(&code, file), 1, "{file} ran once");
    }
    let messages = cloud.served() - before;
    assert_eq!(messages, 1, "the others were handed on");

    let run = cloud.run("waits", json!({})).await;
    begun(&cloud, &code, 1).await;
    cloud.kill(WORKERS).await;
    // The next worker found no sign of life, and its attempt is another.
    begun(&cloud, &code, 2).await;
    std::fs::write(code.join("go"), "").expect("written");
    let found = cloud.outcome(&run).await;
    assert_eq!(found["status"], json!("success"), "{found:#}");
    assert_eq!(found["tasks"]["a"]["output"], json!(2), "{found:#}");
    for file in ["effect", "effect.b"] {
        assert_eq!(lines(&code, file), 1, "{file}: nothing was done twice");
    }

    let run = cloud.run("unknown", json!({})).await;
    let said = failure(&cloud, &run).await;
    for word in ["`fast`", "`default` (jobs)", "`service` (services)"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    cloud.stop().await;
}

fn lines(code: &Path, file: &str) -> usize {
    let text = std::fs::read_to_string(code.join(file));
    text.unwrap_or_default().lines().count()
}

/// Waits until so many attempts have begun.
async fn begun(cloud: &Cloud, code: &Path, many: usize) {
    cloud
        .until(&format!("attempt {many}"), async || {
            (lines(code, "begun") >= many).then_some(())
        })
        .await;
}

/// Why the only attempt of a run's first task failed for good.
async fn failure(cloud: &Cloud, run: &RunId) -> String {
    let view = cloud.ended(run).await;
    assert_eq!(view.header.status.as_str(), "failed");
    let instance = view.state.instance(0, 0).expect("it was tried");
    assert_eq!(instance.status(), InstanceStatus::Failed);
    assert_eq!(instance.attempt, 1, "another try would be told the same");
    let failure = instance.failure.as_ref().expect("it says why");
    failure.message.to_string()
}
