//! What must not stay behind: descriptors, zombies, scratch files, and processes of an engine that was killed.

use std::process::{Command, Stdio};

use ork_local::exec::{ExecEvent, reaper_main};

use super::harness::{Bench, appears, gone, is_alive};

/// Tests run beside each other in one process, so what is counted is counted in a process of its own.
fn alone(test: &str) {
    let exe = std::env::current_exe().expect("this program");
    let output = Command::new(exe)
        .args([
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .output()
        .expect("started");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn fds() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("listed").count()
}

/// Children of this process, dead or alive.
fn children() -> Vec<String> {
    let me = std::process::id().to_string();
    let stats = std::fs::read_dir("/proc")
        .expect("listed")
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter(|stat| {
            stat.rsplit_once(')')
                .is_some_and(|(_, rest)| rest.split_ascii_whitespace().nth(1) == Some(&me))
        })
        .collect()
}

#[test]
fn a_thousand_tasks_leave_no_descriptors_zombies_or_scratch_files() {
    alone("upkeep::thousand_tasks_alone");
}

#[test]
#[ignore = "run by a_thousand_tasks_leave_no_descriptors_zombies_or_scratch_files in a process of its own"]
fn thousand_tasks_alone() {
    let mut bench = Bench::new(4);
    bench.file(
        "t.py",
        "def main(n: int = 0):\n    print('hello')\n    return n\n",
    );
    let warm = bench.shell("/bin/true");
    bench.run(warm);
    let warm = bench.python("t.py", "main");
    bench.run(warm);
    let before = fds();
    let mut last = None;
    for n in 0..1000 {
        let spec = match n % 10 {
            0 => bench.python("t.py", "main"),
            1 => bench.shell("echo x > $ORK_OUTPUT_FILE"),
            2 => bench.shell("cat; sleep 1000 & echo ORK_OUTPUT:2"),
            3 => bench.reused("t.py", "main"),
            4 => bench.shell("exit 3"),
            _ => bench.shell("/bin/true"),
        };
        last = Some(bench.submit(spec));
    }
    let mut ended = 0;
    while ended < 1000 {
        if let ExecEvent::Ended { .. } = bench.next() {
            ended += 1;
        }
    }
    assert!(last.is_some() && bench.executor.backlog() == 0);
    // Kept are the second reactor's template and the children that serve many attempts, three descriptors for each, and each
    // reactor's stock of children that wait for an attempt, two for each.
    let after = fds();
    assert!(
        after <= before + 3 * 4 + 6 + 2 * 2 * 11,
        "{before} descriptors before, {after} after"
    );
    let scratch = std::fs::read_dir(bench.state.join("scratch"))
        .expect("listed")
        .next()
        .expect("one")
        .expect("an entry")
        .path();
    let left: Vec<_> = std::fs::read_dir(scratch)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| name.to_string_lossy().ends_with(".python")),
        "{left:?}"
    );
    bench.executor.shutdown();
    assert_eq!(children(), Vec::<String>::new(), "all are reaped");
    let state = bench.state.clone();
    let Bench { executor, .. } = bench;
    drop(executor);
    assert_eq!(
        std::fs::read_dir(state.join("scratch"))
            .expect("listed")
            .count(),
        0
    );
}

/// The watchdog, as `ork __reaper` is: this program is started with that word, which selects this test.
#[test]
fn __reaper() {
    if std::env::args().any(|word| word == "__reaper") {
        assert_eq!(reaper_main(), std::process::ExitCode::SUCCESS);
    }
}

/// An engine that starts tasks and then waits to be killed.
#[test]
#[ignore = "run by the_children_of_a_killed_engine_die in a process of its own"]
fn engine_alone() {
    let out = std::path::PathBuf::from(std::env::var_os("ORK_TEST_OUT").expect("a path"));
    let mut bench = Bench::with(3, |config| config.exe = std::env::current_exe().ok());
    bench.file("t.py", "import time\ndef main():\n    time.sleep(1000)\n");
    let over = bench.shell("/bin/true");
    bench.run(over);
    let process = bench.shell("trap '' TERM; sh -c 'echo $$ > c.tmp; mv c.tmp c.pid; exec sleep 1000' & while :; do sleep 0.01; done");
    let python = bench.python("t.py", "main");
    let (process, python) = (bench.submit(process), bench.submit(python));
    let mut pids = std::collections::BTreeMap::new();
    while pids.len() < 2 {
        if let ExecEvent::Started { id, pid } = bench.next()
            && (id == process || id == python)
        {
            pids.insert(id, pid.expect("a process"));
        }
    }
    let child = appears(&bench.dir.workflow_dir.join("c.pid"));
    let text = format!("{} {} {}", pids[&process], pids[&python], child.trim());
    std::fs::write(out.with_extension("tmp"), text).expect("written");
    std::fs::rename(out.with_extension("tmp"), out).expect("renamed");
    loop {
        std::thread::park();
    }
}

#[test]
fn the_children_of_a_killed_engine_die() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("pids");
    let exe = std::env::current_exe().expect("this program");
    let mut engine = Command::new(exe)
        .args(["--exact", "upkeep::engine_alone", "--ignored"])
        .env("ORK_TEST_OUT", &out)
        .env("TMPDIR", dir.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let pids: Vec<u32> = appears(&out)
        .split_ascii_whitespace()
        .map(|pid| pid.parse().expect("a number"))
        .collect();
    assert_eq!(pids.len(), 3);
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    engine.kill().expect("killed");
    engine.wait().expect("reaped");
    pids.into_iter().for_each(gone);
}
