//! How far a run is, for people.

use ork_core::run::Progress;

use crate::world::{MADE, World};

fn seen(world: &World) -> Progress {
    world.run.progress(&world.graph, world.now)
}

const YAML: &str = "  a: {x, estimated_duration: 10s}\n  b: {x, depends_on: [a], parallel: 4, estimated_duration: 60s}\n  c: {x, depends_on: [b], estimated_duration: 5s}\n  d: {x, depends_on: [a], estimated_duration: 1s}\n";

#[test]
fn percent_counts_and_step_follow_the_instances_and_a_hundred_is_the_end() {
    let mut world = World::new(YAML);
    assert_eq!(
        (
            seen(&world).percent,
            seen(&world).current_step,
            seen(&world).total_steps
        ),
        (0, Some(0), 4)
    );
    // a, the hidden fan-out as one, c, d.
    world.play("start; claim 9; ok a");
    assert_eq!(
        (seen(&world).percent, seen(&world).current_step),
        (14, Some(1)),
        "1 of 7 once the fan-out is known"
    );
    world.play("claim 9; ok b[0]; ok b[1]; ok b[2]; ok b[3]; ok d; claim 1");
    assert_eq!(
        (seen(&world).percent, seen(&world).current_step),
        (85, Some(world.graph.step(2)))
    );
    world.play("ok c");
    assert_eq!(
        (
            seen(&world).percent,
            seen(&world).current_step,
            seen(&world).eta
        ),
        (100, None, None)
    );
}

#[test]
fn the_longest_chain_decides_the_estimate_and_the_pace_of_a_fan_out_corrects_it() {
    let mut world = World::new(YAML);
    world.play("start");
    assert_eq!(
        seen(&world).estimated_duration.map(|span| span.0),
        Some(75_000)
    );
    assert_eq!(
        seen(&world).eta,
        Some(MADE + ork_core::time::Millis(75_000))
    );
    world.play("claim 9; +4s");
    assert_eq!(
        seen(&world).eta.map(|at| at.since(world.now).0),
        Some(71_000),
        "what is spent is taken off"
    );
    world.play("ok a; claim 9; +10s; ok b[0]; ok b[1]");
    assert_eq!(
        seen(&world).eta.map(|at| at.since(world.now).0),
        Some(15_000),
        "two took 10 s, two are left, then c"
    );
    assert_eq!(
        seen(&world).actual_duration.map(|span| span.0),
        Some(14_000)
    );
}

#[test]
fn without_estimates_there_is_no_eta() {
    let mut world = World::new("  a: {x}\n  b: {x, estimated_duration: 5s}\n");
    world.play("start");
    assert_eq!(
        (seen(&world).estimated_duration, seen(&world).eta),
        (None, None)
    );
}

#[test]
fn absurd_clocks_and_estimates_do_not_overflow() {
    let mut world = World::new(YAML);
    world.play("start; claim 9; ok a; claim 9; ok b[0]");
    world.now = ork_core::time::Time(i64::MAX);
    assert!(seen(&world).percent < 100);
    world.now = ork_core::time::Time(i64::MIN);
    assert!(seen(&world).percent < 100);
}

#[test]
fn attempts_of_all_instances_are_summed() {
    let mut world = World::new("  b: {x, parallel: 2, retries: {max: 1, delay: 0s}}\n");
    world.play("start; claim 9; fail b[0] unknown; claim 1; ok b[0]; ok b[1]");
    assert_eq!(seen(&world).tasks[0].attempts, 3);
}
