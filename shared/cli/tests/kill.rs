//! The engine is killed at random moments of many runs; each is resumed, loses nothing and runs nothing again that had succeeded.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Runs whose engine is killed. `ORK_KILLS` asks for another number, such as the 200 of `make kills`.
const RUNS: u64 = 60;
const INSTANCES: u64 = 6;

/// A chain beside a fan-out, joined by a Python task: every kind of commit is in it. Each attempt writes a line when it begins.
const WORKFLOW: &str = r#"
name: killed
defaults: {retries: {max: 1, delay: 10ms}}
tasks:
  a: {executor: process, command: "echo a >> journal; echo ORK_OUTPUT:1"}
  b: {executor: process, command: "echo b >> journal; echo ORK_OUTPUT:{{ a + 1 }}", depends_on: [a]}
  c: {executor: process, command: "echo c >> journal; echo ORK_OUTPUT:{{ b + 1 }}", depends_on: [b]}
  list: {executor: process, command: "echo list >> journal; echo ORK_OUTPUT:[0,1,2,3,4,5]"}
  fan:
    executor: process
    command: "echo fan.{{ item }} >> journal; echo ORK_OUTPUT:{{ item * 10 }}"
    depends_on: [list]
    foreach: list
  joined:
    executor: python
    file: joined.py
    depends_on: [c, fan]
    input: {c: "{{ c }}", fan: "{{ fan }}"}
"#;

const JOINED: &str = "def main(c, fan):\n    with open('journal', 'a') as journal:\n        journal.write('joined\\n')\n    return c + sum(fan)\n";

fn ork(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ork"));
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn json(command: &mut Command) -> Value {
    let output = command.output().expect("ork starts");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// How often each thing began.
fn journal(folder: &Path) -> BTreeMap<String, u64> {
    let mut begun = BTreeMap::new();
    for line in std::fs::read_to_string(folder.join("journal"))
        .unwrap_or_default()
        .lines()
    {
        *begun.entry(line.to_owned()).or_insert(0) += 1;
    }
    begun
}

fn draw(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Lets a run go on until it has said so many lines, and a moment more; then kills it. Says whether it was still at work.
fn kill_after(folder: &Path, lines: u64, moment: Duration) -> bool {
    let mut child = ork(folder)
        .args(["execute", "--file", "w.yaml", "--verbose"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ork starts");
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines();
    for _ in 0..lines {
        if said.next().is_none() {
            break;
        }
    }
    let until = Instant::now() + moment;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    child.kill().expect("killed");
    !child.wait().expect("reaped").success()
}

/// One run: killed, looked at, resumed, looked at again. Says whether the kill met a run that was stored and had not ended.
fn one(seed: u64) -> bool {
    let mut dice = seed;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    std::fs::write(path.join("w.yaml"), WORKFLOW).expect("written");
    std::fs::write(path.join("joined.py"), JOINED).expect("written");
    let cut_short = kill_after(
        path,
        draw(&mut dice) % 34,
        Duration::from_micros(draw(&mut dice) % 4_000),
    );
    let runs = json(ork(path).args(["run", "list", "--json", "--state", ".ork"]));
    let Some(id) = runs["runs"]
        .as_array()
        .and_then(|runs| runs.first())
        .and_then(|run| run["run_id"].as_str())
    else {
        assert!(
            cut_short,
            "seed {seed}: a run that was not killed left nothing"
        );
        return false;
    };
    let before = json(ork(path).args(["run", "status", id, "--json", "--state", ".ork"]));
    let begun_before = journal(path);
    let resumed = before["status"] != "success";
    if resumed {
        let output = ork(path)
            .args(["run", "resume", id, "--state", ".ork", "--no-progress"])
            .output()
            .expect("ork starts");
        assert!(
            output.status.success(),
            "seed {seed}: resume failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let after = json(ork(path).args(["run", "status", id, "--json", "--state", ".ork"]));
    assert_eq!(after["status"], "success", "seed {seed}: {after:#}");
    let output: Value = serde_json::from_slice(
        &std::fs::read(path.join(format!(".ork/objects/runs/{id}/joined/output.json")))
            .expect("the output is there"),
    )
    .expect("JSON");
    assert_eq!(output, 153, "seed {seed}: nothing was lost on the way");
    let begun = journal(path);
    for task in ["a", "b", "c", "list", "joined"] {
        if before["tasks"][task]["status"] == "success" {
            assert_eq!(
                begun.get(task),
                begun_before.get(task),
                "seed {seed}: {task} had succeeded and began again"
            );
        }
        assert!(begun.contains_key(task), "seed {seed}: {task} never began");
    }
    let done = before["tasks"]["fan"]["instances"]["success"]
        .as_u64()
        .unwrap_or(0);
    let again = (0..INSTANCES).filter(|item| {
        let name = format!("fan.{item}");
        begun.get(&name) > begun_before.get(&name) && begun_before.contains_key(&name)
    });
    assert!(
        again.count() as u64 <= INSTANCES - done,
        "seed {seed}: {done} instances had succeeded: {begun_before:?} → {begun:?}"
    );
    resumed
}

#[test]
fn a_killed_engine_loses_nothing_and_repeats_nothing_that_had_succeeded() {
    let runs = std::env::var("ORK_KILLS")
        .map_or(RUNS, |text| text.parse().expect("ORK_KILLS is a number"));
    let resumed: u64 = std::thread::scope(|scope| {
        let halves: Vec<_> = (0..2)
            .map(|half| {
                scope
                    .spawn(move || (half..runs).step_by(2).filter(|&seed| one(seed)).count() as u64)
            })
            .collect();
        halves
            .into_iter()
            .map(|half| half.join().expect("no assertion failed"))
            .sum()
    });
    // A kill that comes before the run or after its end proves little; most must hit the middle.
    assert!(
        resumed > runs / 2,
        "only {resumed} of {runs} kills met a run at work"
    );
}

/// Starts `ork execute` and reads what it says until a line holds `words`.
fn execute_until(folder: &Path, words: &str) -> std::process::Child {
    let mut child = ork(folder)
        .args(["execute", "--file", "w.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ork starts");
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines();
    let found = said.any(|line| line.is_ok_and(|line| line.contains(words)));
    assert!(found, "it never said `{words}`");
    // Whoever goes on talking must find somebody listening.
    std::thread::spawn(move || said.for_each(drop));
    child
}

#[test]
fn a_run_that_waits_for_a_place_goes_on_when_the_engine_that_held_it_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let workflow = "name: one\nmax_active_runs: 1\ntasks:\n  a: {executor: process, command: \"echo a >> journal; while [ ! -e go ]; do sleep 0.02; done\"}\n";
    std::fs::write(path.join("w.yaml"), workflow).expect("written");
    let mut first = execute_until(path, "start");
    let mut second = execute_until(path, "waits for a place");
    first.kill().expect("killed");
    first.wait().expect("reaped");
    std::fs::write(path.join("go"), "").expect("written");
    assert!(second.wait().expect("it ends").success());
    let runs = json(ork(path).args(["run", "list", "--json", "--state", ".ork"]));
    let statuses: Vec<&Value> = runs["runs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|run| &run["status"])
        .collect();
    assert_eq!(statuses, ["success", "success"], "{runs:#}");
}
