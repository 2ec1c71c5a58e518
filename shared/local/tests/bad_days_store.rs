//! The store on bad days: full disks, damaged and foreign files, newer versions, killed processes, several processes at once.

#[path = "bad_days_store/processes.rs"]
mod processes;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ork_core::ids::RunId;
use ork_core::run::RunStatus;
use ork_core::time::Time;
use ork_engine::conformance::block_on;
use ork_engine::ports::{
    Document, Index, Key, ListQuery, Precondition, Store, StoreError, StoreErrorKind, Version,
    Write,
};
use ork_local::store::{Options, SCHEMA_VERSION, Sqlite};
use rusqlite::Connection;
use tempfile::TempDir;

fn key(id: &str) -> Key {
    Key::Run(RunId::new(id).expect("a valid run id"))
}

fn put(id: &str, precondition: Precondition, body: Vec<u8>) -> Write {
    let index = Index {
        status: Some(RunStatus::Running),
        created_at: Some(Time(1)),
        wake_at: Some(Time(1)),
        workflow: None,
    };
    Write::Put {
        key: key(id),
        precondition,
        body,
        index,
    }
}

fn create(store: &Sqlite, id: &str, body: Vec<u8>) -> Result<Version, StoreError> {
    block_on(store.commit(&[put(id, Precondition::Absent, body)])).map(|versions| versions[0])
}

fn read(store: &Sqlite, id: &str) -> Option<Document> {
    block_on(store.read(&[key(id)]))
        .expect("readable")
        .remove(0)
}

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, &Options::default()).expect("the store opens")
}

fn state() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    (folder, path)
}

/// A closed store of 200 runs with 3 KB each.
fn filled() -> (TempDir, PathBuf) {
    let (folder, path) = state();
    let store = open(&path);
    for n in 0..200 {
        create(&store, &format!("r{n:03}"), vec![n as u8; 3_000]).expect("created");
    }
    (folder, path)
}

/// The error names the file, is of this kind, and contains each of the texts.
#[track_caller]
fn assert_says(error: &StoreError, path: &Path, kind: StoreErrorKind, texts: &[&str]) {
    assert_eq!(error.kind, kind, "{error}");
    for text in texts.iter().copied().chain([path.to_str().expect("text")]) {
        assert!(
            error.message.contains(text),
            "`{text}` is missing in: {error}"
        );
    }
}

#[test]
fn a_full_disk_refuses_the_commit_and_keeps_what_is_there() {
    let (_folder, path) = state();
    let store = Sqlite::open(
        &path,
        &Options {
            max_bytes: Some(400_000),
            ..Options::default()
        },
    )
    .expect("opens");
    let mut stored = 0;
    let error = loop {
        match create(&store, &format!("r{stored}"), vec![7; 20_000]) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(
            stored < 100,
            "400 kB cannot hold a hundred documents of 20 kB"
        );
    };
    assert!(stored > 5, "only {stored} fit");
    assert_says(
        &error,
        &path,
        StoreErrorKind::Refused,
        &["no space", "make room"],
    );
    let both = [
        put("small", Precondition::Absent, vec![1]),
        put("large", Precondition::Absent, vec![1; 100_000]),
    ];
    assert_eq!(
        block_on(store.commit(&both)).expect_err("still full").kind,
        StoreErrorKind::Refused
    );
    assert_eq!(
        read(&store, "small"),
        None,
        "nothing of a refused commit is there"
    );
    let first = read(&store, "r0").expect("what was committed is there");
    block_on(store.commit(&[Write::Delete {
        key: key("r0"),
        version: first.version,
    }]))
    .expect("removing makes room");
    create(&store, "after", vec![7; 10_000]).expect("there is room again");
    drop(store);
    let store = open(&path);
    assert!((1..stored).all(|n| {
        read(&store, &format!("r{n}")).is_some_and(|document| document.body == vec![7; 20_000])
    }));
    create(&store, "more", vec![7; 100_000]).expect("the bound was the handle's, not the file's");
}

#[test]
fn a_read_only_store_is_read_and_refuses_commits() {
    let (_folder, path) = filled();
    let read_only = Options {
        read_only: true,
        ..Options::default()
    };
    let store = Sqlite::open(&path, &read_only).expect("opens");
    assert!(read(&store, "r000").is_some());
    let error = create(&store, "new", vec![1]).expect_err("it is read-only");
    assert_says(
        &error,
        &path,
        StoreErrorKind::Refused,
        &["cannot be written", "--state"],
    );
    assert_eq!(read(&store, "new"), None);
    let missing = path.with_file_name("missing.db");
    let error = Sqlite::open(&missing, &read_only).expect_err("there is none");
    assert_says(&error, &missing, StoreErrorKind::Refused, &["no such file"]);
    assert!(!missing.exists(), "opening read-only makes nothing");
}

#[test]
fn what_cannot_be_a_file_is_refused_with_the_reason() {
    let (folder, path) = state();
    fs::create_dir(&path).expect("made");
    let error = Sqlite::open(&path, &Options::default()).expect_err("a folder");
    assert_says(&error, &path, StoreErrorKind::Refused, &["not a file"]);
    let path = folder.path().join("no/such/state.db");
    let error = Sqlite::open(&path, &Options::default()).expect_err("no folder");
    assert_says(
        &error,
        &path,
        StoreErrorKind::Refused,
        &["does not exist", "--state"],
    );
    // /proc takes no files, not even from root.
    let path = Path::new("/proc/state.db");
    let error = Sqlite::open(path, &Options::default()).expect_err("nothing can be made there");
    assert_says(&error, path, StoreErrorKind::Refused, &["cannot open"]);
}

#[test]
fn a_newer_state_is_left_alone() {
    let (_folder, path) = filled();
    Connection::open(&path)
        .expect("opens")
        .pragma_update(None, "user_version", 7)
        .expect("raised");
    let before = fs::read(&path).expect("readable");
    let error = Sqlite::open(&path, &Options::default()).expect_err("newer");
    let expected = format!(
        "written by a newer Ork (state version 7, this one reads up to {SCHEMA_VERSION}): use that one or another --state folder"
    );
    assert_says(&error, &path, StoreErrorKind::Refused, &[&expected]);
    assert!(
        fs::read(&path).expect("readable") == before,
        "the file is untouched"
    );
}

#[test]
fn a_foreign_database_is_left_alone() {
    let (_folder, path) = state();
    Connection::open(&path)
        .expect("opens")
        .execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        .expect("made");
    let before = fs::read(&path).expect("readable");
    let error = Sqlite::open(&path, &Options::default()).expect_err("foreign");
    assert_says(
        &error,
        &path,
        StoreErrorKind::Corrupt,
        &["not one of Ork's", "nothing was deleted", "move"],
    );
    assert!(
        fs::read(&path).expect("readable") == before,
        "the file is untouched"
    );
}

#[test]
fn what_is_no_database_is_left_alone() {
    for contents in [
        "x".to_owned(),
        "name: etl\ntasks: {}\n".repeat(500),
        "\u{0}".repeat(5_000),
    ] {
        let (_folder, path) = state();
        fs::write(&path, &contents).expect("written");
        let error = Sqlite::open(&path, &Options::default()).expect_err("not a database");
        assert_says(
            &error,
            &path,
            StoreErrorKind::Corrupt,
            &["not a database", "nothing was deleted", "move"],
        );
        assert!(
            fs::read_to_string(&path).expect("readable") == contents,
            "the file is untouched"
        );
    }
}

#[test]
fn a_damaged_header_is_an_error_with_a_way_out() {
    let (_folder, path) = filled();
    let mut bytes = fs::read(&path).expect("readable");
    bytes[..100].fill(0xa5);
    fs::write(&path, &bytes).expect("written");
    let error = Sqlite::open(&path, &Options::default()).expect_err("damaged");
    assert_says(
        &error,
        &path,
        StoreErrorKind::Corrupt,
        &["nothing was deleted", "move"],
    );
    assert!(
        fs::read(&path).expect("readable") == bytes,
        "the file is untouched"
    );
}

#[test]
fn a_damaged_middle_is_an_error_and_no_panic() {
    for (from, to) in [(1, 4), (4, 40), (100, 140)] {
        let (_folder, path) = filled();
        let mut bytes = fs::read(&path).expect("readable");
        bytes[from * 4096..to * 4096]
            .iter_mut()
            .enumerate()
            .for_each(|(n, byte)| *byte = (n * 131 % 251) as u8);
        fs::write(&path, &bytes).expect("written");
        let store = open(&path);
        let all = ListQuery::Runs {
            status: None,
            workflow: None,
            made_by: None,
        };
        let errors: Vec<StoreError> = (0..200)
            .filter_map(|n| block_on(store.read(&[key(&format!("r{n:03}"))])).err())
            .chain(block_on(store.list(&all, None, 1_000)).err())
            .chain(block_on(store.due_runs(Time(9), 1_000)).err())
            .collect();
        assert!(
            !errors.is_empty(),
            "pages {from} to {to} are damaged and nothing noticed"
        );
        for error in errors {
            assert_says(&error, &path, StoreErrorKind::Corrupt, &["move"]);
        }
    }
}

#[test]
fn a_file_cut_short_is_an_error_and_no_crash() {
    let (_folder, path) = filled();
    let length = fs::metadata(&path).expect("there").len();
    fs::File::options()
        .write(true)
        .open(&path)
        .expect("opens")
        .set_len(length / 2 / 4096 * 4096)
        .expect("cut");
    let answers = Sqlite::open(&path, &Options::default()).and_then(|store| {
        (0..200).try_for_each(|n| block_on(store.read(&[key(&format!("r{n:03}"))])).map(|_| ()))
    });
    assert_says(
        &answers.expect_err("half of it is gone"),
        &path,
        StoreErrorKind::Corrupt,
        &["damaged", "move"],
    );
}

#[test]
fn what_ork_would_not_write_is_not_taken_for_a_document() {
    for change in [
        "status = 'resting'",
        "workflow = '../x'",
        "version = -1",
        "key = 'runs/a/b'",
        "body = 5",
    ] {
        let (_folder, path) = filled();
        let sql = format!("UPDATE documents SET {change} WHERE key = 'runs/r007'");
        assert_eq!(
            Connection::open(&path)
                .expect("opens")
                .execute(&sql, [])
                .expect("changed"),
            1
        );
        let store = open(&path);
        let answer = block_on(store.list(
            &ListQuery::Runs {
                status: None,
                workflow: None,
                made_by: None,
            },
            None,
            1_000,
        ));
        assert_says(
            &answer.expect_err(change),
            &path,
            StoreErrorKind::Corrupt,
            &["does not hold what Ork writes"],
        );
    }
}

#[test]
fn a_lock_that_is_not_given_back_is_reported_and_passes() {
    let (_folder, path) = state();
    let store = Sqlite::open(
        &path,
        &Options {
            busy_timeout: Duration::from_millis(20),
            ..Options::default()
        },
    )
    .expect("opens");
    let other = Connection::open(&path).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let error = create(&store, "r", vec![1]).expect_err("it is locked");
    assert_says(
        &error,
        &path,
        StoreErrorKind::Unavailable,
        &["another process"],
    );
    assert!(error.is_retryable());
    assert_eq!(read(&store, "r"), None, "readers do not wait");
    other.execute_batch("ROLLBACK").expect("unlocked");
    create(&store, "r", vec![1]).expect("the lock is free again");
}

#[test]
fn changes_of_others_are_noticed_and_own_ones_are_not() {
    let (_folder, path) = state();
    let (one, two) = (open(&path), open(&path));
    assert!(!one.changed_elsewhere().expect("answers"));
    create(&one, "own", vec![1]).expect("created");
    assert!(!one.changed_elsewhere().expect("answers"), "its own commit");
    create(&two, "other", vec![1]).expect("created");
    assert!(
        one.changed_elsewhere().expect("answers"),
        "another's commit"
    );
    assert!(!one.changed_elsewhere().expect("answers"), "told once");
}

#[test]
fn operations_are_counted() {
    let (_folder, path) = state();
    let store = open(&path);
    let versions = block_on(store.commit(&[
        put("a", Precondition::Absent, vec![0; 10]),
        put("b", Precondition::Absent, vec![0; 5]),
    ]))
    .expect("created");
    let writes = [
        Write::Check {
            key: key("a"),
            precondition: Precondition::At(versions[0]),
        },
        Write::Delete {
            key: key("b"),
            version: versions[1],
        },
    ];
    block_on(store.commit(&writes)).expect("removed");
    assert_eq!(
        block_on(store.commit(&writes)).expect_err("gone").kind,
        StoreErrorKind::Conflict
    );
    block_on(store.read(&[key("a"), key("b")])).expect("read");
    let stats = store.stats();
    assert_eq!(
        (
            stats.commits,
            stats.writes,
            stats.reads,
            stats.bytes_written,
            stats.conflicts
        ),
        (2, 3, 2, 15, 1)
    );
}
