//! A deployment on this machine: emulators, services behind gates, a scheduler, a worker job; and what a user does with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ork_core::ids::{RunId, WorkflowName};
use ork_core::names::ObjectName;
use ork_emulators::google::{self, Subscription};
use ork_emulators::run_jobs::Job;
use ork_emulators::scheduler::{Cadence, Scheduler, SchedulerOptions};
use ork_emulators::{Emulators, Options};
use ork_engine::ports::{Objects, Ports};
use ork_engine::{Engine, RunView, StartRun};
use ork_gcp::Google;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::connect::connect;
use crate::example_folders::copy_folder;
use crate::gate::{Gate, Way};

/// How a deployment is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Between two ticks.
    pub(crate) tick_every: Duration,
    /// Whether messages arrive at all.
    pub(crate) messages: bool,
    /// What becomes of requests.
    pub(crate) way: Way,
    /// Whether the workers of the job have no credentials and are handed signed URLs.
    pub(crate) urls: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            tick_every: Duration::from_secs(2),
            messages: true,
            way: Way::Once,
            urls: false,
        }
    }
}

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// In whose name URLs are signed.
const SIGN_ACCOUNT: &str = "ork-sign@ork-local.iam.gserviceaccount.com";

/// The role of a worker service.
pub(crate) const WORKERS: &str = "worker-service";

/// See the module.
pub(crate) struct Cloud {
    pub(crate) emulators: Emulators,
    pub(crate) engine: Engine<Google>,
    gates: BTreeMap<&'static str, Gate>,
    scheduler: Option<Scheduler>,
    folder: TempDir,
    client: reqwest::Client,
    project: String,
    bucket: String,
    _place: SemaphorePermit<'static>,
}

/// Deployments are tried two at a time: each has two JVMs, services and their workers, and waits for much of its time.
static PLACES: Semaphore = Semaphore::const_new(2);

impl Cloud {
    /// Starts everything; `None` where Google's emulators are not installed, which is said.
    pub(crate) async fn start(test: &str, setup: Setup) -> Option<Self> {
        Self::start_with(test, setup, &[]).await
    }

    /// The same, with more in the environment of the services.
    pub(crate) async fn start_with(
        test: &str,
        setup: Setup,
        more: &[(&str, &str)],
    ) -> Option<Self> {
        static PROJECTS: AtomicU32 = AtomicU32::new(0);
        google::testing::sdk_or_skip(test)?;
        let place = PLACES.acquire().await.expect("nobody closes it");
        let number = PROJECTS.fetch_add(1, Ordering::Relaxed);
        let project = format!("e2e-{}-{number}", std::process::id());
        let bucket = format!("{project}-bucket");
        let options = Options::for_project(&project, &bucket);
        let mut emulators = Emulators::start(options)
            .await
            .expect("the emulators start");
        // Whether or not there is one: only a task that asks for it goes there.
        emulators.serve_tasks();
        let folder = tempfile::tempdir().expect("a folder");
        let mut cloud = Self {
            engine: Engine::new(connect(&emulators, &project, &bucket, None).await, None),
            emulators,
            gates: BTreeMap::new(),
            scheduler: None,
            folder,
            client: reqwest::Client::new(),
            project,
            bucket,
            _place: place,
        };
        cloud.open(setup, more).await;
        Some(cloud)
    }

    async fn open(&mut self, setup: Setup, more: &[(&str, &str)]) {
        let names = self.emulators.names();
        let mut env = self.emulators.env();
        env.extend(
            more.iter()
                .map(|(name, value)| ((*name).into(), (*value).into())),
        );
        for role in ["poll", "tick", "dispatch", "monitor"] {
            let mut env = env.clone();
            let subscription = format!("projects/{}/subscriptions/ork-{role}", self.project);
            env.insert("ORK_SUBSCRIPTION".into(), subscription);
            if !setup.messages {
                env.insert("ORK_WAKE_QUEUE".into(), "off".into());
            }
            if setup.urls {
                env.insert("ORK_WORKER_URLS".into(), "default".into());
                env.insert("ORK_SIGN_ACCOUNT".into(), SIGN_ACCOUNT.into());
            }
            let gate = Gate::open(role, setup.way, env).await;
            self.gates.insert(role, gate);
        }
        // Whoever asks for wakes has to know where poll's gate is, which is open by now.
        let wake_url = self.gates["poll"].url("/wake");
        for gate in self.gates.values_mut() {
            gate.start(&wake_url).await;
        }
        if setup.messages {
            let admin = self.emulators.pubsub().expect("it was started").admin();
            for (role, topic) in [
                ("dispatch", &names.topic_dispatch),
                ("poll", &names.topic_poll),
                ("monitor", &names.topic_objects),
            ] {
                let name = format!("projects/{}/subscriptions/ork-{role}", self.project);
                let push = Subscription::push(name, topic, self.gates[role].url("/push"));
                admin
                    .create_subscription(&push)
                    .await
                    .expect("a subscription");
            }
        }
        let tick = self.gates["tick"].url("/tick");
        let options = SchedulerOptions::new(tick, Cadence::Every(setup.tick_every));
        self.scheduler = Some(Scheduler::start(options).expect("the scheduler starts"));
    }

    /// The environment in which somebody talks to the project.
    pub(crate) fn env(&self) -> BTreeMap<String, String> {
        let mut env = self.emulators.env();
        env.insert("ORK_PROJECT".into(), self.project.clone());
        env.insert("ORK_BUCKET".into(), self.bucket.clone());
        env
    }

    /// The project.
    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// The worker job runs tasks in `code`.
    pub(crate) fn work_in(&self, code: &Path) {
        self.work_in_with(code, &[]);
    }

    /// The same, with more in the environment of the job.
    pub(crate) fn work_in_with(&self, code: &Path, more: &[(&str, &str)]) {
        let command = [env!("CARGO_BIN_EXE_ork-service"), "worker"];
        let path = std::env::var("PATH").unwrap_or_default();
        let job = Job::new(command).with_env([
            ("ORK_CODE_DIR", code.display().to_string()),
            (
                "ORK_CACHE_DIR",
                self.folder.path().join("cache").display().to_string(),
            ),
            ("PATH", path),
        ]);
        let more = more
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let job = job.with_env(more);
        self.emulators
            .register_worker(&self.project, &self.bucket, job)
            .expect("a worker job");
    }

    /// The same, and nothing of the project is in the job's environment: what its workers are to know they are told with each execution.
    pub(crate) fn work_without_settings_in(&self, code: &Path) {
        let command = [env!("CARGO_BIN_EXE_ork-service"), "worker"];
        let cache = self.folder.path().join("cache");
        let job = Job::new(command).with_env([
            ("ORK_CODE_DIR", code.display().to_string()),
            ("ORK_CACHE_DIR", cache.display().to_string()),
            // No credentials of whoever runs this lie about there.
            ("HOME", self.folder.path().display().to_string()),
        ]);
        let jobs = self.emulators.run_jobs().expect("it was started");
        jobs.register(&self.emulators.names().worker_job, job)
            .expect("a worker job");
    }

    /// A worker service runs tasks in `code`, and tells dispatch of their ends. Every message comes to it three times.
    pub(crate) async fn serve_in(&mut self, code: &Path) {
        let mut env = self.env();
        let subscription = format!("projects/{}/subscriptions/{WORKERS}", self.project);
        let cache = self.folder.path().join("service");
        env.insert("ORK_SUBSCRIPTION".into(), subscription.clone());
        env.insert(
            "ORK_CHAIN_URL".into(),
            self.gates["dispatch"].url("/finished"),
        );
        env.insert("ORK_CODE_DIR".into(), code.display().to_string());
        env.insert("ORK_CACHE_DIR".into(), cache.display().to_string());
        let gate = Gate::open(WORKERS, Way::Thrice, env).await;
        gate.start(&self.gates["poll"].url("/wake")).await;
        let topic = self.emulators.names().topic_worker_service;
        let push = Subscription {
            ack_deadline: Duration::from_secs(600),
            ..Subscription::push(subscription, topic, gate.url("/push"))
        };
        let admin = self.emulators.pubsub().expect("it was started").admin();
        let made = admin.create_subscription(&push).await;
        made.expect("a subscription");
        self.gates.insert(WORKERS, gate);
    }

    /// Messages that came to the worker service.
    pub(crate) fn served(&self) -> usize {
        self.gates[WORKERS].seen()
    }

    /// A copy of an example's folder, without what runs leave behind.
    pub(crate) fn copy_of(&self, example: &str) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../examples")
            .join(example);
        let target = self.folder_of(example);
        copy_folder(&source, &target);
        target
    }

    /// Where that copy is.
    pub(crate) fn folder_of(&self, example: &str) -> PathBuf {
        self.folder.path().join(example)
    }

    /// Kills the first worker that runs; says whether one did.
    pub(crate) fn kill_a_worker(&self) -> bool {
        let jobs = self.emulators.run_jobs().expect("it was started");
        let executions = jobs.executions(&self.emulators.names().worker_job);
        executions.iter().any(|execution| {
            (0..execution.task_count).any(|index| jobs.kill_task(&execution.name, index))
        })
    }

    /// Uploads a definition as a user does, and waits for the verdict on it.
    pub(crate) async fn upload(&self, name: &str, text: &str) -> Value {
        let storage = self.emulators.storage().expect("it was started").endpoint();
        let url = format!(
            "{storage}/upload/storage/v1/b/{}/o?uploadType=media&name=workflows%2F{name}%2Fworkflow.yaml",
            self.bucket
        );
        let answer = self.client.post(url).body(text.to_owned()).send().await;
        let answer = answer.expect("the storage answers");
        assert!(answer.status().is_success(), "{answer:?}");
        let uploaded: Value =
            serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        let generation = uploaded["generation"]
            .as_str()
            .expect("a generation")
            .to_owned();
        let status = ObjectName::UploadStatus(WorkflowName::new(name).expect("a name"));
        self.until(&format!("a verdict on {name}"), async || {
            let found = self.engine.ports().objects().get(&status, 1 << 20).await;
            let status: Value = serde_json::from_slice(&found.expect("readable")?.bytes).ok()?;
            let of = match &status["generation"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (of == generation).then_some(status)
        })
        .await
    }

    /// Uploads a definition that is accepted.
    pub(crate) async fn deploy(&self, name: &str, text: &str) {
        let status = self.upload(name, text).await;
        assert_eq!(status["accepted"], json!(true), "{status:#}");
    }

    /// Starts a run.
    pub(crate) async fn run(&self, workflow: &str, params: Value) -> RunId {
        let mut wish = StartRun::of(WorkflowName::new(workflow).expect("a name"));
        wish.params = params.as_object().cloned().unwrap_or_default();
        let started = self.engine.start(wish).await.expect("it starts");
        started.id
    }

    /// Waits for the end of a run and gives what became of it, in the form of `ork execute --json`.
    pub(crate) async fn outcome(&self, run: &RunId) -> Value {
        let view = self.ended(run).await;
        let mut tasks = serde_json::Map::new();
        for (at, task) in (0_u32..).zip(&view.graph.workflow.tasks) {
            let state = view.state.task(at);
            let output = self.engine.task_output(&view, at).await.expect("an output");
            let output: Value = serde_json::from_str(&output).expect("JSON");
            let attempts = view.state.instances(at).iter().map(|one| one.attempt).max();
            tasks.insert(
                task.name.to_string(),
                json!({"status": state.status().as_str(), "attempts": attempts, "output": output}),
            );
        }
        json!({"status": view.header.status.as_str(), "tasks": tasks})
    }

    /// Waits for the end of a run.
    pub(crate) async fn ended(&self, run: &RunId) -> RunView {
        self.until(&format!("the end of {run}"), async || {
            let view = self.engine.run(run).await.expect("the run is readable");
            view.header.status.is_terminal().then_some(view)
        })
        .await
    }

    /// What Firestore's emulator calls the documents of the project.
    fn database(&self) -> String {
        let host = &self.emulators.env()["FIRESTORE_EMULATOR_HOST"];
        let project = &self.project;
        format!("{host}/v1/projects/{project}/databases/(default)/documents")
    }

    /// Every document of the project, as Firestore's own API shows it.
    pub(crate) async fn documents(&self) -> Vec<Value> {
        let url = format!("http://{}:runQuery", self.database());
        let all = json!({"structuredQuery": {"from": [{"allDescendants": true}]}});
        let answer = self.client.post(url).json(&all).send().await;
        let rows: Vec<Value> = answer.expect("an answer").json().await.expect("JSON");
        let documents = rows.into_iter().map(|mut row| row["document"].take());
        documents.filter(|document| !document.is_null()).collect()
    }

    /// Puts documents in the place of all that there are.
    pub(crate) async fn restore(&self, documents: &[Value]) {
        let url = format!("http://{}", self.database());
        let emptied = self.client.delete(url.replace("/v1/", "/emulator/v1/"));
        let answer = emptied.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
        let writes = documents
            .iter()
            .map(|one| json!({"update": {"name": one["name"], "fields": one["fields"]}}));
        let all = json!({"writes": writes.collect::<Vec<_>>()});
        let answer = self.client.post(format!("{url}:commit")).json(&all).send();
        let answer = answer.await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Kills a service and starts another.
    pub(crate) async fn kill(&self, role: &str) {
        assert!(self.gates.contains_key(role), "{role} is a role");
        self.gates[role].kill().await;
    }

    /// Waits until `look` finds something.
    pub(crate) async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        until(what, look).await
    }

    pub(crate) async fn stop(self) {
        drop(self.scheduler);
        drop(self.gates);
        self.emulators.stop().await;
    }
}

/// Waits until `look` finds something.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            Instant::now() < until,
            "{what} did not come within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
