//! Why runs and tasks wait, in words; what is due next, what was set aside.

use ork_core::run::{Category, Command, Event, RunStatus};
use ork_core::time::Millis;
use ork_engine::why::Explanation;

use crate::support::*;

fn why(world: &World, run: &str) -> Explanation {
    let view = world.view(&run_id(run));
    world.run(world.engine().explain(&view)).unwrap()
}

/// Each reason as `kind: text`.
fn of(found: &Explanation, task: &str) -> Vec<String> {
    let reasons = found.tasks.get(task).into_iter().flatten();
    reasons
        .map(|one| format!("{} {}: {}", one.kind, one.instances, one.text))
        .collect()
}

fn command(world: &World, run: &str, command: Command) {
    let events = vec![Event::Command(command)];
    world
        .run(world.engine().step(&run_id(run), events, None))
        .unwrap();
}

#[test]
fn what_waits_for_upstreams_a_limit_or_a_pool_says_so() {
    let yaml = "name: w\ntasks:\n  a: {x, parallel: 3, concurrency: 1, pool: db}\n  b: {x, pool: db}\n  c: {x, depends_on: [a, b]}\n  d: {x}\n";
    let world = World::new();
    let engine = world.engine();
    let sizes = pools(&[("db", 1)]);
    world
        .run(engine.deploy(&workflow(yaml), None, &sizes))
        .unwrap();
    for run in ["r", "s"] {
        world.run(engine.start(named("w", run))).unwrap();
        world.run(engine.step(&run_id(run), vec![], CLAIM)).unwrap();
    }
    let found = why(&world, "r");
    assert_eq!(
        of(&found, "a"),
        [
            "concurrency 2: 2 instances: ready; 1 at work, which is the task's limit (concurrency: 1)".to_owned(),
            "start 1: handed to the executor 0ms ago; its worker has not begun yet".to_owned(),
        ]
    );
    assert_eq!(
        of(&found, "b"),
        ["pool 1: ready; pool db is full (1 of 1 place(s) taken, held by this run itself)"]
    );
    assert_eq!(
        of(&found, "c"),
        ["upstream 0: waits for a (dispatched), b (queued)"]
    );
    assert_eq!(
        of(&why(&world, "s"), "a"),
        ["pool 3: 3 instances: ready; pool db is full (1 of 1 place(s) taken, held by r)"]
    );
    command(&world, "s", Command::PauseTask { task: 2 });
    command(&world, "s", Command::Pause);
    let held = why(&world, "s");
    assert_eq!(held.run[0].kind, "paused");
    assert_eq!(
        of(&held, "a"),
        ["paused 3: 3 instances: ready; the run is paused"]
    );
    assert_eq!(held.tasks["c"].len(), 2, "{held:?}");
    assert_eq!(held.tasks["c"][0].kind, "task_paused");
    world.drive(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(why(&world, "r"), Explanation::default(), "it is over");
}

#[test]
fn what_is_tried_again_and_what_waits_for_its_place_says_when() {
    let world = World::with(
        "name: w\nmax_active_runs: 1\ntasks:\n  a: {x, retries: {max: 1, delay: 10s, backoff: fixed}}\n",
    );
    world.script(|_| Reply::fail(Category::Transient, "no"));
    let engine = world.engine();
    for run in ["r", "s", "t"] {
        world.run(engine.start(named("w", run))).unwrap();
    }
    world.drive(&engine);
    let found = why(&world, "r");
    let due = (world.time() + Millis::from_secs(10)).rfc3339();
    assert_eq!(
        of(&found, "a"),
        ["retry 1: attempt 1 failed (transient); tried again in 10s"]
    );
    assert_eq!(found.tasks["a"][0].until, Some(due));
    let places = ["s", "t"].map(|run| why(&world, run).run[0].text.clone());
    assert_eq!(
        places,
        [
            "1 of 1 run(s) of w are active; it is next",
            "1 of 1 run(s) of w are active, and 1 wait before it"
        ]
    );
}

#[test]
fn what_handed_over_says_how_many_jobs_are_done() {
    let world = World::with("name: w\ntasks: {a: {x, timeout: 10m}}\n");
    world.script(|_| Reply::defer(&["x", "y"]));
    world.begin();
    let found = why(&world, "r");
    assert_eq!(
        of(&found, "a"),
        ["jobs 1: waits for jobs elsewhere: 0 of 2 done"]
    );
    assert!(found.tasks["a"][0].until.is_some());
}

#[test]
fn inputs_and_outputs_of_an_instance_are_told() {
    let world = World::with(
        "name: w\ntasks:\n  a: {x, parallel: 2}\n  b: {x, depends_on: [a], input: {all: \"{{ tasks.a.output }}\"}}\n",
    );
    world.script(|spec| Reply::output(&spec.parallel_index.to_string()));
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.drive(&engine);
    let view = world.view(&run_id("r"));
    let inputs = world.run(engine.instance_inputs(&view, 1, 0)).unwrap();
    assert_eq!(&*inputs, r#"{"all":[0,1]}"#);
    let output = world.run(engine.instance_output(&view, 0, 1)).unwrap();
    assert_eq!(&*output, "1");
    assert!(world.run(engine.instance_inputs(&view, 1, 1)).is_err());
}

#[test]
fn the_next_slots_come_soonest_first() {
    let world = World::new();
    for (name, cron) in [("late", "0 0 1 1 *"), ("soon", "* * * * *"), ("never", "")] {
        let schedule = match cron {
            "" => String::new(),
            cron => format!("schedule: '{cron}'\n"),
        };
        world.deploy(&format!("name: {name}\n{schedule}tasks: {{a: {{x}}}}\n"));
    }
    let engine = world.engine();
    let next = world.run(engine.next_slots(10)).unwrap();
    let names: Vec<_> = next.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["soon", "late"]);
    assert!(next[0].1 > world.time());
    assert_eq!(world.run(engine.next_slots(1)).unwrap().len(), 1);
    assert!(
        world
            .run(engine.set_aside_page(None, 5))
            .unwrap()
            .0
            .is_empty()
    );
}
