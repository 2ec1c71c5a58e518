//! The `ork` command against a project, as a person uses it.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::cloud::{Cloud, Setup};
use crate::example_folders::expected;
use crate::examples::check;

/// The command, built beside this package's own program; `None`, said loudly, where it was not.
pub(crate) fn command() -> Option<PathBuf> {
    let ork = Path::new(env!("CARGO_BIN_EXE_ork-service")).with_file_name("ork");
    if ork.is_file() {
        return Some(ork);
    }
    let text = "SKIPPED the ork command on the emulators: build it with `cargo build -p ork-cli`";
    let all = std::env::var_os("ORK_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!all, "{text}");
    // Not through `eprintln!`: the test harness would swallow it.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes());
    None
}

/// Somebody at a terminal in a folder, with the project in the environment.
pub(crate) struct Person<'a> {
    ork: PathBuf,
    cloud: &'a Cloud,
    folder: PathBuf,
}

impl<'a> Person<'a> {
    pub(crate) fn new(ork: PathBuf, cloud: &'a Cloud, folder: PathBuf) -> Self {
        Self { ork, cloud, folder }
    }

    pub(crate) async fn types(&self, arguments: &[&str]) -> Output {
        let command = tokio::process::Command::new(&self.ork)
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.cloud.env())
            .kill_on_drop(true)
            .output();
        let done = tokio::time::timeout(crate::cloud::PATIENCE, command).await;
        done.unwrap_or_else(|_| panic!("ork {arguments:?} does not end"))
            .expect("ork starts")
    }

    /// Its exit code and what it says, to either side.
    pub(crate) async fn hears(&self, arguments: &[&str], code: i32) -> String {
        let output = self.types(arguments).await;
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(code),
            "ork {arguments:?}: {said}"
        );
        said
    }

    /// The JSON document of a command that goes well.
    pub(crate) async fn reads(&self, arguments: &[&str]) -> Value {
        let output = self.types(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ork {arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).expect("a JSON document")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_deploys_runs_and_looks_with_the_ork_command() {
    let Some(ork) = command() else { return };
    let Some(cloud) = Cloud::start("the ork command on the emulators", Setup::default()).await
    else {
        return;
    };
    let folder = cloud.copy_of("quickstart");
    // The image of the workers holds no code: what runs comes in the bundle.
    let image = cloud.folder_of("image");
    std::fs::create_dir(&image).expect("a folder");
    cloud.work_in(&image);
    let person = Person {
        ork,
        cloud: &cloud,
        folder: folder.clone(),
    };

    let said = person.hears(&["workflow", "deploy", "."], 0).await;
    assert!(said.contains("is current now"), "{said}");
    let said = person.hears(&["workflow", "deploy", "."], 0).await;
    assert!(said.contains("was current already"), "{said}");

    // Who uploaded is recorded, and which upload became current.
    let audit = person
        .reads(&["audit", "--action", "workflow", "--json"])
        .await;
    let records = audit["records"].as_array().expect("records");
    let of = |action: &str, result: &str| -> Vec<&Value> {
        let all = records.iter();
        all.filter(|one| one["action"] == action && one["result"] == result)
            .collect()
    };
    let deployed = of("workflow.deploy", "done");
    let [deployed] = deployed.as_slice() else {
        panic!("it became current once: {audit:#}")
    };
    assert_eq!(deployed["actor"]["kind"], "upload", "{audit:#}");
    let uploads = of("workflow.upload", "done");
    assert_eq!(uploads.len(), 2, "{audit:#}");
    assert_eq!(of("workflow.upload", "begun").len(), 2, "{audit:#}");
    let is_it = |one: &&&Value| one["detail"]["generation"] == deployed["detail"]["generation"];
    let by = uploads.iter().find(is_it).expect("who uploaded it");
    assert_eq!(by["actor"]["kind"], "cli", "{audit:#}");
    assert_eq!(by["detail"]["version"], deployed["detail"]["version"]);

    let ran = person
        .reads(&["run", "start", "quickstart", "--wait", "--json"])
        .await;
    let wanted = expected("quickstart", "output.json");
    check("quickstart", &json!({}), &wanted, &ran);
    let tasks = ran["tasks"].as_object().expect("tasks");
    for (task, found) in tasks {
        let took = found["duration_ms"].as_u64();
        assert!(took.is_some_and(|ms| ms > 0), "{task}: {found:#}");
    }

    let cost = person.reads(&["run", "cost", "latest", "--json"]).await;
    let functions = cost["functions"].as_object().expect("functions");
    for (function, kind) in [
        ("dispatch", "job_starts"),
        ("dispatch", "store_writes"),
        ("dispatch", "requests"),
        ("dispatch", "cpu_micros"),
        ("monitor", "store_writes"),
        ("monitor", "messages"),
        ("worker", "class_a"),
    ] {
        let count = &functions.get(function).unwrap_or(&Value::Null)[kind];
        assert!(
            count.as_u64().is_some_and(|n| n > 0),
            "{function} {kind}: {cost:#}"
        );
    }
    let dollars = cost["total"]["dollars"].as_f64().expect("a price");
    let parts = functions.values().filter_map(|one| one["dollars"].as_f64());
    assert!((parts.sum::<f64>() - dollars).abs() < 1e-12, "{cost:#}");
    assert!(dollars > 0.0 && dollars < 0.01, "{cost:#}");
    let said = person.hears(&["run", "status", "latest"], 0).await;
    assert!(said.contains("at list prices"), "{said}");
    let said = person.hears(&["run", "list"], 0).await;
    assert!(
        said.contains("quickstart") && said.contains("success"),
        "{said}"
    );

    // What is wrong is said before anything is uploaded.
    std::fs::write(
        folder.join("workflow.yaml"),
        "name: quickstart\ntasks:\n  a: {command: x, depends_on: [b]}\n",
    )
    .expect("written");
    let said = person.hears(&["workflow", "deploy", "."], 2).await;
    assert!(said.contains("workflow.yaml:3"), "{said}");
    let now = person
        .reads(&["workflow", "status", "quickstart", "--json"])
        .await;
    assert_eq!(
        now["tasks"].as_array().map(Vec::len),
        Some(tasks.len()),
        "{now:#}"
    );

    // A run that somebody changes his mind about.
    std::fs::write(
        folder.join("workflow.yaml"),
        "name: slow\ntasks:\n  a: {command: sleep 600}\n",
    )
    .expect("written");
    person
        .hears(&["workflow", "deploy", "workflow.yaml"], 0)
        .await;
    let started = person.reads(&["run", "start", "slow", "--json"]).await;
    let run = started["run_id"].as_str().expect("its id").to_owned();
    person.hears(&["run", "cancel", &run], 0).await;
    let said = person.reads(&["run", "status", &run, "--json"]).await;
    assert_eq!(said["status"], json!("cancelled"), "{said:#}");
    cloud.stop().await;
}
