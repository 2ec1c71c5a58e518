//! Who is told of a run, and trying once more to tell those who could not be told.

use axum::Json;
use axum::extract::{Path, State};
use ork_core::run::{Command, NoticeKey};
use ork_engine::RunView;
use ork_engine::ports::Ports;
use ork_engine::report::{NoticeReport, RunReport, notices};
use serde::Serialize;
use utoipa::ToSchema;

use super::commands::{Nothing, carry_out};
use super::{Ground, view};
use crate::Problem;
use crate::access::Who;
use crate::request::Told;

/// The notices of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Notices {
    /// All that it keeps, in the order of what is told.
    items: Vec<NoticeReport>,
}

/// Who is told of a run, and what became of that.
#[utoipa::path(get, path = "/api/runs/{run}/notices", tag = "runs", params(("run" = String, Path, description = "the run")), responses(
    (status = 200, description = "its notices", body = Notices),
    (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list<P: Ports>(
    State(site): Ground<P>,
    Path(run): Path<String>,
) -> Result<Json<Notices>, Problem> {
    let view = view(&site, &run).await?;
    Ok(Json(Notices {
        items: notices(&view),
    }))
}

/// Sends a notice after all that was given up. One that its receiver has, or that is being sent, is refused.
#[utoipa::path(post, path = "/api/runs/{run}/notices/{notice}/resend", tag = "runs",
    params(("run" = String, Path, description = "the run"), ("notice" = String, Path, description = "one of its notices, such as failure.0.1")), responses(
    (status = 200, description = "how far the run is then", body = RunReport),
    (status = 404, description = "there is no such run or notice", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "it was not given up; nothing changed", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn resend<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path((run, name)): Path<(String, String)>,
    Told(Nothing {}): Told<Nothing>,
) -> Result<Json<RunReport>, Problem> {
    carry_out(&site, &who, &run, |view| {
        let notice = Some(notice(view, &name)?);
        Ok(Command::Resend { notice })
    })
    .await
}

/// Sends every notice of a run after all that was given up.
#[utoipa::path(post, path = "/api/runs/{run}/notices/resend", tag = "runs", params(("run" = String, Path, description = "the run")), responses(
    (status = 200, description = "how far the run is then", body = RunReport),
    (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "none was given up; nothing changed", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn resend_all<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Path(run): Path<String>,
    Told(Nothing {}): Told<Nothing>,
) -> Result<Json<RunReport>, Problem> {
    carry_out(&site, &who, &run, |_| Ok(Command::Resend { notice: None })).await
}

/// The notice of a run that somebody names: by its key, or by the id that receivers know it by.
pub(crate) fn notice(view: &RunView, name: &str) -> Result<NoticeKey, Problem> {
    let run = &view.header.id;
    let short = name.strip_prefix(&format!("{run}.")).unwrap_or(name);
    let key: Result<NoticeKey, _> = short.parse();
    let key = key.map_err(|error| Problem::not_found(error.to_string()))?;
    if view.state.notice(key).is_none() {
        return Err(Problem::not_found(format!(
            "run {run} has no notice {key}; GET …/notices lists what there is"
        )));
    }
    Ok(key)
}
