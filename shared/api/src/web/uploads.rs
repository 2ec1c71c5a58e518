//! What became of the files that were put into the bucket.

use askama::Template;
use axum::extract::State;
use ork_core::ids::WorkflowName;
use ork_core::time::Time;
use ork_engine::ports::{Clock, Ports};
use ork_engine::{UploadFinding, UploadStatus};
use serde::Deserialize;

use super::actor::Actor;
use super::page::{Frame, Html};
use super::words::{Moment, address};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, workflow_name};

/// Uploads of a page: each is asked for alone.
const SHOWN: usize = 20;
/// Findings of an upload.
const FINDINGS: usize = 20;

/// Which page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    after: String,
}

struct Row {
    workflow: String,
    /// Nothing was said of it yet, when absent.
    said: Option<Said>,
}

struct Said {
    accepted: bool,
    version: Option<String>,
    at: Option<Moment>,
    findings: Vec<(&'static str, UploadFinding)>,
    more: usize,
}

#[derive(Template)]
#[template(path = "uploads.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<&'static str>,
}

impl Said {
    fn of(status: UploadStatus, now: Time) -> Self {
        let errors = status.errors.into_iter().map(|one| ("error", one));
        let warnings = status.warnings.into_iter().map(|one| ("warning", one));
        let mut findings: Vec<_> = errors.chain(warnings).collect();
        let more = findings.len().saturating_sub(FINDINGS);
        findings.truncate(FINDINGS);
        Self {
            accepted: status.accepted,
            version: status.version.map(|hash| hash.chars().take(12).collect()),
            at: Time::parse(&status.at).ok().map(|at| Moment::of(at, now)),
            findings,
            more,
        }
    }
}

/// The page.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let after: Option<WorkflowName> = Some(wanted.after.as_str())
        .filter(|after| !after.is_empty())
        .map(workflow_name)
        .transpose()?;
    let (all, next) = site.engine.uploads(after.as_ref(), SHOWN).await?;
    let now = site.engine.ports().clock().now();
    let rows = all.into_iter().map(|one| Row {
        workflow: one.workflow.to_string(),
        said: one.status.map(|status| Said::of(status, now)),
    });
    Ok(Html(Page {
        frame: Frame::of("Uploads", "submit", actor),
        rows: rows.collect(),
        next: next.map(|next| address("/uploads", &[("after", next.as_str())])),
        first: after.map(|_| "/uploads"),
    }))
}
