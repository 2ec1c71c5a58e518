//! Attempts are stopped where nobody else is hurt by it.

use std::time::{Duration, Instant};

use ork_core::task::TaskSpec;
use ork_core::time::Time;
use ork_emulators::run_jobs::{Job, Phase};
use ork_engine::Worker;
use ork_engine::ports::Executor;

use super::world::{JOB, World, spec};

/// Starts attempts whose workers go on until they are stopped, and lets the first claim; gives the execution.
async fn begun(world: &World, specs: Vec<TaskSpec>) -> String {
    world
        .cloud
        .register(JOB, Job::new(["sleep", "600"]))
        .expect("a job");
    let count = specs.len();
    let first = specs[0].clone();
    let answers = world.executor.start(specs).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let execution = world.cloud.executions(JOB)[0].name.clone();
    let id = execution.rsplit('/').next().expect("it has a last part");
    let worker = Worker::new(&world.objects, &first, format!("{id}/0/{count}-9f3a"));
    assert!(worker.begin(Time(0)).await.expect("claimed"));
    execution
}

fn phase(world: &World, execution: &str) -> Phase {
    world.cloud.execution(execution).expect("it is known").phase
}

#[tokio::test]
async fn an_attempt_alone_in_its_execution_is_cancelled_with_it() {
    let world = World::new().await;
    let execution = begun(&world, vec![spec("a", 3)]).await;
    // A later claim of the same attempt is meant as well.
    let mut id = spec("a", 3).id;
    id.fence = 2;
    world.executor.stop(&id).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while phase(&world, &execution) != Phase::Cancelled && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(phase(&world, &execution), Phase::Cancelled);
}

#[tokio::test]
async fn an_attempt_among_others_is_left_to_find_its_verdict() {
    let world = World::new().await;
    let execution = begun(&world, vec![spec("a", 0), spec("a", 1)]).await;
    world.executor.stop(&spec("a", 0).id).await;
    assert!(matches!(
        phase(&world, &execution),
        Phase::Pending | Phase::Running
    ));
}

#[tokio::test]
async fn stopping_what_is_unknown_or_unclaimed_is_fine() {
    let world = World::new().await;
    world.executor.stop(&spec("none", 0).id).await;
    let answers = world.executor.start(vec![spec("a", 0)]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    world.executor.stop(&spec("a", 0).id).await;
}

#[tokio::test]
async fn a_run_that_is_cancelled_whole_is_listed_once() {
    let world = World::new().await;
    begun(&world, vec![spec("a", 0), spec("a", 1)]).await;
    world.storage.reset_operations();
    for index in 0..50 {
        world.executor.stop(&spec("a", index).id).await;
    }
    let listed = world
        .storage
        .operations()
        .methods
        .get("objects.list")
        .copied();
    assert_eq!(listed, Some(1));
}
