//! `ork workflow …`: looks after deployed workflows.

use clap::Subcommand;
use ork_engine::WorkflowDocument;

use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::Site;

pub(crate) mod backfill;
pub(crate) mod delete;
pub(crate) mod deploy;
pub(crate) mod enable;
pub(crate) mod list;
pub(crate) mod status;
pub(crate) mod versions;

/// What can be done with workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// Check workflow files and store them as current versions
    Deploy(deploy::DeployArgs),
    /// List deployed workflows
    List(list::ListArgs),
    /// Show one workflow: version, schedule, runs
    Status(status::StatusArgs),
    /// List the stored versions of a workflow
    Versions(versions::VersionsArgs),
    /// Let the schedules of a workflow fire
    Enable(enable::EnableArgs),
    /// Let the schedules of a workflow not fire; slots that pass meanwhile are gone
    Disable(enable::EnableArgs),
    /// Start a run for every past slot between two instants that has none
    Backfill(backfill::BackfillArgs),
    /// Remove a workflow; its versions and runs stay
    Delete(delete::DeleteArgs),
}

impl WorkflowCommand {
    /// Whether a program reads what it prints.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Deploy(args) => args.json,
            Self::List(args) => args.json,
            Self::Status(args) => args.json,
            Self::Versions(args) => args.json,
            Self::Backfill(args) => args.json,
            Self::Enable(_) | Self::Disable(_) | Self::Delete(_) => false,
        }
    }
}

/// Runs one of them.
pub(crate) fn run(
    command: WorkflowCommand,
    config: &Config,
    out: &Output,
) -> Result<Exit, Failure> {
    match command {
        WorkflowCommand::Deploy(args) => deploy::deploy(&args, config, out),
        WorkflowCommand::List(args) => list::list(&args, config, out),
        WorkflowCommand::Status(args) => status::status(&args, config, out),
        WorkflowCommand::Versions(args) => versions::versions(&args, config, out),
        WorkflowCommand::Enable(args) => enable::enable(&args, true, config, out),
        WorkflowCommand::Disable(args) => enable::enable(&args, false, config, out),
        WorkflowCommand::Backfill(args) => backfill::backfill(&args, config, out),
        WorkflowCommand::Delete(args) => delete::delete(&args, config, out),
    }
}

/// The workflow called `name`.
pub(crate) async fn known(site: &Site, name: &str) -> Result<WorkflowDocument, Failure> {
    let mut all = site.workflows().await?;
    if let Some(at) = all
        .iter()
        .position(|document| document.name.as_str() == name)
    {
        return Ok(all.swap_remove(at));
    }
    let names: Vec<&str> = all
        .iter()
        .take(12)
        .map(|document| document.name.as_str())
        .collect();
    let hint = match names.as_slice() {
        [] => {
            format!(
                "nothing is deployed here yet: `ork workflow deploy FILE`; {}",
                site.elsewhere()
            )
        }
        names => format!(
            "deployed are {}{}",
            names.join(", "),
            if all.len() > names.len() { ", …" } else { "" }
        ),
    };
    Err(Failure::new(format!("no workflow `{name}` is deployed {}", site.here())).hint(hint))
}
