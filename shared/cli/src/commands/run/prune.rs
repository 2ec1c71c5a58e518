//! `ork run prune`: removes runs that ended long ago, with their objects.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

use clap::Args;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::retention::Retention;
use ork_core::run::RunStatus;
use ork_core::time::Millis;
use ork_engine::{Prune, Pruned, PrunedRun};
use serde_json::{Value, json};

use crate::config::Config;
use crate::duration;
use crate::engine;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::site::{Place, Site, SiteArg, not_in_the_api};
use crate::table::{Cell, Table};
use crate::workflow_file::{self, PROJECT_FILE, count};

/// What still comes for a run that has ended in a project comes within this: workers and services end what they were doing.
const LEAST_IN_PROJECT: Millis = Millis::from_secs(3600);

/// `ork run prune`
#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Only runs that ended at least this long ago, such as 30d or 12h [default: `retention` of the `ork.yaml` here or above]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    older_than: Option<Millis>,
    /// Only runs of this workflow, with those of its sub-workflows
    #[arg(long, value_name = "NAME")]
    workflow: Option<WorkflowName>,
    /// Only runs that ended so: success, failed or cancelled; several with commas
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = ended)]
    status: Vec<RunStatus>,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Do not ask, on a terminal, before anything goes
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    site: SiteArg,
    /// Print {"runs": […], "kept": […], "objects": N, "bytes": N, "dry_run": …} to standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// A status that a run stays in.
fn ended(text: &str) -> Result<RunStatus, String> {
    let status: RunStatus = text.parse()?;
    if status.is_terminal() {
        Ok(status)
    } else {
        Err("only runs that have ended can go: success, failed or cancelled".to_owned())
    }
}

/// Removes runs, or says which it would remove.
pub(crate) fn prune(args: &PruneArgs, config: &Config, out: &Output) -> Result<Exit, Failure> {
    let place = args.site.nearest(config)?;
    if let Place::Server(at) = &place {
        return Err(not_in_the_api(&at.url));
    }
    let wish = Prune {
        retention: args.retention(&place, out)?,
        workflow: args.workflow.clone(),
        states: args.status.clone(),
        dry_run: args.dry_run,
    };
    engine::block_on(async {
        let site = Site::to_look(place, config).await?;
        if !args.dry_run && !args.yes && io::stdin().is_terminal() && out.live {
            let would = Prune {
                dry_run: true,
                ..wish.clone()
            };
            let would = gather(site.prune(&would).await?);
            if would.runs.is_empty() {
                return tell(&would, args, out);
            }
            if !is_wanted(&would, &site, out)? {
                out.say("nothing was removed");
                return Ok(Exit::Success);
            }
        }
        tell(&gather(site.prune(&wish).await?), args, out)
    })
}

impl PruneArgs {
    /// How long runs are kept: as the command line says, or else `ork.yaml`.
    fn retention(&self, place: &Place, out: &Output) -> Result<Retention, Failure> {
        let beside = match place {
            // Its workflows are where it is.
            Place::Folder(state) => state.with_file_name(PROJECT_FILE),
            Place::Project(_) | Place::Server(_) => Path::new(".").join(PROJECT_FILE),
        };
        let retention = match self.older_than {
            Some(span) => Retention::of_all(span),
            None => workflow_file::settings_at(&beside, out)?.retention,
        };
        let stated = [retention.runs, retention.failed_runs];
        let Some(shortest) = stated.into_iter().flatten().min() else {
            return Err(
                Failure::new("nobody says how old a run must be to go").hint(
                    "--older-than 30d says it once, `retention: {runs: 30d}` in ork.yaml for good",
                ),
            );
        };
        if matches!(place, Place::Project(_)) && shortest < LEAST_IN_PROJECT {
            return Err(Failure::new(format!(
                "{shortest} is too short for a project: workers may still write what belongs to a run that has just ended"
            ))
            .hint("keep runs for an hour at least: --older-than 1h"));
        }
        Ok(retention)
    }
}

/// What all calls together came to.
struct Gathered {
    runs: Vec<PrunedRun>,
    kept: BTreeMap<String, String>,
    objects: u64,
    bytes: u64,
}

/// A large run goes in several calls, and is looked at again when one stops half-way.
fn gather(pruned: Pruned) -> Gathered {
    let mut runs: Vec<PrunedRun> = Vec::new();
    let mut places: BTreeMap<RunId, usize> = BTreeMap::new();
    let (mut objects, mut bytes) = (0, 0);
    for one in pruned.runs {
        objects += one.objects;
        bytes += one.bytes;
        if let Some(&at) = places.get(&one.run) {
            runs[at].objects += one.objects;
            runs[at].bytes += one.bytes;
            runs[at].gone |= one.gone;
        } else {
            places.insert(one.run.clone(), runs.len());
            runs.push(one);
        }
    }
    let kept = pruned.kept.into_iter().map(|one| (one.run, one.why));
    Gathered {
        runs,
        kept: kept.collect(),
        objects,
        bytes,
    }
}

fn is_wanted(would: &Gathered, site: &Site, out: &Output) -> Result<bool, Failure> {
    out.raw(&format!(
        "{} {} with {} go for good. Go on? [y/N] ",
        count(would.runs.len(), "run"),
        site.here(),
        weight(would)
    ));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| {
        let why = workflow_file::reason(&error);
        Failure::new(format!("cannot read the answer: {why}")).hint("--yes does not ask")
    })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn tell(done: &Gathered, args: &PruneArgs, out: &Output) -> Result<Exit, Failure> {
    if args.json {
        let runs: Vec<Value> = done.runs.iter().map(about).collect();
        let kept: Vec<Value> = (done.kept.iter())
            .map(|(run, why)| json!({ "run_id": run, "why": why }))
            .collect();
        out.json(&json!({
            "dry_run": args.dry_run,
            "runs": runs,
            "kept": kept,
            "objects": done.objects,
            "bytes": done.bytes,
        }))?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new(["run", "workflow", "status", "ended", "objects", "size"]);
    for one in &done.runs {
        let status = one.status;
        table.row([
            Cell::new(one.run.as_str()),
            Cell::new(one.workflow.as_str()),
            Cell::painted(status.as_str(), move |paint, text| paint.run(status, text)),
            Cell::new(one.ended_at.map(|at| at.rfc3339()).unwrap_or_default()),
            Cell::right(one.objects.to_string()),
            Cell::right(size(one.bytes)),
        ]);
    }
    if !done.runs.is_empty() {
        out.print(&table.render(out.data))?;
    }
    for (run, why) in &done.kept {
        out.say(&format!("run {run} stays: {why}"));
    }
    let runs = count(done.runs.len(), "run");
    out.say(&match (done.runs.is_empty(), args.dry_run) {
        (true, _) => "no run is old enough to go".to_owned(),
        (false, true) => format!("{runs} with {} would go", weight(done)),
        (false, false) => format!("removed {runs} with {}", weight(done)),
    });
    Ok(Exit::Success)
}

fn about(one: &PrunedRun) -> Value {
    json!({
        "run_id": one.run,
        "workflow": one.workflow,
        "status": one.status,
        "ended_at": one.ended_at.map(|at| at.rfc3339()),
        "objects": one.objects,
        "bytes": one.bytes,
        "removed": one.gone,
    })
}

/// `12 objects (3.4 MiB)`.
fn weight(all: &Gathered) -> String {
    let objects = usize::try_from(all.objects).unwrap_or(usize::MAX);
    format!("{} ({})", count(objects, "object"), size(all.bytes))
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let steps = (bytes.ilog2() / 10).min(4);
    let tenths = (u128::from(bytes) * 10) >> (10 * steps);
    format!(
        "{}.{} {}",
        tenths / 10,
        tenths % 10,
        UNITS[steps as usize - 1]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (5_000_000, "4.7 MiB"),
            (1 << 40, "1.0 TiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn only_ends_are_taken() {
        assert_eq!(ended("failed"), Ok(RunStatus::Failed));
        for wrong in ["running", "pending", "fail", ""] {
            assert!(ended(wrong).is_err(), "{wrong}");
        }
    }
}
