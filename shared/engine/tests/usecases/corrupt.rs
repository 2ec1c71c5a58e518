//! What cannot be read isolates its run: the error names it, everybody else goes on.

use ork_core::ids::PoolName;
use ork_core::run::{Command, Event, RunState, RunStatus};
use ork_engine::EngineErrorKind;
use ork_engine::ports::Key;

use crate::support::*;

const YAML: &str = "name: w\ntasks:\n  a: {x, parallel: 300}\n  b: {x, depends_on: [a]}\n";

/// Two runs under way.
fn two() -> World {
    let world = World::with(YAML);
    for id in ["bad", "good"] {
        world.run(world.engine().start(named("w", id))).unwrap();
    }
    world
}

fn damage(world: &World, key: &Key, change: impl Fn(&mut Vec<u8>)) {
    let mut body = world.document(key.clone()).expect("it is stored").body;
    change(&mut body);
    world.overwrite(key, &body);
}

/// Lets the good run end while the bad one says why it does not.
fn check(world: &World, words: &[&str]) {
    let engine = world.engine();
    let bad = world.document(Key::Run(run_id("bad")));
    let mut reported = Vec::new();
    for _ in 0..200 {
        world.pass(ork_core::limits::ANNOUNCE_AGAIN);
        reported.extend(world.wake(&engine));
    }
    assert!(reported.len() > 10);
    for (run, error) in reported {
        assert_eq!(
            (run.as_str(), error.kind),
            ("bad", EngineErrorKind::Corrupt)
        );
        assert!(
            words.iter().all(|word| error.message.contains(word)),
            "{error}"
        );
    }
    assert_eq!(world.status("good"), RunStatus::Success);
    let cancel = Event::Command(Command::Cancel { reason: "x".into() });
    assert_eq!(
        world
            .run(engine.step(&run_id("bad"), vec![cancel], None))
            .unwrap_err()
            .kind,
        EngineErrorKind::Corrupt
    );
    assert_eq!(
        world.document(Key::Run(run_id("bad"))),
        bad,
        "it is left as it is"
    );
}

#[test]
fn a_damaged_header_stops_its_own_run_only() {
    let world = two();
    damage(&world, &Key::Run(run_id("bad")), |body| body.truncate(20));
    check(&world, &["run bad cannot be read"]);
}

#[test]
fn a_damaged_page_stops_its_own_run_only() {
    for how in ["cut", "gone"] {
        let world = two();
        let page = Key::Page(run_id("bad"), 1);
        if how == "cut" {
            damage(&world, &page, |body| body.truncate(9));
        } else {
            damage(&world, &page, |body| body.clear());
        }
        check(&world, &["run bad cannot be read"]);
    }
}

#[test]
fn a_run_that_a_newer_ork_wrote_is_left_alone() {
    let world = two();
    damage(&world, &Key::Run(run_id("bad")), |body| body[4] = 2);
    check(&world, &["run bad", "newer Ork (format 2"]);
    let world = two();
    damage(&world, &Key::Page(run_id("bad"), 1), |body| body[4] = 2);
    check(&world, &["run bad", "newer Ork (format 2"]);
}

#[test]
fn a_damaged_version_stops_the_runs_of_that_version_only() {
    let world = World::with(YAML);
    world.run(world.engine().start(named("w", "bad"))).unwrap();
    let old = world.view(&run_id("bad")).header.version;
    world.deploy(&format!("{YAML}  c: {{x}}\n"));
    world.run(world.engine().start(named("w", "good"))).unwrap();
    let key = Key::WorkflowVersion(name("w"), old.clone());
    damage(&world, &key, |body| body.truncate(10));
    check(&world, &[&format!("workflows/w/versions/{old}")]);
}

#[test]
fn a_damaged_pool_stops_who_needs_it_only() {
    let world = World::new();
    let pooled = "name: w\ntasks:\n  a: {x, pool: db}\n";
    world
        .run(
            world
                .engine()
                .deploy(&workflow(pooled), None, &pools(&[("db", 1)])),
        )
        .unwrap();
    world.run(world.engine().start(named("w", "bad"))).unwrap();
    world.deploy("name: v\ntasks:\n  a: {x}\n");
    world.run(world.engine().start(named("v", "good"))).unwrap();
    world.overwrite(&Key::Pool(PoolName::new("db").unwrap()), b"[]");
    check(&world, &["pool db cannot be read"]);
}

#[test]
fn unknown_fields_of_a_header_survive_every_commit() {
    let world = World::with("name: w\ntasks:\n  a: {x}\n");
    world.run(world.engine().start(named("w", "r"))).unwrap();
    let view = world.view(&run_id("r"));
    let mut state = view.state;
    state.header.extra.insert("colour".into(), "blue".into());
    world.overwrite(&Key::Run(run_id("r")), &state.encode().header);
    world.finish_by_wakes(&world.engine());
    let header =
        RunState::decode_header(&world.document(Key::Run(run_id("r"))).unwrap().body).unwrap();
    assert_eq!(
        (header.status, header.extra["colour"].as_str()),
        (RunStatus::Success, Some("blue"))
    );
}
