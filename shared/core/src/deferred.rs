//! Deferred jobs as tasks describe them: which service runs the job, and how to find it there. And what Ork starts or waits for by itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use crate::definition::Operator;
use crate::ids::{RunId, TaskName};
use crate::time::Millis;
use crate::{Map, Value};

/// The shortest pause between two questions about a job that a description may ask for.
pub const SHORTEST_POLL: Millis = Millis::from_secs(1);
/// The longest one.
pub const LONGEST_POLL: Millis = Millis::from_secs(3600);

/// A job outside Ork that a task handed over to.
///
/// Keys that are not known are passed over: a newer SDK may say more than this reader needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "service_type", rename_all = "snake_case")]
pub enum Job {
    /// A job of BigQuery.
    #[serde(rename = "bigquery")]
    BigQuery(BigQueryJob),
    /// An execution of a Cloud Run job.
    #[serde(rename = "cloudrun", alias = "cloud_run")]
    CloudRun(CloudRunJob),
    /// A job of a Dataproc cluster, or a batch without one.
    Dataproc(DataprocJob),
    /// Anything that says over HTTP how far it is.
    CustomHttp(HttpJob),
}

/// A job of BigQuery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BigQueryJob {
    /// The project that runs it.
    pub project: String,
    /// Its id there.
    pub job_id: String,
    /// Where it runs, such as `EU`; BigQuery finds jobs of `US` and `EU` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// An execution of a Cloud Run job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The id of the work that the job itself was made for: it is removed when its execution is over. Only the engine's own jobs have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<String>,
}

/// A job of a Dataproc cluster, or a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A job that is asked about over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpJob {
    /// Where to ask.
    pub url: String,
    /// How, `GET` when not stated.
    #[serde(default = "get")]
    pub method: String,
    /// Headers of the question.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Header>,
    /// Sent as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Answers that say something about the job; others are the service's own trouble.
    #[serde(default = "ok")]
    pub success_status_codes: Vec<u16>,
    /// The field of the answer that says how far it is, with dots between its parts; without it the job is done as soon as it is answered for.
    #[serde(
        default,
        alias = "status_field",
        alias = "success_field",
        skip_serializing_if = "Option::is_none"
    )]
    pub completion_field: Option<String>,
    /// What stands there when it is done.
    #[serde(
        default,
        alias = "success_value",
        skip_serializing_if = "Option::is_none"
    )]
    pub completion_value: Option<Value>,
    /// What stands there when it failed: one value, or a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_value: Option<Value>,
    /// The field that says why it failed, with dots between its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_field: Option<String>,
    /// Where to ask for it to be stopped; without it such a job cannot be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_url: Option<String>,
    /// How, `POST` when not stated.
    #[serde(default = "post")]
    pub cancel_method: String,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a header's value must be text, or {\"secret\": NAME}"
)]
pub enum Header {
    /// As it stands.
    Text(String),
    /// What the secret of this name holds, looked up by whoever makes the request: `{"secret": NAME}`.
    Secret(NamedSecret),
}

/// See [`Header::Secret`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedSecret {
    /// `projects/P/secrets/S/versions/V`, or the name of an environment variable.
    pub secret: String,
}

/// The key of a [`Work::request`] that names the secrets of its headers, a map of header and name. It stands beside `headers`, whose
/// values may come out of templates: data never becomes the name of a secret.
pub const SECRET_HEADERS: &str = "secret_headers";

/// What a task without a worker has done elsewhere or waits for, before its service has said that it knows it. The engine makes it; nothing
/// that a worker hands over is read as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Whose, or for what.
    pub operator: WorkOf,
    /// The id that its job gets where ids can be chosen, and otherwise a mark of it: the same whenever the same attempt is started.
    pub id: String,
    /// What is asked for.
    pub request: Map,
    /// The pause between two questions, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_interval: Option<Value>,
    /// What is to be run is there, made for this alone: it is run once, and never made again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

/// See [`Work::operator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WorkOf {
    /// An operator.
    Operator(Operator),
    /// A request over HTTP.
    Http(Http),
}

impl WorkOf {
    /// Whether a job comes of it, which can be stopped. A request or a look is over when it is answered.
    pub const fn starts_a_job(self) -> bool {
        match self {
            Self::Operator(operator) => operator.starts_a_job(),
            Self::Http(_) => false,
        }
    }
}

/// The word `http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Http {
    /// The word.
    Http,
}

impl Work {
    /// Reads what the engine made; `None` for the description of a job.
    pub fn read(job: &Value) -> Option<Result<Self, String>> {
        job.get("operator")?;
        Some(Self::deserialize(job).map_err(|error| format!("work that is to be started: {error}")))
    }

    /// In few words, for people.
    pub fn name(&self) -> String {
        let said = |key: &str| self.request.get(key).and_then(Value::as_str).unwrap_or("?");
        match self.operator {
            WorkOf::Http(_) => format!("request to {}", without_query(said("url"))),
            WorkOf::Operator(Operator::BigQuery) => format!("BigQuery query {}", self.id),
            WorkOf::Operator(Operator::CloudRun) => format!("Cloud Run job {}", said("job")),
            WorkOf::Operator(Operator::CloudRunImage) if self.made => {
                format!("Cloud Run job of {}", self.id)
            }
            WorkOf::Operator(Operator::CloudRunImage) => {
                format!("Cloud Run job of image {}", said("image"))
            }
            WorkOf::Operator(Operator::Dataproc) => format!("Dataproc job {}", self.id),
            WorkOf::Operator(Operator::ObjectSensor) => format!("object {}", said("object")),
            WorkOf::Operator(Operator::BigQuerySensor) => "query that becomes true".into(),
            WorkOf::Operator(Operator::HttpSensor) => {
                format!("answer of {}", without_query(said("url")))
            }
            WorkOf::Operator(Operator::WorkflowSensor) => format!("run of {}", said("name")),
        }
    }
}

/// An id for the job of an attempt, to be chosen by whoever starts it: `ork_` and the SHA-256 of `<run>/<task>/<index>/<attempt>/`.
/// The SDKs make the same.
pub fn job_id(run: &RunId, task: &TaskName, index: u32, attempt: u32) -> String {
    let digest = Sha256::digest(format!("{run}/{task}/{index}/{attempt}/"));
    let mut id = String::from("ork_");
    for byte in digest {
        id.push_str(&format!("{byte:02x}"));
    }
    id
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn get() -> String {
    "GET".into()
}
fn post() -> String {
    "POST".into()
}
fn ok() -> Vec<u16> {
    vec![200]
}

/// The services that Ork knows by itself.
pub const SERVICES: [&str; 4] = ["bigquery", "cloudrun", "dataproc", "custom_http"];

/// The service that a description names, in its usual spelling; an error says what is wrong with it.
pub fn service(job: &Value) -> Result<&str, String> {
    match job.get("service_type").and_then(Value::as_str) {
        Some("cloud_run") => Ok("cloudrun"),
        Some(name) if !name.is_empty() => Ok(name),
        _ if job.is_object() => Err("a deferred job has no `service_type`".into()),
        _ => Err(format!("a deferred job is {}, not an object", kind(job))),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl Job {
    /// Reads a description. An error names the service and what is missing or wrong.
    pub fn read(job: &Value) -> Result<Self, String> {
        let service = service(job)?;
        Self::deserialize(job).map_err(|error| format!("a deferred job of `{service}`: {error}"))
    }
}

/// The pause between questions that a description asks for: `poll_interval`, in seconds or as text such as `30s` or `2m`.
/// What cannot be read asks for nothing.
pub fn poll_interval(job: &Value) -> Option<Millis> {
    let asked = match job.get("poll_interval")? {
        Value::Number(seconds) => Millis((seconds.as_f64()?.max(0.0) * 1000.0) as u64),
        Value::String(text) => crate::parse::duration(text)?,
        _ => return None,
    };
    Some(asked.clamp(SHORTEST_POLL, LONGEST_POLL))
}

/// The shortest pause that any job of a list, as JSON text, asks for.
pub fn shortest_poll_interval(jobs: &str) -> Option<Millis> {
    #[derive(Deserialize)]
    struct Asks {
        #[serde(default, deserialize_with = "whatever")]
        poll_interval: Option<Value>,
    }
    fn whatever<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(from).map(Some)
    }
    if !jobs.contains("poll_interval") {
        return None;
    }
    let jobs: Vec<Asks> = serde_json::from_str(jobs).ok()?;
    jobs.into_iter()
        .filter_map(|job| poll_interval(&serde_json::json!({"poll_interval": job.poll_interval})))
        .min()
}

/// The page of Google's console that shows a job, by its description and without asking anybody: while the job runs as after its end.
/// `None` for what has no such page, what is not started yet, and descriptions that cannot be read.
pub fn link(job: &Value) -> Option<String> {
    if job.get("operator").is_some() {
        return None;
    }
    let job = Job::read(job).ok()?;
    let named = match &job {
        Job::BigQuery(job) => [&job.project, &job.job_id].iter().all(|id| !id.is_empty()),
        Job::CloudRun(job) => [&job.project, &job.region, &job.execution_id]
            .iter()
            .all(|id| !id.is_empty()),
        Job::Dataproc(job) => [&job.project, &job.region, &job.job_id]
            .iter()
            .all(|id| !id.is_empty()),
        Job::CustomHttp(_) => false,
    };
    if named { job.link() } else { None }
}

impl Job {
    /// The job in few words, for people.
    pub fn name(&self) -> String {
        match self {
            Self::BigQuery(job) => format!("BigQuery job {}:{}", job.project, job.job_id),
            Self::CloudRun(job) => format!(
                "Cloud Run execution {} of {} in {}",
                job.execution_id, job.job_name, job.region
            ),
            Self::Dataproc(job) => match &job.cluster_name {
                Some(cluster) => format!("Dataproc job {} on {cluster}", job.job_id),
                None => format!("Dataproc batch {} in {}", job.job_id, job.region),
            },
            // Without the query: it may hold what is nobody's business.
            Self::CustomHttp(job) => {
                format!("job at {}", without_query(&job.url))
            }
        }
    }

    /// The page of Google's console that shows it.
    pub fn link(&self) -> Option<String> {
        const CONSOLE: &str = "https://console.cloud.google.com";
        let text = |text: &str| {
            text.bytes().fold(String::new(), |mut out, byte| {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                        out.push(byte as char);
                    }
                    _ => out.push_str(&format!("%{byte:02X}")),
                }
                out
            })
        };
        match self {
            Self::BigQuery(job) => Some(format!(
                "{CONSOLE}/bigquery?project={}&j=bq:{}:{}&page=queryresults",
                text(&job.project),
                text(job.location.as_deref().unwrap_or("US")),
                text(&job.job_id)
            )),
            Self::CloudRun(job) => Some(format!(
                "{CONSOLE}/run/jobs/executions/details/{}/{}/tasks?project={}",
                text(&job.region),
                text(&job.execution_id),
                text(&job.project)
            )),
            Self::Dataproc(job) => {
                let (region, id, project) =
                    (text(&job.region), text(&job.job_id), text(&job.project));
                Some(match &job.cluster_name {
                    Some(_) => {
                        format!("{CONSOLE}/dataproc/jobs/{id}?region={region}&project={project}")
                    }
                    None => format!("{CONSOLE}/dataproc/batches/{region}/{id}?project={project}"),
                })
            }
            Self::CustomHttp(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A key that was passed over would make a job of it that is done at the first answer.
    #[test]
    fn what_sensors_call_their_keys_is_understood_of_a_description() {
        for (field, value) in [
            ("completion_field", "completion_value"),
            ("status_field", "success_value"),
            ("success_field", "success_value"),
        ] {
            let job = json!({"service_type": "custom_http", "url": "https://x.example", field: "state", value: "done"});
            let Ok(Job::CustomHttp(read)) = Job::read(&job) else {
                panic!("{job}")
            };
            assert_eq!(read.completion_field.as_deref(), Some("state"), "{job}");
            assert_eq!(read.completion_value, Some(json!("done")), "{job}");
        }
        let two = json!({"service_type": "custom_http", "url": "https://x.example", "success_field": "a", "status_field": "b"});
        let why = Job::read(&two).expect_err("two fields");
        assert!(why.contains("duplicate field"), "{why}");
    }

    #[test]
    fn a_described_job_of_google_has_a_link_and_nothing_else_has() {
        const CONSOLE: &str = "https://console.cloud.google.com";
        for (job, page) in [
            (
                json!({"service_type": "bigquery", "project": "example.com:p", "job_id": "ork_1", "location": "EU"}),
                "/bigquery?project=example.com%3Ap&j=bq:EU:ork_1&page=queryresults",
            ),
            (
                json!({"service_type": "bigquery", "project": "p", "job_id": "j&x=1"}),
                "/bigquery?project=p&j=bq:US:j%26x%3D1&page=queryresults",
            ),
            (
                json!({"service_type": "cloud_run", "project": "p", "region": "r", "job": "j", "execution": "j-1", "poll_interval": 5}),
                "/run/jobs/executions/details/r/j-1/tasks?project=p",
            ),
            (
                json!({"service_type": "dataproc", "project": "p", "region": "r", "cluster_name": "c", "job_id": "j"}),
                "/dataproc/jobs/j?region=r&project=p",
            ),
            (
                json!({"service_type": "dataproc", "project": "p", "region": "r", "batch_id": "b"}),
                "/dataproc/batches/r/b?project=p",
            ),
        ] {
            assert_eq!(link(&job), Some(format!("{CONSOLE}{page}")), "{job}");
        }
        for job in [
            json!({"service_type": "custom_http", "url": "https://x.example/"}),
            json!({"service_type": "vertex", "project": "p", "job_id": "j"}),
            json!({"service_type": "bigquery", "project": "p"}),
            json!({"service_type": "bigquery", "project": "", "job_id": "j"}),
            json!({"operator": "bigquery", "id": "ork_1", "request": {"project": "p"}}),
            json!({"project": "p", "job_id": "j"}),
            json!("bigquery"),
            json!(null),
        ] {
            assert_eq!(link(&job), None, "{job}");
        }
    }
}
