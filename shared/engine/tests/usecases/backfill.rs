//! Runs for past slots: what is shown is what is made, each slot once, whoever dies or comes in between.

use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::run::{RunStatus, RunTrigger};
use ork_core::time::{Millis, Time};
use ork_core::{Map, Value};
use ork_engine::ports::Key;
use ork_engine::{
    Act, Actor, AuditFilter, Backfill, BackfillReport, EngineError, EngineErrorKind, SlotRange,
    SlotStanding, StartRun,
};
use serde_json::json;

use crate::support::*;

const DAILY: &str = "name: w
schedule: \"0 6 * * *\"
params: {day: {type: str, default: monday}}
tasks:
  a: {x}
";

/// Three slots, long before the workflow was stored.
const THREE: (&str, &str) = ("2026-05-20T06:00:00Z", "2026-05-22T06:00:00Z");

fn range((from, to): (&str, &str)) -> SlotRange {
    SlotRange {
        from: Time::parse(from).unwrap(),
        to: Time::parse(to).unwrap(),
    }
}

fn ada() -> Act {
    Act::of(Actor::new("iap", "ada@example.com"))
}

fn look(world: &World, wanted: (&str, &str)) -> Result<Backfill, EngineError> {
    world.run(world.engine().slots_in(&name("w"), range(wanted)))
}

fn fill(world: &World, wanted: (&str, &str)) -> Result<Backfill, EngineError> {
    let engine = world.engine();
    let by = engine.by(ada());
    world.run(by.backfill(&name("w"), range(wanted), &Map::new()))
}

fn ids(fill: &Backfill) -> Vec<String> {
    fill.slots.iter().map(|one| one.run.to_string()).collect()
}

fn standings(fill: &Backfill) -> Vec<&SlotStanding> {
    fill.slots.iter().map(|one| &one.standing).collect()
}

fn runs(world: &World) -> Vec<String> {
    let all = world.all_runs().into_iter();
    let mut all: Vec<String> = all.map(|(_, run)| run.header.id.to_string()).collect();
    all.sort();
    all
}

/// Slots of the runs that the audit says were started.
fn recorded(world: &World) -> Vec<String> {
    let all = AuditFilter::default();
    let found = world.run(world.engine().audit(&all, None, 500));
    let records = found.unwrap().0.into_iter();
    let mut slots: Vec<String> = records
        .filter(|one| one.action == "run.start" && one.actor == ada().actor)
        .map(|one| one.detail["slot"].as_str().unwrap_or("none").to_owned())
        .collect();
    slots.sort();
    slots
}

const SLOTS: [&str; 3] = [
    "2026-05-20T06:00:00Z",
    "2026-05-21T06:00:00Z",
    "2026-05-22T06:00:00Z",
];
const RUNS: [&str; 3] = [
    "w--20260520T060000Z",
    "w--20260521T060000Z",
    "w--20260522T060000Z",
];

#[test]
fn what_is_shown_is_what_is_made_and_made_once() {
    let world = World::with(DAILY);
    let commits = world.commits();
    let seen = look(&world, THREE).unwrap();
    assert_eq!(world.commits(), commits, "whoever looks changes nothing");
    assert_eq!(ids(&seen), RUNS);
    assert_eq!(standings(&seen), [&SlotStanding::Missing; 3]);
    assert_eq!((seen.missing(), seen.started()), (3, 0));
    let done = fill(&world, THREE).unwrap();
    assert_eq!(done.version, seen.version);
    assert_eq!(ids(&done), ids(&seen));
    let slots =
        |fill: &Backfill| -> Vec<_> { fill.slots.iter().map(|one| one.slot.clone()).collect() };
    assert_eq!(slots(&done), slots(&seen));
    let started = SlotStanding::Started { queued: false };
    assert_eq!(standings(&done), [&started; 3]);
    assert_eq!(runs(&world), RUNS);
    assert_eq!(recorded(&world), SLOTS);
    let header = world.view(&run_id(RUNS[1])).header;
    assert_eq!(header.slot.rfc3339(), SLOTS[1]);
    assert_eq!(header.version, seen.version);
    assert_eq!(header.trigger, RunTrigger::Manual, "somebody wanted it");
    assert_eq!(
        header.params,
        *json!({"day": "monday"}).as_object().unwrap()
    );
    world.drive(&world.engine());
    let again = fill(&world, THREE).unwrap();
    let there = SlotStanding::There(Some(RunStatus::Success));
    assert_eq!(standings(&again), [&there; 3]);
    assert_eq!((runs(&world).len(), recorded(&world).len()), (3, 3));
    // What the schedule itself would make from here on is not touched by that.
    assert_eq!(
        world.wake_of(Key::Workflow(name("w"))),
        Some(Time::parse("2026-06-01T06:00:00Z").unwrap())
    );
}

#[test]
fn a_slot_that_has_a_run_is_left_alone_however_that_stands() {
    let world = World::with(DAILY);
    let engine = world.engine();
    let wish = StartRun {
        params: json!({"day": "friday"}).as_object().unwrap().clone(),
        ..named("w", RUNS[0])
    };
    world.run(engine.start(wish)).unwrap();
    world.run(engine.start(named("w", RUNS[2]))).unwrap();
    world.overwrite(&Key::Run(run_id(RUNS[2])), b"garbage");
    let done = fill(&world, THREE).unwrap();
    assert_eq!(
        standings(&done),
        [
            &SlotStanding::There(Some(RunStatus::Running)),
            &SlotStanding::Started { queued: false },
            &SlotStanding::There(None),
        ]
    );
    let report = BackfillReport::of(&name("w"), false, done);
    let told: Vec<_> = report
        .slots
        .iter()
        .map(|one| (one.state.as_ref(), one.status))
        .collect();
    assert_eq!(
        told,
        [
            ("there", Some(RunStatus::Running)),
            ("started", None),
            ("there", None)
        ]
    );
    assert_eq!(
        world.view(&run_id(RUNS[0])).header.params["day"],
        "friday",
        "it is as it was"
    );
    assert_eq!(recorded(&world), [SLOTS[1]]);
}

#[test]
fn whoever_dies_between_two_slots_leaves_the_rest_to_the_next() {
    let mut some = 0;
    for n in 1..400 {
        let world = World::with(DAILY);
        let engine = world.engine();
        let by = engine.by(ada());
        let none = Map::new();
        let w = name("w");
        let died = world.crashing(n, by.backfill(&w, range(THREE), &none));
        let made = runs(&world).len();
        some += usize::from(made == 1 || made == 2);
        let before = look(&world, THREE).unwrap();
        assert_eq!(before.missing(), 3 - made, "died at {n}");
        let rest = fill(&world, THREE).unwrap();
        assert_eq!(rest.started(), 3 - made, "died at {n}");
        // Those that the dead one had stored and not begun are begun by whoever looks next.
        world.finish_by_wakes(&world.engine());
        world.drive(&world.engine());
        assert_eq!(runs(&world), RUNS, "died at {n}");
        for run in RUNS {
            assert_eq!(world.status(run), RunStatus::Success, "{run}, died at {n}");
        }
        world.assert_ran_once();
        assert_eq!(recorded(&world), SLOTS, "died at {n}");
        if died.is_some() {
            assert!(some > 3, "it died {some} times between two slots");
            return;
        }
    }
    panic!("it never comes to its end");
}

#[test]
fn two_at_the_same_time_make_each_run_once() {
    for first in 1..200 {
        let world = World::with(DAILY);
        let (one, two) = (world.engine(), world.engine());
        let (by, other) = (one.by(ada()), two.by(ada()));
        let (w, none) = (name("w"), Map::new());
        let (a, b, waited) = world.interleaved(
            first,
            by.backfill(&w, range(THREE), &none),
            other.backfill(&w, range(THREE), &none),
        );
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!(a.started() + b.started(), 3, "after {first}");
        assert_eq!((a.missing(), b.missing()), (0, 0));
        assert_eq!(runs(&world), RUNS);
        assert_eq!(recorded(&world), SLOTS);
        if !waited {
            return;
        }
    }
    panic!("it never comes to its end");
}

#[test]
fn a_store_that_is_gone_in_between_is_told_as_such_and_what_is_made_stays() {
    let world = World::with(DAILY);
    // Before anything was made it is the error of the whole.
    world.fault(1, Fault::Unavailable);
    let error = fill(&world, THREE).unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable);
    assert_eq!(runs(&world).len(), 0);
    world.fault(2, Fault::Unavailable);
    let some = fill(&world, THREE).unwrap();
    assert_eq!((some.started(), some.missing()), (1, 2));
    assert_eq!(
        some.slots[2].standing,
        SlotStanding::Missing,
        "it was not tried"
    );
    let report = BackfillReport::of(&name("w"), false, some);
    let (slot, error) = report.refused().expect("one was refused");
    assert_eq!(
        (slot.slot.as_str(), slot.state.as_ref(), error.kind),
        (SLOTS[1], "failed", EngineErrorKind::Unavailable)
    );
    assert_eq!(runs(&world), RUNS[..1]);
    // A commit whose answer was lost stands or does not: either way it is made once.
    for fault in [
        Fault::AmbiguousApplied,
        Fault::AmbiguousLost,
        Fault::Conflict,
    ] {
        world.fault(1, fault);
        let rest = fill(&world, THREE).unwrap();
        assert_eq!(rest.missing(), 0);
        assert_eq!(runs(&world), RUNS);
    }
    assert_eq!(recorded(&world), SLOTS);
}

#[test]
fn a_range_has_bounds_and_says_which() {
    let world = World::with(&DAILY.replace("0 6 * * *", "* * * * *"));
    let now = world.time();
    let last = |slots: u64| SlotRange {
        from: now - Millis::from_secs((slots - 1) * 60),
        to: now,
    };
    let most = limits::BACKFILL_SLOTS as u64;
    let w = name("w");
    let engine = world.engine();
    let found = world.run(engine.slots_in(&w, last(most))).unwrap();
    assert_eq!(found.slots.len() as u64, most, "both ends are included");
    for (wanted, why) in [
        (
            last(most + 1),
            "there are more than 500 slots from 2026-05-31 15:40 UTC to 2026-06-01 00:00 UTC: take a range that ends before 2026-06-01 00:00 UTC, and another one after it",
        ),
        (
            SlotRange {
                from: now,
                to: now - Millis(1),
            },
            "the range ends at 2026-05-31 23:59:59 UTC, before it begins at 2026-06-01 00:00 UTC",
        ),
        (
            SlotRange {
                from: now,
                to: now + Millis(60_000),
            },
            "the range ends at 2026-06-01 00:01 UTC, which is to come: its schedule makes the runs of those slots",
        ),
    ] {
        let looked = world.run(engine.slots_in(&w, wanted)).unwrap_err();
        assert_eq!(
            (looked.kind, looked.message.as_str()),
            (EngineErrorKind::Refused, why)
        );
        let by = engine.by(ada());
        let filled = world.run(by.backfill(&w, wanted, &Map::new()));
        assert_eq!(filled.unwrap_err(), looked);
    }
    assert_eq!(runs(&world), [""; 0]);
    let one = SlotRange { from: now, to: now };
    assert_eq!(world.run(engine.slots_in(&w, one)).unwrap().slots.len(), 1);
}

#[test]
fn schedules_that_are_paused_have_slots_and_those_that_the_file_switches_off_have_none() {
    let world = World::with(DAILY);
    world.run(world.engine().enable(&name("w"), false)).unwrap();
    assert_eq!(fill(&world, THREE).unwrap().started(), 3);
    let off = DAILY.replace(
        "schedule: \"0 6 * * *\"",
        "schedule: {cron: \"0 7 * * *\", enabled: false}",
    );
    world.deploy(&off);
    assert_eq!(fill(&world, THREE).unwrap().slots, []);
    // The current version's schedules count, and it is what is run.
    world.deploy(&DAILY.replace("0 6", "0 7"));
    let seven = ("2026-05-20T00:00:00Z", "2026-05-20T23:00:00Z");
    let done = fill(&world, seven).unwrap();
    assert_eq!(ids(&done), ["w--20260520T070000Z"]);
    assert_eq!(
        world.view(&run_id("w--20260520T070000Z")).header.version,
        done.version
    );
    let without = World::with("name: w\ntasks:\n  a: {x}\n");
    assert_eq!(fill(&without, THREE).unwrap().slots, []);
    let nobody = World::new();
    assert_eq!(
        fill(&nobody, THREE).unwrap_err().kind,
        EngineErrorKind::NotFound
    );
}

#[test]
fn params_that_are_wrong_start_nothing_and_right_ones_are_those_of_every_run() {
    let world = World::with(DAILY);
    let engine = world.engine();
    let with = |params: Value| {
        let by = engine.by(ada());
        let params = params.as_object().unwrap().clone();
        let w = name("w");
        world.run(by.backfill(&w, range(THREE), &params))
    };
    for wrong in [json!({"dya": "friday"}), json!({"day": 7})] {
        let error = with(wrong).unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Refused, "{error}");
        assert!(
            error.message.contains("the params of w are not right"),
            "{error}"
        );
    }
    assert_eq!(runs(&world), [""; 0]);
    assert_eq!(with(json!({"day": "friday"})).unwrap().started(), 3);
    for run in RUNS {
        assert_eq!(world.view(&run_id(run)).header.params["day"], "friday");
    }
}

#[test]
fn as_many_are_active_as_may_be_and_the_others_wait() {
    let world = World::with(&DAILY.replace("params:", "max_active_runs: 1\nparams:"));
    let done = fill(&world, THREE).unwrap();
    let started = |queued| SlotStanding::Started { queued };
    assert_eq!(
        standings(&done),
        [&started(false), &started(true), &started(true)]
    );
    let engine = world.engine();
    world.drive(&engine);
    world.finish_by_wakes(&engine);
    let order: Vec<RunId> = {
        let ran = world.0.ran.lock().unwrap();
        ran.iter().map(|one| one.run.clone()).collect()
    };
    assert_eq!(order, RUNS.map(run_id), "the soonest slot first");
    let first: TaskIndex = 0;
    assert!(
        world
            .view(&run_id(RUNS[2]))
            .state
            .task(first)
            .finished_at
            .is_some()
    );
}
