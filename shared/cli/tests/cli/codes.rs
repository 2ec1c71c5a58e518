//! Exit codes: 2 for wrong use or input, 3 for trouble that the command is not to blame for, 1 for a run that failed. Every command, by both.

use std::collections::BTreeSet;
use std::fs;

use crate::shells::{commands, is_group};
use crate::support::{Project, state};

const ALPHA: &str = "name: alpha\ntasks:\n  a: {}\n";

/// A command, and how it is used wrongly beside an option that nobody knows; the state folder of the project is whole.
struct Row {
    command: &'static [&'static str],
    wrong: &'static [&'static str],
    /// What is added for it to meet the damaged state folder; `None` where a command has no state folder.
    trouble: Option<&'static [&'static str]>,
}

const fn row(
    command: &'static [&'static str],
    wrong: &'static [&'static str],
    trouble: &'static [&'static str],
) -> Row {
    Row {
        command,
        wrong,
        trouble: Some(trouble),
    }
}

const fn stateless(command: &'static [&'static str], wrong: &'static [&'static str]) -> Row {
    Row {
        command,
        wrong,
        trouble: None,
    }
}

/// Every command.
const ROWS: [Row; 45] = [
    row(&["execute"], &["gone.yaml"], &["a.yaml"]),
    row(&["run"], &["gone.yaml"], &["a.yaml"]),
    row(&["run", "start"], &["gone"], &["alpha"]),
    row(&["run", "list"], &["--status", "done"], &[]),
    row(&["run", "status"], &["gone"], &[]),
    row(&["run", "explain"], &["latest", "gone"], &[]),
    row(&["run", "logs"], &["latest", "gone"], &["latest"]),
    row(&["run", "cost"], &["gone"], &[]),
    row(&["run", "notices"], &["gone"], &[]),
    row(
        &["run", "resend"],
        &["latest", "failure.0.1"],
        &["latest", "--failed"],
    ),
    row(&["run", "cancel"], &["latest"], &["latest"]),
    row(&["run", "pause"], &["latest"], &["latest"]),
    row(&["run", "resume"], &["latest"], &["latest"]),
    row(&["run", "retry"], &["latest"], &["latest"]),
    row(
        &["run", "recover"],
        &["latest", "--from-task", "gone"],
        &["latest"],
    ),
    row(
        &["run", "mark-success"],
        &["latest", "gone"],
        &["latest", "a"],
    ),
    row(
        &["run", "prune"],
        &["--older-than", "soon"],
        &["--older-than", "1ms", "--yes"],
    ),
    row(&["dev"], &["a.yaml"], &["--port", "0"]),
    row(&["open"], &["gone"], &["latest"]),
    stateless(&["validate"], &["gone.yaml"]),
    row(&["graph"], &["gone.yaml"], &["--run", "latest"]),
    stateless(&["init"], &["."]),
    stateless(&["schema", "export"], &["gone.py"]),
    stateless(&["schedule", "preview"], &["gone.yaml"]),
    row(&["workflow", "deploy"], &["gone.yaml"], &["a.yaml"]),
    row(&["workflow", "list"], &["--bucket", "b"], &[]),
    row(&["workflow", "status"], &["gone"], &["alpha"]),
    row(&["workflow", "versions"], &["gone"], &["alpha"]),
    row(&["workflow", "enable"], &["gone"], &["alpha"]),
    row(&["workflow", "disable"], &["gone"], &["alpha"]),
    row(&["workflow", "delete"], &["gone"], &["alpha"]),
    row(
        &["workflow", "backfill"],
        &["gone", "--from", "2026-01-01T00:00:00Z"],
        &["alpha", "--from", "2026-01-01T00:00:00Z"],
    ),
    row(
        &["auth", "key", "create"],
        &["ci", "--role", "king"],
        &["ci", "--role", "viewer"],
    ),
    row(&["auth", "key", "list"], &["--bucket", "b"], &[]),
    row(&["auth", "key", "revoke"], &["gone"], &["gone"]),
    row(&["audit"], &["--since", "yesterday"], &[]),
    stateless(&["profile", "list"], &["--bucket", "b"]),
    row(&["doctor"], &["--region", "r"], &[]),
    stateless(&["completions"], &["csh"]),
    stateless(&["man"], &["--dir", "a.yaml"]),
    row(&["list-workflows"], &["--bucket", "b"], &[]),
    row(&["delete-workflow"], &["gone"], &["alpha"]),
    row(&["trigger"], &["gone"], &["alpha"]),
    row(&["status"], &["gone"], &[]),
    row(&["tasks"], &["gone"], &[]),
];

/// A folder with a workflow that ran, its file, and what `ork init` would write.
fn ran() -> Project {
    let project = Project::with("a.yaml", ALPHA);
    project.write("hello.yaml", ALPHA);
    project.ork(&["execute", "a.yaml"]).ok();
    project
}

/// Makes the store something that no store is.
fn damage(project: &Project) {
    fs::write(state(project).join("state.db"), vec![7; 8192]).expect("damaged");
}

#[test]
fn wrong_use_and_wrong_input_are_2() {
    let project = ran();
    for Row { command, wrong, .. } in &ROWS {
        for args in [wrong, &["--no-such-option"][..]] {
            let args = [command, args].concat();
            let ran = project.ork(&args);
            assert_eq!(ran.code, Some(2), "ork {args:?}:\n{}", ran.err);
            assert!(ran.err.contains("error"), "ork {args:?}:\n{}", ran.err);
        }
    }
}

#[test]
fn every_command_is_in_the_table() {
    let commands = commands(&Project::new());
    for command in commands.iter().filter(|one| !is_group(&commands, one)) {
        let is_this = |row: &Row| command[1..] == *row.command;
        assert!(ROWS.iter().any(is_this), "{command:?} is not in it");
    }
}

#[test]
fn a_damaged_state_folder_is_3() {
    let project = ran();
    damage(&project);
    for Row {
        command, trouble, ..
    } in &ROWS
    {
        let Some(trouble) = trouble else { continue };
        let args = [command, *trouble].concat();
        let ran = project.ork(&args);
        assert_eq!(ran.code, Some(3), "ork {args:?}:\n{}", ran.err);
        // What is wrong is what a doctor was asked for: data.
        let said = if *command == ["doctor"] {
            &ran.out
        } else {
            &ran.err
        };
        assert!(said.contains("state.db"), "ork {args:?}:\n{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_3_also_where_there_is_no_state() {
    let project = ran();
    for args in [
        &["validate", "a.yaml"][..],
        &["validate", "a.yaml", "--json"],
        &["schema", "export"],
        &["schedule", "preview", "a.yaml", "--json"],
        &["graph", "a.yaml"],
        &["run", "list"],
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        let mut command = project.command(args);
        command
            .stdout(full.expect("a device"))
            .stderr(std::process::Stdio::piped());
        let ended = command.spawn().expect("it starts").wait_with_output();
        let ended = ended.expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(3), "ork {args:?}:\n{said}");
        assert!(said.contains("cannot write to standard output"), "{said}");
    }
    for args in [
        &["graph", "a.yaml", "--svg", "/dev/full"][..],
        &["schema", "export", "--out", "/dev/full"],
    ] {
        project.ork(args).exits(3).says("cannot write `/dev/full`");
    }
}

#[test]
fn a_run_that_failed_is_1_for_whoever_waits_for_it() {
    let project = Project::with("f.yaml", "name: f\ntasks:\n  a: {command: 'exit 64'}\n");
    project.ork(&["execute", "f.yaml"]).exits(1);
    project.ork(&["run", "f.yaml"]).exits(1);
    project.ork(&["run", "start", "f", "--wait"]).exits(1);
    project.ork(&["trigger", "f", "--wait"]).exits(1);
    project.ork(&["run", "retry", "latest"]).exits(1);
    project.ork(&["run", "recover", "latest"]).exits(1);
    let left = project.ork(&["run", "start", "f"]).ok().out;
    project.ork(&["run", "resume", left.trim()]).exits(1);
    // Looking at it went well.
    for args in [
        &["run", "status"][..],
        &["run", "explain"],
        &["run", "logs", "latest"],
    ] {
        project.ork(args).ok();
    }
}

#[test]
fn the_help_says_which_there_are() {
    let help = Project::new().ork(&["--help"]).ok().out;
    let codes = help.split("Exit codes:").nth(1).expect("they are named");
    let numbers: BTreeSet<&str> = codes
        .split([' ', ',', '\n', '.'])
        .filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    assert_eq!(numbers, BTreeSet::from(["0", "1", "2", "3", "130"]));
    let table = include_str!("../../../../docs/cli.md");
    let table = table.split("## Exit codes").nth(1).expect("a chapter");
    for number in numbers {
        assert!(
            table.contains(&format!("\n| {number} |")),
            "{number} is in docs/cli.md"
        );
    }
}
