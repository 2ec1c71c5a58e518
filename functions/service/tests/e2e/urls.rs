//! Workers without credentials: each is told one signed URL, and does everything by those behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use ork_core::bundle::header;
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::names::ObjectName;
use ork_emulators::run_jobs::{ExecutionView, Phase};
use ork_engine::ports::{Objects, Ports};
use ork_gcp::signed::{AttemptUrls, Method};
use serde_json::json;

use crate::cloud::{Cloud, Setup};
use crate::example_folders::expected;
use crate::examples::check;
use crate::uploads::bundle;

/// The first attempt never ends by itself, and may take longer than a signature is good for. What a later one says is what it sees of what
/// its worker was told.
const ENDLESS: &str = "name: endless
tasks:
  a:
    command: 'echo x >> begun; while [ $ORK_ATTEMPT = 1 ]; do sleep 0.02; done; echo ORK_OUTPUT:$(env | grep -c -e BATCH -e BUCKET -e X-Goog -e EMULATOR)'
    retries: {max: 9, delay: 1s}
    heartbeat_timeout: 4s
    timeout: 20h
";

/// Whose first attempt is never claimed.
const LATE: &str = "name: late
tasks:
  a: {command: 'echo x >> begun.late; echo ORK_OUTPUT:$ORK_ATTEMPT', retries: {max: 9, delay: 1s}, start_timeout: 4s}
";

#[tokio::test(flavor = "multi_thread")]
async fn workers_with_a_signed_url_and_nothing_else_do_all_there_is_to_do() {
    let setup = Setup {
        tick_every: Duration::from_secs(1),
        urls: true,
        ..Setup::default()
    };
    let Some(cloud) = Cloud::start("workers by signed URLs on the emulators", setup).await else {
        return;
    };
    let image = cloud.folder_of("image");
    std::fs::create_dir(&image).expect("a folder");
    cloud.work_without_settings_in(&image);
    cloud.deploy("endless", ENDLESS).await;
    cloud.deploy("late", LATE).await;
    let endless = cloud.run("endless", json!({})).await;
    let first = first_of(&cloud, &endless).await;
    begun(&cloud, &image).await;
    the_url_is_good_as_it_is_and_not_otherwise(&first.env["ORK_BATCH_URL"]).await;
    another_worker_is_turned_down(&cloud, &first).await;
    assert_eq!(lines(&image, "begun"), 1, "it ran once");
    are_renewed(&cloud, &endless).await;

    // Too late for the worker that runs, and for one that is about to.
    let storage = cloud.emulators.storage().expect("it was started");
    storage.put_forward(Duration::from_secs(12 * 3600));
    let late = cloud.run("late", json!({})).await;
    for (run, said) in [
        (&endless, "its signed URLs have expired"),
        (&late, "the signed URL of"),
    ] {
        ends_itself_and_says(&cloud, run, said).await;
    }
    assert_eq!(lines(&image, "begun.late"), 0);
    storage.put_forward(Duration::ZERO);

    // Code, params, outputs of upstreams, fan-outs and retries are as they are with credentials.
    let mut runs = Vec::new();
    for example in ["retries", "quickstart"] {
        deploy_bundled(&cloud, example).await;
        runs.push((example, cloud.run(example, json!({})).await));
    }
    for (example, run) in &runs {
        let wanted = expected(example, "output.json");
        check(example, &json!({}), &wanted, &cloud.outcome(run).await);
    }

    // What was lost was tried again.
    let found = cloud.outcome(&endless).await;
    assert_eq!(found["status"], json!("success"), "{found:#}");
    let attempts = found["tasks"]["a"]["attempts"].as_u64();
    assert!(attempts >= Some(2), "the first one was lost: {found:#}");
    assert_eq!(found["tasks"]["a"]["output"], json!(0), "{found:#}");
    // Nobody had claimed it: what was lost is no more than a start.
    let found = cloud.outcome(&late).await;
    assert_eq!(found["status"], json!("success"), "{found:#}");
    assert!(of(&cloud, &late).len() >= 2, "{found:#}");
    assert_eq!(lines(&image, "begun.late"), 1);

    for execution in executions(&cloud) {
        let told: BTreeSet<&str> = execution.env.keys().map(String::as_str).collect();
        let wanted = ["HOME", "ORK_BATCH_URL", "ORK_CACHE_DIR", "ORK_CODE_DIR"];
        assert_eq!(told, wanted.into(), "{}", execution.name);
    }
    cloud.stop().await;
}

/// Tick leaves URLs for an attempt that it finds alive.
async fn are_renewed(cloud: &Cloud, run: &RunId) {
    let name = ObjectName::parse(&format!("runs/{run}/a/1/urls.json")).expect("a name");
    let objects = cloud.engine.ports().objects();
    let look = async || objects.get(&name, 1 << 20).await.expect("an answer");
    let found = cloud.until("renewed URLs", look).await;
    let urls = AttemptUrls::decode(&String::from_utf8_lossy(&found.bytes)).expect("a set");
    let url = urls
        .url(&name, Method::Get)
        .expect("it leads to its successor");
    let answer = reqwest::get(url.reveal()).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
}

/// The worker of a run's first execution ends by itself, and no log has a signature.
async fn ends_itself_and_says(cloud: &Cloud, run: &RunId, said: &str) {
    let execution = first_of(cloud, run).await.name;
    let jobs = cloud.emulators.run_jobs().expect("it was started");
    cloud
        .until(&format!("the end of {execution}"), async || {
            let phase = jobs.execution(&execution)?.phase;
            (phase == Phase::Failed).then_some(())
        })
        .await;
    let log = jobs.output(&execution).expect("it is known");
    assert!(log.contains(said), "{log}");
    assert!(!log.contains("X-Goog-Signature"), "{log}");
}

/// Uploads an example whose code comes in a bundle.
async fn deploy_bundled(cloud: &Cloud, example: &str) {
    let folder = cloud.copy_of(example);
    let mut files = Vec::new();
    read(&folder, "", &mut files);
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let bytes = bundle(&files);
    let hash = VersionHash::of(&bytes);
    let name = WorkflowName::new(example).expect("a name");
    let objects = cloud.engine.ports().objects();
    let object = ObjectName::Bundle(name, hash.clone());
    let stored = objects.create(&object, &bytes).await;
    stored.expect("it is stored");
    let text = std::fs::read_to_string(folder.join("workflow.yaml")).expect("a workflow");
    cloud.deploy(example, &(header(&hash) + &text)).await;
}

/// The files of a folder and those below it, with their paths in it.
fn read(folder: &Path, below: &str, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = format!("{below}{}", name.expect("a plain name"));
        if path.is_dir() {
            read(&path, &format!("{name}/"), files);
        } else {
            files.push((name, std::fs::read_to_string(&path).expect("text")));
        }
    }
}

/// All executions, the newest first.
fn executions(cloud: &Cloud) -> Vec<ExecutionView> {
    let jobs = cloud.emulators.run_jobs().expect("it was started");
    jobs.executions(&cloud.emulators.names().worker_job)
}

/// Those of a run.
fn of(cloud: &Cloud, run: &RunId) -> Vec<ExecutionView> {
    let within = format!("/runs/{run}/batches/");
    let mut all = executions(cloud);
    all.retain(|one| one.env["ORK_BATCH_URL"].contains(&within));
    all
}

/// The first execution of a run.
async fn first_of(cloud: &Cloud, run: &RunId) -> ExecutionView {
    let first = async || of(cloud, run).pop();
    cloud.until(&format!("an execution of {run}"), first).await
}

fn lines(folder: &Path, file: &str) -> usize {
    let text = std::fs::read_to_string(folder.join(file));
    text.unwrap_or_default().lines().count()
}

async fn begun(cloud: &Cloud, image: &Path) {
    let look = async || (lines(image, "begun") > 0).then_some(());
    cloud.until("the first attempt", look).await;
}

/// Without its signature, or with another object's, nobody is let in.
async fn the_url_is_good_as_it_is_and_not_otherwise(url: &str) {
    let (bare, signed) = url.split_once('?').expect("a query");
    let other = bare.replace("/batches/", "/b/");
    for (url, status) in [
        (url.to_owned(), 200),
        (bare.to_owned(), 403),
        (format!("{other}?{signed}"), 403),
        (url.replace("X-Goog-Expires=", "X-Goog-Expires=1"), 403),
    ] {
        let answer = reqwest::get(&url).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{url}");
    }
}

/// A worker that is started once more for the same attempt, as Cloud Run may do.
async fn another_worker_is_turned_down(cloud: &Cloud, execution: &ExecutionView) {
    let told = BTreeMap::from([
        ("CLOUD_RUN_EXECUTION", "another"),
        ("CLOUD_RUN_TASK_INDEX", "0"),
        ("CLOUD_RUN_TASK_COUNT", "1"),
        ("ORK_LOG", "debug"),
    ]);
    let worker = tokio::process::Command::new(env!("CARGO_BIN_EXE_ork-service"))
        .arg("worker")
        .env_clear()
        .envs(&execution.env)
        .envs(told)
        .current_dir(cloud.folder_of("image"))
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(crate::cloud::PATIENCE, worker).await;
    let output = output.expect("it ends").expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("somebody else has the claim"), "{said}");
}
