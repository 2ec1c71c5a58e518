//! What people do to runs. Each answers with how far the run is then.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use ork_core::Value;
use ork_core::definition::TaskIndex;
use ork_core::run::{Command, RecoverFrom};
use ork_core::task::Output;
use ork_engine::RunView;
use ork_engine::ports::{Clock, Ports};
use ork_engine::report::RunReport;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Ground, task, view};
use crate::Problem;
use crate::access::Who;
use crate::request::Told;
use crate::site::Site;

/// A command without further words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// How to cancel.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CancelRequest {
    /// Why, for the record.
    reason: Option<String>,
}

/// Where a recovery begins; from what failed or was cancelled when nothing is said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RecoverRequest {
    /// This step, from 0, and all later ones.
    from_step: Option<u32>,
    /// This task and everything after it.
    from_task: Option<String>,
    /// What failed or was cancelled, and everything after it.
    failed: bool,
}

/// What counts as succeeded.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MarkRequest {
    /// Only this instance; all that have not succeeded when absent.
    index: Option<u32>,
    /// What each of them gives, at most 1 KiB of JSON; null when absent.
    #[schema(value_type = Option<Value>)]
    output: Option<Value>,
}

macro_rules! command {
    ($(#[$doc:meta])* $name:ident, $path:literal, $command:expr) => {
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "runs", params(("run" = String, Path, description = "the run")), responses(
            (status = 200, description = "how far the run is then", body = RunReport),
            (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
            (status = 409, description = "that makes no sense as the run stands; nothing changed", body = Problem, content_type = "application/problem+json"),
        ))]
        pub(crate) async fn $name<P: Ports>(
            State(site): Ground<P>,
            who: Who,
            Path(run): Path<String>,
            Told(Nothing {}): Told<Nothing>,
        ) -> Result<Json<RunReport>, Problem> {
            carry_out(&site, &who, &run, |_| Ok($command)).await
        }
    };
}

macro_rules! task_command {
    ($(#[$doc:meta])* $name:ident, $path:literal, $command:expr) => {
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "tasks",
            params(("run" = String, Path, description = "the run"), ("task" = String, Path, description = "one of its tasks")), responses(
            (status = 200, description = "how far the run is then", body = RunReport),
            (status = 404, description = "there is no such run or task", body = Problem, content_type = "application/problem+json"),
            (status = 409, description = "that makes no sense as the task stands; nothing changed", body = Problem, content_type = "application/problem+json"),
        ))]
        pub(crate) async fn $name<P: Ports>(
            State(site): Ground<P>,
            who: Who,
            Path((run, name)): Path<(String, String)>,
            Told(Nothing {}): Told<Nothing>,
        ) -> Result<Json<RunReport>, Problem> {
            let command: fn(TaskIndex) -> Command = $command;
            carry_out(&site, &who, &run, |view| Ok(command(task(view, &name)?))).await
        }
    };
}

command!(
    /// Starts nothing new of a run until it is resumed.
    pause, "/api/runs/{run}/pause", Command::Pause
);
command!(
    /// Goes on with a paused run.
    resume, "/api/runs/{run}/resume", Command::Resume
);
command!(
    /// Runs again what failed or was cancelled, and everything after it.
    retry, "/api/runs/{run}/retry", Command::Retry
);
task_command!(
    /// Starts nothing new of one task.
    pause_task, "/api/runs/{run}/tasks/{task}/pause", |task| Command::PauseTask { task }
);
task_command!(
    /// Goes on with one task.
    resume_task, "/api/runs/{run}/tasks/{task}/resume", |task| Command::ResumeTask { task }
);
task_command!(
    /// Runs one ended task again, and everything after it.
    retry_task, "/api/runs/{run}/tasks/{task}/retry", |task| Command::RetryTask { task }
);

/// Counts a task, or one instance of it, as succeeded without being run; what follows it goes on.
#[utoipa::path(post, path = "/api/runs/{run}/tasks/{task}/mark-success", tag = "tasks",
    params(("run" = String, Path, description = "the run"), ("task" = String, Path, description = "one of its tasks")), request_body = MarkRequest, responses(
    (status = 200, description = "how far the run is then", body = RunReport),
    (status = 404, description = "there is no such run or task", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "it succeeded already or is at work, or could not have given this; nothing changed", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn mark_success<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path((run, name)): Path<(String, String)>,
    Told(asked): Told<MarkRequest>,
) -> Result<Json<RunReport>, Problem> {
    carry_out(&site, &who, &run, |view| {
        let output = asked.output.map_or_else(Output::null, |value| {
            Output::Inline(value.to_string().into())
        });
        Ok(Command::MarkSuccess {
            task: task(view, &name)?,
            index: asked.index,
            output,
        })
    })
    .await
}

/// Ends a run; what is at work is stopped, jobs elsewhere too.
#[utoipa::path(post, path = "/api/runs/{run}/cancel", tag = "runs", params(("run" = String, Path, description = "the run")), request_body = CancelRequest, responses(
    (status = 200, description = "how far the run is then", body = RunReport),
    (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "it is over", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn cancel<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path(run): Path<String>,
    Told(asked): Told<CancelRequest>,
) -> Result<Json<RunReport>, Problem> {
    let reason = asked
        .reason
        .unwrap_or_else(|| format!("cancelled by {}", who.caller.actor));
    carry_out(&site, &who, &run, |_| Ok(Command::Cancel { reason })).await
}

/// Retries from a chosen place; earlier results are kept.
#[utoipa::path(post, path = "/api/runs/{run}/recover", tag = "runs", params(("run" = String, Path, description = "the run")), request_body = RecoverRequest, responses(
    (status = 200, description = "how far the run is then", body = RunReport),
    (status = 404, description = "there is no such run or task", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "it goes on, or was recovered too often", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn recover<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path(run): Path<String>,
    Told(asked): Told<RecoverRequest>,
) -> Result<Json<RunReport>, Problem> {
    carry_out(&site, &who, &run, |view| {
        let from = match (asked.from_step, &asked.from_task, asked.failed) {
            (Some(step), None, false) => RecoverFrom::Step(step),
            (None, Some(name), false) => RecoverFrom::Task(task(view, name)?),
            (None, None, _) => RecoverFrom::Failed,
            _ => {
                return Err(Problem::bad(
                    "give only one of `from_step`, `from_task` and `failed`",
                ));
            }
        };
        Ok(Command::Recover { from })
    })
    .await
}

/// Does a command to a run, for whoever asks.
pub(super) async fn carry_out<P: Ports>(
    site: &Site<P>,
    who: &Who,
    run: &str,
    command: impl FnOnce(&RunView) -> Result<Command, Problem>,
) -> Result<Json<RunReport>, Problem> {
    let before = view(site, run).await?;
    let id = before.header.id.clone();
    let by = site.engine.by(who.act());
    let stepped = Box::pin(by.command(&id, command(&before)?)).await;
    stepped.map_err(|error| Problem::of(error, StatusCode::CONFLICT))?;
    let after = site.engine.run(&id).await?;
    Ok(Json(RunReport::of(
        &after,
        site.engine.ports().clock().now(),
    )))
}
