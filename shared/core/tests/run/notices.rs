//! Who is told of a run: of what, once, under a lease, again until it is known, and not for ever.

use ork_core::definition::Occasion;
use ork_core::limits;
use ork_core::run::{
    Effect, Graph, Header, NoteKind, NoticeKey, NoticeState, RunStatus, RunTrigger,
};
use ork_core::time::Millis;

use crate::words::notice;
use crate::world::{MADE, World, header, workflow};

/// A workflow of one task, with one receiver for each list of occasions.
fn yaml(on: &[&str], more: &str) -> String {
    let entries: String = on
        .iter()
        .map(|on| {
            let late = match on.contains("late_start") {
                true => ", late_after: 10m",
                false => "",
            };
            format!("  - {{on: [{on}], webhook: \"https://example.com/hook\"{late}}}\n")
        })
        .collect();
    format!("name: w\n{more}notifications:\n{entries}tasks:\n  a: {{command: work}}\n")
}

fn world(on: &[&str]) -> World {
    World::new(&yaml(on, ""))
}

/// What is told, by key.
fn told(world: &World) -> Vec<String> {
    let notices = world.run.header.notices.iter();
    notices.map(|one| one.key.to_string()).collect()
}

const FAILS: &str = "start; claim 1; started a; fail a permanent it broke";
const SUCCEEDS: &str = "start; claim 1; started a; ok a";

#[test]
fn each_end_tells_those_who_want_to_know_of_it_and_each_of_them_once() {
    // Receivers, what happens, who is told.
    type Case = (
        &'static [&'static str],
        &'static str,
        &'static [&'static str],
    );
    let cases: &[Case] = &[
        (&["failure"], FAILS, &["failure.0.1"]),
        (&["failure"], SUCCEEDS, &[]),
        (&["success"], SUCCEEDS, &["success.0.1"]),
        (&["success"], FAILS, &[]),
        (
            &["success", "failure", "failure, success"],
            FAILS,
            &["failure.1.1", "failure.2.1"],
        ),
        (&["failure, success"], "start; cancel", &[]),
        // A recovery is a success, too, but nobody is told of both.
        (
            &["recovery", "recovery, success", "success"],
            SUCCEEDS,
            &["success.2.1"],
        ),
        (
            &["recovery", "recovery, success", "success"],
            "start; claim 1; started a; ok a; looked_back failed",
            &["success.2.1", "recovery.0.1", "recovery.1.1"],
        ),
        (
            &["recovery", "recovery, success", "success"],
            "start; claim 1; started a; ok a; looked_back well",
            &["success.2.1", "success.1.1"],
        ),
        // A run that failed itself needs nobody to look back.
        (
            &["failure, recovery", "success"],
            "start; claim 1; started a; fail a permanent; retry; claim 1; started a; ok a",
            &["failure.0.1", "success.1.2", "recovery.0.2"],
        ),
        (
            &["failure"],
            "start; claim 1; started a; fail a permanent; retry; claim 1; started a; fail a permanent",
            &["failure.0.1", "failure.0.2"],
        ),
        // It has recovered once; that it is run again does not make that so again.
        (
            &["recovery"],
            "start; claim 1; started a; fail a permanent; retry; claim 1; started a; ok a; recover a; claim 1; started a; ok a; looked_back well",
            &["recovery.0.2"],
        ),
    ];
    for (on, script, expected) in cases {
        let mut world = world(on);
        world.play(script);
        assert_eq!(told(&world), *expected, "{on:?}: {script}");
    }
}

#[test]
fn a_deadline_that_passes_is_told_as_such_to_those_who_want_that_and_as_a_failure_to_others() {
    let mut world = World::new(&yaml(
        &["deadline, failure", "failure", "deadline", "success"],
        "deadline: 1m\n",
    ));
    world.play("start; claim 1; started a; +1m; tick");
    assert_eq!(world.run.header.status, RunStatus::Failed);
    assert_eq!(
        told(&world),
        ["deadline.0.1", "failure.1.1", "deadline.2.1"]
    );
    let error = world.run.header.notices[0].error.as_deref();
    assert_eq!(error, Some("the run's deadline of 1m has passed"));
}

#[test]
fn a_run_of_a_schedule_that_starts_late_is_told_when_it_starts() {
    let late = |trigger: RunTrigger, after: Millis| {
        let workflow = workflow(&yaml(&["late_start"], "schedule: \"@daily\"\n"));
        let header = Header {
            trigger,
            slot: MADE,
            ..header(&workflow)
        };
        let mut world = World::with(Graph::new(workflow), header);
        world.now = MADE + after;
        world.play("start");
        told(&world)
    };
    let minutes = |n: u64| Millis::from_secs(60 * n);
    assert_eq!(late(RunTrigger::Schedule, minutes(10)), [""; 0]);
    assert_eq!(
        late(RunTrigger::Schedule, Millis(600_001)),
        ["late_start.0.0"]
    );
    // Nobody has waited for one that somebody started.
    assert_eq!(late(RunTrigger::Manual, minutes(60)), [""; 0]);
}

#[test]
fn a_notice_says_what_failed_and_stays_so_whatever_becomes_of_the_run() {
    let mut world = world(&["failure"]);
    world.play(FAILS);
    let notice = world.run.header.notices[0].clone();
    assert_eq!(notice.error.as_deref(), Some("a: it broke"));
    assert_eq!((notice.failed.as_slice(), notice.at), (&[0][..], MADE));
    world.play("+1s; retry; claim 1; started a; ok a");
    assert_eq!(world.run.header.notices[0], notice);
}

#[test]
fn one_commit_hands_a_notice_to_one_process_until_its_lease_is_over() {
    let mut world = world(&["failure"]);
    let out = world
        .play("start; claim 1; started a")
        .line("fail a permanent");
    let tells = |effects: &[Effect]| -> Vec<u32> {
        let of = |effect: &Effect| match effect {
            Effect::Notify { attempt, .. } => Some(*attempt),
            _ => None,
        };
        effects.iter().filter_map(of).collect()
    };
    assert_eq!(tells(&out.unwrap().effects), [1]);
    let lease = limits::NOTICE_LEASE;
    assert!(
        lease > limits::NOTICE_TIMEOUT,
        "else two could send at once"
    );
    assert_eq!(world.run.next_wake_at(world.now), Some(MADE + lease));
    // Whoever looks meanwhile leaves it alone.
    world.now = MADE + Millis(lease.0 - 1);
    assert!(tells(&world.line("tick").unwrap().effects).is_empty());
    // The one who had it is not heard of: the next gets it, under the same key.
    world.now = MADE + lease;
    assert_eq!(tells(&world.line("tick").unwrap().effects), [2]);
    // What the first says at last counts, if it is that it was received, and else does not.
    world.play("told failure.0.1 #1 never; told failure.0.1 #1 busy");
    assert_eq!(world.run.header.notices[0].state.as_str(), "pending");
    world.play("told failure.0.1 #1 received");
    assert_eq!(world.run.header.notices[0].state.as_str(), "sent");
    assert_eq!(world.run.next_wake_at(world.now), None);
}

#[test]
fn it_is_tried_again_after_growing_pauses_and_given_up_after_a_day() {
    let mut world = world(&["failure"]);
    world.play(FAILS).play("told failure.0.1 busy");
    let mut pauses = Vec::new();
    while let Some(at) = world.run.next_wake_at(world.now) {
        pauses.push(at.since(world.now).0 / 1000);
        world.now = at;
        world.play("tick; told failure.0.1 busy");
    }
    assert_eq!(
        pauses[..10],
        [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]
    );
    assert!(pauses.len() < 40, "{} tries", pauses.len());
    let notice = &world.run.header.notices[0];
    assert_eq!(
        notice.state,
        NoticeState::GaveUp {
            gave_up_at: world.now
        }
    );
    let why = notice.trouble.as_deref().unwrap();
    assert_eq!(why, "not sent within 24h: 503, it said");
    let past = world.now.since(MADE);
    assert!(past >= limits::NOTICE_KEPT && past.0 <= limits::NOTICE_KEPT.0 + 3_600_000);
}

#[test]
fn a_receiver_may_ask_for_patience_within_bounds_and_what_can_never_be_told_is_not_tried_again() {
    let mut world = world(&["failure"]);
    world.play(FAILS).play("told failure.0.1 busy 5m");
    let next = world.run.header.notices[0].next_at();
    assert_eq!(next, Some(MADE + Millis::from_secs(300)));
    world.play("+5m; tick; told failure.0.1 busy 48h");
    let next = world.run.header.notices[0].next_at();
    assert_eq!(next, Some(world.now + limits::NOTICE_AGAIN_LONGEST));
    world.play("+1h; tick");
    let out = world.line("told failure.0.1 never").unwrap();
    assert!(
        matches!(&out.notes[..], [note] if matches!(note.kind, NoteKind::NoticeGivenUp { .. })
            && note.render(&world.graph) == "webhook example.com (failure) could not be told, and is not told any more: it may not be told"),
        "{:?}",
        out.notes
    );
    assert_eq!(world.run.next_wake_at(world.now), None);
}

#[test]
fn what_was_given_up_is_tried_from_the_beginning_when_somebody_asks_for_it() {
    let mut world = world(&["failure", "failure"]);
    world
        .play(FAILS)
        .play("told failure.1.1 received; told failure.0.1 busy; +10s; tick");
    world.play("told failure.0.1 #2 never; +48h");
    let out = world.line("resend failure.0.1").unwrap();
    // Nobody has it in hand yet: who asks need not be one who sends.
    assert_eq!(out.effects, []);
    assert_eq!(world.run.next_wake_at(world.now), Some(world.now));
    let out = world.line("tick").unwrap();
    let tells = |effect: &Effect| matches!(effect, Effect::Notify { attempt: 3, .. });
    assert!(out.effects.iter().all(tells), "{:?}", out.effects);
    assert_eq!(out.effects.len(), 1, "the other has been received");
    // Pauses grow, and the day begins, anew; what it tells is what it was.
    let mut pauses = Vec::new();
    world.play("told failure.0.1 busy");
    while let Some(at) = world.run.next_wake_at(world.now) {
        pauses.push(at.since(world.now).0 / 1000);
        world.now = at;
        world.play("tick; told failure.0.1 busy");
    }
    assert_eq!(pauses[..4], [10, 20, 40, 80]);
    let again = &world.run.header.notices[0];
    assert!(again.is_given_up() && again.at == MADE, "{again:?}");
    let past = world.now.since(again.tried_since());
    assert!(past >= limits::NOTICE_KEPT && past.0 <= limits::NOTICE_KEPT.0 + 3_600_000);
    let tried = again.attempts;
    // As often as somebody asks.
    world.play("resend failure.0.1; tick; told failure.0.1 received");
    let again = &world.run.header.notices[0];
    assert_eq!((again.state.as_str(), again.attempts), ("sent", tried + 1));
}

#[test]
fn all_that_were_given_up_are_asked_for_at_once_and_nothing_else_is_sent_again() {
    let mut world = world(&["failure", "failure", "failure", "failure"]);
    world.play(FAILS).play(
        "told failure.0.1 never; told failure.1.1 received; told failure.2.1 busy; told failure.3.1 never",
    );
    let states = |world: &World| -> Vec<&str> {
        let notices = world.run.header.notices.iter();
        notices.map(|one| one.state.as_str()).collect()
    };
    for (line, why) in [
        (
            "resend failure.1.1",
            "notice failure.1.1 of run run-1 is not sent again: its receiver has it since 2025-06-15T15:06:40Z",
        ),
        (
            "resend failure.2.1",
            "notice failure.2.1 of run run-1 is being sent: it is tried again by 2025-06-15T15:06:50Z, if it has to be",
        ),
        ("resend success.0.1", "run run-1 has no notice success.0.1"),
    ] {
        let before = world.run.header.clone();
        assert_eq!(world.line(line).unwrap_err(), why);
        assert_eq!(world.run.header, before, "{line}");
    }
    world.play("resend");
    assert_eq!(states(&world), ["pending", "sent", "pending", "pending"]);
    let out = world.line("tick").unwrap();
    assert_eq!(out.effects.len(), 2, "{:?}", out.effects);
    assert_eq!(
        world.line("resend").unwrap_err(),
        "no notice of run run-1 was given up"
    );
}

#[test]
fn that_one_which_was_given_up_was_received_is_known_however_late_it_is_heard() {
    let mut world = world(&["failure"]);
    let lease = limits::NOTICE_LEASE;
    world.play(FAILS);
    world.now = world.now + lease;
    world.play("tick; told failure.0.1 #2 never");
    // The first has been silent for long, and it was received.
    world.play("told failure.0.1 #1 busy; told failure.0.1 #1 never");
    assert!(world.run.header.notices[0].is_given_up());
    world.play("told failure.0.1 #1 received");
    assert_eq!(world.run.header.notices[0].state.as_str(), "sent");
    assert!(world.line("resend failure.0.1").is_err());
}

#[test]
fn a_run_that_is_being_removed_tells_nobody_any_more() {
    let mut world = world(&["failure"]);
    world.play(FAILS).play("told failure.0.1 never; +1h");
    world.play("remove 1900000000000");
    let refused = world.line("resend").unwrap_err();
    assert!(refused.contains("is being removed"), "{refused}");
    // And one that has somebody to tell after all is not removed.
    let mut world = self::world(&["failure"]);
    world
        .play(FAILS)
        .play("told failure.0.1 never; +1h; resend");
    let refused = world.line("remove 1900000000000").unwrap_err();
    assert!(
        refused.contains("somebody is still to be told"),
        "{refused}"
    );
}

#[test]
fn a_key_is_read_as_it_is_written_and_in_no_other_way() {
    for text in ["failure.0.1", "late_start.3.0", "recovery.0.4294967295"] {
        assert_eq!(text.parse::<NoticeKey>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "failure",
        "failure.0",
        "failure.0.1.2",
        "failure.+0.1",
        "failure.00.1",
        "failure.0.",
        "failure..1",
        "failure.0.4294967296",
        "Failure.0.1",
        "gone.0.1",
        "r.failure.0.1",
        "failure.0.1 ",
    ] {
        let error = text.parse::<NoticeKey>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{text}` is no notice")),
            "{error}"
        );
    }
}

#[test]
fn whoever_takes_over_from_a_dead_process_need_not_wait_for_its_lease() {
    let mut world = world(&["failure"]);
    world.play(FAILS).play("+1s; owner_lost; tick");
    assert_eq!(world.run.header.notices[0].attempts, 2);
}

#[test]
fn a_run_keeps_so_many_notices_and_lets_the_settled_ones_go_first() {
    let mut world = world(&["failure", "failure"]);
    world.thorough = false;
    world.play(FAILS).play("told failure.0.1 received");
    for _ in 0..limits::NOTICES {
        world.play("retry; claim 1; started a; fail a permanent");
    }
    let all = &world.run.header.notices;
    assert_eq!(all.len(), limits::NOTICES);
    assert!(all.iter().all(|one| one.key != notice("failure.0.1")));
    let last = all.last().map(|one| (one.key.on, one.key.round));
    assert_eq!(last, Some((Occasion::Failure, limits::NOTICES as u32 + 1)));
}

#[test]
fn a_run_whose_workflow_tells_nobody_keeps_nothing_of_it() {
    let mut world = World::new("  a: {x}");
    world.play(FAILS);
    let header = serde_json::to_value(&world.run.header).unwrap();
    for key in ["notices", "ends", "failed_before"] {
        assert_eq!(header.get(key), None, "{key}");
    }
}

#[test]
fn what_a_newer_ork_wrote_into_a_notice_is_kept() {
    let mut world = world(&["failure"]);
    world.play(FAILS);
    let mut json = serde_json::to_value(&world.run.header).unwrap();
    json["notices"][0]["seen_by"] = "somebody".into();
    let read: Header = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), json);
    assert_eq!(read.notices[0].extra["seen_by"], "somebody");
}
