//! `ork doctor`: whether everything is there that Ork needs, and what to do where it is not.

use clap::Args;
use ork_core::Value;
use serde_json::json;

use super::profile::applies;
use crate::config::Config;
use crate::doctor::{self, Check, Named, State};
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::{Output, Paint, harmless};
use crate::site::{Place, SiteArg};
use crate::workflow_file::{count, files_in, shown};

/// The version of the JSON document.
const FORMAT: u32 = 1;

/// `ork doctor`
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    site: SiteArg,
    /// What the names of everything in the project begin with [default: as its topic of dispatch, or `ork`]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Region of the project's services [default: that of the address its messages are pushed to]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Print {"format": 1, "checks": […], "summary": {…}, …} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Looks, and tells.
pub(crate) fn doctor(args: &DoctorArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let found = args.site.said(config)?;
    let place = args.site.nearest(config)?;
    let named = Named {
        prefix: args.name.clone(),
        region: args.region.clone(),
    };
    refuse_elsewhere(&place, &named)?;
    let applies = applies(&place, found.profile.as_deref(), &found.because);
    let about = about(&place);
    let is_here = matches!(place, Place::Folder(_));
    let checks = engine::block_on(doctor::examine(place, named, config))?;
    let failed = number(&checks, State::Failed);
    if args.json {
        out.json(&document(&checks, applies))?;
    } else {
        out.print(&text(&checks, &about, &found.because, out.data))?;
    }
    let counts = State::ALL.iter().filter_map(|state| {
        let n = number(&checks, *state);
        (n > 0).then(|| format!("{n} {}", state.word()))
    });
    let counts: Vec<String> = counts.collect();
    out.say(&format!(
        "{}: {}",
        count(checks.len(), "check"),
        counts.join(", ")
    ));
    let is_fine = [State::Failed, State::Warning, State::Unknown]
        .iter()
        .all(|state| number(&checks, *state) == 0);
    if is_here && is_fine {
        out.say(next());
    }
    Ok(if failed > 0 {
        Exit::Trouble
    } else {
        Exit::Success
    })
}

/// Refuses what says nothing outside a project.
fn refuse_elsewhere(place: &Place, named: &Named) -> Result<(), Failure> {
    let option = match named {
        Named {
            prefix: Some(_), ..
        } => "--name",
        Named {
            region: Some(_), ..
        } => "--region",
        Named { .. } => return Ok(()),
    };
    if matches!(place, Place::Project(_)) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{option} is about a project, not a {}",
        place.word()
    ))
    .hint("name one with --project PROJECT and --bucket BUCKET"))
}

fn about(place: &Place) -> String {
    match place {
        Place::Folder(state) => format!("this machine, with the state folder {}", shown(state)),
        Place::Project(deployment) => format!("project {}", deployment.project),
        Place::Server(at) => at.url.clone(),
    }
}

/// What one does when nothing is wrong.
fn next() -> &'static str {
    let here = files_in(std::path::Path::new(".")).unwrap_or_default();
    if here.is_empty() {
        "next: `ork init` writes a workflow to start from"
    } else {
        "next: `ork dev` runs the workflows of this folder as they fall due"
    }
}

fn number(checks: &[Check], state: State) -> usize {
    checks
        .iter()
        .filter(|one| one.finding.state == state)
        .count()
}

fn document(checks: &[Check], applies: Value) -> Value {
    let all: Vec<Value> = checks
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "state": one.finding.state.word(),
                "found": one.finding.found,
                "remedy": one.finding.remedy,
            })
        })
        .collect();
    let summary: serde_json::Map<String, Value> = State::ALL
        .iter()
        .map(|state| (state.word().to_owned(), number(checks, *state).into()))
        .collect();
    json!({ "format": FORMAT, "applies": applies, "checks": all, "summary": summary })
}

/// A line for each check, with its remedy below it; groups stand apart.
fn text(checks: &[Check], about: &str, because: &str, paint: Paint) -> String {
    let width = |of: fn(&Check) -> usize| checks.iter().map(of).max().unwrap_or(0);
    let (words, names) = (
        width(|one| one.finding.state.word().len()),
        width(|one| one.name.len()),
    );
    let mut text = format!("{} ({because})\n", paint.bold(about));
    let mut group = "";
    for one in checks {
        let (of, _) = one.name.split_once('.').unwrap_or((one.name, ""));
        if of != group {
            text.push('\n');
            group = of;
        }
        let word = format!("{:<words$}", one.finding.state.word());
        let word = match one.finding.state {
            State::Ok => paint.green(&word),
            State::Warning | State::Unknown => paint.yellow(&word),
            State::Failed => paint.red(&word),
            State::Skipped => paint.dim(&word),
        };
        let found = one_line(&one.finding.found);
        text.push_str(&format!("{word}  {:<names$}  {found}\n", one.name));
        if let Some(remedy) = &one.finding.remedy {
            let indent = " ".repeat(words + 2 + names + 2);
            text.push_str(&format!(
                "{indent}{} {}\n",
                paint.dim("do:"),
                one_line(remedy)
            ));
        }
    }
    text
}

/// Whoever said it steers no terminal and makes no further lines.
fn one_line(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| harmless(line.trim())).collect();
    lines.join(" ")
}
