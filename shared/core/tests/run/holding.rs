//! What holds ready instances back: places, concurrency, pools, priorities, pauses.

use ork_core::run::{Effect, NoteKind};

use crate::world::World;

/// The attempts that a claim starts, as `task[index]`.
fn started(world: &mut World, claim: &str) -> Vec<String> {
    let out = world.line(claim).unwrap();
    let fans = |task: u32| world.graph.task(task).fans_out();
    let name = |task: u32| world.graph.task(task).name.to_string();
    out.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Start(a) | Effect::StartChild(a) if fans(a.task) => {
                Some(format!("{}[{}]", name(a.task), a.index))
            }
            Effect::Start(a) | Effect::StartChild(a) => Some(name(a.task)),
            _ => None,
        })
        .collect()
}

#[test]
fn no_more_start_than_there_are_places() {
    let mut world = World::new("  a: {x, parallel: 5}\n");
    world.play("start");
    assert_eq!(started(&mut world, "claim 0"), [""; 0]);
    assert_eq!(started(&mut world, "claim 2"), ["a[0]", "a[1]"]);
    assert_eq!(started(&mut world, "claim 9"), ["a[2]", "a[3]", "a[4]"]);
    assert_eq!(started(&mut world, "claim 9"), [""; 0]);
}

#[test]
fn higher_priority_goes_first_then_the_order_of_the_file_then_the_index() {
    let mut world = World::new(
        "  low: {x, priority: -1}\n  mid: {x, parallel: 2}\n  high: {x, priority: 9}\n  also: {x}\n",
    );
    world.play("start");
    assert_eq!(
        started(&mut world, "claim 4"),
        ["high", "mid[0]", "mid[1]", "also"]
    );
    assert_eq!(started(&mut world, "claim 4"), ["low"]);
}

#[test]
fn an_instance_that_is_ready_again_goes_before_later_ones() {
    let mut world =
        World::new("  a: {x, parallel: 4, retries: {max: 1, delay: 0s, jitter: false}}\n");
    world.play("start; claim 2; fail a[1] unknown; fail a[0] unknown");
    assert_eq!(started(&mut world, "claim 3"), ["a[0]", "a[1]", "a[2]"]);
}

#[test]
fn concurrency_caps_what_is_in_flight_deferred_ones_included() {
    let mut world = World::new("  a: {x, parallel: 4, concurrency: 2}\n  b: {x}\n");
    world.play("start");
    assert_eq!(started(&mut world, "claim 9"), ["a[0]", "a[1]", "b"]);
    world.play("defer a[0] 1");
    let out = world.line("claim 9").unwrap();
    assert!(
        out.notes
            .iter()
            .any(|note| matches!(note.kind, NoteKind::HeldBack { instances: 2, .. })),
        "{:?}",
        out.notes
    );
    world.play("job a[0] 0 done");
    assert_eq!(started(&mut world, "claim 9"), ["a[2]"]);
}

#[test]
fn a_pool_gives_no_more_than_it_has_and_none_when_it_is_not_offered() {
    let mut world =
        World::new("  a: {x, parallel: 3, pool: db}\n  b: {x, pool: db, priority: 5}\n  c: {x}\n");
    world.play("start");
    assert_eq!(
        started(&mut world, "claim 9"),
        ["c"],
        "a pool that is not listed is full"
    );
    assert_eq!(started(&mut world, "claim 9 db=2"), ["b", "a[0]"]);
    assert_eq!(
        world.run.pools(&world.graph),
        crate::world::pools(&[("db", 2)])
    );
    assert_eq!(started(&mut world, "claim 9 db=0"), [""; 0]);
    world.play("ok b");
    assert_eq!(
        world.run.pools(&world.graph),
        crate::world::pools(&[("db", 1)])
    );
}

#[test]
fn a_sub_workflow_needs_held_up_but_its_pool() {
    let mut world = World::new(
        "  a: {x}\n  child: {run_as: {workflow: other}}\n  pooled: {run_as: {workflow: other}, pool: p}\n",
    );
    world.play("start");
    assert_eq!(started(&mut world, "claim 0"), ["child"]);
    assert_eq!(started(&mut world, "claim 0 p=1"), ["pooled"]);
}

#[test]
fn a_paused_run_starts_nothing_and_lets_what_runs_end() {
    let mut world = World::new("  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x}\n");
    world.play("start; claim 1; pause");
    assert_eq!(started(&mut world, "claim 9"), [""; 0]);
    world.play("ok a");
    assert_eq!(
        (world.states().as_str(), world.status().as_str()),
        ("a success, b queued, c queued", "paused")
    );
    assert_eq!(started(&mut world, "claim 9"), [""; 0]);
    world.play("resume");
    assert_eq!(started(&mut world, "claim 9"), ["b", "c"]);
}

#[test]
fn a_paused_run_that_was_recovering_is_recovering_when_it_goes_on() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; fail a permanent; recover failed; pause; resume");
    assert_eq!(world.status().as_str(), "recovering");
    world.play("claim 1; ok a");
    assert_eq!(world.status().as_str(), "success");
    assert!(!world.run.header.recovering);
}

#[test]
fn a_run_whose_last_task_ends_while_it_is_paused_is_over() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; pause; ok a");
    assert_eq!(world.status().as_str(), "success");
}

#[test]
fn pausing_a_run_is_refused_where_it_makes_no_sense() {
    let mut world = World::new("  a: {x}\n");
    assert!(world.refused("pause").contains("waits for its place"));
    assert!(world.refused("resume").contains("is not paused"));
    world.play("start; pause");
    assert!(world.refused("pause").contains("paused already"));
    world.play("resume; claim 1; ok a");
    assert!(world.refused("pause").contains("already success"));
}

#[test]
fn a_paused_task_holds_its_instances_in_each_state_they_can_be_in() {
    let mut world = World::new(
        "  a: {x, parallel: 6, retries: {max: 1, delay: 10s, backoff: fixed, jitter: false}}\n  b: {x}\n",
    );
    world.play("start; claim 5; started a[0]; defer a[1] 1; fail a[2] unknown; ok a[4]; pause a");
    assert_eq!(
        world.states(),
        "a running (1 dispatched, 1 running, 1 deferred, 2 paused, 1 success), b queued"
    );
    assert_eq!(started(&mut world, "claim 9"), ["b"]);
    // What is in flight ends or waits for the resume.
    world.play("fail a[0] unknown; ok a[3]; job a[1] 0 done; +4s; resume a");
    assert_eq!(
        world.states(),
        "a retrying (1 queued, 2 retrying, 3 success), b dispatched"
    );
    world.play("+6s; tick");
    assert_eq!(started(&mut world, "claim 9"), ["a[0]", "a[2]", "a[5]"]);
}

#[test]
fn a_task_that_becomes_ready_while_it_is_paused_waits_and_a_marker_too() {
    let mut world = World::new(
        "  a: {x}\n  b: {x, depends_on: [a]}\n  m: {executor: marker, depends_on: [a]}\n",
    );
    world.play("start; pause b; pause m; claim 9; ok a");
    assert_eq!(world.states(), "a success, b paused, m paused");
    world.play("resume b; resume m");
    assert_eq!(world.states(), "a success, b queued, m success");
}

#[test]
fn pausing_a_task_is_refused_where_it_makes_no_sense() {
    let mut world = World::new("  a: {x}\n  b: {x, depends_on: [a]}\n");
    world.play("start; claim 1; pause b");
    assert!(world.refused("pause b").contains("paused already"));
    assert!(world.refused("resume a").contains("is not paused"));
    world.play("ok a");
    assert!(world.refused("pause a").contains("already success"));
}

#[test]
fn a_command_about_a_task_that_does_not_exist_is_refused() {
    use ork_core::run::{Command, Event, RecoverFrom};
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; fail a permanent");
    for command in [
        Command::PauseTask { task: 9 },
        Command::ResumeTask { task: 9 },
        Command::RetryTask { task: 9 },
        Command::Recover {
            from: RecoverFrom::Task(9),
        },
    ] {
        assert_eq!(
            world.apply(&Event::Command(command)).unwrap_err(),
            "run run-1 has no task at position 9: it has 1"
        );
    }
}
