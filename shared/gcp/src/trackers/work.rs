//! Work that Ork starts itself, and what it only looks for: tasks that have no worker.

use std::collections::BTreeMap;

use ork_core::deferred::{Job, SECRET_HEADERS, Work, WorkOf, poll_interval};
use ork_core::definition::Operator;
use ork_core::run::Category;
use ork_core::{Map, Value};
use ork_engine::ports::{Begun, JobStatus, Stopping, TrackerError};
use ork_outgoing::{Condition, Request, SendError, send};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::all::Services;
use super::bigquery::BigQueryStart;
use super::request::{BigQueryQuestion, BigQueryRequest, ImageRequest, MadeFor};
use super::start::StartTrouble;

/// The header that says that two requests are the same one.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

impl Services {
    /// See [`ork_engine::ports::Tracker::start`].
    pub(super) async fn start(&self, work: &Work) -> Result<Begun, TrackerError> {
        match work.operator {
            WorkOf::Http(_) => self.request(work).await,
            WorkOf::Operator(operator) => match operator {
                Operator::BigQuery => self.start_query(work).await,
                Operator::CloudRun => {
                    let request = self.asked_for(work, "cloudrun")?;
                    let job = self.cloud_run.start(&request, &work.id).await?;
                    Ok(described(Job::CloudRun(job), work))
                }
                Operator::CloudRunImage if work.made => {
                    let place = self.asked_for(work, "cloudrun")?;
                    Ok(match self.cloud_run.run_made(&place, &work.id).await? {
                        Some(job) => described(Job::CloudRun(job), work),
                        // Nobody knows whether it was run; whoever retries makes another one.
                        None => Begun::Status(JobStatus::Broke {
                            category: Category::Transient,
                            why: format!("{} is not there any more", work.name()),
                        }),
                    })
                }
                Operator::CloudRunImage => {
                    let request: ImageRequest = self.asked_for(work, "cloudrun")?;
                    let place = self.cloud_run.make(&request, &work.id).await?;
                    Ok(made(&place, work))
                }
                Operator::Dataproc => {
                    let request = self.asked_for(work, "dataproc")?;
                    let job = self.dataproc.start(&request, &work.id).await?;
                    Ok(described(Job::Dataproc(job), work))
                }
                Operator::ObjectSensor => {
                    let object = text(work, "object")?;
                    self.storage.look(object).await.map(Begun::Status)
                }
                Operator::BigQuerySensor => {
                    let question: BigQueryQuestion = self.asked_for(work, "sensor")?;
                    let said = self.bigquery.ask(&question, &work.id).await;
                    said.map(Begun::Status)
                }
                Operator::HttpSensor => self.look_at(work).await,
                Operator::WorkflowSensor => Err(TrackerError::Permanent(
                    "runs of other workflows are the engine's own to look for".into(),
                )),
            },
        }
    }

    /// Stops what came of `work`, of which nobody knows whether it was started. What is not found may be found yet: it is
    /// [`TrackerError::Missing`].
    pub(super) async fn stop(&self, work: &Work) -> Result<Stopping, TrackerError> {
        match work.operator {
            WorkOf::Operator(Operator::BigQuery) => {
                let request: BigQueryRequest = self.asked_for(work, "bigquery")?;
                if request.dry_run {
                    return Ok(Stopping::Over);
                }
                let job = self.bigquery.described(&request, &work.id);
                self.bigquery.cancel(&job).await
            }
            WorkOf::Operator(Operator::BigQuerySensor) => {
                let question: BigQueryQuestion = self.asked_for(work, "sensor")?;
                self.bigquery.end_looks(&question, &work.id).await
            }
            WorkOf::Operator(Operator::CloudRun) => {
                let request = self.asked_for(work, "cloudrun")?;
                let job = self.cloud_run.find(&request, &work.id).await?;
                self.cloud_run.cancel(&job).await
            }
            WorkOf::Operator(Operator::CloudRunImage) => {
                let place = self.asked_for(work, "cloudrun")?;
                self.cloud_run.remove(&place, &work.id, work.made).await
            }
            WorkOf::Operator(Operator::Dataproc) => {
                let request = self.asked_for(work, "dataproc")?;
                let job = self.dataproc.described(&request, &work.id)?;
                self.dataproc.cancel(&job).await
            }
            // A request or a look is over when it is answered.
            WorkOf::Http(_)
            | WorkOf::Operator(
                Operator::ObjectSensor | Operator::HttpSensor | Operator::WorkflowSensor,
            ) => Ok(Stopping::Over),
        }
    }

    async fn start_query(&self, work: &Work) -> Result<Begun, TrackerError> {
        let request = self.asked_for(work, "bigquery")?;
        Ok(match self.bigquery.start(&request, &work.id).await? {
            BigQueryStart::Job(job) => described(Job::BigQuery(job), work),
            BigQueryStart::Checked(dry) => Begun::Status(JobStatus::Gave(
                json!({"dry_run": true, "bytes_processed": dry.bytes_processed}),
            )),
        })
    }

    /// Makes a request, once for each time it is asked to: only the task's own retries repeat what failed.
    async fn request(&self, work: &Work) -> Result<Begun, TrackerError> {
        let mut request = request(work)?;
        let named = request
            .headers
            .keys()
            .chain(request.secrets.keys())
            .any(|name| name.eq_ignore_ascii_case(IDEMPOTENCY_KEY));
        if !named {
            request
                .headers
                .insert(IDEMPOTENCY_KEY.into(), work.id.clone());
        }
        let said = send(&self.client, &request, &condition(work)?).await;
        let (category, why) = match said {
            Ok(value) => return Ok(Begun::Status(JobStatus::Gave(value))),
            Err(SendError::Transient { message, .. }) => (Category::Transient, message),
            Err(SendError::Unmet(why)) => (Category::Unknown, why),
            Err(SendError::Failed { category, why }) => (category, why),
            Err(SendError::Unexpected(why) | SendError::Permanent(why)) => {
                (Category::Permanent, why)
            }
        };
        Ok(Begun::Status(JobStatus::Broke { category, why }))
    }

    async fn look_at(&self, work: &Work) -> Result<Begun, TrackerError> {
        let mut condition = condition(work)?;
        condition.not_yet = vec![404];
        let status = match send(&self.client, &request(work)?, &condition).await {
            Ok(value) => JobStatus::Gave(value),
            Err(SendError::Unmet(_)) => JobStatus::Running,
            Err(SendError::Failed { category, why }) => JobStatus::Broke { category, why },
            Err(SendError::Transient {
                message,
                retry_after,
            }) => {
                return Err(TrackerError::Transient {
                    message,
                    retry_after,
                });
            }
            // Three in a row count.
            Err(SendError::Unexpected(why)) => return Err(TrackerError::Denied(why)),
            Err(SendError::Permanent(why)) => return Err(TrackerError::Permanent(why)),
        };
        Ok(Begun::Status(status))
    }

    /// What is asked for, as its service reads it; a deployment's own project stands in for one that is not named.
    fn asked_for<T: DeserializeOwned>(&self, work: &Work, word: &str) -> Result<T, TrackerError> {
        let mut request = work.request.clone();
        if let Some(count) = request.remove("task_count") {
            request.insert("tasks".into(), count);
        }
        if !request.contains_key("project") {
            let Some(project) = &self.project else {
                return Err(TrackerError::Permanent(format!(
                    "executor `{word}`: write `project`, there is none to fall back on here"
                )));
            };
            request.insert("project".into(), project.as_str().into());
        }
        serde_json::from_value(Value::Object(request))
            .map_err(|error| TrackerError::Permanent(format!("executor `{word}`: {error}")))
    }
}

impl From<StartTrouble> for TrackerError {
    fn from(trouble: StartTrouble) -> Self {
        match trouble {
            StartTrouble::Transient {
                message,
                retry_after,
            } => Self::Transient {
                message,
                retry_after,
            },
            StartTrouble::Denied(why) => Self::Denied(why),
            StartTrouble::Permanent(why) => Self::Permanent(why),
        }
    }
}

/// The same work, of which the first half is done: that is to be committed before the second.
fn made(place: &MadeFor, work: &Work) -> Begun {
    let request = match serde_json::to_value(place) {
        Ok(Value::Object(request)) => request,
        _ => Map::new(),
    };
    let half = Work {
        request,
        made: true,
        ..work.clone()
    };
    Begun::Job(serde_json::to_value(half).expect("work is plain data"))
}

fn described(job: Job, work: &Work) -> Begun {
    let mut job = serde_json::to_value(job).expect("a description is plain data");
    if let (Some(every), Value::Object(fields)) = (&work.poll_interval, &mut job)
        && poll_interval(&json!({ "poll_interval": every })).is_some()
    {
        fields.insert("poll_interval".into(), every.clone());
    }
    Begun::Job(job)
}

fn text<'a>(work: &'a Work, key: &str) -> Result<&'a str, TrackerError> {
    let said = work.request.get(key);
    said.and_then(Value::as_str).ok_or_else(|| {
        let shown = said.map_or_else(|| "nothing".to_owned(), Value::to_string);
        TrackerError::Permanent(format!("`{key}` must be text, not {shown:.100}"))
    })
}

fn request(work: &Work) -> Result<Request, TrackerError> {
    let empty = Map::new();
    let headers = match work.request.get("headers") {
        None => &empty,
        Some(Value::Object(headers)) => headers,
        Some(_) => return Err(TrackerError::Permanent("`headers` must be a map".into())),
    };
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let method = match work.request.get("method") {
        None => "GET",
        Some(_) => text(work, "method")?,
    };
    Ok(Request {
        method: method.to_owned(),
        url: text(work, "url")?.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect(),
        secrets: match work.request.get(SECRET_HEADERS) {
            None => BTreeMap::new(),
            Some(names) => BTreeMap::deserialize(names)
                .map_err(|error| TrackerError::Permanent(format!("`{SECRET_HEADERS}`: {error}")))?,
        },
        body: work.request.get("body").cloned(),
    })
}

fn condition(work: &Work) -> Result<Condition, TrackerError> {
    let code = |value: &Value| {
        let number = value.as_u64().and_then(|code| u16::try_from(code).ok());
        number.ok_or_else(|| {
            TrackerError::Permanent(format!("`success_status_codes`: {value} is no status code"))
        })
    };
    let status = match work.request.get("success_status_codes") {
        None => Vec::new(),
        Some(Value::Array(codes)) => codes.iter().map(code).collect::<Result<_, _>>()?,
        Some(one) => vec![code(one)?],
    };
    let field = match work.request.get("success_field") {
        None => None,
        Some(_) => Some(text(work, "success_field")?.to_owned()),
    };
    let value = work.request.get("success_value").cloned();
    let failure = work.request.get("failure_value").cloned();
    for (key, value) in [("success_value", &value), ("failure_value", &failure)] {
        if value.is_some() && field.is_none() {
            return Err(TrackerError::Permanent(format!(
                "`{key}` needs `success_field`, which says where it must stand"
            )));
        }
    }
    Ok(Condition {
        status,
        field,
        value,
        failure,
        not_yet: Vec::new(),
    })
}
