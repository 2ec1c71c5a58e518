//! An engine that may read objects and not write them, as the deployed API's: what its commits call for is written by others.

use ork_core::names::AttemptFile;
use ork_core::run::{Category, Command, Event, InstanceStatus, RunStatus};
use ork_core::task::{Output, TaskSpec};
use ork_engine::Worker;

use crate::support::*;

const VERDICT_OF_A: &str = "runs/r/a/1/result.json";
const CLAIM_OF_A: &str = "runs/r/a/1/claim";
const OUTPUT_OF_A: &str = "runs/r/a/output.json";

/// How far the worker of the attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worked {
    NotBegun,
    Begun,
    ItsClaimWasHeardOf,
}

const STAGES: [Worked; 3] = [Worked::NotBegun, Worked::Begun, Worked::ItsClaimWasHeardOf];

/// A run whose one attempt is with a worker, and the process that handed it over.
fn at_work(stage: Worked) -> (World, Process, TaskSpec) {
    let world = World::with("name: w\ntasks:\n  a: {x, timeout: 2h, heartbeat_timeout: 1h}\n");
    world.script(|_| Reply::Never);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    world.work();
    let spec = world.spec(0);
    if stage != Worked::NotBegun {
        begins(&world, &spec, true);
    }
    if stage == Worked::ItsClaimWasHeardOf {
        let names = [spec.object(AttemptFile::Claim)];
        let run = run_id("r");
        world.run(engine.settle(&run, &names, CLAIM)).unwrap();
    }
    (world, engine, spec)
}

/// A worker tries to begin.
fn begins(world: &World, spec: &TaskSpec, may: bool) {
    let worker = Worker::new(world, spec, "me".into());
    let began = world.run(worker.begin(world.time())).unwrap();
    assert_eq!(began, may, "whether a worker may begin");
}

fn command(command: Command) -> Vec<Event> {
    vec![Event::Command(command)]
}

fn cancel() -> Vec<Event> {
    let reason = "enough".to_owned();
    command(Command::Cancel { reason })
}

fn written(world: &World) -> usize {
    world.0.object_writes.lock().unwrap().len()
}

/// The worker knows that it is over, or will when it begins.
fn assert_told(world: &World, spec: &TaskSpec, stage: Worked) {
    if stage == Worked::NotBegun {
        begins(world, spec, false);
        assert_eq!(
            world.object_bytes(VERDICT_OF_A),
            None,
            "nobody waits for it"
        );
    } else {
        assert_eq!(world.writes_of(VERDICT_OF_A), 1, "{stage:?}");
    }
    assert_eq!(world.writes_of(CLAIM_OF_A), 1, "{stage:?}");
}

#[test]
fn workers_of_what_it_cancels_are_told_by_poll() {
    for stage in STAGES {
        let (world, engine, spec) = at_work(stage);
        let objects = written(&world);
        let api = world.api();
        world.run(api.step(&run_id("r"), cancel(), None)).unwrap();
        assert_eq!(world.status("r"), RunStatus::Cancelled);
        assert_eq!(written(&world), objects, "{stage:?}: it writes no objects");
        assert_eq!(world.next_due(), Some(world.time()), "{stage:?}: it is due");
        let commits = world.commits();
        world.drive(&engine);
        assert_told(&world, &spec, stage);
        assert_eq!(world.commits(), commits + 1, "{stage:?}");
        world.finish_by_wakes(&engine);
        assert_eq!(world.next_due(), None, "{stage:?}: it is at rest");
    }
}

#[test]
fn the_tick_tells_them_where_every_message_is_lost_and_whoever_cancelled_is_dead() {
    for stage in STAGES {
        let (mut died, mut n) = (true, 0);
        while died {
            n += 1;
            let (world, engine, spec) = at_work(stage);
            let objects = written(&world);
            let api = world.api();
            let run = run_id("r");
            died = world.crashing(n, api.step(&run, cancel(), None)).is_none();
            assert_eq!(written(&world), objects, "{stage:?}, point {n}");
            if world.status("r") == RunStatus::Cancelled {
                world.finish_by_wakes(&engine);
                assert_told(&world, &spec, stage);
            } else {
                assert!(died, "{stage:?}, point {n}: it is not cancelled");
            }
        }
        assert!(n > 5, "{stage:?}: only {n} points");
    }
}

#[test]
fn workers_are_told_though_whoever_may_tell_them_dies_after_the_commit() {
    for stage in STAGES {
        let (mut died, mut n) = (true, 0);
        while died {
            n += 1;
            let (world, engine, spec) = at_work(stage);
            let run = run_id("r");
            let other = world.engine();
            died = world
                .crashing(n, other.step(&run, cancel(), None))
                .is_none();
            if world.status("r") == RunStatus::Cancelled {
                world.finish_by_wakes(&engine);
                // An attempt of which nobody knows whether it has begun is looked after like any other that was handed over.
                assert_told(&world, &spec, stage);
            }
        }
        assert!(n > 5, "{stage:?}: only {n} points");
    }
}

#[test]
fn outputs_that_it_says_are_put_in_their_place_by_others() {
    for text in ["{\"rows\": 3}", "null"] {
        let (world, engine, _) = at_work(Worked::ItsClaimWasHeardOf);
        world
            .run(engine.step(&run_id("r"), cancel(), None))
            .unwrap();
        world.finish_by_wakes(&engine);
        let objects = written(&world);
        let mark = command(Command::MarkSuccess {
            task: 0,
            index: None,
            output: Output::Inline(text.into()),
        });
        world
            .run(world.api().step(&run_id("r"), mark, None))
            .unwrap();
        assert_eq!(world.task("r", "a"), InstanceStatus::Success);
        assert_eq!(written(&world), objects, "it writes no objects");
        world.drive(&engine);
        let given = (text != "null").then(|| text.replace(": ", ":").into_bytes());
        let found = world.object_bytes(OUTPUT_OF_A);
        let compact = found.map(|bytes| {
            String::from_utf8_lossy(&bytes)
                .replace(": ", ":")
                .into_bytes()
        });
        assert_eq!(compact, given);
        world.finish_by_wakes(&engine);
        assert_eq!(world.next_due(), None);
    }
}

#[test]
fn a_parent_is_told_of_the_end_that_it_gives_a_sub_workflow() {
    let world =
        World::with("name: child\ntasks:\n  big: {x}\n  last: {x, retries: {max: 1, delay: 1h}}\n");
    world.deploy("name: w\ntasks:\n  a: {run_as: {workflow: child}}\n");
    // More than a run's own pages hold: an object of the parent's.
    let big = format!("\"{}\"", "x".repeat(70_000));
    let text = big.clone();
    world.script(move |spec| match spec.task_name.as_str() {
        "big" => Reply::output(&text),
        _ => Reply::fail(Category::Transient, "not yet"),
    });
    let engine = world.begin();
    let child = world
        .all_runs()
        .into_iter()
        .map(|(_, run)| run.header.id)
        .find(|id| *id != run_id("r"))
        .expect("the sub-workflow has a run");
    let objects = written(&world);
    let last = world
        .view(&child)
        .graph
        .workflow
        .task_index("last")
        .unwrap();
    let mark = command(Command::MarkSuccess {
        task: last,
        index: None,
        output: Output::Inline("1".into()),
    });
    world.run(world.api().step(&child, mark, None)).unwrap();
    assert_eq!(written(&world), objects, "it writes no objects");
    world.drive(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    let name = format!("runs/{child}/big/output.json");
    assert_eq!(world.object_bytes(&name), Some(big.into_bytes()));
}
