//! All services together: who is asked about a job, and how long.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ork_core::deferred::{Job, SERVICES, Work, WorkOf, service};
use ork_core::{Value, limits};
use ork_engine::ports::{Begun, JobStatus, Stopping, Tracker, TrackerError};
use ork_outgoing::{Client, Guard, HttpTracker, Limits, Registered, Secrets, SmtpSettings};

use super::storage::ObjectLook;
use super::{BigQueryTracker, CloudRunTracker, DataprocTracker};
use crate::endpoints::{ConnectError, Endpoints};

/// What users of a deployment may ask beside Google's services.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outgoing {
    /// Hosts and ranges that jobs of type `custom_http` may be at although they are internal; the value of `ORK_OUTGOING_ALLOW`.
    pub allow: String,
    /// Further service types and who knows about them: a JSON object, the value of `ORK_TRACKERS`. Empty: none.
    pub services: String,
    /// The project of jobs that do not name one. Empty: none.
    pub project: String,
    /// The secrets that headers of requests may name.
    pub secrets: Secrets,
    /// The server of letters: `ORK_SMTP_URL` and `ORK_SMTP_FROM`.
    pub smtp: SmtpSettings,
}

/// Asks whoever runs a job. Clones share everything.
#[derive(Debug, Clone)]
pub enum Trackers {
    /// Google's services, jobs that are asked about over HTTP, and registered services.
    Services(Arc<Services>),
    /// A client, who leaves that to the functions.
    Nobody,
}

/// One of each.
#[derive(Debug)]
pub struct Services {
    pub(super) bigquery: BigQueryTracker,
    pub(super) cloud_run: CloudRunTracker,
    pub(super) dataproc: DataprocTracker,
    pub(super) storage: ObjectLook,
    /// For requests that are tasks of their own.
    pub(super) client: Client,
    pub(super) project: Option<String>,
    http: HttpTracker,
    registered: Registered,
}

impl Trackers {
    /// Makes clients for all services; none of them is asked before it is needed.
    pub fn connect(endpoints: &Endpoints, outgoing: &Outgoing) -> Result<Self, ConnectError> {
        let guard = Guard::parse(&outgoing.allow)
            .map_err(|error| ConnectError(format!("{}: {error}", ork_outgoing::ALLOW)))?;
        let client = Client::new(guard, Limits::default())
            .map_err(|error| ConnectError(format!("the client for outgoing requests: {error}")))?
            .with_secrets(outgoing.secrets.clone());
        let registered = if outgoing.services.is_empty() {
            Registered::none(client.clone())
        } else {
            Registered::parse(&outgoing.services, client.clone())
                .map_err(|error| ConnectError(format!("{}: {error}", ork_outgoing::TRACKERS)))?
        };
        Ok(Self::Services(Arc::new(Services {
            bigquery: BigQueryTracker::connect(endpoints.bigquery.as_deref())?,
            cloud_run: CloudRunTracker::connect(endpoints.run.as_deref())?,
            dataproc: DataprocTracker::connect(endpoints.dataproc.as_deref())?,
            storage: ObjectLook::connect(endpoints.storage.as_deref())?,
            client: client.clone(),
            project: Some(outgoing.project.clone()).filter(|project| !project.is_empty()),
            http: HttpTracker::new(client),
            registered,
        })))
    }

    fn services(&self) -> Result<&Services, TrackerError> {
        match self {
            Self::Services(services) => Ok(services),
            // Whatever is left to do is kept in the run, and done by poll and the tick.
            Self::Nobody => Err(TrackerError::Elsewhere(
                "a client asks nobody about jobs: the functions do",
            )),
        }
    }
}

/// Who is asked about a job.
enum Asked<'a> {
    Known(Box<Job>),
    Registered(&'a str),
}

impl Services {
    fn asked<'a>(&self, job: &'a Value) -> Result<Asked<'a>, TrackerError> {
        let name = service(job).map_err(TrackerError::Permanent)?;
        if self.registered.knows(name) {
            return Ok(Asked::Registered(name));
        }
        if !SERVICES.contains(&name) {
            let others = self.registered.names();
            let known: Vec<&str> = SERVICES.into_iter().chain(others).collect();
            return Err(TrackerError::Permanent(format!(
                "nobody here knows deferred jobs of service_type `{name}`; known are {}. Further ones are registered in {}",
                known.join(", "),
                ork_outgoing::TRACKERS
            )));
        }
        Job::read(job)
            .map(|known| Asked::Known(Box::new(known)))
            .map_err(TrackerError::Permanent)
    }
}

impl Tracker for Trackers {
    async fn poll(&self, job: &Value) -> Result<JobStatus, TrackerError> {
        let services = self.services()?;
        // Clients of several services stand in one question: it lives on the heap.
        let asked = services.asked(job)?;
        in_time(Box::pin(async {
            match asked {
                Asked::Registered(name) => services.registered.poll(name, job).await,
                Asked::Known(known) => match &*known {
                    Job::BigQuery(job) => match services.bigquery.poll(job).await? {
                        JobStatus::Succeeded => {
                            services.bigquery.describe(job).await.map(JobStatus::Gave)
                        }
                        other => Ok(other),
                    },
                    Job::CloudRun(job) => services.cloud_run.poll(job).await,
                    Job::Dataproc(job) => services.dataproc.poll(job).await,
                    Job::CustomHttp(job) => services.http.poll(job).await,
                },
            }
        }))
        .await
    }
    async fn start(&self, work: &Work) -> Result<Begun, TrackerError> {
        let services = self.services()?;
        let started = Box::pin(services.start(work));
        match work.operator {
            // It has a limit of its own, and ends with it: broken off from outside it would be made again.
            WorkOf::Http(_) => started.await,
            WorkOf::Operator(_) => in_time(started).await,
        }
    }
    async fn cancel(&self, job: &Value) -> Result<Stopping, TrackerError> {
        let services = self.services()?;
        if let Some(work) = Work::read(job) {
            let work = work.map_err(TrackerError::Permanent)?;
            return in_time(Box::pin(services.stop(&work))).await;
        }
        let asked = services.asked(job)?;
        in_time(Box::pin(async {
            match asked {
                Asked::Registered(name) => services.registered.cancel(name, job).await,
                Asked::Known(known) => match &*known {
                    Job::BigQuery(job) => services.bigquery.cancel(job).await,
                    Job::CloudRun(job) => services.cloud_run.cancel(job).await,
                    Job::Dataproc(job) => services.dataproc.cancel(job).await,
                    Job::CustomHttp(job) => services.http.cancel(job).await,
                },
            }
        }))
        .await
    }
}

/// A question that takes too long is asked again.
async fn in_time<T: Send>(
    question: impl Future<Output = Result<T, TrackerError>> + Send,
) -> Result<T, TrackerError> {
    within(limits::POLL_TIMEOUT.to_duration(), question).await
}

async fn within<T: Send>(
    time: Duration,
    question: impl Future<Output = Result<T, TrackerError>> + Send,
) -> Result<T, TrackerError> {
    let answered = tokio::time::timeout(time, question).await;
    answered.unwrap_or_else(|_| {
        Err(TrackerError::Transient {
            message: format!("no answer within {time:?}, which is the time that one question has"),
            retry_after: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trackers(services: &str) -> Result<Trackers, ConnectError> {
        let outgoing = Outgoing {
            allow: "127.0.0.1".into(),
            services: services.into(),
            ..Outgoing::default()
        };
        Trackers::connect(&Endpoints::default(), &outgoing)
    }

    #[tokio::test]
    async fn a_job_of_which_nobody_knows_is_not_asked_about() {
        let ours = trackers(r#"{"vertex": "http://127.0.0.1:1/jobs"}"#).expect("connected");
        for (job, word) in [
            (
                json!({"service_type": "spark"}),
                "`spark`; known are bigquery, cloudrun, dataproc, custom_http, vertex",
            ),
            (
                json!({"service_type": "bigquery", "project": "p"}),
                "job_id",
            ),
            (json!({"id": 7}), "no `service_type`"),
            (json!("x"), "a text, not an object"),
        ] {
            let told = [
                ours.poll(&job).await.map(|_| ()),
                ours.cancel(&job).await.map(|_| ()),
            ];
            for said in told {
                let Err(TrackerError::Permanent(why)) = said else {
                    panic!("{said:?}")
                };
                assert!(why.contains(word), "{why}");
            }
        }
        let vertex = json!({"service_type": "vertex"});
        let said = ours.poll(&vertex).await;
        assert!(
            matches!(said, Err(TrackerError::Transient { .. })),
            "{said:?}"
        );
    }

    #[tokio::test]
    async fn a_client_leaves_the_asking_to_the_functions() {
        let job = json!({"service_type": "spark"});
        let said = Trackers::Nobody.cancel(&job).await;
        assert!(matches!(said, Err(TrackerError::Elsewhere(_))), "{said:?}");
    }

    #[test]
    fn what_cannot_be_used_is_said_before_anything_is_asked() {
        let error = trackers("[]").expect_err("no object");
        assert!(error.to_string().contains("ORK_TRACKERS"), "{error}");
        let outgoing = Outgoing {
            allow: "10.0.0.0/99".into(),
            services: String::new(),
            ..Outgoing::default()
        };
        let error = Trackers::connect(&Endpoints::default(), &outgoing).expect_err("no range");
        assert!(error.to_string().contains("ORK_OUTGOING_ALLOW"), "{error}");
    }

    #[tokio::test]
    async fn a_question_without_an_answer_ends() {
        let said: Result<(), _> = within(Duration::ZERO, std::future::pending()).await;
        assert!(
            matches!(said, Err(TrackerError::Transient { .. })),
            "{said:?}"
        );
    }
}
