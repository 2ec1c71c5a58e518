//! What the stand-in knows, and how a call is answered: faults first, then the answer, then the count.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::Value;

use super::clock::Clock;
use super::fault::{Asked, Faults};
use super::job::{Job, Key, Service};
use super::planned::Waiting;
use super::script::Script;
use super::timeline::Timeline;
use crate::http::{ApiError, Code};
use crate::keyring::Keyring;

/// What a call gives.
pub(super) enum Reply {
    Json(Value),
    /// 204, without a body.
    Nothing,
}

pub(super) type Answer = Result<Reply, ApiError>;

/// What the routes and the handle share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) clock: Clock,
    pub(super) keyring: Keyring,
    state: Mutex<State>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) jobs: BTreeMap<Key, Job>,
    /// Which job a request id of a project made.
    pub(super) requests: BTreeMap<(Service, String, String), Key>,
    pub(super) waiting: Waiting,
    pub(super) faults: Faults,
    pub(super) defaults: Script,
    /// How often a call was answered how: `bigquery get 200`.
    pub(super) calls: BTreeMap<String, u64>,
    last: u64,
}

/// What a new job is made of.
pub(super) struct NewJob {
    pub(super) key: Key,
    pub(super) request: Value,
    /// What the request itself says about the simulation.
    pub(super) script: Script,
    pub(super) operation: Option<String>,
    pub(super) request_id: String,
}

/// The fault that stands at a call's beginning, its wait over.
pub(super) struct Gate {
    refusal: Option<ApiError>,
}

impl Gate {
    /// The answer, unless it gets lost.
    pub(super) fn close(self, answer: Answer) -> Answer {
        match self.refusal {
            Some(lost) => answer.and(Err(lost)),
            None => answer,
        }
    }
}

impl Inner {
    pub(super) fn new(speed: f64, keyring: Keyring, defaults: Script) -> Self {
        Self {
            clock: Clock::new(speed),
            keyring,
            state: Mutex::new(State {
                defaults,
                ..State::default()
            }),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete or none; a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Meets the fault that waits for this call. An error is the answer instead of the call.
    pub(super) async fn gate(&self, asked: &Asked<'_>) -> Result<Gate, ApiError> {
        let fault = self.state().faults.take(asked);
        let Some(fault) = fault else {
            return Ok(Gate { refusal: None });
        };
        if fault.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
        }
        match fault.refusal(asked.service) {
            Some(refusal) if !fault.after => Err(refusal),
            refusal => Ok(Gate { refusal }),
        }
    }

    /// Does a call that needs no waiting.
    pub(super) async fn answer(
        &self,
        asked: Asked<'_>,
        call: impl FnOnce(&mut State, Timestamp) -> Answer,
    ) -> Response {
        let answer = match self.gate(&asked).await {
            Ok(gate) => {
                let now = self.clock.now();
                let answer = call(&mut self.state(), now);
                gate.close(answer)
            }
            Err(refusal) => Err(refusal),
        };
        self.told(&asked, answer)
    }

    /// Counts an answer and writes it.
    pub(super) fn told(&self, asked: &Asked<'_>, answer: Answer) -> Response {
        let status = match &answer {
            Ok(Reply::Json(_)) => 200,
            Ok(Reply::Nothing) => 204,
            Err(error) => error.http(),
        };
        let on = serde_json::to_value(asked.on).unwrap_or_default();
        let on = on.as_str().unwrap_or_default();
        let name = format!("{} {on} {status}", asked.service.name());
        *self.state().calls.entry(name).or_default() += 1;
        match answer {
            Ok(Reply::Json(value)) => Json(value).into_response(),
            Ok(Reply::Nothing) => StatusCode::NO_CONTENT.into_response(),
            Err(error) => error.into_response(),
        }
    }

    pub(super) fn wipe(&self, project: &str) {
        let mut state = self.state();
        state.jobs.retain(|key, _| key.project != project);
        state.requests.retain(|(_, of, _), _| of != project);
        state.waiting.wipe(project);
        state.faults.wipe(project);
    }
}

impl State {
    /// Makes a job; its place must be free.
    pub(super) fn insert(&mut self, new: NewJob, now: Timestamp) -> &mut Job {
        let own = self.defaults.clone().overlaid(new.script);
        let script = self.waiting.script(&new.key, own);
        self.last += 1;
        if !new.request_id.is_empty() {
            let request = (new.key.service, new.key.project.clone(), new.request_id);
            self.requests.insert(request, new.key.clone());
        }
        let job = Job {
            key: new.key.clone(),
            number: self.last,
            uid: uid(),
            request: new.request,
            timeline: Timeline::new(now, script),
            operation: new.operation,
            asked: 0,
        };
        self.jobs.entry(new.key).or_insert(job)
    }

    /// The job that this request id made before.
    pub(super) fn made_by(&self, service: Service, project: &str, request: &str) -> Option<&Job> {
        if request.is_empty() {
            return None;
        }
        let request = (service, project.to_owned(), request.to_owned());
        self.jobs.get(self.requests.get(&request)?)
    }

    /// The jobs of a service in a project, the newest first.
    pub(super) fn jobs_of(&self, service: Service, project: &str) -> Vec<&Job> {
        let mut found: Vec<&Job> = self
            .jobs
            .values()
            .filter(|job| job.key.service == service && job.key.project == project)
            .collect();
        found.sort_by_key(|job| std::cmp::Reverse(job.number));
        found
    }
}

/// Something that looks like the UUIDs Google gives its resources.
pub(super) fn uid() -> String {
    // The standard library seeds its hashes from the system's randomness; that is enough for names.
    let random = || RandomState::new().hash_one(0);
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

/// One page of a list, and the token of the next one (empty at the end).
pub(super) fn page<'a, T>(
    all: &'a [T],
    size: &str,
    token: &str,
) -> Result<(&'a [T], String), ApiError> {
    let wrong = |name: &str, text: &str| {
        ApiError::new(
            Code::InvalidArgument,
            format!("{name}: `{text}` is not one of this list"),
        )
        .because("invalid")
    };
    let number = |name: &str, text: &str| -> Result<usize, ApiError> {
        match text {
            "" => Ok(0),
            text => text.parse().map_err(|_| wrong(name, text)),
        }
    };
    let start = number("page_token", token)?;
    if start > all.len() {
        return Err(wrong("page_token", token));
    }
    let size = match number("page_size", size)? {
        0 => all.len(),
        size => size,
    };
    let end = start.saturating_add(size).min(all.len());
    let next = if end < all.len() {
        end.to_string()
    } else {
        String::new()
    };
    Ok((&all[start..end], next))
}
