//! The picture on a terminal.

use std::process::Command;

use crate::support::Project;

/// Runs its arguments on a terminal of its own and prints what that received.
const TERMINAL: &str = "\
import os, pty, sys
seen = []
def read(fd):
    data = os.read(fd, 65536)
    seen.append(data)
    return data
null = os.open(os.devnull, os.O_WRONLY)
out = os.dup(1)
os.dup2(null, 1)
code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read, lambda fd: b''))
os.write(out, b''.join(seen))
sys.exit(code)
";

fn on_a_terminal(project: &Project, args: &[&str], term: &str) -> String {
    let mut command = Command::new("python3");
    command
        .args(["-c", TERMINAL, env!("CARGO_BIN_EXE_ork")])
        .args(args)
        .current_dir(project.path(""));
    let ran = project.finish(
        command
            .env("TERM", term)
            .env_remove("NO_COLOR")
            .env_remove("ORK_STATE"),
    );
    ran.ok().out
}

const SLOW: &str = "\
name: slow
tasks:
  fan:
    executor: process
    command: sleep 0.05
    parallel: 30
  one:
    executor: process
    command: sleep 0.5
";

#[test]
fn a_terminal_gets_a_picture_that_is_redrawn_and_taken_away() {
    let project = Project::with("slow.yaml", SLOW);
    let seen = on_a_terminal(
        &project,
        &["execute", "slow.yaml", "--max-parallel", "2"],
        "xterm",
    );
    assert!(
        seen.contains("━") && seen.contains("/30"),
        "a bar for the fan-out: {seen}"
    );
    assert!(seen.contains("  one  "), "a line for the task: {seen}");
    let after = seen.rsplit("\x1b[J").next().unwrap_or_default();
    assert!(
        after.contains("success") && !after.contains("━"),
        "the summary stands alone: {after}"
    );
    assert!(!seen.contains("start     one"), "no plain lines: {seen}");
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let project = Project::with("slow.yaml", SLOW);
    for (args, term) in [
        (&["execute", "slow.yaml"][..], "dumb"),
        (
            &["execute", "slow.yaml", "--no-progress", "--color", "never"],
            "xterm",
        ),
    ] {
        let seen = on_a_terminal(&project, args, term);
        assert!(
            seen.contains("start     one") && !seen.contains('\x1b'),
            "{seen}"
        );
    }
}
