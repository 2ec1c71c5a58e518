//! Jobs outside Ork, and the questions about them.

use ork_core::Value;
use ork_core::task::AttemptId;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{JobStatus, TrackerError};

use super::Inner;
use crate::fault::Fault;

/// A job outside Ork.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    ready_at: Time,
    fails: bool,
    cancelled: bool,
}

impl Inner {
    /// Makes `count` jobs of an attempt; gives their descriptions as JSON text.
    pub(crate) fn make_jobs(&mut self, attempt: &AttemptId, count: u64) -> String {
        let mut list = Vec::new();
        for job in 0..count {
            let id = format!("{}-{job}", crate::words::id(attempt));
            let takes = if self.hit(Fault::JobSlow) {
                self.random.span(600_000, 4 * 3_600_000)
            } else {
                self.random.span(1_000, 1_200_000)
            };
            let fails = self.hit(Fault::JobFails);
            let ready_at = self.now + Millis(takes);
            list.push(serde_json::json!({"service_type": "custom_http", "id": id}));
            self.jobs.entry(id).or_insert(Job {
                ready_at,
                fails,
                cancelled: false,
            });
        }
        Value::Array(list).to_string()
    }

    pub(super) fn poll_job(&mut self, job: &Value) -> Result<JobStatus, TrackerError> {
        self.note(30);
        if self.now < self.down_until || self.hit(Fault::TrackerTransient) {
            let retry_after = self
                .random
                .one_in(2)
                .then(|| Millis(self.random.span(1_000, 600_000)));
            return Err(TrackerError::Transient {
                message: "simulated".into(),
                retry_after,
            });
        }
        if self.hit(Fault::TrackerPermanent) {
            return Err(TrackerError::Permanent("simulated: forbidden".into()));
        }
        let id = job["id"].as_str().unwrap_or_default();
        let Some(found) = self.jobs.get(id).cloned() else {
            self.violated(
                "I2",
                format!("a job that nobody made was asked about: {job}"),
            );
            return Err(TrackerError::Permanent("there is no such job".into()));
        };
        Ok(if found.cancelled {
            JobStatus::Failed("it was cancelled".into())
        } else if found.ready_at > self.now {
            JobStatus::Running
        } else if found.fails {
            JobStatus::Failed("simulated".into())
        } else {
            JobStatus::Succeeded
        })
    }

    pub(super) fn cancel_job(&mut self, job: &Value) -> Result<(), TrackerError> {
        self.note(31);
        if self.now < self.down_until || self.hit(Fault::TrackerTransient) {
            return Err(TrackerError::Transient {
                message: "simulated".into(),
                retry_after: None,
            });
        }
        if let Some(found) = job["id"].as_str().and_then(|id| self.jobs.get_mut(id)) {
            found.cancelled = true;
        }
        Ok(())
    }
}
