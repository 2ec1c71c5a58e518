//! `ork schema export`: the JSON Schema of workflow files, of `ork.yaml`, or those of a Python file's task functions.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use ork_core::schema::{project_schema, workflow_schema};

use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::workflow_file::shown;

mod python;

/// `ork schema export`
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Python file with task functions [default: the schema of workflow files]
    #[arg(value_name = "FILE.py")]
    python: Option<PathBuf>,
    /// The schema of `ork.yaml` instead
    #[arg(long, conflicts_with = "python")]
    settings: bool,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes a schema.
pub(crate) fn export(args: &ExportArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let document = match &args.python {
        None if args.settings => project_schema(),
        None => workflow_schema(),
        Some(file) => python::schemas(file, config)?,
    };
    match &args.out {
        None => out.json(&document)?,
        Some(path) => {
            fs::write(path, format!("{document:#}\n"))
                .map_err(|error| Failure::io(&format!("cannot write `{}`", shown(path)), &error))?;
            out.say(&format!("wrote {}", shown(path)));
        }
    }
    let errors = document["errors"]
        .as_array()
        .filter(|_| args.python.is_some())
        .map(Vec::as_slice)
        .unwrap_or_default();
    if errors.is_empty() {
        return Ok(Exit::Success);
    }
    let file = args.python.as_deref().map(shown).unwrap_or_default();
    for error in errors {
        let message = error["message"].as_str().unwrap_or_default();
        out.say(&format!(
            "{} {file}:{}: {message}",
            out.talk.red("error:"),
            error["line"]
        ));
    }
    Ok(Exit::Invalid)
}
