#![doc = include_str!("../README.md")]

mod early;
mod finished;

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use ork_core::ids::RunId;
use ork_core::task::TaskSpec;
use ork_engine::ports::{Function, Ports};
use ork_engine::{ClaimRequest, Engine, EngineError, Stepped};
use ork_host::push::hint;
use ork_host::{Budget, Host, Payload, Role, Settings, answer};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{Instrument, Span};

/// Commits that one hint gives rise to at most: as many as claim the largest run a thousand at a time.
const ROUNDS: usize = 128;

/// Work for the run that is going on.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that, until the instant, keeps back the first attempt of the run that it would hand to the worker service behind the topic and
/// sends it to the receiver, which is closed as soon as it is known that nothing comes.
pub type Keep = fn(RunId, String, Instant, Work) -> (oneshot::Receiver<Box<TaskSpec>>, Work);

struct Dispatch<P: Ports> {
    engine: Engine<P>,
    host: Host,
    claim: ClaimRequest,
    keep: Option<Keep>,
}

/// The routes of dispatch, with all that stands around them.
pub fn router<P: Ports + 'static>(engine: Engine<P>, settings: &Settings) -> Router {
    chaining(engine, settings, None)
}

/// The same; with `keep`, a worker service that tells of a verdict is handed the run's next attempt in the answer.
pub fn chaining<P: Ports + 'static>(
    engine: Engine<P>,
    settings: &Settings,
    keep: Option<Keep>,
) -> Router {
    let serving = &settings.serving;
    let host = Host::new(Role::Dispatch, serving);
    let dispatch = Dispatch {
        engine,
        host: host.clone(),
        claim: ClaimRequest {
            places: serving.places,
            supervised: false,
        },
        keep,
    };
    let dispatch = Arc::new(dispatch);
    let pushes = Router::new()
        .route("/push", post(push::<P>))
        .with_state(dispatch.clone());
    let told = Router::new()
        .route("/finished", post(finished::finished::<P>))
        .with_state(dispatch);
    let workers = settings.cloud.chain_identity.as_deref();
    let told = match workers {
        Some(identity) => host.guarded_for(identity, told),
        None => host.guarded(told),
    };
    host.around(host.guarded(pushes).merge(told))
}

async fn push<P: Ports + 'static>(
    State(dispatch): State<Arc<Dispatch<P>>>,
    budget: Budget,
    body: Payload,
) -> Response {
    let envelope = match dispatch.host.open(&body) {
        Ok(envelope) => envelope,
        Err(answer) => return *answer,
    };
    let hint = match hint(&envelope) {
        Ok(hint) => hint,
        Err(broken) => return dispatch.host.broken(&broken),
    };
    if hint.to != Function::Dispatch {
        return dispatch.host.passed_over("a hint to another function");
    }
    Span::current().record("run", hint.run.as_str());
    dispatch
        .host
        .count(dispatch.engine.ports(), Some(&hint.run));
    let work = Box::pin(dispatch.start_ready(&hint.run, budget));
    match budget.within(work.in_current_span()).await {
        Ok(result) => answer::of(&result),
        Err(_) => {
            tracing::warn!(
                "the time was over before everything ready was started; the tick goes on"
            );
            answer::done()
        }
    }
}

impl<P: Ports> Dispatch<P> {
    /// Claims what is ready and has it started, a batch with each commit, until nothing more is.
    async fn start_ready(&self, run: &RunId, budget: Budget) -> Result<(), EngineError> {
        let stepped = self.engine.step(run, Vec::new(), Some(self.claim)).await?;
        self.go_on(run, stepped, budget).await
    }

    /// Starts the rest of what is ready, after a commit that may have started some of it.
    async fn go_on(
        &self,
        run: &RunId,
        mut stepped: Stepped,
        budget: Budget,
    ) -> Result<(), EngineError> {
        for _ in 1..ROUNDS {
            let ready = self.engine.peek(run, |_, state| state.has_ready());
            // What is ready and was not claimed has no place now: whoever frees one says so, or the next wake finds one.
            if stepped.commits.is_empty()
                || stepped.held_up
                || ready != Some(true)
                || budget.is_over()
            {
                break;
            }
            stepped = self.engine.step(run, Vec::new(), Some(self.claim)).await?;
        }
        Ok(())
    }
}
