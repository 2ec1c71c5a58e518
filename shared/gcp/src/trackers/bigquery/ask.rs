//! What a query came to, and queries that are asked for their answer: sensors.

use google_cloud_bigquery_v2::model;
use ork_core::deferred::BigQueryJob;
use ork_core::{Map, Value};
use ork_engine::ports::{JobStatus, TrackerError};
use serde::Deserialize;
use serde_json::json;

use super::{BigQueryTracker, HOST, about, legal, look, parameters};
use crate::trackers::classify::{Doing, classify};
use crate::trackers::names::{self, Alphabet, fitting};
use crate::trackers::request::BigQueryRequest;

/// How long BigQuery may take for the answer of a sensor's query; one that takes longer is asked again the next time.
const ANSWER_MS: u32 = 8_000;

/// What a sensor asks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    project: String,
    query: String,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    params: Map,
}

impl BigQueryTracker {
    /// The job that a start of `request` as `id` makes, as far as that is known without asking.
    pub(crate) fn described(&self, request: &BigQueryRequest, id: &str) -> BigQueryJob {
        BigQueryJob {
            project: request.project.clone(),
            job_id: fitting(id, Alphabet::Words, super::LONGEST_ID),
            location: request.location.clone(),
        }
    }

    /// What a job that is done used and left, for the task whose job it was.
    pub async fn describe(&self, job: &BigQueryJob) -> Result<Value, TrackerError> {
        legal(job)?;
        let client = self.clients.at(HOST).await?;
        let known = Box::pin(look(&client, job))
            .await
            .map_err(|error| classify(&about(job, Doing::See), &error))?;
        let all = known.statistics.as_ref();
        let query = all.and_then(|all| all.query.as_ref());
        let mut said = json!({
            "project": job.project,
            "job_id": job.job_id,
            "location": job.location,
            "bytes_processed": query.and_then(|query| query.total_bytes_processed),
            "bytes_billed": query.and_then(|query| query.total_bytes_billed),
            "cache_hit": query.and_then(|query| query.cache_hit),
        });
        let wanted = known
            .configuration
            .as_ref()
            .and_then(|wanted| wanted.query.as_ref());
        if let Some(table) = wanted.and_then(|query| query.destination_table.as_ref()) {
            let name = format!(
                "{}.{}.{}",
                table.project_id, table.dataset_id, table.table_id
            );
            said["destination"] = name.into();
        }
        Ok(said)
    }

    /// Whether the first value of the first row of a query's answer is something true: not false, 0, an empty text or nothing.
    pub(crate) async fn ask(&self, question: &Question) -> Result<JobStatus, TrackerError> {
        names::project(&question.project)?;
        question
            .location
            .as_deref()
            .map_or(Ok(()), names::location)?;
        let client = self.clients.at(HOST).await?;
        let mut request = model::QueryRequest::new()
            .set_query(&question.query)
            .set_use_legacy_sql(false)
            .set_max_results(1_u32)
            .set_timeout_ms(ANSWER_MS)
            .set_location(question.location.as_deref().unwrap_or_default());
        if !question.params.is_empty() {
            let named = parameters::named(&question.params).map_err(TrackerError::Permanent)?;
            request = request
                .set_parameter_mode("NAMED")
                .set_query_parameters(named);
        }
        let call = client
            .query()
            .set_project_id(&question.project)
            .set_query_request(request);
        let answer = Box::pin(call.send()).await.map_err(|error| {
            let asked = BigQueryJob {
                project: question.project.clone(),
                job_id: "of a sensor".into(),
                location: question.location.clone(),
            };
            classify(&about(&asked, Doing::Start), &error)
        })?;
        if answer.job_complete != Some(true) {
            return Ok(JobStatus::Running);
        }
        let first = answer.rows.first().and_then(|row| {
            let cell = row.get("f")?.as_array()?.first()?;
            cell.get("v").cloned()
        });
        Ok(match first {
            Some(value) if is_true(&value) => JobStatus::Gave(json!({ "value": value })),
            _ => JobStatus::Running,
        })
    }
}

/// BigQuery writes every value as text.
fn is_true(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let zero = text.parse::<f64>().is_ok_and(|number| number == 0.0);
            !zero && !text.is_empty() && !text.eq_ignore_ascii_case("false")
        }
        Value::Null | Value::Bool(false) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bigquery_writes_as_text_is_true_or_not() {
        for (value, expected) in [
            (json!("true"), true),
            (json!("7"), true),
            (json!("2026-01-31"), true),
            (json!("false"), false),
            (json!("0"), false),
            (json!("0.0"), false),
            (json!(""), false),
            (json!(null), false),
        ] {
            assert_eq!(is_true(&value), expected, "{value}");
        }
    }
}
