//! The page that shows which slots of a range have no run, and makes the runs.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ork_core::ids::WorkflowName;
use ork_core::limits;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Clock, Ports};
use ork_engine::{Backfill, BackfillSlot, SlotRange, SlotStanding};
use serde::Deserialize;

use super::actor::Actor;
use super::change;
use super::form::Form;
use super::page::{Frame, Html};
use super::words::{self, Badge, Moment, count};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, workflow_name};
use crate::site::Site;

/// The range that is proposed: this long, up to now.
const PROPOSED: Millis = Millis::from_secs(7 * 86_400);
const MINUTE: i64 = 60_000;

/// Which slots.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    from: String,
    to: String,
}

struct Row {
    at: Moment,
    local: String,
    run: String,
    /// Whether there is a run to look at.
    is_there: bool,
    badge: Option<Badge>,
    text: String,
    note: Option<String>,
}

impl Row {
    fn of(one: BackfillSlot) -> Self {
        let (is_there, badge, text) = match one.standing {
            SlotStanding::Missing => (false, None, "no run".to_owned()),
            SlotStanding::There(status) => (true, status.map(Badge::run), "has a run".to_owned()),
            SlotStanding::Started { queued: true } => {
                (true, None, "started; it waits for a place".to_owned())
            }
            SlotStanding::Started { queued: false } => (true, None, "started".to_owned()),
            SlotStanding::Refused(error) => (false, None, format!("not started: {error}")),
        };
        Self {
            at: Moment::exactly(one.slot.slot),
            local: words::wall_clock(&one.slot.local),
            run: one.run.to_string(),
            is_there,
            badge,
            text,
            note: one.slot.note,
        }
    }
}

/// What a range holds.
struct Preview {
    rows: Vec<Row>,
    missing: usize,
    /// What was done, or would be.
    said: String,
}

#[derive(Template)]
#[template(path = "backfill.html")]
struct Page {
    frame: Frame,
    workflow: String,
    from: String,
    to: String,
    /// How many run at once.
    at_once: String,
    most: usize,
    wrong: Option<String>,
    preview: Option<Preview>,
}

/// The form and, of a range that was given, its slots.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(name): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let known = workflow_name(&name)?;
    let mut page = page(&site, actor, &known).await?;
    if wanted.from.is_empty() && wanted.to.is_empty() {
        let now = site.engine.ports().clock().now();
        page.from = field(now - PROPOSED);
        page.to = field(now);
        return Ok(Html(page).into_response());
    }
    let found = match range(&wanted.from, &wanted.to) {
        Ok(range) => site
            .engine
            .slots_in(&known, range)
            .await
            .map_err(|error| Problem::of(error, StatusCode::UNPROCESSABLE_ENTITY)),
        Err(problem) => Err(problem),
    };
    page.from = wanted.from;
    page.to = wanted.to;
    let status = page.shows(found, |fill| {
        format!(
            "{}, {} without a run.",
            count(fill.slots.len() as u64, "slot"),
            fill.missing()
        )
    })?;
    Ok((status, Html(page)).into_response())
}

/// Makes the runs.
pub(crate) async fn fill<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let known = workflow_name(&name)?;
    let said = |field: &str| form.get(field).unwrap_or_default().trim().to_owned();
    let (from, to) = (said("from"), said("to"));
    let mut page = page(&site, actor.clone(), &known).await?;
    let found = match range(&from, &to) {
        Ok(range) => change::backfill(&site, &actor, &known, range).await,
        Err(problem) => Err(problem),
    };
    page.from = from;
    page.to = to;
    let status = page.shows(found, |fill| {
        format!(
            "{} made; {} of the range have none.",
            count(fill.started() as u64, "run"),
            fill.missing()
        )
    })?;
    Ok((status, Html(page)).into_response())
}

impl Page {
    /// Puts in what was found, or what is wrong with what was asked for.
    fn shows(
        &mut self,
        found: Result<Backfill, Problem>,
        said: impl FnOnce(&Backfill) -> String,
    ) -> Result<StatusCode, Problem> {
        match found {
            Ok(fill) => {
                self.preview = Some(Preview {
                    missing: fill.missing(),
                    said: said(&fill),
                    rows: fill.slots.into_iter().map(Row::of).collect(),
                });
                Ok(StatusCode::OK)
            }
            Err(problem) if matches!(problem.status, 400 | 422) => {
                self.wrong = Some(problem.detail);
                Ok(StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST))
            }
            Err(problem) => Err(problem),
        }
    }
}

async fn page<P: Ports>(
    site: &Site<P>,
    actor: Actor,
    name: &WorkflowName,
) -> Result<Page, Problem> {
    let standing = site.engine.workflow_standing(name).await?;
    let graph = site.engine.definition(name, &standing.current).await?;
    Ok(Page {
        frame: Frame::of(format!("Backfill {name}"), "workflows", actor),
        workflow: name.to_string(),
        from: String::new(),
        to: String::new(),
        at_once: match graph.workflow.max_active_runs {
            Some(most) => format!("Of its runs {most} are active at once, the others wait."),
            None => "Nothing limits how many of its runs are active at once (max_active_runs), so all of them begin.".to_owned(),
        },
        most: limits::BACKFILL_SLOTS,
        wrong: None,
        preview: None,
    })
}

/// As a field for an instant has it: UTC, to the minute.
fn field(at: Time) -> String {
    let whole = Time(at.0 - at.0.rem_euclid(MINUTE)).rfc3339();
    whole.trim_end_matches(":00Z").to_owned()
}

fn range(from: &str, to: &str) -> Result<SlotRange, Problem> {
    Ok(SlotRange {
        from: instant("From", from)?,
        to: instant("To", to)?,
    })
}

/// What a field for an instant, or a person, says. Without a zone it is UTC.
fn instant(name: &str, text: &str) -> Result<Time, Problem> {
    let seconds = if text.len() == "2026-06-01T00:00".len() {
        ":00"
    } else {
        ""
    };
    Time::parse(text)
        .or_else(|_| Time::parse(&format!("{text}{seconds}Z")))
        .map_err(|_| {
            Problem::bad(format!(
                "{name}: `{}` is no instant such as 2026-06-01T00:00",
                words::cut(text, 40)
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_for_instants_are_read_as_they_are_written() {
        let at = Time(1_750_000_000_123);
        assert_eq!(field(at), "2025-06-15T15:06");
        for (text, read) in [
            ("2025-06-15T15:06", Some(1_749_999_960_000)),
            ("2025-06-15T15:06:40", Some(1_750_000_000_000)),
            ("2025-06-15T15:06:40Z", Some(1_750_000_000_000)),
            ("2025-06-15T17:06:40+02:00", Some(1_750_000_000_000)),
            ("2025-06-15", None),
            ("", None),
            ("now", None),
        ] {
            let found = instant("From", text).ok().map(|at| at.0);
            assert_eq!(found, read, "{text}");
        }
    }
}
