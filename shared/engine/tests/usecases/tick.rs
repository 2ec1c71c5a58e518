//! The tick: the one that needs no message, and whom no single run can stop.

use std::future::Future;
use std::sync::atomic::Ordering::SeqCst;

use ork_core::ids::{PoolName, RunId};
use ork_core::limits;
use ork_core::run::RunStatus;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Function, Key, StartError, Store, Write};
use ork_engine::{DeadDocument, EngineErrorKind, Ticked};

use crate::support::*;

const CHAIN: &str = "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a], parallel: 2}\n  c: {x, depends_on: [b]}\n";
const ONE: &str = "name: w\ntasks:\n  a: {x}\n";

fn looked_at(ticked: &Ticked) -> Vec<&str> {
    ticked.runs.iter().map(|(run, _)| run.as_str()).collect()
}

fn dead(world: &World, run: &str) -> Option<DeadDocument> {
    let document = world.document(Key::Dead(format!("runs-{run}")))?;
    Some(serde_json::from_slice(&document.body).unwrap())
}

fn start(world: &World, workflow: &str, id: &str) {
    world
        .run(world.engine().start(named(workflow, id)))
        .unwrap();
}

#[test]
fn it_claims_by_itself_when_every_hint_is_lost() {
    let world = World::with(CHAIN);
    start(&world, "w", "r");
    let mut ticks = 0;
    while world.next_due().is_some() {
        // A process that is new at every tick knows nothing but what is stored.
        let ticked = world.ticks(&world.engine(), 1).remove(0);
        assert!(ticked.runs.iter().all(|(_, result)| result.is_ok()));
        ticks += 1;
        assert!(ticks < 50, "it never comes to its end");
    }
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(world.0.ran.lock().unwrap().len(), 4);
    world.assert_ran_once();
}

#[test]
fn it_claims_no_more_than_it_was_offered() {
    let world = World::with("name: w\ntasks:\n  a: {x, parallel: 5}\n");
    start(&world, "w", "r");
    world.pass(limits::ANNOUNCE_AGAIN);
    world.0.hints.lock().unwrap().clear();
    let offer = ork_engine::ClaimRequest { places: 2, ..OFFER };
    world.run(world.engine().tick(10, offer)).unwrap();
    assert_eq!(world.0.started.lock().unwrap().len(), 2);
    let hints = world.0.hints.lock().unwrap();
    let told: Vec<_> = hints
        .iter()
        .map(|hint| (hint.to, hint.run.as_str()))
        .collect();
    assert_eq!(
        told,
        [(Function::Dispatch, "r")],
        "dispatch goes on with the rest"
    );
}

#[test]
fn it_hands_nothing_on_when_nothing_is_left_or_nobody_can_start_it() {
    for (yaml, busy) in [(ONE, 0), ("name: w\ntasks:\n  a: {x, parallel: 5}\n", 2)] {
        let world = World::with(yaml);
        start(&world, "w", "r");
        world.pass(limits::ANNOUNCE_AGAIN);
        world.0.hints.lock().unwrap().clear();
        let full = (0..busy).map(|_| StartError::Busy("full".into()));
        world.0.start_answers.lock().unwrap().extend(full);
        let offer = ork_engine::ClaimRequest { places: 2, ..OFFER };
        world.run(world.engine().tick(10, offer)).unwrap();
        assert_eq!(world.0.hints.lock().unwrap().len(), 0, "{yaml}");
    }
}

#[test]
fn what_goes_wrong_with_one_run_does_not_stop_the_others() {
    let world = World::with(ONE);
    for id in ["r1", "r2", "r3", "r4"] {
        start(&world, "w", id);
    }
    world.overwrite(&Key::Run(run_id("r1")), b"garbage");
    world.overwrite(&Key::Run(run_id("r3")), b"");
    world.pass(limits::ANNOUNCE_AGAIN);
    let engine = world.engine();
    let ticked = world.tick(&engine, 10);
    assert_eq!(looked_at(&ticked), ["r1", "r2", "r3", "r4"]);
    for (run, result) in &ticked.runs {
        match result {
            Ok(stepped) => assert_eq!(stepped.commits.len(), 1, "{run}"),
            Err(error) => assert!(
                ["r1", "r3"].contains(&run.as_str()) && error.kind == EngineErrorKind::Corrupt,
                "{run}: {error}"
            ),
        }
    }
    world.ticks(&engine, 5);
    for id in ["r2", "r4"] {
        assert_eq!(world.status(id), RunStatus::Success, "{id}");
        assert_eq!(dead(&world, id), None, "{id}");
    }
}

#[test]
fn objects_that_are_down_set_no_run_aside() {
    let world = World::with(ONE);
    start(&world, "w", "r");
    world.script(|_| Reply::Never);
    let engine = world.engine();
    world.ticks(&engine, 1);
    world.0.objects_down.store(true, SeqCst);
    let ticked = world.ticks(&engine, 1).remove(0);
    let error = ticked.runs[0].1.as_ref().unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable);
    assert_eq!(dead(&world, "r"), None);
    world.0.objects_down.store(false, SeqCst);
    world.script(|_| Reply::output("1"));
    world.ticks(&engine, 10);
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn a_run_whose_version_is_missing_is_set_aside_too() {
    let world = World::with(ONE);
    start(&world, "w", "lost");
    let old = world.view(&run_id("lost")).header.version;
    world.deploy(&format!("{ONE}  b: {{x}}\n"));
    start(&world, "w", "well");
    let key = Key::WorkflowVersion(name("w"), old.clone());
    let version = world.document(key.clone()).unwrap().version;
    let delete = Write::Delete { key, version };
    world.run(world.store_port().commit(&[delete])).unwrap();
    let before = world.document(Key::Run(run_id("lost"))).unwrap();
    world.pass(limits::ANNOUNCE_AGAIN);
    let engine = world.engine();
    let ticked = world.tick(&engine, 10);
    let error = ticked.runs[0].1.as_ref().unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::NotFound);
    let aside = dead(&world, "lost").expect("it was written down");
    assert_eq!(
        (aside.key.as_str(), aside.since),
        ("runs/lost", world.time())
    );
    assert!(aside.why.contains(old.short()), "{}", aside.why);
    let after = world.document(Key::Run(run_id("lost"))).unwrap();
    assert_eq!(after.body, before.body);
    assert_eq!(after.index.wake_at, Some(world.time() + limits::WAKE_NET));
    assert_eq!(
        (
            after.index.status,
            after.index.workflow,
            after.index.created_at
        ),
        (
            before.index.status,
            before.index.workflow,
            before.index.created_at
        ),
        "it is found as before"
    );
    world.ticks(&engine, 5);
    assert_eq!(world.status("well"), RunStatus::Success);
    assert_eq!(dead(&world, "well"), None);
}

#[test]
fn what_was_set_aside_is_looked_at_every_hour_and_goes_on_once_it_is_mended() {
    let world = World::with(ONE);
    start(&world, "w", "r");
    let key = Key::Run(run_id("r"));
    let good = world.document(key.clone()).unwrap().body;
    world.overwrite(&key, &good[..good.len() / 2]);
    let engine = world.engine();
    world.ticks(&engine, 1);
    let since = world.time();
    let first = world.document(Key::Dead("runs-r".into())).unwrap();
    for hour in 1..4 {
        let ticked = world.ticks(&engine, 1);
        assert_eq!(world.time(), since + Millis(hour * limits::WAKE_NET.0));
        assert!(ticked[0].runs[0].1.is_err());
        let again = world.document(Key::Dead("runs-r".into())).unwrap();
        assert_eq!(again, first, "it says since when, and is not written again");
    }
    world.overwrite(&key, &good);
    world.ticks(&engine, 10);
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn a_damaged_pool_writes_nobody_down_and_lets_others_go_first() {
    let world = World::new();
    let pooled = workflow("name: w\ntasks:\n  a: {x, pool: db}\n");
    let engine = world.engine();
    world
        .run(engine.deploy(&pooled, None, &pools(&[("db", 1)])))
        .unwrap();
    start(&world, "w", "r");
    let pool = Key::Pool(PoolName::new("db").unwrap());
    let good = world.document(pool.clone()).unwrap().body;
    world.overwrite(&pool, b"[]");
    world.pass(limits::ANNOUNCE_AGAIN);
    let ticked = world.tick(&engine, 10);
    let error = ticked.runs[0].1.as_ref().unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Corrupt);
    assert_eq!(dead(&world, "r"), None);
    let hour = world.time() + limits::WAKE_NET;
    assert_eq!(world.wake_of(Key::Run(run_id("r"))), Some(hour));
    world.overwrite(&pool, &good);
    world.ticks(&world.engine(), 5);
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn a_run_that_is_removed_between_the_question_and_the_look_is_not_written_down() {
    let mut gone = 0;
    for n in 0.. {
        let world = World::with(ONE);
        start(&world, "w", "r");
        world.pass(limits::ANNOUNCE_AGAIN);
        let (engine, key) = (world.engine(), Key::Run(run_id("r")));
        let remove = async {
            let document = world.document(key.clone());
            let version = document.expect("nobody else removes it").version;
            let key = key.clone();
            let delete = [Write::Delete { key, version }];
            world.0.store.commit(&delete).await.unwrap();
        };
        let (ticked, (), waited) = world.interleaved(n, engine.tick(10, OFFER), remove);
        gone += u32::from(ticked.unwrap().runs.iter().any(|(_, result)| {
            result
                .as_ref()
                .is_err_and(|error| error.kind == EngineErrorKind::NotFound)
        }));
        assert_eq!(dead(&world, "r"), None, "{n}");
        if !waited {
            break;
        }
    }
    assert!(gone > 0);
}

#[test]
fn it_keeps_to_its_limit_and_takes_the_longest_due_first() {
    let world = World::with(ONE);
    // Not in the order of their names.
    let ids = ["r3", "r1", "r4", "r0", "r2"];
    for id in ids {
        start(&world, "w", id);
        world.pass(Millis(10));
    }
    let engine = world.engine();
    let first = world.wake_of(Key::Run(run_id("r3"))).unwrap();
    world.set_time(Time(first.0 - 1));
    assert!(looked_at(&world.tick(&engine, 2)).is_empty(), "none is due");
    world.pass(limits::ANNOUNCE_AGAIN);
    assert_eq!(looked_at(&world.tick(&engine, 2)), ids[..2]);
    assert_eq!(looked_at(&world.tick(&engine, 2)), ids[2..4]);
    assert_eq!(looked_at(&world.tick(&engine, 2)), ids[4..]);
    assert!(looked_at(&world.tick(&engine, 2)).is_empty());
    world.ticks(&engine, 10);
    assert!(ids.iter().all(|id| world.status(id) == RunStatus::Success));
}

#[test]
fn a_service_that_does_not_answer_delays_no_other_run() {
    let world = World::with(ONE);
    let ids = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"];
    // All but one of those that are looked at beside each other, and the first of them.
    let silent = ids[..7].to_vec();
    let quiet = silent.clone();
    world.script(move |spec| match quiet.contains(&spec.id.run.as_str()) {
        true => Reply::defer(&["silence"]),
        false => Reply::defer(&["x"]),
    });
    let engine = world.engine();
    for id in ids {
        start(&world, "w", id);
        world.drive(&engine);
        world.pass(Millis(10));
    }
    world.pass(limits::POLL_INTERVAL);
    let tick = world.engine();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    {
        let mut ticked = std::pin::pin!(tick.tick(10, OFFER));
        for _ in 0..100 {
            assert!(ticked.as_mut().poll(&mut context).is_pending());
        }
    }
    let asked = |world: &World| world.0.asked.lock().unwrap().len();
    assert_eq!(asked(&world), 3, "the others had their turn");
    // What is silent for ever is asked about again at the next tick; the others are not due.
    for id in &ids[7..] {
        assert!(world.wake_of(Key::Run(run_id(id))).unwrap() > world.time());
    }
    let now = world.time();
    for id in silent {
        assert!(world.wake_of(Key::Run(run_id(id))).unwrap() <= now);
    }
}

#[test]
fn damaged_runs_do_not_stand_before_others_for_ever() {
    let world = World::with(ONE);
    for n in 0..6 {
        start(&world, "w", &format!("bad{n}"));
        world.overwrite(&Key::Run(run_id(&format!("bad{n}"))), b"?");
    }
    start(&world, "w", "good");
    world.pass(limits::ANNOUNCE_AGAIN);
    let engine = world.engine();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let ticked = world.tick(&engine, 2);
        seen.extend(ticked.runs.into_iter().map(|(run, _)| run));
    }
    assert_eq!(seen.len(), 7, "each is looked at once: {seen:?}");
    assert_eq!(seen[6], RunId::new("good").unwrap());
}

#[test]
fn it_fires_what_is_due_and_a_store_that_refuses_that_keeps_no_run_back() {
    let world = World::with("name: w\nschedule: \"0 * * * *\"\ntasks:\n  a: {x}\n");
    world.deploy("name: v\ntasks:\n  a: {x}\n");
    start(&world, "v", "r");
    world.set_time(MONDAY + Millis::from_secs(3600));
    let slot = RunId::for_slot(&name("w"), world.time());
    let engine = world.engine();
    // The commit that would make the slot's run.
    world.fault(1, Fault::Unavailable);
    let ticked = world.tick(&engine, 10);
    let unfired = ticked.unfired.as_ref().expect("it says so");
    assert_eq!(unfired.kind, EngineErrorKind::Unavailable);
    assert_eq!(
        looked_at(&ticked),
        ["r"],
        "the run is looked at all the same"
    );
    assert!(ticked.runs[0].1.is_ok());
    let ticked = world.tick(&engine, 10);
    assert!(ticked.unfired.is_none());
    assert_eq!(ticked.fired.len(), 1);
    assert_eq!(ticked.fired[0].run, Ok(slot.clone()));
    world.ticks(&engine, 10);
    assert_eq!(world.view(&slot).header.status, RunStatus::Success);
    assert_eq!(world.status("r"), RunStatus::Success);
}
