//! One file per command; each has its arguments and one function.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod completions;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod execute;
pub(crate) mod graph;
pub(crate) mod init;
pub(crate) mod internal;
pub(crate) mod man;
pub(crate) mod open;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod schedule_preview;
pub(crate) mod schema_export;
pub(crate) mod validate;
pub(crate) mod workflow;

use crate::cli::{Command, ScheduleCommand, SchemaCommand};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Runs one command.
pub(crate) fn run(command: Command, config: &Config, out: &Output) -> Result<Exit, Failure> {
    match command {
        Command::Execute(args) => execute::execute(&args, config, out),
        Command::Run(args) => run::run(args, config, out),
        Command::Dev(args) => dev::dev(&args, config, out),
        Command::Doctor(args) => doctor::doctor(&args, config, out),
        Command::Open(args) => open::open(&args, config, out),
        Command::Validate(args) => validate::validate(&args, out),
        Command::Graph(args) => graph::graph(&args, config, out),
        Command::Init(args) => init::init(&args, out),
        Command::Schema(SchemaCommand::Export(args)) => schema_export::export(&args, config, out),
        Command::Schedule(ScheduleCommand::Preview(args)) => schedule_preview::preview(&args, out),
        Command::Auth(command) => auth::run(command, config, out),
        Command::Audit(args) => audit::audit(&args, config, out),
        Command::Profile(profile::ProfileCommand::List(args)) => profile::list(&args, config, out),
        Command::Workflow(command) => workflow::run(command, config, out),
        Command::Completions(args) => completions::completions(&args, out),
        Command::Man(args) => man::man(&args, out),
        Command::ListWorkflows(args) => workflow::list::list(&args, config, out),
        Command::DeleteWorkflow(args) => workflow::delete::delete(&args, config, out),
        Command::Trigger(args) => run::start::start(&args, config, out),
        Command::Status(args) => run::status::status(&args, config, out),
    }
}
