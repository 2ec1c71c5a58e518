//! Signs of life, until the attempt turns out to have its verdict.

use std::time::Duration;

use ork_core::time::Time;
use ork_engine::Worker;
use ork_engine::ports::{Clock, Objects};
use ork_gcp::signed::UrlObjects;
use ork_local::clock::SystemClock;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::warn;

use crate::by_url;

/// An object is not written twice within this.
const APART: Duration = Duration::from_secs(1);
/// A sign of life that takes longer is given up for the next one.
const ANSWER: Duration = Duration::from_secs(20);

/// When signs of life are due.
pub(crate) struct Beats<'a, O> {
    worker: &'a Worker<'a, O>,
    /// What is to be renewed beside them.
    urls: Option<&'a UrlObjects>,
    interval: Duration,
    claimed_at: Time,
    began: Notify,
}

impl<'a, O: Objects> Beats<'a, O> {
    /// For an attempt that was claimed just now.
    pub(crate) fn new(
        worker: &'a Worker<'a, O>,
        interval: Duration,
        urls: Option<&'a UrlObjects>,
    ) -> Self {
        Self {
            worker,
            urls,
            interval: interval.max(APART),
            claimed_at: SystemClock.now(),
            began: Notify::new(),
        }
    }

    /// The user's code begins: a sign of life is due now.
    pub(crate) fn began(&self) {
        self.began.notify_one();
    }

    /// Gives signs of life: every interval, also while the code is being fetched, and at once when it begins. Ends when the
    /// attempt has its verdict, and only then: a sign that cannot be written is written later.
    pub(crate) async fn give(&self) {
        let mut started_at = self.claimed_at;
        let mut next = Instant::now() + self.interval;
        let mut soonest = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.began.notified() => {
                    started_at = SystemClock.now();
                    sleep_until(soonest).await;
                }
            }
            by_url::renew(self.urls).await;
            let sign = self.worker.beat(started_at, SystemClock.now());
            let why = match timeout(ANSWER, sign).await {
                Ok(Ok(false)) => return,
                Ok(Ok(true)) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} s", ANSWER.as_secs())),
            };
            let now = Instant::now();
            soonest = now + APART;
            next = match why {
                None => now + self.interval,
                Some(error) => {
                    warn!(error, "a sign of life could not be given");
                    now + (self.interval / 4).max(APART)
                }
            };
        }
    }
}
