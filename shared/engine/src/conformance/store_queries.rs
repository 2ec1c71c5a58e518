//! Cases: what is due, and listings.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use ork_core::ids::VersionHash;
use ork_core::run::RunStatus;
use ork_core::time::Time;

use super::sample::{
    committed, committed_one, create, delete, header, listed, put, read, record, run, run_id,
    walked, workflow, workflow_name,
};
use super::world::StoreWorld;
use crate::ports::{Index, Key, ListQuery, Precondition, Store, StoreErrorKind};

const ALL_RUNS: ListQuery = ListQuery::Runs {
    status: None,
    workflow: None,
    made_by: None,
};

/// Ties by id, descending; one without an instant comes last.
pub async fn runs_are_listed_newest_first<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    for (id, at) in [("b", 5), ("a", 5), ("old", -3), ("new", 9), ("a-1", 5)] {
        committed_one(
            &store,
            put(
                &run(id),
                Precondition::Absent,
                b"",
                header(RunStatus::Success, "w", at),
            ),
        )
        .await;
    }
    committed(
        &store,
        &[
            create(&run("dateless"), b""),
            create(&run("dateless-2"), b""),
            create(&Key::Page(run_id("b"), 1), b""),
        ],
    )
    .await;
    let expected = ["new", "b", "a-1", "a", "old", "dateless-2", "dateless"].map(run);
    for limit in 1..=8 {
        assert_eq!(
            walked(&store, &ALL_RUNS, limit).await,
            expected,
            "in pages of {limit}"
        );
    }
}

/// Either, both, and what matches nothing.
pub async fn runs_are_listed_by_status_and_workflow<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let mut made = Vec::new();
    for n in 0..24_usize {
        let (status, name) = (RunStatus::ALL[n % 3], ["etl", "etl-2"][n / 3 % 2]);
        let key = run(&format!("r{n:02}"));
        committed_one(
            &store,
            put(
                &key,
                Precondition::Absent,
                b"",
                header(status, name, n as i64 / 5),
            ),
        )
        .await;
        made.push((n / 5, key, status, name));
    }
    committed_one(&store, create(&run("bare"), b"")).await;
    made.sort_by_key(|entry| Reverse((entry.0, entry.1.to_string())));
    for status in [
        None,
        Some(RunStatus::ALL[0]),
        Some(RunStatus::ALL[2]),
        Some(RunStatus::ALL[3]),
    ] {
        for name in [None, Some("etl"), Some("etl-2"), Some("other")] {
            if status.is_none() && name.is_none() {
                continue;
            }
            let fits = |entry: &&(usize, Key, RunStatus, &str)| {
                status.is_none_or(|wanted| entry.2 == wanted)
                    && name.is_none_or(|wanted| entry.3 == wanted)
            };
            let expected: Vec<_> = made
                .iter()
                .filter(fits)
                .map(|entry| entry.1.clone())
                .collect();
            let query = ListQuery::Runs {
                status,
                workflow: name.map(workflow_name),
                made_by: None,
            };
            for limit in [1, 3, 50] {
                assert_eq!(
                    walked(&store, &query, limit).await,
                    expected,
                    "{query:?} in pages of {limit}"
                );
            }
        }
    }
}

/// Older ones only, the instant itself included, whatever else is asked for; one without an instant is not among them.
pub async fn runs_are_listed_from_an_instant_on<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let mut made = Vec::new();
    for n in 0..12_i64 {
        let key = run(&format!("r-{n:02}"));
        let status = [RunStatus::Success, RunStatus::Failed][n as usize % 2];
        let index = header(status, ["w", "v"][n as usize / 2 % 2], n / 3);
        committed_one(&store, put(&key, Precondition::Absent, b"", index.clone())).await;
        made.push((key, index));
    }
    committed_one(&store, create(&run("dateless"), b"")).await;
    made.sort_by_key(|(key, index)| Reverse((index.created_at, key.clone())));
    for at in -1..5 {
        for status in [None, Some(RunStatus::Failed)] {
            for name in [None, Some(workflow_name("w"))] {
                let fits = |index: &Index| {
                    index.created_at <= Some(Time(at))
                        && (status.is_none() || index.status == status)
                        && (name.is_none() || index.workflow == name)
                };
                let expected: Vec<_> = (made.iter())
                    .filter(|(_, index)| fits(index))
                    .map(|(key, _)| key.clone())
                    .collect();
                let query = ListQuery::Runs {
                    status,
                    workflow: name.clone(),
                    made_by: Some(Time(at)),
                };
                for limit in [1, 2, 50] {
                    assert_eq!(
                        walked(&store, &query, limit).await,
                        expected,
                        "{query:?} in pages of {limit}"
                    );
                }
            }
        }
    }
}

/// Bodies, versions and index as a read gives them.
pub async fn a_listing_gives_whole_documents<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let keys = [
        run("r"),
        workflow("w"),
        Key::WorkflowVersion(workflow_name("w"), VersionHash::of(b"w")),
        Key::Dead("d".to_owned()),
        Key::ApiKey(record("k")),
        Key::Audit(record("a")),
    ];
    for key in &keys {
        let index = Index {
            wake_at: Some(Time(4)),
            ..header(RunStatus::Failed, "w", 3)
        };
        committed_one(
            &store,
            put(key, Precondition::Absent, key.to_string().as_bytes(), index),
        )
        .await;
    }
    let queries = [
        ALL_RUNS,
        ListQuery::Workflows,
        ListQuery::Versions(workflow_name("w")),
        ListQuery::Dead,
        ListQuery::ApiKeys,
        ListQuery::Audit,
    ];
    for (query, key) in queries.iter().zip(keys) {
        let document = read(&store, &key).await.expect("it was created");
        assert_eq!(
            listed(&store, query, None, 5).await.items,
            [(key, document)],
            "{query:?}"
        );
    }
}

/// A run that changes its status moves from one listing to the other.
pub async fn a_listing_follows_the_last_write<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let key = run("r");
    let by = |status| ListQuery::Runs {
        status: Some(status),
        workflow: Some(workflow_name("w")),
        made_by: None,
    };
    let mut version = committed_one(
        &store,
        put(
            &key,
            Precondition::Absent,
            b"",
            header(RunStatus::Pending, "w", 1),
        ),
    )
    .await;
    let mut last = RunStatus::Pending;
    for status in [
        RunStatus::Running,
        RunStatus::Failed,
        RunStatus::Recovering,
        RunStatus::Success,
    ] {
        version = committed_one(
            &store,
            put(&key, Precondition::At(version), b"", header(status, "w", 1)),
        )
        .await;
        assert_eq!(walked(&store, &by(last), 5).await, [], "no longer {last}");
        assert_eq!(
            walked(&store, &by(status), 5).await,
            std::slice::from_ref(&key),
            "now {status}"
        );
        last = status;
    }
    committed_one(&store, delete(&key, version)).await;
    assert_eq!(walked(&store, &by(last), 5).await, []);
    assert_eq!(walked(&store, &ALL_RUNS, 5).await, []);
}

/// The size of a page is a matter of taste.
pub async fn pages_of_every_size_give_the_same_listing<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    for n in 0..6 {
        committed(
            &store,
            &[
                put(
                    &run(&format!("r{n}")),
                    Precondition::Absent,
                    b"",
                    header(RunStatus::Success, "w", n / 2),
                ),
                create(&workflow(&format!("w{n}")), b""),
                create(
                    &Key::WorkflowVersion(workflow_name("w"), VersionHash::of(&n.to_be_bytes())),
                    b"",
                ),
                create(&Key::Dead(format!("d{n}")), b""),
                create(&Key::ApiKey(record(&format!("k{n}"))), b""),
                create(&Key::Audit(record(&format!("a{n}"))), b""),
            ],
        )
        .await;
    }
    for query in [
        ALL_RUNS,
        ListQuery::Workflows,
        ListQuery::Versions(workflow_name("w")),
        ListQuery::Dead,
        ListQuery::ApiKeys,
        ListQuery::Audit,
    ] {
        let whole: Vec<_> = listed(&store, &query, None, 100)
            .await
            .items
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(whole.len(), 6, "{query:?}");
        for limit in 1..=7 {
            assert_eq!(
                walked(&store, &query, limit).await,
                whole,
                "{query:?} in pages of {limit}"
            );
        }
    }
}

/// Documents that come and go between two pages do not disturb those that stay.
pub async fn a_listing_neither_misses_nor_repeats_what_stays<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let mut stable = BTreeSet::new();
    let mut passing = Vec::new();
    for n in 0..20 {
        let key = run(&format!("s{n:02}"));
        committed_one(
            &store,
            put(
                &key,
                Precondition::Absent,
                b"",
                header(RunStatus::Success, "w", n * 10),
            ),
        )
        .await;
        stable.insert(key);
        let key = run(&format!("p{n:02}"));
        let version = committed_one(
            &store,
            put(
                &key,
                Precondition::Absent,
                b"",
                header(RunStatus::Success, "w", n * 10),
            ),
        )
        .await;
        passing.push((key, version));
    }
    for query in [
        ALL_RUNS,
        ListQuery::Runs {
            status: Some(RunStatus::Success),
            workflow: None,
            made_by: None,
        },
    ] {
        let (mut seen, mut cursor, mut round) = (Vec::new(), None::<String>, 0_i64);
        loop {
            let page = listed(&store, &query, cursor.as_deref(), 3).await;
            seen.extend(page.items.into_iter().map(|(key, _)| key));
            let Some(next) = page.cursor else { break };
            cursor = Some(next);
            // Newer, older and right between the last item and the next one; and one that was there goes.
            for at in [
                1_000 + round,
                -1_000 - round,
                200 - round * 10,
                195 - round * 10,
            ] {
                let key = run(&format!("n{round}-{}-{}", at.unsigned_abs(), seen.len()));
                let created = store
                    .commit(&[put(
                        &key,
                        Precondition::Absent,
                        b"",
                        header(RunStatus::Success, "w", at),
                    )])
                    .await;
                assert!(
                    created.is_ok() || read(&store, &key).await.is_some(),
                    "{created:?}"
                );
            }
            if let Some((key, version)) = passing.pop() {
                committed_one(&store, delete(&key, version)).await;
            }
            round += 1;
            assert!(
                round < 200,
                "a listing comes to an end although documents are added"
            );
        }
        let unique: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(unique.len(), seen.len(), "nothing twice: {seen:?}");
        assert!(
            stable.is_subset(&unique),
            "missed {:?}",
            stable.difference(&unique).collect::<Vec<_>>()
        );
    }
}

/// Not their versions, and in the order of bytes.
pub async fn workflows_are_listed_by_name<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    for name in ["b", "a-b", "a", "a_b", "B", "a1"] {
        committed_one(&store, create(&workflow(name), b"")).await;
        committed_one(
            &store,
            create(
                &Key::WorkflowVersion(workflow_name(name), VersionHash::of(b"v")),
                b"",
            ),
        )
        .await;
    }
    assert_eq!(
        walked(&store, &ListQuery::Workflows, 2).await,
        ["B", "a", "a-b", "a1", "a_b", "b"].map(workflow)
    );
}

/// Of that one only, also when another's name begins alike.
pub async fn versions_of_one_workflow_are_listed<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let version =
        |name: &str, n: u8| Key::WorkflowVersion(workflow_name(name), VersionHash::of(&[n]));
    for name in ["a", "a-b", "ab"] {
        committed_one(&store, create(&workflow(name), b"")).await;
        for n in 0..4 {
            committed_one(&store, create(&version(name, n), b"")).await;
        }
    }
    for name in ["a", "a-b", "ab"] {
        let keys = walked(&store, &ListQuery::Versions(workflow_name(name)), 3).await;
        let unique: BTreeSet<_> = keys.iter().cloned().collect();
        assert_eq!(unique.len(), keys.len(), "nothing twice");
        assert_eq!(
            unique,
            (0..4).map(|n| version(name, n)).collect(),
            "versions of `{name}`"
        );
    }
    assert_eq!(
        walked(&store, &ListQuery::Versions(workflow_name("none")), 3).await,
        []
    );
}

/// In the order of bytes.
pub async fn dead_letters_are_listed_by_id<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    for id in ["m-2", "m-10", "m", "A"] {
        committed_one(&store, create(&Key::Dead(id.to_owned()), b"")).await;
    }
    assert_eq!(
        walked(&store, &ListQuery::Dead, 3).await,
        ["A", "m", "m-10", "m-2"].map(|id| Key::Dead(id.to_owned()))
    );
}

/// By id; and one may go on behind any entry of the audit, there or not, by its key.
pub async fn keys_and_audit_are_listed_by_id<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    for id in ["b-2", "b-10", "b", "a"] {
        let writes = [
            create(&Key::ApiKey(record(id)), b""),
            create(&Key::Audit(record(id)), b""),
        ];
        committed(&store, &writes).await;
    }
    let ids = ["a", "b", "b-10", "b-2"].map(record);
    assert_eq!(
        walked(&store, &ListQuery::ApiKeys, 3).await,
        ids.clone().map(Key::ApiKey)
    );
    let audit = ids.map(Key::Audit);
    assert_eq!(walked(&store, &ListQuery::Audit, 3).await, audit);
    for (behind, left) in [("a", 1), ("b", 2), ("b-10", 3), ("b-2", 4), ("b-11", 3)] {
        let cursor = Key::Audit(record(behind)).to_string();
        let page = listed(&store, &ListQuery::Audit, Some(&cursor), 5).await;
        let keys: Vec<_> = page.items.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, audit[left..], "behind {behind}");
    }
}

/// No items and no cursor.
pub async fn an_empty_listing_ends_at_once<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    committed(
        &store,
        &[
            create(&Key::Page(run_id("r"), 1), b""),
            create(&Key::Pool("p".parse().expect("a valid pool name")), b""),
        ],
    )
    .await;
    for query in [
        ALL_RUNS,
        ListQuery::Workflows,
        ListQuery::Versions(workflow_name("w")),
        ListQuery::Dead,
        ListQuery::ApiKeys,
        ListQuery::Audit,
    ] {
        let page = listed(&store, &query, None, 5).await;
        assert_eq!((page.items, page.cursor), (Vec::new(), None), "{query:?}");
    }
}

/// Cursors travel through other hands, so a made-up one is an error and not a surprise.
pub async fn a_foreign_cursor_is_refused<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    for cursor in [
        "",
        "nonsense",
        "-",
        "1",
        "1:",
        "1:not an id",
        "99999999999999999999:r",
        "ä\u{0}",
    ] {
        let answer = store.list(&ALL_RUNS, Some(cursor), 5).await;
        match answer {
            Ok(page) => panic!("the cursor `{cursor:?}` must be refused, but gave {page:?}"),
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Refused, "{cursor:?}: {error}"),
        }
    }
}
