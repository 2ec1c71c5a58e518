//! What a query came to.

use ork_core::Value;
use ork_core::deferred::BigQueryJob;
use ork_engine::ports::TrackerError;
use serde_json::json;

use super::{BigQueryTracker, HOST, about, legal, look};
use crate::trackers::classify::{Doing, classify};

impl BigQueryTracker {
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
}
