//! A run: how far it is, what its tasks do, why those wait that wait, and what can be done about it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ork_core::run::Header;
use ork_engine::RunView;
use ork_engine::ports::{Clock, Ports};
use ork_engine::report;
use serde::Deserialize;

use super::actor::Actor;
use super::buttons::{self, Button};
use super::cost;
use super::notices;
use super::page::{Frame, Html};
use super::runs::{took, trigger};
use super::tasks::{Choice, Sort, Tasks};
use super::words::{self, Badge, Moment, Why, address};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, view};
use crate::site::Site;

/// Tells htmx to ask no more.
pub(crate) const ENOUGH: u16 = 286;

/// Which tasks of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    show: Sort,
    from: u32,
    done: String,
}

/// What changes as the run goes on.
#[derive(Template)]
#[template(path = "parts/run.html")]
struct Part {
    badge: Badge,
    progress: u8,
    counts: Vec<(Badge, u32)>,
    facts: Vec<(&'static str, String)>,
    started: Option<Moment>,
    eta: Option<Moment>,
    error: Option<String>,
    reasons: Vec<Why>,
    buttons: Vec<Button>,
    stopping: Vec<String>,
    notices: Vec<notices::Row>,
    choices: Vec<Choice>,
    tasks: Tasks,
}

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    frame: Frame,
    run: String,
    workflow: String,
    version: String,
    version_short: String,
    trigger: String,
    created: Moment,
    slot: Option<Moment>,
    parent: Option<String>,
    params: Vec<(String, String)>,
    /// Where its changes are told, while there will be any.
    follow: Option<String>,
    anew: String,
    part: Part,
}

/// The page.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(run): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let view = view(&site, &run).await?;
    let part = part_of(&site, &view, &actor, &wanted).await?;
    let header = &view.header;
    let now = site.engine.ports().clock().now();
    let mut frame = Frame::of(format!("Run {run}"), "runs", actor);
    frame.news = buttons::news(&wanted.done);
    let path = format!("/runs/{run}");
    let seen = header.commits.to_string();
    let from = wanted.from.to_string();
    let shown = [("show", wanted.show.word()), ("from", from.as_str())];
    Ok(Html(Page {
        frame,
        workflow: header.workflow.to_string(),
        version: header.version.to_string(),
        version_short: header.version.short().to_owned(),
        trigger: trigger(header),
        created: Moment::of(header.created_at, now),
        slot: (header.slot != header.created_at).then(|| Moment::exactly(header.slot)),
        parent: header.parent.as_ref().map(|parent| parent.run.to_string()),
        params: params(header),
        follow: (!header.status.is_terminal())
            .then(|| address(&format!("{path}/events"), &[("seen", &seen)])),
        anew: address(&format!("{path}/live"), &shown),
        part,
        run,
    }))
}

/// What changes, alone.
pub(crate) async fn part<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(run): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let part = part_of(&site, &view, &actor, &wanted).await?;
    let mut answer = Html(part).into_response();
    if view.header.status.is_terminal() {
        *answer.status_mut() = StatusCode::from_u16(ENOUGH).unwrap_or(StatusCode::OK);
    }
    Ok(answer)
}

async fn part_of<P: Ports>(
    site: &Site<P>,
    view: &RunView,
    actor: &Actor,
    wanted: &Wanted,
) -> Result<Part, Problem> {
    let now = site.engine.ports().clock().now();
    let (header, state) = (&view.header, &view.state);
    let seen = state.progress(&view.graph, now);
    let why = site.engine.explain(view).await?;
    let counts = state.counts();
    let counts = ork_core::run::InstanceStatus::ALL
        .iter()
        .map(|&status| (Badge::instance(status), counts.of(status)))
        .filter(|(_, n)| *n > 0);
    let mut facts = vec![("Took", words::span(took(header, now)))];
    if let Some(estimate) = seen.estimated_duration {
        facts.push(("Estimate", estimate.to_string()));
    }
    facts.push(("Tasks", seen.total_steps.to_string()));
    facts.push(("Instances", state.counts().total().to_string()));
    if header.recovery_attempts > 0 {
        let most = view.graph.workflow.max_recovery_attempts;
        facts.push((
            "Recovered",
            format!("{} of {most} times", header.recovery_attempts),
        ));
    }
    if let Some(cost) = cost::of_run(site.settings.prices, header) {
        facts.push(("Cost", cost));
    }
    Ok(Part {
        badge: Badge::run(header.status),
        progress: seen.percent,
        counts: counts.collect(),
        facts,
        started: header.started_at.map(|at| Moment::of(at, now)),
        eta: seen.eta.map(|at| Moment::of(at, now)),
        error: header.error.clone(),
        reasons: why.run.iter().map(|one| Why::of(one, now)).collect(),
        buttons: if actor.operates {
            buttons::of_run(view)
        } else {
            Vec::new()
        },
        stopping: stopping(view),
        notices: notices::rows(view, now, actor.operates),
        choices: Sort::choices(view, wanted.show),
        tasks: Tasks::of(view, &seen.tasks, &why, wanted.show, wanted.from, now),
    })
}

/// Its inputs, each as JSON.
fn params(header: &Header) -> Vec<(String, String)> {
    let all = header.params.iter();
    all.map(|(name, value)| (name.clone(), words::cut(&value.to_string(), 2_000)))
        .collect()
}

/// Jobs elsewhere that are being stopped.
fn stopping(view: &RunView) -> Vec<String> {
    let all = report::stopping(view).into_iter().take(20);
    all.map(|one| {
        let mut text = format!(
            "{}[{}], attempt {}: {} of {} job(s) elsewhere are not known to be over yet",
            one.task, one.index, one.attempt, one.left, one.jobs
        );
        if one.refused {
            text.push_str("; their service refuses to stop them");
        }
        if let Some(trouble) = one.unanswered {
            text.push_str(&format!(
                "; {} time(s) in a row: {}",
                trouble.times, trouble.why
            ));
        }
        text
    })
    .collect()
}
