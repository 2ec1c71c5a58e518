//! Cloud Run jobs: what a run is and how it ends.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use google_cloud_run_v2::client::{Executions, Jobs};
use google_cloud_run_v2::model::condition::{ExecutionReason, Reasons, State};
use google_cloud_run_v2::model::run_job_request::Overrides;
use google_cloud_run_v2::model::run_job_request::overrides::ContainerOverride;
use google_cloud_run_v2::model::{EnvVar, Execution};
use ork_emulators::run_jobs::{Instant, Job, RunJobs, RunJobsOptions, TaskEnd};

use crate::support::{anonymous, until};

pub(crate) const JOB: &str = "projects/p/locations/r/jobs/ork-worker";

/// The stand-in and Google's clients for it.
pub(crate) struct World {
    pub(crate) stand_in: RunJobs,
    pub(crate) jobs: Jobs,
    pub(crate) executions: Executions,
}

impl World {
    pub(crate) async fn with(options: RunJobsOptions) -> Self {
        let stand_in = RunJobs::start(options).await.unwrap();
        let endpoint = stand_in.endpoint();
        let jobs = Jobs::builder()
            .with_endpoint(&endpoint)
            .with_credentials(anonymous());
        let executions = Executions::builder()
            .with_endpoint(&endpoint)
            .with_credentials(anonymous());
        Self {
            jobs: jobs.build().await.unwrap(),
            executions: executions.build().await.unwrap(),
            stand_in,
        }
    }

    /// With a job that runs this shell script.
    pub(crate) async fn shell(script: &str) -> Self {
        let world = Self::with(RunJobsOptions::default()).await;
        world
            .stand_in
            .register(JOB, Job::new(["sh", "-c", script]))
            .unwrap();
        world
    }

    /// Starts this many tasks and returns the execution's name.
    pub(crate) async fn run(&self, task_count: i32) -> String {
        let overrides = Overrides::new().set_task_count(task_count);
        let operation = self
            .jobs
            .run_job()
            .set_name(JOB)
            .set_overrides(overrides)
            .send()
            .await
            .unwrap();
        operation
            .metadata
            .unwrap()
            .to_msg::<Execution>()
            .unwrap()
            .name
    }

    pub(crate) async fn get(&self, name: &str) -> Execution {
        self.executions
            .get_execution()
            .set_name(name)
            .send()
            .await
            .unwrap()
    }

    /// Waits until the execution is complete.
    pub(crate) async fn end_of(&self, name: &str) -> Execution {
        until("the execution is complete", || async {
            Some(self.get(name).await).filter(|execution| execution.completion_time.is_some())
        })
        .await
    }
}

/// The state and reason of the condition that says how it ended.
pub(crate) fn completed(execution: &Execution) -> (State, Option<Reasons>) {
    let condition = execution
        .conditions
        .iter()
        .find(|condition| condition.r#type == "Completed")
        .unwrap();
    (condition.state.clone(), condition.reasons.clone())
}

#[tokio::test]
async fn every_index_of_an_array_runs_once_and_knows_who_it_is() {
    let world = World::shell("echo \"$CLOUD_RUN_JOB $CLOUD_RUN_EXECUTION $CLOUD_RUN_TASK_INDEX/$CLOUD_RUN_TASK_COUNT $CLOUD_RUN_TASK_ATTEMPT\"").await;
    let name = world.run(20).await;
    let execution = world.end_of(&name).await;
    assert_eq!((execution.task_count, execution.succeeded_count), (20, 20));
    assert_eq!(
        (
            execution.running_count,
            execution.failed_count,
            execution.cancelled_count,
            execution.retried_count
        ),
        (0, 0, 0, 0)
    );
    assert_eq!(completed(&execution), (State::ConditionSucceeded, None));
    assert!(
        !execution.reconciling && execution.start_time.is_some() && execution.create_time.is_some()
    );
    let id = name.rsplit('/').next().unwrap();
    let output = world.stand_in.output(&name).unwrap();
    let printed: BTreeSet<&str> = output.lines().collect();
    let expected: BTreeSet<String> = (0..20)
        .map(|index| format!("ork-worker {id} {index}/20 0"))
        .collect();
    assert_eq!(printed, expected.iter().map(String::as_str).collect());
}

#[tokio::test]
async fn a_run_changes_environment_arguments_and_nothing_else() {
    let world = World::with(RunJobsOptions::default()).await;
    let mut job = Job::new(["sh", "-c", "echo \"$BASE $BATCH $*\"", "sh"])
        .with_env([("BASE", "base"), ("BATCH", "none")]);
    job.args = vec!["old".to_owned()];
    world.stand_in.register(JOB, job).unwrap();
    let container = ContainerOverride::new()
        .set_args(["new", "two words"])
        .set_env([EnvVar::new().set_name("BATCH").set_value("b1")]);
    let overrides = Overrides::new().set_container_overrides([container]);
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
    let execution = world.end_of(&name).await;
    assert_eq!(
        world.stand_in.output(&name).unwrap(),
        "base b1 new two words\n"
    );
    // What was started can be told from a list by its environment.
    let template = execution.template.unwrap();
    let env = &template.containers[0].env;
    assert!(
        env.iter().any(|variable| variable.name == "BATCH"
            && variable.value().is_some_and(|value| value == "b1")),
        "{env:?}"
    );
    let plain = world.run(1).await;
    world.end_of(&plain).await;
    assert_eq!(world.stand_in.output(&plain).unwrap(), "base none old\n");
}

#[tokio::test]
async fn no_more_tasks_run_at_a_time_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let world = World::with(RunJobsOptions {
        parallelism: 2,
        ..RunJobsOptions::default()
    })
    .await;
    let script = format!(
        "echo started; while ! [ -e {} ]; do sleep 0.02; done; echo ended",
        gate.display()
    );
    world
        .stand_in
        .register(JOB, Job::new(["sh", "-c", &script]))
        .unwrap();
    let (one, two) = (world.run(3).await, world.run(3).await);
    let running = |execution: Execution| execution.running_count;
    until("two tasks run", || async {
        Some(()).filter(|()| {
            world
                .stand_in
                .output(&one)
                .unwrap()
                .matches("started")
                .count()
                == 2
        })
    })
    .await;
    assert_eq!(
        (
            running(world.get(&one).await),
            running(world.get(&two).await)
        ),
        (2, 0)
    );
    std::fs::write(&gate, "").unwrap();
    for name in [&one, &two] {
        assert_eq!(world.end_of(name).await.succeeded_count, 3);
        // Never more than two started than ended.
        let mut open = 0;
        for line in world.stand_in.output(name).unwrap().lines() {
            open += if line == "started" { 1 } else { -1 };
            assert!(open <= 2);
        }
    }
}

#[tokio::test]
async fn the_operation_of_a_run_ends_with_the_execution_however_that_went() {
    let world = World::shell("exit $CODE").await;
    for (code, failed) in [("0", 0), ("3", 1)] {
        let variable = EnvVar::new().set_name("CODE").set_value(code);
        let container = ContainerOverride::new().set_env([variable]);
        let overrides = Overrides::new().set_container_overrides([container]);
        let run = world.jobs.run_job().set_name(JOB).set_overrides(overrides);
        let operation = run.send().await.unwrap();
        let done = until("the operation is done", || async {
            let get = world.jobs.get_operation().set_name(&operation.name);
            Some(get.send().await.unwrap()).filter(|operation| operation.done)
        })
        .await;
        assert!(done.error().is_none(), "{done:?}");
        let execution = done.response().unwrap().to_msg::<Execution>().unwrap();
        assert_eq!(execution.failed_count, failed);
    }
}

#[tokio::test]
async fn a_task_that_fails_makes_the_execution_fail_and_the_others_still_run() {
    let world = World::shell("test $CLOUD_RUN_TASK_INDEX != 1 || exit 7").await;
    let name = world.run(4).await;
    let execution = world.end_of(&name).await;
    assert_eq!((execution.succeeded_count, execution.failed_count), (3, 1));
    assert_eq!(
        completed(&execution),
        (
            State::ConditionFailed,
            Some(Reasons::ExecutionReason(ExecutionReason::NonZeroExitCode))
        )
    );
    assert!(
        execution.conditions[0]
            .message
            .contains("task1 failed with message: exit code 7"),
        "{:?}",
        execution.conditions[0]
    );
    assert!(
        world
            .stand_in
            .output(&name)
            .unwrap()
            .contains("[task 1: exit code 7]")
    );
}

#[tokio::test]
async fn a_function_answers_for_a_thousand_tasks() {
    let world = World::with(RunJobsOptions::default()).await;
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = seen.clone();
    let answer = move |env: std::collections::BTreeMap<String, String>, index: u32, count: u32| {
        assert_eq!(
            (env["CLOUD_RUN_TASK_INDEX"].as_str(), count),
            (index.to_string().as_str(), 1_000)
        );
        assert!(
            noted.lock().unwrap().insert(index),
            "task {index} ran twice"
        );
        async move {
            assert_ne!(index, 500, "this one panics");
            if index == 7 {
                TaskEnd::Failed { exit_code: 64 }
            } else {
                TaskEnd::Succeeded
            }
        }
    };
    world
        .stand_in
        .register_instant(JOB, Instant::new(answer))
        .unwrap();
    let name = world.run(1_000).await;
    let execution = world.end_of(&name).await;
    assert_eq!(
        (execution.succeeded_count, execution.failed_count),
        (998, 2)
    );
    assert_eq!(*seen.lock().unwrap(), (0..1_000).collect());
}
