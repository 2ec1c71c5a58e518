//! The forms that change a run, and the pages that ask whether somebody is sure.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ork_core::run::{Command, RecoverFrom};
use ork_engine::RunView;
use ork_engine::ports::Ports;

use super::actor::Actor;
use super::change::{command, led_to};
use super::form::Form;
use super::page::{Frame, Html};
use super::words::Badge;
use crate::Problem;
use crate::routes::notices::notice;
use crate::routes::{Ground, task, view};

/// Reasons longer than this are no reasons.
const REASON: usize = 1_000;

/// Something to be sure of.
#[derive(Template)]
#[template(path = "confirm.html")]
struct Sure {
    frame: Frame,
    run: String,
    /// The task that it is about, if it is about one.
    task: Option<String>,
    question: String,
    explains: &'static str,
    to: String,
    back: String,
    yes: &'static str,
    asks_reason: bool,
}

/// Where a recovery begins.
#[derive(Template)]
#[template(path = "recover.html")]
struct Recover {
    frame: Frame,
    run: String,
    left: u32,
    most: u32,
    tasks: Vec<(String, Badge)>,
}

fn unknown(what: &str) -> Problem {
    Problem::not_found(format!("there is no `{what}` that could be done"))
}

/// A page that asks first: without JavaScript, links lead here.
pub(crate) async fn ask<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, what)): Path<(String, String)>,
) -> Result<Response, Problem> {
    use axum::response::IntoResponse;
    let view = view(&site, &run).await?;
    let back = format!("/runs/{run}");
    match what.as_str() {
        "cancel" => Ok(Html(Sure {
            frame: Frame::of("Cancel", "runs", actor),
            run: run.clone(),
            task: None,
            question: format!("Cancel run {run}?"),
            explains: "What is at work is stopped, and what waits does not begin. It can be retried afterwards.",
            to: format!("{back}/cancel"),
            back,
            yes: "Cancel the run",
            asks_reason: true,
        })
        .into_response()),
        "recover" => Ok(Html(recovery(&view, actor)).into_response()),
        other => Err(unknown(other)),
    }
}

fn recovery(view: &RunView, actor: Actor) -> Recover {
    let most = view.graph.workflow.max_recovery_attempts;
    let tasks = view.graph.order().iter();
    let tasks = tasks.filter(|&&at| view.header.asks_for(at)).map(|&at| {
        let name = view.graph.task(at).name.to_string();
        (name, Badge::instance(view.state.task(at).status()))
    });
    Recover {
        frame: Frame::of("Recover", "runs", actor),
        run: view.header.id.to_string(),
        left: most.saturating_sub(view.header.recovery_attempts),
        most,
        tasks: tasks.collect(),
    }
}

/// The same for a task.
pub(crate) async fn ask_task<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, name, what)): Path<(String, String, String)>,
) -> Result<Html<impl Template>, Problem> {
    let view = view(&site, &run).await?;
    task(&view, &name)?;
    let back = format!("/runs/{run}/tasks/{name}");
    let (question, explains, yes) = match what.as_str() {
        "retry" => (
            format!("Clear {name} and everything after it?"),
            "They run again; their results are made anew, and what is at work there is stopped. Instances of a fan-out that succeeded are kept when others failed.",
            "Clear and run again",
        ),
        "recover" => (
            format!("Recover the run from {name} on?"),
            "It and everything after it run again; earlier results are kept. A run can only be recovered so often.",
            "Recover",
        ),
        other => return Err(unknown(other)),
    };
    Ok(Html(Sure {
        frame: Frame::of(question.clone(), "runs", actor),
        run,
        task: Some(name),
        question,
        explains,
        to: format!("{back}/{what}"),
        back,
        yes,
        asks_reason: false,
    }))
}

/// Does it.
pub(crate) async fn run<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, what)): Path<(String, String)>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let wanted = match what.as_str() {
        "cancel" => {
            let given = form.get("reason").unwrap_or_default().trim();
            let reason: String = given.chars().take(REASON).collect();
            let reason = match reason.is_empty() {
                true => "cancelled on its page".to_owned(),
                false => reason,
            };
            Command::Cancel { reason }
        }
        "pause" => Command::Pause,
        "resume" => Command::Resume,
        "retry" => Command::Retry,
        "recover" => Command::Recover {
            from: match form.get("from").unwrap_or_default() {
                "" => RecoverFrom::Failed,
                name => RecoverFrom::Task(task(&view, name)?),
            },
        },
        "resend" => Command::Resend {
            notice: match form.get("notice").unwrap_or_default() {
                "" => None,
                name => Some(notice(&view, name)?),
            },
        },
        other => return Err(unknown(other)),
    };
    command(&site, &actor, &view.header.id, wanted).await?;
    Ok(led_to(&headers, format!("/runs/{run}?done={what}")))
}

/// Does it to a task.
pub(crate) async fn of_task<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, name, what)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let page = format!("/runs/{run}/tasks/{name}");
    let (wanted, place) = match what.as_str() {
        "pause" => (
            Command::PauseTask { task: at },
            format!("{page}?done=task_pause"),
        ),
        "resume" => (
            Command::ResumeTask { task: at },
            format!("{page}?done=task_resume"),
        ),
        "retry" => (
            Command::RetryTask { task: at },
            format!("/runs/{run}?done=task_retry"),
        ),
        "recover" => (
            Command::Recover {
                from: RecoverFrom::Task(at),
            },
            format!("/runs/{run}?done=recover"),
        ),
        other => return Err(unknown(other)),
    };
    command(&site, &actor, &view.header.id, wanted).await?;
    Ok(led_to(&headers, place))
}
