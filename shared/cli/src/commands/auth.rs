//! `ork auth …`: who may use the HTTP API.

use clap::Subcommand;
use ork_core::time::Time;

use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;

/// Who may use the HTTP API.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// API keys, which programs show
    #[command(subcommand)]
    Key(KeyCommand),
}

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key; it is printed now and never again
    Create(create::CreateArgs),
    /// List API keys, those that ended too
    List(list::ListArgs),
    /// Have an API key let nobody in any more
    Revoke(revoke::RevokeArgs),
}

impl AuthCommand {
    /// Whether a program reads what it prints.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Key(KeyCommand::Create(args)) => args.json,
            Self::Key(KeyCommand::List(args)) => args.json,
            Self::Key(KeyCommand::Revoke(args)) => args.json,
        }
    }
}

/// Runs one of them.
pub(crate) fn run(command: AuthCommand, config: &Config, out: &Output) -> Result<Exit, Failure> {
    match command {
        AuthCommand::Key(KeyCommand::Create(args)) => create::create(&args, config, out),
        AuthCommand::Key(KeyCommand::List(args)) => list::list(&args, config, out),
        AuthCommand::Key(KeyCommand::Revoke(args)) => revoke::revoke(&args, config, out),
    }
}

/// An instant as a table shows it.
pub(super) fn shown(at: Time) -> String {
    at.rfc3339().get(..19).unwrap_or_default().replace('T', " ") + "Z"
}
