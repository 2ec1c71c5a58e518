//! Cancel, retry and recover.

use ork_core::limits;
use ork_core::run::RunStatus;

use crate::world::World;

#[test]
fn cancelling_ends_every_instance_in_each_state_it_can_be_in() {
    let mut world = World::new(
        "  a: {x, parallel: 7, retries: {max: 1, delay: 10s, jitter: false}}\n  b: {x, depends_on: [a]}\n  p: {x}\n  w: {x, when: \"{{ run.id == 'x' }}\"}\n  s: {x, depends_on: [f]}\n  f: {x, priority: 1}\n  c: {run_as: {workflow: o}}\n",
    );
    world.play("start; claim 7; fail f permanent; started a[0]; defer a[1] 1; fail a[2] unknown; ok a[4]; pause p");
    assert_eq!(
        world.states(),
        "a running (1 queued, 2 dispatched, 1 running, 1 deferred, 1 retrying, 1 success), b pending, p paused, w pending, s skipped, f failed, c running"
    );
    let out = world.line("cancel").unwrap();
    let stopped = out
        .effects
        .iter()
        .map(|effect| crate::words::effect(&world.graph, effect))
        .filter(|text| text.starts_with("stop"))
        .collect::<Vec<_>>();
    assert_eq!(
        stopped,
        [
            "stop a[0]#1",
            "stop the jobs of a[1]#1",
            "stop a[3]#1",
            "stop a[5]#1",
            "stop the sub-workflow of c#1"
        ]
    );
    assert_eq!(
        world.states(),
        "a cancelled (1 success, 6 cancelled), b cancelled, p cancelled, w cancelled, s skipped, f failed, c cancelled"
    );
    assert_eq!(
        (world.status().as_str(), world.run.header.error.as_deref()),
        ("cancelled", Some("somebody asked"))
    );
    // Nothing begins after a cancel, whatever arrives.
    for late in [
        "claim 9",
        "tick",
        "ok a[0]",
        "fail a[3] unknown",
        "started a[5]",
        "job a[1] 0 done",
        "child c success",
        "resolve w run 1",
        "owner_lost",
        "start",
        "+1h",
        "tick",
    ] {
        world.play(late);
        assert_eq!(world.run.counts().in_flight(), 0, "{late}");
    }
    assert!(world.refused("cancel").contains("already cancelled"));
}

#[test]
fn a_run_can_be_cancelled_before_it_begins_and_while_it_is_paused_or_recovering() {
    for script in [
        "",
        "start; pause",
        "start; claim 1; fail a permanent; recover failed",
        "start; claim 1; started a",
    ] {
        let mut world = World::new("  a: {x}\n");
        world.play(script).play("cancel");
        assert_eq!(world.status().as_str(), "cancelled", "{script}");
        world.play("claim 9; tick");
        world.play("retry; claim 1; ok a");
        assert_eq!(world.status().as_str(), "success", "{script}");
    }
}

#[test]
fn a_retry_runs_what_failed_or_was_cancelled_and_everything_after_it() {
    let mut world = World::new(
        "  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b], trigger: all_done}\n  d: {x}\n",
    );
    world.play("start; claim 9; ok a; ok d; claim 9; fail b permanent; claim 9; ok c");
    assert_eq!(world.status().as_str(), "failed");
    world.play("retry");
    assert_eq!(world.states(), "a success, b queued, c pending, d success");
    world.play("claim 9; ok b; claim 9; ok c");
    assert_eq!(
        (
            world.status().as_str(),
            world.instance("c").attempt,
            world.instance("d").attempt
        ),
        ("success", 2, 1)
    );
}

#[test]
fn a_retry_is_refused_while_the_run_goes_on_and_when_nothing_failed() {
    let mut world = World::new("  a: {x}\n");
    assert!(world.refused("retry").contains("while it is pending"));
    world.play("start");
    assert!(world.refused("retry").contains("while it is running"));
    assert!(
        world
            .refused("recover failed")
            .contains("while it is running")
    );
    assert!(
        world
            .refused("retry a")
            .contains("cannot be retried: it is queued")
    );
    world.play("claim 1; ok a");
    assert!(
        world
            .refused("retry")
            .contains("nothing in run run-1 failed")
    );
    assert!(
        world
            .refused("recover failed")
            .contains("nothing in run run-1 failed")
    );
}

#[test]
fn one_task_can_be_retried_while_the_run_goes_on_and_what_followed_it_is_stopped() {
    let mut world =
        World::new("  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b]}\n  d: {x}\n");
    world.play("start; claim 9; ok a; claim 9; started b");
    let out = world.line("retry a").unwrap();
    assert_eq!(
        out.effects
            .iter()
            .map(|e| crate::words::effect(&world.graph, e))
            .collect::<Vec<_>>(),
        ["stop b#1"]
    );
    assert_eq!(
        world.states(),
        "a queued, b pending, c pending, d dispatched"
    );
    world.play("ok b; claim 9; ok a; ok b#1; claim 9; ok b; claim 9; ok c; ok d");
    assert_eq!(
        (
            world.status().as_str(),
            world.instance("a").attempt,
            world.instance("b").attempt
        ),
        ("success", 2, 2)
    );
}

#[test]
fn a_task_that_succeeded_is_run_again_when_it_is_retried_and_so_is_what_follows() {
    let mut world = World::new("  a: {x, parallel: 2}\n  b: {x, depends_on: [a]}\n");
    world.play("start; claim 9; ok a[0]; ok a[1]; claim 9; ok b; retry a");
    assert_eq!(world.states(), "a queued (2 queued), b pending");
}

#[test]
fn retrying_a_fan_out_with_failures_runs_only_those() {
    let mut world = World::new("  a: {x, parallel: 3, tolerate: 1}\n");
    world.play("start; claim 9; ok a[0]; fail a[1] permanent; ok a[2]");
    assert_eq!(world.status().as_str(), "success");
    world.play("retry a");
    assert_eq!(world.states(), "a running (1 queued, 2 success)");
    world.play("claim 9; ok a[1]");
    assert_eq!(
        (world.status().as_str(), world.instance("a[1]").attempt),
        ("success", 2)
    );
}

#[test]
fn retrying_a_skipped_task_asks_its_rule_again() {
    let mut world = World::new("  a: {x}\n  b: {x, depends_on: [a]}\n");
    world.play("start; claim 1; fail a permanent; retry b");
    assert_eq!(
        (world.states().as_str(), world.status().as_str()),
        ("a failed, b skipped", "failed")
    );
}

#[test]
fn a_recovery_runs_from_the_chosen_place_and_keeps_what_lies_before() {
    let yaml = "  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b]}\n  d: {x}\n";
    for (from, states) in [
        ("failed", "a success, b queued, c pending, d success"),
        ("b", "a success, b queued, c pending, d success"),
        ("a", "a queued, b pending, c pending, d success"),
        ("step 0", "a queued, b pending, c pending, d queued"),
        ("step 2", "a success, b failed, c skipped, d queued"),
    ] {
        let mut world = World::new(yaml);
        world
            .play("start; claim 9; ok a; ok d; claim 9; fail b permanent")
            .play(&format!("recover {from}"));
        assert_eq!(
            (world.states().as_str(), world.status().as_str()),
            (states, "recovering"),
            "{from}"
        );
        assert_eq!(world.run.header.recovery_attempts, 1);
    }
    let mut world = World::new(yaml);
    world.play("start; cancel");
    assert_eq!(
        world.refused("recover step 4"),
        "there is no step 4: this workflow has 4 step(s), counted from 0"
    );
}

#[test]
fn a_run_is_recovered_no_more_often_than_its_workflow_says() {
    let mut world = World::new("name: t\nmax_recovery_attempts: 2\ntasks:\n  a: {x}\n");
    world.play("start; claim 1; fail a permanent; recover failed; claim 1; fail a permanent; recover step 0; claim 1; fail a permanent");
    assert!(
        world
            .refused("recover failed")
            .contains("recovered 2 time(s), which is its limit")
    );
    world.play("retry; claim 1; ok a");
    assert_eq!(
        (
            world.status().as_str(),
            world.instance("a").attempt,
            world.run.header.recovery_attempts
        ),
        ("success", 4, 2)
    );
}

#[test]
fn attempts_and_fences_only_rise_whatever_is_done_to_a_run() {
    let mut world = World::new(
        "  a: {x, retries: {max: 1, delay: 0s}}\n  m: {executor: marker, depends_on: [a]}\n",
    );
    world.play(
        "start; claim 1 remote; +60s; tick; owner_lost; claim 1; fail a unknown; claim 1; ok a",
    );
    assert_eq!(
        (world.instance("a").attempt, world.instance("a").fence),
        (3, 4)
    );
    world.play("recover a; claim 1; cancel; retry; claim 1; ok a; retry a; claim 1; ok a");
    assert_eq!(
        (world.instance("a").attempt, world.instance("m").attempt),
        (6, 3)
    );
}

#[test]
fn a_run_whose_workers_may_speak_yet_or_that_tells_somebody_is_not_removed() {
    let hook = "notifications: [{on: success, webhook: \"https://example.com/\"}]";
    for (yaml, story, why, then) in [
        (
            "  a: {x}\n",
            "start; claim 1 remote; started a; cancel",
            "is looked for until",
            "+60s; tick; +540s; tick",
        ),
        (
            &format!("name: w\n{hook}\ntasks:\n  a: {{command: work}}\n"),
            "start; claim 1; ok a",
            "still to be told how it ended",
            "told success.0.1 received",
        ),
    ] {
        let mut world = World::new(yaml);
        world.play(story);
        let now = format!("remove {}", world.run.header.finished_at.expect("an end").0);
        let refused = world.refused(&now);
        assert!(refused.contains(why), "{refused}");
        world.play(then).play(&now);
        assert!(world.run.header.removing, "{why}");
    }
}

#[test]
fn a_run_is_removed_once_it_is_old_enough_and_nothing_of_it_is_left_to_do() {
    let mut world = World::new("  a: {x}\n");
    assert!(world.refused("remove 0").contains("while it is pending"));
    world.play("start; claim 1 remote; defer a 1; cancel");
    assert!(world.refused("remove 0").contains("not old enough"));
    let ended = world.run.header.finished_at.expect("it ended").0;
    let early = format!("remove {}", ended - 1);
    assert!(world.refused(&early).contains("not old enough"));
    let now = format!("remove {ended}");
    assert!(world.refused(&now).contains("still to be stopped"));
    world.play("stopped a 1");
    assert_eq!(world.run.clone().next_wake_at(world.now), None);
    world.play(&now);
    assert!(world.run.header.removing);
    assert_eq!(
        world.run.clone().next_wake_at(world.now),
        Some(world.now + limits::REMOVE_AGAIN)
    );
    for refused in ["retry", "retry a", "recover failed", "cancel", "pause"] {
        assert!(
            world.refused(refused).contains("is being removed"),
            "{refused}"
        );
    }
    // What is begun is carried through, whoever asks and however often.
    world.play("remove 0");
    assert!(
        world.trace.matches("remove the run").count() == 2,
        "{}",
        world.trace
    );
    world.play("+5m; tick");
    assert!(
        world.trace.matches("remove the run").count() == 3,
        "{}",
        world.trace
    );
    assert_eq!(world.status(), RunStatus::Cancelled);
}
