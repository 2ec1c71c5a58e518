//! The stand-in for Cloud Tasks: the HTTP API that `google-cloud-tasks-v2` speaks, with real deliveries at their time.

mod calls;
mod deliver;
mod retry;
mod routes;
mod state;
mod task;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::http::{Server, client};
use state::State;

pub use retry::Retry;

/// How many requests are on their way at a time.
const CONCURRENT_DISPATCHES: usize = 1_000;

/// How the stand-in for Cloud Tasks is started.
#[derive(Clone, Debug)]
pub struct TasksOptions {
    /// Where it listens; port 0 = any free port.
    pub address: SocketAddr,
    /// How queues try again that do not say it themselves.
    pub retry: Retry,
    /// How long the name of a task that is gone cannot be used again.
    pub name_kept: Duration,
}

impl Default for TasksOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            retry: Retry::default(),
            name_kept: Duration::from_secs(3600),
        }
    }
}

/// An attempt to deliver a task, as it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The full name of the task.
    pub task: String,
    /// Where it went.
    pub url: String,
    /// When it was to go.
    pub scheduled: Timestamp,
    /// When it was answered.
    pub at: Timestamp,
    /// How many attempts there were before this one.
    pub retry_count: u32,
    /// The status of the answer; `None` when there was none.
    pub status: Option<u16>,
    /// The `oidcToken` of the task: recorded, no token is made.
    pub oidc_token: Option<Value>,
}

/// The running stand-in. Dropping it ends every delivery.
#[derive(Debug)]
pub struct Tasks {
    inner: Arc<Inner>,
    server: Option<Server>,
    address: SocketAddr,
}

impl Tasks {
    /// Starts it.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(options: TasksOptions) -> anyhow::Result<Self> {
        let inner = Arc::new(Inner {
            state: Mutex::default(),
            client: client(),
            permits: Semaphore::new(CONCURRENT_DISPATCHES),
            retry: options.retry,
            name_kept: options.name_kept,
        });
        let router = routes::router(inner.clone());
        let server = Server::start("the stand-in for Cloud Tasks", options.address, router).await?;
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

    /// The value of `ORK_TASKS_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a queue; one that exists gets these retries.
    ///
    /// # Errors
    /// `name` is no full name of a queue (`projects/P/locations/L/queues/Q`).
    pub fn create_queue(&self, name: &str, retry: Retry) -> anyhow::Result<()> {
        self.inner
            .make_queue(name, retry)
            .map_err(|error| anyhow!("{}", error.message()))
    }

    /// Nothing is delivered from this queue until it is resumed.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn pause(&self, queue: &str) -> anyhow::Result<()> {
        self.inner
            .set_paused(queue, true)
            .map(drop)
            .map_err(|error| anyhow!("{}", error.message()))
    }

    /// Delivers again, what is overdue at once.
    ///
    /// # Errors
    /// There is no such queue.
    pub fn resume(&self, queue: &str) -> anyhow::Result<()> {
        self.inner
            .set_paused(queue, false)
            .map(drop)
            .map_err(|error| anyhow!("{}", error.message()))
    }

    /// The next `times` creations are answered with this error status, and no task is made.
    ///
    /// # Errors
    /// The status is no error.
    pub fn refuse(&self, status: u16, times: usize) -> anyhow::Result<()> {
        if !(400..600).contains(&status) {
            return Err(anyhow!("the status {status} is no error: give 400 to 599"));
        }
        self.inner
            .state()
            .refusals
            .extend(std::iter::repeat_n(status, times));
        Ok(())
    }

    /// The full names of the tasks that wait in a queue or are on their way.
    #[must_use]
    pub fn waiting(&self, queue: &str) -> Vec<String> {
        self.inner.state().names_of(queue)
    }

    /// The latest ten thousand attempts to deliver, the oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inner.state().deliveries.iter().cloned().collect()
    }

    /// Forgets every task, used name and delivery of a project. Its queues stay.
    pub fn wipe(&self, project: &str) {
        self.inner.state().wipe(&format!("projects/{project}/"));
    }

    /// Ends every delivery and frees the port.
    pub async fn stop(mut self) {
        self.inner.state().wipe("");
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.inner.state().wipe("");
    }
}

/// What the server, the deliveries and the handle share.
#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    client: reqwest::Client,
    permits: Semaphore,
    retry: Retry,
    name_kept: Duration,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete or none; a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
