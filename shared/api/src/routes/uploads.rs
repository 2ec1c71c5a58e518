//! Workflow files that are handed in over the API, and what became of those that were put into the bucket.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use axum::response::{IntoResponse, Response};
use ork_core::definition::Workflow;
use ork_core::diagnostic::{self, Diagnostic, Severity};
use ork_core::ids::WorkflowName;
use ork_core::parse;
use ork_engine::ports::Ports;
use ork_engine::{EngineErrorKind, UploadStatus};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Ground, workflow_name};
use crate::Problem;
use crate::access::Who;
use crate::request::{Asked, Told};
use crate::site::Site;

/// Whether it is only to be checked.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadQuery {
    /// Checks the file and stores nothing.
    #[serde(default)]
    dry_run: bool,
}

/// A workflow file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadRequest {
    /// The text of the file: YAML, or `fun` blocks. Files that its tasks need are not sent along.
    text: String,
}

/// A file that is right.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadDocument {
    /// The workflow that it names.
    workflow: String,
    /// The version that it is.
    version: String,
    /// Whether it was not the current version before.
    changed: bool,
    /// Whether it was only checked.
    dry_run: bool,
    /// Its tasks.
    tasks: usize,
    /// What somebody should look at.
    warnings: Vec<DiagnosticDocument>,
}

/// Something about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DiagnosticDocument {
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
    /// Characters that it is about, at least 1.
    width: u32,
    /// `ORK…`; docs/errors.md explains each.
    code: &'static str,
    /// What is wrong.
    message: String,
    /// What to do about it.
    hint: Option<String>,
    /// `error`, or `warning` of what can be used all the same.
    severity: &'static str,
}

/// A file that is wrong: a problem document with everything that is wrong with it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UploadProblem {
    /// The status code's own words.
    title: &'static str,
    /// The status code, 422.
    status: u16,
    /// How many errors there are.
    detail: String,
    /// What is wrong, in the order of the file.
    errors: Vec<DiagnosticDocument>,
    /// The same as a terminal shows it, with the lines of the file and carets.
    rendered: String,
}

impl DiagnosticDocument {
    fn of(one: &Diagnostic) -> Self {
        Self {
            line: one.at.line,
            column: one.at.column,
            width: one.at.width,
            code: one.code,
            message: one.message.clone(),
            hint: one.hint.clone(),
            severity: one.severity.as_str(),
        }
    }
}

/// A file as it was read: the workflow and what to look at, or what is wrong.
pub(crate) fn read(text: &str) -> Result<(Workflow, Vec<Diagnostic>), Vec<Diagnostic>> {
    let nameless = WorkflowName::new("workflow").expect("it is a name");
    let file = parse::file_name_for(&nameless, text.as_bytes());
    let parsed = parse::parse_workflow(&file, text.as_bytes())?;
    Ok((parsed.workflow, parsed.warnings))
}

/// How many of them make a file unusable.
pub(crate) fn errors(found: &[Diagnostic]) -> usize {
    let all = found.iter().filter(|one| one.severity == Severity::Error);
    all.count()
}

/// Where the files of a workflow are that is stored without any: where those of an earlier version are.
pub(crate) async fn source_of<P: Ports>(
    site: &Site<P>,
    name: &WorkflowName,
) -> Result<Option<String>, Problem> {
    match site.engine.workflow_standing(name).await {
        Ok(standing) => Ok(standing.source),
        Err(error) if error.kind == EngineErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn wrong(found: &[Diagnostic], text: &str) -> Response {
    let n = errors(found);
    let problem = UploadProblem {
        title: "Unprocessable Entity",
        status: StatusCode::UNPROCESSABLE_ENTITY.as_u16(),
        detail: format!(
            "the file has {n} error{}; nothing was stored",
            if n == 1 { "" } else { "s" }
        ),
        errors: found.iter().map(DiagnosticDocument::of).collect(),
        rendered: diagnostic::render(found, text, false),
    };
    let kind = HeaderValue::from_static("application/problem+json");
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    (status, [(CONTENT_TYPE, kind)], Json(problem)).into_response()
}

/// Checks a workflow file and makes it the current version of the workflow that it names. Runs that are under way keep theirs.
#[utoipa::path(post, path = "/api/workflows", tag = "workflows", params(UploadQuery), request_body = UploadRequest, responses(
    (status = 201, description = "it is the current version now; `Location` names the workflow", body = UploadDocument),
    (status = 200, description = "it is right and was only checked, or it was the current version already", body = UploadDocument),
    (status = 413, description = "the body is larger than 1 MiB", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "it is wrong, or refused; nothing was stored", body = UploadProblem, content_type = "application/problem+json"),
))]
pub(crate) async fn upload<P: Ports>(
    State(site): Ground<P>,
    who: Who,
    Asked(query): Asked<UploadQuery>,
    Told(UploadRequest { text }): Told<UploadRequest>,
) -> Result<Response, Problem> {
    let (workflow, warnings) = match read(&text) {
        Ok(right) => right,
        Err(found) => return Ok(wrong(&found, &text)),
    };
    let name = &workflow.name;
    if !who.sees(name) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!(
                "{} is limited to other workflows than {name}",
                who.caller.actor
            ),
        ));
    }
    let (version, changed) = if query.dry_run {
        let version = ork_core::ids::VersionHash::of(&workflow.encode());
        let current = match site.engine.workflow_standing(name).await {
            Ok(standing) => Some(standing.current),
            Err(error) if error.kind == EngineErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let changed = current.as_ref() != Some(&version);
        (version, changed)
    } else {
        let source = source_of(&site, name).await?;
        let by = site.engine.by(who.act());
        let stored = by.deploy(&workflow, source, &BTreeMap::new()).await;
        let stored =
            stored.map_err(|error| Problem::of(error, StatusCode::UNPROCESSABLE_ENTITY))?;
        (stored.version, stored.changed)
    };
    let body = UploadDocument {
        workflow: name.to_string(),
        version: version.to_string(),
        changed,
        dry_run: query.dry_run,
        tasks: workflow.tasks.len(),
        warnings: warnings.iter().map(DiagnosticDocument::of).collect(),
    };
    let place = format!("/api/workflows/{name}");
    Ok(if changed && !query.dry_run {
        (StatusCode::CREATED, [(LOCATION, place)], Json(body)).into_response()
    } else {
        Json(body).into_response()
    })
}

/// What became of the latest file that was put into the bucket for a workflow.
#[utoipa::path(get, path = "/api/workflows/{name}/upload", tag = "workflows", params(("name" = String, Path, description = "the workflow")), responses(
    (status = 200, description = "accepted, or what is wrong with it", body = UploadStatus),
    (status = 404, description = "no upload was judged; in a state folder there are none", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn status<P: Ports>(
    State(site): Ground<P>,
    Path(name): Path<String>,
) -> Result<Json<UploadStatus>, Problem> {
    let name = workflow_name(&name)?;
    let found = site.engine.upload_status(&name).await?;
    found.map(Json).ok_or_else(|| {
        Problem::not_found(format!(
            "nothing is known of an upload of workflow {name}: none was put into the bucket, or it was not looked at yet"
        ))
    })
}
