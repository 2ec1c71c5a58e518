//! Jobs that are made for one attempt, run once, and removed.

use ork_core::Value;
use ork_core::deferred::Work;
use ork_core::run::Category;
use ork_engine::ports::{Begun, JobStatus, Stopping, TrackerError};
use serde_json::json;

use super::Inner;
use crate::fault::Fault;

/// A job that was made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made {
    /// It is there.
    pub(crate) there: bool,
    /// How often it was made: again, when it was removed before.
    times: u32,
    /// Which of those was run.
    run: Option<u32>,
}

impl Made {
    /// It is there, and was not removed when it should have been.
    ///
    /// Whoever was held up between deciding to make it and making it makes it once more after it was removed, and may end before that is
    /// told. Nobody runs what was made so: its uid is in no run.
    pub(crate) fn is_left(&self) -> bool {
        self.there && (self.times == 1 || self.run == Some(self.times))
    }
}

impl Inner {
    /// Makes a job, or runs one that is known to be made.
    pub(super) fn start_own(&mut self, work: &Work) -> Result<Begun, TrackerError> {
        let made = self.made.entry(work.id.clone()).or_default();
        if !work.made {
            if !made.there {
                made.there = true;
                made.times += 1;
            }
            let uid = json!(made.times);
            self.may_be_heard()?;
            let half = Work {
                request: [("uid".to_owned(), uid)].into_iter().collect(),
                made: true,
                ..work.clone()
            };
            return Ok(Begun::Job(json!(half)));
        }
        if !made.there || work.request["uid"] != json!(made.times) {
            return Ok(Begun::Status(JobStatus::Broke {
                category: Category::Transient,
                why: "simulated: removed".into(),
            }));
        }
        let this = made.times;
        match made.run {
            None => made.run = Some(this),
            Some(run) if run == this => {}
            Some(_) => self.violated("I2", format!("{} was run twice", work.name())),
        }
        self.make_job(&work.id);
        if let Some(job) = self.jobs.get_mut(&work.id) {
            // It was waited for until it was known.
            job.is_known();
        }
        self.may_be_heard()?;
        let job = json!({"service_type": "custom_http", "id": work.id, "made_for": work.id});
        Ok(Begun::Job(job))
    }

    /// What was done may not be heard of.
    fn may_be_heard(&mut self) -> Result<(), TrackerError> {
        if self.hit(Fault::TrackerTransient) {
            return Err(TrackerError::Transient {
                message: "simulated".into(),
                retry_after: None,
            });
        }
        Ok(())
    }

    /// Stops what runs of it, and removes it.
    pub(super) fn remove_own(&mut self, job: &Value) -> Result<Stopping, TrackerError> {
        let id = job["id"].as_str().unwrap_or_default().to_owned();
        let was_made = job.get("made_for").is_some() || job["made"] == true;
        if self.now < self.down_until {
            return Err(TrackerError::Transient {
                message: "simulated".into(),
                retry_after: None,
            });
        }
        self.may_be_heard()?;
        if self.hit(Fault::TrackerDenied) {
            return Err(TrackerError::Denied("simulated: not for now".into()));
        }
        if !self.made.get(&id).is_some_and(|made| made.there) {
            return match was_made {
                true => Ok(Stopping::Over),
                false => Err(TrackerError::Missing("simulated: not made".into())),
            };
        }
        if let Some(found) = self.jobs.get(&id).cloned()
            && self.stop_job(job, &found) == Stopping::Asked
        {
            return Ok(Stopping::Asked);
        }
        self.made.entry(id).or_default().there = false;
        self.may_be_heard()?;
        // It takes its time to go.
        Ok(match self.random.one_in(3) {
            true => Stopping::Asked,
            false => Stopping::Over,
        })
    }
}
