//! Firing schedules: each slot its run, once, whatever dies on the way.

use std::collections::BTreeMap;

use ork_core::ids::RunId;
use ork_core::run::RunStatus;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Index, Key, Precondition, Store, Write};
use ork_engine::{EngineErrorKind, Fired, WorkflowDocument};

use crate::support::*;

fn hourly(more: &str, tasks: &str) -> String {
    format!("name: w\nschedule: {{cron: \"0 * * * *\", {more}}}\ntasks:\n{tasks}\n")
}

fn slot(hour: i64) -> Time {
    Time(MONDAY.0 + hour * 3_600_000)
}

fn id(hour: i64) -> RunId {
    RunId::for_slot(&name("w"), slot(hour))
}

fn ids(world: &World) -> Vec<RunId> {
    let mut ids: Vec<RunId> = world
        .all_runs()
        .into_iter()
        .map(|(_, run)| run.header.id)
        .collect();
    ids.sort();
    ids
}

fn made(fired: &[Fired]) -> Vec<&RunId> {
    fired
        .iter()
        .filter_map(|fired| fired.run.as_ref().ok())
        .collect()
}

#[test]
fn missed_slots_are_caught_up_as_the_schedule_says() {
    for (catchup, late, slots) in [
        ("none", 60, vec![3]),
        ("none", 600, vec![]),
        ("latest", 600, vec![3]),
        ("all", 600, vec![1, 2, 3]),
    ] {
        let world = World::with(&hourly(&format!("catchup: {catchup}"), "  a: {x}"));
        let engine = world.engine();
        world.set_time(slot(3) + Millis::from_secs(late));
        let fired = world.run(engine.fire_due(10)).unwrap();
        let wanted: Vec<RunId> = slots.iter().map(|&hour| id(hour)).collect();
        assert_eq!(made(&fired), wanted.iter().collect::<Vec<_>>(), "{catchup}");
        assert_eq!(ids(&world), wanted);
        for run in &wanted {
            let header = world.view(run).header;
            assert_eq!(
                header.slot.compact(),
                run.as_str()[3..],
                "the run knows its slot"
            );
            assert_eq!(header.status, RunStatus::Running);
        }
        assert!(
            world.run(engine.fire_due(10)).unwrap().is_empty(),
            "{catchup}: a second tick finds nothing"
        );
        assert!(
            world
                .run(world.0.store.due_workflows(world.time(), 10))
                .unwrap()
                .is_empty()
        );
        world.set_time(slot(4));
        assert_eq!(
            made(&world.run(world.engine().fire_due(10)).unwrap()),
            [&id(4)]
        );
    }
}

#[test]
fn ticks_that_overlap_make_each_run_once_wherever_they_meet() {
    for overlap in ["allow", "skip", "queue", "cancel"] {
        for n in 0.. {
            let world = World::with(&hourly(
                &format!("catchup: all, overlap: {overlap}"),
                "  a: {x}",
            ));
            world.set_time(slot(2) + Millis(1));
            let (a, b) = (world.engine(), world.engine());
            let (a, b, waited) = world.interleaved(n, a.fire_due(10), b.fire_due(10));
            let (a, b) = (a.unwrap(), b.unwrap());
            let wanted = if overlap == "skip" {
                vec![id(1)]
            } else {
                vec![id(1), id(2)]
            };
            assert_eq!(ids(&world), wanted, "{overlap} at {n}: {a:?} {b:?}");
            let statuses: Vec<&str> = wanted
                .iter()
                .map(|run| world.view(run).header.status.as_str())
                .collect();
            let expected: &[&str] = match overlap {
                "allow" => &["running", "running"],
                "skip" => &["running"],
                "queue" => &["running", "pending"],
                _ => &["cancelled", "running"],
            };
            assert_eq!(statuses, expected, "{overlap} at {n}");
            assert!(
                world.run(world.engine().fire_due(10)).unwrap().is_empty(),
                "{overlap} at {n}"
            );
            world.finish_by_wakes(&world.engine());
            let last = world.view(wanted.last().unwrap()).header.status;
            assert_eq!(last, RunStatus::Success, "{overlap} at {n}");
            if !waited {
                break;
            }
        }
    }
}

#[test]
fn a_tick_that_crashes_anywhere_is_made_good_by_the_next() {
    for overlap in ["allow", "skip", "queue", "cancel"] {
        let mut crashes = 0;
        for n in 1.. {
            let world = World::with(&hourly(
                &format!("catchup: all, overlap: {overlap}"),
                "  a: {x}",
            ));
            world.set_time(slot(3));
            let whole = world.crashing(n, world.engine().fire_due(10)).is_some();
            world.run(world.engine().fire_due(10)).unwrap();
            let wanted = if overlap == "skip" {
                vec![id(1)]
            } else {
                vec![id(1), id(2), id(3)]
            };
            assert_eq!(ids(&world), wanted, "{overlap}: crash at {n}");
            assert!(world.run(world.engine().fire_due(10)).unwrap().is_empty());
            world.finish_by_wakes(&world.engine());
            world.assert_ran_once();
            let ran: Vec<_> = world
                .0
                .ran
                .lock()
                .unwrap()
                .iter()
                .map(|id| id.run.clone())
                .collect();
            assert_eq!(
                ran.last(),
                wanted.last(),
                "{overlap}: crash at {n}: the last slot's run comes last"
            );
            if whole {
                break;
            }
            crashes += 1;
        }
        assert!(crashes > 10, "{overlap}: {crashes}");
    }
}

#[test]
fn a_slot_meets_the_runs_that_are_active_as_the_overlap_says() {
    for (overlap, one, two) in [
        ("allow", "running", Some("running")),
        ("skip", "running", None),
        ("queue", "running", Some("pending")),
        ("cancel", "cancelled", Some("running")),
    ] {
        let world = World::with(&hourly(&format!("overlap: {overlap}"), "  a: {x}"));
        let engine = world.engine();
        let mut reported = Vec::new();
        for hour in [1, 2] {
            world.set_time(slot(hour));
            reported = world.run(engine.fire_due(10)).unwrap();
        }
        assert_eq!(world.view(&id(1)).header.status.as_str(), one, "{overlap}");
        let second = world
            .run(engine.find_run(&id(2)))
            .unwrap()
            .map(|view| view.header.status.as_str());
        assert_eq!(second, two, "{overlap}");
        assert_eq!(reported.len(), 1);
        match &reported[0].run {
            Ok(run) => assert_eq!(run, &id(2)),
            Err(why) => assert_eq!(why, "1 run is active and `overlap` is `skip`"),
        }
        world.drive(&engine);
        assert!(
            world
                .all_runs()
                .iter()
                .all(|(_, run)| run.header.status.is_terminal()),
            "{overlap}"
        );
    }
}

#[test]
fn one_of_two_schedules_may_be_disabled() {
    let world = World::with(
        "name: w\nschedule: [{cron: \"0 * * * *\", enabled: false}, {cron: \"30 * * * *\", catchup: all}]\ntasks:\n  a: {x}\n",
    );
    world.set_time(slot(2));
    let fired = world.run(world.engine().fire_due(10)).unwrap();
    assert_eq!(
        fired.iter().map(|fired| fired.slot).collect::<Vec<_>>(),
        [Time(slot(0).0 + 1_800_000), Time(slot(1).0 + 1_800_000)]
    );
}

#[test]
fn what_cannot_be_fired_is_reported_and_keeps_nothing_back() {
    let world = World::new();
    let engine = world.engine();
    for (workflow_name, more) in [
        ("broken", ""),
        ("ok", ""),
        ("params", "params: {n: {type: int}}\n"),
        ("zone", ""),
    ] {
        world.deploy(&format!(
            "name: {workflow_name}\nschedule: \"0 * * * *\"\n{more}tasks:\n  a: {{x}}\n"
        ));
    }
    world.overwrite(&Key::Workflow(name("broken")), b"{");
    // A zone that the next time zone database no longer has.
    let mut zone = workflow(
        "name: zone\nschedule: [{cron: \"0 * * * *\"}, {cron: \"0 * * * *\"}]\ntasks:\n  a: {x}\n",
    );
    zone.schedules[0].timezone = "Atlantis/Deep".into();
    world
        .run(engine.deploy(&zone, None, &BTreeMap::new()))
        .unwrap();
    world.set_time(slot(1));
    for round in 0..2 {
        let fired = world.run(engine.fire_due(10)).unwrap();
        let of = |workflow: &str| {
            fired
                .iter()
                .filter(|fired| fired.workflow == name(workflow))
                .map(|fired| fired.run.clone())
                .collect::<Vec<_>>()
        };
        assert!(
            of("broken").len() == 1
                && of("broken")[0]
                    .as_ref()
                    .unwrap_err()
                    .contains("workflow broken cannot be read"),
            "{fired:?}"
        );
        if round == 0 {
            assert!(
                of("zone")[0].as_ref().unwrap_err().contains("Atlantis"),
                "{fired:?}"
            );
            assert_eq!(of("zone").len(), 2, "its other schedule goes on");
            assert!(of("ok")[0].is_ok());
            assert!(
                of("params").len() == 1 && of("params")[0].as_ref().unwrap_err().contains("`n`")
            );
        } else {
            assert!(
                of("ok").is_empty() && of("params").is_empty() && of("zone").is_empty(),
                "each slot is dealt with once"
            );
        }
    }
    world.set_time(slot(2));
    let fired = world.run(engine.fire_due(10)).unwrap();
    assert!(
        fired.iter().any(|fired| fired
            .run
            .as_ref()
            .is_err_and(|why| why.contains("Atlantis"))),
        "it is reported again: {fired:?}"
    );
}

#[test]
fn a_run_of_an_earlier_version_leaves_the_schedules_of_the_current_one_alone() {
    let limited = "name: w\nmax_active_runs: 3\ntasks:\n  a: {x}\n";
    let world = World::with(limited);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    let old = world.view(&run_id("r")).header.version;
    world.deploy(&limited.replace("tasks:", "schedule: \"0 * * * *\"\ntasks:"));
    world
        .run(engine.start(ork_engine::StartRun {
            version: Some(old),
            ..named("w", "s")
        }))
        .unwrap();
    world.drive(&engine);
    assert_eq!(
        world
            .document(Key::Workflow(name("w")))
            .unwrap()
            .index
            .wake_at,
        Some(slot(1))
    );
    world.set_time(slot(1));
    assert_eq!(made(&world.run(engine.fire_due(10)).unwrap()), [&id(1)]);
}

#[test]
fn a_workflow_disabled_between_the_question_and_the_answer_does_not_fire() {
    let world = World::with(&hourly("catchup: all", "  a: {x}"));
    let key = Key::Workflow(name("w"));
    let document = world.document(key.clone()).unwrap();
    let mut standing: WorkflowDocument = serde_json::from_slice(&document.body).unwrap();
    standing.enabled = false;
    let index = Index {
        wake_at: Some(MONDAY),
        ..document.index
    };
    let put = Write::Put {
        key,
        precondition: Precondition::At(document.version),
        body: serde_json::to_vec(&standing).unwrap(),
        index,
    };
    world.run(world.store_port().commit(&[put])).unwrap();
    world.set_time(slot(2));
    assert!(world.run(world.engine().fire_due(10)).unwrap().is_empty());
    assert!(ids(&world).is_empty());
}

#[test]
fn an_outage_fires_nothing_and_loses_nothing() {
    for fault in [Fault::Unavailable, Fault::Refused] {
        for n in 1..=2 {
            let world = World::with(&hourly("catchup: all", "  a: {x}"));
            world.set_time(slot(1));
            world.fault(n, fault);
            let error = world.run(world.engine().fire_due(10)).unwrap_err();
            assert!(matches!(
                error.kind,
                EngineErrorKind::Unavailable | EngineErrorKind::Store
            ));
            assert_eq!(
                made(&world.run(world.engine().fire_due(10)).unwrap()),
                [&id(1)]
            );
            world.finish_by_wakes(&world.engine());
            assert_eq!(world.view(&id(1)).header.status, RunStatus::Success);
            world.assert_ran_once();
        }
    }
}
