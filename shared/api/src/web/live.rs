//! Word of a run's changes to pages that show it: they then ask for what they show anew, in the way they show it.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::HeaderValue;
use axum::response::Response;
use axum::response::sse::Event;
use ork_engine::ports::Ports;
use serde::Deserialize;

use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, events};

/// What the page shows already.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    seen: Option<u64>,
}

/// An event `run` for each change, and `over` for the last, with nothing but the run's status. A browser that comes back says what it saw
/// last in a header; a page that was just made says it in its address.
pub(crate) async fn follow<P: Ports + 'static>(
    State(site): Ground<P>,
    Path(run): Path<String>,
    Asked(Seen { seen }): Asked<Seen>,
    mut headers: HeaderMap,
) -> Result<Response, Problem> {
    if let (Some(seen), false) = (seen, headers.contains_key(events::LAST_SEEN)) {
        headers.insert(events::LAST_SEEN, HeaderValue::from(seen));
    }
    events::follow_with(site, &run, &headers, |view, _| {
        let status = view.header.status;
        let kind = if status.is_terminal() { "over" } else { "run" };
        Ok(Event::default().event(kind).data(status.as_str()))
    })
    .await
}
