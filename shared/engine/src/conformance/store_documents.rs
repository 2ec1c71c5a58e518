//! Cases: documents as they come back: whole, of every size, each apart from the others.

use std::collections::BTreeSet;

use ork_core::ids::{PoolName, RecordId, VersionHash};
use ork_core::limits::DOCUMENT_BYTES;
use ork_core::run::RunStatus;
use ork_core::time::Time;

use super::sample::{
    committed, committed_one, create, delete, put, read, read_all, rejected, replace, run, run_id,
    workflow, workflow_name,
};
use super::world::StoreWorld;
use crate::ports::{Index, Key, Precondition, StoreErrorKind};

/// One key of each kind, whose names look alike on purpose.
fn one_of_each() -> Vec<Key> {
    vec![
        workflow("a"),
        Key::WorkflowVersion(workflow_name("a"), VersionHash::of(b"one")),
        Key::WorkflowVersion(workflow_name("a"), VersionHash::of(b"two")),
        workflow("a-b"),
        Key::WorkflowVersion(workflow_name("a-b"), VersionHash::of(b"one")),
        run("a"),
        Key::Page(run_id("a"), 1),
        Key::Page(run_id("a"), 10),
        Key::Page(run_id("a"), u32::MAX),
        run("a-1"),
        Key::Page(run_id("a-1"), 1),
        run("A"),
        Key::Pool(PoolName::new("a").expect("a valid pool name")),
        Key::Dead("a".to_owned()),
        Key::Dead("a.1".to_owned()),
        Key::ApiKey(RecordId::new("a").expect("a valid record id")),
        Key::Audit(RecordId::new("a").expect("a valid record id")),
        Key::Audit(RecordId::new("a-1").expect("a valid record id")),
        Key::Ticks,
    ]
}

/// Nothing is there before it is written.
pub async fn an_absent_document_reads_as_none<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let keys = one_of_each();
    assert_eq!(read_all(&store, &keys).await, vec![None; keys.len()]);
    assert_eq!(read_all(&store, &[]).await, []);
}

/// Body, index and version come back as they were given, for every kind of key.
pub async fn a_created_document_reads_back_whole<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let full = Index {
        wake_at: Some(Time(-5)),
        status: Some(RunStatus::Recovering),
        workflow: Some(workflow_name("nightly")),
        created_at: Some(Time(1_780_000_000_123)),
    };
    for (n, key) in one_of_each().into_iter().enumerate() {
        let index = if n % 2 == 0 {
            full.clone()
        } else {
            Index::default()
        };
        let body = format!("body {n}").into_bytes();
        let version = committed_one(
            &store,
            put(&key, Precondition::Absent, &body, index.clone()),
        )
        .await;
        let document = read(&store, &key).await.expect("it was created");
        assert_eq!(
            (document.version, document.body, document.index),
            (version, body, index),
            "{key}"
        );
    }
}

/// Also when some are missing and some are asked for twice.
pub async fn reads_follow_the_order_of_the_keys<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    committed(
        &store,
        &[
            create(&run("a"), b"a"),
            create(&run("b"), b"b"),
            create(&run("c"), b"c"),
        ],
    )
    .await;
    let keys = ["c", "x", "a", "c", "b", "y"].map(run);
    let bodies: Vec<_> = read_all(&store, &keys)
        .await
        .into_iter()
        .map(|found| found.map(|document| document.body))
        .collect();
    let expected: Vec<_> = [Some("c"), None, Some("a"), Some("c"), Some("b"), None]
        .map(|body| body.map(|text| text.as_bytes().to_vec()))
        .into();
    assert_eq!(bodies, expected);
}

/// From nothing up to the bound, any bytes, growing and shrinking.
pub async fn bodies_of_every_size_come_back<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let key = run("r");
    let mut version = committed_one(&store, create(&key, b"")).await;
    assert_eq!(
        read(&store, &key).await.map(|document| document.body),
        Some(Vec::new())
    );
    for bytes in [1, 255, 4_096, 70_001, DOCUMENT_BYTES, 10, 0] {
        let body: Vec<u8> = (0..bytes).map(|n| (n * 31 % 256) as u8).collect();
        version = committed_one(&store, replace(&key, version, &body)).await;
        assert!(
            read(&store, &key)
                .await
                .is_some_and(|document| document.body == body),
            "a body of {bytes} bytes comes back"
        );
    }
}

/// One byte more than the bound, and nothing of the commit is written.
pub async fn a_body_beyond_the_bound_is_refused<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let (small, large) = (run("small"), run("large"));
    let writes = [
        create(&small, b"s"),
        create(&large, &vec![b'x'; DOCUMENT_BYTES + 1]),
    ];
    rejected(&store, &writes, StoreErrorKind::Refused, "too large").await;
    assert_eq!(read_all(&store, &[small, large]).await, [None, None]);
}

/// Names that look alike are different documents, whatever is done to one of them.
pub async fn keys_do_not_touch_each_other<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let keys = one_of_each();
    let paths: BTreeSet<_> = keys.iter().map(ToString::to_string).collect();
    assert_eq!(paths.len(), keys.len(), "every key has a path of its own");
    for (n, key) in keys.iter().enumerate() {
        committed_one(&store, create(key, &[n as u8])).await;
    }
    for n in 0..keys.len() {
        let before = read_all(&store, &keys).await;
        let version = before[n].as_ref().expect("it was created").version;
        committed_one(&store, delete(&keys[n], version)).await;
        let mut after = before.clone();
        after[n] = None;
        assert_eq!(
            read_all(&store, &keys).await,
            after,
            "removing {} touches nothing else",
            keys[n]
        );
        committed_one(&store, create(&keys[n], &[n as u8])).await;
    }
}

/// Handles share their documents at once, and what one wrote outlives it.
pub async fn another_handle_sees_what_was_committed<W: StoreWorld>(world: &W) {
    let key = run("r");
    let (one, two) = (world.open().await, world.open().await);
    assert_eq!(read(&two, &key).await, None);
    let first = committed_one(&one, create(&key, b"one")).await;
    assert_eq!(
        read(&two, &key).await.map(|document| document.version),
        Some(first)
    );
    let second = committed_one(&two, replace(&key, first, b"two")).await;
    rejected(
        &one,
        &[replace(&key, first, b"three")],
        StoreErrorKind::Conflict,
        "the other handle was faster",
    )
    .await;
    drop((one, two));
    let later = world.open().await;
    let document = read(&later, &key).await.expect("it outlives its writers");
    assert_eq!((document.version, document.body), (second, b"two".to_vec()));
}
