//! An instance of a task: its latest attempt, what it got, gave and printed.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::{Path, State};
use ork_core::definition::TaskIndex;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::State as Stand;
use ork_engine::ports::{Clock, Ports};
use ork_engine::{EngineErrorKind, RunView};
use serde::Deserialize;

use super::actor::Actor;
use super::log::Tail;
use super::page::{Frame, Html};
use super::words::{self, Badge, Moment};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, task, view};
use crate::site::Site;

/// Characters of a value that a page shows.
const SHOWN: usize = 8_000;
/// Attempts that are linked.
const ATTEMPTS: u32 = 50;

/// Which attempt of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    attempt: Option<u32>,
}

/// An instance, as part of a page.
#[derive(Template)]
#[template(path = "parts/instance.html")]
pub(crate) struct Instance {
    /// Its own address.
    page: String,
    /// The address of its attempt's log.
    log: String,
    badge: Badge,
    /// It succeeded because somebody said so.
    is_marked: bool,
    latest: u32,
    attempt: u32,
    attempts: Vec<u32>,
    started: Option<Moment>,
    finished: Option<Moment>,
    took: String,
    failure: Option<(u32, Option<&'static str>, String)>,
    output: Option<String>,
    is_cut: bool,
    tail: Tail,
}

impl HtmlSafe for Instance {}

#[derive(Template)]
#[template(path = "instance.html")]
struct Page {
    frame: Frame,
    run: String,
    name: String,
    index: u32,
    instance: Instance,
}

/// What it got.
#[derive(Template)]
#[template(path = "inputs.html")]
struct Inputs {
    frame: Frame,
    run: String,
    name: String,
    index: u32,
    fans_out: bool,
    inputs: Result<String, String>,
    bindings: Vec<(String, String)>,
}

/// The log of an attempt.
pub(crate) fn log_of(view: &RunView, at: TaskIndex, index: u32, attempt: u32) -> ObjectName {
    let definition = view.graph.task(at);
    ObjectName::Attempt {
        run: view.header.id.clone(),
        task: definition.name.clone(),
        index: definition.fans_out().then_some(index),
        attempt,
        file: AttemptFile::Log,
    }
}

/// The attempt that is asked for, which has to be one that was made.
pub(crate) fn attempt_of(
    view: &RunView,
    at: TaskIndex,
    index: u32,
    asked: Option<u32>,
) -> Result<u32, Problem> {
    let name = &view.graph.task(at).name;
    let instance = view.state.instance(at, index);
    let instance = instance
        .ok_or_else(|| Problem::not_found(format!("task {name} has no instance {index} (yet)")))?;
    match asked {
        None => Ok(instance.attempt),
        Some(asked) if (1..=instance.attempt).contains(&asked) => Ok(asked),
        Some(asked) => Err(Problem::not_found(format!(
            "instance {index} of task {name} has made {} attempts; there is no attempt {asked}",
            instance.attempt
        ))),
    }
}

/// Reads it.
pub(crate) async fn of<P: Ports>(
    site: &Site<P>,
    view: &RunView,
    at: TaskIndex,
    index: u32,
    asked: Option<u32>,
) -> Result<Instance, Problem> {
    let attempt = attempt_of(view, at, index, asked)?;
    let one = view.state.instance(at, index);
    let one = one.ok_or_else(|| Problem::not_found("there is no such instance"))?;
    let now = site.engine.ports().clock().now();
    let name = &view.graph.task(at).name;
    let page = format!("/runs/{}/tasks/{name}/at/{index}", view.header.id);
    let output = match &one.state {
        Stand::Success { output } if !output.is_null() => {
            Some(site.engine.instance_output(view, at, index).await?)
        }
        _ => None,
    };
    let is_cut = output.as_ref().is_some_and(|text| text.len() > SHOWN);
    let latest = one.attempt;
    Ok(Instance {
        log: format!("{page}/log?attempt={attempt}"),
        badge: Badge::instance(one.status()),
        is_marked: one.is_marked(),
        latest,
        attempt,
        attempts: (latest.saturating_sub(ATTEMPTS) + 1..=latest)
            .rev()
            .collect(),
        started: one.started_at.map(|at| Moment::of(at, now)),
        finished: one.finished_at.map(|at| Moment::of(at, now)),
        took: words::span(one.took()),
        failure: one.failure.as_deref().map(|failure| {
            let message = failure.message.as_ref().to_owned();
            (failure.attempt, words::category(failure.category), message)
        }),
        output: output.map(|text| words::cut(&pretty(&text), SHOWN)),
        is_cut,
        tail: Tail::of(site, view, at, index, attempt, &page).await?,
        page,
    })
}

/// JSON for people; a text is shown as the text it is.
fn pretty(text: &str) -> String {
    if text.len() > SHOWN * 4 {
        return text.to_owned();
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) => words::pretty(&value),
        Err(_) => text.to_owned(),
    }
}

/// The page of one of several.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, name, index)): Path<(String, String, u32)>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let instance = of(&site, &view, at, index, wanted.attempt).await?;
    Ok(Html(Page {
        frame: Frame::of(format!("{name}[{index}] of {run}"), "runs", actor),
        run,
        name,
        index,
        instance,
    }))
}

/// What it got, on a page of its own: it may have to be read from many places.
pub(crate) async fn inputs<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, name, index)): Path<(String, String, u32)>,
) -> Result<Html<impl Template>, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    attempt_of(&view, at, index, None)?;
    let definition = view.graph.task(at);
    let found = site.engine.instance_inputs(&view, at, index).await;
    let inputs = match found {
        Ok(text) => Ok(words::cut(&pretty(&text), SHOWN * 8)),
        Err(error) if matches!(error.kind, EngineErrorKind::Unavailable) => {
            return Err(error.into());
        }
        Err(error) => Err(error.message),
    };
    let bindings = definition.inputs.iter();
    let bindings = bindings.map(|input| {
        let binding = serde_json::to_string(&input.value).unwrap_or_default();
        (input.name.clone(), words::cut(&binding, 500))
    });
    Ok(Html(Inputs {
        frame: Frame::of(format!("Inputs of {name}"), "runs", actor),
        fans_out: definition.fans_out(),
        bindings: bindings.collect(),
        inputs,
        run,
        name,
        index,
    }))
}
