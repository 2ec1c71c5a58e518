//! Jobs elsewhere that runs wait for, or that are being stopped.

use askama::Template;
use axum::extract::State;
use ork_core::run::{RunStatus, State as Stand};
use ork_core::time::Time;
use ork_engine::ports::{Clock, Ports};
use ork_engine::report::{self, JobReport, StoppingReport};
use ork_engine::{EngineErrorKind, RunView};

use super::actor::Actor;
use super::page::{Frame, Html};
use super::words::Moment;
use crate::Problem;
use crate::routes::Ground;
use crate::site::Site;

/// Runs of a status that are looked at: there is no list of jobs but that of their runs.
const RUNS: usize = 30;
/// Jobs that are shown.
const SHOWN: usize = 200;

struct Waiting {
    run: String,
    task: String,
    job: JobReport,
    next: Option<Moment>,
    end_by: Option<Moment>,
}

struct Stopping {
    run: String,
    job: StoppingReport,
    since: Moment,
}

#[derive(Template)]
#[template(path = "parts/jobs.html")]
struct Part {
    waiting: Vec<Waiting>,
    stopping: Vec<Stopping>,
    looked_at: usize,
    is_all: bool,
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Page {
    frame: Frame,
    part: Part,
}

/// The page.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
) -> Result<Html<impl Template>, Problem> {
    Ok(Html(Page {
        frame: Frame::of("Jobs elsewhere", "jobs", actor),
        part: look(&site).await?,
    }))
}

/// What changes of it.
pub(crate) async fn part<P: Ports>(State(site): Ground<P>) -> Result<Html<impl Template>, Problem> {
    Ok(Html(look(&site).await?))
}

async fn look<P: Ports>(site: &Site<P>) -> Result<Part, Problem> {
    let now = site.engine.ports().clock().now();
    let mut part = Part {
        waiting: Vec::new(),
        stopping: Vec::new(),
        looked_at: 0,
        is_all: true,
    };
    for status in [RunStatus::Running, RunStatus::Recovering, RunStatus::Paused] {
        let (runs, next) = site.engine.runs(Some(status), None, None, RUNS).await?;
        part.is_all &= next.is_none();
        for header in runs {
            match site.engine.run(&header.id).await {
                Ok(view) => part.take(&view, now),
                // It was removed, or cannot be read: its own page says so.
                Err(error) if error.kind != EngineErrorKind::Unavailable => continue,
                Err(error) => return Err(error.into()),
            }
            part.looked_at += 1;
        }
    }
    part.is_all &= part.waiting.len() <= SHOWN;
    part.waiting.truncate(SHOWN);
    Ok(part)
}

impl Part {
    fn take(&mut self, view: &RunView, now: Time) {
        let run = view.header.id.to_string();
        for (at, task) in (0..).zip(&view.graph.workflow.tasks) {
            for job in report::jobs(&view.state, at) {
                let one = view.state.instance(at, job.index);
                let deferral = one.and_then(|one| match &one.state {
                    Stand::Deferred(deferral) => Some(deferral),
                    _ => None,
                });
                self.waiting.push(Waiting {
                    run: run.clone(),
                    task: task.name.to_string(),
                    next: deferral.map(|one| Moment::of(one.poll_at, now)),
                    end_by: deferral.map(|one| Moment::of(one.end_by, now)),
                    job,
                });
            }
        }
        let all = report::stopping(view).into_iter();
        self.stopping.extend(all.map(|job| {
            Stopping {
                run: run.clone(),
                since: Time::parse(&job.since)
                    .map_or_else(|_| Moment::exactly(now), |since| Moment::of(since, now)),
                job,
            }
        }));
    }
}
