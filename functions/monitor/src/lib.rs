#![doc = include_str!("../README.md")]

mod gather;
mod status;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use ork_core::names::{AttemptFile, ObjectName};
use ork_engine::Engine;
use ork_engine::ports::Ports;
use ork_host::push::{Notice, notice};
use ork_host::{Budget, Host, Payload, Role, Settings, answer};
use tracing::{Instrument, Span};

use gather::Gather;

struct Monitor<P: Ports> {
    engine: Arc<Engine<P>>,
    host: Host,
    gather: Arc<Gather<P>>,
}

/// The routes of the monitor, with all that stands around them.
pub fn router<P: Ports + 'static>(engine: Engine<P>, settings: &Settings) -> Router {
    let host = Host::new(Role::Monitor, &settings.serving);
    let engine = Arc::new(engine);
    let monitor = Monitor {
        gather: Arc::new(Gather::new(engine.clone(), settings.serving.deadline)),
        engine,
        host: host.clone(),
    };
    let routes = Router::new()
        .route("/push", post(push::<P>))
        .with_state(Arc::new(monitor));
    host.around(host.guarded(routes))
}

async fn push<P: Ports + 'static>(
    State(monitor): State<Arc<Monitor<P>>>,
    budget: Budget,
    body: Payload,
) -> Response {
    let envelope = match monitor.host.open(&body) {
        Ok(envelope) => envelope,
        Err(answer) => return *answer,
    };
    let name = match notice(&envelope, &monitor.host.serving().bucket) {
        Ok(Notice::Written(name)) => name,
        Ok(Notice::PassedOver(why)) => return monitor.host.passed_over(why),
        Err(broken) => return monitor.host.broken(&broken),
    };
    let bytes = match &body {
        Payload::Whole(bytes) => bytes.len(),
        Payload::TooLarge(size) => *size,
    };
    let ports = monitor.engine.ports();
    monitor.host.count_notice(ports, name.run(), bytes);
    match name {
        ObjectName::Attempt {
            ref run,
            ref task,
            attempt,
            file: AttemptFile::Result | AttemptFile::Late,
            ..
        } => {
            let span = Span::current();
            span.record("run", run.as_str());
            span.record("task", task.as_str());
            tracing::debug!(attempt, "a verdict was written");
            let run = run.clone();
            answer::of(&monitor.gather.settle(&run, name).await)
        }
        ObjectName::Upload(name) => {
            Span::current().record("workflow", name.as_str());
            let taken = Box::pin(upload::take(&monitor.engine, &name));
            match budget.within(taken.in_current_span()).await {
                Ok(taken) => answer::of(&taken),
                Err(_) => answer::later("the upload could not be dealt with in time"),
            }
        }
        // A commit for each claim and sign of life would double the writes: who misses them looks at them.
        ObjectName::Attempt { .. }
        | ObjectName::UploadStatus(_)
        | ObjectName::UploadProject(_)
        | ObjectName::UploadQuery(..)
        | ObjectName::Definition(..)
        | ObjectName::Bundle(..)
        | ObjectName::Batch(..)
        | ObjectName::TaskOutput(..)
        | ObjectName::TaskText(..) => answer::done(),
    }
}
