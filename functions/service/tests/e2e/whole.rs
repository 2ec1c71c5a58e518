//! What `make emulators` starts: emulators and functions together, without anything of these tests in between.

use std::path::Path;
use std::time::Duration;

use ork_core::ids::{RunId, WorkflowName};
use ork_core::names::ObjectName;
use ork_emulators::scheduler::{Cadence, Scheduler, SchedulerOptions};
use ork_emulators::{Emulators, Functions, FunctionsOptions, Options, google};
use ork_engine::Engine;
use ork_engine::ports::{Objects, Ports};
use ork_gcp::Google;
use serde_json::{Value, json};

use crate::cloud::until;
use crate::connect::connect;

async fn verdict(engine: &Engine<Google>, name: &WorkflowName) -> Value {
    let status = ObjectName::UploadStatus(name.clone());
    until("a verdict on the upload", async || {
        let found = engine.ports().objects().get(&status, 1 << 20).await;
        serde_json::from_slice(&found.expect("readable")?.bytes).ok()
    })
    .await
}

/// The deployed API, as somebody on this machine asks it.
struct Api {
    client: reqwest::Client,
    url: String,
}

impl Api {
    fn of(functions: &Functions) -> Self {
        let all = functions.addresses();
        let found = all.iter().find(|(role, _)| *role == "api");
        let (_, at) = found.expect("it is started");
        Self {
            client: reqwest::Client::new(),
            url: format!("http://{at}"),
        }
    }
    async fn text(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}{path}", self.url)).send();
        let answer = answer.await.expect("an answer").error_for_status();
        answer.expect("a success").text().await.expect("text")
    }
    async fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).expect("JSON")
    }
    async fn post(&self, path: &str, body: &Value) -> Value {
        let asked = self.client.post(format!("{}{path}", self.url)).json(body);
        let answer = asked.send().await.expect("an answer").error_for_status();
        answer.expect("a success").json().await.expect("JSON")
    }
}

async fn status_of(engine: &Engine<Google>, run: &RunId) -> String {
    until("the end of the run", async || {
        let view = engine.run(run).await.expect("the run is readable");
        let status = view.header.status;
        status.is_terminal().then(|| status.as_str().to_owned())
    })
    .await
}

/// The API may not write objects, and still the worker of a run that it cancels is told and ends.
async fn cancelled_over_the_api(api: &Api, engine: &Engine<Google>, code: &Path) {
    let name = WorkflowName::new("long").expect("a name");
    let text = "name: long\ntasks:\n  a: {command: 'echo at work; echo x >> began; sleep 900; echo x >> ended'}\n";
    let objects = engine.ports().objects();
    let upload = ObjectName::Upload(name.clone());
    let stored = objects.put(&upload, text.as_bytes(), None).await;
    stored.expect("it is stored");
    verdict(engine, &name).await;
    let wish = json!({"idempotency_key": "cancelled"});
    api.post("/api/workflows/long/runs", &wish).await;
    let began = code.join("began");
    until("the task to begin", async || began.exists().then_some(())).await;
    let why = json!({"reason": "enough"});
    let seen = api.post("/api/runs/cancelled/cancel", &why).await;
    assert_eq!(seen["status"], "cancelled", "{seen:#}");
    let object = |name: &str| ObjectName::parse(&format!("runs/cancelled/a/1/{name}"));
    let result = object("result.json").expect("the name of an object");
    let told = until("word for the worker", async || {
        objects.get(&result, 1 << 20).await.expect("readable")
    })
    .await;
    let told = String::from_utf8_lossy(&told.bytes).into_owned();
    assert!(told.contains("it was stopped"), "{told}");
    // A worker uploads its log when it ends.
    let log = object("log.txt").expect("the name of an object");
    until("the end of the worker", async || {
        objects.get(&log, 1 << 20).await.expect("readable")
    })
    .await;
    assert!(!code.join("ended").exists(), "the task went on to its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emulators_and_the_functions_are_a_whole_system() {
    if google::testing::sdk_or_skip("the whole system on the emulators").is_none() {
        return;
    }
    let project = format!("whole-{}", std::process::id());
    let bucket = format!("{project}-bucket");
    let mut emulators = Emulators::start(Options::for_project(&project, &bucket))
        .await
        .expect("the emulators start");
    let folder = tempfile::tempdir().expect("a folder");
    let code = folder.path().join("code");
    std::fs::create_dir(&code).expect("a folder");
    let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e/whole");
    let options = FunctionsOptions::new(env!("CARGO_BIN_EXE_ork-service"), &code, logs);
    let functions = Functions::start(&mut emulators, options)
        .await
        .expect("the functions start");
    let every = Cadence::Every(Duration::from_secs(2));
    let ticks = Scheduler::start(SchedulerOptions::new(functions.tick_url(), every));
    let ticks = ticks.expect("the scheduler starts");

    let engine = Engine::new(connect(&emulators, &project, &bucket, None).await, None);
    let name = WorkflowName::new("w").expect("a name");
    let text = "name: w
tasks:
  a: {command: 'test $ORK_ATTEMPT = 2 && echo ORK_OUTPUT:1', retries: {max: 1, delay: 1s}}
  b: {command: 'echo x >> ran; echo ORK_OUTPUT:2', depends_on: [a]}
";
    let upload = ObjectName::Upload(name.clone());
    let objects = engine.ports().objects();
    let stored = objects.put(&upload, text.as_bytes(), None).await;
    stored.expect("it is stored");
    let said = verdict(&engine, &name).await;
    assert_eq!(said["accepted"], json!(true), "{said:#}");
    let api = Api::of(&functions);
    let started = api
        .post(
            "/api/workflows/w/runs",
            &json!({"idempotency_key": "by-the-api"}),
        )
        .await;
    assert_eq!(started["created"], true, "{started:#}");
    let run = RunId::new("by-the-api").expect("an id");
    assert_eq!(status_of(&engine, &run).await, "success");
    let seen = api.get("/api/runs/by-the-api").await;
    assert_eq!(seen["status"], "success", "{seen:#}");
    assert_eq!(api.get("/api/runs/by-the-api/tasks/b/output").await, 2);
    let log = api.text("/api/runs/by-the-api/tasks/b/logs").await;
    assert_eq!(log, "ORK_OUTPUT:2\n");
    let told = api.get("/api/audit?run=by-the-api").await;
    assert_eq!(told["items"][0]["action"], "run.start", "{told:#}");
    // The retry's instant came as a wake, which only poll could take.
    let woken = emulators.tasks().expect("it was started").deliveries();
    assert!(!woken.is_empty(), "nothing was woken");
    let ran = std::fs::read_to_string(code.join("ran")).expect("it ran in that folder");
    assert_eq!(ran, "x\n");

    cancelled_over_the_api(&api, &engine, &code).await;

    // A wipe, and it is as if nothing had been.
    emulators.wipe(&project, &bucket).await.expect("wiped");
    assert!(engine.workflows().await.expect("a listing").is_empty());
    assert_eq!(
        engine.find_run(&run).await.expect("no error").map(|_| ()),
        None
    );
    ticks.stop().await;
    functions.stop().await;
    emulators.stop().await;
}
