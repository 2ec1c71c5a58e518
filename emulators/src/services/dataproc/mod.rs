//! Dataproc's jobs, batches and their operations, over HTTP and JSON as Google's crate asks (`/v1`).

mod batches;
mod jobs;
mod operations;

use std::collections::HashMap;

use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};

use super::fault::{Asked, Call};
use super::job::{Key, Service};
use super::state::{Answer, Inner};
use crate::http::{ApiError, Code, read};

/// The address of whoever made a job.
const CREATOR: &str = "local@stand-in.invalid";

/// A request, taken apart.
struct Request<'a> {
    method: &'a str,
    /// The path without `/v1/`, and what follows its colon.
    path: Vec<&'a str>,
    verb: Option<&'a str>,
    parameters: &'a HashMap<String, String>,
}

impl Request<'_> {
    fn text(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }
}

pub(super) async fn answer(
    inner: &Inner,
    method: &Method,
    path: &str,
    parameters: &HashMap<String, String>,
    body: &[u8],
) -> Response {
    let (plain, verb) = match path.rsplit_once(':') {
        Some((plain, verb)) if !verb.contains('/') => (plain, Some(verb)),
        _ => (path, None),
    };
    let request = Request {
        method: method.as_str(),
        path: plain.split('/').collect(),
        verb,
        parameters,
    };
    let body: Result<Value, ApiError> = read(body);
    let asked = |service, on, project, job| Asked {
        service,
        on,
        project,
        job,
    };
    match (request.method, &request.path[..], request.verb) {
        (
            "POST",
            ["projects", project, "regions", region, "jobs"],
            Some(verb @ ("submit" | "submitAsOperation")),
        ) => {
            let id = body
                .as_ref()
                .ok()
                .and_then(|body| body["job"]["reference"]["jobId"].as_str())
                .map(str::to_owned);
            let asked = asked(Service::Dataproc, Call::Insert, project, id.as_deref());
            let operation = verb == "submitAsOperation";
            inner
                .answer(asked, |state, now| {
                    jobs::submit(state, now, (project, region), &body?, operation)
                })
                .await
        }
        ("GET", ["projects", project, "regions", region, "jobs"], None) => {
            let asked = asked(Service::Dataproc, Call::List, project, None);
            inner
                .answer(asked, |state, now| {
                    jobs::list(state, now, (project, region), &request)
                })
                .await
        }
        (method, ["projects", project, "regions", region, "jobs", id], verb) => {
            let on = match (method, verb) {
                ("GET", None) => Call::Get,
                ("POST", Some("cancel")) => Call::Cancel,
                ("DELETE", None) => Call::Delete,
                _ => return inner_unknown(inner, method, path),
            };
            let key = key(Service::Dataproc, project, region, id);
            inner
                .answer(
                    asked(Service::Dataproc, on, project, Some(id)),
                    |state, now| jobs::one(state, now, &key, on),
                )
                .await
        }
        ("POST", ["projects", project, "locations", region, "batches"], None) => {
            let id = request.text("batchId");
            let job = Some(id).filter(|id| !id.is_empty());
            let request_id = request.text("requestId");
            inner
                .answer(
                    asked(Service::Batches, Call::Insert, project, job),
                    |state, now| {
                        batches::create(state, now, (project, region), (id, request_id), &body?)
                    },
                )
                .await
        }
        ("GET", ["projects", project, "locations", region, "batches"], None) => {
            let asked = asked(Service::Batches, Call::List, project, None);
            inner
                .answer(asked, |state, now| {
                    batches::list(state, now, (project, region), &request)
                })
                .await
        }
        (
            method @ ("GET" | "DELETE"),
            ["projects", project, "locations", region, "batches", id],
            None,
        ) => {
            let on = if method == "GET" {
                Call::Get
            } else {
                Call::Delete
            };
            let key = key(Service::Batches, project, region, id);
            inner
                .answer(
                    asked(Service::Batches, on, project, Some(id)),
                    |state, now| batches::one(state, now, &key, on),
                )
                .await
        }
        (
            method,
            [
                "projects",
                project,
                "regions" | "locations",
                _,
                "operations",
                _,
            ],
            verb,
        ) => {
            let on = match (method, verb) {
                ("GET", None) => Call::Operation,
                ("POST", Some("cancel")) => Call::Cancel,
                _ => return inner_unknown(inner, method, path),
            };
            let known = operations::find(&inner.state(), plain);
            let (service, id) =
                known.map_or((Service::Batches, None), |key| (key.service, Some(key.id)));
            inner
                .answer(asked(service, on, project, id.as_deref()), |state, now| {
                    operations::one(state, now, plain, on)
                })
                .await
        }
        (method, _, _) => inner_unknown(inner, method, path),
    }
}

fn inner_unknown(inner: &Inner, method: &str, path: &str) -> Response {
    let asked = Asked {
        service: Service::Dataproc,
        on: Call::Get,
        project: "",
        job: None,
    };
    let message = format!(
        "the stand-in for Dataproc has no {method} of /v1/{path}: it has jobs, batches and their operations"
    );
    inner.told(&asked, Err(ApiError::new(Code::Unimplemented, message)))
}

fn key(service: Service, project: &str, region: &str, id: &str) -> Key {
    Key {
        service,
        project: project.to_owned(),
        location: region.to_owned(),
        id: id.to_owned(),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(Code::InvalidArgument, message)
}

fn exists(what: &str, name: &str) -> ApiError {
    ApiError::new(
        Code::AlreadyExists,
        format!("Already exists: Failed to submit {what}: {name}"),
    )
}

fn no(what: &str, name: &str) -> ApiError {
    ApiError::new(Code::NotFound, format!("Not found: {what} {name}"))
}

/// A `google.protobuf.Empty`.
fn empty() -> Answer {
    Ok(super::state::Reply::Json(json!({})))
}
