//! `ork audit`: who changed what.

use clap::Args;
use ork_core::Value;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::time::Time;
use ork_engine::{AuditFilter, AuditRecord, AuditResult, AuditTarget};
use serde_json::json;

use super::auth::shown;
use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::{Site, SiteArg};
use crate::table::{Cell, Table};

/// `ork audit`
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Only what this actor did: `cli:ada`, `key:7f3k2m9q1x`, or what stands behind the colon alone
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only this action, or all that begin so: run.cancel, run, key
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what concerns this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<WorkflowName>,
    /// Only what concerns this run
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
    /// Not before this instant (RFC 3339)
    #[arg(long, value_name = "INSTANT", value_parser = Time::parse)]
    since: Option<Time>,
    /// Before this instant (RFC 3339)
    #[arg(long, value_name = "INSTANT", value_parser = Time::parse)]
    until: Option<Time>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    site: SiteArg,
    /// Print {"records": […]} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists changes that people and programs made, newest first.
pub(crate) fn audit(args: &AuditArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let filter = AuditFilter {
        actor: args.actor.clone(),
        action: args.action.clone(),
        workflow: args.workflow.clone(),
        run: args.run.clone(),
        since: args.since,
        until: args.until,
        within: Vec::new(),
    };
    let place = args.site.nearest(config)?;
    let (records, more) = engine::block_on(async {
        let site = Site::to_look(place, config).await?;
        site.audit(&filter, args.limit as usize).await
    })?;
    if args.json {
        let records: Vec<Value> = records.iter().map(|one| json!(one)).collect();
        out.json(&json!({ "records": records, "more": more }))?;
        return Ok(Exit::Success);
    }
    if records.is_empty() {
        out.say("nothing was changed");
        return Ok(Exit::Success);
    }
    let mut table = Table::new(["when", "who", "what", "target", "result", "detail"]);
    for one in &records {
        table.row([
            Cell::new(shown(one.at)),
            Cell::new(one.actor.to_string()),
            Cell::new(one.action.as_str()),
            Cell::new(target(&one.target)),
            Cell::new(match one.result {
                AuditResult::Done => "done",
                AuditResult::Begun => "begun",
                AuditResult::Failed => "failed",
            }),
            Cell::new(detail(one)),
        ]);
    }
    out.print(&table.render(out.data))?;
    if more {
        out.say(&format!(
            "there are more; --limit {} shows them",
            args.limit.saturating_mul(2)
        ));
    }
    Ok(Exit::Success)
}

/// The narrowest thing that has a name.
fn target(of: &AuditTarget) -> String {
    match of {
        AuditTarget {
            run: Some(run),
            task: Some(task),
            ..
        } => format!("{run} {task}"),
        AuditTarget { run: Some(run), .. } => run.to_string(),
        AuditTarget { key: Some(key), .. } => key.to_string(),
        AuditTarget {
            workflow: Some(name),
            ..
        } => name.to_string(),
        _ => String::new(),
    }
}

/// What else is said, `name=value` each.
fn detail(of: &AuditRecord) -> String {
    let pairs = of.detail.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}={}", text.escape_debug()),
        other => format!("{name}={other}"),
    });
    pairs.collect::<Vec<_>>().join(" ")
}
