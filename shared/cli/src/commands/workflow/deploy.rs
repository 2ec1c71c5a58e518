//! `ork workflow deploy`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use ork_core::time::Millis;
use serde_json::{Value, json};

use crate::config::Config;
use crate::duration;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::neighbours::Neighbours;
use crate::output::Output;
use crate::site::{Place, Sending, Site, SiteArg};
use crate::workflow_file::{self, WorkflowFile, shown};

/// `ork workflow deploy`
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Workflow files, or folders with some
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    site: SiteArg,
    /// To a project: the definition alone, without the folder that it is in
    #[arg(long)]
    no_bundle: bool,
    /// To a project: how long its verdict on a file may take [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Millis>,
    /// Print {"workflows": […]} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Checks every file first and stores them only if all are right.
pub(crate) fn deploy(args: &DeployArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for path in &args.paths {
        for path in named(path)? {
            let place = args.site.beside(&path, config)?;
            files.push((place, workflow_file::load(&path, out)?));
        }
    }
    // All of them are in one project, or each beside its file.
    let project = match files.first() {
        Some((place @ Place::Project(_), _)) => Some(place.clone()),
        _ => None,
    };
    let sending = sending(args, project.is_some())?;
    engine::block_on(async {
        let mut deployed: Vec<Value> = Vec::new();
        let mut store = async |site: &Site, file: &WorkflowFile| {
            let (version, changed) = site.deploy(file, sending, config, out).await?;
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
            Ok(())
        };
        match project {
            Some(place) => {
                let files = files.into_iter().map(|(_, file)| file).collect();
                let (files, elsewhere) = with_neighbours(files, out)?;
                let site = Site::to_look(place, config).await?;
                for file in &files {
                    store(&site, file).await?;
                }
                let known = match elsewhere.is_empty() {
                    true => Vec::new(),
                    false => site.workflows().await?,
                };
                for name in elsewhere {
                    if !known.iter().any(|one| one.name.as_str() == name) {
                        out.warn(&format!(
                            "sub-workflow `{name}` is not deployed, and no file beside those that run it is called that"
                        ));
                    }
                }
            }
            None => {
                for (place, file) in &files {
                    let site = Site::to_record(place.clone(), config).await?;
                    store(&site, file).await?;
                }
            }
        }
        if args.json {
            out.json(&json!({ "workflows": deployed }))?;
        }
        Ok(Exit::Success)
    })
}

/// A file, or the workflow files right in a folder.
fn named(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let files = workflow_file::files_in(path)?;
    if files.is_empty() {
        return Err(Failure::new(format!(
            "there is no workflow file in the folder `{}`",
            shown(path)
        ))
        .hint(
            "workflow files end in .yaml, .yml or .workflow; folders below are not looked into",
        ));
    }
    Ok(files)
}

fn sending(args: &DeployArgs, project: bool) -> Result<Sending, Failure> {
    let option = match (args.no_bundle, args.timeout) {
        _ if project => None,
        (true, _) => Some("--no-bundle"),
        (false, Some(_)) => Some("--timeout"),
        (false, None) => None,
    };
    if let Some(option) = option {
        let message = format!("{option} is about a project, and this is a state folder");
        return Err(Failure::new(message).hint("name the project with --project PROJECT"));
    }
    let usual = Sending::default();
    Ok(Sending {
        bundle: !args.no_bundle,
        patience: args.timeout.unwrap_or(usual.patience),
    })
}

/// The files with those that they run and that lie beside them, each once and what is run by others first; and the names of sub-workflows
/// that are not among them.
fn with_neighbours(
    files: Vec<WorkflowFile>,
    out: &Output,
) -> Result<(Vec<WorkflowFile>, BTreeSet<String>), Failure> {
    let mut all: Vec<WorkflowFile> = Vec::new();
    let mut elsewhere = BTreeSet::new();
    for file in files {
        let found = Neighbours::of(&file, out)?;
        elsewhere.extend(found.elsewhere.iter().map(ToString::to_string));
        for one in found.files.into_iter().chain([file]) {
            if !all.iter().any(|known| known.path == one.path) {
                all.push(one);
            }
        }
    }
    elsewhere.retain(|name| !all.iter().any(|file| file.workflow.name.as_str() == name));
    Ok((all, elsewhere))
}
