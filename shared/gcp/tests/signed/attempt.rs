//! An attempt from its claim to its verdict, by URLs alone.

use std::time::Duration;

use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::{Output, Report, Verdict};
use ork_core::time::Time;
use ork_emulators::storage::Fault;
use ork_engine::Worker;
use ork_engine::ports::{Metering, ObjectError, Objects};
use ork_gcp::Meter;
use ork_gcp::signed::{AttemptUrls, Grant, Method, SignedUrl, UrlObjects, fetch};

use super::world::{BUCKET, World, bundle, now, spec};

const PLENTY: u64 = 64 << 20;

fn success(text: &str) -> Verdict {
    Verdict::Success {
        output: Output::Inline(text.into()),
    }
}

/// The next answer to a write of this file is lost, after it was done.
fn lose(world: &World, file: AttemptFile) {
    world.storage.fault(Fault {
        method: Some("PUT".into()),
        path: file.as_str().into(),
        times: 1,
        status: Some(503),
        after: true,
        ..Fault::default()
    });
}

#[tokio::test]
async fn an_attempt_lives_from_its_claim_to_its_verdict() {
    let (world, spec) = (World::new().await, spec(1));
    let meter = Meter::of_client("worker");
    let objects = world.worker(&spec).await.metered(meter.clone());
    let worker = Worker::new(&objects, &spec, "one".into());
    assert!(worker.begin(Time(1)).await.expect("claimed"));
    let other = Worker::new(&objects, &spec, "other".into());
    assert!(
        !other.begin(Time(1)).await.expect("an answer"),
        "it is taken"
    );
    assert!(worker.beat(Time(1), Time(2)).await.expect("alive"));
    assert!(worker.beat(Time(1), Time(3)).await.expect("written again"));
    let log = spec.object(AttemptFile::Log);
    objects.put(&log, b"hello\n", None).await.expect("a log");

    let large = format!("\"{}\"", "x".repeat(limits::VERDICT_OUTPUT_BYTES + 1));
    let verdict = success(&large);
    assert!(worker.finish(&verdict).await.expect("left"));
    assert!(worker.finish(&verdict).await.expect("the same again"));
    assert!(
        !other.finish(&success("1")).await.expect("an answer"),
        "it has one"
    );
    assert!(
        !worker.beat(Time(1), Time(4)).await.expect("an answer"),
        "it is over"
    );

    // What the engine finds.
    let read = async |file| {
        let name = spec.object(file);
        let found = world.objects.get(&name, PLENTY).await.expect("an answer");
        found.expect("it is there").bytes
    };
    assert_eq!(read(AttemptFile::Output).await, large.as_bytes());
    assert_eq!(read(AttemptFile::Log).await, b"hello\n");
    let decoded = ork_engine::decode_verdict(&read(AttemptFile::Result).await);
    let kept = Output::Object {
        bytes: large.len() as u64,
    };
    assert_eq!(decoded, Verdict::Success { output: kept });
    let used = Metering::take(&meter, &spec.id.run);
    assert!(used.class_a >= 8 && used.class_b >= 4, "{used:?}");
}

#[tokio::test]
async fn what_was_done_and_not_answered_is_found_to_be_ones_own() {
    let (world, spec) = (World::new().await, spec(1));
    let objects = world.worker(&spec).await;
    let worker = Worker::new(&objects, &spec, "one".into());
    let verdict = success(&format!(
        "\"{}\"",
        "x".repeat(limits::VERDICT_OUTPUT_BYTES + 1)
    ));
    let lost = |error| matches!(error, ObjectError::Unavailable(_));

    lose(&world, AttemptFile::Claim);
    assert!(lost(worker.begin(Time(1)).await.expect_err("no answer")));
    assert!(worker.begin(Time(1)).await.expect("its own claim"));

    lose(&world, AttemptFile::Output);
    assert!(lost(worker.finish(&verdict).await.expect_err("no answer")));
    lose(&world, AttemptFile::Result);
    assert!(lost(worker.finish(&verdict).await.expect_err("no answer")));
    assert!(worker.finish(&verdict).await.expect("its own verdict"));

    // Another output is not taken for the one that is there, longer or not.
    let name = spec.object(AttemptFile::Output);
    for other in [
        &b"1"[..],
        &[b'y'; limits::VERDICT_OUTPUT_BYTES + 3],
        &[b'z'; 1 << 20],
    ] {
        let error = objects
            .put(&name, other, None)
            .await
            .expect_err("there is one");
        assert!(matches!(error, ObjectError::Precondition(_)), "{error}");
    }
}

#[tokio::test]
async fn what_may_be_done_twice_is_tried_again_and_what_may_not_is_not() {
    let (world, spec) = (World::new().await, spec(1));
    let objects = world.worker(&spec).await;
    let fault = |method: &str, times| Fault {
        method: Some(method.into()),
        times,
        status: Some(503),
        ..Fault::default()
    };
    let (status, claim) = (
        spec.object(AttemptFile::Status),
        spec.object(AttemptFile::Claim),
    );
    world.storage.fault(fault("PUT", 3));
    objects
        .put(&status, b"{}", None)
        .await
        .expect("the fourth time");
    world.storage.fault(fault("GET", 3));
    assert_eq!(
        objects.get(&claim, PLENTY).await.expect("the fourth time"),
        None
    );

    world.storage.reset_operations();
    world.storage.fault(fault("PUT", 1));
    let error = objects
        .create(&claim, b"{}")
        .await
        .expect_err("nobody knows");
    assert!(matches!(error, ObjectError::Unavailable(_)), "{error}");
    assert_eq!(objects.updated(&claim).await.expect("an answer"), None);
    objects.create(&claim, b"{}").await.expect("made now");
}

#[tokio::test]
async fn instants_and_generations_are_those_of_the_bucket() {
    let (world, spec) = (World::new().await, spec(1));
    let objects = world.worker(&spec).await;
    let name = spec.object(AttemptFile::Result);
    assert_eq!(objects.updated(&name).await.expect("an answer"), None);
    let made = objects.create(&name, b"").await.expect("made");
    let there = world.objects.metadata(&name).await.expect("an answer");
    let there = there.expect("it is there");
    assert_eq!(made, there.generation);
    // HTTP says it in whole seconds; an empty object has an instant, too.
    let updated = objects.updated(&name).await.expect("an answer");
    assert_eq!(updated, Some(Time(there.updated.0 / 1000 * 1000)));
    let read = objects
        .get(&name, 0)
        .await
        .expect("an answer")
        .expect("there");
    assert_eq!((read.bytes, read.generation), (Vec::new(), made));
}

#[tokio::test]
async fn code_is_read_and_attempts_share_its_signature() {
    let world = World::new().await;
    let specs: Vec<_> = (0..5).map(spec).collect();
    let specs: Vec<_> = specs.iter().collect();
    world
        .objects
        .create(&bundle(), b"code")
        .await
        .expect("uploaded");
    let before = world.signatures();
    let urls = world
        .signer
        .attempts(BUCKET, &specs, now())
        .await
        .expect("signed");
    assert_eq!(world.signatures() - before, 5 * 9 + 1);
    for (urls, spec) in urls.into_iter().zip(specs) {
        let objects = UrlObjects::new(urls, spec).expect("its own");
        let code = objects.get(&bundle(), PLENTY).await.expect("an answer");
        assert_eq!(code.expect("there").bytes, b"code");
        let claim = spec.object(AttemptFile::Claim);
        objects.create(&claim, b"{}").await.expect("its own claim");
        let error = objects.get(&bundle(), 3).await.expect_err("too large");
        assert!(
            matches!(
                error,
                ObjectError::TooLarge {
                    bytes: 4,
                    limit: 3,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_set_travels_in_an_object_that_is_fetched_by_its_own_url() {
    let (world, spec) = (World::new().await, spec(1));
    let urls = world.urls(&spec, now()).await;
    let written = serde_json::to_vec(&urls).expect("plain data");
    // A thousand attempts leave more than half of one object to their specs.
    assert!(
        written.len() * limits::BATCH_ATTEMPTS < limits::BATCH_BYTES / 2,
        "{}",
        written.len()
    );
    let name = ObjectName::Batch(spec.id.run.clone(), spec.workflow_version.clone());
    let grant = Grant::new(Method::Get, BUCKET, &name.to_string());
    let url = world.signer.url(&grant, now(), Duration::from_secs(60));
    let url = url.await.expect("signed");
    // As it comes out of an environment.
    let url = SignedUrl::of(url.reveal());
    assert_eq!(fetch(&url, PLENTY).await.expect("an answer"), None);
    world
        .objects
        .create(&name, &written)
        .await
        .expect("written");
    let read = fetch(&url, PLENTY)
        .await
        .expect("an answer")
        .expect("there");
    let error = fetch(&url, 10).await.expect_err("too large");
    assert!(matches!(error, ObjectError::TooLarge { .. }), "{error}");
    let again = AttemptUrls::decode(&String::from_utf8(read).expect("UTF-8")).expect("a set");
    assert_eq!(again, urls);
    let objects = UrlObjects::new(again, &spec).expect("its own");
    let worker = Worker::new(&objects, &spec, "one".into());
    assert!(worker.begin(Time(1)).await.expect("claimed"));
    assert!(
        worker
            .finish_with(&success("1"), Report::default())
            .await
            .expect("left")
    );
}
