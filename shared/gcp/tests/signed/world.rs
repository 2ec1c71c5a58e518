//! A bucket, an IAM whose signatures it believes, and attempts with their URLs.

use std::time::SystemTime;

use ork_core::definition::Executor;
use ork_core::ids::{RunId, TaskName, VersionHash, WorkflowName};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::{AttemptId, TASK_FORMAT, TaskSpec};
use ork_core::time::{Millis, Time};
use ork_emulators::Keyring;
use ork_emulators::services::{Services, ServicesOptions};
use ork_emulators::storage::{Storage, StorageOptions};
use ork_gcp::GcsObjects;
use ork_gcp::signed::{AttemptUrls, Method, SignedUrl, Signer, UrlObjects};
use serde_json::value::RawValue;

pub(crate) const BUCKET: &str = "bucket";
pub(crate) const ACCOUNT: &str = "sign@ork-local.iam.gserviceaccount.com";

pub(crate) struct World {
    pub(crate) storage: Storage,
    pub(crate) services: Services,
    pub(crate) signer: Signer,
    /// What the engine sees.
    pub(crate) objects: GcsObjects,
}

impl World {
    pub(crate) async fn new() -> Self {
        let keyring = Keyring::default();
        let storage = Storage::start(StorageOptions {
            keyring: keyring.clone(),
            ..StorageOptions::default()
        });
        let services = Services::start(ServicesOptions {
            keyring,
            ..ServicesOptions::default()
        });
        let storage = storage.await.expect("Cloud Storage");
        let services = services.await.expect("IAM");
        storage.create_bucket(BUCKET).expect("a bucket");
        let (there, iam) = (storage.endpoint(), services.endpoint());
        Self {
            signer: Signer::connect(ACCOUNT, Some(&iam), Some(&there)).expect("a signer"),
            objects: GcsObjects::connect(BUCKET, Some(&there))
                .await
                .expect("objects"),
            storage,
            services,
        }
    }

    pub(crate) async fn urls(&self, spec: &TaskSpec, at: Time) -> AttemptUrls {
        let mut urls = self
            .signer
            .attempts(BUCKET, &[spec], at)
            .await
            .expect("signed");
        urls.remove(0)
    }

    /// What the worker of `spec` has.
    pub(crate) async fn worker(&self, spec: &TaskSpec) -> UrlObjects {
        let urls = self.urls(spec, now()).await;
        UrlObjects::new(urls, spec).expect("its own URLs")
    }

    /// A URL of one of the objects of `spec`.
    pub(crate) async fn url(
        &self,
        spec: &TaskSpec,
        file: AttemptFile,
        method: Method,
    ) -> SignedUrl {
        let urls = self.urls(spec, now()).await;
        urls.url(&spec.object(file), method).expect("a URL")
    }

    /// How often something was signed.
    pub(crate) fn signatures(&self) -> u64 {
        self.services
            .calls()
            .iter()
            .filter(|(call, _)| call.contains("sign"))
            .map(|(_, count)| count)
            .sum()
    }
}

pub(crate) fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    Time(i64::try_from(since.as_millis()).expect("a while to go"))
}

/// The spec of an instance of a task that fans out.
pub(crate) fn spec(index: u32) -> TaskSpec {
    let empty = || RawValue::from_string("{}".into()).expect("JSON").into();
    TaskSpec {
        format: TASK_FORMAT,
        id: AttemptId {
            run: RunId::new("r").expect("a run id"),
            task: 0,
            index,
            attempt: 1,
            fence: 1,
        },
        task_name: TaskName::new("t").expect("a task name"),
        workflow_name: WorkflowName::new("w").expect("a workflow name"),
        workflow_version: VersionHash::of(b"w"),
        bundle: Some(VersionHash::of(b"code")),
        executor: Executor::Docker { command: None },
        input: empty(),
        input_secrets: Vec::new(),
        upstream: empty(),
        files: Vec::new(),
        env: Vec::new(),
        secrets: Vec::new(),
        parallel_index: index,
        parallel_count: 2,
        timeout: Millis::from_secs(60),
        heartbeat: Millis::from_secs(30),
        memory_bytes: None,
        worker: None,
        topic: None,
        fans_out: true,
        created_at: Time(0),
        trace: None,
    }
}

pub(crate) fn bundle() -> ObjectName {
    ObjectName::Bundle(
        WorkflowName::new("w").expect("a workflow name"),
        VersionHash::of(b"code"),
    )
}

/// Sends a request of one's own making; gives the status and the error's code.
pub(crate) async fn send(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, String) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let mut request = match method {
        Method::Get => client.get(url),
        Method::Put => client.put(url).body(body.to_vec()),
    };
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("text");
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    (
        status,
        code.map_or_else(String::new, |(code, _)| code.to_owned()),
    )
}
