//! Watching a run that is executed elsewhere, by looking at it again and again.

use std::time::Duration;

use ork_core::ids::RunId;
use ork_core::run::Command;
use ork_core::time::Millis;
use ork_engine::{EngineError, EngineErrorKind};
use ork_local::{Observer, RunView};
use tokio::time::Instant;

use super::changes::changes;
use super::{Driven, FRAME};
use crate::engine::failure;
use crate::failure::Failure;
use crate::progress::{SharedScreen, now};
use crate::signals::Stops;
use crate::site::Site;

/// Between two looks: as long as something changes, and the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(150), Duration::from_secs(1));
/// How long it is watched in vain before that is an error.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks at the run until it ends, somebody stops watching, or it is cancelled for being late.
pub(super) async fn watch(
    site: &Site,
    run: &RunId,
    since: Option<&RunView>,
    limit: Option<Millis>,
    screen: &SharedScreen,
) -> Result<Driven, Failure> {
    let mut stops = Stops::listen()?;
    let mut observer = screen.clone();
    let mut frames = tokio::time::interval(FRAME);
    let deadline = tokio::time::sleep(limit.map_or(Duration::MAX, Millis::to_duration));
    tokio::pin!(deadline);
    let mut late = false;
    let mut before = since.cloned();
    if let Some(view) = &before {
        observer.committed(run, &view.graph, &view.state, &[]);
    }
    let mut pause = LOOK.0;
    let mut seen_at = Instant::now();
    let looking = look(site, run, Duration::ZERO);
    tokio::pin!(looking);
    let done = loop {
        tokio::select! {
            biased;
            _ = stops.next() => break Ok(Driven::Left),
            () = &mut deadline, if limit.is_some() && !late => {
                late = true;
                let span = limit.unwrap_or_default();
                screen.say(&format!("the run did not end within {span} (--timeout): cancelling"));
                let reason = format!("did not end within {span} (--timeout)");
                match site.command(run, Command::Cancel { reason }).await {
                    Ok(_) => looking.set(look(site, run, Duration::ZERO)),
                    Err(failure) => break Err(failure),
                }
            }
            _ = frames.tick(), if screen.is_live() => screen.draw(),
            seen = &mut looking => {
                match seen {
                    Ok(view) => {
                        seen_at = Instant::now();
                        let state = before.as_ref().map(|before| &before.state);
                        let notes = changes(&view.graph, state, &view.state, now());
                        if notes.is_empty() {
                            pause = (pause * 3 / 2).min(LOOK.1);
                        } else {
                            pause = LOOK.0;
                            observer.committed(run, &view.graph, &view.state, &notes);
                        }
                        if view.header.status.is_terminal() {
                            break Ok(Driven::Done);
                        }
                        before = Some(view);
                    }
                    Err(error) if error.kind == EngineErrorKind::Unavailable && seen_at.elapsed() < PATIENCE => pause = LOOK.1,
                    Err(error) => break Err(failure(error).hint(format!(
                        "the run goes on; `ork run resume {run} --wait` watches it again"
                    ))),
                }
                looking.set(look(site, run, pause));
            }
        }
    };
    screen.finish();
    done
}

/// Reads the run after a pause.
async fn look(site: &Site, run: &RunId, pause: Duration) -> Result<RunView, EngineError> {
    tokio::time::sleep(pause).await;
    Box::pin(site.try_view(run)).await
}
