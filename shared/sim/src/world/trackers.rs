//! Jobs outside Ork, and the questions about them.

use ork_core::Value;
use ork_core::task::AttemptId;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{JobStatus, Stopping, TrackerError};

use super::Inner;
use crate::fault::Fault;

/// A job outside Ork.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// From when on its service knows it.
    known_at: Time,
    ready_at: Time,
    fails: bool,
    /// When it ends because it was told to.
    stops_at: Option<Time>,
    /// Its service has forgotten it.
    gone: bool,
}

impl Job {
    /// Whether it is at work.
    pub(crate) fn is_at_work(&self, now: Time) -> bool {
        !self.gone && self.ready_at > now && self.stops_at.is_none_or(|at| at > now)
    }
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
            let known_at = if self.hit(Fault::JobUnknown) {
                self.now + Millis(self.random.span(1_000, 50_000))
            } else {
                self.now
            };
            let gone = self.hit(Fault::JobGone);
            let ready_at = self.now + Millis(takes);
            list.push(serde_json::json!({"service_type": "custom_http", "id": id}));
            self.jobs.entry(id).or_insert(Job {
                known_at,
                ready_at,
                fails,
                stops_at: None,
                gone,
            });
        }
        Value::Array(list).to_string()
    }

    /// What keeps any question from being answered.
    fn tracker_trouble(&mut self, job: &Value) -> Result<Job, TrackerError> {
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
        if self.hit(Fault::TrackerDenied) {
            return Err(TrackerError::Denied("simulated: not for now".into()));
        }
        let id = job["id"].as_str().unwrap_or_default();
        let Some(found) = self.jobs.get(id).cloned() else {
            self.violated(
                "I2",
                format!("a job that nobody made was asked about: {job}"),
            );
            return Err(TrackerError::Permanent("there is no such job".into()));
        };
        if found.known_at > self.now || found.gone {
            return Err(TrackerError::Missing("simulated: not known".into()));
        }
        Ok(found)
    }

    pub(super) fn poll_job(&mut self, job: &Value) -> Result<JobStatus, TrackerError> {
        self.note(30);
        let found = self.tracker_trouble(job)?;
        if self.hit(Fault::TrackerPermanent) {
            return Err(TrackerError::Permanent("simulated: forbidden".into()));
        }
        Ok(if found.is_at_work(self.now) {
            JobStatus::Running
        } else if found.ready_at > self.now {
            JobStatus::Failed("it was cancelled".into())
        } else if found.fails {
            JobStatus::Failed("simulated".into())
        } else {
            JobStatus::Succeeded
        })
    }

    pub(super) fn cancel_job(&mut self, job: &Value) -> Result<Stopping, TrackerError> {
        self.note(31);
        let found = self.tracker_trouble(job)?;
        if !found.is_at_work(self.now) {
            return Ok(Stopping::Over);
        }
        if self.hit(Fault::JobStopIgnored) {
            return Ok(Stopping::Asked);
        }
        let stops_at = if self.hit(Fault::JobStopsLate) {
            self.now + Millis(self.random.span(1_000, 900_000))
        } else {
            self.now
        };
        let now = self.now;
        let id = job["id"].as_str().unwrap_or_default();
        if let Some(job) = self.jobs.get_mut(id) {
            job.stops_at = Some(job.stops_at.map_or(stops_at, |at| at.min(stops_at)));
            if !job.is_at_work(now) {
                return Ok(Stopping::Over);
            }
        }
        Ok(Stopping::Asked)
    }
}
