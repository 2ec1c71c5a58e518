#![doc = include_str!("../README.md")]

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use ork_core::ids::RunId;
use ork_engine::ports::{Function, Ports};
use ork_engine::{ClaimRequest, Engine, EngineError};
use ork_host::push::hint;
use ork_host::{Budget, Host, Payload, Role, Settings, answer};
use tracing::{Instrument, Span};

/// Commits that one hint gives rise to at most: as many as claim the largest run a thousand at a time.
const ROUNDS: usize = 128;

struct Dispatch<P: Ports> {
    engine: Engine<P>,
    host: Host,
    claim: ClaimRequest,
}

/// The routes of dispatch, with all that stands around them.
pub fn router<P: Ports + 'static>(engine: Engine<P>, settings: &Settings) -> Router {
    let serving = &settings.serving;
    let host = Host::new(Role::Dispatch, serving);
    let dispatch = Dispatch {
        engine,
        host: host.clone(),
        claim: ClaimRequest {
            places: serving.places,
            supervised: false,
        },
    };
    let routes = Router::new()
        .route("/push", post(push::<P>))
        .with_state(Arc::new(dispatch));
    host.around(host.guarded(routes))
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
        for _ in 0..ROUNDS {
            let stepped = self.engine.step(run, Vec::new(), Some(self.claim)).await?;
            let ready = self.engine.peek(run, |_, state| state.has_ready());
            // What is ready and was not claimed has no place now: whoever frees one says so, or the next wake finds one.
            if stepped.commits.is_empty()
                || stepped.held_up
                || ready != Some(true)
                || budget.is_over()
            {
                break;
            }
        }
        Ok(())
    }
}
