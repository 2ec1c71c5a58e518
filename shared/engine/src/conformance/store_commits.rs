//! Cases: reading, preconditions and all-or-nothing.

use std::collections::BTreeSet;

use ork_core::run::RunStatus;
use ork_core::time::Time;

use super::sample::{
    check, committed, committed_one, create, delete, put, read, read_all, rejected, replace, run,
    run_id, waking, workflow_name,
};
use super::world::StoreWorld;
use crate::ports::{Index, Key, Precondition, Store, StoreErrorKind, Version};

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
