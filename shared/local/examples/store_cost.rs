//! Prints what commits and objects cost on this machine: `cargo run --release -p ork-local --example store_cost [folder]`.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::path::Path;
use std::time::{Duration, Instant};

use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use ork_core::run::RunStatus;
use ork_core::time::Time;
use ork_engine::conformance::block_on;
use ork_engine::ports::{Index, Key, Objects, Precondition, Store, Write};
use ork_local::objects::Folder;
use ork_local::store::{Options, Sqlite, Sync};

fn report(what: &str, mut times: Vec<Duration>) {
    let mean = times.iter().sum::<Duration>() / times.len() as u32;
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 1000];
    println!(
        "{what:<58} mean {mean:>9.1?}  p50 {:>9.1?}  p99 {:>9.1?}  max {:>9.1?}",
        at(500),
        at(990),
        at(999)
    );
}

fn commits(root: &Path, sync: Sync, bytes: usize, pages: u32, times: usize, waking: bool) {
    let path = root.join(format!("{sync:?}-{bytes}-{pages}-{waking}.db"));
    let store = Sqlite::open(
        &path,
        &Options {
            sync,
            ..Options::default()
        },
    )
    .expect("opens");
    let run = RunId::new("nightly--20260601T023000Z").expect("valid");
    let key = |n: u32| {
        if n == 0 {
            Key::Run(run.clone())
        } else {
            Key::Page(run.clone(), n)
        }
    };
    let index = |n: u32, at: usize| match n {
        0 => Index {
            wake_at: waking.then_some(Time(at as i64)),
            status: Some(RunStatus::Running),
            workflow: None,
            created_at: Some(Time(1)),
        },
        _ => Index::default(),
    };
    let put = |n: u32, precondition, at| Write::Put {
        key: key(n),
        precondition,
        body: vec![b'x'; bytes],
        index: index(n, at),
    };
    let writes: Vec<_> = (0..pages)
        .map(|n| put(n, Precondition::Absent, 0))
        .collect();
    let mut versions = block_on(store.commit(&writes)).expect("created");
    let mut taken = Vec::with_capacity(times);
    for at in 0..times {
        let writes: Vec<_> = (0..pages)
            .map(|n| put(n, Precondition::At(versions[n as usize]), at))
            .collect();
        let start = Instant::now();
        versions = block_on(store.commit(&writes)).expect("replaced");
        taken.push(start.elapsed());
    }
    let wakes = if waking {
        ", another wake_at each time"
    } else {
        ""
    };
    report(
        &format!("commit {pages} x {bytes} B, {sync:?}{wakes}"),
        taken,
    );
}

fn objects(root: &Path, sync: Sync, times: usize) {
    let folder = Folder::open(&root.join(format!("objects-{sync:?}")), sync).expect("opens");
    let name =
        |n: usize, file: &str| ObjectName::parse(&format!("runs/r/t.{n}/1/{file}")).expect("valid");
    let timed = |work: &dyn Fn(usize) -> bool| {
        (0..times)
            .map(|n| {
                let start = Instant::now();
                assert!(work(n));
                start.elapsed()
            })
            .collect()
    };
    let body = [b'x'; 500];
    report(
        &format!("create 500 B in a new folder, {sync:?}"),
        timed(&|n| block_on(folder.create(&name(n, "spec.json"), &body)).is_ok()),
    );
    report(
        &format!("create 500 B in a known folder, {sync:?}"),
        timed(&|n| block_on(folder.create(&name(n, "claim"), &body)).is_ok()),
    );
    report(
        &format!("put 500 B over another, {sync:?}"),
        timed(&|n| block_on(folder.put(&name(n, "claim"), &body, None)).is_ok()),
    );
    report(
        &format!("get 500 B, {sync:?}"),
        timed(&|n| {
            block_on(folder.get(&name(n, "claim"), 1_000)).is_ok_and(|found| found.is_some())
        }),
    );
}

fn main() {
    let root = std::env::args_os().nth(1).map_or_else(
        || tempfile::tempdir().expect("a folder"),
        |folder| tempfile::tempdir_in(folder).expect("a folder"),
    );
    let root = root.path();
    let start = Instant::now();
    drop(Sqlite::open(&root.join("new.db"), &Options::default()).expect("opens"));
    println!("make and close an empty store: {:.1?}", start.elapsed());
    let start = Instant::now();
    drop(Sqlite::open(&root.join("new.db"), &Options::default()).expect("opens"));
    println!("open and close it again: {:.1?}", start.elapsed());
    commits(root, Sync::Normal, 2_000, 1, 10_000, false);
    commits(root, Sync::Normal, 2_000, 1, 10_000, true);
    commits(root, Sync::Normal, 8_000, 1, 5_000, false);
    commits(root, Sync::Normal, 8_000, 4, 2_000, true);
    commits(root, Sync::Full, 2_000, 1, 500, false);
    objects(root, Sync::Normal, 3_000);
    objects(root, Sync::Full, 100);
}
