//! `ork run prune`, and what `ork dev` sweeps away.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Project, state, steady};

const QUICK: &str = "name: quick\ntasks:\n  a: {executor: process, command: echo hello}\n";

/// Every file of objects, however deep.
fn objects(project: &Project) -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                below(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    below(&state(project).join("objects/runs"), &mut found);
    found.sort();
    found
}

fn ids(list: &Value) -> Vec<&str> {
    let runs = list["runs"].as_array().expect("a list").iter();
    runs.filter_map(|run| run["run_id"].as_str()).collect()
}

#[test]
fn old_runs_go_with_their_files_and_what_would_go_is_told_before() {
    let project = Project::with("w.yaml", QUICK);
    for _ in 0..2 {
        project.ork(&["execute", "w.yaml"]).ok();
    }
    let young = project
        .ork(&["run", "prune", "--older-than", "1h", "--json"])
        .ok()
        .json();
    assert_eq!(ids(&young), Vec::<&str>::new());
    let files = objects(&project);
    let bytes: u64 = (files.iter())
        .map(|file| fs::metadata(file).expect("it is there").len())
        .sum();
    let args = ["run", "prune", "--older-than", "1ms", "--json"];
    let would = project
        .ork(&[&args[..], &["--dry-run"]].concat())
        .ok()
        .json();
    assert_eq!(objects(&project), files, "nothing has changed");
    assert_eq!(would["objects"], files.len(), "{would:#}");
    assert_eq!(would["bytes"], bytes, "{would:#}");
    assert_eq!((ids(&would).len(), &would["dry_run"]), (2, &true.into()));
    assert_eq!(would["runs"][0]["removed"], false);
    let failed = [&args[..], &["--status", "failed,cancelled"]].concat();
    assert_eq!(ids(&project.ork(&failed).ok().json()), Vec::<&str>::new());
    let did = project.ork(&args).ok().json();
    assert_eq!(ids(&did), ids(&would));
    assert_eq!(
        (&did["objects"], &did["bytes"]),
        (&would["objects"], &would["bytes"])
    );
    assert_eq!(objects(&project), Vec::<PathBuf>::new());
    let folders = fs::read_dir(state(&project).join("objects/runs"));
    assert_eq!(
        folders.map_or(0, Iterator::count),
        0,
        "no empty folder is left"
    );
    let list = project.ork(&["run", "list", "--json"]).ok().json();
    assert_eq!(ids(&list), Vec::<&str>::new());
    project
        .ork(&["run", "status", ids(&did)[0]])
        .exits(2)
        .says(ids(&did)[0]);
    let audit = project
        .ork(&["audit", "--action", "run.remove", "--json"])
        .ok()
        .json();
    assert_eq!(
        audit["records"].as_array().map(Vec::len),
        Some(2),
        "{audit:#}"
    );
    // The workflow is there as before.
    project.ork(&["execute", "w.yaml"]).ok();
    let shown = project.ork(&["run", "prune", "--older-than", "1ms"]).ok();
    // Instants are of different lengths, and with them the columns.
    let words = |line: &str| Vec::from_iter(line.split_whitespace()).join(" ");
    let text: Vec<String> = shown.text().lines().map(words).collect();
    steady(|| insta::assert_snapshot!("prune", text.join("\n")));
    project
        .ork(&["run", "prune", "--older-than", "1ms"])
        .ok()
        .says("no run is old enough to go");
}

#[test]
fn without_a_word_on_how_old_nothing_goes() {
    let project = Project::with("w.yaml", QUICK);
    project.ork(&["execute", "w.yaml"]).ok();
    let prune = || project.ork(&["run", "prune", "--json"]);
    prune()
        .exits(2)
        .says("nobody says how old")
        .says("retention: {runs: 30d}");
    project.write("ork.yaml", "retention: {runs: soon}\n");
    prune().exits(2).says("`soon` is not a duration");
    project.write("ork.yaml", "retention: {failed_runs: 1s}\n");
    assert_eq!(ids(&prune().ok().json()), Vec::<&str>::new());
    project.write("ork.yaml", "retention: {runs: 1h}\n");
    assert_eq!(ids(&prune().ok().json()), Vec::<&str>::new());
    assert!(!objects(&project).is_empty());
    project
        .ork(&["run", "prune", "--older-than", "1s", "--status", "running"])
        .exits(2)
        .says("only runs that have ended can go");
    project
        .ork(&[
            "run",
            "prune",
            "--older-than",
            "5m",
            "--project",
            "p",
            "--bucket",
            "bkt",
        ])
        .exits(2)
        .says("5m is too short for a project");
}

/// Holds what whoever removes an object needs.
fn hold(project: &Project) -> File {
    let lock = File::options()
        .write(true)
        .open(state(project).join("objects/.lock"))
        .expect("it is there");
    lock.lock().expect("it can be held");
    lock
}

fn within_a_minute(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_prune_that_is_killed_half_way_is_finished_by_the_next() {
    let project = Project::with("w.yaml", QUICK);
    project.ork(&["execute", "w.yaml"]).ok();
    let list = project.ork(&["run", "list", "--json"]).ok().json();
    let id = ids(&list)[0].to_owned();
    for attempt in 2..3_000 {
        let folder = state(&project).join(format!("objects/runs/{id}/a/{attempt}"));
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join("log.txt"), "x").expect("written");
    }
    let all = objects(&project).len();
    let args = ["run", "prune", "--older-than", "1ms", "--yes"];

    // It cannot remove anything yet: it is killed when all it has done is to mark the run.
    let lock = hold(&project);
    let prune = project.start(&args);
    within_a_minute("the run is never marked", || {
        let refused = project.ork(&["run", "retry", &id, "--detach"]);
        refused.err.contains("is being removed")
    });
    prune.signal(Signal::KILL);
    prune.end();
    assert_eq!(objects(&project).len(), all);

    // And another one when some of the objects are gone.
    let prune = project.start(&args);
    drop(lock);
    within_a_minute("no object goes", || objects(&project).len() < all);
    let lock = hold(&project);
    prune.signal(Signal::KILL);
    prune.end();
    let left = objects(&project).len();
    assert!(0 < left && left < all, "{left} of {all} are left");
    drop(lock);
    let list = project.ork(&["run", "list", "--json"]).ok().json();
    assert_eq!(ids(&list), [id.as_str()], "what is left can be found");

    // The next one finishes it, however old a run has to be.
    let args = ["run", "prune", "--older-than", "30d", "--json"];
    let done = project.ork(&args).ok().json();
    assert_eq!(
        (ids(&done), &done["objects"]),
        (vec![id.as_str()], &left.into())
    );
    assert_eq!(objects(&project), Vec::<PathBuf>::new());
    let list = project.ork(&["run", "list", "--json"]).ok().json();
    assert_eq!(ids(&list), Vec::<&str>::new());
}

#[test]
fn dev_sweeps_at_its_start_what_ork_yaml_keeps_no_longer() {
    let project = Project::with("w.yaml", QUICK);
    project.write("ork.yaml", "retention: {runs: 1s}\n");
    project.ork(&["execute", "w.yaml"]).ok();
    within_a_minute("it never grows old", || {
        let would = project
            .ork(&["run", "prune", "--dry-run", "--json"])
            .ok()
            .json();
        !ids(&would).is_empty()
    });
    let mut dev = project.start(&["dev", "--port", "0"]);
    dev.until("retention: removed 1 run with");
    assert_eq!(objects(&project), Vec::<PathBuf>::new());
    // It goes on working.
    project.ork(&["run", "start", "quick"]).ok();
    dev.until("success in");
    dev.signal(Signal::INT);
    dev.end().exits(0);
    let audit = project
        .ork(&["audit", "--action", "run.remove", "--json"])
        .ok()
        .json();
    assert_eq!(
        audit["records"].as_array().map(Vec::len),
        Some(0),
        "nobody asked"
    );
}
