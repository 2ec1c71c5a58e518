//! `POST /finished`: a worker service tells of a verdict that it has written, and is handed what comes next.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ork_core::ids::RunId;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::{NextAttempt, VerdictWritten};
use ork_engine::EngineError;
use ork_engine::ports::Ports;
use ork_host::{Budget, Payload, answer};
use tracing::{Instrument, Span};

use crate::Dispatch;

pub(crate) async fn finished<P: Ports + 'static>(
    State(dispatch): State<Arc<Dispatch<P>>>,
    budget: Budget,
    body: Payload,
) -> Response {
    let (run, verdict, topic) = match read(&body) {
        Ok(told) => told,
        Err(why) => return answer::problem(StatusCode::BAD_REQUEST, &why),
    };
    Span::current().record("run", run.as_str());
    dispatch.host.count(dispatch.engine.ports(), Some(&run));
    let work = budget.within(dispatch.settle(&run, verdict, budget));
    let mut done = None;
    let noted = Box::pin(async { done = Some(work.in_current_span().await) });
    let next = match dispatch.keep {
        Some(keep) => keep(run.clone(), topic, noted).await,
        None => {
            noted.await;
            None
        }
    };
    match (done.expect("it was awaited"), next) {
        // It counts as started: whatever else went wrong, somebody has to get it.
        (done, Some(spec)) => {
            match done {
                Ok(Ok(())) => tracing::info!(task = spec.task_name.as_str(), "handed on"),
                Ok(Err(error)) => tracing::warn!("not all could be done: {error}"),
                Err(_) => tracing::warn!("the time was over before all was done"),
            }
            Json(NextAttempt {
                next: Some(spec.into()),
            })
            .into_response()
        }
        (Ok(Ok(())), None) => Json(NextAttempt { next: None }).into_response(),
        (Ok(Err(error)), None) => answer::of_error(&error),
        (Err(_), None) => answer::later("the verdict could not be settled in time"),
    }
}

/// The run, the verdict's name, and the topic of the service that tells.
fn read(body: &Payload) -> Result<(RunId, ObjectName, String), String> {
    let bytes = match body {
        Payload::Whole(bytes) => bytes,
        Payload::TooLarge(size) => return Err(format!("the body has {size} bytes")),
    };
    let told: VerdictWritten = serde_json::from_slice(bytes)
        .map_err(|error| format!("the body is not {{\"verdict\", \"topic\"}}: {error}"))?;
    let name = ObjectName::parse(&told.verdict);
    match name {
        Some(
            ref verdict @ ObjectName::Attempt {
                ref run,
                file: AttemptFile::Result,
                ..
            },
        ) => Ok((run.clone(), verdict.clone(), told.topic)),
        _ => Err("`verdict` is not the name of a verdict object".to_owned()),
    }
}

impl<P: Ports> Dispatch<P> {
    /// Settles a verdict and starts what became ready.
    async fn settle(
        &self,
        run: &RunId,
        verdict: ObjectName,
        budget: Budget,
    ) -> Result<(), EngineError> {
        let stepped = self
            .engine
            .settle(run, &[verdict], Some(self.claim))
            .await?;
        self.go_on(run, stepped, budget).await
    }
}
