//! Python attempts in children that were forked ahead of them.

use std::time::{Duration, Instant};

use ork_core::run::Category;

use super::harness::{Bench, gone, json};

#[test]
fn a_file_edited_between_two_attempts_runs_as_it_is_now() {
    let mut bench = Bench::new(1);
    for n in 0..12 {
        let text = format!("def main():\n    return {}\n", "1 + ".repeat(n) + "0");
        bench.file("t.py", &text);
        let spec = bench.python("t.py", "main");
        assert_eq!(bench.run(spec).output(), n.to_string());
    }
}

#[test]
fn attempts_of_several_files_and_upstreams_get_their_own() {
    let mut bench = Bench::new(1);
    let text =
        "import os\ndef main():\n    return [__name__, os.environ.get('ORK_UPSTREAM_JSON')]\n";
    for name in ["one.py", "two.py"] {
        bench.file(name, text);
    }
    for n in 0..20 {
        let (name, stem) = [("one.py", "one"), ("two.py", "two")][n / 2 % 2];
        let mut spec = bench.python(name, "main");
        let mut expected = serde_json::json!([stem, null]);
        if n % 5 != 0 {
            // The same for some attempts in a row, as in a fan-out.
            let upstream = format!("{{\"up\":{}}}", n / 6);
            spec.upstream = json(&upstream);
            expected[1] = upstream.into();
        }
        let end = bench.run(spec);
        let found: serde_json::Value = serde_json::from_str(end.output()).expect("JSON");
        assert_eq!(found, expected, "attempt {n}");
    }
}

#[test]
fn an_attempt_that_dies_while_a_process_of_its_own_lives_on_is_over_soon() {
    let mut bench = Bench::new(1);
    let text = "import os, time\ndef main():\n    pid = os.fork()\n    if not pid:\n        time.sleep(1000)\n    print(pid, flush=True)\n    os._exit(9)\n";
    bench.file("t.py", text);
    let begun = Instant::now();
    let spec = bench.python("t.py", "main");
    let index = spec.id.index;
    let end = bench.run(spec);
    assert_eq!(end.failure().0, Category::Unknown);
    assert!(begun.elapsed() < Duration::from_secs(10));
    let log = std::fs::read_to_string(bench.object(index, "log.txt")).expect("a log");
    gone(log.trim().parse().expect("a number"));
}

#[cfg(target_os = "linux")]
#[test]
fn children_that_wait_end_with_the_engine() {
    let mut bench = Bench::new(1);
    bench.file("t.py", "import os\ndef main():\n    return os.getppid()\n");
    let mut template = 0;
    for _ in 0..4 {
        let spec = bench.python("t.py", "main");
        template = bench.run(spec).output().parse().expect("a number");
    }
    let path = format!("/proc/{template}/task/{template}/children");
    let waiting: Vec<u32> = std::fs::read_to_string(path)
        .expect("the template runs")
        .split_ascii_whitespace()
        .map(|pid| pid.parse().expect("a number"))
        .collect();
    assert!(waiting.len() > 1, "{waiting:?}");
    bench.executor.shutdown();
    waiting.into_iter().chain([template]).for_each(gone);
}
