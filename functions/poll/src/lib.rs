#![doc = include_str!("../README.md")]

mod event;
mod events;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use ork_core::ids::RunId;
use ork_core::run::Event;
use ork_engine::ports::{Function, Ports};
use ork_engine::{ClaimRequest, Engine};
use ork_host::push::{Broken, hint};
use ork_host::{Budget, Host, Payload, Role, Settings, answer};
use serde::Deserialize;
use tracing::{Instrument, Span};

struct Poll<P: Ports> {
    engine: Engine<P>,
    host: Host,
    claim: ClaimRequest,
    known: events::Known,
}

/// The routes of poll, with all that stands around them.
pub fn router<P: Ports + 'static>(engine: Engine<P>, settings: &Settings) -> Router {
    let serving = &settings.serving;
    let host = Host::new(Role::Poll, serving);
    let poll = Arc::new(Poll {
        engine,
        host: host.clone(),
        claim: ClaimRequest {
            places: serving.places,
            supervised: false,
        },
        known: events::Known::default(),
    });
    let pushes = Router::new()
        .route("/push", post(push::<P>))
        .route("/events", post(events::events::<P>))
        .with_state(poll.clone());
    let wakes = Router::new()
        .route("/wake", post(wake::<P>))
        .with_state(poll);
    host.around(host.guarded(pushes).merge(host.guarded_for_wakes(wakes)))
}

async fn push<P: Ports + 'static>(
    State(poll): State<Arc<Poll<P>>>,
    budget: Budget,
    body: Payload,
) -> Response {
    let envelope = match poll.host.open(&body) {
        Ok(envelope) => envelope,
        Err(answer) => return *answer,
    };
    match hint(&envelope) {
        Ok(hint) if hint.to == Function::Poll => poll.look(&hint.run, budget).await,
        Ok(_) => poll.host.passed_over("a hint to another function"),
        Err(broken) => poll.host.broken(&broken),
    }
}

/// What a task of the wake queue says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wake {
    run: RunId,
}

async fn wake<P: Ports + 'static>(
    State(poll): State<Arc<Poll<P>>>,
    budget: Budget,
    body: Payload,
) -> Response {
    let wake: Result<Wake, Broken> = match &body {
        Payload::Whole(bytes) => serde_json::from_slice(bytes)
            .map_err(|error| Broken(format!("the wake is not {{\"run\": \"…\"}}: {error}"))),
        Payload::TooLarge(size) => Err(Broken(format!("the wake has {size} bytes"))),
    };
    match wake {
        Ok(wake) => poll.look(&wake.run, budget).await,
        Err(broken) => poll.host.broken(&broken),
    }
}

impl<P: Ports> Poll<P> {
    /// Looks at a run as the tick would.
    async fn look(&self, run: &RunId, budget: Budget) -> Response {
        Span::current().record("run", run.as_str());
        self.host.count(self.engine.ports(), Some(run));
        let step = Box::pin(async {
            let stepped = self
                .engine
                .step(run, vec![Event::Tick], Some(self.claim))
                .await?;
            self.engine.hand_on(run, &stepped).await;
            Ok(stepped)
        });
        match budget.within(step.in_current_span()).await {
            Ok(result) => answer::of(&result),
            Err(_) => {
                tracing::warn!("the time was over before the run was looked at; the tick goes on");
                answer::done()
            }
        }
    }
}
