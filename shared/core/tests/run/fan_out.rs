//! How many instances a task gets and how their ends make its own.

use ork_core::run::{Event, NoteKind, Out, Resolution};
use ork_core::{limits, run::InstanceStatus};

use crate::world::World;

const LIST: &str = "  list: {executor: marker}\n";

fn fan(extra: &str) -> World {
    let mut world = World::new(&format!(
        "{LIST}  each: {{x, depends_on: [list], foreach: list{extra}}}\n  after: {{x, depends_on: [each]}}\n"
    ));
    world.play("start");
    world
}

#[test]
fn a_fixed_number_of_instances_needs_no_evaluation() {
    let mut world = World::new("  a: {x, parallel: 3}\n");
    world.play("start");
    assert_eq!(world.states(), "a queued (3 queued)");
}

#[test]
fn foreach_batch_and_both_multiplied_get_the_number_that_was_evaluated() {
    for extra in ["", ", batch: 10", ", parallel: 2"] {
        let mut world = fan(extra);
        assert_eq!(world.run.unresolved(), [(1, 0)], "{extra}");
        world.play("resolve each run 4; claim 9; ok each[3]; ok each[0]; ok each[2]; ok each[1]");
        assert_eq!(
            world.states(),
            "list success, each success (4 success), after queued",
            "{extra}"
        );
    }
}

#[test]
fn no_items_is_success_at_once() {
    let mut world = fan("");
    world.play("resolve each run 0");
    assert_eq!(
        world.states(),
        "list success, each success (), after queued"
    );
}

#[test]
fn a_task_that_does_not_fan_out_has_one_instance_whatever_is_answered() {
    let mut world = World::new("  a: {x, when: \"{{ run.id == 'x' }}\"}\n");
    world.play("start; resolve a run 7; claim 9; ok a");
    assert_eq!(world.status().as_str(), "success");
}

#[test]
fn a_hundred_thousand_instances_are_taken_and_one_more_is_refused() {
    for (n, taken) in [
        (limits::INSTANCES_PER_TASK, true),
        (limits::INSTANCES_PER_TASK + 1, false),
    ] {
        let mut world = fan("");
        world.thorough = false;
        world.play(&format!("resolve each run {n}"));
        assert_eq!(
            world.run.counts().of(InstanceStatus::Queued),
            if taken { n } else { 0 }
        );
        if !taken {
            assert!(
                world
                    .why("each")
                    .starts_with("failed: it would have 100001 instances; a task may have 100000"),
                "{}",
                world.why("each")
            );
            assert_eq!(world.why("after"), "skipped: upstream each failed");
        }
        world.check_quickly();
    }
}

#[test]
fn a_run_takes_no_more_instances_than_its_documents_have_room_for() {
    let mut world = World::quick(
        "  a: {x, parallel: 100000}\n  b: {x, parallel: 12639}\n  c: {x}\n  d: {x, parallel: 1}\n",
    );
    world.play("start");
    assert_eq!(
        world.run.counts().of(InstanceStatus::Queued),
        100_000 + 12_639 + 1
    );
    assert!(
        world.why("d").contains("and a run 112640"),
        "{}",
        world.why("d")
    );
    world.check_quickly();
}

#[test]
fn a_task_that_fails_fast_ends_its_other_instances_once_too_many_have_failed() {
    let mut world = fan(", tolerate: 1, fail_fast: true, retries: {max: 1, delay: 1s}");
    world.play(
        "resolve each run 6; claim 4 remote; started each[0]; started each[3]; defer each[2] 2",
    );
    world.play("fail each[0] permanent; ok each[1]");
    let waits = world.states();
    world.play("fail each[3] unknown");
    assert_eq!(
        world.run.task(1).counts().of(InstanceStatus::Cancelled),
        0,
        "{waits}: one may fail, and one will be tried again"
    );
    world.play("+1s; tick; claim 1 remote");
    let out = world.line("fail each[3] permanent").unwrap();
    let asked: Vec<_> = out
        .effects
        .iter()
        .map(|effect| crate::words::effect(&world.graph, effect))
        .collect();
    assert!(
        asked.contains(&"stop the jobs of each[2]#1".to_owned()),
        "{asked:?}"
    );
    assert_eq!(
        world.run.task(1).status().as_str(),
        "failed",
        "and not cancelled: {}",
        world.states()
    );
    let of = |status| world.run.task(1).counts().of(status);
    assert_eq!(
        [
            InstanceStatus::Failed,
            InstanceStatus::Success,
            InstanceStatus::Cancelled
        ]
        .map(of),
        [2, 1, 3]
    );
    let ended = out
        .notes
        .iter()
        .find(|note| matches!(note.kind, NoteKind::SiblingsEnded { failed: 2, left: 3 }));
    assert!(ended.is_some(), "{:?}", out.notes);
    // The others have another chance with those that failed.
    world.play("retry");
    assert_eq!(
        world.run.task(1).counts().of(InstanceStatus::Pending),
        5,
        "{}",
        world.states()
    );
    world.check();
}

#[test]
fn without_it_the_others_go_on() {
    let mut world = fan("");
    world.play("resolve each run 3; claim 3; fail each[0] permanent");
    assert_eq!(world.run.task(1).counts().of(InstanceStatus::Cancelled), 0);
    assert_eq!(world.run.task(1).counts().ended(), 1, "{}", world.states());
}

#[test]
fn tolerated_failures_leave_the_task_a_success_and_one_more_does_not() {
    for (extra, instances, allowed) in [
        ("", 4, 0),
        (", tolerate: 2", 4, 2),
        (", tolerate: 50%", 4, 2),
        (", tolerate: 50%", 5, 2),
        (", tolerate: 5%", 19, 0),
        (", tolerate: 5%", 20, 1),
    ] {
        for (failing, ends) in [(allowed, "success"), (allowed + 1, "failed")] {
            let mut world = fan(extra);
            world.play(&format!("resolve each run {instances}; claim 99"));
            for index in 0..instances {
                world.play(&if index < failing {
                    format!("fail each[{index}] permanent")
                } else {
                    format!("ok each[{index}]")
                });
            }
            assert_eq!(
                world.run.task(1).status().as_str(),
                ends,
                "{failing} of {instances} failed with `{extra}`"
            );
        }
    }
}

#[test]
fn a_marker_is_done_as_soon_as_it_is_ready_and_so_are_ten_thousand() {
    let mut world = World::quick(
        "  a: {executor: marker}\n  fan: {executor: marker, depends_on: [a], parallel: 10000}\n  z: {executor: marker, depends_on: [fan]}\n",
    );
    world.play("start");
    assert_eq!(
        (world.states().as_str(), world.status().as_str()),
        (
            "a success, fan success (10000 success), z success",
            "success"
        )
    );
    assert_eq!(world.instance("fan[9999]").attempt, 1);
    world.check_quickly();
}

#[test]
fn a_fan_out_that_is_run_again_may_shrink_and_grow_and_its_attempts_only_rise() {
    let mut world = fan("");
    let life = |world: &mut World, n: u32| {
        world.play(&format!("resolve each run {n}; claim 99"));
        for index in 0..n {
            world.play(&format!("ok each[{index}]"));
        }
        world.play("claim 9; ok after");
        assert_eq!(world.status().as_str(), "success");
        (0..n)
            .map(|index| world.instance(&format!("each[{index}]")).attempt)
            .collect::<Vec<_>>()
    };
    assert_eq!(life(&mut world, 3), [1, 1, 1]);
    world.play("recover each");
    assert_eq!(life(&mut world, 1), [2]);
    world.play("recover each");
    assert_eq!(life(&mut world, 5), [3, 2, 2, 1, 1]);
    world.play("recover each");
    assert_eq!(life(&mut world, 2), [4, 3]);
}

#[test]
fn a_retried_fan_out_keeps_what_succeeded_also_when_it_comes_back_smaller() {
    let mut world = fan("");
    world.play("resolve each run 4; claim 9; ok each[0]; fail each[1] permanent; fail each[2] permanent; ok each[3]");
    world.play("recover failed; resolve each run 3; claim 9");
    assert_eq!(
        world.states(),
        "list success, each dispatched (2 dispatched, 1 success), after pending"
    );
    assert_eq!(
        (
            world.instance("each[0]").attempt,
            world.instance("each[1]").attempt
        ),
        (1, 2)
    );
    world.play("ok each[1]; fail each[2] permanent");
    // It grows again: what had succeeded beyond the smaller number is run, not remembered.
    world.play(
        "recover failed; resolve each run 4; claim 9; ok each[2]; ok each[3]; claim 9; ok after",
    );
    assert_eq!(
        (world.status().as_str(), world.instance("each[3]").attempt),
        ("success", 2)
    );
}

#[test]
fn a_fan_out_that_grows_takes_no_more_room_than_it_needs() {
    let mut world = World::quick(&format!(
        "{LIST}  each: {{executor: marker, depends_on: [list], foreach: list}}\n"
    ));
    world.play("start; resolve each run 40000");
    for n in [50_000, 60_000, 70_000, 80_000, 100_000] {
        world.play(&format!("retry each; resolve each run {n}"));
        assert_eq!(
            world.run.task(1).status().as_str(),
            "success",
            "{n}: {}",
            world.why("each")
        );
    }
}

#[test]
fn a_task_that_grew_among_others_keeps_its_attempts_through_its_bytes() {
    let mut world = World::new(&format!(
        "{LIST}  each: {{x, depends_on: [list], foreach: list}}\n  also: {{x, depends_on: [list], foreach: list}}\n"
    ));
    world.play("start; resolve each run 2; resolve also run 2; claim 9; ok each[0]; fail each[1] permanent; ok also[0]; ok also[1]");
    world.play("recover failed; resolve each run 5; claim 9; ok each[1]; ok each[2]; ok each[3]; ok each[4]");
    assert_eq!(
        (
            world.status().as_str(),
            world.instance("each[1]").attempt,
            world.instance("each[4]").attempt
        ),
        ("success", 2, 1)
    );
    let read = crate::world::reread(&world.graph, &world.run);
    assert_eq!(read.instance(1, 1).map(|i| i.attempt), Some(2));
}

#[test]
fn a_million_retries_late_in_a_fan_out_are_found_without_a_search() {
    // A retry at the front of 100,000 instances must not make each later claim pass over all that are done.
    let mut world =
        World::quick("  a: {x, parallel: 100000, retries: {max: 2, delay: 0s, jitter: false}}\n");
    world.play("start; claim 50000");
    for _ in 0..2 {
        for index in 0..10_000 {
            world.play(&format!("fail a[{index}] unknown"));
            let mut out = Out::default();
            world
                .run
                .apply(
                    &world.graph,
                    &crate::words::event(&world, "claim 1"),
                    world.now,
                    &mut out,
                )
                .unwrap();
            assert_eq!(
                out.effects,
                [ork_core::run::Effect::Start(ork_core::run::Attempt {
                    task: 0,
                    index,
                    attempt: world.instance(&format!("a[{index}]")).attempt,
                    fence: world.instance(&format!("a[{index}]")).fence,
                })]
            );
        }
        world.trace.clear();
    }
}

#[test]
fn an_answer_about_a_task_that_does_not_exist_changes_nothing() {
    let mut world = fan("");
    world
        .apply(&Event::Resolved {
            task: 99,
            generation: 0,
            result: Resolution::Run(1),
        })
        .unwrap();
    assert_eq!(
        world.states(),
        "list success, each pending (), after pending"
    );
}
