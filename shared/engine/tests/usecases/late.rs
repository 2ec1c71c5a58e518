//! Workers that hand over to jobs after their attempts were ended.

use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::run::{Command, Event, InstanceStatus, RunStatus};
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_engine::{Worker, encode_verdict};

use crate::support::*;

const LATE_OF_A: &str = "runs/r/a/1/late.json";
const OUTPUT_OF_A: &str = "runs/r/a/1/output.json";

/// How an attempt is taken from its worker.
#[derive(Debug, Clone, Copy)]
enum Taken {
    Cancelled,
    TimedOut,
}

const WAYS: [Taken; 2] = [Taken::Cancelled, Taken::TimedOut];

/// A run whose one attempt has a worker that is at work, and has been taken from it.
fn taken(how: Taken) -> (World, Process, TaskSpec) {
    let world = World::with("name: w\ntasks:\n  a: {x, timeout: 60s, heartbeat_timeout: 1h}\n");
    world.script(|_| Reply::Never);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    let spec = world.spec(0);
    let worker = Worker::new(&world, &spec, "me".into());
    assert!(world.run(worker.begin(world.time())).unwrap());
    hear(&world, &engine, &spec, AttemptFile::Claim);
    match how {
        Taken::Cancelled => {
            let reason = "enough".to_owned();
            let cancel = Event::Command(Command::Cancel { reason });
            world
                .run(engine.step(&run_id("r"), vec![cancel], None))
                .unwrap();
        }
        Taken::TimedOut => {
            world.pass(spec.timeout);
            tick(&world, &engine);
        }
    }
    assert!(world.status("r").is_terminal(), "{how:?}");
    (world, engine, spec)
}

fn hear(world: &World, engine: &Process, spec: &TaskSpec, file: AttemptFile) {
    let names = [spec.object(file)];
    world
        .run(engine.settle(&run_id("r"), &names, CLAIM))
        .unwrap();
}

fn tick(world: &World, engine: &Process) {
    world
        .run(engine.step(&run_id("r"), vec![Event::Tick], CLAIM))
        .unwrap();
}

fn handing_over(jobs: &str) -> Verdict {
    Verdict::Deferred {
        jobs: Output::Inline(jobs.into()),
        count: 1,
        every: None,
    }
}

/// The worker hands over to jobs, and finds that it is too late.
fn hands_over(world: &World, spec: &TaskSpec, verdict: &Verdict) {
    let worker = Worker::new(world, spec, "me".into());
    assert!(!world.run(worker.finish(verdict)).unwrap());
}

fn stopped(world: &World) -> Vec<String> {
    let jobs = world.0.cancelled_jobs.lock().unwrap();
    jobs.iter()
        .map(|job| job["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn their_jobs_are_stopped_when_their_notice_comes() {
    for how in WAYS {
        let (world, engine, spec) = taken(how);
        hands_over(&world, &spec, &handing_over(r#"[{"id": "x"}]"#));
        assert_eq!(stopped(&world), [""; 0], "nobody has told of it");
        hear(&world, &engine, &spec, AttemptFile::Late);
        assert_eq!(stopped(&world), ["x"], "{how:?}");
        // It is told of again, to this process and to another.
        let commits = world.commits();
        hear(&world, &engine, &spec, AttemptFile::Late);
        hear(&world, &world.engine(), &spec, AttemptFile::Late);
        assert_eq!(world.commits(), commits, "{how:?}");
        assert_eq!(stopped(&world), ["x"], "{how:?}");
        world.finish_by_wakes(&engine);
        assert_eq!(world.next_due(), None);
    }
}

#[test]
fn their_jobs_are_found_when_the_notice_is_lost() {
    for how in WAYS {
        for looks in [1, 2] {
            let (world, engine, spec) = taken(how);
            let mut at = world.next_due().expect("it looks for them");
            assert_eq!(at, world.time() + limits::LATE_LOOK, "{how:?}");
            if looks == 2 {
                world.set_time(at);
                tick(&world, &engine);
                at = world.next_due().expect("it looks twice");
            }
            hands_over(&world, &spec, &handing_over(r#"[{"id": "x"}]"#));
            world.set_time(at);
            let (commits, reads) = (world.commits(), world.points());
            tick(&world, &engine);
            assert_eq!(stopped(&world), ["x"], "{how:?}, look {looks}");
            assert!(
                world.commits() - commits <= 3,
                "the look, what it found, and that it is over"
            );
            assert!(world.points() > reads);
            world.finish_by_wakes(&engine);
            assert_eq!(world.next_due(), None, "nobody looks on and on");
            assert_eq!(stopped(&world), ["x"], "{how:?}, look {looks}");
        }
    }
}

#[test]
fn nobody_who_says_nothing_costs_more_than_two_looks() {
    for how in WAYS {
        let (world, engine, _) = taken(how);
        let commits = world.commits();
        world.finish_by_wakes(&engine);
        assert_eq!(world.commits() - commits, 2, "{how:?}");
        assert_eq!(world.next_due(), None);
    }
}

#[test]
fn long_lists_are_read_where_they_are() {
    let list = |bytes: usize| format!(r#"[{{"id": "x", "y": "{}"}}]"#, "y".repeat(bytes));
    for (bytes, moved) in [
        (limits::INLINE_OUTPUT_BYTES, false),
        (limits::VERDICT_OUTPUT_BYTES, true),
    ] {
        let (world, engine, spec) = taken(Taken::TimedOut);
        hands_over(&world, &spec, &handing_over(&list(bytes)));
        assert_eq!(world.object_bytes(OUTPUT_OF_A).is_some(), moved);
        hear(&world, &engine, &spec, AttemptFile::Late);
        assert_eq!(stopped(&world), ["x"], "{bytes}");
    }
}

#[test]
fn a_worker_that_dies_on_its_way_or_comes_twice_says_it_once() {
    let verdict = handing_over(r#"[{"id": "x"}]"#);
    let mut said = 0;
    for n in 1.. {
        let (world, _, spec) = taken(Taken::Cancelled);
        let worker = Worker::new(&world, &spec, "me".into());
        let whole = world.crashing(n, worker.finish(&verdict)).is_some();
        said += u32::from(world.object_bytes(LATE_OF_A).is_some());
        hands_over(&world, &spec, &verdict);
        assert_eq!(
            world.object_bytes(LATE_OF_A).unwrap(),
            encode_verdict(&verdict)
        );
        assert_eq!(world.writes_of(LATE_OF_A), 1, "{n}");
        if whole {
            break;
        }
    }
    assert!(said > 1, "it died after it had said so, too");
}

#[test]
fn only_jobs_are_worth_an_object_that_comes_too_late() {
    let (world, engine, spec) = taken(Taken::TimedOut);
    let success = Verdict::Success {
        output: Output::Inline("1".into()),
    };
    hands_over(&world, &spec, &success);
    assert_eq!(world.object_bytes(LATE_OF_A), None);
    // Somebody else's, or damaged: it says nothing, and does no harm.
    for bytes in [
        &b"{"[..],
        br#"{"outcome":"success","output":{"inline":"1"}}"#,
    ] {
        world.put_object(LATE_OF_A, bytes);
        let commits = world.commits();
        hear(&world, &engine, &spec, AttemptFile::Late);
        assert_eq!(world.commits(), commits);
    }
    assert_eq!(world.status("r"), RunStatus::Failed);
}

#[test]
fn what_is_said_while_the_verdict_that_stands_is_not_known_is_heard_too() {
    let (world, engine, spec) = {
        let world = World::with("name: w\ntasks:\n  a: {x, retries: {max: 1, delay: 0s}}\n");
        world.script(|_| Reply::Never);
        let engine = world.engine();
        world.run(engine.start(named("w", "r"))).unwrap();
        world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
        let spec = world.spec(0);
        (world, engine, spec)
    };
    let worker = Worker::new(&world, &spec, "me".into());
    assert!(world.run(worker.begin(world.time())).unwrap());
    hear(&world, &engine, &spec, AttemptFile::Claim);
    // The reaper has written, and died before it could say so.
    let lost = Verdict::Failed {
        category: ork_core::run::Category::Lost,
        message: "gone".into(),
        log_tail: Vec::new(),
        exit_code: None,
    };
    world.put_object("runs/r/a/1/result.json", &encode_verdict(&lost));
    hands_over(&world, &spec, &handing_over(r#"[{"id": "x"}]"#));
    hear(&world, &engine, &spec, AttemptFile::Late);
    assert_eq!(stopped(&world), ["x"]);
    assert_eq!(world.task("r", "a"), InstanceStatus::Running);
    hear(&world, &engine, &spec, AttemptFile::Result);
    assert_eq!(world.task("r", "a"), InstanceStatus::Dispatched, "again");
}
