//! What a bucket's failures mean to the port's users.

use std::time::{Duration, Instant};

use ork_core::ids::RunId;
use ork_core::names::AttemptFile::{Claim, Log, Status};
use ork_emulators::storage::{Fault, Storage};
use ork_engine::ports::{Metering, ObjectError, Objects};
use ork_gcp::{GcsObjects, Meter};

use super::world::{alone, block_on, name};

const UPLOAD: &str = "/upload/";

fn meets(storage: &Storage, path: &str, status: u16, times: u32, after: bool) {
    storage.fault(Fault {
        path: path.into(),
        times,
        status: Some(status),
        after,
        ..Fault::default()
    });
}

fn uploads(storage: &Storage) -> u64 {
    let operations = storage.operations();
    let done = operations.methods.get("objects.insert").copied();
    let refused = operations
        .refusals
        .iter()
        .filter(|(what, _)| what.starts_with("objects.insert"));
    done.unwrap_or(0) + refused.map(|(_, times)| times).sum::<u64>()
}

#[test]
fn a_create_whose_answer_is_lost_is_not_taken_for_somebody_elses() {
    block_on(async {
        let (storage, objects) = alone().await;
        meets(&storage, UPLOAD, 503, 1, true);
        let lost = objects.create(&name(Claim), b"mine").await;
        assert!(matches!(lost, Err(ObjectError::Unavailable(_))), "{lost:?}");
        assert_eq!(uploads(&storage), 1, "it was not repeated");
        let again = objects.create(&name(Claim), b"mine").await;
        assert!(
            matches!(again, Err(ObjectError::Precondition(_))),
            "{again:?}"
        );
        let there = objects.get(&name(Claim), 100).await.expect("read");
        assert_eq!(there.map(|object| object.bytes), Some(b"mine".to_vec()));
    });
}

#[test]
fn a_create_that_was_certainly_not_done_is_repeated() {
    block_on(async {
        let (storage, objects) = alone().await;
        meets(&storage, UPLOAD, 429, 2, false);
        objects.create(&name(Claim), b"mine").await.expect("made");
        objects
            .create(&name(Claim), b"mine")
            .await
            .expect_err("there");
    });
}

#[test]
fn a_blind_write_whose_answer_is_lost_is_repeated() {
    block_on(async {
        let (storage, objects) = alone().await;
        meets(&storage, UPLOAD, 503, 1, true);
        objects
            .put(&name(Status), b"beat", None)
            .await
            .expect("put");
        let there = objects.get(&name(Status), 100).await.expect("read");
        assert_eq!(there.map(|object| object.bytes), Some(b"beat".to_vec()));
    });
}

#[test]
fn a_bucket_that_stays_away_is_unavailable() {
    block_on(async {
        let (storage, objects) = alone().await;
        let began = Instant::now();
        for status in [503, 500, 429] {
            storage.clear_faults();
            meets(&storage, "", status, 100, false);
            let name = name(Claim);
            let answers = [
                objects.create(&name, b"x").await.map(|_| ()),
                objects.put(&name, b"x", None).await.map(|_| ()),
                objects.get(&name, 1).await.map(|_| ()),
                objects.updated(&name).await.map(|_| ()),
                objects.list("runs/", None, 1).await.map(|_| ()),
                objects.delete(&name).await,
            ];
            for (n, answer) in answers.into_iter().enumerate() {
                assert!(
                    matches!(answer, Err(ObjectError::Unavailable(_))),
                    "{status}, operation {n}: {answer:?}"
                );
            }
        }
        // 18 operations, each tried for about a second.
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it gives up in time"
        );
    });
}

#[test]
fn nobody_there_is_unavailable_too() {
    block_on(async {
        let objects = GcsObjects::connect("bucket", Some("http://127.0.0.1:1"))
            .await
            .expect("nothing is asked yet");
        let answer = objects.get(&name(Claim), 1).await;
        assert!(
            matches!(answer, Err(ObjectError::Unavailable(_))),
            "{answer:?}"
        );
        let answer = objects.updated(&name(Claim)).await;
        assert!(
            matches!(answer, Err(ObjectError::Unavailable(_))),
            "{answer:?}"
        );
    });
}

#[test]
fn a_refusal_says_what_to_do() {
    block_on(async {
        let (storage, objects) = alone().await;
        meets(&storage, "", 403, 2, false);
        for answer in [
            objects.create(&name(Claim), b"x").await.map(|_| ()),
            objects.updated(&name(Claim)).await.map(|_| ()),
        ] {
            match answer {
                Err(ObjectError::Refused(why)) => {
                    assert!(why.contains("roles/storage.objectUser"), "{why}");
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_missing_bucket_is_not_an_empty_one() {
    block_on(async {
        let (storage, _) = alone().await;
        let objects = GcsObjects::connect("no-such", Some(&storage.endpoint()))
            .await
            .expect("nothing is asked yet");
        let name = name(Claim);
        let answers = [
            objects.create(&name, b"x").await.map(|_| ()),
            objects.get(&name, 1).await.map(|_| ()),
            objects.updated(&name).await.map(|_| ()),
            objects.list("runs/", None, 1).await.map(|_| ()),
            objects.delete(&name).await,
        ];
        for (n, answer) in answers.into_iter().enumerate() {
            match answer {
                Err(ObjectError::Refused(why)) => {
                    assert!(why.contains("no bucket no-such"), "operation {n}: {why}");
                }
                other => panic!("operation {n}: {other:?}"),
            }
        }
    });
}

#[test]
fn what_is_too_large_is_not_downloaded() {
    block_on(async {
        let (storage, objects) = alone().await;
        objects
            .put(&name(Log), &vec![7; 20 << 20], None)
            .await
            .expect("put");
        let answer = objects.get(&name(Log), 1000).await;
        assert!(
            matches!(answer, Err(ObjectError::TooLarge { bytes, limit: 1000, .. }) if bytes == 20 << 20),
            "{answer:?}"
        );
        drop(storage);
    });
}

#[test]
fn operations_are_counted_as_they_are_billed() {
    block_on(async {
        let (storage, objects) = alone().await;
        let meter = Meter::default();
        let objects = objects.metered(meter.clone());
        objects.create(&name(Claim), b"x").await.expect("made");
        objects.put(&name(Status), b"x", None).await.expect("put");
        objects.get(&name(Claim), 9).await.expect("read");
        objects.updated(&name(Claim)).await.expect("asked");
        objects.list("runs/r/", None, 9).await.expect("listed");
        objects.delete(&name(Claim)).await.expect("removed");
        let billed = storage.operations();
        let counted = meter.take(&RunId::new("r").expect("a run id"));
        assert_eq!(
            (counted.class_a, counted.class_b),
            (billed.class_a, billed.class_b)
        );
        assert_eq!((counted.class_a, counted.class_b), (3, 2));
    });
}
