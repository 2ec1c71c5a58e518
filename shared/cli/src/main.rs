//! The `ork` command: reads the command line, runs one command, says how it went by its exit code.
//!
//! Data goes to standard output, everything else to standard error, all of it through `output`.
//! `site` is where workflows and runs are, `engine` the one place that opens the embedded engine, `config` the one that reads the
//! environment.

mod browser;
mod cli;
mod commands;
mod config;
mod cost;
mod dev_address;
mod doctor;
mod document;
mod drive;
mod duration;
mod engine;
mod executors;
mod failure;
mod neighbours;
mod output;
mod own_environment;
mod params;
mod profiles;
mod progress;
mod run_ref;
mod signals;
mod site;
mod state_folder;
mod table;
#[cfg_attr(not(feature = "telemetry"), path = "no_telemetry.rs")]
mod telemetry;
mod user;
mod waiting;
mod workflow_file;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use failure::Exit;
use output::Output;

fn main() -> ExitCode {
    failure::hide_panics();
    let args: Vec<OsString> = std::env::args_os().collect();
    // These run once per task: they pay neither for the parser nor for a runtime.
    if let Some(code) = commands::internal::run(&args) {
        return code;
    }
    let cli = match cli::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let config = config::Config::read();
    let out = Output::new(cli.color, &config);
    let json = cli.command.wants_json();
    let done = commands::run(cli.command, &config, &out);
    telemetry::say(&out);
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out.failure(&failure, json);
            failure.exit.into()
        }
    }
}

/// Help and version go to standard output with 0, wrong usage to standard error with 2.
fn usage(error: &clap::Error) -> ExitCode {
    // A reader that went away has seen what it wanted.
    let _ = error.print();
    if error.use_stderr() {
        Exit::Invalid.into()
    } else {
        Exit::Success.into()
    }
}
