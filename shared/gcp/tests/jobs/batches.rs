//! What is started for which attempts.

use std::time::{Duration, Instant};

use ork_core::definition::Executor as What;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::time::Millis;
use ork_emulators::run_jobs::ExecutionView;
use ork_engine::batch;
use ork_engine::ports::{Executor, Metering, Objects};
use ork_gcp::run_jobs::ExecutionState;

use super::world::{BIG, JOB, World, spec};

/// The batch that an execution was told to work on.
fn batch_of(execution: &ExecutionView) -> ObjectName {
    let name = execution.env.get("ORK_BATCH").expect("it says which batch");
    ObjectName::parse(name).expect("an object's name")
}

#[tokio::test]
async fn attempts_that_start_together_are_one_array_execution() {
    let world = World::new().await;
    let specs: Vec<_> = (0..25).map(|index| spec("a", index)).collect();
    let answers = world.executor.start(specs).await;
    assert_eq!(answers.len(), 25);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let executions = world.cloud.executions(JOB);
    let [execution] = &executions[..] else {
        panic!("one execution, not {executions:?}")
    };
    assert_eq!(execution.task_count, 25);
    let name = batch_of(execution);
    let object = world.objects.get(&name, limits::BATCH_BYTES as u64).await;
    let object = object.expect("read").expect("it is there");
    assert_eq!(
        name,
        ObjectName::Batch(
            RunId::new("a").expect("a run id"),
            ork_core::ids::VersionHash::of(&object.bytes)
        )
    );
    for position in [0, 7, 24] {
        let found = batch::decode(&object.bytes, position).expect("a spec");
        assert_eq!(found.id.index as usize, position);
    }
    let used = world.meter.take(&RunId::new("a").expect("a run id"));
    assert_eq!((used.job_starts, used.class_a), (1, 1));
}

#[tokio::test]
async fn each_run_and_worker_has_executions_of_its_own() {
    let world = World::new().await;
    let mut docker = spec("a", 1);
    docker.executor = What::Docker { command: None };
    let mut theirs = spec("a", 2);
    theirs.executor = What::CloudRun {
        job: Some("theirs".into()),
        command: None,
    };
    let mut endless = spec("a", 3);
    endless.timeout = Millis::from_secs(200 * 3600);
    let specs = vec![spec("a", 0), docker, theirs, spec("b", 0), endless];
    let answers = world.executor.start(specs).await;
    let good: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, true, false, true, false], "{answers:?}");
    let said: Vec<_> = answers
        .into_iter()
        .filter_map(|answer| answer.err().map(|error| error.to_string()))
        .collect();
    assert!(said[0].contains("`theirs`"), "{said:?}");
    assert!(said[1].contains("168 h"), "{said:?}");
    let mut runs: Vec<_> = world.cloud.executions(JOB).iter().map(batch_of).collect();
    runs.sort();
    assert_eq!(runs.len(), 2);
    assert!(runs[0].to_string().starts_with("runs/a/"), "{runs:?}");
    assert!(runs[1].to_string().starts_with("runs/b/"), "{runs:?}");
    assert_eq!(world.cloud.executions(BIG).len(), 1);
}

#[tokio::test]
async fn a_great_fan_out_is_a_few_executions() {
    let world = World::new().await;
    let specs: Vec<_> = (0..2_500).map(|index| spec("a", index)).collect();
    let answers = world.executor.start(specs).await;
    assert!(answers.iter().all(Result::is_ok));
    let mut counts: Vec<_> = world
        .cloud
        .executions(JOB)
        .iter()
        .map(|execution| execution.task_count)
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [500, 1000, 1000]);
}

#[tokio::test]
async fn an_execution_is_described_until_it_is_over() {
    let world = World::new().await;
    let answers = world.executor.start(vec![spec("a", 0), spec("a", 1)]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let name = world.cloud.executions(JOB)[0].name.clone();
    let deadline = Instant::now() + Duration::from_secs(10);
    let ended = loop {
        let known = world.executor.describe(&name).await.expect("asked");
        let known = known.expect("it is known");
        if known.state != ExecutionState::Running || Instant::now() > deadline {
            break known;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(ended.state, ExecutionState::Succeeded);
    assert_eq!((ended.tasks, ended.succeeded), (2, 2));
    // Over, or never heard of: nothing to stop.
    world.executor.cancel(&name).await.expect("it is over");
    let unknown = format!("{JOB}/executions/never-heard-of");
    let none = world.executor.describe(&unknown).await.expect("asked");
    assert_eq!(none, None);
    world
        .executor
        .cancel(&unknown)
        .await
        .expect("nothing to do");
}
