//! The command line: which commands there are.

use clap::{Parser, Subcommand};

use crate::commands::{
    audit, auth, completions, dev, doctor, execute, graph, init, man, open, profile, run,
    schedule_preview, schema_export, validate, workflow,
};
use crate::config;
use crate::output::Color;

/// Run workflows: graphs of tasks, here and now or on a schedule
#[derive(Debug, Parser)]
#[command(name = "ork", version, after_help = config::help(), arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Everywhere"
    )]
    pub(crate) color: Color,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a workflow file here and now
    Execute(execute::ExecuteArgs),
    /// Run a workflow file, or look after runs
    Run(run::RunArgs),
    /// Run the workflows of a folder as they fall due, and reload them as they change
    #[command(alias = "serve")]
    Dev(dev::DevArgs),
    /// Open the pages of a running `ork dev`, or of a server, in a browser
    Open(open::OpenArgs),
    /// Check workflow files without running anything
    #[command(alias = "validate-workflow")]
    Validate(validate::ValidateArgs),
    /// Draw a workflow, or a run with where its tasks stand
    Graph(graph::GraphArgs),
    /// Write a small workflow to start from
    Init(init::InitArgs),
    /// JSON Schemas for editors
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// When workflows are due
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Look after deployed workflows
    #[command(subcommand)]
    Workflow(workflow::WorkflowCommand),
    /// Who may use the HTTP API
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// Who changed what, newest first
    Audit(audit::AuditArgs),
    /// Names for the places that are worked with
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Check this machine, a server or a project, and say what to do
    Doctor(doctor::DoctorArgs),
    /// What a shell needs to complete commands and options
    Completions(completions::CompletionsArgs),
    /// The manual: a page for every command
    Man(man::ManArgs),
    /// As `ork workflow list`
    #[command(hide = true)]
    ListWorkflows(workflow::list::ListArgs),
    /// As `ork workflow delete`
    #[command(hide = true)]
    DeleteWorkflow(workflow::delete::DeleteArgs),
    /// As `ork run start`
    #[command(hide = true)]
    Trigger(run::start::StartArgs),
    /// As `ork run status`
    #[command(hide = true, alias = "tasks")]
    Status(run::status::StatusArgs),
}

/// `ork schema …`
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// The schema of workflow files, or those of a Python file's task functions
    Export(schema_export::ExportArgs),
}

/// `ork schedule …`
#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// The next instants at which a workflow is due
    Preview(schedule_preview::PreviewArgs),
}

impl Command {
    /// Whether a program reads what it prints, errors included.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Execute(args) => args.show.json,
            Self::Run(args) => args.wants_json(),
            Self::Graph(args) => args.json,
            Self::Validate(args) => args.json,
            Self::Schedule(ScheduleCommand::Preview(args)) => args.json,
            Self::Workflow(command) => command.wants_json(),
            Self::Auth(command) => command.wants_json(),
            Self::Audit(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Profile(profile::ProfileCommand::List(args)) => args.json,
            Self::ListWorkflows(args) => args.json,
            Self::Trigger(args) => args.show.json,
            Self::Status(args) => args.json,
            Self::Dev(_)
            | Self::Open(_)
            | Self::Init(_)
            | Self::Schema(_)
            | Self::Completions(_)
            | Self::Man(_)
            | Self::DeleteWorkflow(_) => false,
        }
    }
}
