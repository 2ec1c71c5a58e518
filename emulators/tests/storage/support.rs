//! A running stand-in with the official clients of it.

use std::time::{Duration, Instant};

use google_cloud_auth::credentials::anonymous::Builder as Anonymous;
use google_cloud_storage::client::{Storage as Client, StorageControl};
use ork_emulators::storage::{Storage, StorageOptions};
use reqwest::{Method, RequestBuilder};

pub(crate) const BUCKET: &str = "projects/_/buckets/bkt";

/// The stand-in with a bucket `bkt`.
pub(crate) struct World {
    pub(crate) storage: Storage,
    pub(crate) client: Client,
    pub(crate) control: StorageControl,
    http: reqwest::Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(StorageOptions::default()).await
    }

    pub(crate) async fn with(options: StorageOptions) -> Self {
        let storage = Storage::start(options).await.unwrap();
        storage.create_bucket("bkt").unwrap();
        let endpoint = storage.endpoint();
        let client = Client::builder()
            .with_endpoint(&endpoint)
            .with_credentials(Anonymous::new().build())
            .build()
            .await
            .unwrap();
        let control = StorageControl::builder()
            .with_endpoint(&endpoint)
            .with_credentials(Anonymous::new().build())
            .build()
            .await
            .unwrap();
        Self {
            storage,
            client,
            control,
            http: reqwest::Client::new(),
        }
    }

    /// A hand-written request.
    pub(crate) fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http
            .request(method, format!("{}{path}", self.storage.endpoint()))
    }

    /// Writes a small object and gives its generation.
    pub(crate) async fn write(&self, name: &str, text: &str) -> i64 {
        let payload = bytes::Bytes::from(text.to_owned());
        let object = self
            .client
            .write_object(BUCKET, name, payload)
            .send_unbuffered()
            .await;
        object.unwrap().generation
    }

    /// The text of an object, or the status of the answer.
    pub(crate) async fn read(&self, name: &str) -> Result<String, u16> {
        let mut response = match self.client.read_object(BUCKET, name).send().await {
            Ok(response) => response,
            Err(error) => return Err(error.http_status_code().unwrap()),
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = response.next().await.transpose().unwrap() {
            bytes.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8(bytes).unwrap())
    }
}

/// Waits until something holds; says what did not if it takes too long.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "it did not come to this: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
