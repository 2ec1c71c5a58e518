//! Workers without credentials whose URLs expire while their tasks run.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use ork_core::ids::VersionHash;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::{TaskSpec, Verdict};
use ork_core::time::{Millis, Time};
use ork_emulators::Keyring;
use ork_emulators::services::{Services, ServicesOptions};
use ork_emulators::storage::{Storage, StorageOptions};
use ork_engine::batch;
use ork_engine::ports::Objects;
use ork_gcp::GcsObjects;
use ork_gcp::signed::{self, Grant, Method, Signer};
use serde_json::value::RawValue;

use crate::harness::*;

const BUCKET: &str = "bucket";
const HOUR: Duration = Duration::from_secs(3600);

fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Time(i64::try_from(since.expect("after 1970").as_millis()).expect("a while to go"))
}

/// A task of twenty hours that ends when it is told to.
fn long(bench: &Bench, index: u32) -> TaskSpec {
    let go = bench.path("go");
    let mut spec = shell(&format!(
        "until test -e {}; do sleep 0.01; done; echo ORK_OUTPUT:$(env | grep -c -e ORK_BATCH -e X-Goog)",
        go.display()
    ));
    spec.id.index = index;
    spec.parallel_index = index;
    spec.parallel_count = 2;
    spec.fans_out = true;
    spec.timeout = Millis::from_secs(20 * 3600);
    spec.heartbeat = Millis::from_secs(1);
    spec
}

/// Waits for something in the bucket.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, looking).await;
    found.unwrap_or_else(|_| panic!("{what} does not appear"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_outlives_its_first_urls_when_they_are_renewed_and_ends_with_them_when_not() {
    let bench = Bench::new();
    let keyring = Keyring::default();
    let storage = Storage::start(StorageOptions {
        keyring: keyring.clone(),
        ..StorageOptions::default()
    });
    let services = Services::start(ServicesOptions {
        keyring,
        ..ServicesOptions::default()
    });
    let (storage, services) = tokio::join!(storage, services);
    let (storage, services) = (storage.expect("Cloud Storage"), services.expect("IAM"));
    storage.create_bucket(BUCKET).expect("a bucket");
    let there = storage.endpoint();
    let signer = Signer::connect(
        "sign@ork-local.iam.gserviceaccount.com",
        Some(&services.endpoint()),
        Some(&there),
    );
    let signer = signer.expect("a signer");
    let objects = GcsObjects::connect(BUCKET, Some(&there)).await;
    let objects = objects.expect("objects");

    // URLs with an hour to go, and for one of the two others that have twelve.
    let specs = [long(&bench, 0), long(&bench, 1)];
    let each: Vec<&TaskSpec> = specs.iter().collect();
    let eleven_hours_ago = Time(now().0 - 11 * 3_600_000);
    let urls = signer.attempts(BUCKET, &each, eleven_hours_ago).await;
    let written: Vec<Box<RawValue>> = specs.iter().map(batch::encode_spec).collect();
    let written: Vec<&RawValue> = written.iter().map(|spec| &**spec).collect();
    let bytes = signed::batch::encode(&written, &urls.expect("signed"));
    let name = ObjectName::Batch(specs[0].id.run.clone(), VersionHash::of(&bytes));
    objects.create(&name, &bytes).await.expect("left");
    let grant = Grant::new(Method::Get, BUCKET, &name.to_string());
    let url = signer.url(&grant, now(), HOUR).await.expect("signed");
    let fresh = signer.attempts(BUCKET, &each[..1], now()).await;
    let fresh = serde_json::to_vec(&fresh.expect("signed")[0]).expect("plain data");
    let renewed = specs[0].object(AttemptFile::Urls);
    objects.create(&renewed, &fresh).await.expect("left");

    let mut env: BTreeMap<String, String> = bench.env(&name, 0);
    for name in ["ORK_BATCH", "ORK_PROJECT", "ORK_BUCKET"] {
        env.remove(name);
    }
    env.insert("ORK_BATCH_URL".into(), url.reveal().to_owned());
    let lasting = bench.start_in(&env);
    env.insert("CLOUD_RUN_TASK_INDEX".into(), "1".into());
    let mute = bench.start_in(&env);
    let sign = async |spec: &TaskSpec| {
        let status = spec.object(AttemptFile::Status);
        let found = objects.metadata(&status).await.expect("an answer");
        found.map(|found| found.generation)
    };
    // A worker looks for renewed ones before its first sign of life.
    let first = until("a sign of life", || sign(&specs[0])).await;
    until("a sign of life", || sign(&specs[1])).await;

    storage.put_forward(2 * HOUR);
    let (code, log) = tokio::task::spawn_blocking(move || mute.end())
        .await
        .expect("it ends");
    assert_eq!(code, Some(1), "{log}");
    for said in [
        "nobody has renewed them yet",
        "its signed URLs have expired",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert!(!log.contains("X-Goog-Signature"), "{log}");
    let verdict = async |spec: &TaskSpec| {
        let result = spec.object(AttemptFile::Result);
        let found = objects.get(&result, 1 << 20).await.expect("an answer");
        found.map(|found| ork_engine::decode_verdict(&found.bytes))
    };
    assert_eq!(verdict(&specs[1]).await, None);

    until("another sign of life", async || {
        sign(&specs[0]).await.filter(|later| *later != first)
    })
    .await;
    std::fs::write(bench.path("go"), "").expect("written");
    let (code, log) = tokio::task::spawn_blocking(move || lasting.end())
        .await
        .expect("it ends");
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the signed URLs are renewed"), "{log}");
    assert!(!log.contains("X-Goog-Signature"), "{log}");
    let Some(Verdict::Success { output }) = verdict(&specs[0]).await else {
        panic!("no success: {log}");
    };
    assert_eq!(format!("{output:?}"), "Inline(\"0\")");
    let told = specs[0].object(AttemptFile::Log);
    let told = objects.get(&told, 1 << 20).await.expect("an answer");
    assert!(told.is_some(), "its log is there, too");
}
