//! The examples, unchanged: uploaded to the bucket, run by workers, with the outputs that `ork execute` gives.
//!
//! Left to the laptop: `ork schedule preview` of `schedules` (it asks no cloud), `--task` and `--dry-run` of `quickstart`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use ork_core::ids::{RunId, WorkflowName};
use ork_core::run::{Command as Order, Event, RecoverFrom};
use ork_engine::EngineErrorKind;
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

/// Where the example is.
fn source(example: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    examples.join(example)
}

/// What `ork execute --json` gives for the example, as far as it matters.
pub(crate) fn expected(example: &str, file: &str) -> Value {
    let path = source(example).join("expected").join(file);
    let shown = path.display();
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{shown}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{shown}: {error}"))
}

/// The example's folder, its workflows stored and a worker job for them. The main workflow's name.
async fn deploy(cloud: &Cloud, example: &str, files: &[&str]) -> String {
    let folder = cloud.copy_of(example);
    cloud.work_in(&folder);
    let mut main = None;
    for file in files {
        let text = std::fs::read_to_string(folder.join(file)).expect("the example's file");
        let name = text.lines().find_map(|line| line.strip_prefix("name:"));
        // A file of blocks is called as it says.
        let name = name.or_else(|| file.strip_suffix(".workflow"));
        let name = name.unwrap_or(example).trim().to_owned();
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

/// Compares every file below `expected/files` with what the workers left in the example's folder.
fn check_files(cloud: &Cloud, example: &str) {
    let root = source(example).join("expected/files");
    let mut folders = vec![root.clone()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the expected files") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(&root).expect("below it");
            let made = cloud.folder_of(example).join(relative);
            let made = std::fs::read_to_string(&made)
                .unwrap_or_else(|error| panic!("{}: {error}", made.display()));
            let expected = std::fs::read_to_string(&path).expect("an expected file");
            assert_eq!(made, expected, "{example}: {}", relative.display());
            files += 1;
        }
    }
    assert!(files > 0, "{example}: expected/files is empty");
}

/// Says loudly that a part was left out; with `ORK_REQUIRE_ALL=1` that is a failure.
fn has(program: &str, arguments: &[&str], what: &str, remedy: &str) -> bool {
    let tried = Command::new(program).args(arguments).output();
    let there = tried.is_ok_and(|output| output.status.success());
    if !there {
        let text = format!("SKIPPED {what}: {remedy}");
        let all = std::env::var_os("ORK_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!all, "{text}");
        // Not through `eprintln!`: the test harness would swallow it.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
    there
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
    ] {
        let name = deploy(&cloud, example, files).await;
        for (params, file) in cases {
            run(&cloud, example, &name, params, &expected(example, file)).await;
        }
    }
    check_files(&cloud, "quickstart");
    check_files(&cloud, "subworkflow");
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
    let make = has("make", &["--version"], "examples/polyglot", "install make");
    if !make
        || !has(
            "rustc",
            &["--version"],
            "examples/polyglot",
            "put rustc on PATH",
        )
    {
        return;
    }
    let Some(cloud) = Cloud::start("four languages on the emulators", Setup::default()).await
    else {
        return;
    };
    let name = deploy(&cloud, "polyglot", &["workflow.yaml"]).await;
    let built = Command::new("make")
        .current_dir(cloud.folder_of("polyglot"))
        .env_remove("MAKEFLAGS")
        .output()
        .expect("make starts");
    assert!(built.status.success(), "{built:?}");
    let expected = expected("polyglot", "output.json");
    run(&cloud, "polyglot", &name, json!({}), &expected).await;
    check_files(&cloud, "polyglot");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_python_find_their_requirements() {
    let downloads = tempfile::tempdir().expect("a folder");
    let requirements = source("fun-pipeline").join("requirements.txt");
    let text = |path: &Path| path.to_str().expect("a plain name").to_owned();
    let (downloads, requirements) = (text(downloads.path()), text(&requirements));
    let probe = [
        &[
            "-m",
            "pip",
            "--disable-pip-version-check",
            "download",
            "--quiet",
        ][..],
        &["--no-deps", "--dest", &downloads, "-r", &requirements],
    ];
    let remedy =
        "pip cannot download from PyPI; connect to a network, and install pip and venv for python3";
    if !has("python3", &probe.concat(), "examples/fun-pipeline", remedy) {
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

#[test]
fn every_example_is_run() {
    let tests = include_str!("examples.rs");
    let examples = std::fs::read_dir(source("")).expect("the examples");
    for entry in examples {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a plain name");
        // What tools leave behind begins with a dot.
        if entry.path().is_dir() && !name.starts_with('.') {
            let said = format!("\"{name}\"");
            assert!(tests.contains(&said), "examples/{name} does not run here");
        }
    }
}
