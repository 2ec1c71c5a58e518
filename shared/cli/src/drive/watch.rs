//! Watching a run that is executed elsewhere, by looking at it again and again.

use std::time::Duration;

use ork_core::ids::RunId;
use ork_core::run::Command;
use ork_core::time::Millis;
use ork_engine::{EngineError, EngineErrorKind};
use ork_local::{Observer, RunView};
use tokio::time::Instant;

use super::changes::changes;
use super::{Driven, FRAME, PATIENCE};
use crate::engine::failure;
use crate::failure::Failure;
use crate::progress::{SharedScreen, now};
use crate::signals::Stops;
use crate::site::Site;

/// Between two looks: as long as something changes, and the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(150), Duration::from_secs(1));

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
    // Since when cancelling is tried, and why it was refused.
    let (mut late, mut late_since, mut refused) = (false, None, None);
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
                let span = limit.unwrap_or_default();
                let since = *late_since.get_or_insert_with(|| {
                    screen.say(&format!("the run did not end within {span} (--timeout): cancelling"));
                    Instant::now()
                });
                let reason = format!("did not end within {span} (--timeout)");
                let sent = tokio::select! {
                    biased;
                    _ = stops.next() => break Ok(Driven::Left),
                    sent = Box::pin(site.try_command(run, Command::Cancel { reason })) => sent,
                };
                match sent {
                    Err(error) if error.kind == EngineErrorKind::Unavailable && since.elapsed() < PATIENCE => {
                        deadline.as_mut().reset(Instant::now() + LOOK.1);
                        continue;
                    }
                    // It may just have ended by itself: the next look knows.
                    Err(error) if error.kind == EngineErrorKind::Refused => refused = Some(error),
                    Err(error) => break Err(failure(error)),
                    Ok(_) => {}
                }
                late = true;
                looking.set(look(site, run, Duration::ZERO));
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
                        if let Some(error) = refused {
                            break Err(failure(error));
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

#[cfg(test)]
mod tests {
    use std::fs;

    use ork_local::StartRun;

    use super::*;
    use crate::config::Config;
    use crate::engine;
    use crate::output::{Color, Output};
    use crate::progress::{Screen, Style};
    use crate::workflow_file;

    #[tokio::test]
    async fn a_run_that_ended_just_before_it_was_late_is_no_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.yaml");
        fs::write(&path, "name: w\ntasks:\n  a: {}\n").expect("written");
        let out = Output::new(Color::Never, &Config::default());
        let file = workflow_file::load(&path, &out).expect("a workflow");
        let embedded = engine::to_record(folder.path().join(".ork")).expect("a folder");
        engine::deploy(&embedded, &file).await.expect("deployed");
        let site = Site::of(embedded);
        let started = site.start(StartRun::of(file.workflow.name)).await;
        let run = started.expect("started").id;
        // Its one task does nothing, so that it ended as it began.
        let reason = "late".to_owned();
        let refused = site.try_command(&run, Command::Cancel { reason }).await;
        assert_eq!(
            refused.expect_err("it ended").kind,
            EngineErrorKind::Refused
        );
        let screen = SharedScreen::new(Screen::new(Style::Silent, false, &out), &out);
        let driven = watch(&site, &run, None, Some(Millis::default()), &screen).await;
        assert_eq!(driven.expect("watched to its end"), Driven::Done);
    }
}
