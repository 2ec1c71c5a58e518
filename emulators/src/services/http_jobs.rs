//! Jobs of a service that is nobody's: what a custom HTTP job asks about (`/http/projects/P/jobs/ID`).

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::{Asked, Call};
use super::job::{self, Job, Key, Service};
use super::script::Script;
use super::state::{Answer, Inner, NewJob, Reply, uid};
use super::timeline::End;
use crate::http::{ApiError, Code, read};

type Shared = State<Arc<Inner>>;

pub(super) fn router() -> Router<Arc<Inner>> {
    let jobs = "/http/projects/{project}/jobs";
    Router::new()
        .route(jobs, post(start))
        .route(
            &format!("{jobs}/{{id}}"),
            get(read_one).put(start_as).delete(remove),
        )
        .route(&format!("{jobs}/{{id}}/cancel"), post(cancel))
}

fn about<'a>(on: Call, project: &'a str, job: Option<&'a str>) -> Asked<'a> {
    Asked {
        service: Service::Http,
        on,
        project,
        job,
    }
}

fn key(project: &str, id: &str) -> Key {
    Key {
        service: Service::Http,
        project: project.to_owned(),
        location: "global".to_owned(),
        id: id.to_owned(),
    }
}

fn no(key: &Key) -> ApiError {
    ApiError::new(
        Code::NotFound,
        format!("there is no job {} in {}", key.id, key.project),
    )
}

fn resource(job: &Job, now: Timestamp) -> Value {
    let standing = job.timeline.at(now);
    let error = match &standing.ended {
        Some((_, End::Failed(failure))) => {
            json!({"reason": failure.reason, "message": failure.message})
        }
        _ => Value::Null,
    };
    json!({
        "id": job.key.id,
        "status": job::State::of(&standing),
        "done": standing.is_over(),
        "error": error,
        "result": job.timeline.script.rows.as_ref().filter(|_| standing.is_over()),
    })
}

/// The body is the job's script.
async fn start(State(inner): Shared, Path(project): Path<String>, body: Bytes) -> Response {
    make(&inner, &project, &uid(), &body).await
}

async fn start_as(
    State(inner): Shared,
    Path((project, id)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    make(&inner, &project, &id, &body).await
}

async fn make(inner: &Inner, project: &str, id: &str, body: &[u8]) -> Response {
    let call = about(Call::Insert, project, Some(id));
    inner
        .answer(call, |state, now| -> Answer {
            let script: Script = read(body)?;
            if let Some(why) = script.nonsense() {
                return Err(ApiError::new(Code::InvalidArgument, why));
            }
            let key = key(project, id);
            if state.jobs.contains_key(&key) {
                return Err(ApiError::new(
                    Code::AlreadyExists,
                    format!("there is a job {id} in {project} already"),
                ));
            }
            let new = NewJob {
                key,
                request: json!(script),
                script,
                operation: None,
                request_id: String::new(),
            };
            Ok(Reply::Json(resource(state.insert(new, now), now)))
        })
        .await
}

async fn read_one(State(inner): Shared, Path((project, id)): Path<(String, String)>) -> Response {
    let key = key(&project, &id);
    inner
        .answer(about(Call::Get, &project, Some(&id)), |state, now| {
            let job = state.jobs.get_mut(&key).ok_or_else(|| no(&key))?;
            job.asked += 1;
            Ok(Reply::Json(resource(job, now)))
        })
        .await
}

async fn cancel(State(inner): Shared, Path((project, id)): Path<(String, String)>) -> Response {
    let key = key(&project, &id);
    inner
        .answer(about(Call::Cancel, &project, Some(&id)), |state, now| {
            let job = state.jobs.get_mut(&key).ok_or_else(|| no(&key))?;
            job.timeline.cancel(now);
            Ok(Reply::Json(resource(job, now)))
        })
        .await
}

async fn remove(State(inner): Shared, Path((project, id)): Path<(String, String)>) -> Response {
    let key = key(&project, &id);
    inner
        .answer(about(Call::Delete, &project, Some(&id)), |state, _| {
            state.jobs.remove(&key).ok_or_else(|| no(&key))?;
            Ok(Reply::Nothing)
        })
        .await
}
