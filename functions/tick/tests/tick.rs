//! The tick over HTTP.

use std::time::Duration;

use axum::http::StatusCode;
use ork_core::ids::RunId;
use ork_core::run::RunStatus;
use ork_core::time::Millis;
use ork_host::Role;
use ork_host::testing::{World, post, settings};
use serde_json::json;

const HOURLY: &str = "name: hourly\nschedule: '0 * * * *'\ntasks:\n  a: {command: work}\n";
const ONE: &str = "name: w\ntasks:\n  a: {command: work}\n";

#[tokio::test]
async fn an_idle_tick_is_two_queries() {
    let world = World::default();
    let routes = ork_tick::router(world.engine(), &settings(Role::Tick));
    let answer = post(&routes, "/tick", "any body").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.json(),
        json!({"fired": [], "runs": [], "removed": 0, "errors": 0, "more": false})
    );
    // A process looks once for what was noted before it, and notes idle ticks every five minutes.
    assert_eq!(world.calls(), (3, 1, 0));
    for (after, calls) in [(60, (5, 1, 0)), (239, (7, 1, 0)), (1, (9, 2, 0))] {
        world.pass(Duration::from_secs(after));
        post(&routes, "/tick", "").await;
        assert_eq!(world.calls(), calls, "{after} s later");
    }
}

#[tokio::test]
async fn what_ticks_did_is_noted_and_known_to_others() {
    let world = World::default();
    world.deploy(HOURLY).await;
    let routes = ork_tick::router(world.engine(), &settings(Role::Tick));
    let other = ork_tick::router(world.engine(), &settings(Role::Tick));
    post(&routes, "/tick", "").await;
    world.pass(Duration::from_secs(3_600));
    post(&routes, "/tick", "").await;
    post(&other, "/tick", "").await;
    let ticks = world.engine().last_ticks().await.expect("they are read");
    let seen: Vec<_> = ticks.iter().map(|one| (one.fired, one.runs)).collect();
    assert_eq!(seen, [(1, 0), (0, 0)], "the other was idle, and soon after");
    // The first process does not know of what the other writes: it loses once, and nothing else comes of it.
    world.pass(Duration::from_secs(600));
    post(&other, "/tick", "").await;
    let answer = post(&routes, "/tick", "").await;
    assert_eq!(answer.status, StatusCode::OK);
    for _ in 0..20 {
        world.pass(Duration::from_secs(300));
        post(&routes, "/tick", "").await;
    }
    let ticks = world.engine().last_ticks().await.expect("they are read");
    assert_eq!(ticks.len(), 10);
    assert!(ticks.is_sorted_by(|a, b| a.at >= b.at), "{ticks:?}");
}

#[tokio::test]
async fn runs_that_ended_long_ago_go_between_three_and_four() {
    let world = World::default();
    world
        .deploy("name: w\ntasks:\n  a: {executor: marker}\n")
        .await;
    world.start("w", "old").await;
    let mut keeping = settings(Role::Tick);
    keeping.cloud.retention.runs = Some(Millis::from_secs(86_400));
    let routes = ork_tick::router(world.engine(), &keeping);
    let ended = post(&routes, "/tick", "").await.json();
    assert_eq!(ended["removed"], 0, "{ended}");
    assert_eq!(world.status("old").await, RunStatus::Success);
    // A day and two hours later it is old enough, and too early in the day.
    world.pass(Duration::from_secs(26 * 3_600));
    world.start("w", "young").await;
    post(&routes, "/tick", "").await;
    assert_eq!(world.status("old").await, RunStatus::Success);
    world.pass(Duration::from_secs(3_600));
    let removed = post(&routes, "/tick", "").await.json();
    assert_eq!(
        (&removed["removed"], &removed["errors"]),
        (&json!(1), &json!(0))
    );
    let gone = world.engine().run(&RunId::new("old").expect("an id")).await;
    assert!(gone.is_err(), "it is gone");
    assert_eq!(world.status("young").await, RunStatus::Success);
    // Once a day.
    let (reads, ..) = world.calls();
    world.pass(Duration::from_secs(60));
    post(&routes, "/tick", "").await;
    assert_eq!(world.calls().0, reads + 2);
    let noted = world.engine().last_ticks().await.expect("they are read");
    assert_eq!(noted.first().map(|one| one.removed), Some(1));
}

#[tokio::test]
async fn a_slot_that_is_due_makes_its_run_once_and_says_so() {
    let world = World::default();
    world.deploy(HOURLY).await;
    world.pass(Duration::from_secs(3_600));
    let routes = ork_tick::router(world.engine(), &settings(Role::Tick));
    let first = post(&routes, "/tick", "").await.json();
    assert_eq!(
        first["fired"],
        json!([{"workflow": "hourly", "slot": "2026-06-01T01:00:00Z", "run": "hourly--20260601T010000Z"}])
    );
    let second = post(&routes, "/tick", "").await.json();
    assert_eq!(second["fired"], json!([]));
    assert_eq!(
        world.status("hourly--20260601T010000Z").await,
        RunStatus::Running
    );
}

#[tokio::test]
async fn it_goes_on_in_rounds_while_there_is_more() {
    let world = World::default();
    world.deploy(ONE).await;
    for n in 0..7 {
        world.start("w", &format!("r{n}")).await;
    }
    world.pass(Duration::from_secs(10));
    let mut small = settings(Role::Tick);
    small.serving.tick_limit = 3;
    let routes = ork_tick::router(world.engine(), &small);
    let said = post(&routes, "/tick", "").await.json();
    assert_eq!(said["runs"].as_array().map(Vec::len), Some(7));
    assert_eq!(
        said["runs"][0],
        json!({"run": "r0", "commits": 1, "status": "running"})
    );
    assert_eq!((&said["errors"], &said["more"]), (&json!(0), &json!(false)));
    assert_eq!(world.started().len(), 7, "it claims by itself");
}

#[tokio::test]
async fn a_store_that_is_down_is_said() {
    let world = World::default();
    let routes = ork_tick::router(world.engine(), &settings(Role::Tick));
    world.store_down(true);
    let answer = post(&routes, "/tick", "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.retry_after.as_deref(), Some("5"));
}

/// A tick whose commit does not come through, until the gate is opened.
#[tokio::test]
async fn one_tick_at_a_time_and_none_for_longer_than_its_time() {
    let world = World::default();
    world.deploy(ONE).await;
    world.start("w", "r").await;
    world.pass(Duration::from_secs(10));
    let mut short = settings(Role::Tick);
    short.serving.deadline = Duration::from_millis(500);
    let routes = ork_tick::router(world.engine(), &short);
    let gate = world.hold_commits();
    let first = tokio::spawn({
        let routes = routes.clone();
        async move { post(&routes, "/tick", "").await }
    });
    while world.at_gate() == 0 {
        tokio::task::yield_now().await;
    }
    let second = post(&routes, "/tick", "").await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(
        second.json(),
        json!({"skipped": "another tick is under way in this process"})
    );
    let first = first.await.expect("no panic");
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(
        first.json(),
        json!({"fired": [], "runs": [], "removed": 0, "errors": 0, "more": true})
    );
    gate.add_permits(100);
    let third = post(&routes, "/tick", "").await.json();
    assert_eq!(third["runs"][0]["run"], "r", "the next tick goes on");
    assert_eq!(world.started().len(), 1);
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_told_by_the_tick_that_finds_it() {
    let world = World::default();
    let told = "notifications:\n  - {on: [deadline, failure], webhook: 'https://example.com'}\n";
    world
        .deploy(&ONE.replace("tasks:", &format!("deadline: 1m\n{told}tasks:")))
        .await;
    world.start("w", "r").await;
    let routes = ork_tick::router(world.engine(), &settings(Role::Tick));
    world.pass(Duration::from_secs(61));
    post(&routes, "/tick", "").await;
    assert_eq!(world.status("r").await, RunStatus::Failed);
    let ids: Vec<String> = world.letters().into_iter().map(|one| one.id).collect();
    assert_eq!(ids, ["r.deadline.0.1"]);
    world.pass(Duration::from_secs(3_600));
    post(&routes, "/tick", "").await;
    assert!(world.letters().is_empty(), "it is told once");
}
