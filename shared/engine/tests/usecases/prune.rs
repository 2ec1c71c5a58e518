//! Retention: what goes, what stays, and that nothing is lost or left behind wherever whoever removes it dies.

use std::collections::BTreeSet;

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::retention::Retention;
use ork_core::run::{Category, Command, Event, RunStatus};
use ork_core::time::Millis;
use ork_engine::conformance::block_on;
use ork_engine::ports::{Key, Objects, Stopping, Store};
use ork_engine::{Act, Actor, AuditFilter, EngineErrorKind, Prune, PruneFrom, Pruned, StartRun};

use crate::support::*;

const DAY: Millis = Millis::from_secs(86_400);
const ONE: &str = "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n";

fn older(span: Millis) -> Prune {
    Prune {
        retention: Retention::of_all(span),
        ..Prune::default()
    }
}

/// Calls until nothing is left to be looked at.
fn pruned(world: &World, wish: &Prune) -> Pruned {
    let (engine, mut all, mut from) = (world.engine(), Pruned::default(), PruneFrom::default());
    loop {
        let part = world.run(engine.prune(wish, &from)).unwrap();
        all.runs.extend(part.runs);
        all.kept.extend(part.kept);
        match part.next {
            Some(next) => from = next,
            None => return all,
        }
    }
}

fn gone(pruned: &Pruned) -> Vec<&str> {
    let runs = pruned.runs.iter().filter(|one| one.gone);
    runs.map(|one| one.run.as_str()).collect()
}

fn objects_of(world: &World, run: &str) -> Vec<ObjectName> {
    let prefix = format!("runs/{run}/");
    block_on(world.0.objects.list(&prefix, None, 100_000)).unwrap()
}

fn stored(world: &World) -> BTreeSet<String> {
    let runs = world.all_runs().into_iter();
    runs.map(|(_, run)| run.header.id.to_string()).collect()
}

/// Runs a workflow to its end under this id.
fn ran(world: &World, workflow: &str, id: &str) {
    let engine = world.engine();
    world.run(engine.start(named(workflow, id))).unwrap();
    world.drive(&engine);
}

#[test]
fn runs_that_ended_long_ago_go_with_their_objects_and_no_others() {
    let world = World::with(ONE);
    world.deploy("name: v\ntasks:\n  a: {x}\n");
    world.script(|spec| match spec.id.run.as_str() {
        "failed" => Reply::fail(Category::Permanent, "no"),
        "begun" => Reply::Dies,
        _ => Reply::output("1"),
    });
    for id in ["good", "failed", "begun"] {
        ran(&world, "w", id);
    }
    ran(&world, "v", "other");
    let engine = world.engine();
    world.run(engine.start(named("w", "paused"))).unwrap();
    let pause = vec![Event::Command(Command::Pause)];
    world
        .run(engine.step(&run_id("paused"), pause, None))
        .unwrap();
    world.pass(DAY);
    ran(&world, "w", "young");
    let others = ["begun", "young"].map(|run| objects_of(&world, run));
    assert!(others.iter().all(|objects| !objects.is_empty()));

    // Of what is kept longer, of another workflow or in another state nothing goes.
    let long = Retention {
        failed_runs: Some(Millis(2 * DAY.0)),
        ..Retention::of_all(DAY)
    };
    let only_failed = Prune {
        states: vec![RunStatus::Failed],
        retention: long,
        ..Prune::default()
    };
    assert_eq!(pruned(&world, &only_failed).runs, []);
    let of_v = Prune {
        workflow: Some(name("v")),
        ..older(DAY)
    };
    assert_eq!(gone(&pruned(&world, &of_v)), ["other"]);
    let wish = Prune {
        retention: long,
        ..Prune::default()
    };
    assert_eq!(gone(&pruned(&world, &wish)), ["good"]);
    assert_eq!(objects_of(&world, "good"), []);
    assert_eq!(gone(&pruned(&world, &older(DAY))), ["failed"]);
    assert_eq!(
        pruned(&world, &older(DAY)).runs,
        [],
        "nothing is left to go"
    );
    assert_eq!(
        pruned(&world, &Prune::default()).runs,
        [],
        "nothing is said"
    );

    assert_eq!(
        stored(&world),
        BTreeSet::from(["begun", "paused", "young"].map(String::from))
    );
    assert_eq!(
        ["begun", "young"].map(|run| objects_of(&world, run)),
        others
    );
    let error = world.run(world.engine().run(&run_id("good"))).unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::NotFound);
}

#[test]
fn a_dry_run_tells_what_would_go_and_changes_nothing() {
    let world = World::with(ONE);
    world.script(|_| Reply::output("[1, 2, 3]"));
    ran(&world, "w", "r");
    world.pass(DAY);
    let bytes: u64 = (objects_of(&world, "r").iter())
        .map(|name| world.object_bytes(&name.to_string()).unwrap().len() as u64)
        .sum();
    let count = objects_of(&world, "r").len() as u64;
    let commits = world.commits();
    let would = pruned(
        &world,
        &Prune {
            dry_run: true,
            ..older(DAY)
        },
    );
    assert_eq!(world.commits(), commits, "nothing is written");
    let told = |pruned: &Pruned| {
        let one = &pruned.runs[0];
        (one.run.to_string(), one.objects, one.bytes)
    };
    assert!(count >= 4 && bytes > 0, "{count} objects of {bytes} bytes");
    assert_eq!(told(&would), ("r".to_owned(), count, bytes));
    let written = world.written();
    let did = pruned(&world, &older(DAY));
    assert_eq!(told(&did), told(&would), "what it did is what it said");
    assert_eq!(world.commits() - commits, 2, "a mark, and the removal");
    assert_eq!(world.written() - written, 2, "of the one document");
}

#[test]
fn whoever_dies_while_a_run_is_removed_leaves_what_the_next_one_finishes() {
    for by_tick in [false, true] {
        for n in 1.. {
            let world = World::with(ONE);
            ran(&world, "w", "r");
            world.pass(DAY);
            let (wish, all) = (older(DAY), objects_of(&world, "r").len());
            let engine = world.engine();
            let from = PruneFrom::default();
            let whole = world.crashing(n, engine.prune(&wish, &from)).is_some();
            let document = world.document(Key::Run(run_id("r")));
            if objects_of(&world, "r").len() < all || whole {
                let marked = document.is_none_or(|document| {
                    document.index.wake_at.is_some_and(|at| at > world.time())
                });
                assert!(marked, "{n}: objects are gone and nobody knows of the rest");
            }
            if by_tick {
                // Nobody prunes any more: what was begun is carried through, what was not stays.
                let begun = world.next_due().is_some() || stored(&world).is_empty();
                world.ticks(&world.engine(), 3);
                let left = objects_of(&world, "r").len();
                assert_eq!((left == 0, stored(&world).is_empty()), (begun, begun));
                assert_eq!(world.next_due(), None, "{n}");
            } else {
                // Whatever the next one asks for.
                let wish = if world.next_due().is_some() {
                    Prune::default()
                } else {
                    wish
                };
                pruned(&world, &wish);
                assert_eq!(objects_of(&world, "r"), [], "{n}");
                assert_eq!(stored(&world), BTreeSet::new(), "{n}");
            }
            if whole {
                assert!(n > 10, "it dies at {n} points");
                break;
            }
        }
    }
}

#[test]
fn a_run_is_either_retried_whole_or_gone() {
    for first in 1..40 {
        for prune_first in [false, true] {
            let world = World::with(ONE);
            world.script(|spec| {
                if spec.task_name.as_str() == "b" {
                    Reply::fail(Category::Permanent, "no")
                } else {
                    Reply::output("1")
                }
            });
            ran(&world, "w", "r");
            world.pass(DAY);
            let before = objects_of(&world, "r");
            let (one, two) = (world.engine(), world.engine());
            let (wish, from, run) = (older(DAY), PruneFrom::default(), run_id("r"));
            let prune = two.prune(&wish, &from);
            let retry = one.step(&run, vec![Event::Command(Command::Retry)], None);
            let (retried, pruned) = if prune_first {
                let (pruned, retried, _) = world.interleaved(first, prune, retry);
                (retried, pruned)
            } else {
                let (retried, pruned, _) = world.interleaved(first, retry, prune);
                (retried, pruned)
            };
            let pruned = pruned.unwrap();
            match retried {
                Ok(_) => {
                    assert_eq!(gone(&pruned), Vec::<&str>::new());
                    assert_eq!(pruned.runs, []);
                    assert_eq!(world.status("r"), RunStatus::Running);
                    assert_eq!(objects_of(&world, "r"), before);
                }
                Err(error) => {
                    let refused = matches!(
                        error.kind,
                        EngineErrorKind::Refused | EngineErrorKind::NotFound
                    );
                    assert!(refused, "{error:?}");
                    assert_eq!(gone(&pruned), ["r"]);
                    assert_eq!(objects_of(&world, "r"), []);
                }
            }
        }
    }
}

#[test]
fn a_run_that_is_being_removed_refuses_everything_else() {
    let world = World::with(ONE);
    ran(&world, "w", "r");
    world.pass(DAY);
    let engine = world.engine();
    let (wish, from) = (older(DAY), PruneFrom::default());
    // Marked, and not an object is gone.
    let n = (1..)
        .find(|n| {
            assert!(world.crashing(*n, engine.prune(&wish, &from)).is_none());
            world.next_due().is_some()
        })
        .unwrap();
    assert!(n > 1 && !objects_of(&world, "r").is_empty());
    let task = 0;
    for command in [Command::Retry, Command::RetryTask { task }, Command::Pause] {
        let events = vec![Event::Command(command)];
        let refused = world.run(world.engine().step(&run_id("r"), events, None));
        let error = refused.unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Refused);
        assert!(error.message.contains("is being removed"), "{error}");
    }
}

const PARENT: &str = "name: w\ntasks:\n  sub: {run_as: {workflow: child}}\n";
const CHILD: &str = "name: child\ntasks:\n  inner: {x}\n";

fn child_of(world: &World) -> String {
    let mut runs = world.all_runs().into_iter();
    let child = runs.find(|(_, run)| run.header.parent.is_some());
    child.expect("it was started").1.header.id.to_string()
}

#[test]
fn the_run_of_a_sub_workflow_goes_with_its_parent_and_not_before() {
    let world = World::with(CHILD);
    world.deploy(PARENT);
    ran(&world, "w", "r");
    let child = child_of(&world);
    world.pass(DAY);
    let of_child = Prune {
        workflow: Some(name("child")),
        ..older(DAY)
    };
    assert_eq!(pruned(&world, &of_child).runs, []);
    let would = Prune {
        dry_run: true,
        ..older(DAY)
    };
    let named = |pruned: Pruned| -> Vec<String> {
        pruned.runs.iter().map(|one| one.run.to_string()).collect()
    };
    let both = ["r".to_owned(), child.clone()];
    assert_eq!(named(pruned(&world, &would)), both);
    assert_eq!(named(pruned(&world, &older(DAY))), both);
    assert_eq!(objects_of(&world, &child), []);
    assert_eq!(stored(&world), BTreeSet::new());
}

#[test]
fn a_parent_stays_while_the_run_that_it_started_goes_on() {
    let world = World::with(CHILD);
    world.deploy(PARENT);
    ran(&world, "w", "r");
    let child = child_of(&world);
    world.pass(DAY);
    // Somebody runs it again, for itself.
    let again = vec![Event::Command(Command::RetryTask { task: 0 })];
    world
        .run(world.engine().step(&run_id(&child), again, None))
        .unwrap();
    let kept = pruned(&world, &older(DAY));
    assert_eq!((gone(&kept), kept.kept.len()), (vec![], 1));
    assert!(kept.kept[0].why.contains(&child), "{:?}", kept.kept);
    let engine = world.engine();
    world
        .run(engine.step(&run_id(&child), vec![], CLAIM))
        .unwrap();
    world.drive(&engine);
    // Its own end is young.
    assert_eq!(gone(&pruned(&world, &older(DAY))), ["r"]);
    world.pass(DAY);
    assert_eq!(gone(&pruned(&world, &older(DAY))), [child.as_str()]);
}

#[test]
fn the_run_of_a_slot_stays_until_its_schedule_has_gone_past_it() {
    let world =
        World::with("name: w\nschedule: {cron: \"0 * * * *\", catchup: all}\ntasks:\n  a: {x}\n");
    world.pass(Millis::from_secs(3600));
    let slot = RunId::for_slot(&name("w"), world.time());
    // Whoever fires it dies when the run is made and before the cursor has moved.
    let engine = world.engine();
    let died = (1..).find(|n| {
        let died = world.crashing(*n, engine.fire_due(10)).is_none();
        assert!(died, "it never makes the run");
        world.document(Key::Run(slot.clone())).is_some()
    });
    assert!(died.is_some());
    let other = world.engine();
    world.run(other.step(&slot, vec![], CLAIM)).unwrap();
    world.drive(&other);
    assert_eq!(world.status(slot.as_str()), RunStatus::Success);
    world.pass(Millis(1));
    let kept = pruned(&world, &older(Millis(1)));
    assert_eq!((gone(&kept), kept.kept.len()), (vec![], 1));
    assert!(kept.kept[0].why.contains("slot"), "{:?}", kept.kept);
    world.run(world.engine().fire_due(10)).unwrap();
    assert_eq!(gone(&pruned(&world, &older(Millis(1)))), [slot.as_str()]);
    // And it is not made again.
    assert!(world.run(world.engine().fire_due(10)).unwrap().is_empty());
    assert_eq!(stored(&world), BTreeSet::new());
}

#[test]
fn jobs_that_are_to_be_stopped_keep_their_run() {
    let world = World::with("name: w\ntasks:\n  a: {x}\n");
    world.script(|_| Reply::defer(&["x"]));
    let engine = world.begin();
    world
        .0
        .stopping
        .lock()
        .unwrap()
        .push_back(Ok(Stopping::Asked));
    let cancel = Event::Command(Command::Cancel { reason: "x".into() });
    world
        .run(engine.step(&run_id("r"), vec![cancel], None))
        .unwrap();
    world.pass(Millis(1));
    let kept = pruned(&world, &older(Millis(1)));
    assert_eq!((gone(&kept), kept.kept.len()), (vec![], 1));
    assert!(
        kept.kept[0].why.contains("to be stopped"),
        "{:?}",
        kept.kept
    );
    while world.next_due().is_some() {
        world.look(&world.engine());
    }
    assert_eq!(gone(&pruned(&world, &older(Millis(1)))), ["r"]);
}

#[test]
fn one_call_removes_no_more_than_so_many_objects_and_the_next_goes_on() {
    let world = World::with("name: w\ntasks:\n  a: {x}\n");
    ran(&world, "w", "r");
    ran(&world, "w", "s");
    for n in 0..limits::OBJECTS_REMOVED {
        world.put_object(&format!("runs/s/a/{}/log.txt", n + 2), b"");
    }
    world.pass(DAY);
    let (engine, wish) = (world.engine(), older(DAY));
    let first = world
        .run(engine.prune(&wish, &PruneFrom::default()))
        .unwrap();
    assert_eq!(first.runs.len(), 1);
    assert_eq!(
        (first.runs[0].objects, first.runs[0].gone),
        (limits::OBJECTS_REMOVED as u64, false)
    );
    let next = first.next.expect("there is more");
    let second = world.run(engine.prune(&wish, &next)).unwrap();
    assert_eq!(gone(&second), ["s", "r"]);
    assert_eq!(objects_of(&world, "s"), []);
    // The tick has the same bound.
    ran(&world, "w", "s");
    for n in 0..limits::OBJECTS_REMOVED {
        world.put_object(&format!("runs/s/a/{}/log.txt", n + 2), b"");
    }
    world.pass(DAY);
    world
        .run(engine.prune(&wish, &PruneFrom::default()))
        .unwrap();
    assert!(!objects_of(&world, "s").is_empty());
    world.ticks(&world.engine(), 1);
    assert_eq!(stored(&world), BTreeSet::new());
}

#[test]
fn a_run_of_many_pages_leaves_none_of_them() {
    let world = World::with("name: w\ntasks:\n  a: {x, parallel: 600}\n");
    ran(&world, "w", "r");
    let pages = (0..4).filter(|page| world.document(Key::Page(run_id("r"), *page)).is_some());
    assert_eq!(pages.count(), 2, "beside the one in its header");
    world.pass(DAY);
    let (commits, written) = (world.commits(), world.written());
    assert_eq!(gone(&pruned(&world, &older(DAY))), ["r"]);
    for page in 0..4 {
        assert!(world.document(Key::Page(run_id("r"), page)).is_none());
    }
    assert_eq!(world.commits() - commits, 2);
    assert_eq!(
        world.written() - written,
        1 + 3,
        "a mark; a header and its pages"
    );
}

#[test]
fn an_id_that_was_removed_starts_anew() {
    let world = World::with(ONE);
    ran(&world, "w", "r");
    let wish: StartRun = named("w", "r");
    assert!(
        !world
            .run(world.engine().start(wish.clone()))
            .unwrap()
            .created
    );
    world.pass(DAY);
    pruned(&world, &older(DAY));
    assert!(world.run(world.engine().start(wish)).unwrap().created);
    ran(&world, "w", "r");
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn who_had_a_run_removed_is_recorded() {
    let world = World::with(ONE);
    ran(&world, "w", "r");
    ran(&world, "w", "s");
    world.pass(DAY);
    let act = Act::of(Actor::local(Some("ada")));
    let engine = world.engine();
    let by = engine.by(act);
    world
        .run(by.prune(&older(DAY), &PruneFrom::default()))
        .unwrap();
    let filter = AuditFilter::default();
    let (records, _) = world.run(engine.audit(&filter, None, 10)).unwrap();
    let mut told: Vec<_> = (records.iter())
        .map(|one| {
            (
                one.action.as_str(),
                one.target.run.clone(),
                one.actor.id.as_str(),
            )
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        ["r", "s"].map(|run| ("run.remove", Some(run_id(run)), "ada"))
    );
}

#[test]
fn a_damaged_run_stays_and_is_told_of() {
    let world = World::with(ONE);
    ran(&world, "w", "r");
    ran(&world, "w", "s");
    world.overwrite(&Key::Run(run_id("r")), b"nonsense");
    world.pass(DAY);
    let did = pruned(&world, &older(DAY));
    assert_eq!(gone(&did), ["s"]);
    assert_eq!((did.kept.len(), did.kept[0].run.as_str()), (1, "r"));
    assert!(world.document(Key::Run(run_id("r"))).is_some());
    assert!(!objects_of(&world, "r").is_empty());
    let due = block_on(world.0.store.due_runs(world.time(), 10)).unwrap();
    assert!(due.is_empty());
}
