//! Attempts as tasks of Cloud Run jobs: one array execution for all that start together and want the same worker.
//!
//! The jobs must be made with no retries of their own (`max_retries = 0`): Ork decides what is tried again.

pub(crate) mod batches;
mod executions;
mod renew;
pub(crate) mod start;
mod stop;
mod urls;
mod workers;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_run_v2::client::{Executions, Jobs};
use ork_core::definition::Task;
use ork_core::task::{AttemptId, TaskSpec};
use ork_engine::ports::{Alive, Clock, Executor, StartError};

pub use executions::{Execution, ExecutionError, ExecutionState};
pub use workers::{Lane, WorkerJobs};

use crate::clock::SystemClock;
use crate::endpoints::{ConnectError, nobody, plain};
use crate::meter::Meter;
use crate::objects::GcsObjects;
use crate::retry::{Unhindered, pauses};
use crate::signed::Signer;

/// How long the service may take to accept an execution.
const ACCEPT: Duration = Duration::from_secs(30);

/// Starts, describes and stops executions of worker jobs. Clones share their connections.
#[derive(Debug, Clone)]
pub struct RunJobs {
    jobs: Jobs,
    executions: Executions,
    objects: GcsObjects,
    workers: Arc<WorkerJobs>,
    alone: Arc<stop::Alone>,
    urls: Option<Arc<urls::Urls>>,
    accept: Duration,
    meter: Meter,
}

impl RunJobs {
    /// An executor that starts `workers` jobs of `region` and leaves what they are to do among `objects`.
    pub async fn connect(
        region: &str,
        workers: WorkerJobs,
        objects: GcsObjects,
        endpoint: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if region.is_empty() || !region.bytes().all(legal) {
            return Err(ConnectError(format!(
                "`{region}` is no region of Cloud Run: write it as us-central1"
            )));
        }
        workers.all_in(region)?;
        let (mut jobs, mut executions) = (Jobs::builder(), Executions::builder());
        if let Some(endpoint) = plain("Cloud Run", endpoint)? {
            jobs = jobs.with_endpoint(&*endpoint).with_credentials(nobody());
            executions = executions
                .with_endpoint(endpoint)
                .with_credentials(nobody());
        } else {
            let endpoint = format!("https://{region}-run.googleapis.com");
            jobs = jobs.with_endpoint(&*endpoint);
            executions = executions.with_endpoint(endpoint);
        }
        let failed = |error| ConnectError::client("Cloud Run", &error);
        Ok(Self {
            // A start has no name of its own: asked for twice it is done twice.
            jobs: jobs
                .with_retry_policy(NeverRetry)
                .build()
                .await
                .map_err(failed)?,
            executions: executions
                .with_backoff_policy(pauses())
                .with_retry_throttler(Unhindered)
                .build()
                .await
                .map_err(failed)?,
            objects,
            workers: Arc::new(workers),
            alone: Arc::default(),
            urls: None,
            accept: ACCEPT,
            meter: Meter::default(),
        })
    }

    /// The same, counted by `meter`.
    #[must_use]
    pub fn metered(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// The same with workers without credentials in the jobs of these profiles: they are handed URLs that `signer` signs.
    pub fn signing(
        mut self,
        signer: Signer,
        profiles: &BTreeSet<String>,
    ) -> Result<Self, ConnectError> {
        let jobs = self.workers.jobs_of(profiles)?;
        self.urls = Some(Arc::new(urls::Urls { signer, jobs }));
        Ok(self)
    }

    /// The same with another time for the service to accept an execution, instead of 30 seconds. What takes longer is ambiguous.
    #[must_use]
    pub const fn accepted_within(mut self, limit: Duration) -> Self {
        self.accept = limit;
        self
    }
}

impl Executor for RunJobs {
    async fn start(&self, specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        self.start_all(specs).await
    }

    /// Cancels the execution when the attempt is all there is in it. A worker among others finds its verdict at its next heartbeat.
    async fn stop(&self, attempt: &AttemptId) {
        self.stop_alone(attempt).await;
    }

    fn refusal(&self, spec: &TaskSpec, task: &Task) -> Option<String> {
        self.refusal_of(spec, task)
    }

    /// Renews signed URLs that have grown old.
    async fn alive(&self, attempts: &[Alive<'_>]) {
        self.renew(attempts, SystemClock.now()).await;
    }
}
