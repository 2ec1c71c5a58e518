//! Jobs of BigQuery.

mod looks;
mod memory;
mod outcome;
mod parameters;
mod start;

use std::time::Duration;

use google_cloud_bigquery_v2::client::JobService;
use google_cloud_bigquery_v2::model;
use google_cloud_gax::client_builder::Error as BuildError;
use ork_core::deferred::{BigQueryJob, Job};
use ork_engine::ports::{JobStatus, Stopping, TrackerError};

use memory::Looks;

pub use start::{BigQueryStart, DryRun};

use super::category::of_bigquery;
use super::classify::{About, Doing, classify, shortened};
use super::client::{Client, Clients, Place};
use super::names::{self, Alphabet};
use super::stop::confirmed;
use crate::endpoints::ConnectError;

const HOST: &str = "bigquery.googleapis.com";
/// How long a sensor's look waits for its answer; it is less than a call may take.
const ANSWER: Duration = Duration::from_secs(8);
/// The longest id of a job.
const LONGEST_ID: usize = 1024;

impl Client for JobService {
    const SERVICE: &'static str = "BigQuery";
    async fn make(place: &Place) -> Result<Self, BuildError> {
        place.of(Self::builder()).build().await
    }
}

/// Asks about jobs of BigQuery, stops and starts them. Clones share their connections.
#[derive(Debug, Clone)]
pub struct BigQueryTracker {
    clients: Clients<JobService>,
    looks: Looks,
    wait: Duration,
}

impl BigQueryTracker {
    /// A tracker that asks Google, or a stand-in at `endpoint`. Nothing is connected yet.
    pub fn connect(endpoint: Option<&str>) -> Result<Self, ConnectError> {
        Ok(Self {
            clients: Clients::new(endpoint)?,
            looks: Looks::default(),
            wait: ANSWER,
        })
    }

    /// The same with another time for each call instead of 12 seconds; a question takes up to two.
    #[must_use]
    pub fn answered_within(self, limit: Duration) -> Self {
        Self {
            clients: self.clients.answered_within(limit),
            ..self
        }
    }

    /// The same with another time instead of 8 seconds for which a sensor's look waits for its answer before it leaves it to the next one.
    #[must_use]
    pub fn waiting_for_answers(self, most: Duration) -> Self {
        Self { wait: most, ..self }
    }

    /// Where `job` stands.
    pub async fn poll(&self, job: &BigQueryJob) -> Result<JobStatus, TrackerError> {
        legal(job)?;
        let client = self.clients.at(HOST).await?;
        let known = Box::pin(look(&client, job))
            .await
            .map_err(|error| classify(&about(job, Doing::See), &error))?;
        status(job, &known)
    }

    /// Asks for `job` to be stopped, and looks whether it is over.
    pub async fn cancel(&self, job: &BigQueryJob) -> Result<Stopping, TrackerError> {
        legal(job)?;
        let client = self.clients.at(HOST).await?;
        let call = client
            .cancel_job()
            .set_project_id(&job.project)
            .set_job_id(&job.job_id)
            .set_location(job.location.as_deref().unwrap_or_default());
        let asked = Box::pin(call.send()).await;
        if let Ok(answer) = &asked
            && answer.job.as_ref().is_some_and(is_over)
        {
            return Ok(Stopping::Over);
        }
        let over = async { Ok(is_over(&Box::pin(look(&client, job)).await?)) };
        confirmed(asked.map(drop), &about(job, Doing::Stop), over).await
    }
}

async fn look(client: &JobService, job: &BigQueryJob) -> google_cloud_gax::Result<model::Job> {
    client
        .get_job()
        .set_project_id(&job.project)
        .set_job_id(&job.job_id)
        .set_location(job.location.as_deref().unwrap_or_default())
        .send()
        .await
}

fn legal(job: &BigQueryJob) -> Result<(), TrackerError> {
    names::project(&job.project)?;
    job.location.as_deref().map_or(Ok(()), names::location)?;
    names::id("BigQuery job", &job.job_id, Alphabet::Words, LONGEST_ID)
}

fn about(job: &BigQueryJob, doing: Doing) -> About {
    let project = &job.project;
    let role = match doing {
        Doing::See => format!(
            "roles/bigquery.resourceViewer on project {project} (for jobs that it started itself roles/bigquery.jobUser is enough)"
        ),
        Doing::Stop => format!(
            "roles/bigquery.admin on project {project} (for jobs that it started itself roles/bigquery.jobUser is enough)"
        ),
        Doing::Start => format!(
            "roles/bigquery.jobUser on project {project}, and roles/bigquery.dataViewer or dataEditor on the tables of the query"
        ),
    };
    About {
        job: Job::BigQuery(job.clone()).name(),
        service: JobService::SERVICE,
        doing,
        role,
        hint: match job.location {
            Some(_) => "",
            None => "; it is looked for in US and EU only, unless its `location` is stated",
        },
    }
}

fn is_over(job: &model::Job) -> bool {
    let status = job.status.as_ref();
    status.is_some_and(|status| status.state == "DONE")
}

fn status(job: &BigQueryJob, known: &model::Job) -> Result<JobStatus, TrackerError> {
    let name = || Job::BigQuery(job.clone()).name();
    let status = known.status.as_ref();
    let Some(status) = status.filter(|status| !status.state.is_empty()) else {
        // Three in a row count.
        return Err(TrackerError::Denied(format!(
            "BigQuery answers for {} without saying how it stands",
            name()
        )));
    };
    if status.state != "DONE" {
        return Ok(JobStatus::Running);
    }
    let Some(error) = &status.error_result else {
        return Ok(JobStatus::Succeeded);
    };
    // Without its place the link leads to the wrong one.
    let place = known
        .job_reference
        .as_ref()
        .and_then(|job| job.location.clone());
    let at_home = Job::BigQuery(BigQueryJob {
        location: place.or_else(|| job.location.clone()),
        ..job.clone()
    });
    let mut text = format!("{} failed: {}", name(), shortened(&error.message));
    match (&*error.reason, &*error.location) {
        ("", "") => {}
        ("", location) => text.push_str(&format!(" (at {location})")),
        (reason, "") => text.push_str(&format!(" ({reason})")),
        (reason, location) => text.push_str(&format!(" ({reason}, at {location})")),
    }
    if let Some(link) = at_home.link() {
        text.push_str(&format!("; {link}"));
    }
    Ok(JobStatus::Failed {
        category: of_bigquery(&error.reason),
        why: text,
    })
}
