//! Starting runs: inputs, ids, places and the queue.

use ork_core::limits;
use ork_core::run::{Command, Event, RunStatus};
use ork_core::time::Millis;
use ork_engine::ports::Key;
use ork_engine::{EngineErrorKind, StartRun, WorkflowDocument};
use serde_json::json;

use crate::support::*;

const ONE: &str = "name: w\ntasks:\n  a: {x}\n";
const LIMITED: &str = "name: w\nmax_active_runs: 1\ntasks:\n  a: {x}\n";

fn standing(world: &World) -> WorkflowDocument {
    serde_json::from_slice(&world.document(Key::Workflow(name("w"))).unwrap().body).unwrap()
}

fn limited() -> World {
    let world = World::with(LIMITED);
    world.0.most_active.lock().unwrap().insert(name("w"), 1);
    world
}

#[test]
fn params_are_checked_before_anything_is_written() {
    let world = World::with(
        "name: w\nparams: {n: {type: int}, day: {type: str, default: \"d-{{ run.id }}\"}}\ntasks:\n  a: {x}\n",
    );
    let (engine, commits) = (world.engine(), world.commits());
    let big = "x".repeat(limits::PARAMS_BYTES);
    for (params, word) in [
        (json!({}), "`n`"),
        (json!({"n": "one"}), "param `n`"),
        (json!({"n": 1, "dya": "x"}), "did you mean `day`"),
        (json!({"n": 1, "day": big}), "65536"),
    ] {
        let wish = StartRun {
            params: params.as_object().unwrap().clone(),
            ..named("w", "r")
        };
        let error = world.run(engine.start(wish)).unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Refused);
        assert!(
            error.message.contains(word) && error.message.len() < 2000,
            "{error}"
        );
    }
    assert_eq!(world.commits(), commits);
    let wish = StartRun {
        params: json!({"n": 1}).as_object().unwrap().clone(),
        ..named("w", "r")
    };
    world.run(engine.start(wish)).unwrap();
    assert_eq!(
        json!(world.view(&run_id("r")).header.params),
        json!({"n": 1, "day": "d-r"})
    );
}

#[test]
fn an_id_given_twice_makes_one_run() {
    for yaml in [ONE, LIMITED] {
        let world = World::with(yaml);
        let first = world.run(world.engine().start(named("w", "r"))).unwrap();
        let before = world.document(Key::Run(run_id("r")));
        let second = world.run(world.engine().start(named("w", "r"))).unwrap();
        assert!(first.created && !second.created);
        assert_eq!(world.document(Key::Run(run_id("r"))), before);
        for n in 0.. {
            let (a, b) = (world.engine(), world.engine());
            let id = format!("r{n}");
            let (a, b, waited) =
                world.interleaved(n, a.start(named("w", &id)), b.start(named("w", &id)));
            assert_eq!((a.unwrap().id, b.unwrap().id), (run_id(&id), run_id(&id)));
            let known = standing(&world);
            assert!(
                known
                    .active
                    .iter()
                    .chain(&known.queued)
                    .filter(|run| **run == run_id(&id))
                    .count()
                    <= 1
            );
            if !waited {
                break;
            }
        }
        world.finish_by_wakes(&world.engine());
        world.assert_ran_once();
        assert!(
            world
                .all_runs()
                .iter()
                .all(|(_, run)| run.header.status == RunStatus::Success)
        );
        assert_eq!(world.0.ran.lock().unwrap().len(), world.all_runs().len());
    }
}

#[test]
fn every_fault_of_a_commit_leaves_one_run_or_none() {
    for yaml in [ONE, LIMITED] {
        for n in 1..=2 {
            for fault in [
                Fault::Conflict,
                Fault::AmbiguousApplied,
                Fault::AmbiguousLost,
                Fault::Unavailable,
                Fault::Refused,
            ] {
                let world = World::with(yaml);
                world.fault(n, fault);
                let engine = world.engine();
                let started = world.run(engine.start(StartRun::of(name("w"))));
                let comes_through = !matches!(fault, Fault::Unavailable | Fault::Refused)
                    || world.0.faults.lock().unwrap().len() == 1;
                assert_eq!(
                    started.is_ok(),
                    comes_through,
                    "{yaml} {n} {fault:?}: {started:?}"
                );
                assert!(
                    started.is_err() || started.is_ok_and(|started| started.created),
                    "{n} {fault:?}: whoever made it is told so"
                );
                world.0.faults.lock().unwrap().clear();
                world.finish_by_wakes(&world.engine());
                let runs = world.all_runs();
                assert!(
                    runs.len() <= 1 && (runs.len() == 1 || !comes_through),
                    "{n} {fault:?}: {}",
                    runs.len()
                );
                assert!(
                    runs.iter()
                        .all(|(_, run)| run.header.status == RunStatus::Success),
                    "{n} {fault:?}"
                );
                assert!(standing(&world).active.is_empty(), "{n} {fault:?}");
            }
        }
    }
}

#[test]
fn only_the_tasks_asked_for_and_what_they_need_run() {
    let world = World::with(
        "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b]}\n  d: {x, depends_on: [a]}\n",
    );
    let only = |task: &str| vec![ork_core::ids::TaskName::new(task).unwrap()];
    world
        .run(world.engine().start(StartRun {
            only: only("b"),
            ..named("w", "r")
        }))
        .unwrap();
    world.drive(&world.engine());
    let order = world.order();
    assert_eq!(
        order.iter().map(|task| task.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(
        (world.status("r").as_str(), world.task("r", "c").as_str()),
        ("success", "skipped")
    );
    let error = world
        .run(world.engine().start(StartRun {
            only: only("zz"),
            ..named("w", "s")
        }))
        .unwrap_err();
    assert!(error.message.contains("no task zz"), "{error}");
}

#[test]
fn runs_beyond_the_limit_wait_and_follow_in_order() {
    let world = limited();
    let engine = world.engine();
    for id in ["r1", "r2", "r3", "r4"] {
        let started = world.run(engine.start(named("w", id))).unwrap();
        assert_eq!(started.queued, id != "r1");
    }
    // A hint that came too early lets nobody in.
    world
        .run(engine.step(&run_id("r3"), vec![Event::Start], CLAIM))
        .unwrap();
    assert_eq!(world.status("r3"), RunStatus::Pending);
    // One that waits can be cancelled.
    let cancel = Command::Cancel {
        reason: "no".into(),
    };
    world
        .run(engine.step(&run_id("r2"), vec![Event::Command(cancel)], None))
        .unwrap();
    world.drive(&engine);
    let runs: Vec<String> = world
        .0
        .ran
        .lock()
        .unwrap()
        .iter()
        .map(|id| id.run.to_string())
        .collect();
    assert_eq!(runs, ["r1", "r3", "r4"]);
    assert!(standing(&world).active.is_empty() && standing(&world).queued.is_empty());
}

#[test]
fn the_next_run_gets_its_place_wherever_the_last_one_crashed() {
    let mut crashed = 0;
    for n in 1.. {
        let world = limited();
        let engine = world.engine();
        for id in ["r1", "r2"] {
            world.run(engine.start(named("w", id))).unwrap();
        }
        world
            .run(engine.step(&run_id("r1"), vec![], CLAIM))
            .unwrap();
        let said = world.work();
        let done = world.crashing(n, engine.step(&run_id("r1"), vec![said[0].1.clone()], None));
        let fresh = world.engine();
        world.finish_by_wakes(&fresh);
        assert_eq!(
            (world.status("r1").as_str(), world.status("r2").as_str()),
            ("success", "success"),
            "crash at {n}"
        );
        assert!(standing(&world).active.is_empty());
        if done.is_some() {
            break;
        }
        crashed += 1;
    }
    assert!(crashed >= 6);
}

#[test]
fn a_run_that_waits_for_its_place_survives_its_workflow() {
    let world = limited();
    let engine = world.engine();
    for id in ["r1", "r2", "r3"] {
        world.run(engine.start(named("w", id))).unwrap();
    }
    world.run(engine.delete_workflow(&name("w"))).unwrap();
    world.deploy(&format!("{LIMITED}  b: {{x}}\n"));
    world.pass(Millis::from_secs(61));
    world.finish_by_wakes(&world.engine());
    for id in ["r1", "r2", "r3"] {
        assert_eq!(world.status(id), RunStatus::Success, "{id}");
    }
}

#[test]
fn an_ended_run_may_not_take_a_place_that_is_not_free() {
    let world = limited();
    let engine = world.engine();
    world.script(|spec| {
        if spec.id.run.as_str() == "r1" && spec.id.attempt == 1 {
            Reply::fail(ork_core::run::Category::Permanent, "no")
        } else {
            Reply::output("1")
        }
    });
    world.run(engine.start(named("w", "r1"))).unwrap();
    world.drive(&engine);
    world.run(engine.start(named("w", "r2"))).unwrap();
    let before = world.document(Key::Run(run_id("r1")));
    let error = world
        .run(engine.step(&run_id("r1"), vec![Event::Command(Command::Retry)], None))
        .unwrap_err();
    assert!(
        error.kind == EngineErrorKind::Refused && error.message.contains("max_active_runs"),
        "{error}"
    );
    assert_eq!(world.document(Key::Run(run_id("r1"))), before);
    world.drive(&engine);
    world
        .run(engine.step(&run_id("r1"), vec![Event::Command(Command::Retry)], None))
        .unwrap();
    assert_eq!(standing(&world).active, [run_id("r1")]);
    world.drive(&engine);
    assert_eq!(world.status("r1"), RunStatus::Success);
}

#[test]
fn whoever_asks_again_after_a_crash_gets_the_run_going() {
    for yaml in [ONE, LIMITED] {
        let mut crashes = 0;
        for n in 1.. {
            let world = World::with(yaml);
            let whole = world
                .crashing(n, world.engine().start(named("w", "r")))
                .is_some();
            world.run(world.engine().start(named("w", "r"))).unwrap();
            assert_eq!(world.status("r"), RunStatus::Running, "crash at {n}");
            if whole {
                break;
            }
            crashes += 1;
        }
        assert!(crashes >= 8, "{crashes}");
    }
}

#[test]
fn nobody_overtakes_the_queue() {
    let world = limited();
    for id in ["r1", "r2"] {
        world.run(world.engine().start(named("w", id))).unwrap();
    }
    // A place came free and r2 has not heard of it yet.
    let free = WorkflowDocument {
        active: Vec::new(),
        ..standing(&world)
    };
    world.overwrite(
        &Key::Workflow(name("w")),
        &serde_json::to_vec(&free).unwrap(),
    );
    assert!(
        world
            .run(world.engine().start(named("w", "r3")))
            .unwrap()
            .queued
    );
    assert_eq!(standing(&world).queued, [run_id("r2"), run_id("r3")]);
}

#[test]
fn the_queue_has_a_bound() {
    let world = limited();
    let mut full = standing(&world);
    full.active = vec![run_id("x")];
    full.queued = (0..limits::QUEUED_RUNS)
        .map(|n| run_id(&format!("q{n}")))
        .collect();
    world.overwrite(
        &Key::Workflow(name("w")),
        &serde_json::to_vec(&full).unwrap(),
    );
    let error = world
        .run(world.engine().start(named("w", "r")))
        .unwrap_err();
    assert!(
        error.kind == EngineErrorKind::Refused
            && error.message.contains("5000 runs of w wait already"),
        "{error}"
    );
    assert!(world.document(Key::Run(run_id("r"))).is_none());
}
