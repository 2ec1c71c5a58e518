//! Signals.

use rustix::process::Signal;

use crate::support::{Project, WAITS};

#[test]
fn ctrl_c_cancels_cleanly() {
    for signal in [Signal::INT, Signal::TERM] {
        let project = Project::with("w.yaml", WAITS);
        let mut ork = project.start(&["execute", "w.yaml", "--json"]);
        ork.until("start     second");
        ork.signal(signal);
        let ran = ork.end().exits(1).says("cancelling");
        let document = ran.json();
        assert_eq!(document["status"], "cancelled");
        assert_eq!(document["tasks"]["first"]["status"], "success");
        assert_eq!(document["tasks"]["second"]["status"], "cancelled");
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let stubborn = "name: s\ntasks:\n  a:\n    executor: process\n    command: |\n      trap '' TERM INT\n      echo ORK_READY > ready\n      while :; do sleep 0.05; done\n";
    let project = Project::with("s.yaml", stubborn);
    let mut ork = project.start(&["execute", "s.yaml"]);
    ork.until("start     a");
    ork.signal(Signal::INT);
    ork.until("once more leaves at once");
    ork.signal(Signal::INT);
    ork.end().exits(130);
}

#[test]
fn a_killed_engine_s_run_goes_on_without_running_a_finished_task_again() {
    let project = Project::with("w.yaml", WAITS);
    let mut ork = project.start(&["execute", "w.yaml"]);
    ork.until("start     second");
    ork.signal(Signal::KILL);
    assert_eq!(ork.end().code, None);
    assert_eq!(
        project
            .ork(&["run", "status", "latest", "--json"])
            .ok()
            .json()["status"],
        "running"
    );
    project.write("go", "");
    let document = project
        .ork(&["run", "resume", "latest", "--json"])
        .ok()
        .json();
    assert_eq!(document["status"], "success");
    assert_eq!(project.read("done"), "first\n");
    project
        .ork(&["run", "resume", "latest"])
        .exits(2)
        .says("is over: success");
}
