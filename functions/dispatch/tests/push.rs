//! Dispatch over HTTP.

#[path = "push/early.rs"]
mod early;

use axum::http::StatusCode;
use ork_core::run::RunStatus;
use ork_host::settings::{Auth, Caller, Settings};
use ork_host::testing::{Answer, World, envelope, hint, post, settings};
use ork_host::{Role, Serving};

const CHAIN: &str =
    "name: w\ntasks:\n  a: {command: work}\n  b: {command: work, depends_on: [a]}\n";
const WIDE: &str = "name: w\ntasks:\n  a: {command: work, parallel: 10}\n";

fn nothing(status: StatusCode) -> Answer {
    Answer {
        status,
        retry_after: None,
        body: String::new(),
    }
}

#[tokio::test]
async fn a_hint_has_what_is_ready_started_once() {
    let world = World::default();
    world.deploy(CHAIN).await;
    world.start("w", "r").await;
    let routes = ork_dispatch::router(world.engine(), &settings(Role::Dispatch));
    for _ in 0..3 {
        let answer = post(&routes, "/push", hint("dispatch", "r")).await;
        assert_eq!(answer, nothing(StatusCode::NO_CONTENT));
    }
    let started = world.started();
    assert_eq!(started.len(), 1, "and the doubled hints found nothing");
    assert_eq!(started[0].task_name.as_str(), "a");
    assert_eq!(world.status("r").await, RunStatus::Running);
}

#[tokio::test]
async fn more_than_one_commit_may_hold_is_started_commit_by_commit() {
    let world = World::default();
    world.deploy(WIDE).await;
    world.start("w", "r").await;
    let mut few = settings(Role::Dispatch);
    few.serving.places = 3;
    let routes = ork_dispatch::router(world.engine(), &few);
    let (_, before, _) = world.calls();
    let answer = post(&routes, "/push", hint("dispatch", "r")).await;
    assert_eq!(answer, nothing(StatusCode::NO_CONTENT));
    assert_eq!(world.started().len(), 10);
    let (_, after, _) = world.calls();
    assert_eq!(after - before, 4, "3, 3, 3 and 1");
}

#[tokio::test]
async fn what_there_is_nothing_to_do_about_is_answered_all_the_same() {
    let world = World::default();
    let routes = ork_dispatch::router(world.engine(), &settings(Role::Dispatch));
    for body in [
        hint("dispatch", "unknown"),
        hint("poll", "r"),
        hint("dispatch", "../r"),
        envelope(&[]),
        "no envelope".to_owned(),
    ] {
        let answer = post(&routes, "/push", body.clone()).await;
        assert_eq!(answer, nothing(StatusCode::NO_CONTENT), "{body}");
    }
    assert!(world.started().is_empty());
}

#[tokio::test]
async fn a_store_that_is_down_is_the_one_thing_worth_another_try() {
    let world = World::default();
    world.deploy(CHAIN).await;
    world.start("w", "r").await;
    let routes = ork_dispatch::router(world.engine(), &settings(Role::Dispatch));
    world.store_down(true);
    let answer = post(&routes, "/push", hint("dispatch", "r")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.retry_after.as_deref(), Some("5"));
    assert_eq!(
        answer.json(),
        serde_json::json!({"title": "Service Unavailable", "status": 503, "detail": "the store is down"})
    );
    world.store_down(false);
    let answer = post(&routes, "/push", hint("dispatch", "r")).await;
    assert_eq!(answer, nothing(StatusCode::NO_CONTENT));
    assert_eq!(world.started().len(), 1);
}

#[tokio::test]
async fn strangers_are_kept_out_before_anything_is_read() {
    let world = World::default();
    let guarded = settings(Role::Dispatch);
    let guarded = Settings {
        serving: Serving {
            auth: Auth::Verify(Caller {
                audience: "https://dispatch.example".into(),
                email: "push@p.iam.gserviceaccount.com".into(),
            }),
            ..guarded.serving
        },
        ..guarded
    };
    let routes = ork_dispatch::router(world.engine(), &guarded);
    let answer = post(&routes, "/push", hint("dispatch", "r")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.json(),
        serde_json::json!({"title": "Unauthorized", "status": 401, "detail": "an identity token of Google is needed"})
    );
    assert_eq!(world.calls(), (0, 0, 0));
}

#[tokio::test]
async fn word_of_a_verdict_has_it_settled_and_what_waited_started() {
    let world = World::default();
    world.deploy(CHAIN).await;
    world.start("w", "r").await;
    let routes = ork_dispatch::router(world.engine(), &settings(Role::Dispatch));
    post(&routes, "/push", hint("dispatch", "r")).await;
    let first = world.started().remove(0);
    let verdict = world.work(&first, "1").await;
    let told = |verdict: &str| {
        serde_json::json!({"verdict": verdict, "topic": "projects/p/topics/t"}).to_string()
    };
    for _ in 0..2 {
        let answer = post(&routes, "/finished", told(&verdict)).await;
        // What is not for that topic has gone the usual way.
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json(), serde_json::json!({"next": null}));
    }
    let started = world.started();
    assert_eq!(started.len(), 1, "once");
    assert_eq!(started[0].task_name.as_str(), "b");
    let unknown = told("runs/unknown/a/1/result.json");
    let answer = post(&routes, "/finished", unknown).await;
    assert_eq!(answer, nothing(StatusCode::NO_CONTENT));
    for wrong in ["{}".to_owned(), told("runs/r/a/1/claim"), told("x")] {
        let answer = post(&routes, "/finished", wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    let last = world.work(&started[0], "2").await;
    world.store_down(true);
    let answer = post(&routes, "/finished", told(&last)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    world.store_down(false);
    let answer = post(&routes, "/finished", told(&last)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(world.status("r").await, RunStatus::Success);
}
