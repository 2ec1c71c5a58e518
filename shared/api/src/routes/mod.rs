//! The routes, a file for each kind of thing.

pub(crate) mod audit;
pub(crate) mod backfill;
pub(crate) mod commands;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod me;
pub(crate) mod notices;
pub(crate) mod runs;
pub(crate) mod system;
pub(crate) mod tasks;
pub(crate) mod uploads;
pub(crate) mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, patch, post};
use ork_core::definition::TaskIndex;
use ork_core::ids::{RunId, TaskName, VersionHash, WorkflowName};
use ork_core::run::Graph;
use ork_engine::ports::Ports;
use ork_engine::{RunView, WorkflowDocument};

use crate::Problem;
use crate::site::Site;

/// What handlers are given.
pub(crate) type Ground<P> = axum::extract::State<Arc<Site<P>>>;

/// Every route below `/api`. What stands here stands in the OpenAPI document and in the table of what routes need, which tests see to.
pub(crate) fn all<P: Ports + 'static>() -> Router<Arc<Site<P>>> {
    Router::new()
        .route("/health", get(health::health::<P>))
        .route("/openapi.json", get(health::openapi))
        .route("/me", get(me::me))
        .route("/system", get(system::system::<P>))
        .route("/audit", get(audit::list::<P>))
        .route("/keys", get(keys::list::<P>).post(keys::create::<P>))
        .route("/keys/{key}/revoke", post(keys::revoke::<P>))
        .route(
            "/workflows",
            get(workflows::list::<P>).post(uploads::upload::<P>),
        )
        .route(
            "/workflows/{name}",
            get(workflows::show::<P>).delete(workflows::delete::<P>),
        )
        .route(
            "/workflows/{name}/schedule",
            patch(workflows::schedule::<P>),
        )
        .route("/workflows/{name}/versions", get(workflows::versions::<P>))
        .route(
            "/workflows/{name}/versions/{version}",
            get(workflows::definition::<P>),
        )
        .route("/workflows/{name}/upload", get(uploads::status::<P>))
        .route("/workflows/{name}/runs", post(runs::start::<P>))
        .route("/workflows/{name}/backfill", post(backfill::backfill::<P>))
        .route("/runs", get(runs::list::<P>))
        .route("/runs/{run}", get(runs::show::<P>))
        .route("/runs/{run}/state", get(runs::state::<P>))
        .route("/runs/{run}/explanation", get(runs::explain::<P>))
        .route("/runs/{run}/cost", get(runs::cost::<P>))
        .route("/runs/{run}/cancel", post(commands::cancel::<P>))
        .route("/runs/{run}/pause", post(commands::pause::<P>))
        .route("/runs/{run}/resume", post(commands::resume::<P>))
        .route("/runs/{run}/retry", post(commands::retry::<P>))
        .route("/runs/{run}/recover", post(commands::recover::<P>))
        .route("/runs/{run}/notices", get(notices::list::<P>))
        .route("/runs/{run}/notices/resend", post(notices::resend_all::<P>))
        .route(
            "/runs/{run}/notices/{notice}/resend",
            post(notices::resend::<P>),
        )
        .route("/runs/{run}/events", get(events::follow::<P>))
        .route("/runs/{run}/tasks", get(tasks::list::<P>))
        .route("/runs/{run}/tasks/{task}", get(tasks::show::<P>))
        .route("/runs/{run}/tasks/{task}/output", get(tasks::output::<P>))
        .route("/runs/{run}/tasks/{task}/logs", get(logs::read::<P>))
        .route(
            "/runs/{run}/tasks/{task}/pause",
            post(commands::pause_task::<P>),
        )
        .route(
            "/runs/{run}/tasks/{task}/resume",
            post(commands::resume_task::<P>),
        )
        .route(
            "/runs/{run}/tasks/{task}/retry",
            post(commands::retry_task::<P>),
        )
        .route(
            "/runs/{run}/tasks/{task}/mark-success",
            post(commands::mark_success::<P>),
        )
}

/// The run that a path names.
pub(crate) fn run_id(text: &str) -> Result<RunId, Problem> {
    RunId::new(text).map_err(|error| Problem::bad(error.to_string()))
}

/// The workflow that a path names.
pub(crate) fn workflow_name(text: &str) -> Result<WorkflowName, Problem> {
    WorkflowName::new(text).map_err(|error| Problem::bad(error.to_string()))
}

/// The version that a path or a body names.
pub(crate) fn version(text: &str) -> Result<VersionHash, Problem> {
    VersionHash::parse(text)
        .ok_or_else(|| Problem::bad("`version` has to be 64 lower-case hexadecimal digits; GET …/versions lists what there is"))
}

/// A workflow, where it stands, and its current version.
pub(crate) struct Current {
    pub(crate) name: WorkflowName,
    pub(crate) standing: WorkflowDocument,
    pub(crate) graph: Arc<Graph>,
}

/// That of the workflow that a path names.
pub(crate) async fn current<P: Ports>(site: &Site<P>, name: &str) -> Result<Current, Problem> {
    let name = workflow_name(name)?;
    let standing = site.engine.workflow_standing(&name).await?;
    let graph = site.engine.definition(&name, &standing.current).await?;
    Ok(Current {
        name,
        standing,
        graph,
    })
}

/// The run that a path names, as it stands.
pub(crate) async fn view<P: Ports>(site: &Site<P>, run: &str) -> Result<RunView, Problem> {
    Ok(site.engine.run(&run_id(run)?).await?)
}

/// The task of a run that a path names.
pub(crate) fn task(view: &RunView, name: &str) -> Result<TaskIndex, Problem> {
    let name = TaskName::new(name).map_err(|error| Problem::bad(error.to_string()))?;
    let workflow = &view.graph.workflow;
    let at = (0..)
        .zip(&workflow.tasks)
        .find(|(_, task)| task.name == name);
    at.map(|(at, _)| at).ok_or_else(|| {
        Problem::not_found(format!(
            "workflow {} has no task {name} in version {}",
            workflow.name,
            view.header.version.short()
        ))
    })
}
