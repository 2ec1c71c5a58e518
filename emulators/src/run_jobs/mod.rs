//! The stand-in for Cloud Run jobs: the API that `google-cloud-run-v2` speaks, with processes of this machine as tasks.

mod calls;
mod control;
mod drive;
mod execution;
mod fault;
mod job;
mod name;
mod request;
mod resource;
mod routes;
mod simulated;
mod state;
mod task_process;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use rustix::process::{Signal, kill_process_group};
use tempfile::TempDir;
use tokio::sync::{Semaphore, watch};

use crate::http::Server;
use execution::Execution;
use job::Work;
use state::{Registered, State};

pub use execution::Phase;
pub use fault::{Call, Effect, Fault};
pub use job::{Instant, Job, TaskEnd};
pub use simulated::{Planned, Simulated};

/// How many tasks a job answers at a time whose tasks are answered by a function.
const INSTANT_PARALLELISM: usize = 1_000;

/// How the stand-in for Cloud Run jobs is started.
#[derive(Clone, Debug)]
pub struct RunJobsOptions {
    /// Where it listens; port 0 = any free port.
    pub address: SocketAddr,
    /// How many processes of one job run at a time.
    pub parallelism: usize,
    /// How long a process has between SIGTERM and SIGKILL.
    pub grace: Duration,
}

impl Default for RunJobsOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            parallelism: 16,
            grace: Duration::from_secs(10),
        }
    }
}

/// The running stand-in. Dropping it kills every process it started.
#[derive(Debug)]
pub struct RunJobs {
    inner: Arc<Inner>,
    server: Option<Server>,
    address: SocketAddr,
}

/// What an execution looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionView {
    /// Its full name.
    pub name: String,
    /// Where it stands.
    pub phase: Phase,
    /// When the call that started it arrived.
    pub created: SystemTime,
    /// How many tasks it has.
    pub task_count: u32,
    /// How many run now.
    pub running: u32,
    /// How many succeeded.
    pub succeeded: u32,
    /// How many failed.
    pub failed: u32,
    /// How many were cancelled.
    pub cancelled: u32,
    /// How often it was asked to be cancelled.
    pub cancels: u32,
    /// The environment its tasks have on top of CLOUD_RUN_*.
    pub env: std::collections::BTreeMap<String, String>,
}

impl ExecutionView {
    fn of(execution: &Execution) -> Self {
        Self {
            name: execution.name.clone(),
            phase: execution.phase(),
            created: execution.created.into(),
            task_count: execution.task_count,
            running: execution.running,
            succeeded: execution.succeeded,
            failed: execution.failed,
            cancelled: execution.cancelled,
            cancels: execution.cancels,
            env: execution.env.clone(),
        }
    }
}

impl RunJobs {
    /// Starts it.
    ///
    /// # Errors
    /// The port is taken, or there is no place for the output of processes.
    pub async fn start(options: RunJobsOptions) -> anyhow::Result<Self> {
        let inner = Arc::new(Inner {
            state: Mutex::default(),
            logs: tempfile::tempdir().context(
                "the stand-in for Cloud Run jobs: no folder for the output of its processes",
            )?,
            parallelism: options.parallelism.max(1),
            grace: options.grace,
        });
        let router = routes::router(inner.clone());
        let server =
            Server::start("the stand-in for Cloud Run jobs", options.address, router).await?;
        Ok(Self {
            inner,
            address: server.address(),
            server: Some(server),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The value of `ORK_RUN_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a job known; one of that name is replaced, and its executions go on.
    ///
    /// # Errors
    /// `name` is no full name of a job (`projects/P/locations/L/jobs/J`), or the command is empty.
    pub fn register(&self, name: &str, job: Job) -> anyhow::Result<()> {
        self.inner
            .register(name, Work::Process(job))
            .map_err(|error| anyhow!("{}", error.message()))
    }

    /// Makes a job known whose tasks are answered by a function instead of a process.
    ///
    /// # Errors
    /// `name` is no full name of a job.
    pub fn register_instant(&self, name: &str, instant: Instant) -> anyhow::Result<()> {
        self.inner
            .register(name, Work::Instant(instant))
            .map_err(|error| anyhow!("{}", error.message()))
    }

    /// Makes a job known whose container is not here: its tasks do what a script says.
    ///
    /// # Errors
    /// `name` is no full name of a job, or the script makes no sense.
    pub fn register_simulated(&self, name: &str, job: Simulated) -> anyhow::Result<()> {
        self.inner
            .register(name, Work::Simulated(job))
            .map_err(|error| anyhow!("{}", error.message()))
    }

    /// Says what an execution of a simulated job does, or the next ones.
    ///
    /// # Errors
    /// The script makes no sense, or there is no such execution.
    pub fn script(&self, planned: Planned) -> anyhow::Result<()> {
        self.inner
            .plan(planned)
            .map_err(|error| anyhow!("{}", error.message()))
    }

    /// Lets something go wrong.
    ///
    /// # Errors
    /// The fault makes no sense.
    pub fn fault(&self, fault: Fault) -> anyhow::Result<()> {
        if let Some(why) = fault.nonsense() {
            return Err(anyhow!("this fault cannot be: {why}"));
        }
        self.inner.state().faults.add(fault);
        Ok(())
    }

    /// Nothing more goes wrong.
    pub fn clear_faults(&self) {
        self.inner.state().faults.clear();
    }

    /// The executions of a job, the newest first; `…/jobs/-` stands for every job of that place.
    #[must_use]
    pub fn executions(&self, job: &str) -> Vec<ExecutionView> {
        self.inner
            .state()
            .executions_of(job)
            .into_iter()
            .map(ExecutionView::of)
            .collect()
    }

    /// The jobs of a place (`projects/P/locations/L`), by their full names.
    #[must_use]
    pub fn jobs(&self, location: &str) -> Vec<String> {
        let prefix = format!("{location}/jobs/");
        let state = self.inner.state();
        let names = state.jobs.keys().filter(|name| name.starts_with(&prefix));
        names.cloned().collect()
    }

    /// One execution by its full name.
    #[must_use]
    pub fn execution(&self, name: &str) -> Option<ExecutionView> {
        self.inner
            .state()
            .executions
            .get(name)
            .map(ExecutionView::of)
    }

    /// What the processes of an execution have printed so far.
    #[must_use]
    pub fn output(&self, execution: &str) -> Option<String> {
        self.inner.output(execution)
    }

    /// Kills (SIGKILL) the process of one task, as a lost machine would. `false` when it does not run.
    #[must_use]
    pub fn kill_task(&self, execution: &str, index: u32) -> bool {
        self.inner.kill_task(execution, index)
    }

    /// Kills and forgets every execution of a project. Its jobs stay.
    pub fn wipe(&self, project: &str) {
        self.inner.wipe(project);
    }

    /// Kills everything it started and frees the port.
    pub async fn stop(mut self) {
        self.inner.end_all();
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }
}

impl Drop for RunJobs {
    fn drop(&mut self) {
        self.inner.end_all();
    }
}

/// What the server, the drivers and the handle share.
#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    logs: TempDir,
    parallelism: usize,
    grace: Duration,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete or none; a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes an execution, unless it was deleted meanwhile.
    fn change(&self, execution: &str, change: impl FnOnce(&mut Execution)) {
        if let Some(found) = self.state().executions.get_mut(execution) {
            change(found);
        }
    }

    fn log_of(&self, execution: &str) -> PathBuf {
        self.logs
            .path()
            .join(format!("{}.log", execution.replace('/', "_")))
    }

    fn output(&self, execution: &str) -> Option<String> {
        let log = self.state().executions.get(execution)?.log.clone();
        // No process has printed anything: then there is no file.
        Some(String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned())
    }

    fn kill_task(&self, execution: &str, index: u32) -> bool {
        let group = self
            .state()
            .executions
            .get(execution)
            .and_then(|execution| execution.groups.get(&index).copied());
        group.is_some_and(|group| kill_process_group(group, Signal::KILL).is_ok())
    }

    fn wipe(&self, project: &str) {
        let prefix = format!("projects/{project}/");
        let mut state = self.state();
        state
            .operations
            .retain(|name, _| !name.starts_with(&prefix));
        let concerns =
            |name: &Option<String>| name.as_ref().is_some_and(|name| name.starts_with(&prefix));
        state.planned.retain(|planned| !concerns(&planned.job));
        state.executions.retain(|name, execution| {
            let stays = !name.starts_with(&prefix);
            if !stays {
                execution.abort();
            }
            stays
        });
    }

    fn end_all(&self) {
        for execution in self.state().executions.values() {
            execution.abort();
        }
    }

    fn register(&self, name: &str, work: Work) -> Result<(), crate::http::ApiError> {
        name::check_job(name)?;
        let (task_count, timeout, parallelism) = match &work {
            Work::Process(job) => (
                job.task_count,
                job.timeout,
                job.parallelism.unwrap_or(self.parallelism),
            ),
            Work::Instant(_) => (1, Duration::from_secs(600), INSTANT_PARALLELISM),
            Work::Simulated(job) => (job.task_count, job.timeout, INSTANT_PARALLELISM),
        };
        if let Work::Simulated(job) = &work {
            simulated::check(&job.script).map_err(|why| {
                crate::http::ApiError::new(
                    crate::http::Code::InvalidArgument,
                    format!("{name}: its script cannot be: {why}"),
                )
            })?;
        }
        if matches!(&work, Work::Process(job) if job.command.is_empty()) {
            return Err(crate::http::ApiError::new(
                crate::http::Code::InvalidArgument,
                format!("{name}: its command is empty"),
            ));
        }
        let registered = Registered {
            name: name.to_owned(),
            uid: state::uid(),
            created: Timestamp::now(),
            work,
            task_count,
            timeout,
            parallelism,
            permits: Arc::new(Semaphore::new(parallelism.max(1))),
        };
        self.state().jobs.insert(name.to_owned(), registered);
        Ok(())
    }
}

impl Execution {
    /// Ends it here and now: its tasks' groups are killed when what drives them is dropped, and at once as well.
    fn abort(&self) {
        if let Some(driver) = &self.driver {
            driver.abort();
        }
        for group in self.groups.values() {
            let _ = kill_process_group(*group, Signal::KILL);
        }
    }

    fn new_cancel() -> (watch::Sender<bool>, watch::Receiver<bool>) {
        watch::channel(false)
    }
}
