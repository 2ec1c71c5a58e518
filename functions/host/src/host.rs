//! What stands around every role's routes: who may call, how long it may take, how many at once, what is logged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use ork_core::ids::RunId;
use ork_engine::ports::Ports;
use ork_telemetry::Context;
use serde_json::json;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::answer;
use crate::budget::Budget;
use crate::identity::Guard;
use crate::logs::TraceContext;
use crate::payload::Payload;
use crate::push::{Broken, Envelope, TRACEPARENT};
use crate::settings::{Role, Serving};

/// What every role has. Clones are the same.
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    role: Role,
    serving: Serving,
    guard: Guard,
    places: Semaphore,
    broken: AtomicU64,
    passed_over: AtomicU64,
}

impl Host {
    /// The surroundings of `role`.
    pub fn new(role: Role, serving: &Serving) -> Self {
        Self(Arc::new(Inner {
            role,
            guard: Guard::new(&serving.auth, None),
            places: Semaphore::new(serving.concurrency),
            serving: serving.clone(),
            broken: AtomicU64::new(0),
            passed_over: AtomicU64::new(0),
        }))
    }

    /// How it serves.
    pub fn serving(&self) -> &Serving {
        &self.0.serving
    }

    /// Routes for the caller that the settings name.
    pub fn guarded(&self, routes: Router) -> Router {
        guarded(self.0.guard.clone(), routes)
    }

    /// Routes for another identity than the usual caller's.
    pub fn guarded_for(&self, identity: &str, routes: Router) -> Router {
        guarded(self.0.guard.of_caller(identity), routes)
    }

    /// Routes for the identity that precise wakes carry; for the usual caller where there are none.
    pub fn guarded_for_wakes(&self, routes: Router) -> Router {
        let wake = self.0.serving.wake.as_ref();
        let own = wake.and_then(|wake| Some((wake.identity.as_ref()?, wake.audience())));
        let guard = match own {
            Some((identity, audience)) => self.0.guard.of(identity, audience),
            None => self.0.guard.clone(),
        };
        guarded(guard, routes)
    }

    /// Puts around a role's routes what all have.
    pub fn around(&self, routes: Router) -> Router {
        let limited = routes
            .fallback(|| async { answer::problem(StatusCode::NOT_FOUND, "there is no such route") })
            .layer(from_fn_with_state(self.clone(), limit));
        Router::new()
            .route("/healthz", get(health).with_state(self.clone()))
            .merge(limited)
            .layer(from_fn_with_state(self.clone(), span))
    }

    /// Opens the envelope of a push. `Err` is the answer when there is nothing more to do with it.
    pub fn open(&self, payload: &Payload) -> Result<Envelope, Box<Response>> {
        let bytes = match payload {
            Payload::Whole(bytes) => bytes,
            Payload::TooLarge(size) => {
                let broken = Broken(format!("the body has {size} bytes"));
                return Err(self.broken(&broken).into());
            }
        };
        let envelope = Envelope::parse(bytes).map_err(|broken| Box::new(self.broken(&broken)))?;
        if let Some(trace) = envelope.attributes.get(TRACEPARENT) {
            ork_telemetry::came_by(trace);
        }
        if self.0.serving.subscription.as_ref() == Some(&envelope.subscription) {
            return Ok(envelope);
        }
        let of: String = envelope.subscription.chars().take(300).collect();
        tracing::error!(
            subscription = of,
            "a message of another subscription was refused (see ORK_SUBSCRIPTION)"
        );
        let refused = "messages of this subscription are not taken";
        Err(answer::problem(StatusCode::FORBIDDEN, refused).into())
    }

    /// Counts a request about `run`.
    pub fn count<P: Ports>(&self, ports: &P, run: Option<&RunId>) {
        self.touch(run);
        if let Some(meter) = ports.metering() {
            meter.request(run, None);
        }
    }

    /// Counts a request that brought a notice of the bucket, which nobody here published.
    pub fn count_notice<P: Ports>(&self, ports: &P, run: Option<&RunId>, bytes: usize) {
        self.touch(run);
        if let Some(meter) = ports.metering() {
            meter.request(run, Some(bytes));
        }
    }

    /// Says that the request at work has to do with `run`.
    pub fn touch(&self, run: Option<&RunId>) {
        if let Some(run) = run {
            ork_telemetry::touch(&self.0.serving.telemetry, run);
        }
    }

    /// Says that a message can never be understood, and has it never sent again.
    pub fn broken(&self, broken: &Broken) -> Response {
        self.0.broken.fetch_add(1, Ordering::Relaxed);
        tracing::warn!("a message that cannot be understood was thrown away: {broken}");
        answer::done()
    }

    /// Says that a message is none of this role's business.
    pub fn passed_over(&self, why: &str) -> Response {
        self.0.passed_over.fetch_add(1, Ordering::Relaxed);
        tracing::debug!("passed over: {why}");
        answer::done()
    }
}

fn guarded(guard: Guard, routes: Router) -> Router {
    routes.route_layer(from_fn_with_state(guard, admit))
}

async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let now = jiff::Timestamp::now().as_second();
    match guard.admit(request.headers(), now).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::warn!("a caller was refused: {refusal}");
            answer::refused(&refusal)
        }
    }
}

async fn health(State(host): State<Host>) -> Response {
    let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let body = json!({
        "status": "ok",
        "role": host.0.role.as_str(),
        "broken": count(&host.0.broken),
        "passed_over": count(&host.0.passed_over),
    });
    Json(body).into_response()
}

/// Waits for a place, gives the work its time, and drops it some time after that.
async fn limit(State(host): State<Host>, mut request: Request, next: Next) -> Response {
    let deadline = host.0.serving.deadline;
    // The work stops by itself when its time is over; if it does not, it is dropped.
    let grace = deadline / 10;
    let budget = Budget::new(deadline);
    let Ok(Ok(_place)) = budget.within(host.0.places.acquire()).await else {
        return answer::later("too many requests at once");
    };
    request.extensions_mut().insert(budget);
    match tokio::time::timeout(budget.left() + grace, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            tracing::error!(
                "a request took longer than {} s and was dropped",
                deadline.as_secs()
            );
            answer::later("the work took too long")
        }
    }
}

/// One span for each request, with its trace, and one line at its end. The query is never looked at.
///
/// What was measured is sent before the answer: behind it, Cloud Run may take the processor away.
async fn span(State(host): State<Host>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(200).collect();
    // At this level whatever is logged at all is joined to its request.
    let span = tracing::error_span!(
        "request",
        method = method.as_str(),
        path,
        trace_id = tracing::field::Empty,
        span_id = tracing::field::Empty,
        trace_sampled = tracing::field::Empty,
        workflow = tracing::field::Empty,
        run = tracing::field::Empty,
        task = tracing::field::Empty,
    );
    let telemetry = &host.0.serving.telemetry;
    let trace = TraceContext::of(request.headers());
    let parent = trace
        .as_ref()
        .and_then(|trace| Context::of(&trace.trace, &trace.span, trace.sampled));
    let pattern = request.extensions().get::<MatchedPath>();
    let route = pattern.map_or("", MatchedPath::as_str).to_owned();
    if let Some(trace) = trace {
        span.record("trace_id", trace.trace);
        span.record("span_id", trace.span);
        span.record("trace_sampled", trace.sampled);
    }
    let (verb, health) = (method, path == "/healthz");
    let work = async move {
        let answer = next.run(request).await;
        let status = answer.status().as_u16();
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match status {
            200..400 if path == "/healthz" => tracing::debug!(status, ms, "answered"),
            200..400 => tracing::info!(status, ms, "answered"),
            _ => tracing::warn!(status, ms, "answered"),
        }
        answer
    }
    .instrument(span);
    if !telemetry.is_on() || health {
        return work.await;
    }
    let handler = telemetry.handler(parent);
    let answer = handler.scope(work).await;
    handler.answered(verb.as_str(), &route, answer.status().as_u16());
    telemetry.flush().await;
    answer
}
