//! With every message lost, and with a process dying at any call, time alone finishes every run.

use std::collections::BTreeMap;

use ork_core::run::{Category, Command, Event, RunStatus};
use ork_core::task::TaskSpec;
use ork_core::time::Millis;
use ork_engine::ports::{JobStatus, Key};

use crate::support::*;

struct Case {
    name: &'static str,
    yaml: &'static str,
    script: fn(&TaskSpec) -> Reply,
}

fn ones(_: &TaskSpec) -> Reply {
    Reply::output("{\"v\": 1}")
}

fn flaky(spec: &TaskSpec) -> Reply {
    if spec.task_name.as_str() == "b" && spec.id.attempt == 1 && spec.id.index == 0 {
        Reply::fail(Category::Transient, "once")
    } else {
        Reply::output("[1, 2, 3]")
    }
}

fn failing(spec: &TaskSpec) -> Reply {
    if spec.task_name.as_str() == "b" {
        Reply::fail(Category::Permanent, "no")
    } else {
        Reply::output("1")
    }
}

fn deferring(spec: &TaskSpec) -> Reply {
    if spec.task_name.as_str() == "a" {
        Reply::defer(&["x", "y"])
    } else {
        Reply::output("1")
    }
}

const CHILD: &str = "name: child\nparams: {n: {type: int, default: 1}}\ntasks:\n  inner: {x, input: {n: \"{{ params.n }}\"}}\n";

const CASES: &[Case] = &[
    Case {
        name: "chain",
        yaml: "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b], input: {v: \"{{ tasks.a.output.v }}\"}}\n",
        script: ones,
    },
    Case {
        name: "failure",
        yaml: "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b]}\n  d: {x, depends_on: [b], trigger: one_failed}\n",
        script: failing,
    },
    Case {
        name: "fan-out with a retry",
        yaml: "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a], foreach: a, concurrency: 2, retries: {max: 1, delay: 3s}}\n  c: {x, depends_on: [b]}\n",
        script: flaky,
    },
    Case {
        name: "sub-workflow",
        yaml: "name: w\ntasks:\n  a: {x}\n  sub: {run_as: {workflow: child}, depends_on: [a], input: {n: 4}}\n  c: {x, depends_on: [sub]}\n",
        script: ones,
    },
    Case {
        name: "deferral",
        yaml: "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n",
        script: deferring,
    },
    Case {
        name: "places",
        yaml: "name: w\nmax_active_runs: 1\ntasks:\n  a: {x, parallel: 2, pool: db}\n  b: {x, depends_on: [a]}\n",
        script: ones,
    },
];

fn world(case: &Case) -> World {
    let world = World::new();
    let engine = world.engine();
    for yaml in [CHILD, case.yaml] {
        world
            .run(engine.deploy(&workflow(yaml), None, &BTreeMap::new()))
            .unwrap();
    }
    world.script(case.script);
    let mut tracker = world.0.tracker.lock().unwrap();
    for job in ["x", "y"] {
        tracker.entry(job.into()).or_default().extend(
            (0..1)
                .map(|_| Ok(JobStatus::Running))
                .chain((0..9).map(|_| Ok(JobStatus::Succeeded))),
        );
    }
    drop(tracker);
    world
}

/// What comes of a case when nothing goes wrong.
fn undisturbed(case: &Case) -> Vec<String> {
    let world = world(case);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.drive(&engine);
    world.finish_by_wakes(&engine);
    world.outcome()
}

#[test]
fn without_any_message_time_alone_finishes_every_run() {
    for case in CASES {
        let world = world(case);
        world.run(world.engine().start(named("w", "r"))).unwrap();
        // A process that remembers, and one that is new at every look.
        world.finish_by_wakes(&world.engine());
        assert_eq!(world.outcome(), undisturbed(case), "{}", case.name);
        world.assert_ran_once();
    }
}

#[test]
fn a_process_that_dies_anywhere_is_made_good_by_time_alone() {
    for case in CASES {
        let expected = undisturbed(case);
        let mut deaths = 0;
        for n in 1.. {
            let world = world(case);
            let died = world.start_and_die(&named("w", "r"), n);
            let fresh = world.engine();
            if world.document(Key::Run(run_id("r"))).is_none() {
                // Whoever asked for the run got no answer, and asks again.
                world.run(fresh.start(named("w", "r"))).unwrap();
            }
            world.finish_by_wakes(&fresh);
            assert_eq!(world.outcome(), expected, "{}: died at {n}", case.name);
            world.assert_ran_once();
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 20, "{}: {deaths}", case.name);
    }
}

#[test]
fn no_commit_that_fails_or_whose_answer_is_lost_changes_what_comes_of_a_run() {
    for case in CASES {
        let expected = undisturbed(case);
        for fault in [
            Fault::Conflict,
            Fault::AmbiguousApplied,
            Fault::AmbiguousLost,
        ] {
            for n in 1.. {
                let world = world(case);
                world.fault(n, fault);
                let engine = world.engine();
                world.run(engine.start(named("w", "r"))).unwrap();
                world.drive(&engine);
                world.finish_by_wakes(&engine);
                assert_eq!(world.outcome(), expected, "{}: {fault:?} at {n}", case.name);
                world.assert_ran_once();
                if !world.0.faults.lock().unwrap().is_empty() {
                    assert!(n > 4, "{}: it has commits", case.name);
                    break;
                }
            }
        }
    }
}

#[test]
fn a_worker_that_dies_or_never_begins_is_found_out() {
    for (first, category) in [(Reply::Dies, "lost"), (Reply::Never, "lost")] {
        let world = World::with("name: w\ntasks:\n  a: {x, retries: {max: 1, delay: 0s}}\n");
        let reply = first.clone();
        world.script(move |spec| {
            if spec.id.attempt == 1 {
                reply.clone()
            } else {
                Reply::output("1")
            }
        });
        world.run(world.engine().start(named("w", "r"))).unwrap();
        world.finish_by_wakes(&world.engine());
        assert_eq!(world.status("r"), RunStatus::Success, "{first:?}");
        assert!(
            world.failure("r", "a").starts_with(category),
            "{}",
            world.failure("r", "a")
        );
        assert!(
            world
                .0
                .stopped
                .lock()
                .unwrap()
                .iter()
                .any(|id| id.attempt == 1)
        );
    }
}

#[test]
fn a_reaper_takes_the_verdict_of_a_worker_that_was_first() {
    let bad = br#"{"outcome":"success","output":{"inline":"1,2"}}"#.to_vec();
    let huge = vec![b' '; 4 * ork_core::limits::VERDICT_OUTPUT_BYTES + 1];
    for (reply, status, words) in [
        (Reply::output("7"), RunStatus::Success, ""),
        (
            Reply::fail(Category::Oom, "too much"),
            RunStatus::Failed,
            "oom: too much",
        ),
        (
            Reply::Raw(b"{".to_vec()),
            RunStatus::Failed,
            "unknown: bad verdict object",
        ),
        (Reply::Raw(bad), RunStatus::Failed, "not JSON"),
        (
            Reply::Raw(huge),
            RunStatus::Failed,
            "more than the 262144 allowed",
        ),
    ] {
        let world = World::with("name: w\ntasks:\n  a: {x}\n");
        let given = reply.clone();
        world.script(move |_| given.clone());
        world.run(world.engine().start(named("w", "r"))).unwrap();
        // No notification of the verdict arrives.
        world.finish_by_wakes(&world.engine());
        assert_eq!(world.status("r"), status, "{reply:?}");
        assert!(
            world.failure("r", "a").contains(words),
            "{}",
            world.failure("r", "a")
        );
        if words.is_empty() {
            assert_eq!(world.output("r", "a"), "7");
        }
    }
}

#[test]
fn a_run_that_is_looked_at_in_vain_does_not_stay_due() {
    let world = World::with("name: w\ntasks:\n  a: {x}\n  b: {x}\n");
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world
        .run(engine.step(&run_id("r"), vec![Event::Command(Command::Pause)], None))
        .unwrap();
    for _ in 0..5 {
        let at = world.next_due().expect("it has not ended");
        world.set_time(at);
        assert!(world.wake(&engine).is_empty());
        assert!(world.next_due().unwrap() > at, "it moves back in the queue");
    }
    world.pass(Millis::from_secs(1));
    world
        .run(engine.step(&run_id("r"), vec![Event::Command(Command::Resume)], None))
        .unwrap();
    world.finish_by_wakes(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn a_retry_that_is_due_before_the_next_tick_asks_for_a_wake_and_asks_once() {
    let world = World::with(
        "name: w\ntasks:\n  a: {x, retries: {max: 3, delay: 20s}}\n  b: {x, retries: {max: 3, delay: 2m}}\n  c: {x}\n",
    );
    world.script(|_| Reply::fail(Category::Transient, "once"));
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    let failed = |task: &str| format!("runs/r/{task}/1/result.json");
    let verdict = ork_engine::encode_verdict(&ork_core::task::Verdict::Failed {
        category: Category::Transient,
        message: "once".into(),
        log_tail: vec![],
        exit_code: None,
    });
    let wakes = || std::mem::take(&mut *world.0.wakes.lock().unwrap());
    assert_eq!(wakes(), [], "attempts at work are looked after by the tick");
    let settle = |task: &str| {
        world.put_object(&failed(task), &verdict);
        let name = ork_core::names::ObjectName::parse(&failed(task)).unwrap();
        world
            .run(engine.settle(&run_id("r"), &[name], None))
            .unwrap();
    };
    settle("b");
    assert_eq!(wakes(), [], "two minutes are left to the tick");
    settle("a");
    let due = world.time() + Millis::from_secs(20);
    assert_eq!(wakes(), [(run_id("r"), due)]);
    settle("c");
    assert_eq!(wakes(), [], "it has been asked for");
}
