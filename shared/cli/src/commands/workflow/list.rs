//! `ork workflow list`

use clap::Args;
use ork_core::definition::{Schedule, Workflow};
use ork_core::schedule;
use ork_core::time::Time;
use ork_engine::WorkflowDocument;
use serde_json::{Value, json};

use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::progress;
use crate::site::{Site, SiteArg};
use crate::table::{Cell, Table};

/// `ork workflow list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    site: SiteArg,
    /// Print {"workflows": […]} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists deployed workflows by name.
pub(crate) fn list(args: &ListArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let place = args.site.nearest(config)?;
    let all = engine::block_on(async {
        let site = Site::to_look(place, config).await?;
        let mut all = Vec::new();
        for document in site.workflows().await? {
            let workflow = site.current(&document).await?;
            let files = site.files_of(&document);
            all.push((document, workflow, files));
        }
        Ok(all)
    })?;
    let now = progress::now();
    if args.json {
        let all: Vec<Value> = all
            .iter()
            .map(|(document, workflow, _)| about(document, workflow, now))
            .collect();
        out.json(&json!({ "workflows": all }))?;
        return Ok(Exit::Success);
    }
    if all.is_empty() {
        out.say("no workflows");
        return Ok(Exit::Success);
    }
    let mut table = Table::new(["workflow", "version", "tasks", "schedule", "next", "file"]);
    for (document, workflow, files) in &all {
        table.row([
            Cell::new(document.name.as_str()),
            Cell::new(document.current.short()),
            Cell::right(workflow.tasks.len().to_string()),
            Cell::new(schedules(document, workflow)),
            Cell::new(
                next(document, workflow, now)
                    .map(Time::rfc3339)
                    .unwrap_or_default(),
            ),
            Cell::new(files.as_str()),
        ]);
    }
    out.print(&table.render(out.data))?;
    Ok(Exit::Success)
}

/// A workflow as JSON.
pub(super) fn about(document: &WorkflowDocument, workflow: &Workflow, now: Time) -> Value {
    json!({
        "workflow": document.name,
        "description": workflow.description,
        "version": document.current,
        "deployed_at": document.deployed_at.rfc3339(),
        "file": document.source,
        "tasks": workflow.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>(),
        "schedules": workflow.schedules,
        "enabled": document.enabled,
        "next_slot": next(document, workflow, now).map(Time::rfc3339),
        "active_runs": document.active,
        "queued_runs": document.queued,
    })
}

/// Its crons in one cell.
pub(super) fn schedules(document: &WorkflowDocument, workflow: &Workflow) -> String {
    let word = |one: &Schedule| {
        if one.timezone == "UTC" {
            one.cron.clone()
        } else {
            format!("{} {}", one.cron, one.timezone)
        }
    };
    let all: Vec<String> = workflow
        .schedules
        .iter()
        .filter(|one| one.enabled)
        .map(word)
        .collect();
    match (all.is_empty(), document.enabled) {
        (true, _) => String::new(),
        (false, true) => all.join("; "),
        (false, false) => format!("disabled ({})", all.join("; ")),
    }
}

/// Its next slot.
pub(super) fn next(document: &WorkflowDocument, workflow: &Workflow, now: Time) -> Option<Time> {
    if !document.enabled {
        return None;
    }
    schedule::preview(&workflow.schedules, now, 1)
        .ok()?
        .first()
        .map(|slot| slot.slot)
}
