//! The page that asks what a task is to have given that counts as succeeded from now on.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ork_core::run::Command;
use ork_core::task::Output;
use ork_engine::RunView;
use ork_engine::ports::Ports;
use serde::Deserialize;

use super::actor::Actor;
use super::change::{command, led_to};
use super::form::Form;
use super::page::{Frame, Html};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, task, view};

/// Which instance of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    index: String,
}

#[derive(Template)]
#[template(path = "mark.html")]
struct Page {
    frame: Frame,
    run: String,
    name: String,
    fans_out: bool,
    /// How an output has to be, where the file says.
    kind: Option<String>,
    index: String,
    output: String,
    wrong: Option<String>,
}

impl Page {
    fn of(view: &RunView, at: u32, actor: Actor, index: &str) -> Self {
        let definition = view.graph.task(at);
        Self {
            frame: Frame::of("Mark as succeeded", "runs", actor),
            run: view.header.id.to_string(),
            name: definition.name.to_string(),
            fans_out: definition.fans_out(),
            kind: definition.output_type.as_ref().map(ToString::to_string),
            index: index.to_owned(),
            output: String::new(),
            wrong: None,
        }
    }
}

/// Asks first.
pub(crate) async fn ask<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, name)): Path<(String, String)>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    Ok(Html(Page::of(&view, at, actor, &wanted.index)))
}

/// Does it; what is wrong is said beside what was written.
pub(crate) async fn mark<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, name)): Path<(String, String)>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let said = |field: &str| form.get(field).unwrap_or_default().trim().to_owned();
    let (index, output) = (said("index"), said("output"));
    let only = match index.as_str() {
        "" => Ok(None),
        text => text.parse().map(Some),
    };
    let done = match only {
        Err(_) => Err(Problem::bad(format!(
            "`{index}` is no instance: they are counted from 0"
        ))),
        Ok(only) => {
            let output = match output.as_str() {
                "" => Output::null(),
                text => Output::Inline(text.into()),
            };
            let wanted = Command::MarkSuccess {
                task: at,
                index: only,
                output,
            };
            command(&site, &actor, &view.header.id, wanted).await
        }
    };
    match done {
        Ok(()) => Ok(led_to(
            &headers,
            format!("/runs/{run}/tasks/{name}?done=mark"),
        )),
        Err(problem) if problem.status < 500 && problem.status != 403 => {
            let page = Page {
                output,
                wrong: Some(problem.detail.clone()),
                ..Page::of(&view, at, actor, &index)
            };
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            Ok((status, Html(page)).into_response())
        }
        Err(problem) => Err(problem),
    }
}
