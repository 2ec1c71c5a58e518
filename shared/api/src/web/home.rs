//! The first page: what runs, what failed, what comes, whether all is well.

use askama::Template;
use axum::extract::State;
use ork_core::run::{Header, RunStatus};
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Clock, Ports};
use ork_engine::{EngineErrorKind, TickRecord};

use super::actor::Actor;
use super::page::{Frame, Html};
use super::runs::Line;
use super::words::{Moment, count};
use crate::Problem;
use crate::routes::Ground;
use crate::site::Site;

/// Runs of a kind that are shown.
const SHOWN: usize = 10;
/// Failed runs that are looked at for those of the last day.
const LOOKED_AT: usize = 50;
const DAY: Millis = Millis::from_secs(86_400);
/// Runs that are counted when they are late.
const COUNTED: usize = 100;
/// Being late by less than this is nothing to speak of.
const LATE: Millis = Millis::from_secs(60);
/// With no tick noted for longer than this nobody ticks: idle ones are noted every five minutes.
const TICKLESS: Millis = Millis::from_secs(600);

/// A workflow that is due.
struct Slot {
    workflow: String,
    at: Moment,
    exactly: Moment,
}

/// A tick that was noted.
struct Tick {
    at: Moment,
    exactly: Moment,
    took: String,
    did: String,
    errors: u32,
}

#[derive(Template)]
#[template(path = "parts/home.html")]
struct Part {
    active: Vec<Line>,
    more_active: bool,
    failed: Vec<Line>,
    more_failed: bool,
    slots: Vec<Slot>,
    /// What is wrong with the system itself; nothing when all is well.
    trouble: Vec<String>,
    looked: Moment,
    /// What ticks did last, the newest first; none where nobody ticks.
    ticks: Vec<Tick>,
    /// The run that is looked at next, and when; nothing when none is under way.
    wake: Option<(String, Moment)>,
    /// Whether runs cost anything here.
    is_paid: bool,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Page {
    frame: Frame,
    part: Part,
}

/// The page.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
) -> Result<Html<impl Template>, Problem> {
    Ok(Html(Page {
        frame: Frame::of("Home", "home", actor),
        part: look(&site).await?,
    }))
}

/// What changes of it.
pub(crate) async fn part<P: Ports>(State(site): Ground<P>) -> Result<Html<impl Template>, Problem> {
    Ok(Html(look(&site).await?))
}

async fn look<P: Ports>(site: &Site<P>) -> Result<Part, Problem> {
    let now = site.engine.ports().clock().now();
    let (mut active, mut more_active) = (Vec::new(), false);
    for status in [
        RunStatus::Running,
        RunStatus::Recovering,
        RunStatus::Paused,
        RunStatus::Pending,
    ] {
        let (found, next) = site.engine.runs(Some(status), None, None, SHOWN).await?;
        more_active |= next.is_some();
        active.extend(found);
    }
    active.sort_by_key(|one| std::cmp::Reverse(one.created_at));
    more_active |= active.len() > SHOWN;
    active.truncate(SHOWN);
    let found = site
        .engine
        .runs(Some(RunStatus::Failed), None, None, LOOKED_AT);
    let (mut failed, _) = found.await?;
    failed.retain(|one| one.finished_at.is_some_and(|at| at + DAY > now));
    let more_failed = failed.len() > SHOWN;
    failed.truncate(SHOWN);
    let slots = site.engine.next_slots(8).await?;
    let mut trouble = trouble(site, now).await?;
    let ticks = ticks(site, now, &mut trouble).await?;
    let wake = site.engine.next_wake().await?;
    let wake = wake.map(|(run, at)| (run.to_string(), Moment::of(at, now)));
    let lines = |all: &[Header]| all.iter().map(|one| Line::of(one, now)).collect();
    Ok(Part {
        active: lines(&active),
        more_active,
        failed: lines(&failed),
        more_failed,
        slots: slots
            .into_iter()
            .map(|(workflow, at)| Slot {
                workflow: workflow.to_string(),
                at: Moment::of(at, now),
                exactly: Moment::exactly(at),
            })
            .collect(),
        trouble,
        ticks,
        wake,
        is_paid: site.settings.prices.is_some(),
        looked: Moment::exactly(now),
    })
}

/// The last ticks. Idle ones are noted every five minutes.
async fn ticks<P: Ports>(
    site: &Site<P>,
    now: Time,
    trouble: &mut Vec<String>,
) -> Result<Vec<Tick>, Problem> {
    let ticks = match site.engine.last_ticks().await {
        Ok(ticks) => ticks,
        Err(error) if error.kind == EngineErrorKind::Corrupt => {
            trouble.push(error.message);
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(last) = ticks.first().filter(|one| one.at + TICKLESS < now) {
        trouble.push(format!(
            "No tick was noted for {}: is the scheduler's job enabled, and does the service tick answer it?",
            now.since(last.at)
        ));
    }
    let done = |one: &TickRecord| {
        let all = [
            (one.fired, "slot"),
            (one.runs, "run"),
            (one.removed, "removal"),
        ];
        let all = all.into_iter().filter(|(n, _)| *n > 0);
        let all: Vec<_> = all.map(|(n, what)| count(n.into(), what)).collect();
        match all.is_empty() {
            true => "nothing to do".to_owned(),
            false => all.join(", "),
        }
    };
    let shown = ticks.iter().map(|one| Tick {
        at: Moment::of(one.at, now),
        exactly: Moment::exactly(one.at),
        took: one.took.to_string(),
        did: done(one),
        errors: one.errors,
    });
    Ok(shown.collect())
}

/// What is late, and what could not be read.
async fn trouble<P: Ports>(site: &Site<P>, now: Time) -> Result<Vec<String>, Problem> {
    let mut found = Vec::new();
    let late = site.engine.overdue(COUNTED).await?;
    let late: Vec<_> = late.iter().filter(|(_, at)| *at + LATE < now).collect();
    if let Some((run, at)) = late.first() {
        let many = if late.len() == COUNTED {
            "at least "
        } else {
            ""
        };
        found.push(format!(
            "{many}{} should have been looked at by now, {run} for {} already: no engine is at work, or it cannot keep up.",
            count(late.len() as u64, "run"),
            now.since(*at)
        ));
    }
    let (dead, next) = site.engine.set_aside_page(None, 5).await?;
    for one in &dead {
        found.push(format!(
            "{} could not be handled for {} now: {}",
            one.key,
            now.since(one.since),
            one.why
        ));
    }
    if next.is_some() {
        found.push("There is more that cannot be handled.".to_owned());
    }
    Ok(found)
}
