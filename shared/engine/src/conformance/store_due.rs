//! Cases: what is due.

use ork_core::ids::VersionHash;
use ork_core::run::RunStatus;
use ork_core::time::Time;

use super::sample::{
    committed_one, create, delete, header, put, run, run_id, waking, workflow, workflow_name,
};
use super::world::StoreWorld;
use crate::ports::{Index, Key, Precondition, Store};

/// Up to and including now, ties by id, never without an instant.
pub async fn due_runs_come_earliest_first<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    for (id, at) in [
        ("late", 30),
        ("early", -7),
        ("tie-b", 20),
        ("tie-a", 20),
        ("future", 31),
    ] {
        committed_one(&store, put(&run(id), Precondition::Absent, b"", waking(at))).await;
    }
    committed_one(&store, create(&run("never"), b"")).await;
    let due = store.due_runs(Time(30), 10).await.expect("due runs");
    let expected = [("early", -7), ("tie-a", 20), ("tie-b", 20), ("late", 30)]
        .map(|(id, at)| (run_id(id), Time(at)));
    assert_eq!(due, expected);
    assert_eq!(store.due_runs(Time(-8), 10).await.expect("due runs"), []);
}

/// The same for workflows.
pub async fn due_workflows_come_earliest_first<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    for (name, at) in [
        ("late", 30),
        ("early", 1),
        ("tie-b", 20),
        ("tie-a", 20),
        ("future", 31),
    ] {
        committed_one(
            &store,
            put(&workflow(name), Precondition::Absent, b"", waking(at)),
        )
        .await;
    }
    committed_one(&store, create(&workflow("manual"), b"")).await;
    let due = store
        .due_workflows(Time(30), 10)
        .await
        .expect("due workflows");
    let expected = [("early", 1), ("tie-a", 20), ("tie-b", 20), ("late", 30)]
        .map(|(name, at)| (workflow_name(name), Time(at)));
    assert_eq!(due, expected);
    assert_eq!(
        store
            .due_workflows(Time(0), 10)
            .await
            .expect("due workflows"),
        []
    );
}

/// The earliest ones.
pub async fn only_as_many_as_asked_for_are_due<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    for n in 0..7_i64 {
        committed_one(
            &store,
            put(
                &run(&format!("r{n}")),
                Precondition::Absent,
                b"",
                waking(100 - n),
            ),
        )
        .await;
        committed_one(
            &store,
            put(
                &workflow(&format!("w{n}")),
                Precondition::Absent,
                b"",
                waking(100 - n),
            ),
        )
        .await;
    }
    for limit in [1, 3, 7, 8] {
        let expected: Vec<i64> = (94..=100).take(limit).collect();
        let runs: Vec<_> = store
            .due_runs(Time(1000), limit)
            .await
            .expect("due runs")
            .into_iter()
            .map(|(_, at)| at.0)
            .collect();
        assert_eq!(runs, expected, "limit {limit}");
        let workflows: Vec<_> = store
            .due_workflows(Time(1000), limit)
            .await
            .expect("due workflows")
            .into_iter()
            .map(|(_, at)| at.0)
            .collect();
        assert_eq!(workflows, expected, "limit {limit}");
    }
    assert_eq!(store.due_runs(Time(1000), 0).await.expect("due runs"), []);
}

/// Put off, put forward, called off, removed.
pub async fn what_is_due_follows_the_last_write<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let key = run("r");
    let mut version = committed_one(&store, put(&key, Precondition::Absent, b"", waking(10))).await;
    for (at, expected) in [
        (Some(60), None),
        (Some(5), Some(5)),
        (None, None),
        (Some(7), Some(7)),
        (Some(7), Some(7)),
    ] {
        let index = Index {
            wake_at: at.map(Time),
            ..header(RunStatus::Running, "w", 1)
        };
        version = committed_one(&store, put(&key, Precondition::At(version), b"x", index)).await;
        let due = store.due_runs(Time(50), 10).await.expect("due runs");
        let expected: Vec<_> = expected
            .map(|at| (run_id("r"), Time(at)))
            .into_iter()
            .collect();
        assert_eq!(due, expected, "after wake_at became {at:?}");
    }
    committed_one(&store, delete(&key, version)).await;
    assert_eq!(store.due_runs(Time(50), 10).await.expect("due runs"), []);
}

/// And nothing else is ever due.
pub async fn runs_and_workflows_are_due_apart<W: StoreWorld>(world: &W) {
    let store = world.open().await;
    let others = [
        Key::Page(run_id("a"), 1),
        Key::WorkflowVersion(workflow_name("a"), VersionHash::of(b"a")),
        Key::Pool("a".parse().expect("a valid pool name")),
        Key::Dead("a".to_owned()),
    ];
    for key in others.iter().chain(&[run("a"), workflow("a")]) {
        committed_one(&store, put(key, Precondition::Absent, b"", waking(1))).await;
    }
    assert_eq!(
        store.due_runs(Time(9), 10).await.expect("due runs"),
        [(run_id("a"), Time(1))]
    );
    assert_eq!(
        store
            .due_workflows(Time(9), 10)
            .await
            .expect("due workflows"),
        [(workflow_name("a"), Time(1))]
    );
}
