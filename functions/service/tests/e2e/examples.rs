//! The examples, unchanged: uploaded to the bucket, run by workers, with the outputs that `ork execute` gives.

use ork_core::ids::WorkflowName;
use serde_json::{Value, json};

use crate::cloud::{Cloud, Setup};

/// Objects may have more fields than expected; everything else must be equal.
fn compare(at: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                let found = found.get(key).unwrap_or(&Value::Null);
                compare(&format!("{at}.{key}"), value, found, differences);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(&format!("{at}[{index}]"), expected, found, differences);
            }
        }
        _ if expected == found => {}
        _ => differences.push(format!("{at}: expected {expected}, found {found}")),
    }
}

/// What `ork execute --json` gives for the example, as far as it matters.
fn expected(example: &str, file: &str) -> Value {
    let path = format!(
        "{}/../../examples/{example}/expected/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The example's folder, its workflows stored and a worker job for them. The main workflow's name.
async fn deploy(cloud: &Cloud, example: &str, files: &[&str]) -> String {
    let folder = cloud.copy_of(example);
    cloud.work_in(&folder);
    let mut main = None;
    for file in files {
        let text = std::fs::read_to_string(folder.join(file)).expect("the example's file");
        let name = text.lines().find_map(|line| line.strip_prefix("name:"));
        let name = name.unwrap_or(example).trim().to_owned();
        cloud.deploy(&name, &text).await;
        main = Some(name);
    }
    main.expect("a file")
}

async fn run(cloud: &Cloud, example: &str, files: &[&str], params: Value, expected: &Value) {
    let name = deploy(cloud, example, files).await;
    let run = cloud.run(&name, params.clone()).await;
    let found = cloud.outcome(&run).await;
    let mut differences = Vec::new();
    compare("", expected, &found, &mut differences);
    assert!(
        differences.is_empty(),
        "{example} with {params}: {}\n{found:#}",
        differences.join("\n  ")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_give_what_they_give_on_a_laptop() {
    let Some(cloud) = Cloud::start("the examples on the emulators", Setup::default()).await else {
        return;
    };
    let main = ["workflow.yaml"];
    let both = ["region_report.yaml", "workflow.yaml"];
    for (example, files, params, file) in [
        ("quickstart", &main[..], json!({}), "output.json"),
        ("branches-and-joins", &main, json!({}), "output.json"),
        ("retries", &main, json!({}), "output.json"),
        ("conditions", &main, json!({}), "output.json"),
        (
            "conditions",
            &main,
            json!({"payment": "declined"}),
            "declined.json",
        ),
        ("typed", &main, json!({"day": "2026-06-01"}), "output.json"),
        ("subworkflow", &both, json!({}), "output.json"),
    ] {
        run(&cloud, example, files, params, &expected(example, file)).await;
    }
    // Three thousand processes are for a benchmark; what thirty give was computed with `ork execute`.
    let thirty = json!({"status": "success", "tasks": {"compare": {"output":
        {"instances": 30, "failed": 0, "high": 15, "batches": 1, "high_in_batches": 15}}}});
    let params = json!({"items": 30});
    run(&cloud, "fan-out", &main, params, &thirty).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_answered_with_what_is_wrong_and_where() {
    let Some(cloud) = Cloud::start("a broken upload", Setup::default()).await else {
        return;
    };
    let folder = cloud.copy_of("schedules");
    cloud.work_in(&folder);
    cloud
        .deploy("w", "name: w\ntasks:\n  a: {command: \"true\"}\n")
        .await;
    let status = cloud
        .upload("w", "name: w\ntasks:\n  a: {comand: \"true\"}\n")
        .await;
    assert_eq!(status["accepted"], json!(false), "{status:#}");
    let errors = status["errors"].as_array().expect("a list");
    assert_eq!(errors[0]["line"], json!(3), "{status:#}");
    assert!(
        errors[0]["message"].to_string().contains("comand"),
        "{status:#}"
    );
    // What was accepted before stays.
    let run = cloud.run("w", json!({})).await;
    assert_eq!(cloud.outcome(&run).await["status"], json!("success"));
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_fires_at_its_minute_and_its_run_has_its_slot() {
    let Some(cloud) = Cloud::start("a schedule on the emulators", Setup::default()).await else {
        return;
    };
    let folder = cloud.copy_of("schedules");
    cloud.work_in(&folder);
    let text =
        "name: minutely\nschedule: \"* * * * *\"\ntasks:\n  a: {command: 'echo ORK_OUTPUT:1'}\n";
    cloud.deploy("minutely", text).await;
    let name = WorkflowName::new("minutely").expect("a name");
    let run = cloud
        .until("a run of the schedule", async || {
            let listed = cloud.engine.runs(None, Some(&name), None, 1).await;
            let (headers, _) = listed.expect("a listing");
            headers.first().map(|header| header.id.clone())
        })
        .await;
    assert!(run.as_str().starts_with("minutely--2"), "{run}");
    assert_eq!(cloud.outcome(&run).await["status"], json!("success"));
    cloud.stop().await;
}
