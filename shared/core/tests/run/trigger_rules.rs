//! When a task runs, seen from how its upstreams ended.

use crate::world::World;

#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Success,
    Failed,
    Skipped,
    Cancelled,
}
use End::{Cancelled, Failed, Skipped, Success};
const ENDS: [End; 4] = [Success, Failed, Skipped, Cancelled];

const WHEN: &str = "when: \"{{ run.id == 'x' }}\"";

fn world(rule: &str, upstreams: usize) -> World {
    let mut tasks = String::new();
    for at in 0..upstreams {
        tasks += &format!("  u{at}: {{x, {WHEN}}}\n");
    }
    let names: Vec<String> = (0..upstreams).map(|at| format!("u{at}")).collect();
    tasks += &format!(
        "  d: {{x, depends_on: [{}], trigger: {rule}}}\n",
        names.join(", ")
    );
    let mut world = World::new(&tasks);
    world.play("start");
    world
}

fn end(world: &mut World, at: usize, end: End) {
    match end {
        Success => world.play(&format!("resolve u{at} run 1; claim 1; ok u{at}")),
        Failed => world.play(&format!(
            "resolve u{at} run 1; claim 1; fail u{at} permanent"
        )),
        Skipped => world.play(&format!("resolve u{at} skip")),
        // A cancelled upstream of a task that can still run: the run was cancelled and only the task is retried.
        Cancelled => world.play("cancel; retry d"),
    };
}

/// `run`, `skip` or `wait`.
fn decision(world: &World) -> &'static str {
    match world.instance("d").status().as_str() {
        "pending" => "wait",
        "skipped" => "skip",
        "queued" => "run",
        other => panic!("d is {other}"),
    }
}

/// What the rules say in words, restated without looking at the code under test.
fn expected(rule: &str, ends: &[End], all: bool) -> &'static str {
    let has = |end: End| ends.contains(&end);
    let bad = has(Failed) || has(Cancelled);
    match rule {
        // A skip alone may be followed by a failure, which counts for more below.
        "all_success" if bad || (all && has(Skipped)) => "skip",
        "none_failed" if bad => "skip",
        "one_success" if has(Success) => "run",
        "one_failed" if has(Failed) => "run",
        _ if !all => "wait",
        "one_success" | "one_failed" => "skip",
        _ => "run",
    }
}

const RULES: [&str; 6] = [
    "all_success",
    "all_done",
    "one_success",
    "one_failed",
    "none_failed",
    "always",
];

#[test]
fn each_rule_decides_on_each_end_of_one_upstream() {
    for rule in RULES {
        for ended in ENDS {
            let mut world = world(rule, 1);
            assert_eq!(decision(&world), "wait", "{rule}");
            end(&mut world, 0, ended);
            assert_eq!(
                decision(&world),
                expected(rule, &[ended], true),
                "{rule} after {ended:?}"
            );
        }
    }
}

#[test]
fn each_rule_decides_on_each_pair_of_ends_as_early_as_it_may() {
    for rule in RULES {
        for (first, second) in ENDS.iter().flat_map(|&a| ENDS.map(|b| (a, b))) {
            let mut world = world(rule, 2);
            if first != Cancelled {
                end(&mut world, 0, first);
                assert_eq!(
                    decision(&world),
                    expected(rule, &[first], false),
                    "{rule} after {first:?} alone"
                );
            } else if second != Cancelled {
                // Cancelling ends both; the pair is met in the other order.
                continue;
            }
            // Claiming the second upstream must not take the task that may be ready already.
            let over = decision(&world) == "skip";
            if !over {
                world.play("pause d");
            }
            end(&mut world, 1, second);
            if !over && world.run.task(2).paused {
                let _skipped_meanwhile = world.line("resume d");
            }
            assert_eq!(
                decision(&world),
                expected(rule, &[first, second], true),
                "{rule} after {first:?} and {second:?}"
            );
        }
    }
}

#[test]
fn the_hand_written_rows_of_the_table_hold() {
    // A second opinion on `expected`, spelled out for the rules people confuse.
    for (rule, ends, decision) in [
        ("none_failed", &[Success, Skipped][..], "run"),
        ("none_failed", &[Skipped, Skipped], "run"),
        ("none_failed", &[Success, Cancelled], "skip"),
        ("one_failed", &[Skipped, Success], "skip"),
        ("one_success", &[Failed, Failed], "skip"),
        ("all_done", &[Failed, Cancelled], "run"),
        ("always", &[Cancelled], "run"),
        ("all_success", &[Success, Skipped], "skip"),
    ] {
        assert_eq!(expected(rule, ends, true), decision, "{rule} {ends:?}");
    }
}

#[test]
fn a_root_runs_unless_its_rule_asks_for_a_failure() {
    for rule in RULES {
        let mut world = World::new(&format!("  d: {{x, trigger: {rule}}}\n"));
        world.play("start");
        assert_eq!(
            decision(&world),
            if rule == "one_failed" { "skip" } else { "run" },
            "{rule}"
        );
    }
}

#[test]
fn on_failure_run_runs_after_a_failed_upstream_and_after_a_good_one() {
    for end in ["ok a", "fail a permanent"] {
        let mut world = World::new("  a: {x}\n  b: {x, depends_on: [a], on_failure: run}\n");
        world.play("start; claim 1").play(end);
        assert_eq!(world.instance("b").status().as_str(), "queued", "{end}");
    }
}

#[test]
fn a_skip_names_its_cause_all_the_way_down() {
    let mut world = World::new(
        "  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b]}\n  d: {x, depends_on: [c], trigger: one_success}\n  e: {x, depends_on: [d], trigger: all_done}\n",
    );
    world.play("start; claim 1; fail a permanent no such table");
    assert_eq!(world.why("a"), "failed: no such table");
    assert_eq!(world.why("b"), "skipped: upstream a failed");
    assert_eq!(world.why("c"), "skipped: upstream a failed");
    assert_eq!(world.why("d"), "skipped: upstream a failed");
    assert_eq!(world.why("e"), "queued");
    world.play("claim 1; ok e");
    assert_eq!(
        world.status().as_str(),
        "failed",
        "a run with a failed task fails, whatever ran after it"
    );
}

#[test]
fn a_skip_after_a_failure_counts_as_a_failure_for_the_rules_below_it() {
    let mut world = World::new(
        "  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b], trigger: none_failed}\n  d: {x, depends_on: [b], trigger: one_failed}\n",
    );
    world.play("start; claim 1; fail a permanent");
    assert_eq!(world.why("c"), "skipped: upstream a failed");
    assert_eq!(world.why("d"), "queued");
}

#[test]
fn a_condition_that_is_false_skips_and_the_run_still_succeeds() {
    let mut world = World::new(&format!(
        "  a: {{x, {WHEN}}}\n  b: {{x, depends_on: [a]}}\n  c: {{x, depends_on: [a], trigger: none_failed}}\n"
    ));
    world.play("start; resolve a skip; claim 9; ok c");
    assert_eq!(world.why("a"), "skipped: its `when` is false");
    assert_eq!(world.states(), "a skipped, b skipped, c success");
    assert_eq!(world.status().as_str(), "success");
}

#[test]
fn a_condition_that_is_true_lets_the_task_run() {
    let mut world = World::new(&format!("  a: {{x, {WHEN}}}\n"));
    world.play("start; resolve a run 1; claim 9; ok a");
    assert_eq!(world.status().as_str(), "success");
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_the_task_without_an_attempt() {
    let mut world = World::new(&format!(
        "  a: {{x, {WHEN}, retries: 3}}\n  b: {{x, depends_on: [a]}}\n"
    ));
    world.play("start; resolve a failed");
    assert_eq!(
        (world.states().as_str(), world.instance("a").attempt),
        ("a failed, b skipped", 0)
    );
    assert_eq!(world.why("a"), "failed: there is no such field");
}

#[test]
fn an_answer_for_an_earlier_life_of_a_task_is_ignored() {
    let mut world = World::new(&format!(
        "  a: {{x}}\n  b: {{x, depends_on: [a], {WHEN}}}\n"
    ));
    world.play("start; claim 1; ok a");
    let late = crate::words::event(&world, "resolve b skip");
    world.play("retry a; claim 1; ok a");
    world.apply(&late).unwrap();
    assert_eq!(
        world.run.unresolved(),
        [(1, 1)],
        "the new life is still being evaluated"
    );
    world.play("resolve b run 1");
    assert_eq!(world.states(), "a success, b queued");
}

#[test]
fn a_run_that_was_asked_for_some_tasks_stays_with_them() {
    let yaml = "  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b], trigger: all_done}\n  other: {x}\n";
    let mut world = World::only(yaml, &[0, 1]);
    world.play("start; claim 9; ok a; claim 9; fail b permanent");
    assert_eq!(
        world.states(),
        "a success, b failed, c skipped, other skipped"
    );
    assert_eq!(world.why("c"), "skipped: it was not asked for");
    assert!(world.refused("retry c").contains("not among the tasks"));
    assert!(
        world
            .refused("recover other")
            .contains("not among the tasks")
    );
    world.play("recover failed; claim 9; ok b");
    assert_eq!(
        (world.states().as_str(), world.status().as_str()),
        ("a success, b success, c skipped, other skipped", "success")
    );
    world.play("recover step 0; claim 9; ok a; claim 9; ok b");
    assert_eq!(
        world.states(),
        "a success, b success, c skipped, other skipped"
    );
    // Cancelled before it began: nothing was skipped yet, and a retry still knows what was asked for.
    let mut world = World::only(yaml, &[0]);
    world.play("cancel; retry; claim 9; ok a");
    assert_eq!(
        world.states(),
        "a success, b skipped, c skipped, other skipped"
    );
}
