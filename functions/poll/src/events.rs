//! `POST /events`: word of a job's end. It is only a hint: which run waits for the job is looked up, and the service is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ork_core::ids::RunId;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Clock, Ports};
use ork_engine::{EngineError, JobKey};
use ork_host::push::Broken;
use ork_host::{Budget, Payload, answer};
use tokio::sync::Mutex;
use tracing::{Instrument, Span};

use crate::Poll;
use crate::event::{Over, Word, read};

/// How many runs are looked through for a job that does not name its own.
const RUNS: usize = 100;
/// How long a process does not look through them again, so that the jobs of others cost next to nothing.
const AGAIN: Millis = Millis::from_secs(5);

/// The jobs that runs wait for, as they were when this process last looked. Which run a job belongs to does not change.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    at: Option<Time>,
    jobs: BTreeMap<JobKey, BTreeSet<RunId>>,
}

pub(crate) async fn events<P: Ports + 'static>(
    State(poll): State<Arc<Poll<P>>>,
    headers: HeaderMap,
    budget: Budget,
    body: Payload,
) -> Response {
    let word = match &body {
        Payload::Whole(bytes) => read(&headers, bytes),
        Payload::TooLarge(size) => Err(Broken(format!("the event has {size} bytes"))),
    };
    match word {
        Ok(Word::Over(over)) => poll.heard(over, budget).await,
        Ok(Word::PassedOver(why)) => poll.host.passed_over(why),
        Err(broken) => poll.host.broken(&broken),
    }
}

impl<P: Ports> Poll<P> {
    /// Looks at the runs that wait for the job.
    async fn heard(&self, over: Over, budget: Budget) -> Response {
        let work = Box::pin(async {
            let runs = match over.run {
                Some(run) => BTreeSet::from([run]),
                None => self.waiting_for(&over.key).await?,
            };
            self.host.count(self.engine.ports(), runs.first());
            for run in &runs {
                Span::current().record("run", run.as_str());
                self.engine.ask_early(run, &over.key, self.claim).await?;
            }
            Ok::<_, EngineError>(runs.is_empty())
        });
        match budget.within(work.in_current_span()).await {
            Ok(Ok(true)) => self.host.passed_over("no run is known to wait for the job"),
            Ok(Ok(false)) => answer::done(),
            Ok(Err(error)) => answer::of_error(&error),
            Err(_) => {
                tracing::warn!(
                    "the time was over before the job's run was looked at; it is when the job is due"
                );
                answer::done()
            }
        }
    }

    async fn waiting_for(&self, key: &JobKey) -> Result<BTreeSet<RunId>, EngineError> {
        // Others wait here instead of looking themselves.
        let mut seen = self.known.0.lock().await;
        let now = self.engine.ports().clock().now();
        let lately = seen.at.is_some_and(|at| now < at + AGAIN);
        match seen.jobs.get(key) {
            // Of one job's executions there may be others by now.
            Some(runs) if lately || !matches!(key, JobKey::CloudRunJob(_)) => {
                return Ok(runs.clone());
            }
            None if lately => return Ok(BTreeSet::new()),
            Some(_) | None => {}
        }
        let mut jobs: BTreeMap<JobKey, BTreeSet<RunId>> = BTreeMap::new();
        for (job, run) in self.engine.open_jobs(RUNS).await? {
            jobs.entry(job).or_default().insert(run);
        }
        let runs = jobs.get(key).cloned().unwrap_or_default();
        *seen = Seen {
            at: Some(now),
            jobs,
        };
        Ok(runs)
    }
}
