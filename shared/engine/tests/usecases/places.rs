//! Pools shared by runs, and the concurrency of a task. That no pool is ever overfull is checked at every commit.

use ork_core::ids::PoolName;
use ork_core::run::{Command, Event, InstanceStatus, RunStatus};
use ork_engine::PoolDocument;
use ork_engine::ports::Key;

use crate::support::*;

const POOLED: &str = "name: w\ntasks:\n  a: {x, parallel: 3, pool: db}\n  free: {x}\n";

fn pooled(size: u32) -> World {
    let world = World::new();
    world
        .run(
            world
                .engine()
                .deploy(&workflow(POOLED), None, &pools(&[("db", size)])),
        )
        .unwrap();
    world
}

fn pool(world: &World) -> PoolDocument {
    serde_json::from_slice(
        &world
            .document(Key::Pool(PoolName::new("db").unwrap()))
            .unwrap()
            .body,
    )
    .unwrap()
}

#[test]
fn runs_of_several_processes_share_a_pool() {
    let world = pooled(2);
    let (one, two) = (world.engine(), world.engine());
    for n in 0..6 {
        world.run(one.start(named("w", &format!("r{n}")))).unwrap();
    }
    for _ in 0..200 {
        if !world.deliver(&one) && !world.deliver(&two) {
            break;
        }
    }
    assert!(
        world
            .all_runs()
            .iter()
            .all(|(_, run)| run.header.status == RunStatus::Success)
    );
    assert_eq!(world.0.ran.lock().unwrap().len(), 24);
    assert!(pool(&world).held.is_empty() && pool(&world).waiting.is_empty());
}

#[test]
fn two_claims_at_once_never_overfill_a_pool() {
    for n in 0.. {
        let world = pooled(2);
        let (a, b) = (world.engine(), world.engine());
        for id in ["r1", "r2"] {
            world.run(a.start(named("w", id))).unwrap();
        }
        a.forget(&run_id("r2"));
        let (r1, r2) = (run_id("r1"), run_id("r2"));
        let (x, y, waited) =
            world.interleaved(n, a.step(&r1, vec![], CLAIM), b.step(&r2, vec![], CLAIM));
        x.unwrap();
        y.unwrap();
        assert_eq!(pool(&world).held.values().sum::<u32>(), 2);
        world.drive(&world.engine());
        assert!(
            ["r1", "r2"]
                .iter()
                .all(|id| world.status(id) == RunStatus::Success),
            "{n}"
        );
        if !waited {
            break;
        }
    }
}

#[test]
fn who_waits_is_told_when_a_place_comes_free() {
    let world = pooled(3);
    let engine = world.engine();
    for id in ["r1", "r2"] {
        world.run(engine.start(named("w", id))).unwrap();
        world.run(engine.step(&run_id(id), vec![], CLAIM)).unwrap();
    }
    assert_eq!(pool(&world).waiting, [run_id("r2")]);
    world.0.hints.lock().unwrap().clear();
    let said = world.work();
    let end = said
        .into_iter()
        .find(|(run, event)| {
            run.as_str() == "r1"
                && matches!(event, Event::Finished { attempt, .. } if attempt.task == 0)
        })
        .unwrap()
        .1;
    world
        .run(engine.step(&run_id("r1"), vec![end], CLAIM))
        .unwrap();
    let told: Vec<_> = world
        .0
        .hints
        .lock()
        .unwrap()
        .iter()
        .map(|hint| hint.run.clone())
        .collect();
    assert_eq!(told, [run_id("r2")]);
}

#[test]
fn a_free_place_is_told_to_one_run_and_a_spare_and_never_to_all_that_wait() {
    let world = pooled(3);
    let engine = world.engine();
    let ids: Vec<String> = (0..12).map(|n| format!("r{n:02}")).collect();
    for id in &ids {
        world.run(engine.start(named("w", id))).unwrap();
        world.run(engine.step(&run_id(id), vec![], CLAIM)).unwrap();
    }
    let waiting = |world: &World| -> Vec<String> {
        let runs = pool(world).waiting.into_iter();
        runs.map(|run| run.to_string()).collect()
    };
    assert_eq!(waiting(&world), ids[1..]);
    world.0.hints.lock().unwrap().clear();
    let mut ends = world.work();
    ends.retain(|(run, event)| {
        run.as_str() == "r00"
            && matches!(event, Event::Finished { attempt, .. } if attempt.task == 0)
    });
    let events = ends.into_iter().map(|(_, event)| event).take(1).collect();
    world
        .run(engine.step(&run_id("r00"), events, CLAIM))
        .unwrap();
    let told = |world: &World| -> Vec<String> {
        let hints = world.0.hints.lock().unwrap();
        hints.iter().map(|hint| hint.run.to_string()).collect()
    };
    assert_eq!(told(&world), ids[1..3], "one place, and a spare");
    // Those who were told and do not come are behind the others, and whoever looks in vain stays where it is.
    let behind = [&ids[3..], &ids[1..3]].concat();
    assert_eq!(waiting(&world), behind);
    world.drive(&engine);
    world.finish_by_wakes(&engine);
    for id in &ids {
        assert_eq!(world.status(id), RunStatus::Success, "{id}");
    }
    assert!(pool(&world).waiting.is_empty());
}

#[test]
fn a_cancelled_run_frees_its_places() {
    let world = pooled(3);
    let engine = world.engine();
    for id in ["r1", "r2"] {
        world.run(engine.start(named("w", id))).unwrap();
        world.run(engine.step(&run_id(id), vec![], CLAIM)).unwrap();
    }
    assert_eq!(pool(&world).held.get(&run_id("r1")), Some(&3));
    world.0.hints.lock().unwrap().clear();
    world
        .run(engine.step(
            &run_id("r1"),
            vec![Event::Command(Command::Cancel { reason: "x".into() })],
            None,
        ))
        .unwrap();
    assert!(pool(&world).held.is_empty());
    world.drive(&engine);
    assert_eq!(world.status("r2"), RunStatus::Success);
}

#[test]
fn the_places_of_a_run_that_is_no_more_come_free() {
    let world = pooled(3);
    let mut held = pool(&world);
    held.held.insert(run_id("gone"), 3);
    world.overwrite(
        &Key::Pool(PoolName::new("db").unwrap()),
        &serde_json::to_vec(&held).unwrap(),
    );
    world.run(world.engine().start(named("w", "r"))).unwrap();
    world.finish_by_wakes(&world.engine());
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn a_pool_nobody_sized_has_one_place() {
    let world = World::with(POOLED);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    assert_eq!(pool(&world).held.get(&run_id("r")), Some(&1));
    world.drive(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn concurrency_bounds_what_is_in_flight() {
    let world = World::with("name: w\ntasks:\n  a: {x, parallel: 10, concurrency: 3}\n");
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    let mut rounds = 0;
    while world.deliver(&engine) {
        let view = world.view(&run_id("r"));
        assert!(view.state.task(0).counts().in_flight() <= 3);
        rounds += 1;
    }
    assert_eq!(world.status("r"), RunStatus::Success);
    assert!(rounds >= 4);
}

#[test]
fn a_full_pool_costs_no_write_at_every_look() {
    let world = pooled(3);
    let engine = world.engine();
    for id in ["r1", "r2"] {
        world.run(engine.start(named("w", id))).unwrap();
        world.run(engine.step(&run_id(id), vec![], CLAIM)).unwrap();
    }
    let written = world.written();
    for _ in 0..5 {
        world
            .run(engine.step(&run_id("r2"), vec![], CLAIM))
            .unwrap();
    }
    assert_eq!(world.written(), written);
    assert_eq!(
        world
            .view(&run_id("r2"))
            .state
            .task(0)
            .counts()
            .of(InstanceStatus::Queued),
        3
    );
}
