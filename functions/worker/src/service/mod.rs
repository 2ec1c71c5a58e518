//! The worker as a service: an attempt for each message that is pushed, with one warm executor for the life of the process.

mod asked;
mod batches;
mod chain;
mod compile;
mod execute;
mod folder;
mod order;
mod push;
mod settings;
mod spec;
pub(crate) mod watch;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::response::Response;
use axum::routing::post;
use ork_engine::ports::{Metering, Objects};
use ork_host::settings::Auth;
use ork_host::{Host, Role, Serving, answer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::machine::Machine;
use crate::stop::Stop;
use crate::warm::Warm;
use batches::Batches;
use chain::Chain;
pub use settings::WorkerServiceSettings;

/// Requests beyond those that have a task, so that there is somebody to say that there is no place.
const BESIDE: usize = 64;
/// The part of a push's time after which it is answered, whatever its attempt does.
const HELD: f64 = 0.95;
/// When a message that found no place may come again.
const SOON: &str = "1";

/// Where the objects of attempts are.
pub trait Supply: Send + Sync + 'static {
    /// What they are.
    type Objects: Objects + 'static;
    /// The objects for one attempt, and who counts what it uses of them.
    fn objects(&self) -> (Self::Objects, Option<Box<dyn Metering>>);
}

/// A worker that serves. Clones are the same.
pub struct WorkerService<S>(Arc<Inner<S>>);

impl<S> Clone for WorkerService<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

pub(crate) struct Inner<S> {
    supply: S,
    host: Host,
    machine: Machine,
    /// How it is called in claims, with a random part behind it.
    name: String,
    drain: Duration,
    /// How long the answer to a push is kept waiting for its attempt.
    hold: Duration,
    warm: Warm,
    stop: Stop,
    places: Arc<Semaphore>,
    most: u32,
    batches: Batches,
    chain: Option<Chain>,
}

impl<S: Supply> WorkerService<S> {
    /// A service over the objects of `supply`. From now on signals do not end the process by themselves. To be called within a tokio
    /// runtime with time and I/O.
    pub fn new(settings: WorkerServiceSettings, supply: S) -> io::Result<Self> {
        let WorkerServiceSettings { serving, machine } = settings;
        let places = serving.serving.concurrency;
        let checked = serving.serving.auth != Auth::Off;
        let chain = serving.chain.map(|url| Chain::new(url, checked));
        let around = Serving {
            concurrency: places + BESIDE,
            ..serving.serving
        };
        let env = |name: &str| {
            let found = machine.env.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.to_string_lossy().into_owned())
        };
        // Not of the shape that the worker of an execution has: there is none to be cancelled.
        let name = format!("service:{}", env("K_SERVICE").unwrap_or_default());
        Ok(Self(Arc::new(Inner {
            supply,
            host: Host::new(Role::WorkerService, &around),
            warm: Warm::new(&machine, places)?,
            machine,
            name,
            drain: around.drain,
            hold: around.deadline.mul_f64(HELD),
            stop: Stop::letting_finish()?,
            places: Arc::new(Semaphore::new(places)),
            most: u32::try_from(places).unwrap_or(u32::MAX),
            batches: Batches::default(),
            chain: chain.transpose()?,
        })))
    }

    /// Its routes, with all that stands around them.
    pub fn routes(&self) -> Router {
        let routes = Router::new()
            .route("/push", post(push::push::<S>))
            .route("/execute", post(execute::execute::<S>))
            .route("/compile", post(compile::compile::<S>))
            .with_state(Arc::clone(&self.0));
        let host = &self.0.host;
        host.around(host.guarded(routes))
    }

    /// Waits for attempts whose requests were given up by whoever asked, and ends what takes too long. Nothing is begun any more.
    pub async fn finish(&self) {
        let inner = &self.0;
        let all = inner.places.acquire_many(inner.most);
        if tokio::time::timeout(inner.drain, all).await.is_err() {
            let left = inner.most as usize - inner.places.available_permits();
            tracing::error!(left, "leaves with tasks that were not finished in time");
        }
        inner.places.close();
    }
}

impl<S> Inner<S> {
    /// A place for a task, or what to answer.
    fn place(&self) -> Result<OwnedSemaphorePermit, Box<Response>> {
        if self.stop.is_near() {
            return Err(Box::new(answer::later("this process is about to end")));
        }
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Box::new(self.busy()))
    }

    fn busy(&self) -> Response {
        let detail = format!(
            "{} tasks run here at the same time, and so many do (see ORK_CONCURRENCY)",
            self.most
        );
        let mut answer = answer::problem(StatusCode::TOO_MANY_REQUESTS, &detail);
        let after = HeaderValue::from_static(SOON);
        answer.headers_mut().insert(RETRY_AFTER, after);
        answer
    }
}
