//! Cloud Run jobs: time-outs, cancellations, kills; no process is left behind.

use std::time::Duration;

use google_cloud_run_v2::model::Execution;
use google_cloud_run_v2::model::condition::{ExecutionReason, Reasons, State};
use google_cloud_run_v2::model::run_job_request::Overrides;
use google_cloud_wkt::Duration as GoogleDuration;
use ork_emulators::run_jobs::{Effect, Fault, Job, RunJobsOptions};
use tempfile::TempDir;

use crate::run_jobs::{JOB, World, completed};
use crate::support::{lives, number_in, until};

/// A script that writes its number and that of a child of its own, and then stays.
fn two_processes(folder: &TempDir) -> String {
    let folder = folder.path().display();
    format!("sleep 1000 & echo $! > {folder}/child; echo $$ > {folder}/leader; wait")
}

async fn numbers(folder: &TempDir) -> [i32; 2] {
    [
        number_in(&folder.path().join("child")).await,
        number_in(&folder.path().join("leader")).await,
    ]
}

async fn until_gone(processes: [i32; 2]) {
    until("both processes are gone", || async move {
        (!processes.into_iter().any(lives)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_cancellation_kills_the_whole_group_and_counts_the_rest_as_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(RunJobsOptions {
        parallelism: 1,
        ..RunJobsOptions::default()
    })
    .await;
    world
        .stand_in
        .register(JOB, Job::new(["sh", "-c", &two_processes(&folder)]))
        .unwrap();
    let name = world.run(3).await;
    let processes = numbers(&folder).await;
    assert!(processes.into_iter().all(lives));
    let operation = world
        .executions
        .cancel_execution()
        .set_name(&name)
        .send()
        .await
        .unwrap();
    let execution = world.end_of(&name).await;
    assert_eq!(
        (
            execution.succeeded_count,
            execution.failed_count,
            execution.cancelled_count
        ),
        (0, 0, 3)
    );
    assert_eq!(
        completed(&execution),
        (
            State::ConditionFailed,
            Some(Reasons::ExecutionReason(ExecutionReason::Cancelled))
        )
    );
    assert!(
        world
            .executions
            .get_operation()
            .set_name(operation.name)
            .send()
            .await
            .unwrap()
            .done
    );
    until_gone(processes).await;
}

#[tokio::test]
async fn a_process_that_ignores_sigterm_is_killed_after_the_grace() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(RunJobsOptions {
        grace: Duration::from_millis(300),
        ..RunJobsOptions::default()
    })
    .await;
    let script = format!(
        "trap 'echo asked' TERM; echo $$ > {}/leader; while true; do sleep 0.05; done",
        folder.path().display()
    );
    world
        .stand_in
        .register(JOB, Job::new(["sh", "-c", &script]))
        .unwrap();
    let name = world.run(1).await;
    let leader = number_in(&folder.path().join("leader")).await;
    world
        .executions
        .cancel_execution()
        .set_name(&name)
        .send()
        .await
        .unwrap();
    let cancelling = world.get(&name).await;
    if cancelling.completion_time.is_none() {
        assert_eq!(
            completed(&cancelling),
            (
                State::ConditionReconciling,
                Some(Reasons::ExecutionReason(ExecutionReason::Cancelling))
            )
        );
    }
    assert_eq!(world.end_of(&name).await.cancelled_count, 1);
    assert!(world.stand_in.output(&name).unwrap().contains("asked"));
    assert!(!lives(leader));
}

#[tokio::test]
async fn a_task_that_takes_too_long_fails() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::shell(&two_processes(&folder)).await;
    let overrides = Overrides::new().set_timeout(GoogleDuration::try_from("0.5s").unwrap());
    let operation = world
        .jobs
        .run_job()
        .set_name(JOB)
        .set_overrides(overrides)
        .send()
        .await
        .unwrap();
    let name = operation
        .metadata
        .unwrap()
        .to_msg::<Execution>()
        .unwrap()
        .name;
    let processes = numbers(&folder).await;
    let execution = world.end_of(&name).await;
    assert_eq!(execution.failed_count, 1);
    assert!(
        execution.conditions[0]
            .message
            .contains("timeout of 0.5 s was reached"),
        "{:?}",
        execution.conditions[0]
    );
    until_gone(processes).await;
}

#[tokio::test]
async fn what_a_task_leaves_behind_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::shell(&format!(
        "sleep 1000 & echo $! > {}/child",
        folder.path().display()
    ))
    .await;
    let name = world.run(1).await;
    assert_eq!(world.end_of(&name).await.succeeded_count, 1);
    let child = number_in(&folder.path().join("child")).await;
    until("the child is gone", || async {
        (!lives(child)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_task_can_be_killed_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::shell(&two_processes(&folder)).await;
    let name = world.run(1).await;
    let processes = numbers(&folder).await;
    assert!(!world.stand_in.kill_task(&name, 1), "there is no such task");
    assert!(world.stand_in.kill_task(&name, 0));
    let execution = world.end_of(&name).await;
    assert_eq!(execution.failed_count, 1);
    assert!(
        execution.conditions[0]
            .message
            .contains("terminated on signal 9"),
        "{:?}",
        execution.conditions[0]
    );
    until_gone(processes).await;
}

#[tokio::test]
async fn a_fault_kills_chosen_tasks_while_they_run() {
    let world = World::shell("test $CLOUD_RUN_TASK_INDEX = 0 || sleep 1000").await;
    let effect = Effect::KillAfter {
        delay_ms: 50,
        tasks: Some(vec![1, 2]),
    };
    world.stand_in.fault(Fault::once(effect)).unwrap();
    let name = world.run(3).await;
    let execution = world.end_of(&name).await;
    assert_eq!((execution.succeeded_count, execution.failed_count), (1, 2));
}

#[tokio::test]
async fn deleting_an_execution_kills_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::shell(&two_processes(&folder)).await;
    let name = world.run(1).await;
    let processes = numbers(&folder).await;
    let operation = world
        .executions
        .delete_execution()
        .set_name(&name)
        .send()
        .await
        .unwrap();
    assert!(operation.done);
    assert!(
        world
            .executions
            .get_execution()
            .set_name(&name)
            .send()
            .await
            .is_err()
    );
    until_gone(processes).await;
}

#[tokio::test]
async fn nothing_outlives_a_stand_in_that_is_dropped_or_stopped() {
    for dropped in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let world = World::shell(&two_processes(&folder)).await;
        world.run(1).await;
        let processes = numbers(&folder).await;
        let address = world.stand_in.address();
        if dropped {
            drop(world.stand_in);
        } else {
            world.stand_in.stop().await;
            tokio::net::TcpListener::bind(address)
                .await
                .expect("the port is free again");
        }
        until_gone(processes).await;
    }
}
