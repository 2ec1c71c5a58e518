//! A task of a run: what it is, how its instances stand, and of one instance what it got, gave and printed.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ork_core::definition::TaskIndex;
use ork_core::run::InstanceStatus;
use ork_engine::RunView;
use ork_engine::ports::{Clock, Ports};
use serde::Deserialize;

use super::actor::Actor;
use super::buttons::{self, Button};
use super::instance::{self, Instance};
use super::page::{Frame, Html};
use super::tasks::Line;
use super::words::{self, Badge, Moment, address};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, task, view};
use crate::site::Site;

/// Instances of a page.
const SHOWN: usize = 50;

/// Which instances.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    status: String,
    from: u32,
    done: String,
}

/// A line of the table of instances.
struct Row {
    index: u32,
    badge: Badge,
    attempt: u32,
    took: String,
    finished: Option<Moment>,
    failure: Option<(Option<&'static str>, String)>,
}

/// A choice of instances.
struct Choice {
    word: &'static str,
    to: String,
    count: u32,
    is_chosen: bool,
}

/// What changes as the run goes on.
#[derive(Template)]
#[template(path = "parts/task.html")]
struct Part {
    page: String,
    task: Line,
    buttons: Vec<Button>,
    rows: Option<Vec<Row>>,
    choices: Vec<Choice>,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "task.html")]
struct Page {
    frame: Frame,
    run: String,
    workflow: String,
    name: String,
    description: Option<String>,
    facts: Vec<(&'static str, String)>,
    upstream: Vec<String>,
    downstream: Vec<String>,
    follow: Option<String>,
    anew: String,
    part: Part,
    /// The only one, where the task does not fan out.
    instance: Option<Instance>,
}

/// The page.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, name)): Path<(String, String)>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let part = part_of(&site, &view, at, &actor, &wanted).await?;
    let definition = view.graph.task(at);
    let page = format!("/runs/{run}/tasks/{name}");
    let names = |all: &[TaskIndex]| {
        let all = all.iter().map(|&at| view.graph.task(at).name.to_string());
        all.collect()
    };
    let instance = match definition.fans_out() {
        true => None,
        false => Some(instance::of(&site, &view, at, 0, None).await?),
    };
    let seen = view.header.commits.to_string();
    let from = wanted.from.to_string();
    let mut frame = Frame::of(format!("{name} of {run}"), "runs", actor);
    frame.news = buttons::news(&wanted.done);
    Ok(Html(Page {
        frame,
        workflow: view.header.workflow.to_string(),
        description: definition.description.clone(),
        facts: facts(&view, at),
        upstream: names(&definition.depends_on),
        downstream: names(view.graph.dependents(at)),
        follow: (!view.header.status.is_terminal())
            .then(|| address(&format!("/runs/{run}/events"), &[("seen", &seen)])),
        anew: address(
            &format!("{page}/live"),
            &[("status", &wanted.status), ("from", &from)],
        ),
        part,
        instance,
        run,
        name,
    }))
}

/// What changes, alone.
pub(crate) async fn part<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path((run, name)): Path<(String, String)>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let view = view(&site, &run).await?;
    let at = task(&view, &name)?;
    let part = part_of(&site, &view, at, &actor, &wanted).await?;
    let mut answer = Html(part).into_response();
    if view.header.status.is_terminal() {
        *answer.status_mut() = StatusCode::from_u16(super::run::ENOUGH).unwrap_or(StatusCode::OK);
    }
    Ok(answer)
}

async fn part_of<P: Ports>(
    site: &Site<P>,
    view: &RunView,
    at: TaskIndex,
    actor: &Actor,
    wanted: &Wanted,
) -> Result<Part, Problem> {
    let now = site.engine.ports().clock().now();
    let seen = view.state.task_progress(&view.graph, at, now);
    let why = site.engine.explain(view).await?;
    let definition = view.graph.task(at);
    let page = format!("/runs/{}/tasks/{}", view.header.id, definition.name);
    let status: Option<InstanceStatus> = Some(wanted.status.as_str())
        .filter(|status| !status.is_empty())
        .map(str::parse)
        .transpose()
        .map_err(|error| Problem::bad(format!("`status`: {error}")))?;
    let mut part = Part {
        task: Line::of(view, at, &seen, &why, now),
        buttons: if actor.operates {
            buttons::of_task(view, at)
        } else {
            Vec::new()
        },
        rows: None,
        choices: Vec::new(),
        before: None,
        after: None,
        page,
    };
    if definition.fans_out() {
        part.table(view, at, status, wanted.from, now);
    }
    Ok(part)
}

impl Part {
    fn table(
        &mut self,
        view: &RunView,
        at: TaskIndex,
        status: Option<InstanceStatus>,
        from: u32,
        now: ork_core::time::Time,
    ) {
        let counts = view.state.task(at).counts();
        let page = self.page.clone();
        let to = |status: &str, from: usize| {
            let from = match from {
                0 => String::new(),
                from => from.to_string(),
            };
            address(&page, &[("status", status), ("from", &from)])
        };
        self.choices.push(Choice {
            word: "all",
            to: to("", 0),
            count: counts.total(),
            is_chosen: status.is_none(),
        });
        for &one in InstanceStatus::ALL {
            let count = counts.of(one);
            if count > 0 || status == Some(one) {
                self.choices.push(Choice {
                    word: one.as_str(),
                    to: to(one.as_str(), 0),
                    count,
                    is_chosen: status == Some(one),
                });
            }
        }
        let from = from as usize;
        let all = (0u32..).zip(view.state.instances(at));
        let wanted = all.filter(|(_, one)| status.is_none_or(|status| one.status() == status));
        let mut wanted = wanted.skip(from);
        let rows = wanted.by_ref().take(SHOWN).map(|(index, one)| Row {
            index,
            badge: Badge::instance(one.status()),
            attempt: one.attempt,
            took: words::span(one.took().or_else(|| {
                let from = one.started_at.filter(|_| one.finished_at.is_none())?;
                Some(now.since(from))
            })),
            finished: one.finished_at.map(|at| Moment::of(at, now)),
            failure: one.failure.as_deref().map(|failure| {
                let message = words::cut(&failure.message, 200);
                (words::category(failure.category), message)
            }),
        });
        self.rows = Some(rows.collect());
        let word = status.map_or("", InstanceStatus::as_str);
        self.before = (from > 0).then(|| to(word, from.saturating_sub(SHOWN)));
        self.after = wanted.next().map(|_| to(word, from + SHOWN));
    }
}

/// What its definition says of it.
fn facts(view: &RunView, at: TaskIndex) -> Vec<(&'static str, String)> {
    let definition = view.graph.task(at);
    let retries = &definition.retries;
    let mut facts = vec![
        ("Step", (view.graph.step(at) + 1).to_string()),
        ("Executor", definition.executor.word().to_owned()),
        ("Timeout", definition.timeout.to_string()),
        (
            "Retries",
            match retries.max {
                0 => "none".to_owned(),
                max => format!("{max}, first after {}", retries.delay),
            },
        ),
    ];
    let mut more = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    more(
        "Estimate",
        definition.estimated_duration.map(|span| span.to_string()),
    );
    more("Pool", definition.pool.as_ref().map(ToString::to_string));
    more("Topic", definition.topic.clone());
    more(
        "At once",
        definition.concurrency.map(|most| format!("{most} at most")),
    );
    more(
        "When",
        definition.when.as_ref().map(|one| one.source.clone()),
    );
    facts
}
