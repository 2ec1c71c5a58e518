//! Poll over HTTP: hints, wakes and events.

#[path = "poll/events.rs"]
mod events;

use std::time::Duration;

use axum::http::StatusCode;
use ork_core::run::RunStatus;
use ork_host::Role;
use ork_host::testing::{World, hint, post, settings};

const DEADLINE: &str = "name: w\ndeadline: 60s\ntasks:\n  a: {command: work}\n";

#[tokio::test]
async fn both_ways_look_at_a_run_when_its_time_has_come() {
    for (path, body) in [
        ("/push", hint("poll", "r")),
        ("/wake", r#"{"run": "r"}"#.to_owned()),
    ] {
        let world = World::default();
        world.deploy(DEADLINE).await;
        world.start("w", "r").await;
        let routes = ork_poll::router(world.engine(), &settings(Role::Poll));
        let early = post(&routes, path, body.clone()).await;
        assert_eq!(
            (early.status, early.body.as_str()),
            (StatusCode::NO_CONTENT, "")
        );
        assert_eq!(world.started().len(), 1, "{path}: it claims what is ready");
        assert_eq!(world.status("r").await, RunStatus::Running, "{path}");
        world.pass(Duration::from_secs(61));
        let due = post(&routes, path, body.clone()).await;
        assert_eq!(due.status, StatusCode::NO_CONTENT);
        assert_eq!(
            world.status("r").await,
            RunStatus::Failed,
            "{path}: the deadline is over"
        );
        let (_, commits, _) = world.calls();
        let again = post(&routes, path, body).await;
        assert_eq!(again.status, StatusCode::NO_CONTENT);
        assert_eq!(
            world.calls().1,
            commits,
            "{path}: the second wake finds nothing"
        );
    }
}

#[tokio::test]
async fn a_wake_is_read_strictly_and_never_sent_again() {
    let world = World::default();
    let routes = ork_poll::router(world.engine(), &settings(Role::Poll));
    for body in [
        "",
        "{}",
        "r",
        r#"{"run": 1}"#,
        r#"{"run": "../r"}"#,
        r#"{"run": "r", "at": 1}"#,
        r#"{"run": "r"} {"run": "r"}"#,
        r#"{"run": "unknown"}"#,
    ] {
        let answer = post(&routes, "/wake", body).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::NO_CONTENT, ""),
            "{body}"
        );
    }
    let answer = post(&routes, "/push", hint("dispatch", "r")).await;
    assert_eq!(
        answer.status,
        StatusCode::NO_CONTENT,
        "a hint to another function"
    );
    assert_eq!(world.calls().1, 0);
}

#[tokio::test]
async fn a_store_that_is_down_is_the_one_thing_worth_another_try() {
    let world = World::default();
    let routes = ork_poll::router(world.engine(), &settings(Role::Poll));
    world.store_down(true);
    for (path, body) in [
        ("/push", hint("poll", "r")),
        ("/wake", r#"{"run": "r"}"#.to_owned()),
    ] {
        let answer = post(&routes, path, body).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.retry_after.as_deref(), Some("5"));
    }
}
