//! `ork workflow deploy`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use ork_core::ids::WorkflowName;
use ork_core::time::Millis;
use serde_json::{Value, json};

use crate::config::Config;
use crate::duration;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::neighbours::{Neighbours, callees_first};
use crate::output::Output;
use crate::signals::Stops;
use crate::site::{Place, Sending, Site, SiteArg};
use crate::workflow_file::{self, WorkflowFile, real, shown};

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
    // All of them are in one project or at one server, or each beside its file.
    let elsewhere = files.first().map(|(place, _)| place.clone());
    let elsewhere = elsewhere.filter(Place::is_remote);
    let sending = sending(args, elsewhere.as_ref())?;
    let mut deployed = Deployed {
        sending,
        config,
        out,
        all: Vec::new(),
    };
    engine::block_on(async {
        let exit = match elsewhere {
            Some(place) => {
                let files = files.into_iter().map(|(_, file)| file).collect();
                let (files, missing) = with_neighbours(files, out)?;
                let mut stops = Stops::listen()?;
                tokio::select! {
                    biased;
                    _ = stops.next() => {
                        out.say("stopped; what was under way may still become current: `ork workflow list` shows what is");
                        Exit::LeftAtOnce
                    }
                    done = deployed.elsewhere(place, &files, missing) => {
                        done?;
                        Exit::Success
                    }
                }
            }
            None => {
                deployed.folders(&files).await?;
                Exit::Success
            }
        };
        if args.json && exit == Exit::Success {
            out.json(&json!({ "workflows": deployed.all }))?;
        }
        Ok(exit)
    })
}

/// What is deployed, and how.
struct Deployed<'a> {
    sending: Sending,
    config: &'a Config,
    out: &'a Output,
    /// What there is to tell programs about it.
    all: Vec<Value>,
}

impl Deployed<'_> {
    /// Each beside its file, or all into the folder that was named.
    async fn folders(&mut self, files: &[(Place, WorkflowFile)]) -> Result<(), Failure> {
        each_once(files.iter().map(|(place, file)| (Some(place), file)))?;
        for (place, file) in files {
            let site = Site::to_record(place.clone(), self.config).await?;
            self.store(&site, file).await?;
        }
        Ok(())
    }

    async fn elsewhere(
        &mut self,
        place: Place,
        files: &[WorkflowFile],
        missing: BTreeSet<String>,
    ) -> Result<(), Failure> {
        let site = Site::to_look(place, self.config).await?;
        for file in files {
            site.check(file).await?;
        }
        for file in files {
            self.store(&site, file).await?;
        }
        if let Site::Server(_) = site {
            self.out.say("only definitions go to a server: tasks run with the files that `ork workflow deploy --project` or an `ork dev` brought there");
        }
        let known = match missing.is_empty() {
            true => Vec::new(),
            false => site.workflows().await?,
        };
        for name in missing {
            if !known.iter().any(|one| one.name.as_str() == name) {
                self.out.warn(&format!(
                    "sub-workflow `{name}` is not deployed, and no file beside those that run it is called that"
                ));
            }
        }
        Ok(())
    }

    async fn store(&mut self, site: &Site, file: &WorkflowFile) -> Result<(), Failure> {
        let (version, changed) = site
            .deploy(file, self.sending, self.config, self.out)
            .await?;
        let name = &file.workflow.name;
        let what = if changed {
            "is current now"
        } else {
            "was current already"
        };
        self.out.say(&format!(
            "{}: version {} {what}",
            self.out.talk.bold(name.as_str()),
            version.short()
        ));
        self.all.push(
            json!({ "workflow": name, "version": version, "changed": changed, "file": file.path }),
        );
        Ok(())
    }
}

/// Refuses two files of one workflow in one place: the one that happens to come last would be current.
fn each_once<'a>(
    files: impl IntoIterator<Item = (Option<&'a Place>, &'a WorkflowFile)>,
) -> Result<(), Failure> {
    let mut seen: BTreeMap<(Option<PathBuf>, &WorkflowName), &Path> = BTreeMap::new();
    for (place, file) in files {
        let place = match place {
            // The folder need not be there yet; the one that it is in is.
            Some(Place::Folder(state)) => match (state.parent(), state.file_name()) {
                (Some(above), Some(name)) => Some(real(above).join(name)),
                _ => Some(state.clone()),
            },
            Some(Place::Project(_) | Place::Server(_)) | None => None,
        };
        let name = &file.workflow.name;
        if let Some(first) = seen.insert((place, name), &file.path)
            && first != file.path
        {
            return Err(Failure::new(format!(
                "`{}` and `{}` are both called {name}, and only one of them can be its current version",
                shown(first),
                shown(&file.path)
            ))
            .hint("nothing was stored; change the name of one of them, or deploy only one"));
        }
    }
    Ok(())
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
            "workflow files end in .yaml, .yml or .workflow, and YAML files have `tasks:`; folders below are not looked into",
        ));
    }
    Ok(files)
}

fn sending(args: &DeployArgs, elsewhere: Option<&Place>) -> Result<Sending, Failure> {
    let option = match (elsewhere, args.no_bundle, args.timeout) {
        (Some(Place::Project(_)), ..) => None,
        // To a server it is always so.
        (None | Some(Place::Folder(_)), true, _) => Some("--no-bundle"),
        (_, _, Some(_)) => Some("--timeout"),
        (_, _, None) => None,
    };
    if let Some(option) = option {
        let place = elsewhere.map_or("state folder", Place::word);
        let message = format!("{option} is about a project, and this is a {place}");
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
    each_once(all.iter().map(|file| (None, file)))?;
    elsewhere.retain(|name| !all.iter().any(|file| file.workflow.name.as_str() == name));
    Ok((callees_first(all), elsewhere))
}
