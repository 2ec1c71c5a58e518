//! A deployment whose operations are counted where they are made: the services run in this process, and a function answers for the workers,
//! so that what is counted is the control plane and the worker's protocol.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::middleware::map_request;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::parse::parse_workflow;
use ork_core::run::RunStatus;
use ork_emulators::google::Subscription;
use ork_emulators::{Emulators, Options};
use ork_engine::{Engine, StartRun};
use ork_gcp::permissions::{On, needs};
use ork_gcp::{Google, Usage, prices};
use ork_host::{Role, Settings};
use tokio::net::TcpListener;

use super::instant::instant;
use crate::connect::connect;

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(300);

const PROJECT: &str = "costs";
const BUCKET: &str = "costs-bucket";

/// Emulators, services, and everybody whose operations are counted.
pub(crate) struct Counted {
    pub(crate) emulators: Emulators,
    engine: Engine<Google>,
    /// With the role of `ork-service` that each has; whoever starts runs here has none.
    counted: Vec<(&'static str, Google)>,
    workers: Google,
    requests: Arc<AtomicU64>,
}

/// What a run came to.
pub(crate) struct Cost {
    tasks: u32,
    services: Usage,
    workers: Usage,
    requests: u64,
    took: Duration,
}

impl Counted {
    /// Starts everything.
    pub(crate) async fn start() -> Self {
        let emulators = Emulators::start(Options::for_project(PROJECT, BUCKET));
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
        let requests = Arc::new(AtomicU64::new(0));
        for (name, role, topic) in [
            ("dispatch", Role::Dispatch, &names.topic_dispatch),
            ("monitor", Role::Monitor, &names.topic_objects),
            ("poll", Role::Poll, &names.topic_poll),
        ] {
            let subscription = format!("projects/{PROJECT}/subscriptions/ork-{name}");
            let listener = listeners.remove(name).expect("it was opened");
            let url = format!("http://{}/push", address(&listener));
            let push = Subscription::push(&subscription, topic, url);
            admin
                .create_subscription(&push)
                .await
                .expect("a subscription");
            env.insert("ORK_SUBSCRIPTION".into(), subscription);
            let settings = Settings::read(role, &env).expect("the settings are right");
            let google = connect(&emulators, PROJECT, BUCKET, Some(&wake_url)).await;
            let engine = Engine::new(google.clone(), None);
            counted.push((name, google));
            let routes = match role {
                Role::Dispatch => ork_dispatch::router(engine, &settings),
                Role::Monitor => ork_monitor::router(engine, &settings),
                _ => ork_poll::router(engine, &settings),
            };
            let requests = requests.clone();
            let routes = routes.layer(map_request(move |request: Request| {
                requests.fetch_add(1, Ordering::Relaxed);
                std::future::ready(request)
            }));
            tokio::spawn(async move { axum::serve(listener, routes).await });
        }
        let starter = connect(&emulators, PROJECT, BUCKET, Some(&wake_url)).await;
        counted.push(("", starter.clone()));
        let workers = connect(&emulators, PROJECT, BUCKET, None).await;
        let jobs = emulators.run_jobs().expect("it was started");
        jobs.register_instant(&names.worker_job, instant(workers.clone(), |_, _| {}))
            .expect("a worker job");
        Self {
            emulators,
            engine: Engine::new(starter, None),
            counted,
            workers,
            requests,
        }
    }

    /// Runs a workflow of so many tasks to its end.
    pub(crate) async fn cost_of(&self, tasks: u32, text: &str) -> Cost {
        let workflow = parse_workflow("workflow.yaml", text.as_bytes()).expect("it is right");
        let pools = BTreeMap::new();
        let deployed = self.engine.deploy(&workflow.workflow, None, &pools).await;
        deployed.expect("it is stored");
        let (services, workers) = (self.services(), self.workers.meter().total());
        let requests = self.requests.load(Ordering::Relaxed);
        let began = Instant::now();
        let wish =
            StartRun::of(WorkflowName::new(workflow.workflow.name.as_str()).expect("a name"));
        let run = self.engine.start(wish).await.expect("it starts").id;
        let status = self.end_of(&run).await;
        assert_eq!(status, RunStatus::Success, "{run}");
        // Who needs what was not only thought of.
        let undeclared = self.undeclared();
        assert!(undeclared.is_empty(), "{undeclared:?}");
        Cost {
            tasks,
            took: began.elapsed(),
            services: since(self.services(), &services),
            workers: since(self.workers.meter().total(), &workers),
            requests: self.requests.load(Ordering::Relaxed) - requests,
        }
    }

    /// Looks through a client that nobody counts.
    async fn end_of(&self, run: &RunId) -> RunStatus {
        let observer = connect(&self.emulators, PROJECT, BUCKET, None).await;
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

    /// What was used without being declared among the permissions that a deployment gives.
    fn undeclared(&self) -> Vec<String> {
        let services = self.counted.iter().filter(|(role, _)| !role.is_empty());
        let services = services.map(|(role, google)| (*role, google.meter().total()));
        let workers = std::iter::once(("worker", self.workers.meter().total()));
        let needs = needs();
        let mut undeclared = Vec::new();
        for (role, used) in services.chain(workers) {
            for (count, on, permission) in [
                (used.store_reads, On::Database, "datastore.entities.get"),
                (used.store_writes, On::Database, "datastore.entities.update"),
                (
                    used.store_deletes,
                    On::Database,
                    "datastore.entities.delete",
                ),
                (used.class_a, On::Objects, "storage.objects.create"),
                (used.class_b, On::Objects, "storage.objects.get"),
                (used.messages, On::Hints, "pubsub.topics.publish"),
                (used.tasks, On::Queue, "cloudtasks.tasks.create"),
                (used.job_starts, On::Jobs, "run.jobs.runWithOverrides"),
            ] {
                let mut all = needs.iter();
                let declared = all.any(|need| {
                    need.who == role && need.on == on && need.permissions.contains(&permission)
                });
                if count > 0 && !declared {
                    undeclared.push(format!("{role} used {permission} {count} times"));
                }
            }
        }
        undeclared
    }

    fn services(&self) -> Usage {
        let mut all = Usage::default();
        for (_, google) in &self.counted {
            all.add(&google.meter().total());
        }
        all
    }
}

/// Operations only: whose requests and processor time it was nobody can tell in this process.
fn since(now: Usage, before: &Usage) -> Usage {
    let mut used = Usage {
        requests: 0,
        cpu_micros: 0,
        ..now
    };
    used.subtract(before);
    used
}

impl Cost {
    fn each(&self, count: u64) -> f64 {
        count as f64 / f64::from(self.tasks)
    }

    fn all(&self) -> Usage {
        let mut all = self.services;
        all.add(&self.workers);
        all
    }

    /// Store writes for a task.
    pub(crate) fn writes(&self) -> f64 {
        self.each(self.services.store_writes)
    }

    /// Object writes and listings for a task, its worker's among them.
    pub(crate) fn class_a(&self) -> f64 {
        self.each(self.all().class_a)
    }

    /// Dollars for a thousand tasks: operations of the services and of the worker's protocol.
    pub(crate) fn price(&self) -> f64 {
        self.thousand(&self.all())
    }

    /// The same with the requests that were served (pushes, wakes), and the messages of the bucket that most of them bring.
    pub(crate) fn price_with_requests(&self) -> f64 {
        let mut all = self.all();
        all.requests = self.requests;
        // Hints and wakes are counted where they are sent.
        all.messages = all.messages.max(self.requests);
        self.thousand(&all)
    }

    fn thousand(&self, used: &Usage) -> f64 {
        prices::cost(used).dollars() / f64::from(self.tasks) * 1000.0
    }

    /// All of it for a person.
    pub(crate) fn text(&self) -> String {
        let all = self.all();
        format!(
            "{} tasks in {:.1?}: a task {:.3} store writes, {:.3} reads, {:.3} object writes (class A), {:.3} object reads, {:.3} messages, {:.3} requests, {} starts; per 1,000 tasks ${:.4}, of which ${:.4} by the services; with requests and the bucket's messages ${:.4}",
            self.tasks,
            self.took,
            self.writes(),
            self.each(self.services.store_reads),
            self.class_a(),
            self.each(all.class_b),
            self.each(self.services.messages),
            self.each(self.requests),
            self.services.job_starts,
            self.price(),
            self.thousand(&self.services),
            self.price_with_requests(),
        )
    }
}

/// So many tasks, one after the other.
pub(crate) fn chain(tasks: u32) -> String {
    let mut text = "name: chain\ntasks:\n  t0: {command: x}\n".to_owned();
    for at in 1..tasks {
        text += &format!("  t{at}: {{command: x, depends_on: [t{}]}}\n", at - 1);
    }
    text
}

/// One task, so many beside each other, and one.
pub(crate) fn fan(width: u32) -> String {
    format!(
        "name: fan\ntasks:\n  a: {{command: x}}\n  b: {{command: x, parallel: {width}, depends_on: [a]}}\n  c: {{command: x, depends_on: [b]}}\n"
    )
}
