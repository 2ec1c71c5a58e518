//! The HTTP side: which request is which service's.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{any, get, post};

use super::state::Inner;
use super::{bigquery, control, dataproc, http_jobs, iam};

pub(super) fn router(inner: Arc<Inner>) -> Router {
    Router::new()
        .merge(bigquery::router())
        .merge(http_jobs::router())
        .route("/v1/{*path}", any(v1))
        .route("/service_accounts/v1/jwk/{account}", get(keys))
        .route(
            "/control/scripts",
            get(control::scripts)
                .post(control::add_script)
                .delete(control::clear_scripts),
        )
        .route(
            "/control/faults",
            get(control::faults)
                .post(control::add_fault)
                .delete(control::clear_faults),
        )
        .route(
            "/control/calls",
            get(control::calls).delete(control::clear_calls),
        )
        .route("/control/jobs", get(control::jobs))
        .route(
            "/control/clock",
            get(control::clock).post(control::set_clock),
        )
        .route("/control/defaults", post(control::defaults))
        .route("/control/wipe/{project}", post(control::wipe))
        .with_state(inner)
}

/// What IAM and Dataproc share: the beginning of their paths.
async fn v1(
    State(inner): State<Arc<Inner>>,
    method: Method,
    Path(path): Path<String>,
    Query(parameters): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let parts: Vec<&str> = path.split('/').collect();
    if let ["projects", _, "serviceAccounts", account] = parts[..] {
        let (account, verb) = match account.rsplit_once(':') {
            Some((account, verb)) => (account, Some(verb)),
            None => (account, None),
        };
        return iam::account(&inner, &method, account, verb, &body).await;
    }
    dataproc::answer(&inner, &method, &path, &parameters, &body).await
}

async fn keys(State(inner): State<Arc<Inner>>, Path(account): Path<String>) -> Response {
    iam::keys(&inner, &account).await
}
