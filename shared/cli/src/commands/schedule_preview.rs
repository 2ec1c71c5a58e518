//! `ork schedule preview`: the next instants at which a workflow is due.

use std::path::PathBuf;

use clap::Args;
use ork_core::schedule;
use ork_core::time::Time;
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::progress;
use crate::table::{Cell, Table};
use crate::workflow_file;

/// `ork schedule preview`
#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// Workflow file
    file: PathBuf,
    /// First instant that counts, RFC 3339 such as 2026-03-29T00:00:00Z [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = Time::parse)]
    from: Option<Time>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// Print one array of {"slot": …, "local": …} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows the next slots.
pub(crate) fn preview(args: &PreviewArgs, out: &Output) -> Result<Exit, Failure> {
    let workflow = workflow_file::load(&args.file, out)?.workflow;
    let from = args.from.unwrap_or_else(progress::now);
    let slots = schedule::preview(&workflow.schedules, from, args.count as usize)
        .map_err(|error| Failure::new(error.to_string()))?;
    if workflow.schedules.is_empty() {
        out.say(&format!("workflow {} has no schedule", workflow.name));
    } else if workflow.schedules.iter().all(|one| !one.enabled) {
        out.say(&format!(
            "the schedule of workflow {} is disabled",
            workflow.name
        ));
    } else if slots.is_empty() {
        out.say(&format!(
            "workflow {} is not due within {} years",
            workflow.name,
            schedule::SEARCH_YEARS
        ));
    }
    if args.json {
        let slots: Vec<Value> = slots
            .iter()
            .map(|one| json!({ "slot": one.slot.rfc3339(), "local": one.local, "note": one.note }))
            .collect();
        out.json(&Value::from(slots))?;
        return Ok(Exit::Success);
    }
    if slots.is_empty() {
        return Ok(Exit::Success);
    }
    let several = workflow.schedules.len() > 1;
    let mut text = String::new();
    for (at, one) in workflow.schedules.iter().enumerate() {
        let words = schedule::Cron::parse(&one.cron)
            .map(|cron| schedule::describe(&cron))
            .unwrap_or_default();
        let number = if several {
            format!("{} ", at + 1)
        } else {
            String::new()
        };
        let off = if one.enabled { "" } else { " (disabled)" };
        text.push_str(&format!(
            "{number}{} {}{off}  {}\n",
            out.data.bold(&one.cron),
            one.timezone,
            out.data.dim(&words)
        ));
    }
    text.push('\n');
    let mut table = Table::new(["slot (UTC)", "local", "schedule", "note"]);
    for one in &slots {
        table.row([
            Cell::new(one.slot.rfc3339()),
            Cell::new(one.local.clone()),
            Cell::right(if several {
                (one.schedule + 1).to_string()
            } else {
                String::new()
            }),
            Cell::painted(one.note.clone().unwrap_or_default(), |paint, text| {
                paint.yellow(text)
            }),
        ]);
    }
    text.push_str(&table.render(out.data));
    out.print(&text)?;
    Ok(Exit::Success)
}
