//! The worker's side of an attempt, and the reaper that competes with it.

use std::sync::atomic::Ordering::SeqCst;

use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::run::{Category, Event, InstanceStatus, RunStatus};
use ork_core::task::{Output, TaskSpec, Verdict, WorkerStatus};
use ork_core::time::Millis;
use ork_engine::ports::{Key, ObjectError};
use ork_engine::{ClaimObject, Worker, decode_verdict, encode_verdict};

use crate::support::*;

const CLAIM_OF_A: &str = "runs/r/a/1/claim";
const RESULT_OF_A: &str = "runs/r/a/1/result.json";
const STATUS_OF_A: &str = "runs/r/a/1/status.json";

/// A run with one attempt that was handed over; nobody but the test works on it.
fn handed_over() -> (World, Process, TaskSpec) {
    let world = World::with("name: w\ntasks:\n  a: {x}\n");
    world.script(|_| Reply::Never);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    let spec = world.spec(0);
    (world, engine, spec)
}

/// The same, and the run knows that the worker `me` has begun.
fn begun() -> (World, Process, TaskSpec) {
    let (world, engine, spec) = handed_over();
    let worker = Worker::new(&world, &spec, "me".into());
    assert!(world.run(worker.begin(world.time())).unwrap());
    let names = [spec.object(AttemptFile::Claim)];
    world
        .run(engine.settle(&run_id("r"), &names, CLAIM))
        .unwrap();
    assert_eq!(world.task("r", "a"), InstanceStatus::Running);
    (world, engine, spec)
}

fn success(text: &str) -> Verdict {
    Verdict::Success {
        output: Output::Inline(text.into()),
    }
}

fn tick_now(world: &World, engine: &Process) {
    world
        .run(engine.step(&run_id("r"), vec![Event::Tick], CLAIM))
        .unwrap();
}

#[test]
fn of_many_starts_one_begins() {
    let (world, _, spec) = handed_over();
    let begins = |name: &str| {
        let worker = Worker::new(&world, &spec, name.into());
        world.run(worker.begin(world.time())).unwrap()
    };
    assert!(begins("one"));
    for name in ["two", "", "on", "one "] {
        assert!(!begins(name), "{name:?}");
    }
    // Its answer may have been lost, so it asks again.
    assert!(begins("one"));
    assert!(!begins("two"));
    let claim: ClaimObject =
        serde_json::from_slice(&world.object_bytes(CLAIM_OF_A).unwrap()).unwrap();
    assert_eq!(
        (claim.worker.as_str(), claim.sealed, claim.fence, claim.at),
        ("one", false, 1, Some(world.time()))
    );
    assert_eq!(world.writes_of(CLAIM_OF_A), 1);
}

#[test]
fn a_start_whose_answer_was_lost_begins_when_it_asks_again() {
    let mut lost = 0;
    for n in 1.. {
        let (world, _, spec) = handed_over();
        let one = Worker::new(&world, &spec, "one".into());
        let whole = world.crashing(n, one.begin(world.time())).is_some();
        let taken = world.object_bytes(CLAIM_OF_A).is_some();
        let two = Worker::new(&world, &spec, "two".into());
        assert_eq!(world.run(two.begin(world.time())).unwrap(), !taken, "{n}");
        assert_eq!(world.run(one.begin(world.time())).unwrap(), taken, "{n}");
        if whole {
            break;
        }
        lost += u32::from(taken);
    }
    assert!(lost > 0, "the claim stood although its answer was lost");
}

#[test]
fn of_two_that_begin_at_once_one_does() {
    for n in 0.. {
        let (world, _, spec) = handed_over();
        let one = Worker::new(&world, &spec, "one".into());
        let two = Worker::new(&world, &spec, "two".into());
        let at = world.time();
        let (a, b, waited) = world.interleaved(n, one.begin(at), two.begin(at));
        assert_ne!(a.unwrap(), b.unwrap(), "{n}");
        if !waited {
            break;
        }
    }
}

#[test]
fn nobody_begins_an_attempt_that_was_given_up() {
    let (world, _, spec) = handed_over();
    let seal = ClaimObject {
        format: 1,
        worker: String::new(),
        sealed: true,
        fence: 7,
        at: None,
    };
    world.put_object(CLAIM_OF_A, &seal.encode());
    for name in ["one", ""] {
        let worker = Worker::new(&world, &spec, name.into());
        assert!(
            !world.run(worker.begin(world.time())).unwrap(),
            "{name:?} is not let in"
        );
    }
    // What nobody can read was made by somebody.
    world.put_object(CLAIM_OF_A, b"{}");
    let worker = Worker::new(&world, &spec, "one".into());
    assert!(!world.run(worker.begin(world.time())).unwrap());
}

#[test]
fn a_worker_that_cannot_reach_the_objects_does_not_begin() {
    let (world, _, spec) = handed_over();
    let worker = Worker::new(&world, &spec, "one".into());
    world.0.objects_down.store(true, SeqCst);
    let down = |error| matches!(error, ObjectError::Unavailable(_));
    assert!(world.run(worker.begin(world.time())).is_err_and(down));
    assert!(
        world
            .run(worker.beat(world.time(), world.time()))
            .is_err_and(down)
    );
    assert!(world.run(worker.finish(&success("1"))).is_err_and(down));
    world.0.objects_down.store(false, SeqCst);
    assert!(world.run(worker.begin(world.time())).unwrap());
}

#[test]
fn a_beat_tells_that_it_is_alive_and_hears_when_the_attempt_is_over() {
    let (world, _, spec) = begun();
    let worker = Worker::new(&world, &spec, "me".into());
    let started = world.time();
    for _ in 0..3 {
        world.pass(limits::HEARTBEAT_INTERVAL);
        assert!(world.run(worker.beat(started, world.time())).unwrap());
        let status: WorkerStatus =
            serde_json::from_slice(&world.object_bytes(STATUS_OF_A).unwrap()).unwrap();
        assert_eq!(
            (status.status.as_str(), status.started_at, status.heartbeat),
            ("running", started, world.time())
        );
    }
    // Whatever stands in it, it is a verdict.
    world.put_object(RESULT_OF_A, b"{");
    for _ in 0..2 {
        assert!(!world.run(worker.beat(started, world.time())).unwrap());
    }
}

#[test]
fn a_verdict_is_given_once() {
    let (world, _, spec) = begun();
    let worker = Worker::new(&world, &spec, "me".into());
    assert!(world.run(worker.finish(&success("1"))).unwrap());
    let stands = world.object_bytes(RESULT_OF_A).unwrap();
    assert_eq!(decode_verdict(&stands), success("1"));
    // Its answer may have been lost, so it says the same again.
    assert!(world.run(worker.finish(&success("1"))).unwrap());
    // As long, longer, shorter, and of another kind.
    let failed = Verdict::Failed {
        category: Category::Unknown,
        message: "no".into(),
        log_tail: vec![],
        exit_code: Some(1),
    };
    for other in [success("2"), success("11"), success(""), failed] {
        assert!(!world.run(worker.finish(&other)).unwrap(), "{other:?}");
    }
    assert_eq!(world.object_bytes(RESULT_OF_A), Some(stands));
    assert_eq!(world.writes_of(RESULT_OF_A), 1);
}

#[test]
fn a_large_text_is_an_object_before_the_verdict_names_it() {
    let text = |bytes: usize| format!("[\"{}\"]", "x".repeat(bytes - 4));
    let deferred = |text: &str| Verdict::Deferred {
        jobs: Output::Inline(text.into()),
        count: 1,
        every: None,
    };
    let fits = text(limits::VERDICT_OUTPUT_BYTES);
    let large = text(limits::VERDICT_OUTPUT_BYTES + 1);
    for (verdict, text, moves) in [
        (success(&fits), &fits, false),
        (success(&large), &large, true),
        (deferred(&fits), &fits, false),
        (deferred(&large), &large, true),
    ] {
        let mut between = 0;
        for n in 1.. {
            let (world, _, spec) = begun();
            let worker = Worker::new(&world, &spec, "me".into());
            let whole = world.crashing(n, worker.finish(&verdict)).is_some();
            let kept = world.object_bytes("runs/r/a/1/output.json");
            let said = world.object_bytes(RESULT_OF_A);
            assert!(kept.as_ref().is_none_or(|kept| kept == text.as_bytes()));
            assert!(said.is_none() || kept.is_some() == moves, "{n}");
            between += u32::from(kept.is_some() && said.is_none());
            assert!(said.is_none() || world.writes_of(RESULT_OF_A) == 1);
            // Whoever died comes again, or another in its place.
            assert!(world.run(worker.finish(&verdict)).unwrap(), "{n}");
            let said = world.object_bytes(RESULT_OF_A).unwrap();
            let stays = Output::Object {
                bytes: text.len() as u64,
            };
            let wanted = match &verdict {
                Verdict::Deferred { count, .. } => Verdict::Deferred {
                    jobs: stays,
                    count: *count,
                    every: None,
                },
                _ => Verdict::Success { output: stays },
            };
            let wanted = encode_verdict(if moves { &wanted } else { &verdict });
            assert_eq!(said, wanted, "{n}");
            if whole {
                break;
            }
        }
        assert_eq!(between > 0, moves);
    }
}

#[test]
fn a_worker_that_comes_after_its_start_was_given_up_does_not_begin() {
    let (world, engine, spec) = handed_over();
    world.pass(limits::START_TIMEOUT);
    tick_now(&world, &engine);
    assert!(
        world.failure("r", "a").starts_with("lost: "),
        "{}",
        world.failure("r", "a")
    );
    let claim = world.object_bytes(CLAIM_OF_A).expect("it was sealed");
    assert!(ClaimObject::is_seal(&claim));
    let order = world.0.object_writes.lock().unwrap().clone();
    assert_eq!(
        order,
        [CLAIM_OF_A, RESULT_OF_A],
        "sealed before the verdict"
    );
    let worker = Worker::new(&world, &spec, "late".into());
    assert!(!world.run(worker.begin(world.time())).unwrap());
    assert!(!world.run(worker.finish(&success("1"))).unwrap());
}

#[test]
fn an_attempt_whose_reaper_died_half_way_is_begun_by_nobody_and_tried_again() {
    let mut sealed = 0;
    for n in 1.. {
        let (world, engine, spec) = handed_over();
        world.pass(limits::START_TIMEOUT);
        let run = run_id("r");
        let tick = engine.step(&run, vec![Event::Tick], CLAIM);
        let whole = world.crashing(n, tick).is_some();
        let taken = world.object_bytes(CLAIM_OF_A).is_some();
        let worker = Worker::new(&world, &spec, "late".into());
        assert_eq!(
            world.run(worker.begin(world.time())).unwrap(),
            !taken,
            "{n}"
        );
        if !taken {
            assert!(world.run(worker.finish(&success("1"))).unwrap(), "{n}");
        }
        world.script(|_| Reply::output("1"));
        world.0.inbox.lock().unwrap().clear();
        world.ticks(&world.engine(), 30);
        assert_eq!(world.status("r"), RunStatus::Success, "{n}");
        let attempts = world
            .view(&run_id("r"))
            .state
            .instance(0, 0)
            .unwrap()
            .attempt;
        assert_eq!(attempts, 1 + u32::from(taken), "{n}");
        if whole {
            break;
        }
        sealed += u32::from(taken);
    }
    assert!(sealed > 0, "it died behind the seal");
}

#[test]
fn a_worker_and_its_reaper_never_both_win() {
    let (mut began, mut lost) = (0, 0);
    for n in 0.. {
        let (world, engine, spec) = handed_over();
        world.pass(limits::START_TIMEOUT);
        let worker = Worker::new(&world, &spec, "me".into());
        let run = run_id("r");
        let tick = engine.step(&run, vec![Event::Tick], CLAIM);
        let (tick, begins, waited) = world.interleaved(n, tick, worker.begin(world.time()));
        tick.unwrap();
        if begins.unwrap() {
            began += 1;
            assert_eq!(world.task("r", "a"), InstanceStatus::Running, "{n}");
            assert_eq!(world.object_bytes(RESULT_OF_A), None, "{n}");
            assert!(world.run(worker.finish(&success("1"))).unwrap(), "{n}");
        } else {
            lost += 1;
            assert!(world.failure("r", "a").starts_with("lost: "), "{n}");
        }
        if !waited {
            break;
        }
    }
    assert!(began > 0 && lost > 0, "{began} began, {lost} were lost");
}

#[test]
fn a_worker_that_ends_while_it_is_declared_lost_and_its_reaper_agree_on_one_verdict() {
    let (mut heard, mut void) = (0, 0);
    for n in 0.. {
        let (world, engine, spec) = begun();
        world.pass(limits::HEARTBEAT_TIMEOUT);
        let worker = Worker::new(&world, &spec, "me".into());
        let (run, verdict) = (run_id("r"), success("5"));
        let tick = engine.step(&run, vec![Event::Tick], CLAIM);
        let (tick, stands, waited) = world.interleaved(n, tick, worker.finish(&verdict));
        tick.unwrap();
        let status = if stands.unwrap() {
            heard += 1;
            RunStatus::Success
        } else {
            void += 1;
            RunStatus::Failed
        };
        assert_eq!(world.status("r"), status, "{n}");
        assert_eq!(world.writes_of(RESULT_OF_A), 1, "{n}");
        if !waited {
            break;
        }
    }
    assert!(heard > 0 && void > 0, "{heard} were heard, {void} void");
}

#[test]
fn a_silent_worker_that_has_finished_gives_its_verdict() {
    for fresh in [true, false] {
        let (world, engine, spec) = begun();
        let worker = Worker::new(&world, &spec, "me".into());
        let began = world.time();
        if fresh {
            world.pass(Millis::from_secs(100));
            assert!(world.run(worker.beat(began, world.time())).unwrap());
        }
        assert!(world.run(worker.finish(&success("5"))).unwrap());
        // Nobody heard of it.
        world.set_time(began + limits::HEARTBEAT_TIMEOUT);
        tick_now(&world, &engine);
        assert_eq!(world.status("r"), RunStatus::Success, "fresh: {fresh}");
        assert_eq!(world.output("r", "a"), "5");
        assert!(world.0.stopped.lock().unwrap().is_empty());
    }
}

#[test]
fn a_worker_whose_status_is_fresh_is_alive_and_one_whose_status_is_not_is_lost() {
    let (world, engine, spec) = begun();
    let worker = Worker::new(&world, &spec, "me".into());
    let (begun, key) = (world.time(), Key::Run(run_id("r")));
    world.pass(Millis::from_secs(100));
    assert!(world.run(worker.beat(begun, world.time())).unwrap());
    let beat = world.time();
    world.set_time(begun + limits::HEARTBEAT_TIMEOUT);
    assert_eq!(world.wake_of(key), Some(world.time()));
    tick_now(&world, &engine);
    assert_eq!(world.task("r", "a"), InstanceStatus::Running);
    assert_eq!(world.object_bytes(RESULT_OF_A), None);
    let due = beat + limits::HEARTBEAT_TIMEOUT;
    let heartbeats_count_from = world.view(&run_id("r")).state;
    let state = &heartbeats_count_from.instance(0, 0).unwrap().state;
    assert_eq!(
        state.wake_at(),
        Some(due),
        "from the sign of life on, not from when it was looked at"
    );
    // From here on there is none.
    world.set_time(due);
    tick_now(&world, &engine);
    assert_eq!(world.status("r"), RunStatus::Failed);
    assert!(
        world
            .failure("r", "a")
            .starts_with("lost: its worker gave no sign of life"),
        "{}",
        world.failure("r", "a")
    );
    assert_eq!(world.0.stopped.lock().unwrap().len(), 1);
    assert!(!world.run(worker.beat(begun, world.time())).unwrap());
    assert!(!world.run(worker.finish(&success("1"))).unwrap());
}

#[test]
fn the_executor_hears_of_attempts_that_are_alive_and_of_no_others() {
    let told = |world: &World| world.0.told_alive.lock().unwrap().clone();
    let (world, engine, spec) = begun();
    let worker = Worker::new(&world, &spec, "me".into());
    let urls = spec.object(AttemptFile::Urls).to_string();
    for times in 1..4 {
        let state = world.view(&run_id("r")).state;
        let due = state.instance(0, 0).unwrap().state.wake_at().unwrap();
        world.set_time(due - Millis(1));
        assert!(world.run(worker.beat(world.time(), world.time())).unwrap());
        tick_now(&world, &engine);
        assert_eq!(told(&world).len(), times - 1, "nobody had to look");
        world.set_time(due);
        tick_now(&world, &engine);
        assert_eq!(told(&world), vec![urls.clone(); times]);
    }
    // Silent, it is lost, and said to be nothing else.
    world.pass(limits::HEARTBEAT_TIMEOUT);
    tick_now(&world, &engine);
    assert_eq!(world.status("r"), RunStatus::Failed);
    assert_eq!(told(&world).len(), 3);

    // Nor is one that turns out to be over.
    let (world, engine, spec) = begun();
    let worker = Worker::new(&world, &spec, "me".into());
    assert!(world.run(worker.beat(world.time(), world.time())).unwrap());
    assert!(world.run(worker.finish(&success("1"))).unwrap());
    world.pass(limits::HEARTBEAT_TIMEOUT);
    tick_now(&world, &engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(told(&world), [""; 0]);
}

#[test]
fn what_the_executor_cannot_run_at_all_fails_before_it_is_started() {
    let world = World::with("name: w\ntasks:\n  a: {x, retries: 3}\n");
    *world.0.refusal.lock().unwrap() = Some("too long for these workers".into());
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    assert_eq!(world.status("r"), RunStatus::Failed);
    let said = world.failure("r", "a");
    assert_eq!(said, "permanent: too long for these workers");
    assert!(world.0.started.lock().unwrap().is_empty());
}

fn cancel(world: &World, engine: &Process) {
    let reason = "somebody wants it".to_owned();
    let event = Event::Command(ork_core::run::Command::Cancel { reason });
    world
        .run(engine.step(&run_id("r"), vec![event], None))
        .unwrap();
}

#[test]
fn an_attempt_that_is_cancelled_before_its_worker_comes_is_begun_by_nobody() {
    let (world, engine, spec) = handed_over();
    cancel(&world, &engine);
    let worker = Worker::new(&world, &spec, "late".into());
    assert!(!world.run(worker.begin(world.time())).unwrap());
    assert!(ClaimObject::is_seal(
        &world.object_bytes(CLAIM_OF_A).unwrap()
    ));
}

#[test]
fn a_worker_whose_attempt_is_cancelled_hears_of_it_at_its_next_beat() {
    let (world, engine, spec) = begun();
    let worker = Worker::new(&world, &spec, "me".into());
    assert!(world.run(worker.beat(world.time(), world.time())).unwrap());
    cancel(&world, &engine);
    assert!(!world.run(worker.beat(world.time(), world.time())).unwrap());
    assert!(
        !world.run(worker.finish(&success("1"))).unwrap(),
        "what it gives is void"
    );
}
