//! The stand-in for the services that run jobs elsewhere: BigQuery's jobs, Dataproc's jobs and batches, jobs of nobody in
//! particular over plain HTTP, and the signatures of IAM, all on one port.
//!
//! Nothing runs here: a job has a script, and what it is at a time is computed when somebody asks.

mod bigquery;
mod clock;
mod control;
mod dataproc;
mod fault;
mod http_jobs;
mod iam;
mod job;
mod planned;
mod routes;
mod script;
mod state;
mod timeline;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;

use crate::http::Server;
use crate::keyring::Keyring;
use state::Inner;

pub use fault::{Call, Fault};
pub use job::{JobView, Service, State};
pub use planned::Planned;
pub use script::Script;

/// How the stand-in is started.
#[derive(Clone, Debug)]
pub struct ServicesOptions {
    /// Where it listens; port 0 = any free port.
    pub address: SocketAddr,
    /// Seconds of a job in a real second; 0 = time stands still until it is put forward.
    pub speed: f64,
    /// What a job does that nobody scripted.
    pub defaults: Script,
    /// The keys it signs with: those that the stand-in for Cloud Storage checks.
    pub keyring: Keyring,
}

impl Default for ServicesOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            speed: 1.0,
            defaults: Script {
                seconds: Some(1.0),
                ..Script::default()
            },
            keyring: Keyring::default(),
        }
    }
}

/// The running stand-in.
#[derive(Debug)]
pub struct Services {
    inner: Arc<Inner>,
    server: Server,
}

impl Services {
    /// Starts it.
    ///
    /// # Errors
    /// The port is taken, or the options make no sense.
    pub async fn start(options: ServicesOptions) -> anyhow::Result<Self> {
        let what = "the stand-in for BigQuery, Dataproc and IAM";
        if !(0.0..=1e6).contains(&options.speed) {
            return Err(anyhow!("{what}: its speed is {}", options.speed));
        }
        if let Some(why) = options.defaults.nonsense() {
            return Err(anyhow!("{what}: its default script cannot be: {why}"));
        }
        let inner = Arc::new(Inner::new(options.speed, options.keyring, options.defaults));
        let server = Server::start(what, options.address, routes::router(inner.clone())).await?;
        Ok(Self { inner, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The value of `ORK_BIGQUERY_ENDPOINT`, `ORK_DATAPROC_ENDPOINT` and `ORK_IAM_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Says what a job does, or the next ones.
    ///
    /// # Errors
    /// The script makes no sense.
    pub fn script(&self, planned: Planned) -> anyhow::Result<()> {
        if let Some(why) = planned.nonsense() {
            return Err(anyhow!("this script cannot be: {why}"));
        }
        self.inner.plan(planned);
        Ok(())
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

    /// Puts the clock of the jobs forward.
    pub fn advance(&self, by: Duration) {
        self.inner.clock.advance(by);
    }

    /// All jobs and batches, in the order they were made.
    #[must_use]
    pub fn jobs(&self) -> Vec<JobView> {
        self.inner.views()
    }

    /// How often calls were answered how: `bigquery get 200`.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.inner.state().calls.clone()
    }

    /// Forgets the jobs of a project, and the scripts and faults that name it.
    pub fn wipe(&self, project: &str) {
        self.inner.wipe(project);
    }

    /// Frees the port.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Inner {
    fn plan(&self, planned: Planned) {
        let state = &mut *self.state();
        state.waiting.add(planned, state.jobs.values_mut());
    }

    fn views(&self) -> Vec<JobView> {
        let now = self.clock.now();
        let state = self.state();
        let mut jobs: Vec<_> = state.jobs.values().collect();
        jobs.sort_by_key(|job| job.number);
        jobs.into_iter().map(|job| job.view(now)).collect()
    }
}
