//! Notices of verdicts over HTTP: settled together, each answered when its own is through.

use axum::Router;
use axum::http::StatusCode;
use ork_core::run::RunStatus;
use ork_host::Role;
use ork_host::testing::{Answer, BUCKET, World, envelope, hint, post, settings, written};

const FAN: &str =
    "name: w\ntasks:\n  a: {command: work, parallel: 6}\n  b: {command: work, depends_on: [a]}\n";

fn nothing() -> Answer {
    Answer {
        status: StatusCode::NO_CONTENT,
        retry_after: None,
        body: String::new(),
    }
}

/// A run whose six attempts are done, and the names of their verdicts.
async fn done(world: &World) -> Vec<String> {
    world.deploy(FAN).await;
    world.start("w", "r").await;
    let dispatch = ork_dispatch::router(world.engine(), &settings(Role::Dispatch));
    post(&dispatch, "/push", hint("dispatch", "r")).await;
    let mut names = Vec::new();
    for spec in world.started() {
        names.push(world.work(&spec, "1").await);
    }
    assert_eq!(names.len(), 6);
    world.hints();
    names
}

fn notify(routes: &Router, name: &str) -> tokio::task::JoinHandle<Answer> {
    let (routes, body) = (routes.clone(), written(name));
    tokio::spawn(async move { post(&routes, "/push", body).await })
}

#[tokio::test(start_paused = true)]
async fn verdicts_that_come_together_are_one_commit_and_one_hint() {
    let world = World::default();
    let names = done(&world).await;
    let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
    let (_, before, _) = world.calls();
    let answers: Vec<_> = names.iter().map(|name| notify(&routes, name)).collect();
    for answer in answers {
        assert_eq!(answer.await.expect("no panic"), nothing());
    }
    assert_eq!(world.calls().1 - before, 1);
    let hints = world.hints();
    assert_eq!(hints.len(), 1, "{hints:?}");
    assert_eq!(hints[0].run.as_str(), "r");
}

#[tokio::test(start_paused = true)]
async fn where_many_are_at_work_what_ends_within_half_a_second_is_one_commit() {
    let world = World::default();
    let many = FAN.replace("parallel: 6", "parallel: 40");
    world.deploy(&many).await;
    world.start("w", "r").await;
    let dispatch = ork_dispatch::router(world.engine(), &settings(Role::Dispatch));
    post(&dispatch, "/push", hint("dispatch", "r")).await;
    let specs = world.started();
    assert_eq!(specs.len(), 40);
    let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
    let (_, before, _) = world.calls();
    let (mut commits, mut names) = (Vec::new(), Vec::new());
    for some in specs.chunks(10) {
        let mut told = Vec::new();
        for spec in some {
            let name = world.work(spec, "1").await;
            told.push((name.clone(), notify(&routes, &name)));
            names.push(name);
            // The next one ends a moment later.
            tokio::time::sleep(std::time::Duration::from_millis(40)).await;
        }
        for (name, answer) in told {
            assert_eq!(answer.await.expect("no panic"), nothing(), "{name}");
        }
        commits.push(world.calls().1 - before);
    }
    // The first at once, the others of each ten half a second later; when fewer are at work nobody waits for others.
    assert_eq!(commits, [2, 3, 4, 14]);
    // One that was settled beside others is answered without waiting.
    let again = tokio::time::Instant::now();
    assert_eq!(post(&routes, "/push", written(&names[0])).await, nothing());
    assert_eq!(again.elapsed(), std::time::Duration::ZERO);
}

#[tokio::test]
async fn what_comes_while_a_commit_is_under_way_is_settled_by_the_next() {
    let world = World::default();
    let names = done(&world).await;
    let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
    let gate = world.hold_commits();
    let (_, before, _) = world.calls();
    let first = notify(&routes, &names[0]);
    while world.at_gate() < 1 {
        tokio::task::yield_now().await;
    }
    let others: Vec<_> = names[1..]
        .iter()
        .map(|name| notify(&routes, name))
        .collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished(), "its commit is not through");
    gate.add_permits(1);
    assert_eq!(first.await.expect("no panic"), nothing());
    while world.at_gate() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(
        others.iter().all(|other| !other.is_finished()),
        "nobody is answered before his own"
    );
    gate.add_permits(1);
    for other in others {
        assert_eq!(other.await.expect("no panic"), nothing());
    }
    assert_eq!(
        world.calls().1 - before,
        2,
        "one for the first, one for the rest"
    );
}

#[tokio::test]
async fn whoever_hangs_up_leaves_the_others_their_answer() {
    let world = World::default();
    let names = done(&world).await;
    let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
    let gate = world.hold_commits();
    let first = notify(&routes, &names[0]);
    while world.at_gate() < 1 {
        tokio::task::yield_now().await;
    }
    let second = notify(&routes, &names[1]);
    first.abort();
    assert!(first.await.expect_err("it hung up").is_cancelled());
    gate.add_permits(10);
    assert_eq!(second.await.expect("no panic"), nothing());
}

#[tokio::test]
async fn a_verdict_that_was_seen_costs_nothing_the_second_time() {
    let world = World::default();
    let names = done(&world).await;
    let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
    assert_eq!(post(&routes, "/push", written(&names[0])).await, nothing());
    let calls = world.calls();
    for _ in 0..2 {
        assert_eq!(post(&routes, "/push", written(&names[0])).await, nothing());
    }
    assert_eq!(world.calls(), calls);
}

#[tokio::test]
async fn all_verdicts_settled_the_run_goes_on() {
    let world = World::default();
    let names = done(&world).await;
    // Every process answers one notice and is gone.
    for name in &names {
        let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
        assert_eq!(post(&routes, "/push", written(name)).await, nothing());
    }
    let dispatch = ork_dispatch::router(world.engine(), &settings(Role::Dispatch));
    post(&dispatch, "/push", hint("dispatch", "r")).await;
    let started = world.started();
    assert_eq!(started.len(), 1);
    let last = world.work(&started[0], "2").await;
    let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
    assert_eq!(post(&routes, "/push", written(&last)).await, nothing());
    assert_eq!(world.status("r").await, RunStatus::Success);
}

#[tokio::test]
async fn a_store_or_bucket_that_is_down_is_worth_another_try() {
    let world = World::default();
    let names = done(&world).await;
    let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
    world.store_down(true);
    let answer = post(&routes, "/push", written(&names[0])).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.retry_after.as_deref(), Some("5"));
    world.store_down(false);
    world.objects_down(true);
    let answer = post(&routes, "/push", written(&names[0])).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    world.objects_down(false);
    assert_eq!(post(&routes, "/push", written(&names[0])).await, nothing());
}

#[tokio::test]
async fn other_objects_are_answered_without_looking_at_anything() {
    let world = World::default();
    let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
    let hash = "a".repeat(64);
    let ours = [
        "runs/r/a/1/claim".to_owned(),
        "runs/r/a.3/1/status.json".into(),
        "runs/r/a/1/spec.json".into(),
        "runs/r/a/1/output.json".into(),
        "runs/r/a/1/log.txt".into(),
        "runs/r/a/output.json".into(),
        format!("runs/r/batches/{hash}.json"),
        "workflows/w/workflow.status.json".into(),
        format!("workflows/w/bundles/{hash}.tar.zst"),
    ];
    for name in &ours {
        assert_eq!(
            post(&routes, "/push", written(name)).await,
            nothing(),
            "{name}"
        );
    }
    let of = |bucket: &str, object: &str, event: &str| {
        envelope(&[
            ("bucketId", bucket),
            ("objectId", object),
            ("eventType", event),
        ])
    };
    for body in [
        of(BUCKET, "holiday.jpg", "OBJECT_FINALIZE"),
        of("another", "runs/r/a/1/result.json", "OBJECT_FINALIZE"),
        of(BUCKET, "runs/r/a/1/result.json", "OBJECT_DELETE"),
        hint("monitor", "r"),
    ] {
        assert_eq!(
            post(&routes, "/push", body.clone()).await,
            nothing(),
            "{body}"
        );
    }
    // A verdict of a run that nobody knows is looked for, and that is all.
    let unknown = post(&routes, "/push", written("runs/unknown/a/1/result.json")).await;
    assert_eq!(unknown, nothing());
    let (_, commits, objects) = world.calls();
    assert_eq!((commits, objects), (0, 0));
    let health = axum::http::Request::get("/healthz").body(axum::body::Body::empty());
    let health = ork_host::testing::send(&routes, health.expect("a request")).await;
    assert_eq!(
        (&health.json()["broken"], &health.json()["passed_over"]),
        (&1.into(), &3.into())
    );
}
