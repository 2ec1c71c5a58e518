//! Jobs of Dataproc clusters, and batches that need none.
//!
//! A batch has no cancel of its own: what is cancelled is the long-running operation that it belongs to, which the batch names. The batch
//! stays, so that its end can be looked at; nothing is deleted.

mod start;

use std::time::Duration;

use google_cloud_dataproc_v1::client::{BatchController, JobController};
use google_cloud_dataproc_v1::model;
use google_cloud_dataproc_v1::model::batch::State as BatchState;
use google_cloud_dataproc_v1::model::job_status::State as JobState;
use google_cloud_gax::client_builder::Error as BuildError;
use ork_core::deferred::{DataprocJob, Job};
use ork_core::run::Category;
use ork_engine::ports::{JobStatus, Stopping, TrackerError};

use super::category::of_dataproc;
use super::classify::{About, Doing, Kind, classify, kind, shortened};
use super::client::{Client, Clients, Place};
use super::names::{self, Alphabet};
use super::stop::confirmed;
use crate::endpoints::ConnectError;

/// What the id of a job may be.
const JOB_ID: (Alphabet, usize) = (Alphabet::Words, 100);
/// What the id of a batch may be.
const BATCH_ID: (Alphabet, usize) = (Alphabet::Dns, 63);

/// The two parts of Dataproc that are asked, at one regional address.
#[derive(Debug, Clone)]
struct Controllers {
    jobs: JobController,
    batches: BatchController,
}

impl Client for Controllers {
    const SERVICE: &'static str = "Dataproc";
    async fn make(place: &Place) -> Result<Self, BuildError> {
        Ok(Self {
            jobs: place.of(JobController::builder()).build().await?,
            batches: place.of(BatchController::builder()).build().await?,
        })
    }
}

/// Asks about jobs and batches of Dataproc, stops and starts them. Clones share their connections.
#[derive(Debug, Clone)]
pub struct DataprocTracker {
    clients: Clients<Controllers>,
}

impl DataprocTracker {
    /// A tracker that asks Google at each job's regional address, or a stand-in at `endpoint`. Nothing is connected yet.
    pub fn connect(endpoint: Option<&str>) -> Result<Self, ConnectError> {
        Ok(Self {
            clients: Clients::new(endpoint)?,
        })
    }

    /// The same with another time for each call instead of 12 seconds; a question takes up to two.
    #[must_use]
    pub fn answered_within(self, limit: Duration) -> Self {
        Self {
            clients: self.clients.answered_within(limit),
        }
    }

    /// Where the job or batch stands.
    pub async fn poll(&self, job: &DataprocJob) -> Result<JobStatus, TrackerError> {
        let controllers = self.controllers(job).await?;
        let failed = |error| classify(&about(job, Doing::See), &error);
        if job.cluster_name.is_some() {
            let known = Box::pin(look(&controllers, job)).await.map_err(failed)?;
            Ok(status(job, &known))
        } else {
            let known = Box::pin(look_at_batch(&controllers, job))
                .await
                .map_err(failed)?;
            Ok(status_of_batch(job, &known))
        }
    }

    /// Asks for the job or batch to be stopped, and looks whether it is over.
    pub async fn cancel(&self, job: &DataprocJob) -> Result<Stopping, TrackerError> {
        let controllers = self.controllers(job).await?;
        if job.cluster_name.is_none() {
            return Box::pin(cancel_batch(&controllers, job)).await;
        }
        let call = controllers
            .jobs
            .cancel_job()
            .set_project_id(&job.project)
            .set_region(&job.region)
            .set_job_id(&job.job_id);
        let asked = Box::pin(call.send()).await;
        let over = async { Ok(is_over(&Box::pin(look(&controllers, job)).await?)) };
        match &asked {
            Ok(known) if is_over(known) => Ok(Stopping::Over),
            _ => confirmed(asked.map(drop), &about(job, Doing::Stop), over).await,
        }
    }

    async fn controllers(&self, job: &DataprocJob) -> Result<Controllers, TrackerError> {
        names::project(&job.project)?;
        names::region(&job.region)?;
        let (what, (alphabet, longest)) = match job.cluster_name {
            Some(_) => ("Dataproc job", JOB_ID),
            None => ("Dataproc batch", BATCH_ID),
        };
        names::id(what, &job.job_id, alphabet, longest)?;
        self.at(&job.region).await
    }

    async fn at(&self, region: &str) -> Result<Controllers, TrackerError> {
        let host = match region {
            "global" => "dataproc.googleapis.com".to_owned(),
            region => format!("{region}-dataproc.googleapis.com"),
        };
        self.clients.at(&host).await
    }
}

async fn cancel_batch(
    controllers: &Controllers,
    job: &DataprocJob,
) -> Result<Stopping, TrackerError> {
    let about = about(job, Doing::Stop);
    let known = match look_at_batch(controllers, job).await {
        Ok(known) => known,
        Err(error) => return Err(classify(&about, &error)),
    };
    if batch_is_over(&known) {
        return Ok(Stopping::Over);
    }
    // Asked already. Another cancel of the same operation would be refused.
    if known.state == BatchState::Cancelling {
        return Ok(Stopping::Asked);
    }
    let not_yet = |why: String| {
        Err(TrackerError::Transient {
            message: format!("{} cannot be stopped yet: {why}", about.job),
            retry_after: None,
        })
    };
    if known.operation.is_empty() {
        return not_yet("it does not name its operation".into());
    }
    let call = controllers.batches.cancel_operation();
    match call.set_name(&known.operation).send().await {
        Ok(()) => Ok(Stopping::Asked),
        // Operations are forgotten sooner than batches. This one is still at work, so it shall be there again, or the batch over.
        Err(error) if kind(&error) == Kind::Missing => {
            not_yet(format!("its operation {} is unknown", known.operation))
        }
        Err(error) => {
            let over = async { Ok(batch_is_over(&look_at_batch(controllers, job).await?)) };
            confirmed(Err(error), &about, over).await
        }
    }
}

async fn look(
    controllers: &Controllers,
    job: &DataprocJob,
) -> google_cloud_gax::Result<model::Job> {
    controllers
        .jobs
        .get_job()
        .set_project_id(&job.project)
        .set_region(&job.region)
        .set_job_id(&job.job_id)
        .send()
        .await
}

async fn look_at_batch(
    controllers: &Controllers,
    job: &DataprocJob,
) -> google_cloud_gax::Result<model::Batch> {
    let name = format!(
        "{}/batches/{}",
        parent(&job.project, &job.region),
        job.job_id
    );
    controllers.batches.get_batch().set_name(name).send().await
}

fn parent(project: &str, region: &str) -> String {
    format!("projects/{project}/locations/{region}")
}

fn about(job: &DataprocJob, doing: Doing) -> About {
    let project = &job.project;
    About {
        job: Job::Dataproc(job.clone()).name(),
        service: Controllers::SERVICE,
        doing,
        role: match doing {
            Doing::See => format!("roles/dataproc.viewer on project {project}"),
            Doing::Stop => format!("roles/dataproc.editor on project {project}"),
            Doing::Start => format!(
                "roles/dataproc.editor on project {project}, and roles/iam.serviceAccountUser on the account that the job runs as"
            ),
        },
        hint: "",
    }
}

fn is_over(known: &model::Job) -> bool {
    let state = known.status.as_ref().map(|status| &status.state);
    let ended = matches!(
        state,
        Some(JobState::Done | JobState::Error | JobState::Cancelled)
    );
    ended || known.done
}

fn status(job: &DataprocJob, known: &model::Job) -> JobStatus {
    if !is_over(known) {
        // Also after a failed attempt: a job that restarts has another one.
        return JobStatus::Running;
    }
    let status = known.status.clone().unwrap_or_default();
    let end = match status.state {
        JobState::Done => return JobStatus::Succeeded,
        JobState::Cancelled => End::Cancelled,
        _ => End::Failed,
    };
    let output = &known.driver_output_resource_uri;
    failure(job, end, &status.details, output)
}

fn batch_is_over(known: &model::Batch) -> bool {
    matches!(
        known.state,
        BatchState::Succeeded | BatchState::Failed | BatchState::Cancelled
    )
}

fn status_of_batch(job: &DataprocJob, known: &model::Batch) -> JobStatus {
    let end = match known.state {
        BatchState::Succeeded => return JobStatus::Succeeded,
        BatchState::Failed => End::Failed,
        BatchState::Cancelled => End::Cancelled,
        _ => return JobStatus::Running,
    };
    let output = known.runtime_info.as_ref().map(|info| &*info.output_uri);
    failure(job, end, &known.state_message, output.unwrap_or_default())
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Failed,
    Cancelled,
}

fn failure(job: &DataprocJob, end: End, details: &str, output: &str) -> JobStatus {
    let described = Job::Dataproc(job.clone());
    let (what, category) = match end {
        End::Failed => ("failed", of_dataproc(details)),
        // Somebody wanted it so.
        End::Cancelled => ("was cancelled", Category::Unknown),
    };
    let mut text = format!("{} {what}", described.name());
    if !details.trim().is_empty() {
        text.push_str(&format!(": {}", shortened(details)));
    }
    if !output.is_empty() {
        text.push_str(&format!("; output: {output}"));
    }
    if let Some(link) = described.link() {
        text.push_str(&format!("; {link}"));
    }
    JobStatus::Failed {
        category,
        why: text,
    }
}
