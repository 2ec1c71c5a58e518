#![doc = include_str!("../README.md")]

mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use ork_core::ids::RunId;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Clock, Ports};
use ork_engine::{ClaimRequest, Engine, EngineErrorKind, TickRecord, Ticked};
use ork_host::{Budget, Host, Payload, Role, Settings, answer};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use sweep::Sweep;

struct Tick<P: Ports> {
    engine: Engine<P>,
    host: Host,
    limit: usize,
    claim: ClaimRequest,
    /// One tick at a time: a second one would look at the same runs.
    alone: Mutex<Option<Sweep>>,
}

/// The routes of the tick, with all that stands around them.
pub fn router<P: Ports + 'static>(engine: Engine<P>, settings: &Settings) -> Router {
    let serving = &settings.serving;
    let host = Host::new(Role::Tick, serving);
    let tick = Tick {
        engine,
        host: host.clone(),
        limit: serving.tick_limit,
        claim: ClaimRequest {
            places: serving.places,
            supervised: false,
        },
        alone: Mutex::new(Sweep::of(settings.cloud.retention)),
    };
    let routes = Router::new()
        .route("/tick", post(tick_now::<P>))
        .with_state(Arc::new(tick));
    host.around(host.guarded(routes))
}

/// What the rounds of one tick came to.
#[derive(Debug, Default)]
struct Summary {
    fired: Vec<Value>,
    runs: BTreeMap<RunId, Value>,
    /// How long the longest waiting run had been due.
    overdue: Millis,
    /// Something could not be reached.
    unavailable: bool,
    /// Something else is wrong.
    errors: u64,
}

/// Whether another round makes sense.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The round was full, so there may be more.
    Round,
    /// Everything that was due was looked at, or what is left cannot be reached.
    Stop,
}

async fn tick_now<P: Ports + 'static>(
    State(tick): State<Arc<Tick<P>>>,
    budget: Budget,
    _body: Payload,
) -> Response {
    let Ok(mut sweep) = tick.alone.try_lock() else {
        tracing::info!("another tick is under way in this process");
        return Json(json!({"skipped": "another tick is under way in this process"}))
            .into_response();
    };
    tick.host.count(tick.engine.ports(), None);
    let clock = tick.engine.ports().clock();
    let began = clock.now();
    let mut summary = Summary::default();
    let more = loop {
        let round = Box::pin(tick.engine.tick(tick.limit, tick.claim));
        match budget.within(round).await {
            Ok(Ok(ticked)) => {
                if summary.add(ticked, tick.limit) == Next::Stop {
                    break false;
                }
            }
            Ok(Err(error)) if error.kind == EngineErrorKind::Unavailable => {
                return answer::of_error(&error);
            }
            Ok(Err(error)) => {
                tracing::error!("the tick failed: {error}");
                summary.errors += 1;
                break false;
            }
            Err(_) => break true,
        }
        if budget.is_over() {
            break true;
        }
    };
    if more {
        tracing::warn!("the time was over before everything was looked at; the next tick goes on");
    }
    let mut removed = 0;
    if let Some(sweep) = sweep.as_mut().filter(|_| !more && !summary.unavailable) {
        match Box::pin(sweep.look(&tick.engine, budget)).await {
            Ok(runs) => removed = runs,
            Err(error) => {
                tracing::warn!("runs that ended long ago could not be removed: {error}");
                summary.errors += 1;
            }
        }
    }
    let record = summary.record(began, clock.now(), removed);
    // Nothing depends on it but what people see.
    if let Ok(Err(error)) = budget.within(tick.engine.note_tick(record)).await {
        tracing::info!("the tick was not noted: {error}");
    }
    // Alerts are made from this line, also when there was nothing to do: no tick and no run that waits must not look alike.
    tracing::info!(
        oldest_wake_seconds = summary.overdue.0 / 1000,
        fired = summary.fired.len(),
        runs = summary.runs.len(),
        errors = summary.errors,
        more,
        "ticked"
    );
    Json(json!({
        "fired": summary.fired,
        "runs": summary.runs.into_values().collect::<Vec<_>>(),
        "removed": removed,
        "errors": summary.errors,
        "more": more,
    }))
    .into_response()
}

impl Summary {
    /// What is kept of it.
    fn record(&self, began: Time, ended: Time, removed: u32) -> TickRecord {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        TickRecord {
            at: began,
            took: ended.since(began),
            fired: count(self.fired.len()),
            runs: count(self.runs.len()),
            removed,
            errors: u32::try_from(self.errors).unwrap_or(u32::MAX),
            extra: BTreeMap::new(),
        }
    }

    fn add(&mut self, ticked: Ticked, limit: usize) -> Next {
        self.overdue = self.overdue.max(ticked.overdue);
        if let Some(error) = &ticked.unfired {
            tracing::warn!("slots could not be fired: {error}");
            self.errors += 1;
            self.unavailable = true;
        }
        let full = ticked.runs.len() >= limit;
        let workflows: BTreeSet<_> = ticked.fired.iter().map(|one| &one.workflow).collect();
        let fired_all = workflows.len() < limit;
        let mut progress = !ticked.fired.is_empty();
        for one in ticked.fired {
            let slot = one.slot.rfc3339();
            let workflow = one.workflow.as_str();
            self.fired.push(match &one.run {
                Ok(run) => {
                    tracing::info!(workflow, run = run.as_str(), slot, "a slot made its run");
                    json!({"workflow": workflow, "slot": slot, "run": run.as_str()})
                }
                Err(why) => {
                    tracing::warn!(workflow, slot, "a slot made no run: {why}");
                    json!({"workflow": workflow, "slot": slot, "why_not": why})
                }
            });
        }
        for (run, result) in ticked.runs {
            let name = run.as_str();
            let seen = match &result {
                Ok(stepped) => {
                    let status = stepped.commits.last().map(|last| last.status.to_string());
                    json!({"run": name, "commits": stepped.commits.len(), "status": status})
                }
                Err(error) => {
                    let down = error.kind == EngineErrorKind::Unavailable;
                    self.unavailable |= down;
                    self.errors += 1;
                    if down {
                        tracing::warn!(run = name, "a run could not be looked at: {error}");
                    } else {
                        tracing::error!(run = name, "a run could not be looked at: {error}");
                    }
                    json!({"run": name, "error": error.message})
                }
            };
            // A run that comes up twice in one tick is due all the time: it must not keep the tick going.
            progress |= self.runs.insert(run, seen).is_none();
        }
        if (full || !fired_all) && progress && !self.unavailable {
            Next::Round
        } else {
            Next::Stop
        }
    }
}
