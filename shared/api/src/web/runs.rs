//! The list of runs, by pages, and live.

use askama::Template;
use axum::extract::State;
use ork_core::run::{Header, RunStatus, RunTrigger};
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Clock, Ports};
use serde::Deserialize;

use super::actor::Actor;
use super::page::{Frame, Html};
use super::words::{self, Badge, Moment, address};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, workflow_name};
use crate::site::Site;

/// Runs of a page.
const SHOWN: usize = 50;

/// Which runs.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    status: String,
    workflow: String,
    cursor: String,
}

/// A run in a table.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) workflow: String,
    pub(crate) badge: Badge,
    pub(crate) trigger: String,
    pub(crate) created: Moment,
    pub(crate) took: String,
    pub(crate) error: Option<String>,
}

impl Line {
    pub(crate) fn of(header: &Header, now: Time) -> Self {
        Self {
            id: header.id.to_string(),
            workflow: header.workflow.to_string(),
            badge: Badge::run(header.status),
            trigger: trigger(header),
            created: Moment::of(header.created_at, now),
            took: words::span(took(header, now)),
            error: why(header).map(|error| words::cut(&error, 160)),
        }
    }
}

/// Its start to its end, or to now.
pub(crate) fn took(header: &Header, now: Time) -> Option<Millis> {
    let from = header.started_at?;
    Some(header.finished_at.unwrap_or(now).since(from))
}

/// Why it failed or was cancelled: what is said of the run as a whole, or what happened to the first task that failed.
fn why(header: &Header) -> Option<String> {
    let blamed = header.failed.as_ref();
    let blamed = blamed.filter(|_| header.status == RunStatus::Failed);
    header.error.clone().or_else(|| {
        let one = blamed?;
        // One line of a table: what was printed around it is on the run's page.
        let why = one.why.lines().find(|line| !line.trim().is_empty());
        Some(format!("{}: {}", one.task, why.unwrap_or("failed")))
    })
}

/// What made a run, in words.
pub(crate) fn trigger(header: &Header) -> String {
    match &header.trigger {
        RunTrigger::Manual if header.slot < header.created_at => {
            format!("by hand, for slot {}", words::instant(header.slot))
        }
        RunTrigger::Manual => "by hand".to_owned(),
        RunTrigger::Schedule => format!("schedule, slot {}", words::instant(header.slot)),
        RunTrigger::Event(what) => format!("event: {}", words::cut(what, 100)),
        RunTrigger::Parent => "another run".to_owned(),
    }
}

/// A choice of the filter.
struct Choice {
    value: &'static str,
    is_chosen: bool,
}

/// The table with where to go on, as it is exchanged.
#[derive(Template)]
#[template(path = "parts/runs.html")]
struct Part {
    runs: Vec<Line>,
    /// Where this part is had anew; nowhere on later pages, which do not change by themselves.
    anew: Option<String>,
    next: Option<String>,
    first: Option<String>,
    is_filtered: bool,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Page {
    frame: Frame,
    choices: Vec<Choice>,
    workflow: String,
    part: Part,
}

/// The page.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let part = find(&site, &wanted).await?;
    let choices = RunStatus::ALL.iter().map(|status| Choice {
        value: status.as_str(),
        is_chosen: status.as_str() == wanted.status,
    });
    Ok(Html(Page {
        frame: Frame::of("Runs", "runs", actor),
        choices: choices.collect(),
        workflow: wanted.workflow,
        part,
    }))
}

/// The table alone.
pub(crate) async fn part<P: Ports>(
    State(site): Ground<P>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    Ok(Html(find(&site, &wanted).await?))
}

async fn find<P: Ports>(site: &Site<P>, wanted: &Wanted) -> Result<Part, Problem> {
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let status: Option<RunStatus> = said(&wanted.status)
        .map(|status| status.parse())
        .transpose()
        .map_err(|error| Problem::bad(format!("`status`: {error}")))?;
    let workflow = said(&wanted.workflow)
        .map(|name| workflow_name(name.trim()))
        .transpose()?;
    let cursor = said(&wanted.cursor);
    let found = site
        .engine
        .runs(status, workflow.as_ref(), cursor.as_deref(), SHOWN);
    let (headers, next) = found
        .await
        .map_err(|error| Problem::of_listing(error, cursor.as_deref()))?;
    let now = site.engine.ports().clock().now();
    let (status, workflow) = (wanted.status.as_str(), wanted.workflow.trim());
    let to = |path: &str, cursor: &str| {
        let asked = [
            ("status", status),
            ("workflow", workflow),
            ("cursor", cursor),
        ];
        address(path, &asked)
    };
    Ok(Part {
        runs: headers.iter().map(|one| Line::of(one, now)).collect(),
        anew: cursor.is_none().then(|| to("/parts/runs", "")),
        next: next.map(|next| to("/runs", &next)),
        first: cursor.is_some().then(|| to("/runs", "")),
        is_filtered: !status.is_empty() || !workflow.is_empty(),
    })
}
