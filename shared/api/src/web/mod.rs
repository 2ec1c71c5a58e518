//! The pages: what the API answers, for people. Made on the server from templates; without JavaScript everything works by links and forms,
//! and htmx exchanges parts of pages as runs go on.

mod actor;
mod assets;
mod audit;
mod backfill;
mod buttons;
mod change;
mod commands;
mod cost;
mod drawings;
mod form;
mod guard;
mod home;
mod instance;
mod jobs;
mod keys;
mod live;
mod log;
mod mark;
mod notices;
mod page;
mod pools;
mod run;
mod runs;
mod start;
mod submit;
mod task;
mod tasks;
mod uploads;
mod versions;
mod words;
mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use ork_engine::ports::Ports;

use crate::Problem;
use crate::site::Site;

pub(crate) use drawings::Layouts;
pub(crate) use guard::pages;

/// Everything that is not under `/api`.
pub(crate) fn all<P: Ports + 'static>() -> Router<Arc<Site<P>>> {
    Router::new()
        .route("/", get(home::show::<P>))
        .route("/parts/home", get(home::part::<P>))
        .route("/runs", get(runs::show::<P>))
        .route("/parts/runs", get(runs::part::<P>))
        .route("/runs/{run}", get(run::show::<P>))
        .route("/runs/{run}/live", get(run::part::<P>))
        .route("/runs/{run}/events", get(live::follow::<P>))
        .route("/runs/{run}/graph", get(drawings::graph::<P>))
        .route("/runs/{run}/graph/live", get(drawings::graph_part::<P>))
        .route("/runs/{run}/gantt", get(drawings::gantt::<P>))
        .route("/runs/{run}/gantt/live", get(drawings::gantt_part::<P>))
        .route(
            "/runs/{run}/{what}",
            get(commands::ask::<P>).post(commands::run::<P>),
        )
        .route("/runs/{run}/tasks/{task}", get(task::show::<P>))
        .route("/runs/{run}/tasks/{task}/live", get(task::part::<P>))
        .route(
            "/runs/{run}/tasks/{task}/mark-success",
            get(mark::ask::<P>).post(mark::mark::<P>),
        )
        .route(
            "/runs/{run}/tasks/{task}/at/{index}",
            get(instance::show::<P>),
        )
        .route(
            "/runs/{run}/tasks/{task}/at/{index}/inputs",
            get(instance::inputs::<P>),
        )
        .route(
            "/runs/{run}/tasks/{task}/at/{index}/log",
            get(log::show::<P>),
        )
        .route(
            "/runs/{run}/tasks/{task}/at/{index}/log.txt",
            get(log::file::<P>),
        )
        .route(
            "/runs/{run}/tasks/{task}/at/{index}/more",
            get(log::more::<P>),
        )
        .route(
            "/runs/{run}/tasks/{task}/{what}",
            get(commands::ask_task::<P>).post(commands::of_task::<P>),
        )
        .route("/workflows", get(workflows::list::<P>))
        .route("/workflows/{name}", get(workflows::show::<P>))
        .route("/workflows/{name}/schedule", post(workflows::switch::<P>))
        .route(
            "/workflows/{name}/start",
            get(start::show::<P>).post(start::start::<P>),
        )
        .route(
            "/workflows/{name}/backfill",
            get(backfill::show::<P>).post(backfill::fill::<P>),
        )
        .route(
            "/workflows/{name}/graph",
            get(drawings::workflow_graph::<P>),
        )
        .route("/workflows/{name}/grid", get(drawings::grid::<P>))
        .route("/workflows/{name}/versions", get(versions::show::<P>))
        .route("/jobs", get(jobs::show::<P>))
        .route("/parts/jobs", get(jobs::part::<P>))
        .route("/pools", get(pools::show::<P>))
        .route("/audit", get(audit::show::<P>))
        .route("/keys", get(keys::show::<P>).post(keys::make::<P>))
        .route(
            "/keys/{key}/revoke",
            get(keys::ask::<P>).post(keys::revoke::<P>),
        )
        .route("/cost", get(cost::show::<P>))
        .route("/uploads", get(uploads::show::<P>))
        .route("/submit", get(submit::show).post(submit::store::<P>))
        .route("/submit/check", post(submit::check))
        .route("/assets/{file}", get(assets::serve))
        .route("/favicon.ico", get(assets::icon))
        .fallback(|| async {
            Problem::new(StatusCode::NOT_FOUND, "there is no page at this address")
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this address is not asked in this way",
            )
        })
        .layer(from_fn(guard::same_origin))
}
