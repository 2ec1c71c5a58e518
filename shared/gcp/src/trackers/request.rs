//! What to start, as workflows say it.

use std::collections::BTreeMap;

use ork_core::{Map, Value};
use serde::{Deserialize, Serialize};

/// A query of BigQuery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BigQueryRequest {
    /// The project that runs it, and pays.
    pub project: String,
    /// GoogleSQL. Several statements are a script.
    pub query: String,
    /// Where it runs, such as `EU`. Without it BigQuery goes by the tables of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The table for the result: `dataset.table`, or `project.dataset.table`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// What becomes of rows that the destination has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<Write>,
    /// The query's parameters, `@name` in it: `true`, `7`, `1.5`, `"text"`, a list of one kind of them, or
    /// `{"type": "DATE", "value": "2026-01-31"}`, with `ARRAY<DATE>` for a list. What has no type of its own (`null`, an empty list)
    /// is written so too.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map,
    /// Nothing is run: BigQuery says what the query would read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// A query that would be billed for more bytes fails, and costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_bytes_billed: Option<u64>,
    /// Labels of the job, for bills.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// What a sensor of BigQuery asks until the first value of the answer's first row is something true. Every look is a query, and pays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BigQueryQuestion {
    /// The project that runs it, and pays.
    pub project: String,
    /// GoogleSQL.
    pub query: String,
    /// See [`BigQueryRequest::location`]. With it a look that was begun is found everywhere, not in US and EU only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// See [`BigQueryRequest::params`].
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map,
    /// A look that would be billed for more bytes fails, and costs nothing; the sensor fails with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_bytes_billed: Option<u64>,
    /// Labels of the job of every look, for bills.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl From<&BigQueryQuestion> for BigQueryRequest {
    fn from(asked: &BigQueryQuestion) -> Self {
        Self {
            project: asked.project.clone(),
            query: asked.query.clone(),
            location: asked.location.clone(),
            destination: None,
            write: None,
            params: asked.params.clone(),
            dry_run: false,
            maximum_bytes_billed: asked.maximum_bytes_billed,
            labels: asked.labels.clone(),
        }
    }
}

/// What becomes of rows that a destination has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// They stay.
    #[serde(alias = "WRITE_APPEND")]
    Append,
    /// They go, and the schema with them.
    #[serde(alias = "WRITE_TRUNCATE")]
    Truncate,
    /// There must be none, else the query fails.
    #[serde(alias = "WRITE_EMPTY")]
    Empty,
}

/// An execution of a Cloud Run job that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudRunRequest {
    /// The job's project.
    pub project: String,
    /// Its region.
    pub region: String,
    /// The job, by its short name.
    pub job: String,
    /// Arguments instead of the job's own; an empty list takes those away.
    #[serde(
        default,
        deserialize_with = "texts",
        skip_serializing_if = "Option::is_none"
    )]
    pub args: Option<Vec<String>>,
    /// Environment variables beside the job's own, and instead of those of the same name. Everybody who may look at the execution reads them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The container that gets them, when the job has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// How many tasks instead of the job's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// How many seconds each of them may take, instead of the job's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

/// A Cloud Run job that is made of an image for one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRequest {
    /// The project that it is made in.
    pub project: String,
    /// Its region.
    pub region: String,
    /// The container's image.
    pub image: String,
    /// Arguments instead of the image's own.
    #[serde(
        default,
        deserialize_with = "texts",
        skip_serializing_if = "Option::is_none"
    )]
    pub args: Option<Vec<String>>,
    /// Environment variables. Everybody who may look at the job reads them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Whose rights the container has; the project's default when not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// How many tasks, one when not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// How many seconds each of them may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Thousandths of a core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u32>,
    /// Bytes of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// Where a job is that was made for one attempt; its name comes of the attempt's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFor {
    /// Its project.
    pub project: String,
    /// Its region.
    pub region: String,
    /// What the service calls this one: another of that name, made later, is not the one that was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// A job for a Dataproc cluster, or a batch without one: `job` or `batch` says what to run, in the JSON of Google's REST interface. What
/// Ork decides (the id) and what the service says (states) do not belong there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataprocRequest {
    /// The project.
    pub project: String,
    /// The region.
    pub region: String,
    /// The cluster for `job`, when its `placement.clusterName` does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// A [job](https://cloud.google.com/dataproc/docs/reference/rest/v1/projects.regions.jobs#Job).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Value>,
    /// A [batch](https://cloud.google.com/dataproc-serverless/docs/reference/rest/v1/projects.locations.batches#Batch).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Value>,
}

/// Arguments are texts; what a template gave may be a number or a truth value, and is written out.
fn texts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let text = |one: ork_core::Value| match one {
        ork_core::Value::String(text) => Ok(text),
        ork_core::Value::Number(_) | ork_core::Value::Bool(_) => Ok(one.to_string()),
        other => Err(serde::de::Error::custom(format!(
            "an argument is a text, not {other}"
        ))),
    };
    let given: Option<Vec<ork_core::Value>> = serde::Deserialize::deserialize(from)?;
    given
        .map(|all| all.into_iter().map(text).collect())
        .transpose()
}
