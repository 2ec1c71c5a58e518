//! What runs cost on the emulators: store writes, object operations and their price, counted where they are made. The services run in
//! this process, and a function answers for the workers, so that what is counted is the control plane and the worker's protocol.

#[path = "e2e/connect.rs"]
mod connect;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ork_core::ids::{RunId, WorkflowName};
use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::parse::parse_workflow;
use ork_core::run::RunStatus;
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_emulators::google::{Subscription, testing};
use ork_emulators::run_jobs::{self, TaskEnd};
use ork_emulators::{Emulators, Options};
use ork_engine::ports::{Clock, Objects, Ports};
use ork_engine::{Engine, StartRun, Worker};
use ork_gcp::{Google, Usage, prices};
use ork_host::{Role, Settings};
use serde::Deserialize;
use tokio::net::TcpListener;

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Emulators, services, and everybody whose operations are counted.
struct Deployment {
    emulators: Emulators,
    engine: Engine<Google>,
    counted: Vec<(&'static str, Google)>,
    workers: Google,
}

impl Deployment {
    async fn start(test: &str) -> Option<Self> {
        testing::sdk_or_skip(test)?;
        let (project, bucket) = ("costs", "costs-bucket");
        let emulators = Emulators::start(Options::for_project(project, bucket));
        let emulators = emulators.await.expect("the emulators start");
        let names = emulators.names();
        let mut listeners = BTreeMap::new();
        for role in ["dispatch", "monitor", "poll"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            listeners.insert(role, listener);
        }
        let address = |listener: &TcpListener| listener.local_addr().expect("an address");
        let wake_url = format!("http://{}/wake", address(&listeners["poll"]));
        let admin = emulators.pubsub().expect("it was started").admin();
        let mut env = emulators.env();
        env.insert("ORK_WAKE_URL".into(), wake_url.clone());
        let mut counted = Vec::new();
        for (name, role, topic) in [
            ("dispatch", Role::Dispatch, &names.topic_dispatch),
            ("monitor", Role::Monitor, &names.topic_objects),
            ("poll", Role::Poll, &names.topic_poll),
        ] {
            let subscription = format!("projects/{project}/subscriptions/ork-{name}");
            let listener = listeners.remove(name).expect("it was opened");
            let url = format!("http://{}/push", address(&listener));
            let push = Subscription::push(&subscription, topic, url);
            admin
                .create_subscription(&push)
                .await
                .expect("a subscription");
            env.insert("ORK_SUBSCRIPTION".into(), subscription);
            let settings = Settings::read(role, &env).expect("the settings are right");
            let google = connect::connect(&emulators, project, bucket, Some(&wake_url)).await;
            let engine = Engine::new(google.clone(), None);
            counted.push((name, google));
            let routes = match role {
                Role::Dispatch => ork_dispatch::router(engine, &settings),
                Role::Monitor => ork_monitor::router(engine, &settings),
                _ => ork_poll::router(engine, &settings),
            };
            tokio::spawn(async move { axum::serve(listener, routes).await });
        }
        let starter = connect::connect(&emulators, project, bucket, Some(&wake_url)).await;
        counted.push(("starter", starter.clone()));
        let workers = connect::connect(&emulators, project, bucket, None).await;
        let jobs = emulators.run_jobs().expect("it was started");
        let answer = answer_for(workers.clone());
        jobs.register_instant(&names.worker_job, answer)
            .expect("a worker job");
        Some(Self {
            emulators,
            engine: Engine::new(starter, None),
            counted,
            workers,
        })
    }

    /// Runs a workflow to its end; gives what all services used, what the workers did, and how long it took.
    async fn cost_of(&self, text: &str) -> (Usage, Usage, Duration) {
        let workflow = parse_workflow("workflow.yaml", text.as_bytes()).expect("it is right");
        let pools = BTreeMap::new();
        let deployed = self.engine.deploy(&workflow.workflow, None, &pools).await;
        deployed.expect("it is stored");
        let before = self.totals();
        let began = Instant::now();
        let wish =
            StartRun::of(WorkflowName::new(workflow.workflow.name.as_str()).expect("a name"));
        let run = self.engine.start(wish).await.expect("it starts").id;
        let status = self.end_of(&run).await;
        assert_eq!(status, RunStatus::Success, "{run}");
        let took = began.elapsed();
        let after = self.totals();
        (less(&after.0, &before.0), less(&after.1, &before.1), took)
    }

    /// Looks through a client that nobody counts.
    async fn end_of(&self, run: &RunId) -> RunStatus {
        let observer = connect::connect(&self.emulators, "costs", "costs-bucket", None).await;
        let observer = Engine::new(observer, None);
        let until = Instant::now() + PATIENCE;
        loop {
            let view = observer.run(run).await.expect("the run is readable");
            if view.header.status.is_terminal() {
                return view.header.status;
            }
            assert!(
                Instant::now() < until,
                "{run} takes longer than {PATIENCE:?}: {:?}",
                view.state.counts()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn totals(&self) -> (Usage, Usage) {
        let mut services = Usage::default();
        for (_, google) in &self.counted {
            services.add(&google.meter().total());
        }
        (services, self.workers.meter().total())
    }
}

fn less(after: &Usage, before: &Usage) -> Usage {
    Usage {
        store_reads: after.store_reads - before.store_reads,
        store_writes: after.store_writes - before.store_writes,
        store_deletes: after.store_deletes - before.store_deletes,
        class_a: after.class_a - before.class_a,
        class_b: after.class_b - before.class_b,
        messages: after.messages - before.messages,
        message_bytes: after.message_bytes - before.message_bytes,
        tasks: after.tasks - before.tasks,
        job_starts: after.job_starts - before.job_starts,
        ..Usage::default()
    }
}

/// A worker that claims, and gives its index at once.
fn answer_for(google: Google) -> run_jobs::Instant {
    #[derive(Deserialize)]
    struct Batch {
        specs: Vec<TaskSpec>,
    }
    type Read = BTreeMap<String, Arc<Batch>>;
    // Each batch is read once for all its workers: parsing it a thousand times would be what is measured.
    let read: Arc<Mutex<Read>> = Arc::default();
    run_jobs::Instant::new(move |env, index, _| {
        let (google, read) = (google.clone(), read.clone());
        async move {
            let name = &env["ORK_BATCH"];
            let known = read.lock().expect("no panic").get(name).cloned();
            let batch = match known {
                Some(batch) => batch,
                None => {
                    let object = ObjectName::parse(name).expect("the name of a batch");
                    let bytes = google
                        .objects()
                        .get(&object, limits::BATCH_BYTES as u64)
                        .await;
                    let bytes = bytes.expect("readable").expect("it is there").bytes;
                    let batch: Arc<Batch> =
                        Arc::new(serde_json::from_slice(&bytes).expect("a batch"));
                    read.lock()
                        .expect("no panic")
                        .insert(name.clone(), batch.clone());
                    batch
                }
            };
            let spec = &batch.specs[index as usize];
            let worker = Worker::new(google.objects(), spec, format!("instant/{index}/1/x"));
            if worker.begin(google.clock().now()).await.expect("a claim") {
                let output = Output::Inline(index.to_string().into());
                worker
                    .finish(&Verdict::Success { output })
                    .await
                    .expect("a verdict");
            }
            TaskEnd::Succeeded
        }
    })
}

/// Says what was counted, and that it is at most so much for each task.
#[expect(clippy::print_stdout, reason = "shown with --nocapture only")]
fn expect(
    what: &str,
    tasks: u32,
    (services, workers, took): &(Usage, Usage, Duration),
    most: [f64; 3],
) {
    let each = |count: u64| count as f64 / f64::from(tasks);
    let mut all = *services;
    all.add(workers);
    let price = prices::cost(services).dollars() / f64::from(tasks) * 1000.0;
    let price_with_objects = prices::cost(&all).dollars() / f64::from(tasks) * 1000.0;
    let said = format!(
        "{what}: {tasks} tasks in {took:.1?}: a task {:.3} store writes, {:.3} reads, {:.3} object writes (class A), {:.3} object reads, {:.3} messages, {} starts; per 1,000 tasks ${price_with_objects:.4}, of which ${price:.4} by the services",
        each(services.store_writes),
        each(services.store_reads),
        each(all.class_a),
        each(all.class_b),
        each(services.messages),
        services.job_starts,
    );
    println!("{said}");
    let found = [
        each(services.store_writes),
        each(all.class_a),
        price_with_objects,
    ];
    for (found, most) in found.into_iter().zip(most) {
        assert!(found <= most, "{found} is more than {most}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_cost_what_they_may() {
    let Some(deployment) = Deployment::start("what runs cost").await else {
        return;
    };
    let mut chain = "name: chain\ntasks:\n  t0: {command: x}\n".to_owned();
    for at in 1..20 {
        chain += &format!("  t{at}: {{command: x, depends_on: [t{}]}}\n", at - 1);
    }
    let found = deployment.cost_of(&chain).await;
    expect("chain", 20, &found, [3.0, 4.5, 0.03]);
    let fan = "name: fan\ntasks:\n  a: {command: x}\n  b: {command: x, parallel: 1000, depends_on: [a]}\n  c: {command: x, depends_on: [b]}\n";
    let found = deployment.cost_of(fan).await;
    expect("fan-out", 1_002, &found, [0.1, 2.1, 0.012]);
    deployment.emulators.stop().await;
}
