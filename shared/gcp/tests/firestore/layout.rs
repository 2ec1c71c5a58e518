//! Cases: what lies in Firestore, what others put there, and what is counted.

use std::sync::{Arc, Mutex};

use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::run::RunStatus;
use ork_core::time::Time;
use ork_engine::conformance::StoreWorld;
use ork_engine::ports::{Index, Key, ListQuery, Precondition, Store, StoreErrorKind, Write};
use ork_gcp::firestore::{StoreOperation, indexes_json};

use super::world::{World, block_on, emulator};

fn run(id: &str) -> Key {
    Key::Run(RunId::new(id).expect("valid"))
}

fn put(key: &Key, precondition: Precondition, index: Index) -> Write {
    Write::Put {
        key: key.clone(),
        precondition,
        body: b"body".to_vec(),
        index,
    }
}

/// The JSON of a field as the emulator prints it, without its spaces.
fn compact(answer: &str) -> String {
    answer.split_whitespace().collect()
}

#[test]
fn a_run_lies_in_firestore_as_the_documentation_says() {
    block_on(async {
        let world = World::new();
        let store = world.open().await;
        let index = Index {
            wake_at: Some(Time(-5)),
            status: Some(RunStatus::Running),
            workflow: Some(WorkflowName::new("etl").expect("valid")),
            created_at: Some(Time(1_780_000_000_123)),
        };
        let (full, bare) = (run("full"), run("bare"));
        let writes = [
            put(&full, Precondition::Absent, index),
            put(&bare, Precondition::Absent, Index::default()),
        ];
        store.commit(&writes).await.expect("a commit");
        let found = compact(&emulator().read_by_hand(world.project(), "runs/full"));
        for part in [
            r#""wake_at":{"integerValue":"-5"}"#,
            r#""status":{"stringValue":"running"}"#,
            r#""workflow":{"stringValue":"etl"}"#,
            r#""created_at":{"integerValue":"1780000000123"}"#,
            r#""format":{"integerValue":"1"}"#,
            r#""body":{"bytesValue":"Ym9keQ=="}"#,
            r#""replaces":{"integerValue":"0"}"#,
        ] {
            assert!(found.contains(part), "{part} in {found}");
        }
        let found = compact(&emulator().read_by_hand(world.project(), "runs/bare"));
        assert!(
            found.contains(r#""created_at":{"nullValue":null}"#),
            "{found}"
        );
        assert!(
            !found.contains("wake_at") && !found.contains("status"),
            "{found}"
        );
    });
}

#[test]
fn what_somebody_else_added_is_ignored_and_goes_with_the_next_write() {
    block_on(async {
        let (world, key) = (World::new(), run("r"));
        let store = world.open().await;
        emulator().write_by_hand(
            world.project(),
            "runs/r",
            r#"{"note":{"stringValue":"mine"},"ork":{"mapValue":{"fields":{"format":{"integerValue":"1"},"body":{"bytesValue":"eA=="}}}}}"#,
        );
        let document = store
            .read(std::slice::from_ref(&key))
            .await
            .expect("a read")
            .remove(0)
            .expect("it is there");
        assert_eq!(
            (document.body.as_slice(), document.index),
            (b"x".as_slice(), Index::default())
        );
        store
            .commit(&[put(
                &key,
                Precondition::At(document.version),
                Index::default(),
            )])
            .await
            .expect("a commit");
        assert!(
            !emulator()
                .read_by_hand(world.project(), "runs/r")
                .contains("note")
        );
    });
}

#[test]
fn a_document_of_a_newer_ork_is_not_touched() {
    block_on(async {
        let (world, key) = (World::new(), run("r"));
        let store = world.open().await;
        emulator().write_by_hand(
            world.project(),
            "runs/r",
            r#"{"created_at":{"integerValue":"1"},"ork":{"mapValue":{"fields":{"format":{"integerValue":"2"},"body":{"bytesValue":"eA=="}}}}}"#,
        );
        let all = ListQuery::Runs {
            status: None,
            workflow: None,
            made_by: None,
        };
        let errors = [
            store.read(&[key]).await.expect_err("a newer format"),
            store.list(&all, None, 5).await.expect_err("a newer format"),
        ];
        for error in errors {
            assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
            assert!(
                error.message.contains("runs/r") && error.message.contains("newer Ork"),
                "{error}"
            );
        }
    });
}

#[test]
fn what_is_no_document_of_orks_is_corrupt_and_named() {
    block_on(async {
        let world = World::new();
        let store = world.open().await;
        emulator().write_by_hand(
            world.project(),
            "runs/odd",
            r#"{"hello":{"stringValue":"world"}}"#,
        );
        let error = store.read(&[run("odd")]).await.expect_err("not Ork's");
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
        assert!(
            error.message.contains("runs/odd") && error.message.contains("`ork`"),
            "{error}"
        );
        emulator().write_by_hand(
            world.project(),
            "runs/not..a..run",
            r#"{"wake_at":{"integerValue":"1"}}"#,
        );
        let error = store.due_runs(Time(5), 5).await.expect_err("not Ork's");
        assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
        assert!(error.message.contains("not..a..run"), "{error}");
    });
}

#[test]
fn the_observer_is_told_what_is_billed() {
    block_on(async {
        type Seen = Arc<Mutex<Vec<(StoreOperation, Option<String>)>>>;
        let seen = Seen::default();
        let told = seen.clone();
        let store = World::new().open().await.with_observer(Arc::new(
            move |operation, key: Option<&Key>| {
                told.lock()
                    .expect("nobody panics")
                    .push((operation, key.map(ToString::to_string)));
            },
        ));
        let expect = |expected: &[(StoreOperation, Option<&str>)]| {
            let got = std::mem::take(&mut *seen.lock().expect("nobody panics"));
            let expected: Vec<_> = expected
                .iter()
                .map(|(operation, key)| (*operation, key.map(str::to_owned)))
                .collect();
            assert_eq!(got, expected);
        };
        let name = WorkflowName::new("w").expect("valid");
        let version = Key::WorkflowVersion(name.clone(), VersionHash::of(b"1"));
        let (one, two) = (run("one"), run("two"));
        let (write, delete) = (StoreOperation::Write, StoreOperation::Delete);
        let waking = Index {
            wake_at: Some(Time(1)),
            ..Index::default()
        };
        let writes = [
            put(&one, Precondition::Absent, waking),
            put(&version, Precondition::Absent, Index::default()),
        ];
        let made = store.clone().commit(&writes).await.expect("a commit");
        expect(&[
            (write, Some("runs/one")),
            (write, Some(&version.to_string())),
        ]);
        store
            .read(&[two.clone(), one.clone(), two.clone()])
            .await
            .expect("a read");
        expect(&[
            (StoreOperation::Read, Some("runs/one")),
            (StoreOperation::Read, Some("runs/two")),
        ]);
        store.due_runs(Time(0), 5).await.expect("a query");
        store.due_runs(Time(1), 5).await.expect("a query");
        store
            .list(&ListQuery::Versions(name), None, 5)
            .await
            .expect("a query");
        let query = |documents| StoreOperation::Query { documents };
        expect(&[
            (query(0), None),
            (query(1), None),
            (query(1), Some("workflows/w")),
        ]);
        store
            .commit(&[put(&one, Precondition::Absent, Index::default())])
            .await
            .expect_err("it exists");
        expect(&[]);
        let checks = [
            Write::Check {
                key: version,
                precondition: Precondition::At(made[1]),
            },
            Write::Check {
                key: two,
                precondition: Precondition::Absent,
            },
            Write::Delete {
                key: one,
                version: made[0],
            },
        ];
        let keys: Vec<String> = checks.iter().map(|write| write.key().to_string()).collect();
        store.commit(&checks).await.expect("a commit");
        expect(&[
            (write, Some(&keys[0])),
            (delete, Some(&keys[1])),
            (delete, Some(&keys[2])),
        ]);
    });
}

#[test]
fn the_indexes_are_told_as_json() {
    let text = indexes_json();
    let indexes: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(indexes["indexes"].as_array().map(Vec::len), Some(3));
    assert!(text.contains("fieldOverrides"));
}
