//! Attempts that are begun twice, told to end, killed, or over before they know.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use ork_core::names::AttemptFile;
use ork_core::run::Category;
use ork_core::task::{Output, TaskSpec, Verdict, WorkerStatus};
use ork_core::time::Millis;
use rustix::process::{Pid, Signal};

use crate::harness::*;

/// A task that tells its process's number and that of a child, and never ends; SIGTERM does not impress it.
fn stubborn(bench: &Bench) -> TaskSpec {
    let child = bench.path("child").display().to_string();
    let own = bench.path("own").display().to_string();
    shell(&format!(
        "trap '' TERM; sleep 1000 & echo $! > {child}; echo begun; echo $$ > {own}; while :; do sleep 1000; done"
    ))
}

fn begun(bench: &Bench) -> [u32; 2] {
    [
        number_in(&bench.path("own")),
        number_in(&bench.path("child")),
    ]
}

#[test]
fn of_many_workers_for_one_attempt_one_runs_the_task() {
    let bench = Bench::new();
    let effect = bench.path("effect");
    let spec = shell(&format!("echo done >> {}", effect.display()));
    let batch = bench.batch(std::slice::from_ref(&spec));
    let workers: Vec<_> = (0..3).map(|_| bench.start(&batch, 0)).collect();
    let mut logs = String::new();
    for worker in workers {
        let (code, log) = worker.end();
        assert_eq!(code, Some(0), "{log}");
        logs.push_str(&log);
    }
    let (code, late) = bench.start(&batch, 0).end();
    assert_eq!(
        (code, late.as_str()),
        (Some(0), ""),
        "it has nothing to say"
    );
    assert_eq!(logs.matches("the attempt is claimed").count(), 1, "{logs}");
    assert_eq!(
        std::fs::read_to_string(effect).expect("an effect"),
        "done\n"
    );
    assert_eq!(bench.output(&spec), "null");
}

#[test]
fn sigterm_ends_the_task_and_leaves_a_verdict_in_time() {
    let bench = Bench::new();
    let spec = stubborn(&bench);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let worker = bench.start(&batch, 0);
    let processes = begun(&bench);
    let told = Instant::now();
    worker.signal(Signal::TERM);
    let (code, log) = worker.end();
    let took = told.elapsed();
    assert_eq!(code, Some(143), "{log}");
    // Cloud Run kills after ten.
    assert!(took < Duration::from_secs(8), "{took:?}");
    processes.into_iter().for_each(gone);
    let (category, message, tail) = bench.failure(&spec);
    assert_eq!(category, Category::Lost);
    assert!(
        message.contains("SIGTERM") && message.contains("while its code ran"),
        "{message}"
    );
    assert_eq!(tail, ["begun"]);
    assert_eq!(
        bench.text(&spec, AttemptFile::Log).as_deref(),
        Some("begun\n")
    );
}

/// A process that nobody else ends.
struct Leftover(u32);

impl Drop for Leftover {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0).ok().and_then(Pid::from_raw);
        rustix::process::kill_process(pid.expect("a number"), Signal::KILL).expect("it is ours");
    }
}

#[test]
fn sigterm_before_the_code_begins_is_a_verdict_too_even_if_the_interpreter_hangs() {
    let bench = Bench::new();
    let own = bench.path("own");
    let python_path = bench.path("python");
    // It tells its number and never answers.
    let script = format!("#!/bin/sh\necho $$ > {}\nexec sleep 1000\n", own.display());
    std::fs::write(&python_path, script).expect("written");
    std::fs::set_permissions(&python_path, Permissions::from_mode(0o755)).expect("allowed");
    let spec = python("tasks.py", "main");
    let batch = bench.batch(std::slice::from_ref(&spec));
    let mut env = bench.env(&batch, 0);
    env.insert("ORK_PYTHON".to_owned(), python_path.display().to_string());
    let worker = bench.start_in(&env);
    let interpreter = Leftover(number_in(&own));
    let told = Instant::now();
    worker.signal(Signal::TERM);
    // The interpreter keeps the worker's standard error open, so the log ends only with it.
    let verdict = appears("a verdict", || bench.verdict(&spec));
    assert!(
        told.elapsed() < Duration::from_secs(8),
        "{:?}",
        told.elapsed()
    );
    drop(interpreter);
    let (code, log) = worker.end();
    assert_eq!(code, Some(143), "{log}");
    match verdict {
        Verdict::Failed {
            category: Category::Lost,
            message,
            ..
        } => {
            assert!(message.contains("before its code began"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_killed_worker_leaves_no_process_and_the_next_start_finds_its_claim() {
    let bench = Bench::new();
    let spec = stubborn(&bench);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let worker = bench.start(&batch, 0);
    let processes = begun(&bench);
    // By then the worker knows of the process that it started.
    let status = appears("a sign of life", || bench.text(&spec, AttemptFile::Status));
    let status: WorkerStatus = serde_json::from_str(&status).expect("a status");
    assert_eq!(status.status, "running");
    assert!(status.started_at <= status.heartbeat);
    let claim = bench.text(&spec, AttemptFile::Claim);
    worker.signal(Signal::KILL);
    let (code, _) = worker.end();
    assert_eq!(code, None);
    processes.into_iter().for_each(gone);
    for file in ["own", "child"] {
        std::fs::remove_file(bench.path(file)).expect("written by the task");
    }
    let (code, log) = bench.start(&batch, 0).end();
    assert_eq!((code, log.as_str()), (Some(0), ""));
    assert_eq!(bench.text(&spec, AttemptFile::Claim), claim);
    assert_eq!(bench.verdict(&spec), None, "that is for the engine to say");
    assert!(!bench.path("own").exists(), "the task did not begin again");
    // What the killed worker left behind is removed by the next one that does something.
    let mut other = shell("true");
    other.id.attempt = 2;
    bench.run(&other);
    let left = std::fs::read_dir(bench.path("cache/attempts"))
        .expect("listed")
        .count();
    assert_eq!(left, 0);
}

#[test]
fn a_task_whose_attempt_has_its_verdict_already_is_ended_at_the_next_sign_of_life() {
    let bench = Bench::new();
    let mut spec = stubborn(&bench);
    spec.heartbeat = Millis::from_secs(1);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let worker = bench.start(&batch, 0);
    let processes = begun(&bench);
    let verdict = Verdict::Failed {
        category: Category::Timeout,
        message: "said by somebody else".to_owned(),
        log_tail: Vec::new(),
        exit_code: None,
    };
    bench.put(
        &spec.object(AttemptFile::Result),
        &ork_engine::encode_verdict(&verdict),
    );
    let (code, log) = worker.end();
    assert_eq!(code, Some(0), "{log}");
    processes.into_iter().for_each(gone);
    assert_eq!(bench.verdict(&spec), Some(verdict));
    assert_eq!(
        bench.text(&spec, AttemptFile::Log).as_deref(),
        Some("begun\n")
    );
}

#[test]
fn a_verdict_that_came_first_stands() {
    let bench = Bench::new();
    let go = bench.path("go");
    let own = bench.path("own");
    let spec = shell(&format!(
        "echo $$ > {}; until test -e {}; do sleep 0.01; done",
        own.display(),
        go.display()
    ));
    let batch = bench.batch(std::slice::from_ref(&spec));
    let worker = bench.start(&batch, 0);
    number_in(&own);
    let verdict = Verdict::Success {
        output: Output::Inline("\"first\"".into()),
    };
    bench.put(
        &spec.object(AttemptFile::Result),
        &ork_engine::encode_verdict(&verdict),
    );
    std::fs::write(go, "").expect("written");
    let (code, log) = worker.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(bench.verdict(&spec), Some(verdict));
}

const HANDED_OVER: &str =
    "{'deferred': [{'service_type': 'bigquery', 'project': 'p', 'job_id': 'j', 'location': 'EU'}]}";

/// What an attempt that was ended meanwhile has handed over to, as its worker says.
fn said_late(bench: &Bench, spec: &TaskSpec, log: &str) {
    let late = bench
        .text(spec, AttemptFile::Late)
        .unwrap_or_else(|| panic!("nobody hears of its job: {log}"));
    let Verdict::Deferred {
        jobs: Output::Inline(jobs),
        count: 1,
        ..
    } = ork_engine::decode_verdict(late.as_bytes())
    else {
        panic!("{late}");
    };
    assert!(jobs.contains(r#""job_id":"j""#), "{jobs}");
}

#[test]
fn what_a_task_hands_over_to_after_its_attempt_was_ended_is_named_in_an_object_of_its_own() {
    let ended = Verdict::Failed {
        category: Category::Timeout,
        message: "said by somebody else".to_owned(),
        log_tail: Vec::new(),
        exit_code: None,
    };
    // It comes to its end by itself, or is told to end and hands over then.
    for told in [false, true] {
        let bench = Bench::new();
        let (go, own) = (bench.path("go"), bench.path("own"));
        bench.file(
            "tasks.py",
            &format!(
                "import os, pathlib, signal, time\n\
                 def main():\n\
                 \x20   class Told(Exception): pass\n\
                 \x20   def on_term(*_): raise Told\n\
                 \x20   signal.signal(signal.SIGTERM, on_term)\n\
                 \x20   pathlib.Path({own:?}).write_text(str(os.getpid()) + '\\n')\n\
                 \x20   try:\n\
                 \x20       while not pathlib.Path({go:?}).exists(): time.sleep(0.01)\n\
                 \x20   except Told: pass\n\
                 \x20   return {HANDED_OVER}\n",
                own = own.display().to_string(),
                go = go.display().to_string(),
            ),
        );
        let mut spec = python("tasks.py", "main");
        spec.heartbeat = Millis::from_secs(if told { 1 } else { 30 });
        let batch = bench.batch(std::slice::from_ref(&spec));
        let worker = bench.start(&batch, 0);
        number_in(&own);
        bench.put(
            &spec.object(AttemptFile::Result),
            &ork_engine::encode_verdict(&ended),
        );
        if !told {
            std::fs::write(&go, "").expect("written");
        }
        let (code, log) = worker.end();
        assert_eq!(code, Some(0), "{log}");
        assert_eq!(bench.verdict(&spec).as_ref(), Some(&ended), "it stands");
        said_late(&bench, &spec, &log);
    }
}
