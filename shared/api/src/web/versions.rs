//! The versions of a workflow, and how two of them differ.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use ork_core::definition::Workflow;
use ork_core::ids::VersionHash;
use ork_engine::ports::Ports;
use serde::Deserialize;
use similar::{ChangeTag, TextDiff};

use super::actor::Actor;
use super::page::{Frame, Html};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, workflow_name};

/// Versions that can be chosen.
const CHOICES: usize = 200;
/// Lines of a difference that are shown.
const SHOWN: usize = 2_000;
/// Lines around a change.
const AROUND: usize = 3;
/// How long the smallest difference is looked for; a larger one is right too.
const PATIENCE: Duration = Duration::from_millis(50);

/// Which two.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    from: String,
    to: String,
}

struct Version {
    hash: String,
    short: String,
    is_current: bool,
    is_from: bool,
    is_to: bool,
}

struct Change {
    tone: &'static str,
    sign: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "versions.html")]
struct Page {
    frame: Frame,
    workflow: String,
    versions: Vec<Version>,
    more: usize,
    diff: Option<Vec<Change>>,
    is_cut: bool,
}

/// All of them, the current one first, and a difference when two are chosen.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(name): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let known = workflow_name(&name)?;
    let standing = site.engine.workflow_standing(&known).await?;
    let mut all = site.engine.versions(&known).await?;
    all.sort_by_key(|version| (*version != standing.current, version.clone()));
    let mut diff = None;
    let mut is_cut = false;
    if !wanted.from.is_empty() || !wanted.to.is_empty() {
        let (from, to) = (version(&wanted.from)?, version(&wanted.to)?);
        let from = site.engine.definition(&known, &from).await?;
        let to = site.engine.definition(&known, &to).await?;
        let changes = compare(&text(&from.workflow), &text(&to.workflow));
        is_cut = changes.len() > SHOWN;
        diff = Some(changes.into_iter().take(SHOWN).collect());
    }
    let other = all.get(1).or_else(|| all.first()).map(ToString::to_string);
    let (from, to) = match diff {
        Some(_) => (wanted.from, wanted.to),
        None => (other.unwrap_or_default(), standing.current.to_string()),
    };
    let versions = all.iter().take(CHOICES).map(|version| Version {
        hash: version.to_string(),
        short: version.short().to_owned(),
        is_current: *version == standing.current,
        is_from: version.to_string() == from,
        is_to: version.to_string() == to,
    });
    Ok(Html(Page {
        frame: Frame::of(format!("Versions of {name}"), "workflows", actor),
        versions: versions.collect(),
        more: all.len().saturating_sub(CHOICES),
        diff,
        is_cut,
        workflow: name,
    }))
}

fn version(text: &str) -> Result<VersionHash, Problem> {
    VersionHash::parse(text).ok_or_else(|| {
        Problem::bad("choose two versions: each is 64 lower-case hexadecimal digits")
    })
}

/// A definition as lines.
fn text(workflow: &Workflow) -> String {
    serde_json::to_string_pretty(workflow).unwrap_or_default()
}

fn compare(from: &str, to: &str) -> Vec<Change> {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(from, to);
    let mut changes = Vec::new();
    for (at, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if at > 0 {
            changes.push(Change {
                tone: "quiet",
                sign: " ",
                text: "⋯".to_owned(),
            });
        }
        for op in group {
            changes.extend(diff.iter_changes(op).map(|change| {
                let (tone, sign) = match change.tag() {
                    ChangeTag::Equal => ("", " "),
                    ChangeTag::Insert => ("plus", "+"),
                    ChangeTag::Delete => ("minus", "-"),
                };
                Change {
                    tone,
                    sign,
                    text: change.value().trim_end_matches('\n').to_owned(),
                }
            }));
        }
    }
    changes
}
