//! What became of definitions that were put into the bucket, as monitor left it there.

use ork_engine::{EngineErrorKind, Upload, UploadStatus};
use serde_json::{Value, json};

use crate::support::*;

fn put(world: &World, workflow: &str, file: &str, bytes: &[u8]) {
    world.put_object(&format!("workflows/{workflow}/{file}"), bytes);
}

fn judged(world: &World, workflow: &str, status: &Value) {
    let text = status.to_string();
    put(world, workflow, "workflow.status.json", text.as_bytes());
}

fn accepted() -> Value {
    json!({
        "format": 1, "accepted": true, "version": "0".repeat(64), "generation": 7,
        "errors": [], "warnings": [], "at": "2026-06-01T00:00:00Z", "by": "a newer Ork",
    })
}

fn refused() -> Value {
    json!({
        "format": 1, "accepted": false, "version": null, "generation": 8, "at": "2026-06-01T00:00:01Z",
        "errors": [
            {"file": "workflow.yaml", "line": 3, "column": 5, "code": "ORK040", "message": "no such task", "hint": "is it `b`?"},
            {"file": "workflow.yaml", "line": 1, "column": 1, "code": null, "message": "there is no bundle"},
        ],
        "warnings": [],
    })
}

fn status(world: &World, workflow: &str) -> Option<UploadStatus> {
    world
        .run(world.engine().upload_status(&name(workflow)))
        .unwrap()
}

/// All of them, `limit` at a time, and in how many pages they came.
fn all(world: &World, limit: usize) -> (Vec<Upload>, usize) {
    let engine = world.engine();
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = engine.uploads(after.as_ref(), limit);
        let (items, next) = world.run(page).unwrap();
        assert!(items.len() <= limit, "{items:?}");
        found.extend(items);
        pages += 1;
        after = next;
        if after.is_none() {
            return (found, pages);
        }
    }
}

#[test]
fn what_was_said_of_an_upload_is_read_and_what_a_newer_ork_says_beside_it_is_passed_over() {
    let world = World::new();
    assert_eq!(status(&world, "etl"), None);
    put(&world, "etl", "workflow.yaml", b"name: etl\n");
    assert_eq!(status(&world, "etl"), None, "nobody has looked at it yet");
    judged(&world, "etl", &accepted());
    let said = status(&world, "etl").expect("it is judged");
    assert!(said.accepted && said.errors.is_empty());
    assert_eq!(said.version.as_deref(), Some("0".repeat(64).as_str()));
    // A later one takes its place.
    judged(&world, "etl", &refused());
    let said = status(&world, "etl").expect("it is judged");
    assert_eq!((said.accepted, said.version), (false, None));
    assert_eq!(
        (said.errors[0].line, said.errors[0].code.as_deref()),
        (3, Some("ORK040"))
    );
    assert_eq!(
        (said.errors[1].code.as_ref(), said.errors[1].hint.as_ref()),
        (None, None)
    );
}

#[test]
fn uploads_are_listed_by_workflow_a_page_at_a_time() {
    let world = World::new();
    assert_eq!(all(&world, 2), (Vec::new(), 1));
    // One name is the beginning of others, which lie before it and behind it.
    for workflow in ["a", "a-b", "a_b", "ab", "b"] {
        put(&world, workflow, "workflow.yaml", b"name: x\n");
    }
    put(&world, "a", "ork.yaml", b"pools: {}\n");
    put(&world, "a", "queries/load.sql", b"SELECT 1\n");
    judged(&world, "a", &accepted());
    judged(&world, "ab", &refused());
    // Its definition was removed; what was said of it stays.
    judged(&world, "gone", &accepted());
    let mut pages = Vec::new();
    for limit in [1, 2, 3, 6, 50] {
        let (found, n) = all(&world, limit);
        let mut names: Vec<&str> = found.iter().map(|one| one.workflow.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "a-b", "a_b", "ab", "b", "gone"], "by {limit}");
        let told: Vec<_> = found
            .iter()
            .filter_map(|one| Some((one.workflow.as_str(), one.status.as_ref()?.accepted)))
            .collect();
        assert_eq!(told, [("a", true), ("ab", false), ("gone", true)]);
        pages.push(n);
    }
    assert_eq!(pages, [6, 3, 2, 1, 1]);
}

#[test]
fn a_status_that_cannot_be_read_is_said_and_a_bucket_that_is_down_is_worth_another_try() {
    let world = World::new();
    for (bytes, why) in [
        (
            b"{".to_vec(),
            "workflows/etl/workflow.status.json cannot be read",
        ),
        (b"{\"accepted\": 1}".to_vec(), "cannot be read"),
        (vec![b' '; (8 << 20) + 1], "workflow.status.json"),
    ] {
        put(&world, "etl", "workflow.status.json", &bytes);
        let engine = world.engine();
        let error = world.run(engine.upload_status(&name("etl"))).unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Corrupt, "{error}");
        assert!(error.message.contains(why), "{error}");
    }
    world
        .0
        .objects_down
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let engine = world.engine();
    let error = world.run(engine.upload_status(&name("etl"))).unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable);
    let error = world.run(engine.uploads(None, 10)).unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable);
}
