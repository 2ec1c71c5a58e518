//! State folders that are shared, damaged or too new.

use std::fs;

use crate::support::{Project, WAITS, files, state};

#[test]
fn two_processes_share_a_state_folder() {
    let project = Project::with("w.yaml", WAITS);
    project.write(
        "b.yaml",
        "name: beta\ntasks:\n  b:\n    executor: process\n    command: echo b\n    parallel: 50\n",
    );
    let mut one = project.start(&["execute", "w.yaml"]);
    one.until("start     second");
    project.ork(&["execute", "b.yaml"]).ok();
    project.write("go", "");
    one.end().exits(0);
    let list = project
        .ork(&["run", "list", "--status", "success", "--json"])
        .ok()
        .json();
    assert_eq!(list["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_state_is_where_it_is_said_to_be() {
    let project = Project::with("a.yaml", "name: alpha\ntasks:\n  a: {}\n");
    project
        .ork(&["execute", "a.yaml", "--state", "elsewhere"])
        .ok();
    project
        .ork(&["run", "status", "latest", "--state", "elsewhere"])
        .ok();
    assert!(!project.path(".ork").exists());
    let ran = project.finish(
        project
            .command(&["execute", "a.yaml"])
            .env("ORK_STATE", project.path("other")),
    );
    ran.ok();
    assert!(project.path("other").is_dir() && !project.path(".ork").exists());
    fs::create_dir(project.path("below")).expect("made");
    project.ork(&["execute", "a.yaml"]).ok();
    project
        .finish(
            project
                .command(&["run", "status"])
                .current_dir(project.path("below")),
        )
        .ok();
}

#[test]
fn a_run_without_a_place_says_what_it_waits_for() {
    let project = Project::with("w.yaml", &format!("max_active_runs: 1\n{WAITS}"));
    let mut first = project.start(&["execute", "w.yaml"]);
    first.until("start     second");
    let mut next = project.start(&["execute", "w.yaml"]);
    next.until("it waits for a place: 1 of waits are active");
    next.until("executed by process");
    let only = |status: &str| {
        let list = project.ork(&["run", "list", "--status", status, "--json"]);
        let list = list.ok().json();
        list["runs"][0]["run_id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let (stuck, waiting) = (only("running"), only("pending"));
    // Whoever waits takes over what is left of another, so nobody may be left.
    for process in [first, next] {
        process.signal(rustix::process::Signal::KILL);
        process.end();
    }
    // A child that was just being started holds the lock until it is gone, too.
    let nobody =
        format!("{stuck}, which nobody executes: `ork run resume {stuck}` goes on with it");
    let mut told = String::new();
    let is_orphaned = (0..1_000).any(|_| {
        told = project.ork(&["run", "explain", &waiting]).ok().out;
        told.contains(&nobody)
    });
    assert!(is_orphaned, "{told}");
    let mut last = project.start(&["execute", "w.yaml"]);
    last.until(&nobody);
    // Before the last one can go on and end them by itself.
    for run in [&stuck, &waiting] {
        project.ork(&["run", "cancel", run]).ok();
    }
    project.write("go", "");
    last.end().exits(0);
}

fn database(project: &Project) -> std::path::PathBuf {
    let is_database = |path: &std::path::PathBuf| {
        fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3"))
    };
    files(&state(project))
        .into_iter()
        .find(is_database)
        .expect("a database")
}

#[test]
fn a_damaged_state_says_so() {
    let project = Project::with("a.yaml", "name: alpha\ntasks:\n  a: {}\n");
    project.ork(&["execute", "a.yaml"]).ok();
    let file = database(&project);
    fs::write(&file, vec![7; 8192]).expect("damaged");
    for command in [&["execute", "a.yaml"][..], &["run", "list"]] {
        let ran = project.ork(command).exits(3);
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert!(
            ran.err.starts_with("error: ") && ran.err.contains(&name),
            "{}",
            ran.err
        );
    }
}

#[test]
fn a_newer_state_is_left_alone() {
    let project = Project::with("a.yaml", "name: alpha\ntasks:\n  a: {}\n");
    project.ork(&["execute", "a.yaml"]).ok();
    let file = database(&project);
    let mut bytes = fs::read(&file).expect("read");
    // `user_version`, which says how new the tables are.
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&file, &bytes).expect("written");
    project.ork(&["run", "list"]).exits(3).says("newer");
    assert_eq!(fs::read(&file).expect("read"), bytes);
}

#[test]
fn a_state_folder_that_cannot_be_made_says_so() {
    let project = Project::with("a.yaml", "name: alpha\ntasks:\n  a: {}\n");
    project.write("taken", "");
    project
        .ork(&["execute", "a.yaml", "--state", "taken"])
        .exits(2)
        .says("taken");
}
