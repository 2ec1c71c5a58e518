//! What starts attempts, as badly as executors do: no place, lost answers, twice, late, never.

use std::hash::Hash as _;

use ork_core::run::Category;
use ork_core::task::{AttemptId, TaskSpec};
use ork_core::time::Millis;
use ork_engine::ports::StartError;

use super::{Inner, Item};
use crate::fault::Fault;

impl Inner {
    pub(super) fn start_attempt(&mut self, spec: TaskSpec, waited: bool) -> Result<(), StartError> {
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
        if lost {
            Err(StartError::Ambiguous("simulated".into()))
        } else {
            Ok(())
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

    pub(super) fn stop_attempt(&mut self, attempt: &AttemptId) {
        self.note(21);
        if self.now < self.down_until || self.hit(Fault::StopIgnored) {
            return;
        }
        self.tell(|| format!("stop {}", crate::words::id(attempt)));
        self.stop.push(attempt.clone());
    }
}
