//! Objects of Cloud Storage that somebody waits for.

use google_cloud_gax::client_builder::Error as BuildError;
use google_cloud_storage::client::StorageControl;
use ork_engine::ports::{JobStatus, TrackerError};
use serde_json::json;

use super::classify::{About, Doing, Kind, classify, kind};
use super::client::{Client, Clients, Place};
use crate::endpoints::ConnectError;

const HOST: &str = "storage.googleapis.com";

impl Client for StorageControl {
    const SERVICE: &'static str = "Cloud Storage";
    async fn make(place: &Place) -> Result<Self, BuildError> {
        place.of(Self::builder()).build().await
    }
}

/// Looks for objects. Clones share their connections.
#[derive(Debug, Clone)]
pub(super) struct ObjectLook {
    clients: Clients<StorageControl>,
}

impl ObjectLook {
    /// Looks at Google's, or at a stand-in at `endpoint`. Nothing is connected yet.
    pub(super) fn connect(endpoint: Option<&str>) -> Result<Self, ConnectError> {
        Ok(Self {
            clients: Clients::new(endpoint)?,
        })
    }

    /// Whether there is an object `gs://bucket/name`.
    pub(super) async fn look(&self, url: &str) -> Result<JobStatus, TrackerError> {
        let parts = url
            .strip_prefix("gs://")
            .and_then(|rest| rest.split_once('/'));
        let Some((bucket, name)) = parts.filter(|(bucket, name)| {
            let legal = |c: u8| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_' | b'.')
            };
            (3..=222).contains(&bucket.len()) && bucket.bytes().all(legal) && !name.is_empty()
        }) else {
            return Err(TrackerError::Permanent(format!(
                "the sensor's object is `{url:.200}`: write gs://bucket/name"
            )));
        };
        let client = self.clients.at(HOST).await?;
        let call = client
            .get_object()
            .set_bucket(format!("projects/_/buckets/{bucket}"))
            .set_object(name)
            .send();
        match Box::pin(call).await {
            Ok(object) => Ok(JobStatus::Gave(json!({
                "bucket": bucket,
                "name": name,
                // As text: JSON numbers of some languages do not hold it.
                "generation": object.generation.to_string(),
                "size": object.size,
            }))),
            Err(error) if kind(&error) == Kind::Missing => Ok(JobStatus::Running),
            Err(error) => {
                let about = About {
                    job: url.to_owned(),
                    service: StorageControl::SERVICE,
                    doing: Doing::See,
                    role: format!("roles/storage.objectViewer on the bucket {bucket}"),
                    hint: "",
                };
                Err(classify(&about, &error))
            }
        }
    }
}
