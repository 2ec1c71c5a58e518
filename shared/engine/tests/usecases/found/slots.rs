//! Slots: what two processes that fire at once have made of them.

use ork_core::ids::RunId;
use ork_core::time::{Millis, Time};
use ork_engine::EngineErrorKind;
use ork_engine::ports::Key;

use super::standing;
use crate::support::*;

fn hourly(more: &str) -> String {
    format!("name: w\nschedule: {{cron: \"0 * * * *\", {more}}}\ntasks:\n  a: {{x}}\n")
}

fn slot(hour: i64) -> Time {
    MONDAY + Millis(hour.unsigned_abs() * 3_600_000)
}

fn is_made(world: &World, hour: i64) -> bool {
    let id = RunId::for_slot(&name("w"), slot(hour));
    world.document(Key::Run(id)).is_some()
}

#[test]
fn whether_a_slot_is_skipped_is_decided_in_the_commit_that_makes_its_run() {
    let (mut before, mut after) = (0, 0);
    for n in 0.. {
        let world = World::with(&hourly("overlap: skip"));
        world.set_time(slot(1));
        let (a, b) = (world.engine(), world.engine());
        let somebody = async {
            let made = is_made(&world, 1);
            b.start(named("w", "manual")).await.unwrap();
            made
        };
        let (fired, made_before, waited) = world.interleaved(n, a.fire_due(10), somebody);
        let fired = fired.unwrap();
        assert_eq!(is_made(&world, 1), made_before, "{n}: {fired:?}");
        assert_eq!(fired[0].run.is_ok(), made_before, "{n}: {fired:?}");
        *(if made_before { &mut before } else { &mut after }) += 1;
        if !waited {
            break;
        }
    }
    assert!(before > 0 && after > 2, "{before} before, {after} after");
}

#[test]
fn no_run_is_made_for_a_slot_that_the_cursor_has_passed() {
    for overlap in ["skip", "queue", "cancel"] {
        let mut passed = 0;
        for n in 0.. {
            let world = World::with(&hourly(&format!("catchup: latest, overlap: {overlap}")));
            world.set_time(slot(1));
            let (a, b) = (world.engine(), world.engine());
            // One stood still; the other fires the next slot and leaves the first behind.
            let next = async {
                world.set_time(slot(2));
                b.fire_due(10).await.unwrap();
                let cursors = standing(&world).unwrap().cursors;
                (is_made(&world, 1), cursors == [slot(2)])
            };
            let (fired, (made, moved), waited) = world.interleaved(n, a.fire_due(10), next);
            let fired = fired.unwrap();
            assert!(moved, "{overlap} at {n}");
            assert_eq!(is_made(&world, 1), made, "{overlap} at {n}: {fired:?}");
            if overlap == "skip" {
                assert_eq!(world.all_runs().len(), 1, "{n}");
            }
            assert_eq!(standing(&world).unwrap().cursors, [slot(2)]);
            passed += u32::from(fired.iter().any(|fired| {
                let dealt_with = |why: &String| why.contains("was dealt with before");
                fired.run.as_ref().is_err_and(dealt_with)
            }));
            world.finish_by_wakes(&world.engine());
            if !waited {
                break;
            }
        }
        assert!(passed > 0, "{overlap}");
    }
}

#[test]
fn a_slot_that_was_found_due_for_an_older_version_is_left_to_the_next_tick() {
    let mut left = 0;
    for n in 0.. {
        let yaml = hourly("overlap: skip");
        let world = World::with(&yaml);
        let old = standing(&world).unwrap().current;
        world.set_time(slot(1));
        let (a, b) = (world.engine(), world.engine());
        let newer = format!("{yaml}  b: {{x}}\n");
        let newer = workflow(&newer);
        let none = pools(&[]);
        let anew = async {
            let made = is_made(&world, 1);
            b.deploy(&newer, None, &none).await.unwrap();
            made
        };
        let (fired, made_before, waited) = world.interleaved(n, a.fire_due(10), anew);
        let fired = fired.unwrap();
        if !made_before && fired.iter().any(|fired| fired.run.is_err()) {
            left += 1;
            assert!(!is_made(&world, 1), "{n}");
            assert_eq!(standing(&world).unwrap().cursors, [MONDAY], "{n}");
            assert_eq!(world.wake_of(Key::Workflow(name("w"))), Some(slot(1)));
        }
        world.run(world.engine().fire_due(10)).unwrap();
        let runs = world.all_runs();
        assert_eq!(runs.len(), 1, "{n}");
        let is_old = runs[0].1.header.version == old;
        assert_eq!(is_old, made_before, "{n}: it is of the version that stands");
        assert_eq!(standing(&world).unwrap().cursors, [slot(1)], "{n}");
        if !waited {
            break;
        }
    }
    assert!(left > 0);
}

#[test]
fn one_busy_workflow_does_not_keep_others_from_firing() {
    for overlap in ["allow", "skip"] {
        let world = World::new();
        for workflow in ["busy", "calm", "quiet"] {
            let yaml = hourly(&format!("overlap: {overlap}"));
            world.deploy(&yaml.replace("name: w", &format!("name: {workflow}")));
        }
        world.set_time(slot(1));
        let made = |workflow: &str| {
            let id = RunId::for_slot(&name(workflow), slot(1));
            world.document(Key::Run(id)).is_some()
        };
        // Somebody else is faster each time, until its process gives up.
        for n in 1..=8 {
            world.fault(n, Fault::Conflict);
        }
        let engine = world.engine();
        let error = world.run(engine.fire_due(10)).unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Unavailable);
        assert!(error.message.contains("busy"), "{error}");
        assert_eq!(
            (made("busy"), made("calm"), made("quiet")),
            (false, true, true),
            "{overlap}"
        );
        let fired = world.run(engine.fire_due(10)).unwrap();
        assert_eq!(fired.len(), 1, "{overlap}: {fired:?}");
        assert!(made("busy"), "{overlap}");
    }
}
