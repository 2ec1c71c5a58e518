//! Cases for objects: several handles at once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use ork_core::names::AttemptFile;

use super::objects::{attempt, claim, created, got, is_precondition, put};
use super::world::{Job, ObjectsWorld, RaiseAtEnd};
use crate::ports::{Generation, Object, Objects};

const HANDLES: usize = 6;

/// However many try at once, one creates, and what is there is what that one wrote, whole.
pub async fn racing_objects_have_one_creator<W: ObjectsWorld>(world: &W) {
    for round in 0..10 {
        let name = claim(&format!("r{round}"));
        let winners = Mutex::new(Vec::new());
        let jobs = (0..HANDLES).map(|n| -> Job<'_> {
            let (name, winners) = (&name, &winners);
            Box::pin(async move {
                let objects = world.open().await;
                let answer = objects.create(name, &vec![n as u8; 5_000 + n]).await;
                match answer {
                    Ok(generation) => winners
                        .lock()
                        .expect("no winner panics")
                        .push((n, generation)),
                    Err(_) => assert!(is_precondition(&answer, name), "{answer:?}"),
                }
            })
        });
        world.together(jobs.collect()).await;
        let winners = winners.into_inner().expect("no winner panics");
        let [(n, generation)] = winners[..] else {
            panic!("one creator, not {winners:?}")
        };
        assert_eq!(
            got(&world.open().await, &name).await,
            Some(Object {
                bytes: vec![n as u8; 5_000 + n],
                generation
            })
        );
    }
}

/// Read, add one, put if unchanged, else again.
pub async fn racing_conditional_puts_lose_nothing<W: ObjectsWorld>(world: &W) {
    const TIMES: u32 = 20;
    let name = claim("r");
    created(&world.open().await, &name, b"0").await;
    let jobs = (0..HANDLES).map(|_| -> Job<'_> {
        let name = &name;
        Box::pin(async move {
            let objects = world.open().await;
            let mut done = 0;
            while done < TIMES {
                let object = got(&objects, name).await.expect("created above");
                let answer = objects
                    .put(
                        name,
                        number(&object.bytes)
                            .saturating_add(1)
                            .to_string()
                            .as_bytes(),
                        Some(object.generation),
                    )
                    .await;
                assert!(
                    answer.is_ok() || is_precondition(&answer, name),
                    "{answer:?}"
                );
                done += u32::from(answer.is_ok());
            }
        })
    });
    world.together(jobs.collect()).await;
    let object = got(&world.open().await, &name)
        .await
        .expect("created above");
    assert_eq!(number(&object.bytes), TIMES * HANDLES as u32);
}

fn number(bytes: &[u8]) -> u32 {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("a whole number, not {bytes:?}"))
}

/// While writers replace it with contents of different lengths, each read gives one of them, and a generation stands for one content.
pub async fn readers_never_see_a_mixture<W: ObjectsWorld>(world: &W) {
    let name = attempt("r", "t", None, 1, AttemptFile::Status);
    put(&world.open().await, &name, &[0; 10]).await;
    let done = AtomicBool::new(false);
    let contents: Mutex<BTreeMap<Generation, Vec<u8>>> = Mutex::default();
    let agree = |object: Object| {
        let first = object.bytes.first().copied();
        assert!(
            object.bytes.iter().all(|byte| Some(*byte) == first),
            "a mixture of contents"
        );
        let mut contents = contents.lock().expect("no reader panics");
        let known = contents
            .entry(object.generation)
            .or_insert_with(|| object.bytes.clone());
        assert!(
            *known == object.bytes,
            "{:?} stands for two contents",
            object.generation
        );
    };
    let (name, done, agree) = (&name, &done, &agree);
    let mut jobs: Vec<Job<'_>> = Vec::new();
    jobs.push(Box::pin(async move {
        let _end = RaiseAtEnd(done);
        let objects = world.open().await;
        for n in 1..=120_u8 {
            let bytes = vec![n; usize::from(n) * 997 % 40_000 + 1];
            let generation = put(&objects, name, &bytes).await;
            agree(Object { bytes, generation });
        }
    }));
    for _ in 0..2 {
        jobs.push(Box::pin(async move {
            let objects = world.open().await;
            loop {
                let last = done.load(Ordering::Acquire);
                agree(got(&objects, name).await.expect("it is there all the time"));
                if last {
                    return;
                }
            }
        }));
    }
    world.together(jobs).await;
}
