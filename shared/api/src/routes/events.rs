//! A run's changes as they happen (server-sent events).
//!
//! Nobody here remembers who follows what: an event is what the run is after a commit, named by the mark of that commit, and a follower who
//! comes back says which was the last that he saw.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use ork_core::ids::RunId;
use ork_core::time::Time;
use ork_engine::ports::{Clock, Ports};
use ork_engine::report::RunReport;
use ork_engine::{EngineErrorKind, RunView};
use tokio::time::Instant;

use super::{Ground, view};
use crate::Problem;
use crate::site::Site;

/// The header of a follower who comes back.
pub(crate) const LAST_SEEN: &str = "last-event-id";
/// Between two signs that the connection stands.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Follows a run to its end: an event `run` with its progress at once and after each change, its id the mark of the change.
#[utoipa::path(get, path = "/api/runs/{run}/events", tag = "runs",
    params(("run" = String, Path, description = "the run"), ("last-event-id" = Option<u64>, Header, description = "the id of the last event that was seen")), responses(
    (status = 200, description = "events `run`, whose data is the run's progress", body = String, content_type = "text/event-stream"),
    (status = 204, description = "the run is over, and its last event was seen"),
    (status = 404, description = "there is no such run", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn follow<P: Ports + 'static>(
    State(site): Ground<P>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tell = |view: &RunView, now| {
        let event = Event::default().event("run");
        event.json_data(RunReport::of(view, now))
    };
    follow_with(site, &run, &headers, tell).await
}

/// How a run stands as an event, without its id.
type Tell = fn(&RunView, Time) -> Result<Event, axum::Error>;

/// Each change of a run, told by `tell`.
pub(crate) async fn follow_with<P: Ports + 'static>(
    site: Arc<Site<P>>,
    run: &str,
    headers: &HeaderMap,
    tell: Tell,
) -> Result<Response, Problem> {
    let seen = match headers.get(LAST_SEEN) {
        None => None,
        Some(value) => Some(number(value.to_str().unwrap_or_default())?),
    };
    let view = view(&site, run).await?;
    if view.header.status.is_terminal() && seen == Some(view.header.commits) {
        // What tells a browser not to come back.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let until = Instant::now() + site.settings.follow;
    let follower = Follower {
        site,
        run: view.header.id.clone(),
        seen,
        found: Some(view),
        until,
        tell,
    };
    let keep = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(follower.events()).keep_alive(keep).into_response())
}

fn number(text: &str) -> Result<u64, Problem> {
    text.parse()
        .map_err(|_| Problem::bad("`last-event-id` is not the id of an event of a run"))
}

struct Follower<P: Ports> {
    site: Arc<Site<P>>,
    run: RunId,
    /// The mark of the last commit that was told.
    seen: Option<u64>,
    /// What was read before the first look.
    found: Option<RunView>,
    until: Instant,
    tell: Tell,
}

impl<P: Ports + 'static> Follower<P> {
    fn events(self) -> impl Stream<Item = Result<Event, axum::Error>> {
        stream::unfold(Some(self), |follower| async move { follower?.next().await })
    }

    /// The next event, and who follows on; nobody once the run is over or the time is.
    async fn next(mut self) -> Option<(Result<Event, axum::Error>, Option<Self>)> {
        loop {
            let view = match self.found.take() {
                Some(view) => view,
                None => {
                    if Instant::now() >= self.until {
                        return None;
                    }
                    tokio::time::sleep(self.site.settings.look_every).await;
                    match self.site.engine.run(&self.run).await {
                        Ok(view) => view,
                        // The next look may find it; the follower is none the wiser for a pause.
                        Err(error) if error.kind == EngineErrorKind::Unavailable => continue,
                        // Removed: there is nothing more to tell.
                        Err(_) => return None,
                    }
                }
            };
            let commits = view.header.commits;
            let is_over = view.header.status.is_terminal();
            if self.seen != Some(commits) {
                self.seen = Some(commits);
                let now = self.site.engine.ports().clock().now();
                let event = (self.tell)(&view, now).map(|event| event.id(commits.to_string()));
                return Some((event, (!is_over).then_some(self)));
            }
            if is_over {
                return None;
            }
        }
    }
}
