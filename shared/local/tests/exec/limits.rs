//! Bounds: output, log, memory, time.

use ork_core::limits::{LOG_BYTES, LOG_TAIL_LINES, OUTPUT_BYTES};
use ork_core::run::Category;
use ork_core::task::{Output, Verdict};
use ork_core::time::Millis;

use super::harness::{Bench, gone};

#[test]
fn a_task_printing_100_mb_costs_neither_memory_nor_a_stuck_pipe() {
    let mut bench = Bench::new(1);
    let spec = bench
        .shell("head -c 104857600 /dev/zero | tr '\\0' 'x'; echo; echo the end; echo ORK_OUTPUT:1");
    let end = bench.run(spec);
    assert_eq!(end.output(), "1");
    let log = std::fs::read(bench.object(1, "log.txt")).expect("a log");
    assert_eq!(end.log_bytes, log.len() as u64);
    assert!(log.len() <= LOG_BYTES + 200, "{}", log.len());
    assert!(log.ends_with(b"\nthe end\nORK_OUTPUT:1\n"));
    let note = String::from_utf8_lossy(&log[LOG_BYTES - 66_000..]).into_owned();
    assert!(note.contains("bytes are left out here"), "the gap is told");
    let memory = std::fs::read_to_string("/proc/self/status").expect("status");
    let rss: u64 = memory
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .expect("a number");
    assert!(rss < 80_000, "{rss} kB");
}

#[test]
fn a_failed_task_says_its_last_lines_and_bytes_that_are_no_text_are_replaced() {
    let mut bench = Bench::new(1);
    let spec = bench.shell("i=0; while test $i -lt 300; do echo line $i; i=$((i+1)); done; printf 'bad \\377 byte\\n' >&2; exit 1");
    let end = bench.run(spec);
    let tail = end.tail();
    assert_eq!(tail.len(), LOG_TAIL_LINES);
    // Two pipes: the line on stderr may come before the last ones on stdout.
    assert!(
        tail.iter().any(|line| line == "bad \u{fffd} byte"),
        "{tail:?}"
    );
    assert!(tail.iter().any(|line| line == "line 299"), "{tail:?}");
    let log = std::fs::read(bench.object(1, "log.txt")).expect("a log");
    assert!(
        log.windows(10).any(|bytes| bytes == b"bad \xff byte"),
        "the log itself is as printed"
    );
}

#[test]
fn an_output_over_the_inline_limit_becomes_an_object() {
    let mut bench = Bench::new(1);
    let spec = bench.shell("printf '\"' > $ORK_OUTPUT_FILE; head -c 70000 /dev/zero | tr '\\0' 'y' >> $ORK_OUTPUT_FILE; printf '\"' >> $ORK_OUTPUT_FILE");
    let end = bench.run(spec);
    assert_eq!(
        end.verdict,
        Verdict::Success {
            output: Output::Object { bytes: 70_002 }
        }
    );
    let text = std::fs::read_to_string(bench.object(1, "output.json")).expect("an object");
    assert_eq!(text.len(), 70_002);
    assert_eq!(
        std::fs::read_dir(bench.object(1, "output.json").parent().expect("a folder"))
            .expect("listed")
            .count(),
        1,
        "no temporary file stays"
    );
}

#[test]
fn an_output_over_10_mib_fails_for_good_with_advice() {
    let mut bench = Bench::new(1);
    let big = OUTPUT_BYTES + 1;
    for command in [
        format!(
            "printf '\"' > $ORK_OUTPUT_FILE; head -c {big} /dev/zero | tr '\\0' 'y' >> $ORK_OUTPUT_FILE; printf '\"' >> $ORK_OUTPUT_FILE"
        ),
        format!("printf 'ORK_OUTPUT:\"'; head -c {big} /dev/zero | tr '\\0' 'y'; echo '\"'"),
    ] {
        let spec = bench.shell(&command);
        let end = bench.run(spec);
        let (category, message) = end.failure();
        assert_eq!(category, Category::Permanent);
        assert!(
            message.contains(&format!("{} bytes", big + 2))
                && message.contains("10485760")
                && message.contains("return the file's path"),
            "{message}"
        );
    }
}

#[test]
fn a_timeout_ends_the_group_politely_at_first() {
    let mut bench = Bench::new(1);
    let mut spec = bench.shell("trap 'echo tidied up; exit 0' TERM; sleep 1000 & wait");
    spec.timeout = Millis(200);
    let end = bench.run(spec);
    let (category, message) = end.failure();
    assert_eq!(category, Category::Timeout);
    assert!(message.contains("its timeout of 200ms"), "{message}");
    assert_eq!(end.tail(), ["tidied up"]);
    assert!(end.duration.0 >= 200 && !end.stopped);
}

#[test]
fn a_task_that_ignores_sigterm_is_killed() {
    let mut bench = Bench::new(1);
    let mut spec = bench.shell("trap '' TERM; while :; do sleep 0.01; done");
    spec.timeout = Millis(100);
    let id = bench.submit(spec);
    let pid = bench.started(&id);
    let end = bench.ended(&id);
    let (category, message) = end.failure();
    assert_eq!(category, Category::Timeout);
    assert!(message.contains("ignored SIGTERM"), "{message}");
    assert!(end.duration.0 >= 400, "timeout and grace: {}", end.duration);
    gone(pid);
}

#[test]
fn a_process_over_its_memory_limit_is_killed_children_included() {
    let mut bench = Bench::new(1);
    // The allocation happens in a child of the leader.
    let mut spec = bench.shell("sh -c \"python3 -c 'import time; held = bytearray(400 << 20); time.sleep(1000)'; true\"; echo after");
    spec.memory_bytes = Some(64 << 20);
    let end = bench.run(spec);
    let (category, message) = end.failure();
    assert_eq!(category, Category::Oom, "{message}");
    assert!(message.contains("64 MiB"), "{message}");
    assert!(end.maxrss.expect("sampled") > 64 << 20);
}

#[test]
fn a_kill_by_the_system_counts_as_oom_only_where_there_is_a_limit() {
    let mut bench = Bench::new(1);
    for (command, limit, category) in [
        ("kill -KILL $$", Some(1 << 30), Category::Oom),
        ("exit 137", Some(1 << 30), Category::Oom),
        ("kill -KILL $$", None, Category::Unknown),
    ] {
        let mut spec = bench.shell(command);
        spec.memory_bytes = limit;
        let end = bench.run(spec);
        assert_eq!(end.failure().0, category, "{:?}", end.verdict);
    }
}
