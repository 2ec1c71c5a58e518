//! Every state met by every event: what becomes of it, as one table. A cell that cannot be met has its reason beside it.

use std::fmt::Write as _;

use ork_core::run::{InstanceStatus, NoteKind, RunStatus};

use crate::world::World;

const ONE: &str = "  a: {x, timeout: 10m, retries: {max: 1, delay: 10s, jitter: false}}\n";
const WAITS: &str = "  z: {x}\n  a: {x, depends_on: [z]}\n";

/// How task `a` comes to stand in each state.
const STATES: [(InstanceStatus, &str, &str); 11] = [
    (InstanceStatus::Pending, WAITS, "start"),
    (InstanceStatus::Queued, ONE, "start"),
    (InstanceStatus::Dispatched, ONE, "start; claim 1 remote"),
    (
        InstanceStatus::Running,
        ONE,
        "start; claim 1 remote; started a",
    ),
    (
        InstanceStatus::Deferred,
        ONE,
        "start; claim 1 remote; defer a 1",
    ),
    (
        InstanceStatus::Retrying,
        ONE,
        "start; claim 1 remote; fail a unknown",
    ),
    (InstanceStatus::Paused, ONE, "start; pause a"),
    (InstanceStatus::Success, ONE, "start; claim 1; ok a"),
    (
        InstanceStatus::Failed,
        ONE,
        "start; claim 1; fail a permanent",
    ),
    (
        InstanceStatus::Skipped,
        WAITS,
        "start; claim 1; fail z permanent",
    ),
    (InstanceStatus::Cancelled, ONE, "start; claim 1; cancel"),
];

const OF_ATTEMPTS: [&str; 11] = [
    "started a",
    "beat a",
    "not_started a 1s",
    "ok a",
    "fail a unknown",
    "fail a permanent",
    "defer a 2",
    "job a 0 running",
    "job a 0 done",
    "job a 0 failed",
    "child a success",
];

const OF_ALL: [&str; 6] = [
    "resolve a run 1",
    "claim 9",
    "tick",
    "+20m; tick",
    "owner_lost",
    "cancel",
];

const OF_TASKS: [&str; 4] = ["pause a", "resume a", "retry a", "mark a"];

const OF_RUNS: [&str; 14] = [
    "start",
    "resolve a run 1",
    "claim 9",
    "tick",
    "owner_lost",
    "cancel",
    "pause",
    "resume",
    "pause a",
    "resume a",
    "retry",
    "retry a",
    "mark a",
    "recover failed",
];

const RUNS: [(RunStatus, &str); 7] = [
    (RunStatus::Pending, ""),
    (RunStatus::Running, "start"),
    (RunStatus::Paused, "start; pause"),
    (RunStatus::Success, "start; claim 1; ok a"),
    (RunStatus::Failed, "start; claim 1; fail a permanent"),
    (RunStatus::Cancelled, "start; cancel"),
    (
        RunStatus::Recovering,
        "start; claim 1; fail a permanent; recover failed",
    ),
];

/// Applies `event`, the last of its lines being the one that counts, and says what became of `a` or the run.
fn outcome(world: &mut World, event: &str, look: impl Fn(&World) -> String) -> String {
    let before = look(world);
    let (waits, last) = event.rsplit_once("; ").unwrap_or(("", event));
    world.play(waits);
    let result = world.line(last);
    match result {
        Err(_) => "refused".into(),
        Ok(out) => {
            let after = look(world);
            let effects: Vec<String> = out
                .effects
                .iter()
                .map(|effect| crate::words::effect(&world.graph, effect))
                .collect();
            let asked = if effects.is_empty() {
                String::new()
            } else {
                format!(" ({})", effects.join(", "))
            };
            if after != before {
                format!("{after}{asked}")
            } else if out
                .notes
                .iter()
                .any(|note| matches!(note.kind, NoteKind::Stale { .. }))
            {
                "stale".into()
            } else {
                format!("stays{asked}")
            }
        }
    }
}

#[test]
fn every_state_meets_every_event_and_this_is_what_becomes_of_it() {
    let mut table = String::new();
    for (status, yaml, script) in STATES {
        let events = OF_ATTEMPTS.iter().chain(&OF_ALL).chain(&OF_TASKS);
        for event in events {
            let mut world = World::new(yaml);
            world.play(script);
            assert_eq!(world.instance("a").status(), status, "{script}");
            let outcome = outcome(&mut world, event, |world| {
                world.instance("a").status().to_string()
            });
            let _ = writeln!(table, "{:<10} × {event:<16} {outcome}", status.as_str());
        }
    }
    for (status, script) in RUNS {
        for event in OF_RUNS {
            let mut world = World::new("  a: {x}\n");
            world.play(script);
            assert_eq!(world.status(), status, "{script}");
            let outcome = outcome(&mut world, event, |world| world.status().to_string());
            let _ = writeln!(table, "run {:<10} × {event:<16} {outcome}", status.as_str());
        }
    }
    insta::with_settings!({ snapshot_path => "traces", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("every_state_and_event", table);
    });
}

#[test]
fn no_state_and_no_kind_of_event_is_left_out_of_the_table() {
    for &status in InstanceStatus::ALL {
        assert!(STATES.iter().any(|row| row.0 == status), "{status}");
    }
    for &status in RunStatus::ALL {
        assert!(RUNS.iter().any(|row| row.0 == status), "{status}");
    }
    let world = World::new(ONE);
    let lines = OF_ATTEMPTS
        .iter()
        .chain(&OF_ALL)
        .chain(&OF_TASKS)
        .chain(&OF_RUNS);
    let mut kinds: Vec<String> = lines
        .map(|line| line.rsplit("; ").next().unwrap())
        .map(|line| format!("{:?}", crate::words::event(&world, line)))
        .map(|shown| {
            shown
                .strip_prefix("Command(")
                .unwrap_or(&shown)
                .chars()
                .take_while(|c| c.is_alphabetic())
                .collect()
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    // Every variant of `Event`, with the variants of `Command` in place of that one: a new one belongs into the table.
    let all = [
        "Cancel",
        "ChildEnded",
        "Claim",
        "Finished",
        "Heartbeat",
        "Job",
        "MarkSuccess",
        "NotStarted",
        "OwnerLost",
        "Pause",
        "PauseTask",
        "Recover",
        "Resolved",
        "Resume",
        "ResumeTask",
        "Retry",
        "RetryTask",
        "Start",
        "Started",
        "Tick",
    ];
    assert_eq!(kinds, all);
}
