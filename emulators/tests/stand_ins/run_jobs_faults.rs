//! Cloud Run jobs: what goes wrong on demand, by library call and by the control route.

use google_cloud_gax::error::rpc::Code;
use google_cloud_run_v2::model::condition::{ExecutionReason, Reasons};
use ork_emulators::run_jobs::{Call, Effect, Fault, Phase};
use serde_json::json;

use crate::run_jobs::{JOB, World};
use crate::support::until;

#[tokio::test]
async fn a_quota_error_starts_nothing_and_passes() {
    let world = World::shell("true").await;
    world
        .stand_in
        .fault(Fault::once(Effect::Answer { status: 429 }))
        .unwrap();
    let error = world.jobs.run_job().set_name(JOB).send().await.unwrap_err();
    assert_eq!(error.http_status_code(), Some(429));
    assert_eq!(error.status().unwrap().code, Code::ResourceExhausted);
    assert_eq!(world.stand_in.executions(JOB).len(), 0);
    let name = world.run(1).await;
    assert_eq!(world.end_of(&name).await.succeeded_count, 1);
}

#[tokio::test]
async fn a_start_may_have_happened_although_the_answer_says_no() {
    let world = World::shell("true").await;
    world
        .stand_in
        .fault(Fault::once(Effect::AnswerAfterwards { status: 503 }))
        .unwrap();
    let error = world.jobs.run_job().set_name(JOB).send().await.unwrap_err();
    assert_eq!(error.http_status_code(), Some(503));
    let started = world
        .executions
        .list_executions()
        .set_parent(JOB)
        .send()
        .await
        .unwrap()
        .executions;
    assert_eq!(started.len(), 1);
    assert_eq!(world.end_of(&started[0].name).await.succeeded_count, 1);
}

#[tokio::test]
async fn an_execution_that_never_starts_stays_pending_until_it_is_cancelled() {
    let world = World::shell("echo ran").await;
    world
        .stand_in
        .fault(Fault::once(Effect::NeverStart))
        .unwrap();
    let name = world.run(2).await;
    let execution = world.get(&name).await;
    assert_eq!((execution.start_time, execution.running_count), (None, 0));
    let started = execution
        .conditions
        .iter()
        .find(|condition| condition.r#type == "Started")
        .unwrap();
    assert_eq!(
        started.reasons,
        Some(Reasons::ExecutionReason(
            ExecutionReason::DelayedStartPending
        ))
    );
    // A run after it is not held up.
    let other = world.run(1).await;
    assert_eq!(world.end_of(&other).await.succeeded_count, 1);
    assert_eq!(
        world.stand_in.execution(&name).unwrap().phase,
        Phase::Pending
    );
    world
        .executions
        .cancel_execution()
        .set_name(&name)
        .send()
        .await
        .unwrap();
    assert_eq!(world.end_of(&name).await.cancelled_count, 2);
    assert_eq!(world.stand_in.output(&name).unwrap(), "");
}

#[tokio::test]
async fn a_slow_start_is_a_start_after_its_delay() {
    let world = World::shell("true").await;
    world
        .stand_in
        .fault(Fault::once(Effect::SlowStart { delay_ms: 300 }))
        .unwrap();
    let begun = std::time::Instant::now();
    let name = world.run(1).await;
    assert_eq!(
        world.stand_in.execution(&name).unwrap().phase,
        Phase::Pending
    );
    assert_eq!(world.end_of(&name).await.succeeded_count, 1);
    assert!(begun.elapsed() >= std::time::Duration::from_millis(300));
}

#[tokio::test]
async fn tasks_can_end_before_their_process_begins() {
    let world = World::shell("echo ran").await;
    let effect = Effect::ExitWith {
        code: 125,
        tasks: Some(vec![0]),
    };
    world.stand_in.fault(Fault::once(effect)).unwrap();
    let name = world.run(2).await;
    let execution = world.end_of(&name).await;
    assert_eq!((execution.succeeded_count, execution.failed_count), (1, 1));
    assert_eq!(world.stand_in.output(&name).unwrap(), "ran\n");
}

#[tokio::test]
async fn reads_and_cancellations_fail_on_demand_too() {
    let world = World::shell("true").await;
    let name = world.run(1).await;
    world.end_of(&name).await;
    for call in [Call::Get, Call::List, Call::Cancel] {
        let fault = Fault {
            on: call,
            job: Some(JOB.to_owned()),
            effect: Effect::Answer { status: 403 },
            times: Some(1),
        };
        world.stand_in.fault(fault).unwrap();
    }
    let get = world
        .executions
        .get_execution()
        .set_name(&name)
        .send()
        .await
        .unwrap_err();
    let list = world
        .executions
        .list_executions()
        .set_parent(JOB)
        .send()
        .await
        .unwrap_err();
    let cancel = world
        .executions
        .cancel_execution()
        .set_name(&name)
        .send()
        .await
        .unwrap_err();
    for error in [get, list, cancel] {
        assert_eq!(error.status().unwrap().code, Code::PermissionDenied);
    }
    assert!(
        world
            .executions
            .get_execution()
            .set_name(&name)
            .send()
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_control_routes_do_what_the_library_does() {
    let world = World::shell("true").await;
    let client = reqwest::Client::new();
    let url = |path: &str| format!("{}/control/{path}", world.stand_in.endpoint());
    let job = json!({"name": "projects/p/locations/r/jobs/other", "command": ["sh", "-c", "echo from $WHERE; sleep 1000"], "env": {"WHERE": "control"}});
    assert_eq!(
        client
            .post(url("jobs"))
            .json(&job)
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    let fault = json!({"effect": {"kind": "answer", "status": 429}, "times": 2});
    assert_eq!(
        client
            .post(url("faults"))
            .json(&fault)
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    let faults: serde_json::Value = client
        .get(url("faults"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        faults,
        json!([{"on": "run", "effect": {"kind": "answer", "status": 429}, "times": 2}])
    );
    assert!(world.jobs.run_job().set_name(JOB).send().await.is_err());
    assert_eq!(
        client.delete(url("faults")).send().await.unwrap().status(),
        204
    );
    let started = world
        .jobs
        .run_job()
        .set_name("projects/p/locations/r/jobs/other")
        .send()
        .await
        .unwrap();
    let name = started
        .metadata
        .unwrap()
        .to_msg::<google_cloud_run_v2::model::Execution>()
        .unwrap()
        .name;
    until("the process has printed", || async {
        let output = client
            .get(url(&format!("output/{name}")))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        (output == "from control\n").then_some(())
    })
    .await;
    assert_eq!(
        client
            .post(url(&format!("kill/0/{name}")))
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    assert_eq!(world.end_of(&name).await.failed_count, 1);
    assert_eq!(
        client
            .post(url(&format!("kill/0/{name}")))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    assert_eq!(
        client.post(url("wipe/p")).send().await.unwrap().status(),
        204
    );
    assert_eq!(
        client
            .get(url(&format!("output/{name}")))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused() {
    let world = World::shell("true").await;
    assert!(
        world
            .stand_in
            .fault(Fault::once(Effect::Answer { status: 200 }))
            .is_err()
    );
    assert!(
        world
            .stand_in
            .fault(Fault::once(Effect::ExitWith {
                code: 0,
                tasks: None
            }))
            .is_err()
    );
    let elsewhere = Fault {
        on: Call::Get,
        ..Fault::once(Effect::NeverStart)
    };
    assert!(world.stand_in.fault(elsewhere).is_err());
    let never = Fault {
        times: Some(0),
        ..Fault::once(Effect::Answer { status: 503 })
    };
    assert!(world.stand_in.fault(never).is_err());
    let url = format!("{}/control/faults", world.stand_in.endpoint());
    for body in [
        "{}",
        r#"{"effect":{"kind":"explode"}}"#,
        r#"{"effect":{"kind":"answer","status":200}}"#,
        r#"{"effect":{"kind":"never_start"},"extra":1}"#,
    ] {
        assert_eq!(
            reqwest::Client::new()
                .post(&url)
                .body(body)
                .send()
                .await
                .unwrap()
                .status(),
            400,
            "{body}"
        );
    }
}
