//! What starts attempts, as badly as executors do: no place, lost answers, twice, late, never.

use std::hash::Hash as _;

use ork_core::run::Category;
use ork_core::task::{AttemptId, TaskSpec};
use ork_core::time::Millis;
use ork_engine::ports::{Executor, StartError};

use super::services::Order;
use super::{Handle, Inner, Item};
use crate::fault::Fault;

impl Executor for Handle {
    async fn start(&self, mut specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        let kept = self.world().lock().keep(&mut specs);
        let mut answers = if kept.is_some() && specs.is_empty() {
            Vec::new()
        } else {
            self.hand_over(specs).await
        };
        if let Some(at) = kept {
            answers.insert(at, Ok(()));
        }
        answers
    }
    async fn stop(&self, attempt: &AttemptId) {
        self.call(|inner| inner.stop_attempt(attempt)).await;
    }
}

impl Handle {
    /// Starts jobs and publishes messages.
    async fn hand_over(&self, specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        // Whoever waited long for a place is often told in the end that there is none.
        let slow = self.maybe_slow(Fault::StartSlow, 600_000).await;
        let orders = self.leave_batches(&specs).await;
        self.call(|inner| {
            let all = specs.into_iter().zip(orders);
            all.map(|(spec, order)| inner.start_attempt(spec, order?, slow))
                .collect()
        })
        .await
    }
}

impl Inner {
    /// Starts an attempt; with an order, as a message to a worker service.
    fn start_attempt(
        &mut self,
        spec: TaskSpec,
        order: Option<Order>,
        waited: bool,
    ) -> Result<(), StartError> {
        self.note(20);
        spec.id.hash(&mut self.hash);
        if !self.watch.remote {
            return self.start_here(spec);
        }
        if self.now < self.down_until {
            return Err(StartError::Ambiguous("simulated outage".into()));
        }
        if self.hit(Fault::StartBusy) || (waited && self.random.one_in(2)) {
            self.tell(|| format!("start {}: no place", crate::words::id(&spec.id)));
            return Err(StartError::Busy("no place in the simulated world".into()));
        }
        if self.hit(Fault::StartRefused) {
            self.tell(|| format!("start {}: refused", crate::words::id(&spec.id)));
            let category =
                *self
                    .random
                    .pick(&[Category::Permanent, Category::Transient, Category::Unknown]);
            return Err(StartError::Refused {
                category,
                message: "the simulated image does not exist".into(),
            });
        }
        if self.hit(Fault::StartLost) {
            self.tell(|| format!("start {}: lost", crate::words::id(&spec.id)));
            return Err(StartError::Ambiguous("simulated".into()));
        }
        let lost = self.hit(Fault::StartAnswerLost);
        self.tell(|| {
            let how = if lost { ", answer lost" } else { "" };
            format!("start {}{how}", crate::words::id(&spec.id))
        });
        crate::watch::attempt_started(self, &spec);
        match order {
            Some(order) => self.publish(&order),
            None => self.start_execution(spec),
        }
        if lost {
            Err(StartError::Ambiguous("simulated".into()))
        } else {
            Ok(())
        }
    }

    /// The execution of a job.
    fn start_execution(&mut self, spec: TaskSpec) {
        self.counts(|load| load.starts += 1);
        let copies = if self.hit(Fault::StartDoubled) { 2 } else { 1 };
        for _ in 0..copies {
            if self.hit(Fault::StartNever) {
                continue;
            }
            let delay = if self.hit(Fault::StartLate) {
                self.random.span(30_000, 3 * 3_600_000)
            } else {
                self.random.between(50, 4_000)
            };
            let at = self.now + Millis(delay);
            self.schedule(at, Item::Begin(Box::new(spec.clone()), self.lives));
        }
    }

    /// A child of the engine's own process: there is a place or there is none.
    fn start_here(&mut self, spec: TaskSpec) -> Result<(), StartError> {
        if self.hit(Fault::StartBusy) {
            return Err(StartError::Busy("no place in the simulated world".into()));
        }
        crate::watch::attempt_started(self, &spec);
        let at = self.now + Millis(self.random.between(1, 50));
        self.schedule(at, Item::Begin(Box::new(spec), self.lives));
        Ok(())
    }

    fn stop_attempt(&mut self, attempt: &AttemptId) {
        self.note(21);
        if self.now < self.down_until || self.hit(Fault::StopIgnored) {
            return;
        }
        self.tell(|| format!("stop {}", crate::words::id(attempt)));
        self.stop.push(attempt.clone());
    }
}
