//! Cloud Run jobs whose containers are not here: scripted lengths, ends and cancellations.

use google_cloud_run_v2::model::condition::{ExecutionReason, Reasons, State};
use google_cloud_run_v2::model::run_job_request::Overrides;
use google_cloud_run_v2::model::run_job_request::overrides::ContainerOverride;
use google_cloud_run_v2::model::{
    Container, EnvVar, Execution, ExecutionTemplate, Job, TaskTemplate,
};
use ork_emulators::run_jobs::{Call, Effect, Fault, Phase, Planned, RunJobsOptions, Simulated};
use ork_emulators::services::Script;
use serde_json::{Value, json};

use crate::run_jobs::{JOB, World, completed};
use crate::support::until;

async fn world(script: Value) -> World {
    let world = World::with(RunJobsOptions::default()).await;
    let mut job = Simulated::new("example/report:1");
    job.script = serde_json::from_value(script).unwrap();
    world.stand_in.register_simulated(JOB, job).unwrap();
    world
}

async fn control(world: &World, method: reqwest::Method, path: &str, body: Value) -> u16 {
    let url = format!("{}/control/{path}", world.stand_in.endpoint());
    let request = reqwest::Client::new().request(method, url).json(&body);
    request.send().await.unwrap().status().as_u16()
}

async fn run_with(world: &World, script: &str) -> Result<String, google_cloud_run_v2::Error> {
    let env = EnvVar::new().set_name("ORK_SIMULATE").set_value(script);
    let overrides =
        Overrides::new().set_container_overrides([ContainerOverride::new().set_env([env])]);
    let call = world.jobs.run_job().set_name(JOB).set_overrides(overrides);
    let operation = call.send().await?;
    Ok(operation
        .metadata
        .unwrap()
        .to_msg::<Execution>()
        .unwrap()
        .name)
}

async fn cancel(world: &World, name: &str) {
    world
        .executions
        .cancel_execution()
        .set_name(name)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn an_image_is_simulated_and_tells_how_it_ended() {
    let world = World::with(RunJobsOptions::default()).await;
    let container = Container::new()
        .set_image("example/report:1")
        .set_args(["--day", "1"]);
    let template = TaskTemplate::new().set_containers([container]);
    let job = Job::new().set_template(
        ExecutionTemplate::new()
            .set_template(template)
            .set_task_count(3),
    );
    let create = world
        .jobs
        .create_job()
        .set_parent("projects/p/locations/r")
        .set_job_id("ork-worker")
        .set_job(job);
    assert!(create.send().await.unwrap().done);
    let name = world.run(0).await;
    let done = world.end_of(&name).await;
    assert_eq!((done.succeeded_count, done.task_count), (3, 3));
    assert_eq!(completed(&done), (State::ConditionSucceeded, None));
    assert!(!done.log_uri.is_empty() && done.completion_time >= done.start_time);
    let container = &done.template.unwrap().containers[0];
    assert_eq!(
        (container.image.as_str(), container.args.len()),
        ("example/report:1", 2)
    );

    let name = run_with(&world, r#"{"fail": "exit: exit code 3"}"#)
        .await
        .unwrap();
    let failed = world.end_of(&name).await;
    assert_eq!(failed.failed_count, 3);
    let (state, reason) = completed(&failed);
    assert_eq!(state, State::ConditionFailed);
    assert_eq!(
        reason,
        Some(Reasons::ExecutionReason(ExecutionReason::NonZeroExitCode))
    );
    let condition = &failed.conditions[0];
    assert!(
        condition.message.contains("exit code 3"),
        "{}",
        condition.message
    );
    assert!(run_with(&world, r#"{"minutes": 3}"#).await.is_err());
}

#[tokio::test]
async fn a_cancellation_takes_its_time_and_may_be_ignored_first() {
    let script = json!({"forever": true, "cancel_seconds": 1000, "ignore_cancels": 1});
    let world = world(script).await;
    let name = world.run(2).await;
    until("it runs", || async {
        (world.get(&name).await.running_count == 2).then_some(())
    })
    .await;
    cancel(&world, &name).await;
    assert_eq!(
        completed(&world.get(&name).await),
        (State::ConditionReconciling, None)
    );
    cancel(&world, &name).await;
    let cancelling = world.get(&name).await;
    assert_eq!(
        completed(&cancelling),
        (
            State::ConditionReconciling,
            Some(Reasons::ExecutionReason(ExecutionReason::Cancelling))
        )
    );
    // The script changes while it runs.
    let script = Script {
        cancel_seconds: Some(0.0),
        ..Script::default()
    };
    let execution = Some(name.clone());
    let planned = Planned {
        execution,
        script,
        ..Planned::default()
    };
    world.stand_in.script(planned).unwrap();
    let cancelled = world.end_of(&name).await;
    assert_eq!(cancelled.cancelled_count, 2);
    assert_eq!(
        completed(&cancelled),
        (
            State::ConditionFailed,
            Some(Reasons::ExecutionReason(ExecutionReason::Cancelled))
        )
    );
    assert_eq!(world.stand_in.execution(&name).unwrap().cancels, 2);
}

#[tokio::test]
async fn the_control_scripts_the_next_runs_and_those_that_are_there() {
    let world = World::with(RunJobsOptions::default()).await;
    let post = reqwest::Method::POST;
    let job = json!({"name": JOB, "simulate": {"seconds": 0}});
    assert_eq!(control(&world, post.clone(), "jobs", job).await, 204);
    let two = json!({"job": JOB, "times": 2, "script": {"forever": true}});
    assert_eq!(control(&world, post.clone(), "scripts", two).await, 204);
    let names = [world.run(1).await, world.run(1).await, world.run(1).await];
    assert_eq!(world.end_of(&names[2]).await.succeeded_count, 1);
    let phase = |name: &str| world.stand_in.execution(name).unwrap().phase;
    assert_ne!(phase(&names[0]), Phase::Succeeded);
    for (name, script) in [
        (&names[0], json!({"seconds": 0})),
        (&names[1], json!({"seconds": 0, "fail": "no"})),
    ] {
        let end = json!({"execution": name, "script": script});
        assert_eq!(control(&world, post.clone(), "scripts", end).await, 204);
    }
    assert_eq!(world.end_of(&names[0]).await.succeeded_count, 1);
    assert_eq!(world.end_of(&names[1]).await.failed_count, 1);
    for wrong in [
        json!({"script": {"rows": []}}),
        json!({"times": 0, "script": {}}),
        json!({"execution": "x", "job": JOB, "script": {}}),
    ] {
        assert_eq!(control(&world, post.clone(), "scripts", wrong).await, 400);
    }
    let nobody = json!({"execution": format!("{JOB}/executions/x"), "script": {}});
    assert_eq!(control(&world, post.clone(), "scripts", nobody).await, 404);
    let both = json!({"name": JOB, "command": ["true"], "simulate": {}});
    assert_eq!(control(&world, post, "jobs", both).await, 400);
}

#[tokio::test]
async fn a_task_that_takes_longer_than_it_may_fails() {
    let world = World::with(RunJobsOptions::default()).await;
    let mut job = Simulated::new("i");
    job.script.forever = Some(true);
    job.timeout = std::time::Duration::from_millis(50);
    world.stand_in.register_simulated(JOB, job).unwrap();
    let name = world.run(1).await;
    let failed = world.end_of(&name).await;
    assert!(failed.conditions[0].message.contains("timeout was reached"));
}

#[tokio::test]
async fn answers_come_late_ask_to_come_again_or_promise_a_cancellation_that_is_none() {
    let world = world(json!({"forever": true})).await;
    let name = world.run(1).await;
    let fault = |on, effect| {
        let times = Some(1);
        world
            .stand_in
            .fault(Fault {
                on,
                job: None,
                effect,
                times,
            })
            .unwrap();
    };
    let url = format!("{}/v2/{name}", world.stand_in.endpoint());
    fault(
        Call::Get,
        Effect::TryAgain {
            status: 429,
            retry_after: 9,
        },
    );
    fault(Call::Get, Effect::Late { delay_ms: 100 });
    let begun = std::time::Instant::now();
    let answer = reqwest::get(&url).await.unwrap();
    assert!(begun.elapsed() >= std::time::Duration::from_millis(100));
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"9".parse().unwrap())
    );
    fault(Call::Cancel, Effect::Ignore);
    cancel(&world, &name).await;
    assert_eq!(
        completed(&world.get(&name).await),
        (State::ConditionReconciling, None)
    );
    assert_eq!(world.stand_in.execution(&name).unwrap().cancels, 0);
    cancel(&world, &name).await;
    assert_eq!(world.end_of(&name).await.cancelled_count, 1);
    let wrong = Fault::once(Effect::Ignore);
    assert!(world.stand_in.fault(wrong).is_err());
}
