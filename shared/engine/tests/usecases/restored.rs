//! Documents that come from a backup, under objects that are newer: what was done since is found, not done again.

use ork_core::retention::Retention;
use ork_core::run::{Category, Command, Event, RunStatus};
use ork_core::task::{AttemptId, Output, Verdict};
use ork_core::time::Millis;
use ork_engine::conformance::model::Backup;
use ork_engine::ports::JobStatus;
use ork_engine::{Prune, PruneFrom, encode_verdict};

use crate::support::*;

const STORY: &str = "name: w
tasks:
  first: {x}
  again: {x, depends_on: [first], retries: {max: 2, delay: 30s}}
  fan: {x, depends_on: [first], parallel: 3}
  job: {x, depends_on: [first]}
  last: {x, depends_on: [again, fan, job]}
";

/// The story that every world here tells, up to its end: a retry, a fan-out, a deferred job.
fn told() -> World {
    let world = World::with(STORY);
    world.script(|spec| match (spec.task_name.as_str(), spec.id.attempt) {
        ("again", 1) => Reply::fail(Category::Transient, "not yet"),
        ("job", _) => Reply::defer(&["j"]),
        (_, _) => Reply::output(&spec.id.index.to_string()),
    });
    let answers = [Ok(JobStatus::Running), Ok(JobStatus::Succeeded)];
    world
        .0
        .tracker
        .lock()
        .unwrap()
        .insert("j".into(), answers.into());
    *world.0.backups.lock().unwrap() = Some(Vec::new());
    let engine = world.begin();
    while world.next_due().is_some() {
        world.look(&engine);
    }
    assert_eq!(world.status("r"), RunStatus::Success, "the story itself");
    world
}

/// Puts a backup there, as after an operator's mistake: messages and starts of before are gone, objects are not.
fn restore(world: &World, backup: &Backup) {
    world.0.store.restore(backup);
    world.0.hints.lock().unwrap().clear();
    world.0.inbox.lock().unwrap().clear();
    // The job was over and stays so.
    let over = (0..9).map(|_| Ok(JobStatus::Succeeded)).collect();
    world.0.tracker.lock().unwrap().insert("j".into(), over);
}

fn backups(world: &World) -> Vec<Backup> {
    let kept = world.0.backups.lock().unwrap().take();
    kept.expect("they are kept")
}

fn ran(world: &World) -> Vec<AttemptId> {
    world.0.ran.lock().unwrap().clone()
}

#[test]
fn whatever_commit_the_backup_is_of_the_run_ends_as_it_did_and_no_code_runs_twice() {
    let commits = backups(&told()).len();
    assert!(commits > 8, "{commits}");
    for n in 0..commits {
        let world = told();
        let (before, outcome) = (ran(&world), world.outcome());
        restore(&world, &backups(&world)[n]);
        let engine = world.engine();
        world.finish_by_wakes(&engine);
        assert_eq!(world.outcome(), outcome, "backup of commit {n}");
        assert_eq!(ran(&world), before, "backup of commit {n}: code ran again");
        assert_eq!(world.output("r", "last"), "0", "backup of commit {n}");
    }
}

#[test]
fn the_run_of_a_slot_is_made_again_and_finds_what_it_had_done() {
    let story = STORY.replace("name: w\n", "name: w\nschedule: \"0 * * * *\"\n");
    let world = World::with(&story);
    let first = world.0.store.backup();
    world.set_time(MONDAY + Millis::from_secs(3_600));
    let engine = world.engine();
    world.tick(&engine, 10);
    world.ticks(&engine, 6);
    let [(_, before)] = world.all_runs().try_into().expect("one run");
    let code = ran(&world);
    assert!(code.len() > 2, "{code:?}");
    restore(&world, &first);
    assert!(world.all_runs().is_empty());
    let engine = world.engine();
    world.tick(&engine, 10);
    world.finish_by_wakes(&engine);
    let (_, again) = world.all_runs().remove(0);
    assert_eq!(again.header.id, before.header.id);
    let twice = ran(&world);
    assert_eq!(twice[..code.len()], code[..]);
    world.assert_ran_once();
}

#[test]
fn an_attempt_that_is_at_work_meanwhile_is_not_begun_again_and_its_verdict_counts() {
    let world = World::with(
        "name: w\ntasks:\n  a: {x, heartbeat_timeout: 10m}\n  b: {x, depends_on: [a]}\n",
    );
    let ready = {
        let engine = world.engine();
        world.run(engine.start(named("w", "r"))).unwrap();
        world.0.store.backup()
    };
    world.script(|spec| match spec.task_name.as_str() {
        "a" => Reply::Dies,
        _ => Reply::output("2"),
    });
    let engine = world.engine();
    world.drive(&engine);
    assert_eq!(ran(&world).len(), 1, "a is at work");
    restore(&world, &ready);
    let engine = world.engine();
    world.look(&engine);
    assert_eq!(
        world.0.started.lock().unwrap().len(),
        2,
        "a was started again"
    );
    assert_eq!(
        ran(&world).len(),
        1,
        "and its second worker found the claim of the first"
    );
    let verdict = encode_verdict(&Verdict::Success {
        output: Output::Inline("1".into()),
    });
    world.put_object("runs/r/a/1/result.json", &verdict);
    world.finish_by_wakes(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(world.output("r", "a"), "1");
    world.assert_ran_once();
}

#[test]
fn one_that_died_meanwhile_is_missed_and_tried_again() {
    let world = World::with("name: w\ntasks:\n  a: {x, retries: {max: 1}}\n");
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    let ready = world.0.store.backup();
    world.script(|spec| match spec.id.attempt {
        1 => Reply::Dies,
        _ => Reply::output("2"),
    });
    world.drive(&engine);
    restore(&world, &ready);
    let engine = world.engine();
    world.finish_by_wakes(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    let attempts: Vec<u32> = ran(&world).iter().map(|one| one.attempt).collect();
    assert_eq!(attempts, [1, 2]);
}

#[test]
fn a_command_that_the_backup_does_not_know_is_given_again_and_runs_nothing_twice() {
    let world = World::with("name: w\ntasks:\n  a: {x}\n");
    world.script(|spec| match spec.id.attempt {
        1 => Reply::fail(Category::Permanent, "broken"),
        _ => Reply::output("2"),
    });
    let engine = world.begin();
    assert_eq!(world.status("r"), RunStatus::Failed);
    let failed = world.0.store.backup();
    let retry = |engine: &Process| {
        world
            .run(engine.step(&run_id("r"), vec![Event::Command(Command::Retry)], CLAIM))
            .unwrap();
        world.finish_by_wakes(engine);
    };
    retry(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    restore(&world, &failed);
    let engine = world.engine();
    assert_eq!(world.status("r"), RunStatus::Failed);
    retry(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    world.assert_ran_once();
}

#[test]
fn a_run_that_was_removed_meanwhile_is_there_without_its_objects_and_is_removed_again() {
    let world = World::with("name: w\ntasks:\n  a: {x}\n");
    let engine = world.begin();
    let over = world.0.store.backup();
    world.pass(Millis::from_secs(7_200));
    let wish = Prune {
        retention: Retention::of_all(Millis::from_secs(3_600)),
        ..Prune::default()
    };
    let prune = |engine: &Process| {
        let from = PruneFrom::default();
        world.run(engine.prune(&wish, &from)).unwrap().runs.len()
    };
    assert_eq!(prune(&engine), 1);
    restore(&world, &over);
    let engine = world.engine();
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(
        world.output("r", "a"),
        "null",
        "small outputs are in the documents"
    );
    assert_eq!(prune(&engine), 1);
    assert!(world.all_runs().is_empty());
}
