//! A deployment on this machine: emulators, the services as processes behind gates, a tick every minute, and a function that answers for
//! the workers at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use ork_core::ids::{RunId, WorkflowName};
use ork_core::parse::parse_workflow;
use ork_core::run::RunStatus;
use ork_core::task::{TaskSpec, Verdict};
use ork_emulators::google::Subscription;
use ork_emulators::scheduler::{Cadence, Scheduler, SchedulerOptions};
use ork_emulators::{Emulators, Options};
use ork_engine::ports::{Key, Ports, Store};
use ork_engine::{Engine, StartRun};
use ork_gcp::Google;

use crate::connect::connect;
use crate::gate::Gate;
use crate::instant::{index, instant_with};
use crate::services::{ROLES, Service};

/// How long a run may take, however slow the machine is.
const PATIENCE: Duration = Duration::from_secs(600);

/// How a deployment is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// The project's name.
    pub(crate) name: &'static str,
    /// Processes of each service.
    pub(crate) processes: usize,
    /// Whether the gates note what passes.
    pub(crate) notes: bool,
}

/// A verdict that a worker has left.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    pub(crate) spec: TaskSpec,
    /// The execution its worker belongs to.
    pub(crate) execution: String,
    /// When the worker knew that it is written.
    pub(crate) at: SystemTime,
}

/// See the module. Dropping it ends all of it.
pub(crate) struct Deployment {
    // In this order they are dropped: first who calls, then who is called.
    scheduler: Option<Scheduler>,
    gates: BTreeMap<&'static str, Gate>,
    /// For starting runs and looking at them.
    pub(crate) engine: Engine<Google>,
    pub(crate) emulators: Emulators,
    left: Arc<Mutex<Vec<Left>>>,
}

impl Deployment {
    /// Starts everything; tasks give their indexes.
    pub(crate) async fn start(setup: Setup) -> Result<Self> {
        Self::start_with(setup, index).await
    }

    /// Starts everything; `verdict` is what becomes of an attempt, by its place in its batch.
    pub(crate) async fn start_with(
        setup: Setup,
        verdict: fn(&TaskSpec, u32) -> Verdict,
    ) -> Result<Self> {
        let (project, bucket) = (
            format!("bench-{}", setup.name),
            format!("bench-{}-bucket", setup.name),
        );
        let mut emulators = Emulators::start(Options::for_project(&project, &bucket)).await?;
        // Whether or not there is one: only a task that asks for it goes there.
        emulators.serve_tasks();
        let mut gates = BTreeMap::new();
        for role in ROLES {
            gates.insert(role, Gate::open(setup.notes).await?);
        }
        let wake_url = gates["poll"].url("/wake");
        let google = connect(&emulators, &project, &bucket, Some(&wake_url)).await;
        let mut deployment = Self {
            scheduler: None,
            gates,
            engine: Engine::new(google, None),
            emulators,
            left: Arc::default(),
        };
        deployment.serve(&project, &wake_url, setup).await?;
        deployment.work(&project, &bucket, verdict).await?;
        let tick = deployment.gates["tick"].url("/tick");
        let options = SchedulerOptions::new(tick, Cadence::Minute);
        deployment.scheduler = Some(Scheduler::start(options)?);
        Ok(deployment)
    }

    async fn serve(&mut self, project: &str, wake_url: &str, setup: Setup) -> Result<()> {
        let names = self.emulators.names();
        let pubsub = self.emulators.pubsub().context("Pub/Sub was started")?;
        for (role, gate) in &mut self.gates {
            let subscription = format!("projects/{project}/subscriptions/ork-{role}");
            let mut env = self.emulators.env();
            env.insert("ORK_WAKE_URL".into(), wake_url.into());
            if *role != "tick" {
                env.insert("ORK_SUBSCRIPTION".into(), subscription.clone());
            }
            let mut services = Vec::new();
            for _ in 0..setup.processes {
                services.push(Service::start(role, &env).await);
            }
            gate.put(services)?;
            let topic = match *role {
                "dispatch" => &names.topic_dispatch,
                "poll" => &names.topic_poll,
                "monitor" => &names.topic_objects,
                _ => continue,
            };
            let push = Subscription::push(subscription, topic, gate.url("/push"));
            pubsub.admin().create_subscription(&push).await?;
        }
        Ok(())
    }

    /// A worker service runs tasks in `code`, instead of one that did before. `chains`: it tells dispatch of their ends.
    pub(crate) async fn serve_in(&mut self, code: &Path, chains: bool) -> Result<()> {
        let role = "worker-service";
        let project = self.emulators.project();
        let subscription = format!("projects/{project}/subscriptions/{role}");
        let mut env = self.emulators.env();
        let text = |path: &Path| path.display().to_string();
        env.insert("ORK_SUBSCRIPTION".into(), subscription.clone());
        env.insert("ORK_CODE_DIR".into(), text(code));
        env.insert("ORK_CACHE_DIR".into(), text(&code.join(".cache")));
        if chains {
            let dispatch = self.gates["dispatch"].services().first();
            let dispatch = dispatch.context("dispatch was started")?;
            env.insert("ORK_CHAIN_URL".into(), dispatch.url("/finished"));
        }
        self.gates.remove(role);
        let mut gate = Gate::open(false).await?;
        gate.put(vec![Service::start(role, &env).await])?;
        let topic = self.emulators.names().topic_worker_service;
        let push = Subscription {
            ack_deadline: Duration::from_secs(600),
            ..Subscription::push(subscription, topic, gate.url("/push"))
        };
        let pubsub = self.emulators.pubsub().context("Pub/Sub was started")?;
        pubsub.admin().create_subscription(&push).await?;
        self.gates.insert(role, gate);
        Ok(())
    }

    async fn work(
        &self,
        project: &str,
        bucket: &str,
        verdict: fn(&TaskSpec, u32) -> Verdict,
    ) -> Result<()> {
        let workers = connect(&self.emulators, project, bucket, None).await;
        let left = self.left.clone();
        let answer = instant_with(workers, verdict, move |spec, execution| {
            let one = Left {
                at: SystemTime::now(),
                spec: spec.clone(),
                execution: execution.to_owned(),
            };
            left.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(one);
        });
        let jobs = self.emulators.run_jobs().context("jobs were started")?;
        jobs.register_instant(&self.emulators.names().worker_job, answer)
    }

    /// Stores a definition; gives its name.
    pub(crate) async fn deploy(&self, text: &str) -> Result<WorkflowName> {
        let parsed = parse_workflow("workflow.yaml", text.as_bytes());
        let Ok(parsed) = parsed else {
            bail!("the workflow of this measurement is wrong: {text}");
        };
        let pools = BTreeMap::new();
        let deployed = self.engine.deploy(&parsed.workflow, None, &pools);
        deployed.await?;
        Ok(parsed.workflow.name.clone())
    }

    /// Starts a run.
    pub(crate) async fn begin(&self, workflow: &WorkflowName) -> Result<RunId> {
        self.begin_as(StartRun::of(workflow.clone())).await
    }

    /// Starts a run that is asked for in more words.
    pub(crate) async fn begin_as(&self, wish: StartRun) -> Result<RunId> {
        Ok(self.engine.start(wish).await?.id)
    }

    /// Waits until a run is over, which must be a success. `meanwhile` is called between two looks.
    pub(crate) async fn success(
        &self,
        run: &RunId,
        look_every: Duration,
        mut meanwhile: impl AsyncFnMut() -> Result<()>,
    ) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let key = [Key::Run(run.clone())];
        loop {
            // Not the whole run: looking would cost more than what is looked at.
            let found = self.engine.ports().store().read(&key).await?;
            let status = found.into_iter().flatten().next();
            let status = status.and_then(|found| found.index.status);
            let status = status.with_context(|| format!("run {run} has a status"))?;
            if status.is_terminal() {
                ensure!(status == RunStatus::Success, "run {run} ended as {status}");
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "run {run} takes longer than {PATIENCE:?}"
            );
            meanwhile().await?;
            tokio::time::sleep(look_every).await;
        }
    }

    /// A role's gate.
    pub(crate) fn gate(&self, role: &str) -> &Gate {
        &self.gates[role]
    }

    /// Every verdict so far.
    pub(crate) fn left(&self) -> Vec<Left> {
        let left = self.left.lock();
        left.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends all of it.
    pub(crate) async fn stop(self) {
        drop(self.scheduler);
        drop(self.gates);
        self.emulators.stop().await;
    }
}
