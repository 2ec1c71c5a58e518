//! Takes one execution from its start to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::Inner;
use super::execution::End;
use super::fault::{Effect, concerns};
use super::job::{Instant, TaskEnd, Work};
use super::name::short;
use super::simulated;
use super::task_process::TaskProcess;
use crate::services::Script;

/// What is needed to run an execution.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) execution: String,
    pub(super) job: String,
    pub(super) work: Work,
    pub(super) args: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) task_count: u32,
    pub(super) timeout: Duration,
    pub(super) permits: Arc<Semaphore>,
    pub(super) effect: Option<Effect>,
    pub(super) cancelled: watch::Receiver<bool>,
    /// What the tasks do, if they are simulated.
    pub(super) script: watch::Receiver<Script>,
}

/// Resolves when the execution is cancelled; never, when it is not.
pub(super) async fn cancelled(cancelled: &mut watch::Receiver<bool>) {
    if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
        // The execution was deleted; then the driver is aborted from outside.
        std::future::pending::<()>().await;
    }
}

/// Runs every task of the execution and notes in the state how it went.
pub(super) async fn drive(inner: Arc<Inner>, plan: Plan) {
    let plan = Arc::new(plan);
    let mut cancel = plan.cancelled.clone();
    let wait = match &plan.effect {
        Some(Effect::NeverStart) => None,
        Some(Effect::SlowStart { delay_ms }) => Some(Duration::from_millis(*delay_ms)),
        _ => Some(plan.script.borrow().pending()),
    };
    let started = tokio::select! {
        biased;
        () = cancelled(&mut cancel) => false,
        () = sleep_or_stay(wait) => true,
    };
    if started {
        inner.change(&plan.execution, |execution| {
            execution.start(Timestamp::now())
        });
        run_tasks(&inner, &plan, &mut cancel).await;
    }
    inner.change(&plan.execution, |execution| {
        execution.complete(Timestamp::now())
    });
}

async fn sleep_or_stay(wait: Option<Duration>) {
    match wait {
        Some(wait) if wait.is_zero() => {}
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn run_tasks(inner: &Arc<Inner>, plan: &Arc<Plan>, cancel: &mut watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    for index in 0..plan.task_count {
        let permit = tokio::select! {
            biased;
            () = cancelled(cancel) => break,
            permit = plan.permits.clone().acquire_owned() => permit.expect("nobody closes the semaphore of a job"),
        };
        // Those that ended are taken out as we go: ten thousand finished tasks need not be kept.
        while tasks.try_join_next().is_some() {}
        let (inner, plan) = (inner.clone(), plan.clone());
        tasks.spawn(async move {
            inner.change(&plan.execution, |execution| execution.task_started());
            let end = run_task(&inner, &plan, index).await;
            inner.change(&plan.execution, |execution| {
                execution.task_ended(index, end, Timestamp::now())
            });
            drop(permit);
        });
    }
    while tasks.join_next().await.is_some() {}
}

async fn run_task(inner: &Inner, plan: &Plan, index: u32) -> End {
    if let Some(Effect::ExitWith { code, tasks }) = &plan.effect
        && concerns(tasks.as_deref(), index)
    {
        return failed(plan, index, &format!("exit code {code}"));
    }
    let env = environment(plan, index);
    match &plan.work {
        Work::Instant(instant) => answer(plan, instant, env, index).await,
        Work::Simulated(_) => {
            let failed = |why: &str| failed(plan, index, why.trim_end_matches('.'));
            simulated::run(
                plan.script.clone(),
                plan.cancelled.clone(),
                plan.timeout,
                failed,
            )
            .await
        }
        Work::Process(job) => {
            let mut command = job.command.clone();
            command.extend(plan.args.iter().cloned());
            let kill_after = match &plan.effect {
                Some(Effect::KillAfter { delay_ms, tasks })
                    if concerns(tasks.as_deref(), index) =>
                {
                    Some(Duration::from_millis(*delay_ms))
                }
                _ => None,
            };
            let process = TaskProcess {
                command,
                env,
                dir: job.dir.clone(),
                log: inner.log_of(&plan.execution),
                timeout: plan.timeout,
                grace: inner.grace,
                kill_after,
            };
            let note = |group| {
                inner.change(&plan.execution, |execution| {
                    execution.groups.insert(index, group);
                });
            };
            match process.run(plan.cancelled.clone(), note).await {
                Ok(()) => End::Succeeded,
                Err(None) => End::Cancelled,
                Err(Some(why)) => failed(plan, index, &why),
            }
        }
    }
}

async fn answer(plan: &Plan, instant: &Instant, env: BTreeMap<String, String>, index: u32) -> End {
    let mut cancel = plan.cancelled.clone();
    tokio::select! {
        biased;
        () = cancelled(&mut cancel) => End::Cancelled,
        () = tokio::time::sleep(plan.timeout) => failed(plan, index, "the configured timeout was reached"),
        end = instant.answer(env, index, plan.task_count) => match end {
            TaskEnd::Succeeded => End::Succeeded,
            TaskEnd::Failed { exit_code } => failed(plan, index, &format!("exit code {exit_code}")),
        },
    }
}

fn failed(plan: &Plan, index: u32, why: &str) -> End {
    End::Failed {
        message: format!(
            "Task {}-task{index} failed with message: {why}.",
            short(&plan.execution)
        ),
    }
}

/// The environment Cloud Run gives a task, on top of the job's and the run's.
fn environment(plan: &Plan, index: u32) -> BTreeMap<String, String> {
    let mut env = plan.env.clone();
    env.extend(
        [
            ("CLOUD_RUN_JOB", short(&plan.job).to_owned()),
            ("CLOUD_RUN_EXECUTION", short(&plan.execution).to_owned()),
            ("CLOUD_RUN_TASK_INDEX", index.to_string()),
            ("CLOUD_RUN_TASK_COUNT", plan.task_count.to_string()),
            ("CLOUD_RUN_TASK_ATTEMPT", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    env
}
