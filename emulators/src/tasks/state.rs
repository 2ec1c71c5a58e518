//! What the stand-in knows: queues, tasks, names that were used, what was delivered.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Delivery;
use super::retry::Retry;
use super::task::Task;

/// How many deliveries are remembered.
const DELIVERIES_MAX: usize = 10_000;

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) retry: Retry,
    pub(super) paused: watch::Sender<bool>,
    pub(super) purged: Option<Timestamp>,
}

impl Queue {
    pub(super) fn new(name: &str, retry: Retry) -> Self {
        Self {
            name: name.to_owned(),
            retry,
            paused: watch::Sender::new(false),
            purged: None,
        }
    }

    pub(super) fn resource(&self) -> Value {
        let mut value = json!({
            "name": self.name,
            "state": if *self.paused.borrow() { "PAUSED" } else { "RUNNING" },
            "retryConfig": self.retry.resource(),
            "rateLimits": {"maxDispatchesPerSecond": 500.0, "maxBurstSize": 100, "maxConcurrentDispatches": 1000},
        });
        if let Some(purged) = self.purged {
            value["purgeTime"] = json!(purged);
        }
        value
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) tasks: BTreeMap<String, Task>,
    /// Names of tasks that are gone, and since when.
    used: BTreeMap<String, Timestamp>,
    pub(super) deliveries: VecDeque<Delivery>,
    /// Statuses that the next creations are answered with.
    pub(super) refusals: VecDeque<u16>,
}

impl State {
    /// Whether a task has this name or had it not long ago.
    pub(super) fn is_used(&self, name: &str, now: Timestamp, kept: Duration) -> bool {
        let kept = SignedDuration::try_from(kept).unwrap_or(SignedDuration::MAX);
        self.tasks.contains_key(name)
            || self
                .used
                .get(name)
                .is_some_and(|gone| now.duration_since(*gone) < kept)
    }

    /// Takes a task out; its name stays used. A request that is on its way is not called back.
    pub(super) fn remove(&mut self, name: &str, now: Timestamp, kept: Duration) -> Option<Task> {
        let task = self.tasks.remove(name)?;
        if self.used.len() % 1024 == 1023 {
            let kept = SignedDuration::try_from(kept).unwrap_or(SignedDuration::MAX);
            self.used.retain(|_, gone| now.duration_since(*gone) < kept);
        }
        self.used.insert(name.to_owned(), now);
        if let Some(driver) = task.driver.as_ref().filter(|_| !task.in_flight) {
            driver.abort();
        }
        Some(task)
    }

    /// The names of the tasks of a queue.
    pub(super) fn names_of(&self, queue: &str) -> Vec<String> {
        let prefix = format!("{queue}/tasks/");
        self.tasks
            .range(prefix.clone()..)
            .map(|(name, _)| name)
            .take_while(|name| name.starts_with(&prefix))
            .cloned()
            .collect()
    }

    pub(super) fn note(&mut self, delivery: Delivery) {
        if self.deliveries.len() == DELIVERIES_MAX {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }

    /// Forgets the tasks, used names and deliveries whose name begins so. Queues stay.
    pub(super) fn wipe(&mut self, prefix: &str) {
        self.tasks.retain(|name, task| {
            let stays = !name.starts_with(prefix);
            if !stays && let Some(driver) = &task.driver {
                driver.abort();
            }
            stays
        });
        self.used.retain(|name, _| !name.starts_with(prefix));
        self.deliveries
            .retain(|delivery| !delivery.task.starts_with(prefix));
    }
}
