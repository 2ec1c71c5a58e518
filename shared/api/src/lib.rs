#![doc = include_str!("../README.md")]

mod access;
mod documents;
mod openapi;
mod page;
mod problem;
mod request;
mod routes;
mod site;
mod web;

pub use access::{Access, Caller, Challenge, Identify, Rate, Stranger, Who, bearer};
pub use documents::{InstanceDocument, TaskDocument, WorkflowDetail, WorkflowSummary};
pub use openapi::document as openapi;
pub use problem::Problem;
pub use site::{Log, LogError, Logs, Prices, Settings};

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use ork_engine::Engine;
use ork_engine::ports::Ports;

use access::Buckets;
use site::Site;

/// Bytes of a request's body; params of a run are the largest thing that anybody sends.
const BODY_BYTES: usize = 1 << 20;

/// Everything under `/api`, and the pages, over one engine.
///
/// It starts nothing and waits for nothing: what it changes is committed, and whoever executes runs finds it as it finds everything else.
pub fn router<P: Ports + 'static>(
    engine: Arc<Engine<P>>,
    logs: Arc<dyn Logs>,
    settings: Settings,
) -> Router {
    let site = Arc::new(Site {
        engine,
        logs,
        buckets: Buckets::new(settings.rate),
        settings,
        layouts: web::Layouts::default(),
    });
    let web = web::all::<P>().with_state(site.clone());
    let api = routes::all::<P>()
        .with_state(site.clone())
        .fallback(|| async {
            Problem::new(
                StatusCode::NOT_FOUND,
                "there is no such route; GET /api/openapi.json lists them",
            )
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this route has no such method; GET /api/openapi.json lists what it has",
            )
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn(request::harmless));
    Router::new()
        .nest("/api", api)
        .merge(web)
        .layer(from_fn_with_state(site, access::admit::<P>))
        .layer(from_fn(web::pages))
}
