//! Jobs outside Ork, and the questions about them.

use ork_core::Value;
use ork_core::deferred::{Work, WorkOf};
use ork_core::definition::Operator;
use ork_core::ids::WorkflowName;
use ork_core::run::{Category, Graph, RunState, State};
use ork_core::task::{AttemptId, Output};
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Begun, JobStatus, Stopping, TrackerError};

use super::Inner;
use crate::fault::Fault;
use crate::random::Random;

/// What a task without a worker has committed to have done.
#[derive(Debug, Clone)]
pub(crate) struct Ordered {
    workflow: WorkflowName,
    task: String,
    salt: u64,
}

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
    /// Its service knows it.
    pub(super) fn is_known(&mut self) {
        self.known_at = Time(i64::MIN);
    }
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
            self.make_job(&id);
            list.push(serde_json::json!({"service_type": "custom_http", "id": id}));
        }
        Value::Array(list).to_string()
    }

    pub(super) fn make_job(&mut self, id: &str) {
        if self.jobs.contains_key(id) {
            return;
        }
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
        self.jobs.insert(
            id.to_owned(),
            Job {
                known_at,
                ready_at,
                fails,
                stops_at: None,
                gone,
            },
        );
    }

    /// What keeps any question from being answered.
    pub(super) fn tracker_trouble(&mut self, job: &Value) -> Result<Job, TrackerError> {
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
            if job.get("operator").is_some() {
                // Whoever was to start it may not have come to it.
                return Err(TrackerError::Missing("simulated: not started".into()));
            }
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
            JobStatus::failed("it was cancelled")
        } else if found.fails {
            // Not drawn: as many draws are made whatever becomes of it.
            let kind = found.ready_at.0.unsigned_abs() as usize % Category::ALL.len();
            JobStatus::Failed {
                category: Category::ALL[kind],
                why: "simulated".into(),
            }
        } else {
            let id = job["id"].as_str().unwrap_or_default();
            self.output_of(id)
                .map_or(JobStatus::Succeeded, JobStatus::Gave)
        })
    }

    /// Takes down what a commit says that is to be done without a worker.
    pub(crate) fn order(&mut self, graph: &Graph, state: &RunState) {
        for (at, definition) in (0u32..).zip(&graph.workflow.tasks) {
            if !definition.executor.is_remote() {
                continue;
            }
            for instance in state.instances(at) {
                let State::Deferred(deferral) = &instance.state else {
                    continue;
                };
                let Output::Inline(text) = &deferral.jobs else {
                    continue;
                };
                let list: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
                for job in list.iter().filter(|job| job.get("operator").is_some()) {
                    let id = job["id"].as_str().unwrap_or_default();
                    // It is a hash already.
                    let digits = id.get(4..20).unwrap_or_default();
                    let salt = u64::from_str_radix(digits, 16).unwrap_or_default();
                    self.works.entry(id.to_owned()).or_insert_with(|| Ordered {
                        workflow: graph.workflow.name.clone(),
                        task: definition.name.to_string(),
                        salt,
                    });
                }
            }
        }
    }

    fn output_of(&self, id: &str) -> Option<Value> {
        let ordered = self.works.get(id)?;
        let behaviour = self.prepared.behaviour(&ordered.workflow, &ordered.task);
        let mut salt = Random::new(ordered.salt);
        Some(behaviour.output.value(salt.next()))
    }

    /// Starts what nobody has started under this id, or finds it. A look or a request is answered at once.
    pub(super) fn start_job(&mut self, work: &Work) -> Result<Begun, TrackerError> {
        self.note(32);
        if !self.works.contains_key(&work.id) {
            self.violated(
                "I2",
                format!("{} was started and no commit asked for it", work.name()),
            );
        }
        let transient = || TrackerError::Transient {
            message: "simulated".into(),
            retry_after: None,
        };
        if self.now < self.down_until || self.hit(Fault::TrackerTransient) {
            return Err(transient());
        }
        if self.hit(Fault::TrackerDenied) {
            return Err(TrackerError::Denied("simulated: not for now".into()));
        }
        if self.hit(Fault::TrackerPermanent) && !self.jobs.contains_key(&work.id) {
            return Err(TrackerError::Permanent("simulated: refused".into()));
        }
        let output = self.output_of(&work.id).unwrap_or_default();
        if !work.operator.starts_a_job() {
            return Ok(Begun::Status(self.looked(work, output)));
        }
        if work.operator == WorkOf::Operator(Operator::CloudRunImage) {
            return self.start_own(work);
        }
        self.make_job(&work.id);
        // It is started, and nobody hears of it.
        if self.hit(Fault::TrackerTransient) {
            return Err(transient());
        }
        let job = serde_json::json!({"service_type": "custom_http", "id": work.id});
        Ok(Begun::Job(job))
    }

    fn looked(&mut self, work: &Work, output: Value) -> JobStatus {
        let once = matches!(work.operator, WorkOf::Http(_));
        if once && self.hit(Fault::JobFails) {
            let category =
                *self
                    .random
                    .pick(&[Category::Transient, Category::Permanent, Category::Unknown]);
            return JobStatus::Broke {
                category,
                why: "simulated".into(),
            };
        }
        if once || self.watch.quiet_since.is_some() || self.random.one_in(3) {
            JobStatus::Gave(output)
        } else {
            JobStatus::Running
        }
    }

    pub(super) fn cancel_job(&mut self, job: &Value) -> Result<Stopping, TrackerError> {
        self.note(31);
        if job.get("made_for").is_some() || job["operator"] == "cloudrun_image" {
            return self.remove_own(job);
        }
        let found = self.tracker_trouble(job)?;
        Ok(self.stop_job(job, &found))
    }

    /// Stops a job that its service knows.
    pub(super) fn stop_job(&mut self, job: &Value, found: &Job) -> Stopping {
        if !found.is_at_work(self.now) {
            return Stopping::Over;
        }
        if self.hit(Fault::JobStopIgnored) {
            return Stopping::Asked;
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
                return Stopping::Over;
            }
        }
        Stopping::Asked
    }
}
