//! `ork dev`

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::support::{Project, WAITS};

#[test]
fn it_runs_reloads_and_keeps_the_last_good_version() {
    let alpha = |text: &str| {
        format!(
            "name: alpha\ntasks:\n  a:\n    executor: process\n    command: echo {text} >> done\n"
        )
    };
    let project = Project::with("a.yaml", &alpha("one"));
    project.write("other.yaml", "not: a workflow\n");
    let mut dev = project.start(&["dev", "--port", "0"]);
    dev.until("1 workflow from");
    project.ork(&["run", "start", "alpha"]).ok();
    dev.until("success in");
    // Longer than before, so that even a clock of whole seconds shows the change.
    project.write("a.yaml", alpha("changed"));
    dev.until("alpha version");
    project.write(
        "a.yaml",
        "name: alpha\ntasks:\n  a: {depends_on: [nobody]}\n",
    );
    dev.until("not loaded");
    project.ork(&["run", "start", "alpha"]).ok();
    dev.until("success in");
    assert_eq!(project.read("done"), "one\nchanged\n");
    dev.signal(Signal::INT);
    dev.end().exits(0).says("stopped");
}

#[test]
fn it_goes_on_with_what_a_killed_engine_left_behind() {
    let project = Project::with("w.yaml", WAITS);
    let mut ork = project.start(&["execute", "w.yaml"]);
    ork.until("start     second");
    ork.signal(Signal::KILL);
    ork.end();
    let mut dev = project.start(&["dev", "--port", "0"]);
    dev.until("start     second");
    project.write("go", "");
    dev.until("success in");
    dev.signal(Signal::TERM);
    dev.end().exits(0);
    assert_eq!(project.read("done"), "first\n");
}

#[test]
fn stopping_it_leaves_runs_to_the_next() {
    let project = Project::with("w.yaml", WAITS);
    let mut dev = project.start(&["dev", "--port", "0"]);
    dev.until("1 workflow from");
    project.ork(&["run", "start", "waits"]).ok();
    dev.until("start     second");
    dev.signal(Signal::INT);
    dev.end().exits(0).says("stopped with 1 run under way");
    project.write("go", "");
    let mut dev = project.start(&["dev", "--port", "0"]);
    dev.until("success in");
    dev.signal(Signal::INT);
    dev.end().exits(0);
    assert_eq!(project.read("done"), "first\n");
}

#[test]
fn it_serves_the_api_and_carries_out_at_once_what_that_is_asked_for() {
    let project = Project::with("w.yaml", WAITS);
    let mut dev = project.start(&["dev", "--port", "0"]);
    let said = dev.until("1 workflow from");
    let at = said
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split("/api").next());
    let at = at
        .unwrap_or_else(|| panic!("no address in {said}"))
        .to_owned();
    let ask = |method: &str, path: &str| {
        let mut stream = TcpStream::connect(&at).expect("it listens");
        let asked = format!(
            "{method} {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(asked.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    };
    let started = ask("POST", "/api/workflows/waits/runs");
    assert!(started.starts_with("HTTP/1.1 201"), "{started}");
    dev.until("start     second");
    let port = at.rsplit(':').next().expect("a port");
    project
        .ork(&["dev", "--port", port])
        .exits(3)
        .says("--port 0 a free one");
    let run = started
        .split("/api/runs/")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let run = run.expect("a place").trim();
    let cancelled = ask("POST", &format!("/api/runs/{run}/cancel"));
    assert!(
        cancelled.contains("\"status\":\"cancelled\""),
        "{cancelled}"
    );
    dev.until("cancelled");
    dev.signal(Signal::INT);
    dev.end().exits(0).says("nothing was running");
}

#[test]
fn a_folder_is_asked_for() {
    let project = Project::with("a.yaml", "name: alpha\ntasks:\n  a: {}\n");
    project
        .ork(&["dev", "a.yaml"])
        .exits(2)
        .says("is not a folder");
}
