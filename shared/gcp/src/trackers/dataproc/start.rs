//! Starts jobs on clusters and batches. Dataproc takes the id of either from whoever starts it, so a start that is repeated finds the first one.

use google_cloud_dataproc_v1::model;
use ork_core::Value;
use ork_core::deferred::DataprocJob;
use ork_engine::ports::TrackerError;
use serde::Deserialize;

use super::{BATCH_ID, DataprocTracker, JOB_ID, about, parent};
use crate::trackers::classify::{Doing, Kind, kind};
use crate::trackers::names::{self, fitting};
use crate::trackers::request::DataprocRequest;
use crate::trackers::start::{StartTrouble, not_started};

/// What is to be run.
enum Work {
    Job(Box<model::Job>, String),
    Batch(Box<model::Batch>),
}

impl DataprocTracker {
    /// Starts the job or batch under the id `id`, or finds the one that was started so before. An id that Dataproc would not take gives way
    /// to one made of its hash.
    pub async fn start(
        &self,
        request: &DataprocRequest,
        id: &str,
    ) -> Result<DataprocJob, StartTrouble> {
        names::project(&request.project)?;
        names::region(&request.region)?;
        let work = work(request).map_err(TrackerError::Permanent)?;
        let job = placed(request, &work, id);
        let controllers = self.at(&request.region).await?;
        let started = match work {
            Work::Job(wanted, cluster) => {
                let reference = model::JobReference::new()
                    .set_project_id(&job.project)
                    .set_job_id(&job.job_id);
                let placement = wanted.placement.clone().unwrap_or_default();
                let wanted = wanted
                    .set_reference(reference)
                    .set_placement(placement.set_cluster_name(cluster));
                let call = controllers.jobs.submit_job();
                let call = call.set_project_id(&job.project).set_region(&job.region);
                Box::pin(call.set_job(wanted).send()).await.map(drop)
            }
            Work::Batch(wanted) => {
                let call = controllers.batches.create_batch();
                let call = call.set_parent(parent(&job.project, &job.region));
                let call = call.set_batch(*wanted).set_batch_id(&job.job_id);
                Box::pin(call.send()).await.map(drop)
            }
        };
        match started {
            Err(error) if kind(&error) != Kind::Exists => {
                Err(not_started(&about(&job, Doing::Start), &error))
            }
            _ => Ok(job),
        }
    }
}

impl DataprocTracker {
    /// The job that a start of `request` as `id` makes.
    pub(crate) fn described(
        &self,
        request: &DataprocRequest,
        id: &str,
    ) -> Result<DataprocJob, TrackerError> {
        let work = work(request).map_err(TrackerError::Permanent)?;
        Ok(placed(request, &work, id))
    }
}

fn placed(request: &DataprocRequest, work: &Work, id: &str) -> DataprocJob {
    let (cluster_name, (alphabet, longest)) = match work {
        Work::Job(_, cluster) => (Some(cluster.clone()), JOB_ID),
        Work::Batch(_) => (None, BATCH_ID),
    };
    DataprocJob {
        project: request.project.clone(),
        region: request.region.clone(),
        cluster_name,
        job_id: fitting(id, alphabet, longest),
    }
}

/// Reads what is to be run; an error says what cannot be.
fn work(request: &DataprocRequest) -> Result<Work, String> {
    match (&request.job, &request.batch) {
        (Some(job), None) => job_of(request, job),
        (None, Some(batch)) => {
            if let Some(cluster) = &request.cluster {
                return Err(format!(
                    "a batch runs on no cluster, and `cluster` is `{cluster}`: leave it out, or write a `job`"
                ));
            }
            let batch: model::Batch = read("batch", batch)?;
            if batch.batch_config.is_none() {
                return Err(
                    "`batch` does not say what to run: give it a pysparkBatch, sparkBatch, sparkRBatch or sparkSqlBatch".into(),
                );
            }
            Ok(Work::Batch(Box::new(batch)))
        }
        (Some(_), Some(_)) => Err("there is a `job` and a `batch`: write one of them".into()),
        (None, None) => {
            Err("there is nothing to run: write a `job` for a cluster, or a `batch`".into())
        }
    }
}

fn job_of(request: &DataprocRequest, job: &Value) -> Result<Work, String> {
    let job: model::Job = read("job", job)?;
    let reference = job.reference.as_ref();
    if reference.is_some_and(|reference| !reference.job_id.is_empty()) {
        return Err("`job.reference.jobId` is Ork's to choose: leave it out".into());
    }
    if job.type_job.is_none() {
        return Err(
            "`job` does not say what to run: give it a pysparkJob, sparkJob, sparkSqlJob, hadoopJob, hiveJob or another".into(),
        );
    }
    let placed = job
        .placement
        .as_ref()
        .map(|placement| &*placement.cluster_name);
    let placed = placed.filter(|cluster| !cluster.is_empty());
    let cluster = match (request.cluster.as_deref(), placed) {
        (Some(one), Some(other)) if one != other => {
            return Err(format!(
                "`cluster` is `{one}` and `job.placement.clusterName` is `{other}`: write one of them"
            ));
        }
        (Some(cluster), _) | (None, Some(cluster)) if !cluster.is_empty() => cluster.to_owned(),
        _ => return Err("the job has no cluster: write `cluster`".into()),
    };
    Ok(Work::Job(Box::new(job), cluster))
}

/// Reads Google's JSON. Fields that this version does not know are passed on: the service says what it thinks of them.
fn read<T: for<'a> Deserialize<'a>>(what: &str, json: &Value) -> Result<T, String> {
    T::deserialize(json).map_err(|error| format!("`{what}` is not what Dataproc takes: {error}"))
}
