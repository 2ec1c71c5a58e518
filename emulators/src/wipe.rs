//! Forgetting what happened in a project, everywhere at once.

use anyhow::Context;

use crate::google::PubsubAdmin;
use crate::http::text_of;

/// Where everything is that has to forget.
#[derive(Clone, Debug)]
pub(crate) struct Wiper {
    pub(crate) client: reqwest::Client,
    pub(crate) run_jobs: Option<String>,
    pub(crate) tasks: Option<String>,
    pub(crate) services: Option<String>,
    pub(crate) storage: Option<String>,
    pub(crate) pubsub: Option<PubsubAdmin>,
    pub(crate) firestore: Option<String>,
    pub(crate) database: String,
}

impl Wiper {
    /// Forgets a project's documents, messages, objects, executions, tasks and remote jobs. First what acts, then what is acted upon.
    pub(crate) async fn wipe(&self, project: &str, bucket: &str) -> anyhow::Result<()> {
        for (what, part) in [
            ("the stand-in for Cloud Run jobs", &self.run_jobs),
            ("the stand-in for Cloud Tasks", &self.tasks),
            ("the stand-in for BigQuery and Dataproc", &self.services),
        ] {
            if let Some(part) = part {
                let url = format!("{part}/control/wipe/{project}");
                text_of(what, self.client.post(url)).await?;
            }
        }
        if let Some(storage) = &self.storage {
            let url = format!("{storage}/emulator/v1/b/{bucket}");
            text_of("the stand-in for Cloud Storage", self.client.delete(url))
                .await
                .with_context(|| format!("wiping bucket {bucket}"))?;
        }
        if let Some(pubsub) = &self.pubsub {
            pubsub.drop_messages(project).await?;
        }
        if let Some(firestore) = &self.firestore {
            let database = &self.database;
            let url = format!(
                "{firestore}/emulator/v1/projects/{project}/databases/{database}/documents"
            );
            text_of("wiping Firestore", self.client.delete(url)).await?;
        }
        Ok(())
    }
}
