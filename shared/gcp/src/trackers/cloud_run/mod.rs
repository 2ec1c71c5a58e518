//! Executions of Cloud Run jobs.

mod image;
mod start;

use std::time::Duration;

use google_cloud_gax::client_builder::Error as BuildError;
use google_cloud_run_v2::client::{Executions, Jobs};
use google_cloud_run_v2::model::condition::{Reasons, State};
use google_cloud_run_v2::model::{Condition, Execution};
use ork_core::deferred::{CloudRunJob, Job};
use ork_engine::ports::{JobStatus, Stopping, TrackerError};

pub use start::ATTEMPT_KEY;

use super::category::of_cloud_run;
use super::classify::{About, Doing, classify, shortened};
use super::client::{Client, Clients, Place};
use super::names::{self, Alphabet};
use super::stop::confirmed;
use crate::endpoints::ConnectError;
use crate::meter::Meter;

/// The longest name of a job or an execution.
const LONGEST_NAME: usize = 63;

/// Both halves of Cloud Run's admin API, at one regional address.
#[derive(Debug, Clone)]
struct Admin {
    jobs: Jobs,
    executions: Executions,
}

impl Client for Admin {
    const SERVICE: &'static str = "Cloud Run";
    async fn make(place: &Place) -> Result<Self, BuildError> {
        Ok(Self {
            jobs: place.of(Jobs::builder()).build().await?,
            executions: place.of(Executions::builder()).build().await?,
        })
    }
}

/// Asks about executions of Cloud Run jobs, stops and starts them. Clones share their connections.
#[derive(Debug, Clone)]
pub struct CloudRunTracker {
    clients: Clients<Admin>,
    meter: Meter,
}

impl CloudRunTracker {
    /// A tracker that asks Google at each job's regional address, or a stand-in at `endpoint`. Nothing is connected yet.
    pub fn connect(endpoint: Option<&str>) -> Result<Self, ConnectError> {
        Ok(Self {
            clients: Clients::new(endpoint)?,
            meter: Meter::default(),
        })
    }

    /// The same, whose starts are counted by `meter`.
    #[must_use]
    pub fn metered(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }

    /// The same with another time for each call instead of 12 seconds; a question takes up to two.
    #[must_use]
    pub fn answered_within(self, limit: Duration) -> Self {
        Self {
            clients: self.clients.answered_within(limit),
            ..self
        }
    }

    /// Where the execution stands.
    pub async fn poll(&self, job: &CloudRunJob) -> Result<JobStatus, TrackerError> {
        let admin = self.admin(job).await?;
        let known = Box::pin(look(&admin, job))
            .await
            .map_err(|error| classify(&about(job, Doing::See), &error))?;
        Ok(status(job, &known))
    }

    /// Asks for the execution to be stopped, and looks whether it is over. A job that was made for it goes with it.
    pub async fn cancel(&self, job: &CloudRunJob) -> Result<Stopping, TrackerError> {
        match &job.made_for {
            None => self.cancel_execution(job).await,
            Some(id) => self.remove_known(job, id).await,
        }
    }

    /// The same for the execution alone: the service accepts a cancel long before the last task ended.
    async fn cancel_execution(&self, job: &CloudRunJob) -> Result<Stopping, TrackerError> {
        let admin = self.admin(job).await?;
        let call = admin.executions.cancel_execution().set_name(path(job));
        let asked = Box::pin(call.send()).await;
        let over = async {
            let known = Box::pin(look(&admin, job)).await?;
            Ok(known.completion_time.is_some())
        };
        confirmed(asked.map(drop), &about(job, Doing::Stop), over).await
    }

    async fn admin(&self, job: &CloudRunJob) -> Result<Admin, TrackerError> {
        names::project(&job.project)?;
        names::region(&job.region)?;
        let name = |what, name| names::id(what, name, Alphabet::Dns, LONGEST_NAME);
        name("Cloud Run job", &job.job_name)?;
        name("execution", &job.execution_id)?;
        self.clients.at(&host(&job.region)).await
    }
}

fn host(region: &str) -> String {
    format!("{region}-run.googleapis.com")
}

fn path_of_job(project: &str, region: &str, job: &str) -> String {
    format!("projects/{project}/locations/{region}/jobs/{job}")
}

fn path(job: &CloudRunJob) -> String {
    let parent = path_of_job(&job.project, &job.region, &job.job_name);
    format!("{parent}/executions/{}", job.execution_id)
}

async fn look(admin: &Admin, job: &CloudRunJob) -> google_cloud_gax::Result<Execution> {
    let call = admin.executions.get_execution().set_name(path(job));
    call.send().await
}

fn about(job: &CloudRunJob, doing: Doing) -> About {
    About {
        job: Job::CloudRun(job.clone()).name(),
        service: Admin::SERVICE,
        doing,
        role: role(&job.project, &job.job_name, doing),
        hint: "",
    }
}

fn role(project: &str, job: &str, doing: Doing) -> String {
    match doing {
        Doing::See => format!("roles/run.viewer on the Cloud Run job {job} of project {project}"),
        Doing::Stop => {
            format!("roles/run.jobsExecutor on the Cloud Run job {job} of project {project}")
        }
        Doing::Start => format!(
            "roles/run.jobsExecutorWithOverrides and roles/run.viewer on the Cloud Run job {job} of project {project}"
        ),
    }
}

fn status(job: &CloudRunJob, known: &Execution) -> JobStatus {
    let end = known
        .conditions
        .iter()
        .find(|end| end.r#type == "Completed");
    let ended = |state: State| end.is_some_and(|end| end.state == state);
    // The condition may speak of the end before the last task has come to it.
    if known.completion_time.is_none() && known.running_count > 0 {
        return JobStatus::Running;
    }
    let bad = known.failed_count > 0 || known.cancelled_count > 0;
    if ended(State::ConditionSucceeded) {
        return JobStatus::Succeeded;
    }
    if ended(State::ConditionFailed) || (known.completion_time.is_some() && bad) {
        return failure(job, known, end);
    }
    if known.completion_time.is_none() {
        return JobStatus::Running;
    }
    // It is over and nothing speaks of a failure: all its tasks must have ended well.
    if known.succeeded_count >= known.task_count {
        JobStatus::Succeeded
    } else {
        failure(job, known, end)
    }
}

fn failure(job: &CloudRunJob, known: &Execution, end: Option<&Condition>) -> JobStatus {
    let described = Job::CloudRun(job.clone());
    let mut text = format!("{} failed", described.name());
    let message = end.map_or("", |end| end.message.trim());
    if !message.is_empty() {
        text.push_str(&format!(": {}", shortened(message)));
    }
    if let Some(reason) = end.and_then(reason) {
        text.push_str(&format!(" ({reason})"));
    }
    text.push_str(&format!(
        "; of {} tasks {} succeeded, {} failed, {} were cancelled",
        known.task_count, known.succeeded_count, known.failed_count, known.cancelled_count
    ));
    if !known.log_uri.is_empty() {
        text.push_str(&format!("; logs: {}", known.log_uri));
    }
    if let Some(link) = described.link() {
        text.push_str(&format!("; {link}"));
    }
    JobStatus::Failed {
        category: of_cloud_run(end),
        why: text,
    }
}

fn reason(end: &Condition) -> Option<String> {
    let name = match end.reasons.as_ref()? {
        Reasons::Reason(reason) => reason.name(),
        Reasons::RevisionReason(reason) => reason.name(),
        Reasons::ExecutionReason(reason) => reason.name(),
        _ => None,
    };
    name.map(str::to_owned)
}
