//! Start, heartbeat and run timeouts, deadlines, deferral: what time alone does, and that it asks again.

use ork_core::run::{Effect, Overdue};
use ork_core::time::Millis;

use crate::world::{MADE, World};

pub(crate) fn effects(world: &mut World, line: &str) -> String {
    let out = world.line(line).unwrap();
    out.effects
        .iter()
        .map(|effect| crate::words::effect(&world.graph, effect))
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn a_claim_that_nobody_took_up_is_checked_under_a_higher_fence_again_and_again() {
    let mut world = World::new("  a: {x, start_timeout: 250s}\n");
    world.play("start; claim 1 remote; +59s");
    assert_eq!(effects(&mut world, "tick"), "");
    world.play("+1s");
    assert_eq!(effects(&mut world, "tick"), "see whether a#1.2 has begun");
    assert_eq!(effects(&mut world, "tick"), "");
    for fence in 3..=5 {
        world.play("+60s");
        let check = format!("see whether a#1.{fence} has begun");
        assert_eq!(effects(&mut world, "tick"), check);
    }
    world.play("+10s");
    assert_eq!(effects(&mut world, "tick"), "reap a#1.5 (Start)");
    world.play("+30s");
    assert_eq!(
        effects(&mut world, "tick"),
        "reap a#1.5 (Start)",
        "a reaping that was not answered is asked for again"
    );
    world.play("fail a lost; +1s; tick");
    assert_eq!(world.states(), "a queued");
}

#[test]
fn a_short_start_timeout_has_the_claim_looked_at_before_it_is_over() {
    for (timeout, lease) in [
        ("8s", 2),
        ("100s", 25),
        ("1s", 1),
        ("1h", 60),
        ("1h, heartbeat_timeout: 20s", 20),
        ("20s, heartbeat_timeout: 20s", 5),
    ] {
        let mut world = World::new(&format!("  a: {{x, start_timeout: {timeout}}}\n"));
        world.play(&format!("start; claim 1 remote; +{}s", lease - 1));
        assert_eq!(effects(&mut world, "tick"), "", "{timeout}");
        world.play("+1s");
        let found = effects(&mut world, "tick");
        // Of one second nothing is left to look before.
        let expected = if timeout == "1s" {
            "reap a#1 (Start)"
        } else {
            "see whether a#1.2 has begun"
        };
        assert_eq!(found, expected, "{timeout}");
    }
}

#[test]
fn heartbeats_put_off_the_reaper_and_their_absence_calls_it() {
    let mut world = World::new("  a: {x, heartbeat_timeout: 100s}\n");
    world.play("start; claim 1 remote; started a; +90s; beat a; +90s");
    assert_eq!(
        effects(&mut world, "tick"),
        "",
        "the second sign of life counts"
    );
    world.play("+10s");
    assert_eq!(effects(&mut world, "tick"), "reap a#1 (Heartbeat)");
    world.play("beat a; +99s");
    assert_eq!(effects(&mut world, "tick"), "", "it lives after all");
    world.play("+1s");
    assert_eq!(effects(&mut world, "tick"), "reap a#1 (Heartbeat)");
}

#[test]
fn a_heartbeat_is_a_start_when_the_start_was_lost() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1 remote; beat a");
    assert_eq!(world.states(), "a running");
}

#[test]
fn a_heartbeat_from_a_clock_that_stepped_back_shortens_nothing() {
    let mut world = World::new("  a: {x, heartbeat_timeout: 100s}\n");
    world.play("start; claim 1 remote; +50s; started a");
    world.now = MADE;
    world.play("beat a; +140s");
    assert_eq!(effects(&mut world, "tick"), "");
}

#[test]
fn an_attempt_that_runs_too_long_is_reaped_however_lively_it_is() {
    let mut world = World::new("  a: {x, timeout: 100s, retries: {max: 1, delay: 0s}}\n");
    world.play("start; claim 1 remote; started a; +60s; beat a; +40s");
    assert_eq!(effects(&mut world, "tick"), "reap a#1 (Timeout)");
    world.play("beat a; +30s");
    assert_eq!(effects(&mut world, "tick"), "reap a#1 (Timeout)");
    world.play("fail a timeout; claim 1; ok a");
    assert_eq!(world.states(), "a success");
    assert_eq!(
        [
            Overdue::Start.category(),
            Overdue::Heartbeat.category(),
            Overdue::Timeout.category()
        ]
        .map(|c| c.as_str()),
        ["lost", "lost", "timeout"]
    );
}

#[test]
fn attempts_of_this_process_have_no_timers() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1");
    assert_eq!(world.run.next_timer(world.now), None);
    world.play("started a");
    assert_eq!(world.run.next_timer(world.now), None);
    world.play("+100h");
    assert_eq!(effects(&mut world, "tick"), "");
}

#[test]
fn a_back_off_ends_at_its_instant_and_not_before() {
    let mut world = World::new("  a: {x, retries: {max: 1, delay: 10s, jitter: false}}\n");
    world.play("start; claim 1; fail a unknown");
    assert_eq!(
        world
            .run
            .next_timer(world.now)
            .map(|at| at.since(world.now).0),
        Some(10_000)
    );
    world.play("+9999ms; tick");
    assert_eq!(world.states(), "a retrying");
    world.play("+1ms; tick");
    assert_eq!(world.states(), "a queued");
}

#[test]
fn a_deadline_stops_everything_and_fails_the_run() {
    let mut world = World::new(
        "name: t\ndeadline: 1h\ntasks:\n  a: {x}\n  b: {x}\n  c: {x, depends_on: [b]}\n  d: {run_as: {workflow: other}}\n",
    );
    world.play("start; claim 1; claim 0; ok a; claim 1; +59m; tick");
    assert_eq!(world.status().as_str(), "running");
    world.play("+1m");
    assert_eq!(
        effects(&mut world, "tick"),
        "stop b#1, task b ended, task c ended, stop the sub-workflow of d#1, task d ended, run ended failed"
    );
    assert_eq!(
        world.states(),
        "a success, b cancelled, c cancelled, d cancelled"
    );
    assert_eq!(
        world.run.header.error.as_deref(),
        Some("the run's deadline of 1h has passed")
    );
    world.play("ok b");
    // A retry has the whole span again.
    world.play("retry; +59m; tick");
    assert_eq!(world.status().as_str(), "running");
    world.play("+1m; tick");
    assert_eq!(world.status().as_str(), "failed");
}

#[test]
fn a_deadline_passes_in_a_paused_run_too() {
    let mut world = World::new("name: t\ndeadline: 10s\ntasks:\n  a: {x}\n");
    world.play("start; pause; +10s; tick");
    assert_eq!(world.status().as_str(), "failed");
}

#[test]
fn a_deferred_attempt_succeeds_when_all_its_jobs_are_done() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1 remote; started a; defer a 3; job a 2 done; job a 0 done; job a 0 done; job a 1 running");
    assert_eq!(world.states(), "a deferred");
    world.play("job a 1 done");
    assert_eq!(world.states(), "a success");
    assert!(
        matches!(world.state("a"), ork_core::run::State::Success { output } if !output.is_null())
    );
}

#[test]
fn sixty_four_jobs_are_taken_and_none_or_sixty_five_are_refused() {
    for (count, state) in [(64, "deferred"), (0, "failed"), (65, "failed")] {
        let mut world = World::new("  a: {x, retries: 3}\n");
        world
            .play("start; claim 1")
            .play(&format!("defer a {count}"));
        assert_eq!(world.states(), format!("a {state}"), "{count}");
        if count == 64 {
            for job in 0..64 {
                world.play(&format!("job a {job} done"));
            }
            assert_eq!(world.states(), "a success");
        }
    }
}

#[test]
fn a_deferred_job_that_fails_fails_the_attempt_and_stops_its_siblings() {
    let mut world = World::new("  a: {x, retries: {max: 1, delay: 0s}}\n");
    world.play("start; claim 1; defer a 2");
    assert_eq!(
        effects(&mut world, "job a 1 failed"),
        "stop the jobs of a#1"
    );
    assert_eq!(
        world.why("a"),
        "retrying: deferred job 1 failed: it said no"
    );
    world.play("claim 1; started a");
    assert_eq!(
        world.states(),
        "a retrying",
        "not before the other job is over"
    );
    world.play("stopped a#1 3; claim 1; defer a 1; job a#1 0 done");
    assert_eq!(
        world.states(),
        "a deferred",
        "the answer was about jobs of an earlier attempt"
    );
}

#[test]
fn deferred_jobs_are_asked_about_in_time_and_again_when_there_is_no_answer() {
    let mut world = World::new("  a: {x, timeout: 10m}\n");
    world.play("start; claim 1; defer a 2; +9s");
    assert_eq!(effects(&mut world, "tick"), "");
    world.play("+1s");
    assert_eq!(effects(&mut world, "tick"), "ask about the jobs of a#1");
    world.play("+29s");
    assert_eq!(effects(&mut world, "tick"), "");
    world.play("+1s");
    assert_eq!(effects(&mut world, "tick"), "ask about the jobs of a#1");
    world.play("job a 0 running; job a 1 done; +10s");
    assert_eq!(
        effects(&mut world, "tick"),
        "ask about the jobs of a#1",
        "a job that is done does not put off the question about the other"
    );
}

#[test]
fn deferred_jobs_that_take_too_long_are_stopped() {
    let mut world = World::new("  a: {x, timeout: 60s}\n");
    world.play("start; claim 1; started a; +50s; defer a 1; +10s");
    assert_eq!(
        effects(&mut world, "tick"),
        "ask about the jobs of a#1",
        "once more: the deferral itself may have been heard of late"
    );
    world.play("job a 0 running; +29s");
    assert_eq!(effects(&mut world, "tick"), "", "time for the answer");
    world.play("+1s");
    assert_eq!(
        effects(&mut world, "tick"),
        "stop the jobs of a#1, task a ended, run ended failed"
    );
    assert_eq!(
        world.why("a"),
        "failed: its deferred jobs were not done within 1m"
    );
}

#[test]
fn a_verdict_after_the_deferral_is_nobodys() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; defer a 1; ok a; fail a lost; defer a 2; beat a; started a");
    assert_eq!(world.states(), "a deferred");
}

#[test]
fn a_sub_workflow_is_looked_at_again_until_its_end_is_known() {
    let mut world = World::new(
        "  a: {run_as: {workflow: other}, timeout: 200s, retries: {max: 1, delay: 0s}}\n",
    );
    world.play("start");
    assert_eq!(
        effects(&mut world, "claim 0"),
        "start the sub-workflow of a#1"
    );
    world.play("+60s");
    assert_eq!(
        effects(&mut world, "tick"),
        "start the sub-workflow of a#1",
        "the start is safe to repeat and finds the child"
    );
    world.play("+140s");
    assert_eq!(
        effects(&mut world, "tick"),
        "stop the sub-workflow of a#1",
        "too long: the child is stopped"
    );
    assert_eq!(world.states(), "a queued");
    world.play("claim 0; child a#1 success");
    assert_eq!(
        world.states(),
        "a running",
        "the end of an earlier child is stale"
    );
    world.play("child a success");
    assert_eq!(world.states(), "a success");
}

#[test]
fn a_sub_workflow_that_ends_badly_fails_its_task() {
    for status in ["failed", "cancelled"] {
        let mut world = World::new("  a: {run_as: {workflow: other}}\n");
        world
            .play("start; claim 0; child a running")
            .play(&format!("child a {status}"));
        assert_eq!(
            world.why("a"),
            format!("failed: run child-1 of the sub-workflow is {status}")
        );
    }
}

#[test]
fn an_owner_that_is_gone_takes_its_attempts_with_it_uncharged() {
    let mut world =
        World::new("  a: {x, parallel: 3}\n  child: {run_as: {workflow: other}}\n  paused: {x}\n");
    world.play("start; claim 4; started a[0]; defer a[2] 1; pause paused; owner_lost");
    assert_eq!(
        world.states(),
        "a deferred (2 queued, 1 deferred), child running, paused paused"
    );
    world.play("ok a[0]#1; claim 9; ok a[0]; ok a[1]");
    assert_eq!(
        (
            world.instance("a[0]").attempt,
            world.instance("a[0]").failures,
            world.instance("a[2]").attempt
        ),
        (2, 0, 1)
    );
    assert_eq!(world.run.header.owner.as_deref(), Some("next"));
}

#[test]
fn a_run_that_waits_for_its_place_is_looked_at_less_often_the_longer_it_has_waited() {
    let mut world = World::new("  a: {x}\n");
    for (pass, pause) in [
        ("+0s", ork_core::limits::PENDING_CHECK),
        ("+3m", ork_core::limits::PENDING_CHECK),
        ("+17m", Millis::from_secs(300)),
        ("+10h", ork_core::limits::PENDING_CHECK_LONGEST),
    ] {
        world.play(pass);
        assert_eq!(
            world.run.next_wake_at(world.now),
            Some(world.now + pause),
            "{pass} further on"
        );
    }
    assert_eq!(effects(&mut world, "tick"), "");
}

#[test]
fn a_ready_instance_that_nobody_claims_is_announced_again() {
    let mut world = World::new("  a: {x}\n");
    world.play("start");
    assert_eq!(
        world.run.next_wake_at(world.now),
        Some(world.now + ork_core::limits::ANNOUNCE_AGAIN)
    );
    world.play("pause");
    assert_eq!(
        world.run.next_wake_at(world.now),
        Some(world.now + ork_core::limits::WAKE_NET)
    );
}

#[test]
fn a_condition_whose_answer_was_lost_is_asked_for_again() {
    let mut world = World::new("  a: {x, when: \"{{ run.id == 'x' }}\"}\n");
    world.play("start");
    assert_eq!(effects(&mut world, "tick"), "resolve a for generation 0");
}

#[test]
fn polls_and_heartbeats_leave_no_timers_behind() {
    let mut world = World::new("  a: {x, timeout: 24h}\n  b: {x, timeout: 24h}\n");
    world.play("start; claim 2 remote; started b; defer a 2");
    let size = |world: &World| format!("{:?}", world.run).matches("(Time(").count();
    let mut sizes = Vec::new();
    for _ in 0..200 {
        world.play("+70s; tick; job a 0 running; job a 1 running; beat b");
        sizes.push(size(&world));
        world.trace.clear();
    }
    assert_eq!(sizes[20], sizes[199], "the number of timers does not grow");
    let out = world.line("tick").unwrap();
    assert!(
        !out.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Reap { .. }))
    );
}

#[test]
fn a_new_owner_whose_clock_is_behind_waits_no_longer_than_the_policy_allows() {
    let mut world =
        World::new("  a: {x, retries: {max: 1, delay: 10s, backoff: fixed, max_delay: 20s}}\n");
    world.play("start; claim 1; started a; fail a unknown");
    assert_eq!(world.states(), "a retrying");
    world.now = world.now - ork_core::time::Millis::from_secs(3600);
    world.play("owner_lost");
    assert_eq!(world.states(), "a retrying");
    world.play("+19s; tick");
    assert_eq!(world.states(), "a retrying");
    world.play("+1s; tick");
    assert_eq!(world.states(), "a queued");
}

#[test]
fn an_attempt_that_is_first_heard_of_by_its_verdict_lasted_as_long_as_its_worker_says() {
    let yaml = "  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b]}\n";
    let mut world = World::new(yaml);
    let created = world.now;
    world.play("start; claim 1 remote; +5s; metered a 1 2s");
    let a = world.run.instance(0, 0).unwrap();
    assert_eq!(a.started_at, Some(created + Millis(3_000)));
    // What was known before is not changed by it.
    world.play("claim 1 remote; +1s; started b; +5s; metered b 1 1s");
    let b = world.run.instance(1, 0).unwrap();
    assert_eq!(b.started_at, Some(created + Millis(6_000)));
    // A clock that says nonsense says neither anything from before the run nor more than the task's timeout.
    world.play("claim 1 remote; +1s; metered c 1 9000h");
    let c = world.run.instance(2, 0).unwrap();
    assert_eq!(c.started_at, Some(created));
}
