//! Storing, enabling and removing workflows.

use std::collections::BTreeMap;

use ork_core::ids::PoolName;
use ork_core::time::Millis;
use ork_engine::ports::{Document, Index, Key, Precondition, Store, Write};
use ork_engine::{EngineErrorKind, PoolDocument, WorkflowDocument};

use crate::support::*;

const HOURLY: &str = "name: w\nschedule: \"0 * * * *\"\ntasks:\n  a: {x}\n";

fn standing(world: &World) -> (Document, WorkflowDocument) {
    let document = world
        .document(Key::Workflow(name("w")))
        .expect("it is stored");
    let read = serde_json::from_slice(&document.body).unwrap();
    (document, read)
}

#[test]
fn the_first_deployment_stores_version_standing_and_pools() {
    let world = World::new();
    let done = world
        .run(
            world
                .engine()
                .deploy(&workflow(HOURLY), Some("here".into()), &pools(&[("db", 3)])),
        )
        .unwrap();
    assert!(done.changed);
    assert_eq!(world.commits(), 1, "all in one commit");
    let (document, read) = standing(&world);
    assert_eq!(
        (
            read.current.clone(),
            read.source,
            read.enabled,
            read.cursors
        ),
        (
            done.version.clone(),
            Some("here".into()),
            true,
            vec![MONDAY]
        )
    );
    assert_eq!(
        document.index.wake_at,
        Some(MONDAY + Millis::from_secs(3600))
    );
    assert!(
        world
            .document(Key::WorkflowVersion(name("w"), done.version))
            .is_some()
    );
    let pool: PoolDocument = serde_json::from_slice(
        &world
            .document(Key::Pool(PoolName::new("db").unwrap()))
            .unwrap()
            .body,
    )
    .unwrap();
    assert_eq!(pool.size, 3);
}

#[test]
fn deploying_the_same_again_writes_nothing() {
    let world = World::with(HOURLY);
    let (before, written) = (standing(&world).0, world.written());
    world.pass(Millis::from_secs(1000));
    let again = world
        .run(
            world
                .engine()
                .deploy(&workflow(HOURLY), None, &BTreeMap::new()),
        )
        .unwrap();
    assert!(!again.changed);
    assert_eq!((world.written(), standing(&world).0), (written, before));
}

#[test]
fn an_unchanged_schedule_keeps_its_place_and_a_new_one_begins_now() {
    let world = World::with(HOURLY);
    world.pass(Millis::from_secs(5 * 3600 + 60));
    let next = "name: w\nschedule: [{cron: \"30 * * * *\"}, {cron: \"0 * * * *\"}]\ntasks:\n  a: {x}\n  b: {x}\n";
    assert!(
        world
            .run(
                world
                    .engine()
                    .deploy(&workflow(next), None, &BTreeMap::new())
            )
            .unwrap()
            .changed
    );
    let (document, read) = standing(&world);
    assert_eq!(read.cursors, [world.time(), MONDAY]);
    assert_eq!(
        document.index.wake_at,
        Some(MONDAY + Millis::from_secs(3600)),
        "the missed slot is due"
    );
}

#[test]
fn slots_that_pass_while_a_workflow_is_disabled_are_gone() {
    let world = World::with(&HOURLY.replace(
        "schedule: \"0 * * * *\"",
        "schedule: {cron: \"0 * * * *\", catchup: all}",
    ));
    let engine = world.engine();
    world.run(engine.enable(&name("w"), false)).unwrap();
    assert_eq!(standing(&world).0.index.wake_at, None);
    world.pass(Millis::from_secs(3 * 3600 + 60));
    assert!(world.run(engine.fire_due(10)).unwrap().is_empty());
    world.run(engine.enable(&name("w"), true)).unwrap();
    assert!(world.run(engine.fire_due(10)).unwrap().is_empty());
    world.pass(Millis::from_secs(3600));
    assert_eq!(world.run(engine.fire_due(10)).unwrap().len(), 1);
    let written = world.written();
    world.run(engine.enable(&name("w"), true)).unwrap();
    assert_eq!(world.written(), written, "it is enabled already");
}

#[test]
fn a_deleted_workflow_starts_no_more_runs_and_lets_the_others_end() {
    let world = World::with("name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n");
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.run(engine.delete_workflow(&name("w"))).unwrap();
    world.drive(&world.engine());
    assert_eq!(world.status("r").as_str(), "success");
    let refused = world.run(engine.start(named("w", "s"))).unwrap_err();
    assert_eq!(refused.kind, EngineErrorKind::NotFound);
    assert!(refused.message.contains('w'), "{refused}");
    assert_eq!(
        world
            .run(engine.delete_workflow(&name("w")))
            .unwrap_err()
            .kind,
        EngineErrorKind::NotFound
    );
}

#[test]
fn every_fault_of_a_commit_leaves_a_deployment_right() {
    for (fault, comes_through) in [
        (Fault::Conflict, true),
        (Fault::AmbiguousApplied, true),
        (Fault::AmbiguousLost, true),
        (Fault::Unavailable, false),
        (Fault::Refused, false),
    ] {
        let world = World::new();
        world.fault(1, fault);
        let first = world.run(
            world
                .engine()
                .deploy(&workflow(HOURLY), None, &BTreeMap::new()),
        );
        assert_eq!(
            first.as_ref().map(|done| done.changed).ok(),
            comes_through.then_some(true),
            "{fault:?}"
        );
        world.deploy(HOURLY);
        assert_eq!(standing(&world).1.cursors.len(), 1, "{fault:?}");
        world.fault(1, fault);
        assert_eq!(
            world.run(world.engine().enable(&name("w"), false)).is_ok(),
            comes_through,
            "{fault:?}"
        );
        world.fault(1, fault);
        assert_eq!(
            world
                .run(world.engine().delete_workflow(&name("w")))
                .is_ok(),
            comes_through,
            "{fault:?}"
        );
    }
}

#[test]
fn two_deployments_that_race_both_stand_in_some_order() {
    let (one, two) = (HOURLY.to_owned(), format!("{HOURLY}  b: {{x}}\n"));
    let mut waited_last = true;
    for n in 0.. {
        let world = World::new();
        let (a, b) = (world.engine(), world.engine());
        let (one, two) = (workflow(&one), workflow(&two));
        let none = BTreeMap::new();
        let (a, b, waited) =
            world.interleaved(n, a.deploy(&one, None, &none), b.deploy(&two, None, &none));
        let (a, b) = (a.unwrap(), b.unwrap());
        let current = standing(&world).1.current;
        assert!(current == a.version || current == b.version);
        for version in [a.version, b.version] {
            assert!(
                world
                    .document(Key::WorkflowVersion(name("w"), version))
                    .is_some()
            );
        }
        waited_last = waited;
        if !waited {
            break;
        }
    }
    assert!(!waited_last);
}

#[test]
fn unknown_fields_survive_a_rewrite_and_a_newer_format_is_left_alone() {
    let world = World::new();
    let (yaml, db) = (
        "name: w\nmax_active_runs: 2\ntasks:\n  a: {x, pool: db}\n",
        Key::Pool(PoolName::new("db").unwrap()),
    );
    world
        .run(
            world
                .engine()
                .deploy(&workflow(yaml), None, &pools(&[("db", 1)])),
        )
        .unwrap();
    let rewrite = |key: &Key, change: &dyn Fn(&mut serde_json::Value)| {
        let document = world.document(key.clone()).unwrap();
        let mut body: serde_json::Value = serde_json::from_slice(&document.body).unwrap();
        change(&mut body);
        let put = Write::Put {
            key: key.clone(),
            precondition: Precondition::At(document.version),
            body: serde_json::to_vec(&body).unwrap(),
            index: Index::default(),
        };
        world.run(world.store_port().commit(&[put])).unwrap();
    };
    let keys = [Key::Workflow(name("w")), db];
    for key in &keys {
        rewrite(key, &|body| body["colour"] = "blue".into());
    }
    world.run(world.engine().start(named("w", "r"))).unwrap();
    world.drive(&world.engine());
    world
        .run(world.engine().deploy(
            &workflow(&format!("{yaml}  b: {{x}}\n")),
            None,
            &pools(&[("db", 5)]),
        ))
        .unwrap();
    assert_eq!(world.status("r").as_str(), "success");
    for key in &keys {
        let body: serde_json::Value =
            serde_json::from_slice(&world.document(key.clone()).unwrap().body).unwrap();
        assert_eq!(body["colour"], "blue", "{key}");
        rewrite(key, &|body| body["format"] = 2.into());
        let before = world.document(key.clone());
        for error in [
            world
                .run(
                    world
                        .engine()
                        .deploy(&workflow(yaml), None, &pools(&[("db", 7)])),
                )
                .unwrap_err(),
            world
                .run(async {
                    world.engine().start(named("w", "s")).await?;
                    world.engine().step(&run_id("s"), vec![], CLAIM).await
                })
                .unwrap_err(),
        ] {
            assert_eq!(error.kind, EngineErrorKind::Corrupt, "{key}");
            assert!(error.message.contains("newer Ork (format 2"), "{error}");
        }
        assert_eq!(world.document(key.clone()), before, "{key}");
        rewrite(key, &|body| body["format"] = 1.into());
    }
}

#[test]
fn a_definition_too_large_for_its_document_is_there_whenever_a_document_names_it() {
    let mut large = workflow("name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n");
    large.description = Some("x".repeat(ork_core::limits::DEFINITION_BYTES + 1));
    let mut crashes = 0;
    for n in 1.. {
        let world = World::new();
        let done = world.crashing(n, world.engine().deploy(&large, None, &BTreeMap::new()));
        let engine = world.engine();
        if let Some(document) = world.document(Key::Workflow(name("w"))) {
            let standing: WorkflowDocument = serde_json::from_slice(&document.body).unwrap();
            let graph = world
                .run(engine.definition(&name("w"), &standing.current))
                .unwrap();
            assert_eq!(graph.workflow, large, "crash at {n}");
        }
        let again = world
            .run(engine.deploy(&large, None, &BTreeMap::new()))
            .unwrap();
        let version = world
            .document(Key::WorkflowVersion(name("w"), again.version))
            .unwrap();
        assert!(version.body.len() < 100);
        // A process that has never seen it reads it from there.
        world.run(world.engine().start(named("w", "r"))).unwrap();
        world.drive(&world.engine());
        assert_eq!(world.status("r").as_str(), "success");
        if done.is_some() {
            break;
        }
        crashes += 1;
    }
    assert!(crashes >= 5);
}
