//! The OpenAPI document, made from the routes.

use utoipa::OpenApi;

use crate::routes::{commands, events, health, logs, runs, tasks, workflows};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ork",
        description = "Workflows and their runs. Every answer that is no success is a problem document (RFC 9457). Documents may gain fields."
    ),
    paths(
        health::health,
        health::openapi,
        workflows::list,
        workflows::show,
        workflows::delete,
        workflows::schedule,
        workflows::versions,
        runs::start,
        runs::list,
        runs::show,
        commands::cancel,
        commands::pause,
        commands::resume,
        commands::retry,
        commands::recover,
        events::follow,
        tasks::list,
        tasks::show,
        tasks::output,
        logs::read,
        commands::pause_task,
        commands::resume_task,
        commands::retry_task,
    )
)]
struct Document;

/// The document as JSON text, two spaces a level.
pub fn document() -> String {
    Document::openapi()
        .to_pretty_json()
        .expect("a document of fixed parts can be written")
}
