//! Several at once on one store: threads, processes, and processes that are killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ork_engine::conformance::block_on;
use ork_engine::ports::{Document, Precondition, Store, StoreError, StoreErrorKind};
use ork_local::store::Sqlite;

use super::{create, key, open, put, read, state};

#[test]
fn many_may_make_the_same_store_at_once() {
    for _ in 0..15 {
        let (_folder, path) = state();
        let path = &path;
        std::thread::scope(|scope| {
            for n in 0..6 {
                scope.spawn(move || {
                    create(&open(path), &format!("r{n}"), vec![n]).expect("created")
                });
            }
        });
        let store = open(path);
        assert!(
            (0..6).all(|n| read(&store, &format!("r{n}")).is_some()),
            "every one of them committed"
        );
    }
}

const CHILD: &str = "ORK_TEST_STATE";

/// This test program again, as another process that runs one of its tests on the store at `path`.
fn child(test: &str, path: &Path) -> Child {
    let program = std::env::current_exe().expect("this program");
    Command::new(program)
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

fn number(document: &Document) -> u64 {
    String::from_utf8_lossy(&document.body)
        .parse()
        .expect("a number")
}

/// Adds one to both documents in one commit.
fn count_both(store: &Sqlite) -> Result<u64, StoreError> {
    let both = block_on(store.read(&[key("left"), key("right")])).expect("readable");
    let [left, right] = [
        both[0].as_ref().expect("there"),
        both[1].as_ref().expect("there"),
    ];
    let next = number(left) + 1;
    let body = |document: &Document| (number(document) + 1).to_string().into_bytes();
    let writes = [
        put("left", Precondition::At(left.version), body(left)),
        put("right", Precondition::At(right.version), body(right)),
    ];
    block_on(store.commit(&writes)).map(|_| next)
}

fn count_up(store: &Sqlite, times: u32) {
    let mut done = 0;
    while done < times {
        match count_both(store) {
            Ok(_) => done += 1,
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Conflict, "{error}"),
        }
    }
}

fn two_zeros(path: &Path) -> Sqlite {
    let store = open(path);
    for id in ["left", "right"] {
        create(&store, id, b"0".to_vec()).expect("created");
    }
    store
}

/// Alone it counts to 150 in one process; as a child of the test below it is one of three processes.
#[test]
fn counting_up_loses_nothing() {
    if let Some(path) = std::env::var_os(CHILD) {
        return count_up(&open(Path::new(&path)), 150);
    }
    let (_folder, path) = state();
    let store = two_zeros(&path);
    count_up(&store, 150);
    assert_eq!(
        read(&store, "left").map(|document| number(&document)),
        Some(150)
    );
}

#[test]
fn several_processes_count_up_and_lose_nothing() {
    let (_folder, path) = state();
    let store = two_zeros(&path);
    let children: Vec<_> = (0..2)
        .map(|_| child("processes::counting_up_loses_nothing", &path))
        .collect();
    count_up(&store, 150);
    for child in children {
        assert!(child.wait_with_output().expect("ended").status.success());
    }
    for id in ["left", "right"] {
        assert_eq!(
            read(&store, id).map(|document| number(&document)),
            Some(450),
            "{id}"
        );
    }
}

/// Alone it commits a few times; as a child of the test below it commits and tells until it is killed.
#[test]
#[expect(
    clippy::print_stdout,
    reason = "the parent reads how far the child has come"
)]
fn committing_and_telling() {
    if let Some(path) = std::env::var_os(CHILD) {
        let store = open(Path::new(&path));
        loop {
            println!(
                "committed {}",
                count_both(&store).expect("nobody else commits")
            );
        }
    }
    let (_folder, path) = state();
    let store = two_zeros(&path);
    assert_eq!(
        (1..=3)
            .map(|_| count_both(&store).expect("nobody else commits"))
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
}

#[test]
fn a_killed_process_loses_no_commit_and_leaves_no_half_of_one() {
    let (_folder, path) = state();
    drop(two_zeros(&path));
    let mut reached = 0;
    for lines in [1, 7, 50, 300, 900] {
        let mut child = child("processes::committing_and_telling", &path);
        let mut told = BufReader::new(child.stdout.take().expect("piped"))
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| {
                let number = line.split("committed ").nth(1)?;
                number.parse::<u64>().ok()
            });
        reached = told
            .by_ref()
            .take(lines)
            .last()
            .expect("it commits")
            .max(reached);
        child.kill().expect("killed");
        reached = told.last().unwrap_or(reached);
        child.wait().expect("ended");
        let store = open(&path);
        let [left, right] = ["left", "right"].map(|id| number(&read(&store, id).expect("there")));
        assert_eq!(left, right, "half a commit");
        assert!(
            left == reached || left == reached + 1,
            "told of {reached}, found {left}"
        );
    }
}
