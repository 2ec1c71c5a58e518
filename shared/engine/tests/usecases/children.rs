//! Sub-workflows: a run for each attempt, and what parent and child hear of each other.

use std::collections::BTreeMap;

use ork_core::limits;
use ork_core::run::{Category, Command, Event, RunState, RunStatus};
use ork_core::task::TaskSpec;
use serde_json::{Value, json};

use crate::support::*;

const PARENT: &str = "name: w\ntasks:\n  sub: {run_as: {workflow: child}, retries: {max: 1, delay: 0s}, input: {n: 4}}\n  c: {x, depends_on: [sub]}\n";
const CHILD: &str = "name: child\nparams: {n: {type: int, default: 1}}\ntasks:\n  inner: {x, input: {n: \"{{ params.n }}\"}}\n";

fn world(parent: &str, child: &str, script: impl Fn(&TaskSpec) -> Reply + Send + 'static) -> World {
    let world = World::new();
    for yaml in [child, parent] {
        if !yaml.is_empty() {
            world
                .run(
                    world
                        .engine()
                        .deploy(&workflow(yaml), None, &BTreeMap::new()),
                )
                .unwrap();
        }
    }
    world.script(script);
    world
}

fn children(world: &World) -> Vec<RunState> {
    world
        .all_runs()
        .into_iter()
        .map(|(_, run)| run)
        .filter(|run| run.header.parent.is_some())
        .collect()
}

fn begin(world: &World) -> Process {
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    engine
}

#[test]
fn a_child_gets_its_params_and_gives_its_outputs_however_large() {
    for size in [
        1,
        limits::INLINE_OUTPUT_BYTES + 1,
        limits::VERDICT_OUTPUT_BYTES + 1,
    ] {
        let world = world(PARENT, CHILD, move |spec| {
            Reply::output(&json!({"n": serde_json::from_str::<Value>(spec.input.get()).unwrap(), "x": "y".repeat(size)}).to_string())
        });
        let engine = begin(&world);
        world.drive(&engine);
        assert_eq!(world.status("r"), RunStatus::Success);
        let made = children(&world);
        assert_eq!(made.len(), 1);
        assert_eq!(
            (
                json!(made[0].header.params),
                made[0].header.depth,
                json!(made[0].header.trigger)
            ),
            (json!({"n": 4}), 1, json!("parent"))
        );
        let c = world
            .0
            .started
            .lock()
            .unwrap()
            .iter()
            .find(|spec| spec.task_name.as_str() == "c")
            .cloned()
            .unwrap();
        let upstream: Value = serde_json::from_str(c.upstream.get()).unwrap();
        assert_eq!(upstream["sub"]["inner"]["n"], json!({"n": 4}));
        assert_eq!(upstream["sub"]["inner"]["x"].as_str().unwrap().len(), size);
    }
}

#[test]
fn a_lost_notice_of_the_childs_end_is_found_by_the_parents_check() {
    let world = world(PARENT, CHILD, |_| Reply::output("1"));
    begin(&world);
    let child = children(&world)[0].header.id.clone();
    let other = world.engine();
    world.run(other.step(&child, vec![], CLAIM)).unwrap();
    let (_, end) = world.work().pop().unwrap();
    // The process dies right after the commit that ended the child: its first hint.
    assert!(
        world
            .crashing(4, other.step(&child, vec![end], None))
            .is_none()
    );
    assert_eq!(
        (
            world.view(&child).header.status,
            world.task("r", "sub").as_str()
        ),
        (RunStatus::Success, "running")
    );
    world.0.hints.lock().unwrap().clear();
    world.pass(limits::CHILD_CHECK);
    world.wake(&world.engine());
    assert_eq!(world.task("r", "sub").as_str(), "success");
}

#[test]
fn cancelling_the_parent_cancels_the_child_wherever_it_crashes() {
    for n in 1.. {
        let world = world(PARENT, CHILD, |_| Reply::Dies);
        let engine = begin(&world);
        let child = children(&world)[0].header.id.clone();
        world.run(engine.step(&child, vec![], CLAIM)).unwrap();
        world.work();
        let cancel = Event::Command(Command::Cancel {
            reason: "enough".into(),
        });
        let whole = world
            .crashing(n, engine.step(&run_id("r"), vec![cancel.clone()], None))
            .is_some();
        let fresh = world.engine();
        if world.status("r") != RunStatus::Cancelled {
            world
                .run(fresh.step(&run_id("r"), vec![cancel], None))
                .unwrap();
        }
        assert!(!whole || world.view(&child).header.status == RunStatus::Cancelled);
        world.finish_by_wakes(&fresh);
        let header = world.view(&child).header;
        assert_eq!(header.status, RunStatus::Cancelled, "crash at {n}");
        assert!(
            header
                .error
                .unwrap()
                .contains("its parent run r no longer waits")
        );
        if whole {
            break;
        }
    }
}

#[test]
fn each_attempt_of_the_parent_gets_a_run_of_its_own() {
    let world = world(PARENT, CHILD, |spec| {
        let first = spec.task_name.as_str() == "inner"
            && spec.id.run.as_str() != "never"
            && spec.created_at == MONDAY;
        if first {
            Reply::fail(Category::Permanent, "no")
        } else {
            Reply::output("1")
        }
    });
    let engine = begin(&world);
    let (first, end) = {
        world.deliver(&engine);
        world.pass(ork_core::time::Millis(1));
        (children(&world)[0].header.id.clone(), world.work())
    };
    for (run, event) in end {
        world.run(engine.step(&run, vec![event], CLAIM)).unwrap();
    }
    world.drive(&engine);
    assert_eq!(world.view(&first).header.status, RunStatus::Failed);
    assert_eq!(children(&world).len(), 2);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert!(
        world
            .failure("r", "sub")
            .contains(&format!("run {first} of the sub-workflow is failed"))
    );
}

#[test]
fn a_child_that_waits_for_its_place_begins_in_its_turn() {
    let limited = CHILD.replace("tasks:", "max_active_runs: 1\ntasks:");
    let world = world(
        "name: w\ntasks:\n  sub: {run_as: {workflow: child}, parallel: 3, input: {n: 4}}\n",
        &limited,
        |_| Reply::output("1"),
    );
    world.0.most_active.lock().unwrap().insert(name("child"), 1);
    let engine = begin(&world);
    assert_eq!(
        children(&world)
            .iter()
            .filter(|run| run.header.status == RunStatus::Pending)
            .count(),
        2
    );
    world.drive(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(
        world.output("r", "sub"),
        "[{\"inner\":1},{\"inner\":1},{\"inner\":1}]"
    );
}

#[test]
fn a_child_that_cannot_be_made_fails_the_attempt_for_good() {
    for (child, words) in [
        ("", "there is no workflow called child"),
        ("name: child\ntasks:\n  inner: {x}\n", "no such param"),
        (&CHILD.replace("int, default: 1", "str"), "param `n`"),
    ] {
        let world = world(PARENT, child, |_| Reply::output("1"));
        let engine = begin(&world);
        world.drive(&engine);
        let why = world.failure("r", "sub");
        assert!(why.starts_with("permanent") && why.contains(words), "{why}");
        assert_eq!(world.status("r"), RunStatus::Failed);
        assert!(children(&world).is_empty());
    }
}

#[test]
fn sub_workflows_go_only_so_deep() {
    let world = world(
        "name: w\ntasks:\n  again: {run_as: {workflow: v}}\n",
        "name: v\ntasks:\n  again: {run_as: {workflow: w}}\n",
        |_| Reply::output("1"),
    );
    let engine = begin(&world);
    world.drive(&engine);
    assert_eq!(world.status("r"), RunStatus::Failed);
    assert_eq!(children(&world).len(), limits::SUBWORKFLOW_DEPTH as usize);
    assert!(
        children(&world)
            .iter()
            .all(|run| run.header.status == RunStatus::Failed)
    );
}

#[test]
fn a_child_output_that_cannot_be_read_fails_the_attempt_and_not_for_ever() {
    let world = world(
        "name: w\ntasks:\n  sub: {run_as: {workflow: child}}\n",
        CHILD,
        |_| Reply::Raw(br#"{"outcome":"success","output":{"object":{"bytes":9}}}"#.to_vec()),
    );
    begin(&world);
    let engine = world.engine();
    for _ in 0..4 {
        world.pass(limits::CHILD_CHECK);
        for (run, event) in world.work() {
            let _ = world.run(engine.step(&run, vec![event], CLAIM));
        }
        world.wake(&engine);
    }
    assert_eq!(world.status("r"), RunStatus::Failed);
    assert!(
        world.failure("r", "sub").contains("missing"),
        "{}",
        world.failure("r", "sub")
    );
}
