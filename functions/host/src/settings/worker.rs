//! What a worker service is told about itself. What its tasks need it reads where they are run.

use std::collections::BTreeMap;

use super::read::Reader;
use super::{LogLevel, Problems, Role, Serving, values};

/// Settings of a worker service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerServing {
    /// Google Cloud project.
    pub project: String,
    /// Bucket of workflows and runs.
    pub bucket: String,
    /// `http://host:port` of Cloud Storage's emulator; `None` is Google's own.
    pub storage: Option<String>,
    /// Where dispatch is told of verdicts; `None`: the bucket's notices tell of them.
    pub chain: Option<String>,
    /// What is logged.
    pub log: LogLevel,
    /// How it serves.
    pub serving: Serving,
}

impl WorkerServing {
    /// Reads the settings from `variables`. All that is wrong is reported at once.
    pub fn read(variables: &BTreeMap<String, String>) -> Result<Self, Problems> {
        let mut reader = Reader::new(Role::WorkerService, variables);
        let project = reader.optional("ORK_PROJECT", values::segment);
        let bucket = reader.optional("ORK_BUCKET", values::segment);
        let log = reader.optional("ORK_LOG", values::level);
        let storage = reader.optional("STORAGE_EMULATOR_HOST", values::emulator);
        let chain = reader.optional("ORK_CHAIN_URL", |text| {
            let url = values::url(text)?;
            // Dispatch has no other path for it, and what stands before is the audience of the tokens.
            if url.ends_with("/finished") && url.matches('/').count() == 3 {
                Ok(url)
            } else {
                Err(format!("is `{url}`, whose path is not /finished"))
            }
        });
        let serving = reader.serving(
            bucket.as_deref().unwrap_or_default(),
            storage.is_some(),
            None,
        );
        match (project, bucket, log) {
            (Some(project), Some(bucket), Some(log)) if reader.problems.is_empty() => Ok(Self {
                project,
                bucket,
                storage,
                chain,
                log,
                serving,
            }),
            _ => Err(Problems(reader.problems)),
        }
    }
}
