//! Tasks that count as succeeded because somebody says so.

use crate::world::World;

/// What fails, what it keeps from running, what runs because of it, and what runs whatever happens.
const FAILS: &str = "  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b]}\n  h: {x, depends_on: [a], trigger: one_failed}\n  d: {x, depends_on: [b], trigger: all_done}\n";

#[test]
fn a_failed_task_that_is_marked_lets_go_on_what_was_skipped_and_leaves_what_ran() {
    let mut world = World::new(FAILS);
    world.play("start; claim 9; fail a permanent no such table; claim 9; ok h; ok d");
    assert_eq!(
        world.states(),
        "a failed, b skipped, c skipped, h success, d success"
    );
    let failed = world.run.header.failed.clone().expect("a task failed it");
    assert_eq!(
        (failed.task.as_str(), failed.why.as_str()),
        ("a", "no such table")
    );
    let out = world.line("mark a {\"n\":1}").unwrap();
    assert!(
        out.notes
            .iter()
            .any(|note| note.render(&world.graph) == "a: marked as succeeded")
    );
    assert_eq!(
        world.states(),
        "a success, b queued, c pending, h success, d success"
    );
    assert_eq!(
        (
            world.status().as_str(),
            &world.run.header.failed,
            world.run.header.finished_at
        ),
        ("running", &None, None)
    );
    let marked = world.instance("a");
    assert!(marked.is_marked());
    assert_eq!(
        (marked.attempt, marked.failure.is_some(), marked.took()),
        (1, true, None),
        "what happened before is kept"
    );
    world.play("claim 9; ok b; claim 9; ok c");
    assert_eq!(
        (
            world.status().as_str(),
            world.instance("h").attempt,
            world.instance("d").attempt
        ),
        ("success", 1, 1)
    );
    assert!(!world.instance("b").is_marked());
}

#[test]
fn a_mark_while_the_run_goes_on_changes_what_is_still_to_be_decided() {
    let mut world = World::new(
        "  a: {x}\n  z: {x}\n  b: {x, depends_on: [a, z]}\n  h: {x, depends_on: [a, z], trigger: one_failed}\n",
    );
    world.play("start; claim 9; fail a permanent");
    assert_eq!(
        world.states(),
        "a failed, z dispatched, b skipped, h queued"
    );
    world.play("mark a");
    assert_eq!(
        world.states(),
        "a success, z dispatched, b pending, h queued"
    );
    world.play("ok z; claim 9; ok b; ok h");
    assert_eq!(world.status().as_str(), "success");
}

#[test]
fn what_waits_can_be_marked_wherever_it_stands() {
    for (yaml, script, states) in [
        // Its upstream has not ended; that goes on by itself.
        (
            "  z: {x}\n  a: {x, depends_on: [z]}\n  b: {x, depends_on: [a]}\n",
            "start",
            "z queued, a success, b queued",
        ),
        (
            "  a: {x}\n  b: {x, depends_on: [a]}\n",
            "start",
            "a success, b queued",
        ),
        (
            "  a: {x, retries: {max: 1, delay: 10s}}\n  b: {x, depends_on: [a]}\n",
            "start; claim 1; fail a unknown",
            "a success, b queued",
        ),
        (
            "  a: {x}\n  b: {x, depends_on: [a]}\n",
            "start; pause a",
            "a success, b queued",
        ),
        (
            "  a: {x}\n  b: {x, depends_on: [a]}\n",
            "start; pause",
            "a success, b queued",
        ),
        (
            "  a: {x, when: \"{{ run.id == 'x' }}\"}\n  b: {x, depends_on: [a]}\n",
            "start; resolve a skip",
            "a success, b queued",
        ),
        (
            "  z: {x}\n  a: {x, depends_on: [z]}\n  b: {x, depends_on: [a]}\n",
            "start; claim 1; fail z permanent",
            "z failed, a success, b queued",
        ),
        // Without instances it gives an empty list, or as many as its file says.
        (
            "  z: {x}\n  a: {x, foreach: z, depends_on: [z]}\n  b: {x, depends_on: [a]}\n",
            "start",
            "z queued, a success (), b queued",
        ),
        (
            "  z: {x}\n  a: {x, parallel: 3, depends_on: [z]}\n  b: {x, depends_on: [a]}\n",
            "start",
            "z queued, a success (3 success), b queued",
        ),
    ] {
        let mut world = World::new(yaml);
        world.play(script).play("mark a");
        assert_eq!(world.states(), states, "{script}");
        assert!(
            world.refused("mark a").contains("has succeeded already"),
            "{script}"
        );
    }
}

#[test]
fn a_sensor_that_is_marked_waits_no_more_and_its_jobs_are_stopped() {
    let mut world = World::new("  a: {x}\n  b: {x, depends_on: [a]}\n");
    world.play("start; claim 1 remote; started a; defer a 2");
    let out = world.line("mark a 7").unwrap();
    let asked: Vec<String> = out
        .effects
        .iter()
        .map(|effect| crate::words::effect(&world.graph, effect))
        .collect();
    assert_eq!(asked, ["stop the jobs of a#1", "task a ended"]);
    assert_eq!(world.states(), "a success, b queued");
    // What is heard of them later changes nothing.
    world.play("job a 0 failed; ok a 8; stopped a#1 3");
    assert_eq!(world.states(), "a success, b queued");
    assert_eq!(
        world.instance("a").state,
        ork_core::run::State::Success {
            output: ork_core::task::Output::Inline("7".into())
        }
    );
}

#[test]
fn one_instance_can_be_marked_and_the_others_decide_with_it() {
    let mut world = World::new("  a: {x, parallel: 3}\n  b: {x, depends_on: [a]}\n");
    world.play("start; claim 9; ok a[0]; fail a[1] permanent one; fail a[2] oom two");
    assert_eq!(world.states(), "a failed (1 success, 2 failed), b skipped");
    world.play("mark a[1] 1");
    assert_eq!(
        (world.states().as_str(), world.status().as_str()),
        ("a failed (2 success, 1 failed), b skipped", "failed")
    );
    let failed = world.run.header.failed.clone().expect("still");
    assert_eq!(failed.why, "two", "what is left to blame");
    world.play("mark a[2]");
    assert_eq!(
        (world.states().as_str(), world.status().as_str()),
        ("a success (3 success), b queued", "running")
    );
    assert!(!world.instance("a[0]").is_marked());
    assert!(world.instance("a[1]").is_marked());
    // While others are at work.
    let mut world = World::new("  a: {x, parallel: 2}\n");
    world.play("start; claim 1; mark a[1]");
    assert_eq!(world.states(), "a dispatched (1 dispatched, 1 success)");
    world.play("ok a[0]");
    assert_eq!(world.status().as_str(), "success");
    // Failures that are tolerated.
    let mut world = World::new("  a: {x, parallel: 2, tolerate: 1}\n  b: {x, depends_on: [a]}\n");
    world.play("start; claim 9; ok a[0]; fail a[1] permanent; claim 9; ok b; mark a[1] 5");
    assert_eq!(
        (world.states().as_str(), world.status().as_str()),
        ("a success (2 success), b success", "success")
    );
}

#[test]
fn a_run_that_was_cancelled_stays_so_until_nothing_of_it_is() {
    let mut world = World::new("  a: {x}\n  b: {x, depends_on: [a]}\n");
    world.play("start; cancel; mark a");
    assert_eq!(
        (
            world.states().as_str(),
            world.status().as_str(),
            world.run.header.error.as_deref()
        ),
        (
            "a success, b cancelled",
            "cancelled",
            Some("somebody asked")
        )
    );
    world.play("mark b");
    assert_eq!(
        (world.status().as_str(), &world.run.header.error),
        ("success", &None)
    );
    let mut world = World::new("  a: {x}\n  b: {x, depends_on: [a]}\n");
    world.play("start; cancel; mark a; retry; claim 1; ok b");
    assert_eq!(
        (world.status().as_str(), world.instance("a").attempt),
        ("success", 0)
    );
}

#[test]
fn a_mark_that_makes_no_sense_is_refused_and_changes_nothing() {
    let typed = "  a: {x, output_type: int}\n";
    for (yaml, script, mark, why) in [
        ("  a: {x}\n", "", "mark a", "has not begun"),
        (
            "  a: {x}\n",
            "start; claim 1",
            "mark a",
            "at work (1 instance(s))",
        ),
        (
            "  a: {x, parallel: 3}\n",
            "start; claim 2",
            "mark a",
            "at work (2 instance(s))",
        ),
        (
            "  a: {x}\n",
            "start; claim 1; ok a",
            "mark a",
            "has succeeded already",
        ),
        (
            "  a: {x, parallel: 2}\n",
            "start",
            "mark a[2]",
            "has no instance 2: it has 2 so far",
        ),
        (
            "  z: {x}\n  a: {x, foreach: z, depends_on: [z]}\n",
            "start",
            "mark a[0]",
            "has no instance 0: it has 0 so far",
        ),
        (
            "  z: {x}\n  a: {x, foreach: z, depends_on: [z]}\n",
            "start",
            "mark a [1]",
            "nobody knows yet how many instances",
        ),
        ("  a: {x}\n", "start", "mark a {\"n\"", "is not JSON"),
        (typed, "start", "mark a \"seven\"", "is not of its type"),
    ] {
        let mut world = World::new(yaml);
        world.play(script);
        let before = world.states();
        let refused = world.refused(mark);
        assert!(refused.contains(why), "{mark}: {refused}");
        assert_eq!(world.states(), before);
    }
    let mut world = World::new("  a: {x}\n");
    world.play("start");
    let long = format!("mark a \"{}\"", "x".repeat(1024));
    assert!(
        world.refused(&long).contains("has 1026 bytes"),
        "as long as a page holds and no longer"
    );
    let mut world = World::only("  a: {x}\n  b: {x}\n", &[0]);
    world.play("start");
    assert!(world.refused("mark b").contains("was asked for"));
}

#[test]
fn what_was_marked_runs_again_when_it_is_cleared() {
    let mut world = World::new("  a: {x}\n  b: {x, depends_on: [a]}\n");
    world.play("start; claim 1; fail a permanent; mark a; claim 1; ok b; retry a");
    assert_eq!(world.states(), "a queued, b pending");
    world.play("claim 1; ok a; claim 1; ok b");
    assert!(!world.instance("a").is_marked());
    assert_eq!(
        (world.status().as_str(), world.instance("a").attempt),
        ("success", 2)
    );
}
