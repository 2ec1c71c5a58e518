//! Runs and workflows as drawings: the graph, the run along time, recent runs by task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ork_core::ids::{TaskName, VersionHash};
use ork_core::run::Header;
use ork_core::time::Time;
use ork_engine::ports::{Clock, Ports};
use ork_engine::{EngineErrorKind, RunView};
use ork_graph::{
    Bar, Direction, DrawOptions, GanttOptions, Graph, Grid, GridCell, GridRow, GridRun, Layout,
    Limits, Trend, draw, gantt_of_run, graph_of_run, graph_of_workflow,
};
use serde::Deserialize;

use super::actor::Actor;
use super::assets::ASSETS;
use super::page::{Frame, Html};
use super::runs::took;
use super::words::{Badge, address};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Current, Ground, current, task, view};
use crate::site::Site;

/// Layouts that are kept: that of a version never changes.
const KEPT: usize = 64;
/// Steps around a task, and tasks of such a part.
const AROUND: u32 = 3;
const PART: usize = 150;
/// Lines of a page along time.
const ROWS: usize = 200;
/// Runs and tasks of a page of the grid.
const RUNS: usize = 15;
const TASKS: usize = 60;

/// Layouts by version.
#[derive(Debug, Default)]
pub(crate) struct Layouts(Mutex<BTreeMap<VersionHash, Arc<Layout>>>);

impl Layouts {
    fn of(&self, version: &VersionHash, graph: &Graph) -> Result<Arc<Layout>, String> {
        let known = |all: &BTreeMap<_, Arc<Layout>>| all.get(version).cloned();
        if let Some(layout) = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(layout);
        }
        let made = Layout::of(graph, Direction::LeftToRight, Limits::PAGE);
        let made = Arc::new(made.map_err(|error| error.to_string())?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.pop_first();
        }
        all.insert(version.clone(), made.clone());
        Ok(made)
    }
}

/// What is drawn.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    /// Only the neighbourhood of this task.
    around: String,
    /// The first line of a page.
    from: usize,
    /// Whether the chain of tasks that took longest is marked: `yes`.
    longest: String,
}

/// A drawing of a run, as it is exchanged.
#[derive(Template)]
#[template(path = "parts/drawing.html")]
struct Part {
    badge: Badge,
    progress: u8,
    /// Made by the crate that draws, which escapes what it is given.
    drawing: Result<String, String>,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "drawing.html")]
struct Page {
    frame: Frame,
    run: String,
    workflow: String,
    is_graph: bool,
    is_longest: bool,
    around: String,
    tasks: Vec<String>,
    style: String,
    script: String,
    follow: Option<String>,
    anew: String,
    part: Part,
}

/// Which drawing of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Graph,
    Gantt,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Gantt => "gantt",
        }
    }
}

/// The page with a run's graph.
pub(crate) async fn graph<P: Ports>(
    site: Ground<P>,
    actor: Actor,
    path: Path<String>,
    asked: Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    page(site, actor, path, asked, Kind::Graph).await
}

/// The page of a run along time.
pub(crate) async fn gantt<P: Ports>(
    site: Ground<P>,
    actor: Actor,
    path: Path<String>,
    asked: Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    page(site, actor, path, asked, Kind::Gantt).await
}

/// The graph alone.
pub(crate) async fn graph_part<P: Ports>(
    site: Ground<P>,
    path: Path<String>,
    asked: Asked<Wanted>,
) -> Result<Response, Problem> {
    part(site, path, asked, Kind::Graph).await
}

/// The run along time, alone.
pub(crate) async fn gantt_part<P: Ports>(
    site: Ground<P>,
    path: Path<String>,
    asked: Asked<Wanted>,
) -> Result<Response, Problem> {
    part(site, path, asked, Kind::Gantt).await
}

async fn page<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(run): Path<String>,
    Asked(wanted): Asked<Wanted>,
    kind: Kind,
) -> Result<Html<Page>, Problem> {
    let view = view(&site, &run).await?;
    let part = part_of(&site, &view, &wanted, kind)?;
    let path = format!("/runs/{run}");
    let seen = view.header.commits.to_string();
    let from = number(wanted.from);
    let shown = [
        ("around", wanted.around.as_str()),
        ("from", from.as_str()),
        ("longest", wanted.longest.as_str()),
    ];
    let tasks = view.graph.workflow.tasks.iter();
    Ok(Html(Page {
        frame: Frame::of(format!("{} of {run}", kind.word()), "runs", actor),
        workflow: view.header.workflow.to_string(),
        is_graph: kind == Kind::Graph,
        is_longest: wanted.longest == "yes",
        tasks: tasks
            .map(|task| task.name.to_string())
            .take(1_000)
            .collect(),
        style: ASSETS.drawings(),
        script: ASSETS.script("zoom"),
        follow: (!view.header.status.is_terminal())
            .then(|| address(&format!("{path}/events"), &[("seen", &seen)])),
        anew: address(&format!("{path}/{}/live", kind.word()), &shown),
        part,
        around: wanted.around,
        run,
    }))
}

async fn part<P: Ports>(
    State(site): Ground<P>,
    Path(run): Path<String>,
    Asked(wanted): Asked<Wanted>,
    kind: Kind,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let mut answer = Html(part_of(&site, &view, &wanted, kind)?).into_response();
    if view.header.status.is_terminal() {
        *answer.status_mut() = StatusCode::from_u16(super::run::ENOUGH).unwrap_or(StatusCode::OK);
    }
    Ok(answer)
}

fn part_of<P: Ports>(
    site: &Site<P>,
    view: &RunView,
    wanted: &Wanted,
    kind: Kind,
) -> Result<Part, Problem> {
    let now = site.engine.ports().clock().now();
    let run = &view.header.id;
    let link = |name: &TaskName| Some(format!("/runs/{run}/tasks/{name}"));
    let (mut before, mut after) = (None, None);
    let drawing = match kind {
        Kind::Graph => {
            let whole = graph_of_run(&view.graph, &view.state, now, link);
            let options = DrawOptions {
                label: format!("The tasks of run {run}"),
                standalone: false,
                critical: wanted.longest == "yes",
            };
            match wanted.around.as_str() {
                "" => {
                    let layout = site.layouts.of(&view.header.version, &whole);
                    layout.map(|layout| draw(&whole, &layout, &options))
                }
                name => {
                    let (near, _) = whole.around(task(view, name)?, AROUND, AROUND, PART);
                    ork_graph::svg(&near, Direction::LeftToRight, Limits::PAGE, &options)
                        .map_err(|error| error.to_string())
                }
            }
        }
        Kind::Gantt => {
            let gantt = gantt_of_run(&view.graph, &view.state, now, link);
            let all = gantt.rows.len();
            let from = wanted.from.min(all);
            let to =
                |from: usize| address(&format!("/runs/{run}/gantt"), &[("from", &number(from))]);
            before = (from > 0).then(|| to(from.saturating_sub(ROWS)));
            after = (from + ROWS < all).then(|| to(from + ROWS));
            Ok(gantt.svg(&GanttOptions {
                first: from,
                rows: ROWS,
                ..GanttOptions::default()
            }))
        }
    };
    Ok(Part {
        badge: Badge::run(view.header.status),
        progress: view.state.progress(&view.graph, now).percent,
        drawing,
        before,
        after,
    })
}

fn number(from: usize) -> String {
    match from {
        0 => String::new(),
        from => from.to_string(),
    }
}

#[derive(Template)]
#[template(path = "workflow_graph.html")]
struct WorkflowGraph {
    frame: Frame,
    workflow: String,
    style: String,
    script: String,
    graph: Result<String, String>,
}

/// The page with a workflow's graph alone, which may be a large one.
pub(crate) async fn workflow_graph<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Html<impl Template>, Problem> {
    let Current {
        standing, graph, ..
    } = current(&site, &name).await?;
    Ok(Html(WorkflowGraph {
        frame: Frame::of(format!("Graph of {name}"), "workflows", actor),
        style: ASSETS.drawings(),
        script: ASSETS.script("zoom"),
        graph: of_workflow(&site.layouts, &standing.current, &graph.workflow),
        workflow: name,
    }))
}

/// A workflow's graph.
pub(crate) fn of_workflow(
    layouts: &Layouts,
    version: &VersionHash,
    workflow: &ork_core::definition::Workflow,
) -> Result<String, String> {
    let graph = graph_of_workflow(workflow, |_| None);
    let layout = layouts.of(version, &graph)?;
    let options = DrawOptions {
        label: format!("The tasks of workflow {}", workflow.name),
        standalone: false,
        critical: false,
    };
    Ok(draw(&graph, &layout, &options))
}

/// How long these runs took, the oldest first; nothing where there is nothing to compare.
pub(crate) fn trend(headers: &[Header], now: Time) -> Option<String> {
    if headers.len() < 2 {
        return None;
    }
    let bars = headers.iter().rev().map(|header| Bar {
        name: header.id.to_string(),
        state: header.status.into(),
        took: took(header, now),
        href: Some(format!("/runs/{}", header.id)),
    });
    let trend = Trend {
        label: "How long the latest runs took".to_owned(),
        bars: bars.collect(),
        width: 720,
        height: 140,
    };
    Some(trend.svg(false))
}

#[derive(Template)]
#[template(path = "grid.html")]
struct GridPage {
    frame: Frame,
    workflow: String,
    style: String,
    grid: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

/// Recent runs by the tasks of the current version.
pub(crate) async fn grid<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(name): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let Current {
        name: known, graph, ..
    } = current(&site, &name).await?;
    let (headers, _) = site.engine.runs(None, Some(&known), None, RUNS).await?;
    let now = site.engine.ports().clock().now();
    let mut views = Vec::new();
    for header in headers.iter().rev() {
        match site.engine.run(&header.id).await {
            Ok(view) => views.push(view),
            // It was removed meanwhile, or cannot be read: its own page says so.
            Err(error) if error.kind != EngineErrorKind::Unavailable => {}
            Err(error) => return Err(error.into()),
        }
    }
    let order = graph.order();
    let from = wanted.from.min(order.len());
    let shown = order.iter().skip(from).take(TASKS);
    let rows = shown.map(|&at| {
        let name = &graph.task(at).name;
        GridRow {
            name: name.to_string(),
            href: None,
            cells: views.iter().map(|view| cell(view, name)).collect(),
        }
    });
    let grid = Grid {
        label: format!("Recent runs of {name} by task"),
        rows: rows.collect(),
        runs: views
            .iter()
            .map(|view| GridRun {
                name: view.header.id.to_string(),
                href: Some(format!("/runs/{}", view.header.id)),
                state: view.header.status.into(),
                took: took(&view.header, now),
            })
            .collect(),
    };
    let to = |from: usize| {
        address(
            &format!("/workflows/{name}/grid"),
            &[("from", &number(from))],
        )
    };
    Ok(Html(GridPage {
        frame: Frame::of(format!("Grid of {name}"), "workflows", actor),
        style: ASSETS.drawings(),
        grid: (!views.is_empty()).then(|| grid.html()),
        before: (from > 0).then(|| to(from.saturating_sub(TASKS))),
        after: (from + TASKS < order.len()).then(|| to(from + TASKS)),
        workflow: name,
    }))
}

fn cell(view: &RunView, name: &TaskName) -> Option<GridCell> {
    let at = view.graph.workflow.task_index(name.as_str())?;
    let status = view.state.task(at).status();
    Some(GridCell {
        state: status.into(),
        href: Some(format!("/runs/{}/tasks/{name}", view.header.id)),
        note: format!("{name} of {}: {status}", view.header.id),
    })
}
