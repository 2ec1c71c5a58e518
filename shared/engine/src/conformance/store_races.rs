//! Cases: several handles at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ork_core::run::RunStatus;

use super::sample::{
    committed, committed_one, create, header, put, read, read_all, replace, run, walked,
};
use super::world::{Job, RaiseAtEnd, StoreWorld};
use crate::ports::{ListQuery, Precondition, Store, StoreErrorKind, Version, Write};

const HANDLES: usize = 6;

/// Exactly one creates; the others are told of the conflict.
pub async fn racing_creations_have_one_winner<W: StoreWorld>(world: &W) {
    for round in 0..10 {
        let key = run(&format!("r{round}"));
        let (winners, losers) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let jobs = (0..HANDLES).map(|n| -> Job<'_> {
            let (key, winners, losers) = (&key, &winners, &losers);
            Box::pin(async move {
                let store = world.open().await;
                match patient(&store, &[create(key, &[n as u8])]).await {
                    Some(_) => winners.fetch_add(1, Ordering::Relaxed),
                    None => losers.fetch_add(1, Ordering::Relaxed),
                };
            })
        });
        world.together(jobs.collect()).await;
        assert_eq!(
            (winners.into_inner(), losers.into_inner()),
            (1, HANDLES - 1),
            "winners and losers of round {round}"
        );
    }
}

/// Read, add one, write if unchanged, else again: on two documents at once, so that a torn commit shows as well.
pub async fn racing_increments_lose_nothing<W: StoreWorld>(world: &W) {
    const TIMES: u32 = 20;
    let keys = [run("left"), run("right")];
    let number = |body: &[u8]| u32::from_be_bytes(body.try_into().expect("four bytes"));
    committed(
        &world.open().await,
        &keys.each_ref().map(|key| create(key, &0_u32.to_be_bytes())),
    )
    .await;
    let jobs = (0..HANDLES).map(|_| -> Job<'_> {
        let keys = &keys;
        Box::pin(async move {
            let store = world.open().await;
            let mut done = 0;
            while done < TIMES {
                let [left, right] = read_all(&store, keys)
                    .await
                    .try_into()
                    .expect("two answers");
                let (left, right) = (left.expect("created above"), right.expect("created above"));
                let writes = [
                    replace(
                        &keys[0],
                        left.version,
                        &(number(&left.body) + 1).to_be_bytes(),
                    ),
                    replace(
                        &keys[1],
                        right.version,
                        &(number(&right.body) + 1).to_be_bytes(),
                    ),
                ];
                done += u32::from(patient(&store, &writes).await.is_some());
            }
        })
    });
    world.together(jobs.collect()).await;
    let numbers = read_all(&world.open().await, &keys)
        .await
        .into_iter()
        .map(|found| number(&found.expect("created above").body));
    assert_eq!(numbers.collect::<Vec<_>>(), [TIMES * HANDLES as u32; 2]);
}

/// Listings by one handle while another adds, changes and removes.
pub async fn racing_listings_see_every_stable_run_once<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let mut stable = BTreeSet::new();
    for n in 0..30 {
        let key = run(&format!("s{n:02}"));
        committed_one(
            &store,
            put(
                &key,
                Precondition::Absent,
                b"",
                header(RunStatus::Success, "w", n),
            ),
        )
        .await;
        stable.insert(key);
    }
    let done = AtomicBool::new(false);
    let (stable, done) = (&stable, &done);
    let writer: Job<'_> = Box::pin(async move {
        let _end = RaiseAtEnd(done);
        let store = world.open().await;
        for n in 0..60_i64 {
            let key = run(&format!("x{n}"));
            let made = committed_one(
                &store,
                put(
                    &key,
                    Precondition::Absent,
                    b"",
                    header(RunStatus::Running, "w", n * 7 % 30),
                ),
            )
            .await;
            let moved = committed_one(
                &store,
                put(
                    &key,
                    Precondition::At(made),
                    b"",
                    header(RunStatus::Success, "w", n * 11 % 30),
                ),
            )
            .await;
            if n % 2 == 0 {
                committed_one(
                    &store,
                    Write::Delete {
                        key: key.clone(),
                        version: moved,
                    },
                )
                .await;
                assert_eq!(read(&store, &key).await, None);
            }
        }
    });
    let reader: Job<'_> = Box::pin(async move {
        let store = world.open().await;
        loop {
            let last = done.load(Ordering::Acquire);
            let keys = walked(
                &store,
                &ListQuery::Runs {
                    status: None,
                    workflow: None,
                    made_by: None,
                },
                4,
            )
            .await;
            for key in stable {
                assert_eq!(
                    keys.iter().filter(|seen| *seen == key).count(),
                    1,
                    "{key} stays, so it is listed once"
                );
            }
            if last {
                return;
            }
        }
    });
    world.together(vec![writer, reader]).await;
}

/// Commits, again while the store asks for patience; `None` when a precondition did not hold.
async fn patient(store: &impl Store, writes: &[Write]) -> Option<Vec<Version>> {
    for _ in 0..1_000 {
        match store.commit(writes).await {
            Ok(versions) => return Some(versions),
            Err(error) if error.kind == StoreErrorKind::Conflict => return None,
            Err(error) => assert!(
                error.is_retryable(),
                "a race ends in a conflict or in patience, not in {:?}: {error}",
                error.kind
            ),
        }
    }
    panic!("a thousand attempts at one commit");
}
