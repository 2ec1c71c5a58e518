//! Who changed what, newest first.

use askama::Template;
use axum::extract::State;
use ork_engine::ports::{Clock, Ports};
use ork_engine::{AuditFilter, AuditRecord, AuditResult};
use serde::Deserialize;

use super::actor::Actor;
use super::page::{Frame, Html};
use super::words::{self, Moment, address};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, workflow_name};

/// Records of a page.
const SHOWN: usize = 50;

/// Which records.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    actor: String,
    workflow: String,
    cursor: String,
}

struct Row {
    at: Moment,
    exactly: Moment,
    actor: String,
    action: String,
    /// Said of what was not simply done.
    result: Option<&'static str>,
    workflow: Option<String>,
    run: Option<String>,
    task: Option<String>,
    key: Option<String>,
    details: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    actor: String,
    workflow: String,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<String>,
    is_filtered: bool,
}

impl Row {
    fn of(one: AuditRecord, now: ork_core::time::Time) -> Self {
        let details = one.detail.into_iter().map(|(name, value)| {
            let value = match value {
                ork_core::Value::String(text) => text,
                other => other.to_string(),
            };
            (name, words::cut(&value, 200))
        });
        Self {
            at: Moment::of(one.at, now),
            exactly: Moment::exactly(one.at),
            actor: one.actor.to_string(),
            action: one.action,
            result: match one.result {
                AuditResult::Done => None,
                AuditResult::Begun => Some("begun"),
                AuditResult::Failed => Some("failed"),
            },
            workflow: one.target.workflow.map(|name| name.to_string()),
            run: one.target.run.map(|run| run.to_string()),
            task: one.target.task,
            key: one.target.key.map(|key| key.to_string()),
            details: details.collect(),
        }
    }
}

/// The page.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let (by, about) = (wanted.actor.trim(), wanted.workflow.trim());
    let filter = AuditFilter {
        actor: Some(by.to_owned()).filter(|by| !by.is_empty()),
        workflow: Some(about)
            .filter(|about| !about.is_empty())
            .map(workflow_name)
            .transpose()?,
        ..AuditFilter::default()
    };
    let cursor = Some(wanted.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let found = site.engine.audit(&filter, cursor, SHOWN).await;
    let (all, next) = found.map_err(|error| Problem::of_listing(error, cursor))?;
    let now = site.engine.ports().clock().now();
    let to = |cursor: &str| {
        let asked = [("actor", by), ("workflow", about), ("cursor", cursor)];
        address("/audit", &asked)
    };
    Ok(Html(Page {
        frame: Frame::of("Audit", "audit", actor),
        rows: all.into_iter().map(|one| Row::of(one, now)).collect(),
        next: next.map(|next| to(&next)),
        first: cursor.map(|_| to("")),
        is_filtered: !by.is_empty() || !about.is_empty(),
        actor: by.to_owned(),
        workflow: about.to_owned(),
    }))
}
