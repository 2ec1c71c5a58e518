//! Publishes notifications to Pub/Sub in the background: in order, in batches, again and again until Pub/Sub takes them.
//!
//! What comes while a batch is under way goes into the next one, so that a single notification waits for nothing
//! and a burst goes out a hundred at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::store::lock;

/// Messages in one publish request.
const BATCH_MAX: usize = 100;
/// Notifications that may wait for a Pub/Sub that is not there.
const WAITING_MAX: u64 = 200_000;
const BACKOFF_FIRST: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What became of the notifications since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notifications {
    /// Taken by Pub/Sub.
    pub published: u64,
    /// Not sent because a test wanted them lost.
    pub dropped: u64,
    /// Given up: Pub/Sub refused them for good, or too many waited.
    pub failed: u64,
    /// Not yet taken.
    pub waiting: u64,
    /// Publish requests that have to be made again.
    pub retries: u64,
    /// Why the last request failed.
    pub last_error: Option<String>,
}

/// How notifications are delivered: a test may want none of them, each of them several times, or late.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery {
    pub(super) times: u32,
    pub(super) delay: Duration,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            times: 1,
            delay: Duration::ZERO,
        }
    }
}

struct Waiting {
    message: Value,
    due: Instant,
}

/// The queue of each topic and the tasks that empty them.
pub(super) struct Notifier {
    /// `http://host:port` of Pub/Sub; without it nothing can be published.
    pubsub: Option<String>,
    runtime: Handle,
    client: reqwest::Client,
    counts: Arc<Mutex<Notifications>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    delivery: Delivery,
    topics: BTreeMap<String, mpsc::UnboundedSender<Waiting>>,
    tasks: JoinSet<()>,
}

impl Notifier {
    pub(super) fn new(pubsub: Option<&str>) -> anyhow::Result<Self> {
        let pubsub = pubsub.map(|host| match host.strip_prefix("http://") {
            Some(_) => host.trim_end_matches('/').to_owned(),
            None => format!("http://{host}"),
        });
        Ok(Self {
            pubsub,
            runtime: Handle::current(),
            client: reqwest::Client::builder()
                .timeout(REQUEST_TIMEOUT)
                .build()?,
            counts: Arc::default(),
            inner: Mutex::default(),
        })
    }

    pub(super) fn has_pubsub(&self) -> bool {
        self.pubsub.is_some()
    }

    pub(super) fn set_delivery(&self, delivery: Delivery) {
        self.inner().delivery = delivery;
    }

    pub(super) fn counts(&self) -> Notifications {
        lock(&self.counts).clone()
    }

    /// Sets the counters to zero; what waits still waits.
    pub(super) fn reset_counts(&self) {
        let mut counts = lock(&self.counts);
        let waiting = counts.waiting;
        *counts = Notifications {
            waiting,
            ..Notifications::default()
        };
    }

    /// Hands a message over; never waits.
    pub(super) fn send(&self, topic: &str, message: Value) {
        let Some(pubsub) = &self.pubsub else {
            return;
        };
        let mut inner = self.inner();
        let Delivery { times, delay } = inner.delivery;
        {
            let mut counts = lock(&self.counts);
            if times == 0 {
                counts.dropped += 1;
                return;
            }
            if counts.waiting >= WAITING_MAX {
                counts.failed += u64::from(times);
                counts.last_error = Some(format!(
                    "more than {WAITING_MAX} notifications wait for Pub/Sub"
                ));
                return;
            }
            counts.waiting += u64::from(times);
        }
        if !inner.topics.contains_key(topic) {
            let (sender, receiver) = mpsc::unbounded_channel();
            let publisher = Publisher {
                url: format!("{pubsub}/v1/{topic}:publish"),
                client: self.client.clone(),
                counts: self.counts.clone(),
            };
            inner.tasks.spawn_on(publisher.run(receiver), &self.runtime);
            inner.topics.insert(topic.to_owned(), sender);
        }
        let due = Instant::now() + delay;
        for _ in 0..times {
            let message = message.clone();
            if inner.topics[topic].send(Waiting { message, due }).is_err() {
                lock(&self.counts).waiting -= 1;
            }
        }
    }

    /// Forgets what waits and ends the tasks.
    pub(super) fn stop(&self) {
        let mut inner = self.inner();
        inner.topics.clear();
        inner.tasks.abort_all();
        lock(&self.counts).waiting = 0;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

struct Publisher {
    url: String,
    client: reqwest::Client,
    counts: Arc<Mutex<Notifications>>,
}

impl Publisher {
    async fn run(self, mut queue: mpsc::UnboundedReceiver<Waiting>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
            // All of a queue are late by about the same, so the last one's instant is close to everyone's.
            if let Some(due) = batch.iter().map(|waiting| waiting.due).max() {
                tokio::time::sleep_until(due).await;
            }
            let messages = batch
                .drain(..)
                .map(|waiting| waiting.message)
                .collect::<Vec<_>>();
            self.publish(messages).await;
        }
    }

    async fn publish(&self, messages: Vec<Value>) {
        let count = messages.len() as u64;
        let body = json!({ "messages": messages });
        let mut backoff = BACKOFF_FIRST;
        loop {
            let (last_error, again) = match self.client.post(&self.url).json(&body).send().await {
                Ok(response) if response.status().is_success() => return self.done(count),
                Ok(response) => {
                    let status = response.status();
                    let text = response.text().await.unwrap_or_default();
                    // A topic that is missing may be made later, as after a wipe of the emulator.
                    let again =
                        status.is_server_error() || matches!(status.as_u16(), 404 | 408 | 429);
                    (format!("{}: {status}: {text}", self.url), again)
                }
                Err(error) => (format!("{}: {error}", self.url), true),
            };
            if !self.failed(count, last_error, again) {
                return;
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    fn done(&self, count: u64) {
        let mut counts = lock(&self.counts);
        counts.published += count;
        counts.waiting = counts.waiting.saturating_sub(count);
    }

    /// Notes why a request failed; whether it will be made again comes back.
    fn failed(&self, count: u64, last_error: String, again: bool) -> bool {
        let mut counts = lock(&self.counts);
        counts.last_error = Some(last_error);
        if again {
            counts.retries += 1;
        } else {
            counts.failed += count;
            counts.waiting = counts.waiting.saturating_sub(count);
        }
        again
    }
}
