//! `ork run …`: runs a file, or looks after runs.

use clap::{Args, Subcommand};

use super::execute::{self, ExecuteArgs};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

pub(crate) mod cancel;
pub(crate) mod change;
pub(crate) mod cost;
pub(crate) mod explain;
pub(crate) mod list;
pub(crate) mod logs;
mod look;
pub(crate) mod mark_success;
pub(crate) mod notices;
pub(crate) mod pause;
pub(crate) mod prune;
pub(crate) mod recover;
pub(crate) mod resend;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod start;
pub(crate) mod status;

/// `ork run`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RunArgs {
    #[command(subcommand)]
    command: Option<RunCommand>,
    #[command(flatten)]
    execute: ExecuteArgs,
}

/// What can be done with runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// Start a run of a deployed workflow, or of a file
    Start(start::StartArgs),
    /// List runs, newest first
    List(list::ListArgs),
    /// Show how far a run is
    Status(status::StatusArgs),
    /// Say why a run, or one of its tasks, does not go on
    Explain(explain::ExplainArgs),
    /// Print what the tasks of a run printed
    Logs(logs::LogsArgs),
    /// Show what a run in a project has cost
    Cost(cost::CostArgs),
    /// List who is told of a run, and what became of that
    Notices(notices::NoticesArgs),
    /// End a run; what runs is stopped
    Cancel(cancel::CancelArgs),
    /// Start nothing new of a run, or of one of its tasks
    Pause(pause::PauseArgs),
    /// Go on with a paused run, or with one whose engine was killed
    Resume(resume::ResumeArgs),
    /// Run again what failed or was cancelled, and everything after it
    Retry(retry::RetryArgs),
    /// Retry from a chosen place; how often a run may be recovered is limited
    Recover(recover::RecoverArgs),
    /// Count a task as succeeded without running it; what follows it goes on
    MarkSuccess(mark_success::MarkSuccessArgs),
    /// Try once more to tell those who could not be told of a run
    Resend(resend::ResendArgs),
    /// Remove runs that ended long ago, with all they left behind
    Prune(prune::PruneArgs),
}

impl RunArgs {
    /// Whether a program reads what it prints.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.command {
            None => self.execute.show.json,
            Some(RunCommand::Start(args)) => args.show.json,
            Some(RunCommand::List(args)) => args.json,
            Some(RunCommand::Status(args)) => args.json,
            Some(RunCommand::Explain(args)) => args.json,
            Some(RunCommand::Logs(_)) => false,
            Some(RunCommand::Cost(args)) => args.json,
            Some(RunCommand::Notices(args)) => args.json,
            Some(RunCommand::Cancel(args)) => args.run.json,
            Some(RunCommand::Pause(args)) => args.run.json,
            Some(RunCommand::Resume(args)) => args.go_on.show.json,
            Some(RunCommand::Retry(args)) => args.go_on.show.json,
            Some(RunCommand::Recover(args)) => args.go_on.show.json,
            Some(RunCommand::MarkSuccess(args)) => args.go_on.show.json,
            Some(RunCommand::Resend(args)) => args.json,
            Some(RunCommand::Prune(args)) => args.json,
        }
    }
}

/// Runs one of them.
pub(crate) fn run(args: RunArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    match args.command {
        None => {
            let path = args.execute.path()?;
            if path.components().count() == 1 && path.extension().is_none() && !path.exists() {
                let message = format!(
                    "`{}` is neither a file here nor something `ork run` can do",
                    path.display()
                );
                return Err(Failure::new(message).hint("`ork run --help` lists what it can do"));
            }
            execute::execute(&args.execute, config, out)
        }
        Some(RunCommand::Start(args)) => start::start(&args, config, out),
        Some(RunCommand::List(args)) => list::list(&args, config, out),
        Some(RunCommand::Status(args)) => status::status(&args, config, out),
        Some(RunCommand::Explain(args)) => explain::explain(&args, config, out),
        Some(RunCommand::Logs(args)) => logs::logs(&args, config, out),
        Some(RunCommand::Cost(args)) => cost::cost(&args, config, out),
        Some(RunCommand::Notices(args)) => notices::notices(&args, config, out),
        Some(RunCommand::Cancel(args)) => cancel::cancel(&args, config, out),
        Some(RunCommand::Pause(args)) => pause::pause(&args, config, out),
        Some(RunCommand::Resume(args)) => resume::resume(&args, config, out),
        Some(RunCommand::Retry(args)) => retry::retry(&args, config, out),
        Some(RunCommand::Recover(args)) => recover::recover(&args, config, out),
        Some(RunCommand::MarkSuccess(args)) => mark_success::mark_success(&args, config, out),
        Some(RunCommand::Resend(args)) => resend::resend(&args, config, out),
        Some(RunCommand::Prune(args)) => prune::prune(&args, config, out),
    }
}
