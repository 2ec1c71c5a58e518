//! `ork profile …`: names for the places that are worked with.

use clap::{Args, Subcommand};
use ork_core::Value;
use ork_core::parse::{Profile, SecretSource};
use serde_json::json;

use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::profiles::{self, Settings};
use crate::site::{Place, SiteArg};
use crate::table::{Cell, Table};
use crate::workflow_file::shown;

/// What can be done with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List the profiles of the configuration file, and say where commands work and why
    List(ListArgs),
}

/// `ork profile list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    site: SiteArg,
    /// Print {"file": …, "default": …, "profiles": […], "applies": …} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists profiles. No secret is looked up.
pub(crate) fn list(args: &ListArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let settings = Settings::read(config)?;
    let found = args.site.said(config)?;
    let place = args.site.nearest(config)?;
    let file = profiles::file(config);
    let all = settings.as_ref().map(|settings| settings.all().clone());
    let all = all.unwrap_or_default();
    if args.json {
        let profiles: Vec<Value> = all
            .profiles
            .iter()
            .map(|(name, profile)| about(name, profile, found.profile.as_deref()))
            .collect();
        out.json(&json!({
            "file": file,
            "default": all.default,
            "profiles": profiles,
            "applies": applies(&place, found.profile.as_deref(), &found.because),
        }))?;
        return Ok(Exit::Success);
    }
    if all.profiles.is_empty() {
        match file {
            Some(file) => out.say(&format!("no profiles in {}", shown(&file))),
            None => out.say("no profiles, and no home folder for a file with some"),
        }
    } else {
        let mut table = Table::new(["profile", "kind", "place", "key", "identity token"]);
        for (name, profile) in &all.profiles {
            let is_it = found.profile.as_deref() == Some(name);
            let secret =
                |source: &Option<SecretSource>| source.as_ref().map(in_words).unwrap_or_default();
            let (kind, place, key, id_token) = match profile {
                Profile::Server {
                    server,
                    key,
                    id_token,
                } => ("server", server.clone(), secret(key), secret(id_token)),
                Profile::Project {
                    project,
                    bucket,
                    database,
                } => {
                    let database = database.as_ref().map(|name| format!(", {name}"));
                    let place = format!("{project}, {bucket}{}", database.unwrap_or_default());
                    ("project", place, String::new(), String::new())
                }
                Profile::Folder { state } => {
                    ("state folder", state.clone(), String::new(), String::new())
                }
            };
            table.row([
                Cell::painted(name.as_str(), move |paint, text| match is_it {
                    true => paint.bold(text),
                    false => text.to_owned(),
                }),
                Cell::new(kind),
                Cell::new(place),
                Cell::new(key),
                Cell::new(id_token),
            ]);
        }
        out.print(&table.render(out.data))?;
    }
    let name = found.profile.map(|name| format!("profile {name}: "));
    out.say(&format!(
        "commands work {}{} ({})",
        name.unwrap_or_default(),
        match &place {
            Place::Folder(state) => format!("on the state folder {}", shown(state)),
            Place::Project(deployment) => format!("in project {}", deployment.project),
            Place::Server(at) => format!("at {}", at.url),
        },
        found.because
    ));
    Ok(Exit::Success)
}

fn about(name: &str, profile: &Profile, applies: Option<&str>) -> Value {
    let mut entry = json!({
        "name": name,
        "applies": applies == Some(name),
        "server": Value::Null,
        "key": Value::Null,
        "id_token": Value::Null,
        "project": Value::Null,
        "bucket": Value::Null,
        "database": Value::Null,
        "state": Value::Null,
    });
    match profile {
        Profile::Server {
            server,
            key,
            id_token,
        } => {
            entry["server"] = json!(server);
            entry["key"] = json!(key.as_ref().map(source));
            entry["id_token"] = json!(id_token.as_ref().map(source));
        }
        Profile::Project {
            project,
            bucket,
            database,
        } => {
            entry["project"] = json!(project);
            entry["bucket"] = json!(bucket);
            entry["database"] = json!(database);
        }
        Profile::Folder { state } => entry["state"] = json!(state),
    }
    entry
}

/// Where commands work and why, as data.
pub(crate) fn applies(place: &Place, profile: Option<&str>, because: &str) -> Value {
    let mut entry = json!({
        "profile": profile,
        "because": because,
        "server": Value::Null,
        "project": Value::Null,
        "bucket": Value::Null,
        "database": Value::Null,
        "state": Value::Null,
    });
    match place {
        Place::Folder(state) => entry["state"] = json!(state),
        Place::Project(deployment) => {
            entry["project"] = json!(deployment.project);
            entry["bucket"] = json!(deployment.bucket);
            entry["database"] = json!(deployment.database);
        }
        Place::Server(at) => entry["server"] = json!(at.url),
    }
    entry
}

/// Of a program only which one: what it is given may be somebody's secret.
fn source(source: &SecretSource) -> Value {
    match source {
        SecretSource::Env(name) => json!({ "env": name }),
        SecretSource::File(path) => json!({ "file": path }),
        SecretSource::Command(words) => json!({ "command": words.first() }),
    }
}

fn in_words(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("in {name}"),
        SecretSource::File(path) => format!("in {path}"),
        SecretSource::Command(words) => {
            format!("from {}", words.first().map_or("", String::as_str))
        }
    }
}
