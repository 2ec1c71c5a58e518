//! Cases: reading, preconditions and all-or-nothing.

use std::collections::BTreeSet;

use ork_core::ids::{PoolName, VersionHash};
use ork_core::limits::DOCUMENT_BYTES;
use ork_core::run::RunStatus;
use ork_core::time::Time;

use super::sample::{
    check, committed, committed_one, create, delete, put, read, read_all, rejected, replace, run,
    run_id, waking, workflow, workflow_name,
};
use super::world::StoreWorld;
use crate::ports::{Index, Key, Precondition, Store, StoreErrorKind, Version};

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

/// `Absent` does not hold once there is a document.
pub async fn creating_what_exists_is_a_conflict<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let key = run("r");
    committed_one(&store, create(&key, b"first")).await;
    let before = read(&store, &key).await;
    rejected(
        &store,
        &[create(&key, b"second")],
        StoreErrorKind::Conflict,
        "it exists",
    )
    .await;
    assert_eq!(read(&store, &key).await, before);
}

/// `At` holds only for the version that is there.
pub async fn a_replace_needs_the_current_version<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let (key, other) = (run("r"), run("other"));
    rejected(
        &store,
        &[replace(&key, Version(1), b"x")],
        StoreErrorKind::Conflict,
        "there is none",
    )
    .await;
    let first = committed_one(&store, create(&key, b"one")).await;
    let second = committed_one(&store, replace(&key, first, b"two")).await;
    assert_ne!(first, second, "each write has a version of its own");
    rejected(
        &store,
        &[replace(&key, first, b"three")],
        StoreErrorKind::Conflict,
        "an older version",
    )
    .await;
    rejected(
        &store,
        &[replace(&key, Version(u64::MAX), b"three")],
        StoreErrorKind::Conflict,
        "a version nobody gave",
    )
    .await;
    rejected(
        &store,
        &[replace(&other, second, b"three")],
        StoreErrorKind::Conflict,
        "another document's version",
    )
    .await;
    let document = read(&store, &key).await.expect("it is there");
    assert_eq!((document.version, document.body), (second, b"two".to_vec()));
    assert_eq!(read(&store, &other).await, None);
}

/// Nothing of the old document remains, also when only some fields change.
pub async fn a_replace_takes_over_body_and_index<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let key = run("r");
    let base = Index {
        wake_at: Some(Time(1)),
        status: Some(RunStatus::Pending),
        workflow: Some(workflow_name("w")),
        created_at: Some(Time(9)),
    };
    let steps = [
        base.clone(),
        Index {
            wake_at: Some(Time(2)),
            ..base.clone()
        },
        Index {
            wake_at: None,
            ..base.clone()
        },
        Index {
            status: Some(RunStatus::Running),
            ..base.clone()
        },
        Index {
            status: None,
            ..base.clone()
        },
        Index {
            workflow: None,
            ..base.clone()
        },
        Index {
            created_at: Some(Time(10)),
            ..base.clone()
        },
        Index {
            created_at: None,
            ..base.clone()
        },
        Index::default(),
        base,
    ];
    let mut version = committed_one(&store, create(&key, b"")).await;
    for (n, index) in steps.into_iter().enumerate() {
        let body = vec![b'x'; n * 700];
        version = committed_one(
            &store,
            put(&key, Precondition::At(version), &body, index.clone()),
        )
        .await;
        let document = read(&store, &key).await.expect("it is there");
        assert_eq!(
            (document.version, document.body, document.index),
            (version, body, index),
            "step {n}"
        );
    }
}

/// A delete names the version it removes.
pub async fn a_delete_needs_the_current_version<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let key = run("r");
    rejected(
        &store,
        &[delete(&key, Version(1))],
        StoreErrorKind::Conflict,
        "there is none",
    )
    .await;
    let first = committed_one(&store, create(&key, b"one")).await;
    let second = committed_one(&store, replace(&key, first, b"two")).await;
    rejected(
        &store,
        &[delete(&key, first)],
        StoreErrorKind::Conflict,
        "an older version",
    )
    .await;
    assert_eq!(
        read(&store, &key).await.map(|document| document.version),
        Some(second)
    );
    committed_one(&store, delete(&key, second)).await;
    assert_eq!(read(&store, &key).await, None);
    rejected(
        &store,
        &[delete(&key, second)],
        StoreErrorKind::Conflict,
        "it is gone",
    )
    .await;
}

/// Not after a replace with the same body, not after a removal, not from another handle.
pub async fn versions_are_never_used_again<W: StoreWorld>(world: &W) {
    let key = run("r");
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let store = world.open().await;
        for _ in 0..4 {
            let first = committed_one(&store, create(&key, b"same")).await;
            let second = committed_one(&store, replace(&key, first, b"same")).await;
            assert!(seen.insert(first), "{first:?} was used before");
            assert!(seen.insert(second), "{second:?} was used before");
            rejected(
                &store,
                &[replace(&key, first, b"same")],
                StoreErrorKind::Conflict,
                "an older version, same body",
            )
            .await;
            committed_one(&store, delete(&key, second)).await;
            for old in &seen {
                rejected(
                    &store,
                    &[check(&key, Precondition::At(*old))],
                    StoreErrorKind::Conflict,
                    "it is gone",
                )
                .await;
            }
        }
    }
    let store = world.open().await;
    committed_one(&store, create(&key, b"same")).await;
    for old in &seen {
        rejected(
            &store,
            &[replace(&key, *old, b"stale")],
            StoreErrorKind::Conflict,
            "a version of an earlier document",
        )
        .await;
    }
}

/// A check is a precondition without a write.
pub async fn a_check_guards_a_commit_without_writing<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let (guard, absent, target) = (run("guard"), run("absent"), run("target"));
    let version = committed_one(&store, create(&guard, b"guard")).await;
    let before = read(&store, &guard).await;
    let answers = committed(
        &store,
        &[
            check(&guard, Precondition::At(version)),
            check(&absent, Precondition::Absent),
            create(&target, b"t"),
        ],
    )
    .await;
    assert_eq!(answers[..2], [version, Version(0)]);
    assert_eq!(read(&store, &guard).await, before, "a check writes nothing");
    assert_eq!(read(&store, &absent).await, None, "a check writes nothing");
    committed(&store, &[check(&guard, Precondition::At(version))]).await;
    let held = answers[2];
    for (failing, why) in [
        (check(&guard, Precondition::Absent), "it exists"),
        (
            check(&guard, Precondition::At(Version(u64::MAX))),
            "another version",
        ),
        (
            check(&absent, Precondition::At(version)),
            "it does not exist",
        ),
    ] {
        rejected(
            &store,
            std::slice::from_ref(&failing),
            StoreErrorKind::Conflict,
            why,
        )
        .await;
        rejected(
            &store,
            &[replace(&target, held, b"changed"), failing],
            StoreErrorKind::Conflict,
            why,
        )
        .await;
        assert_eq!(
            read(&store, &target).await.map(|document| document.version),
            Some(held),
            "{why}"
        );
    }
}

/// Whichever write fails and wherever it stands, none of the others happened.
pub async fn a_commit_is_all_or_nothing_wherever_it_fails<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let (kept, doomed, made, page, stale, absent) = (
        run("kept"),
        run("doomed"),
        run("made"),
        Key::Page(run_id("made"), 1),
        run("stale"),
        run("absent"),
    );
    let versions = committed(
        &store,
        &[
            create(&kept, b"k"),
            put(&doomed, Precondition::Absent, b"d", waking(5)),
            create(&stale, b"s"),
        ],
    )
    .await;
    let good = [
        replace(&kept, versions[0], b"K"),
        delete(&doomed, versions[1]),
        put(&made, Precondition::Absent, b"m", waking(6)),
        create(&page, b"p"),
    ];
    let old = versions[2];
    committed_one(&store, replace(&stale, old, b"S")).await;
    let failing = [
        create(&stale, b"x"),
        replace(&stale, old, b"x"),
        replace(&absent, old, b"x"),
        delete(&stale, old),
        delete(&absent, old),
        check(&stale, Precondition::At(old)),
        check(&stale, Precondition::Absent),
        check(&absent, Precondition::At(old)),
    ];
    let everything = [kept, doomed, made, page, stale, absent];
    let before = read_all(&store, &everything).await;
    for bad in failing {
        for position in 0..=good.len() {
            let mut writes = good.to_vec();
            writes.insert(position, bad.clone());
            let why = format!("{bad:?} at {position}");
            rejected(&store, &writes, StoreErrorKind::Conflict, &why).await;
            assert_eq!(read_all(&store, &everything).await, before, "{why}");
            let due = store.due_runs(Time(10), 10).await.expect("due runs");
            assert_eq!(
                due,
                [(run_id("doomed"), Time(5))],
                "{why}: the index is untouched too"
            );
        }
    }
    committed(&store, &good).await;
    assert_ne!(
        read_all(&store, &everything).await,
        before,
        "the same writes succeed once the bad one is gone"
    );
}

/// In the order of the writes.
pub async fn a_commit_answers_one_version_per_write<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let (a, b, c, d) = (run("a"), run("b"), run("c"), run("d"));
    let first = committed(&store, &[create(&a, b"a"), create(&b, b"b")]).await;
    let second = committed(
        &store,
        &[
            create(&c, b"c"),
            check(&a, Precondition::At(first[0])),
            delete(&b, first[1]),
            check(&d, Precondition::Absent),
        ],
    )
    .await;
    assert_eq!(second[1..], [first[0], Version(0), Version(0)]);
    let versions: Vec<_> = read_all(&store, &[a, c])
        .await
        .into_iter()
        .map(|document| document.map(|found| found.version))
        .collect();
    assert_eq!(versions, [Some(first[0]), Some(second[0])]);
}

/// Two writes of one key have no order that could be relied on.
pub async fn a_key_may_occur_once_in_a_commit<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let (there, new) = (run("there"), run("new"));
    let version = committed_one(&store, create(&there, b"one")).await;
    let at = Precondition::At(version);
    for writes in [
        vec![create(&new, b"x"), create(&new, b"y")],
        vec![check(&there, at), replace(&there, version, b"two")],
        vec![check(&there, at), check(&there, at)],
        vec![
            delete(&there, version),
            create(&new, b"x"),
            create(&there, b"two"),
        ],
    ] {
        rejected(
            &store,
            &writes,
            StoreErrorKind::Refused,
            "a key occurs twice",
        )
        .await;
    }
    assert_eq!(
        read(&store, &there).await.map(|document| document.version),
        Some(version)
    );
    assert_eq!(read(&store, &new).await, None);
}

/// Nothing to write is no error.
pub async fn an_empty_commit_is_fine<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    assert_eq!(committed(&store, &[]).await, []);
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

/// As many as a large fan-out writes at once.
pub async fn a_hundred_writes_fit_into_one_commit<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let keys: Vec<_> = (1..=100).map(|page| Key::Page(run_id("r"), page)).collect();
    let writes: Vec<_> = keys
        .iter()
        .map(|key| create(key, key.to_string().as_bytes()))
        .collect();
    let versions = committed(&store, &writes).await;
    for ((key, version), document) in keys.iter().zip(versions).zip(read_all(&store, &keys).await) {
        let document = document.expect("it was created");
        assert_eq!(
            (document.version, document.body),
            (version, key.to_string().into_bytes())
        );
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
