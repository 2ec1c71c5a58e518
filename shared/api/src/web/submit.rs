//! A workflow handed in on a page: checked as it is typed, stored when it is right.

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ork_core::diagnostic;
use ork_engine::ports::Ports;

use super::actor::Actor;
use super::assets::ASSETS;
use super::change;
use super::form::Form;
use super::page::{Frame, Html};
use super::words::count;
use crate::Problem;
use crate::routes::{Ground, uploads};

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

fn checked(text: &str) -> (Checked, Option<ork_core::definition::Workflow>) {
    let shown = |found: &[diagnostic::Diagnostic]| diagnostic::render(found, text, false);
    match uploads::read(text) {
        Ok((workflow, warnings)) => {
            let checked = Checked {
                workflow: Some(workflow.name.to_string()),
                tasks: count(workflow.tasks.len() as u64, "task"),
                params: count(workflow.params.len() as u64, "param"),
                warnings: Some(shown(&warnings)).filter(|text| !text.is_empty()),
                ..Checked::default()
            };
            (checked, Some(workflow))
        }
        Err(found) => {
            let checked = Checked {
                errors: uploads::errors(&found),
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
    Html(checked(&text).0).into_response()
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
    let (checked, workflow) = checked(&text);
    let Some(workflow) = workflow else {
        let page = Page {
            frame: Frame::of("Submit a workflow", "submit", actor),
            script: ASSETS.script("drop"),
            text,
            checked: Some(checked),
        };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response());
    };
    let source = uploads::source_of(&site, &workflow.name).await?;
    let name = workflow.name.to_string();
    change::deploy(&site, &actor, &workflow, source, &BTreeMap::new()).await?;
    Ok(change::led_to(
        &headers,
        format!("/workflows/{name}?done=deploy"),
    ))
}
