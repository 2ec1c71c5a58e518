//! A workflow handed in on a page: checked as it is typed, stored when it is right.

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ork_core::diagnostic;
use ork_core::ids::WorkflowName;
use ork_core::parse;
use ork_engine::EngineErrorKind;
use ork_engine::ports::Ports;

use super::actor::Actor;
use super::assets::ASSETS;
use super::change;
use super::form::Form;
use super::page::{Frame, Html};
use super::words::count;
use crate::Problem;
use crate::routes::Ground;

/// What a text says, or what is wrong with it.
#[derive(Template, Default)]
#[template(path = "parts/checked.html")]
struct Checked {
    /// Its problems as a terminal shows them.
    problems: Option<String>,
    errors: usize,
    workflow: Option<String>,
    tasks: String,
    params: String,
    warnings: Option<String>,
}

impl HtmlSafe for Checked {}

#[derive(Template)]
#[template(path = "submit.html")]
struct Page {
    frame: Frame,
    script: String,
    text: String,
    checked: Option<Checked>,
}

fn read(text: &str) -> (Checked, Option<ork_core::definition::Workflow>) {
    let nameless = WorkflowName::new("workflow").expect("it is a name");
    let file = parse::file_name_for(&nameless, text.as_bytes());
    let shown = |found: &[diagnostic::Diagnostic]| diagnostic::render(found, text, false);
    match parse::parse_workflow(&file, text.as_bytes()) {
        Ok(parsed) => {
            let workflow = parsed.workflow;
            let checked = Checked {
                workflow: Some(workflow.name.to_string()),
                tasks: count(workflow.tasks.len() as u64, "task"),
                params: count(workflow.params.len() as u64, "param"),
                warnings: Some(shown(&parsed.warnings)).filter(|text| !text.is_empty()),
                ..Checked::default()
            };
            (checked, Some(workflow))
        }
        Err(found) => {
            let is_error =
                |one: &&diagnostic::Diagnostic| one.severity == diagnostic::Severity::Error;
            let checked = Checked {
                errors: found.iter().filter(is_error).count(),
                problems: Some(shown(&found)),
                ..Checked::default()
            };
            (checked, None)
        }
    }
}

/// Line ends as files have them; browsers send others.
fn text_of(form: &Form) -> String {
    form.get("text").unwrap_or_default().replace("\r\n", "\n")
}

/// The page.
pub(crate) async fn show(actor: Actor) -> Html<impl Template> {
    Html(Page {
        frame: Frame::of("Submit a workflow", "submit", actor),
        script: ASSETS.script("drop"),
        text: String::new(),
        checked: None,
    })
}

/// What is wrong with a text, and nothing else.
pub(crate) async fn check(form: Form) -> Response {
    let text = text_of(&form);
    if text.trim().is_empty() {
        return Html(Nothing).into_response();
    }
    Html(read(&text).0).into_response()
}

/// Nothing to say.
#[derive(Template)]
#[template(source = "", ext = "html")]
struct Nothing;

/// Stores it as the current version of its workflow, if it is right.
pub(crate) async fn store<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let text = text_of(&form);
    let (checked, workflow) = read(&text);
    let Some(workflow) = workflow else {
        let page = Page {
            frame: Frame::of("Submit a workflow", "submit", actor),
            script: ASSETS.script("drop"),
            text,
            checked: Some(checked),
        };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response());
    };
    // Where the files of an earlier version are, those of this one are too.
    let source = match site.engine.workflow_standing(&workflow.name).await {
        Ok(standing) => standing.source,
        Err(error) if error.kind == EngineErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let name = workflow.name.to_string();
    change::deploy(&site, &actor, &workflow, source, &BTreeMap::new()).await?;
    Ok(change::led_to(
        &headers,
        format!("/workflows/{name}?done=deploy"),
    ))
}
