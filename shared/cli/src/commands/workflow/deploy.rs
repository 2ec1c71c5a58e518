//! `ork workflow deploy`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::config::Config;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::state_folder::StateArg;
use crate::workflow_file;

/// `ork workflow deploy`
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Workflow files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    state: StateArg,
    /// Print {"workflows": […]} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Checks every file first and stores them only if all are right.
pub(crate) fn deploy(args: &DeployArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for path in &args.files {
        files.push((path, workflow_file::load(path, out)?));
    }
    engine::block_on(async {
        let mut deployed: Vec<Value> = Vec::new();
        for (path, file) in files {
            let recorder = engine::to_record(args.state.beside(path, config)?)?;
            let (version, changed) = engine::deploy(&recorder, &file).await?;
            let name = &file.workflow.name;
            let what = if changed {
                "is current now"
            } else {
                "was current already"
            };
            out.say(&format!(
                "{}: version {} {what}",
                out.talk.bold(name.as_str()),
                version.short()
            ));
            deployed.push(json!({ "workflow": name, "version": version, "changed": changed, "file": file.path }));
        }
        if args.json {
            out.json(&json!({ "workflows": deployed }))?;
        }
        Ok(Exit::Success)
    })
}
