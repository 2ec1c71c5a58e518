//! The stand-in for Cloud Scheduler: one job that posts to one URL at its times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{bail, ensure};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::http::client;

/// When it posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// `* * * * *`: at every full minute.
    Minute,
    /// At every multiple of this since 1970, so that ten seconds means :00, :10, :20 …
    Every(Duration),
}

/// How a post is tried again that was not answered with 2xx. As Cloud Scheduler: not at all unless it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickRetry {
    /// How often, at most; up to 5.
    pub count: u32,
    /// The first wait.
    pub min_backoff: Duration,
    /// The longest wait.
    pub max_backoff: Duration,
    /// How often the wait doubles.
    pub max_doublings: u32,
}

impl Default for TickRetry {
    fn default() -> Self {
        Self {
            count: 0,
            min_backoff: Duration::from_secs(5),
            max_backoff: Duration::from_secs(3600),
            max_doublings: 5,
        }
    }
}

/// How the stand-in for Cloud Scheduler is started.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// What is posted to.
    pub url: String,
    /// When.
    pub cadence: Cadence,
    /// The name of the job, for the header.
    pub job: String,
    /// How long an answer may take.
    pub attempt_deadline: Duration,
    /// What happens when there is none, or not the right one.
    pub retry: TickRetry,
}

impl SchedulerOptions {
    /// Posts to `url` at these times, gives an answer three minutes, and does not retry.
    pub fn new(url: impl Into<String>, cadence: Cadence) -> Self {
        Self {
            url: url.into(),
            cadence,
            job: "ork-tick".to_owned(),
            attempt_deadline: Duration::from_secs(180),
            retry: TickRetry::default(),
        }
    }
}

/// What became of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The slot it was for.
    pub slot: Timestamp,
    /// How many attempts there were before.
    pub retries: u32,
    /// The status of the answer, or why there was none.
    pub outcome: Result<u16, String>,
}

/// The running stand-in. Dropping it ends it.
#[derive(Debug)]
pub struct Scheduler {
    shared: Arc<Shared>,
    running: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    now: Notify,
    posts: AtomicU64,
    last: Mutex<Option<Tick>>,
}

impl Scheduler {
    /// Starts it.
    ///
    /// # Errors
    /// The URL is none, the cadence is nothing, or there are more than five retries.
    pub fn start(options: SchedulerOptions) -> anyhow::Result<Self> {
        let url = reqwest::Url::parse(&options.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            bail!(
                "the scheduler: `{}` is no URL to post to, such as http://127.0.0.1:8080/tick",
                options.url
            );
        }
        if let Cadence::Every(every) = options.cadence {
            ensure!(
                every >= Duration::from_millis(10),
                "the scheduler: every {} s is too often: at most every 0.01 s",
                every.as_secs_f64()
            );
        }
        ensure!(
            options.retry.count <= 5,
            "the scheduler: {} retries are more than 5",
            options.retry.count
        );
        let shared = Arc::new(Shared::default());
        let running = tokio::spawn(run(options, shared.clone()));
        Ok(Self { shared, running })
    }

    /// Posts at once, beside the times it has (`gcloud scheduler jobs run`).
    pub fn run_now(&self) {
        self.shared.now.notify_one();
    }

    /// How many posts were answered or given up.
    #[must_use]
    pub fn posts(&self) -> u64 {
        self.shared.posts.load(Ordering::Relaxed)
    }

    /// The latest post.
    #[must_use]
    pub fn last(&self) -> Option<Tick> {
        self.shared
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends it; a post that is on its way is dropped.
    pub async fn stop(mut self) {
        self.running.abort();
        // Cancelled is how it is to end.
        let _ = (&mut self.running).await;
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn run(options: SchedulerOptions, shared: Arc<Shared>) {
    let client = client();
    loop {
        // Slots that passed while a post was on its way are left out: one job never runs beside itself.
        let slot = next_slot(options.cadence, Timestamp::now());
        let wait = Duration::try_from(slot.duration_since(Timestamp::now())).unwrap_or_default();
        let slot = tokio::select! {
            () = tokio::time::sleep(wait) => slot,
            () = shared.now.notified() => Timestamp::now(),
        };
        post(&client, &options, &shared, slot).await;
    }
}

/// The first slot after `now`.
fn next_slot(cadence: Cadence, now: Timestamp) -> Timestamp {
    let every = match cadence {
        Cadence::Minute => SignedDuration::from_secs(60),
        Cadence::Every(every) => SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX),
    };
    let (now, every) = (now.as_nanosecond(), every.as_nanos());
    Timestamp::from_nanosecond((now.div_euclid(every) + 1).saturating_mul(every))
        .unwrap_or(Timestamp::MAX)
}

async fn post(
    client: &reqwest::Client,
    options: &SchedulerOptions,
    shared: &Shared,
    slot: Timestamp,
) {
    for retries in 0..=options.retry.count {
        let answer = client
            .post(&options.url)
            .timeout(options.attempt_deadline)
            .header("user-agent", "Google-Cloud-Scheduler")
            .header("x-cloudscheduler", "true")
            .header("x-cloudscheduler-jobname", &options.job)
            .header("x-cloudscheduler-scheduletime", slot.to_string())
            .header("content-type", "application/octet-stream")
            .send()
            .await;
        let outcome = match answer {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
        };
        let taken = matches!(outcome, Ok(200..300));
        *shared.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Tick {
            slot,
            retries,
            outcome,
        });
        shared.posts.fetch_add(1, Ordering::Relaxed);
        if taken || retries == options.retry.count {
            return;
        }
        tokio::time::sleep(backoff(&options.retry, retries)).await;
    }
}

fn backoff(retry: &TickRetry, retries: u32) -> Duration {
    let doublings = retries.min(retry.max_doublings).min(31);
    retry
        .min_backoff
        .saturating_mul(1 << doublings)
        .min(retry.max_backoff)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    fn slot_after(cadence: Cadence, now: &str) -> String {
        next_slot(cadence, now.parse().unwrap()).to_string()
    }

    #[test]
    fn slots_are_aligned() {
        assert_eq!(
            slot_after(Cadence::Minute, "2026-11-21T15:04:25.5Z"),
            "2026-11-21T15:05:00Z"
        );
        assert_eq!(
            slot_after(Cadence::Minute, "2026-11-21T15:05:00Z"),
            "2026-11-21T15:06:00Z"
        );
        let ten = Cadence::Every(Duration::from_secs(10));
        assert_eq!(
            slot_after(ten, "2026-11-21T15:04:25.5Z"),
            "2026-11-21T15:04:30Z"
        );
        let tenth = Cadence::Every(Duration::from_millis(100));
        assert_eq!(
            slot_after(tenth, "2026-11-21T15:04:25.55Z"),
            "2026-11-21T15:04:25.6Z"
        );
    }

    #[test]
    fn waits_double_up_to_the_limit() {
        let retry = TickRetry {
            count: 5,
            min_backoff: Duration::from_secs(5),
            max_backoff: Duration::from_secs(30),
            max_doublings: 5,
        };
        let waits: Vec<u64> = (0..4)
            .map(|retries| backoff(&retry, retries).as_secs())
            .collect();
        assert_eq!(waits, [5, 10, 20, 30]);
    }
}
