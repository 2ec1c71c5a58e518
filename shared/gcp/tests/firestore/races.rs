//! Cases: many writers of one document, and versions that follow each other closely.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use ork_core::ids::RunId;
use ork_engine::conformance::StoreWorld;
use ork_engine::ports::{Index, Key, Precondition, Store, StoreErrorKind, Version, Write};
use ork_gcp::firestore::FirestoreStore;

use super::world::{World, block_on};

fn run(id: &str) -> Key {
    Key::Run(RunId::new(id).expect("valid"))
}

fn put(key: &Key, precondition: Precondition, body: &[u8]) -> Write {
    Write::Put {
        key: key.clone(),
        precondition,
        body: body.to_vec(),
        index: Index::default(),
    }
}

async fn add_one(store: &FirestoreStore, key: &Key) -> Version {
    for _ in 0..1_000 {
        let document = store
            .read(std::slice::from_ref(key))
            .await
            .expect("a read")
            .remove(0)
            .expect("it is there");
        let number = u32::from_be_bytes(document.body.try_into().expect("four bytes")) + 1;
        match store
            .commit(&[put(
                key,
                Precondition::At(document.version),
                &number.to_be_bytes(),
            )])
            .await
        {
            Ok(versions) => return versions[0],
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Conflict, "{error}"),
        }
    }
    panic!("a thousand attempts at one commit");
}

#[test]
fn fifty_writers_of_one_document_lose_nothing() {
    const WRITERS: usize = 50;
    const TIMES: usize = 3;
    block_on(async {
        let (store, key) = (World::new().open().await, run("counter"));
        let first = store
            .commit(&[put(&key, Precondition::Absent, &0_u32.to_be_bytes())])
            .await
            .expect("a commit")[0];
        let writers = (0..WRITERS).map(|_| async {
            let mut versions = Vec::new();
            for _ in 0..TIMES {
                versions.push(add_one(&store, &key).await);
            }
            versions
        });
        let mut versions: BTreeSet<Version> =
            join_all(writers).await.into_iter().flatten().collect();
        versions.insert(first);
        assert_eq!(
            versions.len(),
            WRITERS * TIMES + 1,
            "each write has a version of its own"
        );
        let document = store
            .read(&[key])
            .await
            .expect("a read")
            .remove(0)
            .expect("it is there");
        assert_eq!(
            document.body,
            u32::try_from(WRITERS * TIMES).expect("small").to_be_bytes()
        );
        assert_eq!(
            Some(&document.version),
            versions.last(),
            "the last version is the latest"
        );
    });
}

#[test]
fn versions_in_quick_succession_increase_also_over_removals_and_with_the_same_body() {
    block_on(async {
        let (store, key) = (World::new().open().await, run("r"));
        let mut last = Version(0);
        for _ in 0..40 {
            let mut precondition = Precondition::Absent;
            for _ in 0..4 {
                let version = store
                    .commit(&[put(&key, precondition, b"same")])
                    .await
                    .expect("a commit")[0];
                assert!(version > last, "{version:?} after {last:?}");
                (last, precondition) = (version, Precondition::At(version));
            }
            let gone = Write::Delete {
                key: key.clone(),
                version: last,
            };
            store.commit(&[gone]).await.expect("a commit");
        }
    });
}

#[test]
fn a_version_that_nobody_gave_is_a_conflict_also_where_firestore_thinks_otherwise() {
    // To Firestore the instant 0 means absence, and one in the future is an invalid argument.
    const YEAR_9999: Version = Version(253_402_300_799_999_999);
    block_on(async {
        let (store, key) = (World::new().open().await, run("r"));
        for version in [Version(0), YEAR_9999, Version(u64::MAX)] {
            let at = Precondition::At(version);
            let check = Write::Check {
                key: key.clone(),
                precondition: at,
            };
            let delete = Write::Delete {
                key: key.clone(),
                version,
            };
            for write in [put(&key, at, b"x"), check, delete] {
                let error = store.commit(&[write]).await.expect_err("there is none");
                assert_eq!(error.kind, StoreErrorKind::Conflict, "{error}");
            }
        }
        assert_eq!(store.read(&[key]).await.expect("a read"), [None]);
    });
}

#[test]
fn a_commit_with_one_stale_precondition_writes_nothing() {
    block_on(async {
        let store = World::new().open().await;
        let keys = ["a", "b", "c"].map(run);
        let creations = keys
            .each_ref()
            .map(|key| put(key, Precondition::Absent, b"1"));
        let first = store.commit(&creations).await.expect("a commit");
        store
            .commit(&[put(&keys[1], Precondition::At(first[1]), b"2")])
            .await
            .expect("a commit");
        let before = store.read(&keys).await.expect("a read");
        let new = run("new");
        let error = store
            .commit(&[
                put(&keys[0], Precondition::At(first[0]), b"3"),
                put(&keys[1], Precondition::At(first[1]), b"3"),
                put(&new, Precondition::Absent, b"3"),
                Write::Delete {
                    key: keys[2].clone(),
                    version: first[2],
                },
            ])
            .await
            .expect_err("the second is stale");
        assert_eq!(error.kind, StoreErrorKind::Conflict, "{error}");
        assert_eq!(store.read(&keys).await.expect("a read"), before);
        assert_eq!(store.read(&[new]).await.expect("a read"), [None]);
    });
}
