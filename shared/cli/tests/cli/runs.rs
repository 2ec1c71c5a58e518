//! `ork run …` from another process than the one that executes.

use crate::support::{Project, WAITS, steady};

#[test]
fn another_process_sees_a_run_and_cancels_it() {
    let project = Project::with("w.yaml", WAITS);
    let mut ork = project.start(&["execute", "w.yaml"]);
    ork.until("start     second");
    let list = project
        .ork(&["run", "list", "--status", "running", "--json"])
        .ok()
        .json();
    assert_eq!(list["runs"].as_array().map(Vec::len), Some(1), "{list:#}");
    let id = list["runs"][0]["run_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let status = project.ork(&["run", "status", &id, "--json"]).ok().json();
    assert_eq!(
        (&status["status"], &status["tasks"]["first"]["status"]),
        (&"running".into(), &"success".into())
    );
    assert!(
        status["progress"]
            .as_u64()
            .is_some_and(|percent| (1..100).contains(&percent)),
        "{status:#}"
    );
    assert_eq!(
        project.ork(&["run", "logs", "latest", "first"]).ok().out,
        "first\n"
    );
    project
        .ork(&["run", "resume", &id])
        .exits(2)
        .says("is being executed by process");
    project
        .ork(&["run", "cancel", &id, "--reason", "enough"])
        .ok()
        .says("cancelled");
    ork.end().exits(1).says("enough");
    project
        .ork(&["run", "cancel", &id])
        .exits(2)
        .says("already cancelled");
}

#[test]
fn a_run_can_be_paused_and_resumed_from_outside() {
    let project = Project::with("w.yaml", &WAITS.replace("  second:", "  third:\n    executor: process\n    command: echo third >> done\n    depends_on: [second]\n  second:"));
    let mut ork = project.start(&["execute", "w.yaml"]);
    ork.until("start     second");
    project.ork(&["run", "pause", "latest"]).ok().says("paused");
    project.write("go", "");
    project
        .ork(&["run", "logs", "latest", "second", "--follow"])
        .ok();
    assert_eq!(
        project.read("done"),
        "first\n",
        "nothing new starts while it is paused"
    );
    project
        .ork(&["run", "resume", "latest"])
        .ok()
        .says("resumed");
    ork.end().exits(0);
    assert_eq!(project.read("done"), "first\nthird\n");
}

#[test]
fn logs_can_be_followed_to_the_end() {
    let project = Project::with("w.yaml", WAITS);
    let mut ork = project.start(&["execute", "w.yaml"]);
    ork.until("start     second");
    let follower = project.start(&["run", "logs", "latest", "--follow"]);
    project.write("go", "");
    ork.end().exits(0);
    let ran = follower.end().exits(0);
    assert_eq!(ran.out, "first | first\nsecond | waiting\n");
    project
        .ork(&["run", "logs", "latest", "secnd"])
        .exits(2)
        .says("has no task `secnd`");
    project
        .ork(&["run", "logs", "latest", "second.x"])
        .exits(2)
        .says("not the index");
}

#[test]
fn logs_that_are_followed_are_those_of_all_attempts() {
    let flaky = "name: flaky\ntasks:\n  a:\n    executor: process\n    command: |\n      echo x >> tries\n      echo try $(grep -c x tries)\n      [ $(grep -c x tries) -eq 3 ]\n    retries: {max: 2, delay: 0ms}\n";
    let project = Project::with("f.yaml", flaky);
    project.ork(&["execute", "f.yaml"]).ok();
    let logs = |options: &[&str]| {
        let args = [&["run", "logs", "latest", "a"], options].concat();
        project.ork(&args).ok().out
    };
    assert_eq!(logs(&["--follow"]), "try 1\ntry 2\ntry 3\n");
    assert_eq!(logs(&["--follow", "--attempt", "2"]), "try 2\n");
    assert_eq!(logs(&[]), "try 3\n");
}

#[test]
fn what_failed_can_be_retried_and_recovered_with_a_limit() {
    let flaky = "name: flaky\nmax_recovery_attempts: 1\ntasks:\n  a:\n    executor: process\n    command: echo a >> done\n  b:\n    executor: process\n    command: test -e mended\n    depends_on: [a]\n";
    let project = Project::with("f.yaml", flaky);
    project.ork(&["execute", "f.yaml"]).exits(1);
    project.ork(&["run", "retry", "latest"]).exits(1);
    project.write("mended", "");
    let document = project
        .ork(&["run", "retry", "latest", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&document["status"], &document["tasks"]["b"]["attempts"]),
        (&"success".into(), &3.into())
    );
    assert_eq!(project.read("done"), "a\n", "what succeeded is kept");
    project
        .ork(&["run", "retry", "latest"])
        .exits(2)
        .says("nothing in run");
    project
        .ork(&["run", "recover", "latest", "--from-task", "a"])
        .ok();
    assert_eq!(project.read("done"), "a\na\n");
    project
        .ork(&["run", "recover", "latest", "--from-step", "0"])
        .exits(2)
        .says("max_recovery_attempts");
}

#[test]
fn runs_are_listed_shown_and_found_by_the_beginning_of_their_id() {
    let project = Project::with("a.yaml", "name: alpha\ntasks:\n  a: {}\n");
    project.write(
        "b.yaml",
        "name: beta\ntasks:\n  b: {}\n  c: {depends_on: [b]}\n",
    );
    project.ork(&["execute", "a.yaml"]).ok();
    project.ork(&["execute", "b.yaml"]).ok();
    steady(|| insta::assert_snapshot!("run_list", project.ork(&["run", "list"]).ok().text()));
    steady(|| {
        insta::assert_snapshot!(
            "run_status",
            project.ork(&["run", "status", "beta"]).ok().text()
        )
    });
    let only = project
        .ork(&["run", "list", "--workflow", "alpha", "--json"])
        .ok()
        .json();
    assert_eq!(only["runs"].as_array().map(Vec::len), Some(1));
    project.ork(&["execute", "a.yaml"]).ok();
    project
        .ork(&["run", "status", "alpha"])
        .exits(2)
        .says("is the beginning of 2 runs");
    project
        .ork(&["run", "status", "gamma"])
        .exits(2)
        .says("there is no run `gamma`");
    project
        .ork(&["run", "list", "--status", "done"])
        .exits(2)
        .says("is none of");
    project.ork(&["status", "latest"]).ok();
    project.ork(&["tasks", "latest"]).ok();
}

#[test]
fn without_a_state_folder_nothing_is_made() {
    let project = Project::new();
    project
        .ork(&["run", "list"])
        .exits(2)
        .says("there is no state folder `.ork`")
        .says("ork execute FILE");
    assert!(!project.path(".ork").exists());
}

#[test]
fn a_started_run_waits_for_an_engine_or_is_executed_here() {
    let project = Project::with(
        "a.yaml",
        "name: alpha\nparams: {n: {type: int}}\ntasks:\n  a:\n    executor: process\n    command: echo ORK_OUTPUT:{{ params.n }}\n",
    );
    project
        .ork(&["run", "start", "alpha", "-p", "n=1"])
        .exits(2);
    let ran = project
        .ork(&["run", "start", "a.yaml", "-p", "n=1"])
        .ok()
        .says("ork run resume");
    let id = ran.out.trim().to_owned();
    let document = project.ork(&["run", "resume", &id, "--json"]).ok().json();
    assert_eq!(document["tasks"]["a"]["output"], 1);
    let document = project
        .ork(&[
            "trigger", "alpha", "-p", "n=2", "--wait", "--json", "--id", "mine",
        ])
        .ok()
        .json();
    assert_eq!(
        (&document["run_id"], &document["tasks"]["a"]["output"]),
        (&"mine".into(), &2.into())
    );
    project
        .ork(&["run", "start", "alpah", "-p", "n=2"])
        .exits(2)
        .says("no workflow `alpah` is deployed")
        .says("deployed are alpha");
}
