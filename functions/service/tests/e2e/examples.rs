//! The examples, unchanged: uploaded to the bucket, run by workers, with the outputs that `ork execute` gives.
//!
//! Left to the laptop: `ork schedule preview` of `schedules` (it asks no cloud), `--task` and `--dry-run` of `quickstart`.

use ork_core::ids::{RunId, WorkflowName};
use ork_core::names::ObjectName;
use ork_core::run::{Command as Order, Event, RecoverFrom};
use ork_engine::EngineErrorKind;
use ork_engine::ports::{Objects, Ports};
use serde_json::{Value, json};

use crate::cloud::{Cloud, Setup};
use crate::example_folders::{
    self, bring_sdk, build_rust_task, can_download, compare, compare_files, expected,
    make_polyglot, source,
};

/// The example's folder, its workflows stored and a worker job for them. The main workflow's name.
async fn deploy(cloud: &Cloud, example: &str, files: &[&str]) -> String {
    let folder = cloud.copy_of(example);
    cloud.work_in(&folder);
    let project = std::fs::read(folder.join("ork.yaml")).ok();
    let mut main = None;
    for file in files {
        let text = std::fs::read_to_string(folder.join(file)).expect("the example's file");
        let name = text.lines().find_map(|line| line.strip_prefix("name:"));
        // A file of blocks is called as it says.
        let name = name.or_else(|| file.strip_suffix(".workflow"));
        let name = name.unwrap_or(example).trim().to_owned();
        if let Some(project) = &project {
            // It goes first, as with `ork workflow deploy`.
            let beside = ObjectName::UploadProject(WorkflowName::new(&name).expect("a name"));
            let objects = cloud.engine.ports().objects();
            objects.put(&beside, project, None).await.expect("stored");
        }
        cloud.deploy(&name, &text).await;
        main = Some(name);
    }
    main.expect("a file")
}

/// Runs it with these params and compares what became of it.
async fn run(cloud: &Cloud, example: &str, name: &str, params: Value, expected: &Value) -> RunId {
    let run = cloud.run(name, params.clone()).await;
    let found = cloud.outcome(&run).await;
    check(example, &params, expected, &found);
    run
}

/// Everything expected must be there.
pub(crate) fn check(example: &str, params: &Value, expected: &Value, found: &Value) {
    let mut differences = Vec::new();
    compare("", expected, found, &mut differences);
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
    let day = json!({"day": "2026-06-01"});
    for (example, files, cases) in [
        ("quickstart", &main[..], vec![(json!({}), "output.json")]),
        (
            "branches-and-joins",
            &main,
            vec![(json!({}), "output.json")],
        ),
        (
            "retries",
            &main,
            vec![
                (json!({}), "output.json"),
                (json!({"address": "Rua Augusta, Lisboa"}), "permanent.json"),
            ],
        ),
        (
            "conditions",
            &main,
            vec![
                (json!({}), "output.json"),
                (json!({"total": 20, "country": "BR"}), "small-abroad.json"),
                (json!({"payment": "declined"}), "declined.json"),
            ],
        ),
        ("schedules", &main, vec![(day.clone(), "output.json")]),
        ("typed", &main, vec![(day, "output.json")]),
        ("subworkflow", &both, vec![(json!({}), "output.json")]),
        ("custom_executor", &main, vec![(json!({}), "output.json")]),
    ] {
        let name = deploy(&cloud, example, files).await;
        if example == "custom_executor" {
            bring_sdk(&cloud.folder_of(example));
        }
        for (params, file) in cases {
            run(&cloud, example, &name, params, &expected(example, file)).await;
        }
    }
    compare_files("quickstart", &cloud.folder_of("quickstart"));
    compare_files("subworkflow", &cloud.folder_of("subworkflow"));
    let lock = cloud.folder_of("conditions").join("build/lock");
    assert!(!lock.exists(), "the lock is released");
    // Too strict a limit stops it before anything is loaded.
    cloud.work_in(&cloud.folder_of("quickstart"));
    let strict = json!({"max_rejected": 0.01, "database": "build/never.db"});
    let stopped = json!({"status": "failed", "tasks":
        {"check": {"status": "failed"}, "load": {"status": "skipped"}, "report": {"status": "skipped"}}});
    run(&cloud, "quickstart", "quickstart", strict, &stopped).await;
    let never = cloud.folder_of("quickstart").join("build/never.db");
    assert!(!never.exists());
    // Every mistake of a wrong file at once, each with its line.
    let wrong = std::fs::read_to_string(source("typed").join("mismatch.yaml"));
    let status = cloud
        .upload("typed_mismatch", &wrong.expect("a file"))
        .await;
    assert_eq!(status["accepted"], json!(false), "{status:#}");
    let errors = status["errors"].as_array().expect("a list");
    for line in [11, 17, 21] {
        let there = errors.iter().any(|error| error["line"] == json!(line));
        assert!(there, "line {line} is wrong: {status:#}");
    }
    cloud.stop().await;
}

/// Enough for several commits and batches; three thousand processes are for a benchmark.
const ITEMS: usize = 300;

/// A workflow that nobody starts but its schedule.
async fn deploy_schedule(cloud: &Cloud) {
    let text =
        "name: minutely\nschedule: \"* * * * *\"\ntasks:\n  a: {command: 'echo ORK_OUTPUT:1'}\n";
    cloud.deploy("minutely", text).await;
}

/// Waits for the minute, and for what its run gives.
async fn check_schedule(cloud: &Cloud) {
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
}

/// Waits for the end of a run that changes so fast that not every look at it succeeds.
async fn until_ended(cloud: &Cloud, run: &RunId) {
    cloud
        .until(&format!("the end of {run}"), async || {
            match cloud.engine.run(run).await {
                Ok(view) => view.header.status.is_terminal().then_some(()),
                Err(error) if error.kind == EngineErrorKind::Unavailable => None,
                Err(error) => panic!("{run}: {error}"),
            }
        })
        .await;
}

/// The schedule is here because waiting for a full minute costs nothing beside the fan-out.
#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_of_hundreds_agrees_with_its_batches_while_a_schedule_fires() {
    let Some(cloud) = Cloud::start("a fan-out on the emulators", Setup::default()).await else {
        return;
    };
    let name = deploy(&cloud, "fan-out", &["workflow.yaml"]).await;
    deploy_schedule(&cloud).await;
    let found = |instances, failed, high, batches| {
        json!({"status": "success", "tasks": {
            "judge": {"status": "success"},
            "compare": {"output": {"instances": instances, "failed": failed, "high": high,
                "batches": batches, "high_in_batches": high}}}})
    };
    // Computed with `ork execute`.
    let (params, many) = (json!({"items": ITEMS}), found(ITEMS, 0, 151, 2));
    let run_of_many = cloud.run(&name, params.clone()).await;
    until_ended(&cloud, &run_of_many).await;
    let outcome = cloud.outcome(&run_of_many).await;
    check("fan-out", &params, &many, &outcome);
    let (params, none) = (json!({"items": 0}), found(0, 0, 0, 0));
    run(&cloud, "fan-out", &name, params, &none).await;
    check_schedule(&cloud).await;
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_failed_goes_on_where_it_was_mended() {
    let Some(cloud) = Cloud::start("recovery on the emulators", Setup::default()).await else {
        return;
    };
    let name = deploy(&cloud, "recover", &["workflow.yaml"]).await;
    let folder = cloud.folder_of("recover");
    let out_of_paper = folder.join("build/out-of-paper");
    for from in [RecoverFrom::Task(2), RecoverFrom::Failed] {
        let _ = std::fs::remove_dir_all(folder.join("build"));
        std::fs::create_dir(folder.join("build")).expect("a folder");
        std::fs::write(&out_of_paper, "").expect("a marker");
        let expected = expected("recover", "output.json");
        let run = run(&cloud, "recover", &name, json!({}), &expected).await;
        std::fs::remove_file(&out_of_paper).expect("the marker was there");
        let order = Event::Command(Order::Recover { from: from.clone() });
        let stepped = cloud.engine.step(&run, vec![order], None).await;
        stepped.expect("it may be recovered");
        let found = cloud.outcome(&run).await;
        assert_eq!(found["status"], json!("success"), "{from:?}: {found:#}");
        let log = std::fs::read_to_string(folder.join("build/executions.log"));
        assert_eq!(
            log.expect("the log of the example"),
            "collect\nlayout\nprint\nprint\ndeliver\n",
            "{from:?}: what had succeeded is not repeated"
        );
    }
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_pass_between_languages() {
    let Some(cloud) = Cloud::start("four languages on the emulators", Setup::default()).await
    else {
        return;
    };
    let name = deploy(&cloud, "polyglot", &["workflow.yaml"]).await;
    if !make_polyglot(&cloud.folder_of("polyglot")) {
        return cloud.stop().await;
    }
    let expected = expected("polyglot", "output.json");
    run(&cloud, "polyglot", &name, json!({}), &expected).await;
    compare_files("polyglot", &cloud.folder_of("polyglot"));
    let name = deploy(&cloud, "rust_task", &["workflow.yaml"]).await;
    if build_rust_task(&cloud.folder_of("rust_task")) {
        let expected = example_folders::expected("rust_task", "output.json");
        run(&cloud, "rust_task", &name, json!({}), &expected).await;
    }
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_python_find_their_requirements() {
    if !can_download("fun-pipeline") {
        return;
    }
    let test = "a file of blocks on the emulators";
    let Some(cloud) = Cloud::start(test, Setup::default()).await else {
        return;
    };
    let name = deploy(&cloud, "fun-pipeline", &["harvest.workflow"]).await;
    let run = cloud.run(&name, json!({})).await;
    let found = cloud.outcome(&run).await;
    assert_eq!(found["status"], json!("success"), "{found:#}");
    let table = found["tasks"]["table"]["output"].as_str();
    let table = table.expect("the printed text");
    assert!(table.contains("| Elstar  |    191 | 296.05 |"), "{table}");
    cloud.stop().await;
}

/// Examples that are about a laptop: whom they tell listens on a port of its own there. shared/cli/tests/examples.rs runs them, and what a deployment
/// tells is tried with the adapters (shared/outgoing, shared/gcp).
const AT_HOME: [&str; 1] = ["notifications"];

#[test]
fn every_example_is_run() {
    let tests = concat!(include_str!("examples.rs"), include_str!("jobs.rs"));
    let examples = std::fs::read_dir(source("")).expect("the examples");
    for entry in examples {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a plain name");
        // What tools leave behind begins with a dot.
        if entry.path().is_dir() && !name.starts_with('.') {
            let said = format!("\"{name}\"");
            let runs = tests.contains(&said) || AT_HOME.contains(&name.as_str());
            assert!(runs, "examples/{name} does not run here");
        }
    }
}
