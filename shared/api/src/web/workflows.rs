//! The list of workflows, and the page of one.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ork_core::definition::Workflow;
use ork_core::ids::WorkflowName;
use ork_core::schedule;
use ork_core::time::Time;
use ork_engine::WorkflowDocument;
use ork_engine::ports::{Clock, Ports};
use serde::Deserialize;

use super::actor::Actor;
use super::assets::ASSETS;
use super::change;
use super::page::{Frame, Html};
use super::runs::Line;
use super::words::{self, Moment, address, count};
use super::{buttons, drawings, form::Form};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Current, Ground, current, workflow_name};

/// Workflows of a page.
const SHOWN: usize = 50;
/// Slots of a workflow.
const SLOTS: usize = 5;
/// Its latest runs.
const RUNS: usize = 10;
/// Runs whose durations are compared.
const TREND: usize = 40;
/// Workflows whose next slot is looked up together.
const DUE: usize = 500;
/// Tasks of a graph that is part of its page.
const DRAWN: usize = 250;
/// Tasks of a definition that are listed.
const TASKS: usize = 200;

/// Which page of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    cursor: String,
}

struct Row {
    name: String,
    enabled: bool,
    next: Option<Moment>,
    version: String,
    deployed: Moment,
    active: usize,
    queued: usize,
}

#[derive(Template)]
#[template(path = "workflows.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<&'static str>,
}

/// All of them, by name.
pub(crate) async fn list<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let cursor = Some(wanted.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let found = site.engine.workflows_page(cursor, SHOWN).await;
    let (all, next) = found.map_err(|error| Problem::of_listing(error, cursor))?;
    let now = site.engine.ports().clock().now();
    let due: BTreeMap<WorkflowName, Time> =
        site.engine.next_slots(DUE).await?.into_iter().collect();
    let rows = all.iter().map(|one| Row {
        name: one.name.to_string(),
        enabled: one.enabled,
        next: due.get(&one.name).map(|&at| Moment::of(at, now)),
        version: one.current.short().to_owned(),
        deployed: Moment::of(one.deployed_at, now),
        active: one.active.len(),
        queued: one.queued.len(),
    });
    Ok(Html(List {
        frame: Frame::of("Workflows", "workflows", actor),
        rows: rows.collect(),
        next: next.map(|next| address("/workflows", &[("cursor", &next)])),
        first: cursor.map(|_| "/workflows"),
    }))
}

struct Schedule {
    cron: String,
    timezone: String,
    words: String,
    enabled: bool,
    rules: String,
}

struct Slot {
    at: Moment,
    local: String,
    note: Option<String>,
}

struct Task {
    name: String,
    executor: String,
    description: Option<String>,
    after: String,
}

struct Param {
    name: String,
    kind: String,
    default: Option<String>,
    description: Option<String>,
}

#[derive(Template)]
#[template(path = "workflow.html")]
struct Page {
    frame: Frame,
    name: String,
    description: Option<String>,
    facts: Vec<(&'static str, String)>,
    deployed: Moment,
    enabled: bool,
    schedules: Vec<Schedule>,
    slots: Vec<Slot>,
    params: Vec<Param>,
    tasks: Vec<Task>,
    more_tasks: usize,
    runs: Vec<Line>,
    style: String,
    script: String,
    /// None where it is large enough for a page of its own.
    graph: Option<Result<String, String>>,
    trend: Option<String>,
}

/// What a form did before.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Done {
    done: String,
}

/// One of them.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(name): Path<String>,
    Asked(asked): Asked<Done>,
) -> Result<Html<impl Template>, Problem> {
    let Current {
        name: known,
        standing,
        graph,
    } = current(&site, &name).await?;
    let (runs, _) = site.engine.runs(None, Some(&known), None, TREND).await?;
    let now = site.engine.ports().clock().now();
    let workflow = &graph.workflow;
    let mut frame = Frame::of(format!("Workflow {name}"), "workflows", actor);
    frame.news = buttons::news(&asked.done);
    Ok(Html(Page {
        frame,
        description: workflow.description.clone(),
        facts: facts(&standing, workflow),
        deployed: Moment::of(standing.deployed_at, now),
        enabled: standing.enabled,
        schedules: workflow.schedules.iter().map(Schedule::of).collect(),
        slots: slots(&standing, workflow, now),
        params: workflow.params.iter().map(Param::of).collect(),
        tasks: tasks(workflow),
        more_tasks: workflow.tasks.len().saturating_sub(TASKS),
        trend: drawings::trend(&runs, now),
        graph: (workflow.tasks.len() <= DRAWN)
            .then(|| drawings::of_workflow(&site.layouts, &standing.current, workflow)),
        style: ASSETS.drawings(),
        script: ASSETS.script("zoom"),
        runs: runs
            .iter()
            .take(RUNS)
            .map(|one| Line::of(one, now))
            .collect(),
        name,
    }))
}

/// Lets its schedules fire or not.
pub(crate) async fn switch<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(name): Path<String>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let known = workflow_name(&name)?;
    let (enabled, done) = match form.get("fires") {
        Some("yes") => (true, "enable"),
        Some("no") => (false, "disable"),
        _ => return Err(Problem::bad("`fires` has to be yes or no")),
    };
    change::enable(&site, &actor, &known, enabled).await?;
    Ok(change::led_to(
        &headers,
        format!("/workflows/{name}?done={done}"),
    ))
}

fn facts(standing: &WorkflowDocument, workflow: &Workflow) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Version", standing.current.short().to_owned()),
        ("Tasks", workflow.tasks.len().to_string()),
    ];
    if let Some(source) = &standing.source {
        facts.push(("Source", crate::documents::source(source).to_owned()));
    }
    if let Some(most) = workflow.max_active_runs {
        facts.push(("Runs at once", format!("{most} at most")));
    }
    if let Some(deadline) = workflow.deadline {
        facts.push(("Deadline", deadline.to_string()));
    }
    if !standing.active.is_empty() || !standing.queued.is_empty() {
        let active = count(standing.active.len() as u64, "run");
        let queued = standing.queued.len();
        facts.push(("Places", format!("{active} active, {queued} waiting")));
    }
    facts
}

impl Schedule {
    fn of(one: &ork_core::definition::Schedule) -> Self {
        use ork_core::definition::{Catchup, Overlap};
        let words = schedule::Cron::parse(&one.cron).map(|cron| schedule::describe(&cron));
        let missed = match one.catchup {
            Catchup::None => "missed slots are dropped",
            Catchup::Latest => "of missed slots the latest runs",
            Catchup::All => "every missed slot runs",
        };
        let overlap = match one.overlap {
            Overlap::Allow => "runs may overlap",
            Overlap::Skip => "a slot is dropped while a run is active",
            Overlap::Queue => "a slot waits while a run is active",
            Overlap::Cancel => "a slot cancels the active run",
        };
        Self {
            cron: one.cron.clone(),
            timezone: one.timezone.clone(),
            words: words.unwrap_or_default(),
            enabled: one.enabled,
            rules: format!("{missed}; {overlap}"),
        }
    }
}

fn slots(standing: &WorkflowDocument, workflow: &Workflow, now: Time) -> Vec<Slot> {
    if !standing.enabled {
        return Vec::new();
    }
    // A schedule that cannot be read was refused when it was stored.
    let next = schedule::preview(&workflow.schedules, now, SLOTS).unwrap_or_default();
    let next = next.into_iter();
    next.map(|one| Slot {
        at: Moment::of(one.slot, now),
        local: words::wall_clock(&one.local),
        note: one.note,
    })
    .collect()
}

impl Param {
    fn of(param: &ork_core::definition::Param) -> Self {
        use ork_core::definition::ParamDefault;
        Self {
            name: param.name.clone(),
            kind: param.kind.to_string(),
            default: param.default.as_ref().map(|default| match default {
                ParamDefault::Value(value) => value.to_string(),
                ParamDefault::Template(expression) => expression.source.clone(),
            }),
            description: param.description.clone(),
        }
    }
}

fn tasks(workflow: &Workflow) -> Vec<Task> {
    let name = |at: &u32| workflow.tasks[*at as usize].name.as_str();
    let all = workflow.tasks.iter().take(TASKS);
    all.map(|task| Task {
        name: task.name.to_string(),
        executor: task.executor.word().to_owned(),
        description: task.description.clone(),
        after: task
            .depends_on
            .iter()
            .map(name)
            .collect::<Vec<_>>()
            .join(", "),
    })
    .collect()
}
