//! Jobs outside Ork that a task hands over to: it starts them, returns them, and its worker is free while Ork watches.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::CustomHttp;

/// What a task returns to hand over to jobs: it succeeds when all of them are done and fails when one fails.
///
/// ```
/// use ork::{BigQueryJob, Context, CustomHttp, Deferred, Error};
///
/// #[ork::task]
/// fn aggregate(ctx: &Context) -> Result<Deferred, Error> {
///     let id = ork::job_id(ctx, "aggregate").bigquery();
///     // … start a query with that id; "already exists" is success …
///     Ok(Deferred::to([BigQueryJob::new("my-project", id).location("EU")])
///         .and(CustomHttp::new("https://example.com/jobs/7").done_when("state", "done")))
/// }
/// # assert_eq!(aggregate(&Context::default()).unwrap().jobs.len(), 2);
/// ```
///
/// A list of no jobs hands over to nothing: the task is then done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deferred {
    /// The jobs.
    #[serde(rename = "deferred")]
    pub jobs: Vec<Job>,
    /// Whatever else shall stand beside them.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Deferred {
    /// Hands over to these jobs.
    pub fn to<J: Into<Job>>(jobs: impl IntoIterator<Item = J>) -> Self {
        Self {
            jobs: jobs.into_iter().map(Into::into).collect(),
            more: Map::new(),
        }
    }
    /// And to this one, which may be of another kind.
    #[must_use]
    pub fn and(mut self, job: impl Into<Job>) -> Self {
        self.jobs.push(job.into());
        self
    }
}

/// A job outside Ork.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "service_type")]
#[non_exhaustive]
pub enum Job {
    /// A job of BigQuery.
    #[serde(rename = "bigquery")]
    BigQuery(BigQueryJob),
    /// An execution of a Cloud Run job.
    #[serde(rename = "cloudrun")]
    CloudRun(CloudRunJob),
    /// A job of a Dataproc cluster, or a batch without one.
    #[serde(rename = "dataproc")]
    Dataproc(DataprocJob),
    /// Anything that says over HTTP how far it is.
    #[serde(rename = "custom_http")]
    CustomHttp(CustomHttp),
    /// A job of a service that the deployment has registered, with its `service_type` and whatever that service wants to know.
    #[serde(untagged)]
    Other(Map<String, Value>),
}

impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let fields = Map::deserialize(from)?;
        let service = match fields.get("service_type") {
            Some(Value::String(service)) if !service.is_empty() => service.clone(),
            _ => return Err(D::Error::custom("a deferred job has no `service_type`")),
        };
        // By its service first, so that what is missing is said by name.
        let read = || match service.as_str() {
            "bigquery" => serde_json::from_value(fields.into()).map(Self::BigQuery),
            "cloudrun" | "cloud_run" => serde_json::from_value(fields.into()).map(Self::CloudRun),
            "dataproc" => serde_json::from_value(fields.into()).map(Self::Dataproc),
            "custom_http" => serde_json::from_value(fields.into()).map(Self::CustomHttp),
            _ => Ok(Self::Other(fields)),
        };
        read().map_err(|error| {
            D::Error::custom(format_args!("a deferred job of `{service}`: {error}"))
        })
    }
}

macro_rules! job {
    ($($ty:ident => $variant:ident),*) => {$(
        impl From<$ty> for Job {
            fn from(job: $ty) -> Self {
                Self::$variant(job)
            }
        }
        impl $ty {
            /// Asks for the time between two questions about this job; Ork keeps it between a second and an hour.
            #[must_use]
            pub fn poll_every(mut self, interval: Duration) -> Self {
                self.poll_interval = Some(interval.as_secs_f64().into());
                self
            }
        }
    )*};
}
job!(BigQueryJob => BigQuery, CloudRunJob => CloudRun, DataprocJob => Dataproc, CustomHttp => CustomHttp);

/// A job of BigQuery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BigQueryJob {
    /// The project that runs it.
    pub project: String,
    /// Its id there: [`job_id`](crate::job_id) makes one.
    pub job_id: String,
    /// Where it runs, such as `EU`; jobs of `US` and `EU` are found without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The time between two questions, in seconds or as text such as `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_interval: Option<Value>,
}

impl BigQueryJob {
    /// A job by its id.
    pub fn new(project: impl Into<String>, job_id: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            job_id: job_id.into(),
            location: None,
            poll_interval: None,
        }
    }
    /// Where it runs.
    #[must_use]
    pub fn location(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }
}

/// An execution of a Cloud Run job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CloudRunJob {
    /// Its project.
    pub project: String,
    /// Its region.
    pub region: String,
    /// The job.
    #[serde(alias = "job")]
    pub job_name: String,
    /// The execution, by its short name.
    #[serde(alias = "execution", alias = "execution_name")]
    pub execution_id: String,
    /// The time between two questions, in seconds or as text such as `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_interval: Option<Value>,
}

impl CloudRunJob {
    /// An execution of a job.
    pub fn new(
        project: impl Into<String>,
        region: impl Into<String>,
        job_name: impl Into<String>,
        execution_id: impl Into<String>,
    ) -> Self {
        Self {
            project: project.into(),
            region: region.into(),
            job_name: job_name.into(),
            execution_id: execution_id.into(),
            poll_interval: None,
        }
    }
}

/// A job of a Dataproc cluster, or a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DataprocJob {
    /// Its project.
    pub project: String,
    /// Its region.
    pub region: String,
    /// The cluster; none for a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// The job's id, or with no cluster the batch's.
    #[serde(alias = "batch_id")]
    pub job_id: String,
    /// The time between two questions, in seconds or as text such as `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_interval: Option<Value>,
}

impl DataprocJob {
    /// A batch, which needs no cluster.
    pub fn batch(
        project: impl Into<String>,
        region: impl Into<String>,
        batch_id: impl Into<String>,
    ) -> Self {
        Self {
            project: project.into(),
            region: region.into(),
            cluster_name: None,
            job_id: batch_id.into(),
            poll_interval: None,
        }
    }
    /// The same id as a job of this cluster.
    #[must_use]
    pub fn on_cluster(mut self, cluster_name: impl Into<String>) -> Self {
        self.cluster_name = Some(cluster_name.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn jobs_are_written_as_ork_reads_them() {
        let found = Deferred::to([BigQueryJob::new("p", "ork_1").location("EU")])
            .and(CloudRunJob::new("p", "r", "j", "j-1").poll_every(Duration::from_secs(30)))
            .and(DataprocJob::batch("p", "r", "ork-2"))
            .and(DataprocJob::batch("p", "r", "ork-3").on_cluster("c"))
            .and(
                CustomHttp::new("https://x/1")
                    .header("A", "b")
                    .done_when("s.t", "done")
                    .failed_when(json!(["bad", "lost"]))
                    .cancel_url("https://x/1/stop"),
            );
        let expected = json!({"deferred": [
            {"service_type": "bigquery", "project": "p", "job_id": "ork_1", "location": "EU"},
            {"service_type": "cloudrun", "project": "p", "region": "r", "job_name": "j", "execution_id": "j-1", "poll_interval": 30.0},
            {"service_type": "dataproc", "project": "p", "region": "r", "job_id": "ork-2"},
            {"service_type": "dataproc", "project": "p", "region": "r", "job_id": "ork-3", "cluster_name": "c"},
            {"service_type": "custom_http", "url": "https://x/1", "method": "GET", "headers": {"A": "b"}, "success_status_codes": [200],
             "completion_field": "s.t", "completion_value": "done", "failure_value": ["bad", "lost"],
             "cancel_url": "https://x/1/stop", "cancel_method": "POST"},
        ]});
        assert_eq!(serde_json::to_value(&found).expect("JSON"), expected);
        let back: Deferred = serde_json::from_value(expected).expect("jobs");
        assert_eq!(back, found);
    }

    #[test]
    fn both_spellings_are_read_and_other_services_are_kept() {
        let found: Deferred = serde_json::from_value(json!({"note": 1, "deferred": [
            {"service_type": "custom_http", "url": "u", "status_field": "s", "success_value": 1},
            {"service_type": "cloud_run", "project": "p", "region": "r", "job": "j", "execution": "e"},
            {"service_type": "dataproc", "project": "p", "region": "r", "batch_id": "b"},
            {"service_type": "snowflake", "query": "q"},
        ]}))
        .expect("jobs");
        assert_eq!(found.jobs[0], CustomHttp::new("u").done_when("s", 1).into());
        assert_eq!(found.jobs[1], CloudRunJob::new("p", "r", "j", "e").into());
        assert_eq!(found.jobs[2], DataprocJob::batch("p", "r", "b").into());
        let json = serde_json::to_value(&found).expect("JSON");
        assert_eq!(
            json["deferred"][3],
            json!({"service_type": "snowflake", "query": "q"})
        );
        assert_eq!(json["note"], 1);
    }

    #[test]
    fn what_a_job_lacks_is_said_by_name() {
        for (job, words) in [
            (
                json!({"service_type": "bigquery", "project": "p"}),
                "of `bigquery`: missing field `job_id`",
            ),
            (json!({"project": "p"}), "no `service_type`"),
        ] {
            let error = serde_json::from_value::<Job>(job).expect_err("incomplete");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
