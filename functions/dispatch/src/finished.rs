//! `POST /finished`: a worker service tells of a verdict that it has written, and is handed what comes next.
//!
//! It waits for ten seconds, and its task's place with it. So it is answered when it is known what comes next, and everything else that
//! follows from the verdict is done behind the answer. What is left undone when this process dies is found as after any crash.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ork_core::ids::RunId;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::{NextAttempt, TaskSpec, VerdictWritten};
use ork_core::time::Time;
use ork_engine::EngineError;
use ork_engine::ports::{Clock, Ports};
use ork_host::{Budget, OutOfTime, Payload, WAITS_UNTIL, answer};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};

use crate::early::early;
use crate::{Dispatch, Work};

/// How long a worker waits that does not say so, and no worker is believed to wait longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What an answer may take to be there. Of an attempt that is handed to somebody who has given up only the claim lease would know.
const ON_THE_WAY: Duration = Duration::from_secs(2);

/// What became of the work.
type Settled = Result<Result<(), EngineError>, OutOfTime>;

pub(crate) async fn finished<P: Ports + 'static>(
    State(dispatch): State<Arc<Dispatch<P>>>,
    budget: Budget,
    headers: HeaderMap,
    body: Payload,
) -> Response {
    let told = read(&body).and_then(|told| Ok((told, waits_until(&headers)?)));
    let ((run, verdict, topic), until) = match told {
        Ok(told) => told,
        Err(why) => return answer::problem(StatusCode::BAD_REQUEST, &why),
    };
    Span::current().record("run", run.as_str());
    let ports = dispatch.engine.ports();
    dispatch.host.count(ports, Some(&run));
    let until = instant(until, ports.clock().now());
    let keep = dispatch.keep;
    let (tell, mut settled) = oneshot::channel();
    let about = run.clone();
    let work: Work = Box::pin(
        async move {
            let work = Box::pin(dispatch.settle(&about, verdict, budget));
            // Nobody listens any more when the answer is on its way.
            if let Err(settled) = tell.send(budget.within(work).await) {
                say(&settled);
            }
        }
        .in_current_span(),
    );
    let (mut next, work) = match keep {
        Some(keep) => keep(run, topic, until, work),
        None => keeping_nothing(work),
    };
    // Not with the request: whoever asked may go away, and what he told of has to be settled all the same.
    let rest = tokio::spawn(ork_telemetry::carried(work));
    let next = match timeout_at(until, &mut next).await {
        Ok(next) => next.ok(),
        Err(_) => {
            next.close();
            next.try_recv().ok()
        }
    };
    settled.close();
    match (settled.try_recv(), next) {
        // It counts as started: whatever else went wrong, somebody has to get it.
        (Ok(settled), Some(next)) => {
            say(&settled);
            Json(handed_on(next)).into_response()
        }
        (Ok(settled), None) => whole(&settled),
        (Err(_), Some(next)) => early(&handed_on(next), rest),
        (Err(_), None) => early(&NextAttempt { next: None }, rest),
    }
}

/// The same work for a worker to whom nothing is ever handed on.
fn keeping_nothing(work: Work) -> (oneshot::Receiver<Box<TaskSpec>>, Work) {
    let (open, next) = oneshot::channel();
    let all = async {
        work.await;
        drop(open);
    };
    (next, Box::pin(all))
}

fn handed_on(next: Box<TaskSpec>) -> NextAttempt {
    tracing::info!(task = next.task_name.as_str(), "handed on");
    NextAttempt { next: Some(next) }
}

fn say(settled: &Settled) {
    match settled {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("not all could be done: {error}"),
        Err(_) => tracing::warn!("the time was over before all was done"),
    }
}

/// The answer when all is done, and nothing was handed on.
fn whole(settled: &Settled) -> Response {
    match settled {
        Ok(Ok(())) => Json(NextAttempt { next: None }).into_response(),
        Ok(Err(error)) => answer::of_error(error),
        Err(_) => answer::later("the verdict could not be settled in time"),
    }
}

/// Until when the worker waits, if it says so.
fn waits_until(headers: &HeaderMap) -> Result<Option<Time>, String> {
    let Some(text) = headers.get(WAITS_UNTIL) else {
        return Ok(None);
    };
    let ms = text.to_str().ok().and_then(|text| text.parse().ok());
    let ms = ms.ok_or_else(|| format!("`{WAITS_UNTIL}` is not a number of milliseconds"))?;
    Ok(Some(Time(ms)))
}

/// Until when something may be handed on.
fn instant(until: Option<Time>, now: Time) -> Instant {
    let left = until.map_or(PATIENCE, |until| {
        let ms = until.0.saturating_sub(now.0);
        Duration::from_millis(ms.try_into().unwrap_or(0)).min(PATIENCE)
    });
    Instant::now() + left.saturating_sub(ON_THE_WAY)
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
