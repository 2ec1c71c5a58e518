//! Executing runs to their end, or watching them: progress, Ctrl-C, the time limit, the summary, the exit code.

mod changes;
mod watch;

use std::time::Duration;

use clap::Args;
use ork_core::ids::RunId;
use ork_core::run::RunStatus;
use ork_core::time::Millis;
use ork_engine::Started;
use ork_local::{Control, Embedded, Observer, RunView, Until};

use crate::document;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::progress::{LOG_BYTES, Logs, Screen, SharedScreen, Style, shown_failures, summary};
use crate::signals::Stops;
use crate::site::Site;
use crate::waiting;

/// Pause between two pictures.
const FRAME: Duration = Duration::from_millis(100);
/// How long leaving at once may take.
const LEAVE: Duration = Duration::from_secs(2);
/// How long a run elsewhere is looked at in vain before that is an error.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What is shown while a run goes and at its end.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ShowArgs {
    /// End with one JSON document on standard output; everything else goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Say why: every decision, one line each
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Say nothing but errors of ork itself
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Plain lines even on a terminal
    #[arg(long)]
    pub(crate) no_progress: bool,
}

impl ShowArgs {
    pub(crate) fn style(&self, out: &Output) -> Style {
        match (self.quiet, out.live && !self.no_progress, self.verbose) {
            (true, _, _) => Style::Silent,
            (false, true, false) => Style::Live,
            (false, true, true) => Style::LiveNotes,
            (false, false, true) => Style::Notes,
            (false, false, false) => Style::Lines,
        }
    }
}

/// How driving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driven {
    /// What was waited for happened.
    Done,
    /// Somebody left before that.
    Left,
}

/// Executes one run to its end, or watches it where it is executed elsewhere; then shows how it went. `since` is how it stood before.
pub(crate) async fn to_the_end(
    site: &mut Site,
    since: &RunView,
    limit: Option<Millis>,
    show: &ShowArgs,
    out: &Output,
) -> Result<Exit, Failure> {
    let screen = SharedScreen::new(Screen::new(show.style(out), false, out), out);
    go_to_the_end(
        site,
        &since.header.id,
        Some(since),
        screen,
        limit,
        show,
        out,
    )
    .await
}

/// The same for a run that was just started.
pub(crate) async fn from_the_start(
    site: &mut Site,
    started: Started,
    limit: Option<Millis>,
    show: &ShowArgs,
    out: &Output,
) -> Result<Exit, Failure> {
    let mut screen = SharedScreen::new(Screen::new(show.style(out), false, out), out);
    if !show.quiet {
        let view = site.view(&started.id).await?;
        out.say(&format!(
            "{} run {}",
            out.talk.bold(view.header.workflow.as_str()),
            started.id
        ));
        if started.queued {
            waiting::explain(site, &started.id, out).await?;
        }
        // What starting it decided was committed before anybody watched; who watches from outside compares.
        for commit in started
            .stepped
            .commits
            .iter()
            .filter(|commit| commit.run == started.id && !site.is_remote())
        {
            screen.committed(&started.id, &commit.graph, &view.state, &commit.notes);
        }
    }
    go_to_the_end(site, &started.id, None, screen, limit, show, out).await
}

async fn go_to_the_end(
    site: &mut Site,
    run: &RunId,
    since: Option<&RunView>,
    screen: SharedScreen,
    limit: Option<Millis>,
    show: &ShowArgs,
    out: &Output,
) -> Result<Exit, Failure> {
    let driven = match site {
        Site::Folder(embedded) => drive(embedded, run, limit, &screen).await?,
        Site::Project(_) | Site::Server(_) => {
            watch::watch(site, run, since, limit, &screen).await?
        }
    };
    if driven == Driven::Left && site.is_remote() {
        out.say(&format!(
            "stopped watching; run {run} goes on: `ork run resume {run} --wait` watches it again, `ork run cancel {run}` ends it"
        ));
        return Ok(Exit::LeftAtOnce);
    }
    let view = site.view(run).await?;
    if driven == Driven::Left && !view.state.header.status.is_terminal() {
        out.say(&format!(
            "left run {run} as it is; `ork run resume {run}` goes on"
        ));
        return Ok(Exit::LeftAtOnce);
    }
    let exit = report(site, &view, show, out).await?;
    Ok(if driven == Driven::Left {
        Exit::LeftAtOnce
    } else {
        exit
    })
}

/// Shows how a run went.
async fn report(
    site: &Site,
    view: &RunView,
    show: &ShowArgs,
    out: &Output,
) -> Result<Exit, Failure> {
    if !show.quiet {
        let mut logs = Logs::new();
        for of in shown_failures(&view.state) {
            if let Some(end) = site.log_end(view, of, LOG_BYTES).await {
                logs.insert(of, end);
            }
        }
        out.raw(&format!(
            "\n{}",
            summary(&view.graph, &view.state, &logs, out.talk)
        ));
    }
    let exit = match view.state.header.status {
        RunStatus::Success => Exit::Success,
        RunStatus::Failed
        | RunStatus::Cancelled
        | RunStatus::Pending
        | RunStatus::Running
        | RunStatus::Paused
        | RunStatus::Recovering => Exit::RunFailed,
    };
    if show.json {
        match out.json(&document::result(site, view).await?) {
            // The run went as it went, whether or not somebody reads about it.
            Err(failure) if failure.exit == Exit::Success => {}
            other => other?,
        }
    }
    Ok(exit)
}

async fn drive(
    embedded: &mut Embedded,
    run: &RunId,
    limit: Option<Millis>,
    screen: &SharedScreen,
) -> Result<Driven, Failure> {
    let mut stops = Stops::listen()?;
    let control = Control::new();
    let mut observer = screen.clone();
    let mut frames = tokio::time::interval(FRAME);
    let deadline = tokio::time::sleep(limit.map_or(Duration::MAX, Millis::to_duration));
    tokio::pin!(deadline);
    let mut asked = false;
    let mut late = false;
    let driving = embedded.drive(
        Until::RunsEnd(vec![run.clone()]),
        &mut observer,
        control.clone(),
    );
    tokio::pin!(driving);
    let done = loop {
        tokio::select! {
            biased;
            why = stops.next() => {
                if asked {
                    control.stop();
                    break match tokio::time::timeout(LEAVE, &mut driving).await {
                        Ok(result) => result.map(|()| Driven::Left),
                        Err(_) => Ok(Driven::Left),
                    };
                }
                asked = true;
                screen.say(&format!("{why}: cancelling; once more leaves at once"));
                control.cancel_all(&format!("cancelled by {why}"));
            }
            () = &mut deadline, if limit.is_some() && !late => {
                late = true;
                let span = limit.unwrap_or_default();
                screen.say(&format!("the run did not end within {span} (--timeout): cancelling"));
                control.cancel_all(&format!("did not end within {span} (--timeout)"));
            }
            _ = frames.tick(), if screen.is_live() => screen.draw(),
            result = &mut driving => break result.map(|()| Driven::Done),
        }
    };
    screen.finish();
    done.map_err(engine::failure)
}
