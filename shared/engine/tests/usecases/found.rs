//! What the simulator and the models have found, each where it can be seen without luck: mended once, and so for good.

use std::sync::atomic::Ordering::SeqCst;

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::run::{Category, Command, Event, InstanceStatus, RunStatus};
use ork_engine::ports::{Document, Index, Key, Precondition, StartError, Store, Write};
use ork_engine::{ClaimObject, ClaimRequest, EngineErrorKind, WorkflowDocument};

use crate::support::*;

mod slots;

const ONE: &str = "name: w\ntasks:\n  a: {x}\n";
const CHAIN: &str = "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n";
const LIMITED: &str = "name: w\nmax_active_runs: 1\ntasks:\n  a: {x}\n";

fn started(yaml: &str) -> (World, Process) {
    let world = World::with(yaml);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    (world, engine)
}

fn refusal() -> StartError {
    StartError::Refused {
        category: Category::Permanent,
        message: "no such image".into(),
    }
}

fn refuse_next(world: &World, error: StartError) {
    world.0.start_answers.lock().unwrap().push_back(error);
}

/// Attempts and fences the executor was handed, in order.
fn fences(world: &World) -> Vec<(u32, u32)> {
    let started = world.0.started.lock().unwrap();
    let one = |spec: &ork_core::task::TaskSpec| (spec.id.attempt, spec.id.fence);
    started.iter().map(one).collect()
}

// Outputs.

/// The output objects of a chain's tasks, each with how often it was written.
fn published(world: &World) -> [(Option<Vec<u8>>, usize); 2] {
    ["runs/r/a/output.json", "runs/r/b/output.json"]
        .map(|name| (world.object_bytes(name), world.writes_of(name)))
}

#[test]
fn an_output_is_in_its_place_when_the_run_ends_although_whoever_ended_its_task_died() {
    let script =
        |spec: &ork_core::task::TaskSpec| Reply::output(&format!("\"{}\"", spec.task_name));
    let there = |text: &str| (Some(text.as_bytes().to_vec()), 1);
    let mut unpublished = 0;
    for n in 1.. {
        let (world, engine) = started(CHAIN);
        world.script(script);
        world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
        let (run, end) = world.work().remove(0);
        let whole = world
            .crashing(n, engine.step(&run, vec![end], CLAIM))
            .is_some();
        let ended = world.task("r", "a") == InstanceStatus::Success;
        unpublished += u32::from(ended && published(&world)[0].0.is_none());
        // A process that is new at every look.
        while world.next_due().is_some() {
            assert!(world.status("r") == RunStatus::Running, "{n}");
            world.ticks(&world.engine(), 1);
        }
        assert_eq!(world.status("r"), RunStatus::Success, "{n}");
        assert_eq!(
            published(&world),
            [there("\"a\""), there("\"b\"")],
            "died at {n}: what is there already is not written again"
        );
        if whole {
            break;
        }
    }
    assert!(unpublished > 0, "it died between commit and publication");
}

#[test]
fn a_run_that_is_over_has_all_its_outputs_wherever_the_last_process_died() {
    let mut ends = 0;
    for n in 1.. {
        let (world, engine) = started(CHAIN);
        world.script(|_| Reply::output("1"));
        world.ticks(&engine, 2);
        assert_eq!(world.task("r", "a"), InstanceStatus::Success);
        // What lies there is of an earlier generation, as long as what belongs there or not.
        let stale: &[u8] = [b"0".as_slice(), b"stale", b""][n as usize % 3];
        world.put_object("runs/r/a/output.json", stale);
        world.work();
        let at = world.next_due().unwrap();
        world.set_time(at);
        let fresh = world.engine();
        let whole = world.crashing(n, fresh.tick(10, OFFER)).is_some();
        if world.status("r").is_terminal() {
            let one = Some(b"1".to_vec());
            let [a, b] = published(&world);
            assert_eq!((a.0, b.0), (one.clone(), one), "died at {n}");
            ends += 1;
        }
        if whole {
            break;
        }
    }
    assert!(ends > 1, "it died behind the last commit, too");
}

// Runs that cannot be read.

const PARENT: &str = "name: w\ntasks:\n  sub: {run_as: {workflow: child}}\n";
const CHILD: &str = "name: child\ntasks:\n  inner: {x}\n";

#[test]
fn a_run_ends_although_its_parent_cannot_be_read_and_is_not_set_aside_for_it() {
    for remembers in [true, false] {
        let world = World::with(CHILD);
        world.deploy(PARENT);
        let one = world.engine();
        world.run(one.start(named("w", "r"))).unwrap();
        world.run(one.step(&run_id("r"), vec![], CLAIM)).unwrap();
        let parented = |(_, run): (_, ork_core::run::RunState)| {
            run.header.parent.is_some().then_some(run.header.id)
        };
        let child = world.all_runs().into_iter().find_map(parented).unwrap();
        let parent = Key::Run(run_id("r"));
        let mut garbled = world.document(parent.clone()).unwrap().body;
        garbled.truncate(30);
        world.overwrite(&parent, &garbled);
        let dead = |run: &RunId| world.document(Key::Dead(format!("runs-{run}")));
        let mut set_aside_at = None;
        for _ in 0..30 {
            let fresh = world.engine();
            let engine = if remembers { &one } else { &fresh };
            let ticked = world.ticks(engine, 1).remove(0);
            for (run, result) in ticked.runs {
                if run == child {
                    assert!(result.is_ok(), "{result:?}");
                } else {
                    assert_eq!(result.unwrap_err().kind, EngineErrorKind::Corrupt);
                    set_aside_at = Some(world.time());
                }
            }
            assert_eq!(dead(&child), None);
            if let Some(at) = set_aside_at {
                let hour = at + limits::WAKE_NET;
                assert_eq!(world.wake_of(parent.clone()), Some(hour));
                assert!(dead(&run_id("r")).is_some());
            }
        }
        assert!(set_aside_at.is_some());
        assert_eq!(world.view(&child).header.status, RunStatus::Success);
        assert_eq!(world.wake_of(Key::Run(child.clone())), None);
        assert_eq!(world.document(parent).unwrap().body, garbled);
        world.assert_ran_once();
    }
}

#[test]
fn setting_a_finished_run_aside_never_gives_it_a_wake() {
    let mut met = 0;
    for n in 0.. {
        let (world, engine) = started(ONE);
        world.pass(limits::ANNOUNCE_AGAIN);
        engine.forget(&run_id("r"));
        let key = Key::Run(run_id("r"));
        // Somebody ends it, and it is damaged after that, while the tick has it on its list.
        let end = async {
            let Document { version, index, .. } = world.document(key.clone()).unwrap();
            let put = Write::Put {
                key: key.clone(),
                precondition: Precondition::At(version),
                body: b"garbled".to_vec(),
                index: Index {
                    wake_at: None,
                    status: Some(RunStatus::Success),
                    ..index
                },
            };
            world.0.store.commit(&[put]).await.unwrap();
        };
        let (ticked, (), waited) = world.interleaved(n, engine.tick(10, OFFER), end);
        let corrupt = ticked.unwrap().runs.iter().any(|(_, result)| {
            let kind = result.as_ref().err().map(|error| error.kind);
            kind == Some(EngineErrorKind::Corrupt)
        });
        assert_eq!(world.wake_of(key.clone()), None, "{n}");
        let stored = world.document(key).unwrap();
        assert_eq!(stored.body, b"garbled", "{n}");
        assert_eq!(stored.index.status, Some(RunStatus::Success), "{n}");
        met += u32::from(corrupt);
        if !waited {
            break;
        }
    }
    assert!(met > 0, "the tick found it damaged");
}

// Starts whose commit's answer was lost, and starts that come late.

#[test]
fn a_claim_that_another_process_has_committed_too_is_not_handed_to_a_remote_executor_twice() {
    for fault in [Fault::AmbiguousLost, Fault::AmbiguousApplied] {
        let mut met = false;
        for n in 0.. {
            let (world, a) = started(ONE);
            let (b, run, before) = (world.engine(), run_id("r"), world.commits());
            world.fault(1, fault);
            let second = async {
                let behind = world.commits() == before + 1;
                let stepped = b.step(&run, vec![], CLAIM).await.unwrap();
                behind && !stepped.commits.is_empty()
            };
            let (first, claimed_too, waited) =
                world.interleaved(n, a.step(&run, vec![], CLAIM), second);
            first.unwrap();
            met |= claimed_too;
            assert_eq!(fences(&world), [(1, 1)], "{fault:?} at {n}");
            world.finish_by_wakes(&world.engine());
            assert_eq!(world.status("r"), RunStatus::Success);
            world.assert_ran_once();
            if !waited {
                break;
            }
        }
        assert_eq!(
            met,
            fault == Fault::AmbiguousLost,
            "the other claims what was not claimed"
        );
    }
}

/// A claim whose answer was lost, and over which somebody else, at the `n`-th point, commits something that claims nothing.
/// Gives what was handed over, and whether the process that claimed could not find the mark of its commit any more.
fn lost_and_covered(n: u64, claim: Option<ClaimRequest>) -> (World, bool, bool) {
    let (world, a) = started(ONE);
    let (b, run, before) = (world.engine(), run_id("r"), world.commits());
    world.fault(1, Fault::AmbiguousApplied);
    let pause = async {
        let behind = world.commits() == before + 1;
        let pause = Event::Command(Command::PauseTask { task: 0 });
        b.step(&run, vec![pause], None).await.unwrap();
        behind && world.task("r", "a") == InstanceStatus::Dispatched
    };
    let (first, behind, waited) = world.interleaved(n, a.step(&run, vec![], claim), pause);
    // Its own executor is handed what it finds standing, and what it then commits says so; a remote one is not.
    let own = claim.is_some_and(|claim| claim.supervised);
    let more = if own {
        world.commits() == before + 3
    } else {
        first.unwrap().commits.is_empty()
    };
    (world, behind && more, waited)
}

#[test]
fn a_claim_whose_answer_was_lost_is_handed_to_an_executor_of_our_own_at_once() {
    let mut covered = 0;
    for n in 0.. {
        let (world, met, waited) = lost_and_covered(n, OWN);
        if met {
            covered += 1;
            assert_eq!(fences(&world), [(1, 1)], "{n}");
        }
        assert!(fences(&world).len() <= 1, "{n}");
        if !waited {
            break;
        }
    }
    assert!(covered > 0);
}

#[test]
fn a_claim_whose_answer_was_lost_is_handed_to_a_remote_executor_once_the_lease_has_asked() {
    let mut covered = 0;
    for n in 0.. {
        let (world, met, waited) = lost_and_covered(n, CLAIM);
        if met {
            covered += 1;
            assert_eq!(fences(&world), [], "{n}");
        }
        let resume = Event::Command(Command::ResumeTask { task: 0 });
        world
            .run(world.engine().step(&run_id("r"), vec![resume], None))
            .unwrap();
        world.finish_by_wakes(&world.engine());
        assert_eq!(world.status("r"), RunStatus::Success, "{n}");
        world.assert_ran_once();
        let fence = if met { 2 } else { 1 };
        assert_eq!(fences(&world), [(1, fence)], "{n}");
        if !waited {
            break;
        }
    }
    assert!(covered > 0);
}

/// A start that is refused, while at the `n`-th point another process hands the attempt over again to a worker that does as `reply` says.
/// Says whether it came to that.
fn refused_late(n: u64, reply: Reply) -> (World, bool, bool) {
    let (world, a) = started(ONE);
    world.script(move |_| reply.clone());
    let (b, run) = (world.engine(), run_id("r"));
    let again = async {
        world.pass(limits::CLAIM_LEASE);
        b.step(&run, vec![Event::Tick], CLAIM).await.unwrap();
        world.work();
        refuse_next(&world, refusal());
    };
    let (first, (), waited) = world.interleaved(n, a.step(&run, vec![], CLAIM), again);
    first.unwrap();
    let met = world.0.start_answers.lock().unwrap().is_empty();
    world.0.start_answers.lock().unwrap().clear();
    (world, met, waited)
}

#[test]
fn a_refusal_that_comes_late_does_not_end_an_attempt_whose_worker_has_begun() {
    let mut late = 0;
    for n in 0.. {
        let (world, met, waited) = refused_late(n, Reply::Dies);
        assert_eq!(world.0.ran.lock().unwrap().len(), 1, "{n}: it has begun");
        assert_eq!(world.failure("r", "a"), "", "{n}");
        if met {
            late += 1;
            assert_eq!(fences(&world), [(1, 2)], "{n}: the other's start");
            assert_eq!(world.task("r", "a"), InstanceStatus::Running, "{n}");
        }
        let verdict = br#"{"format":1,"outcome":"success","output":{"inline":"7"}}"#;
        world.put_object("runs/r/a/1/result.json", verdict);
        world.finish_by_wakes(&world.engine());
        assert_eq!(world.status("r"), RunStatus::Success, "{n}");
        assert_eq!(world.output("r", "a"), "7");
        world.assert_ran_once();
        if !waited {
            break;
        }
    }
    assert!(late > 0);
}

#[test]
fn a_refusal_that_comes_late_ends_an_attempt_that_has_not_begun_and_none_begins_it_after_that() {
    let mut late = 0;
    for n in 0.. {
        let (world, met, waited) = refused_late(n, Reply::Never);
        if met {
            late += 1;
            assert_eq!(world.failure("r", "a"), "permanent: no such image", "{n}");
            let claim = world.object_bytes("runs/r/a/1/claim").unwrap();
            assert!(ClaimObject::is_seal(&claim), "{n}");
            // The worker that the other process started comes at last.
            world.script(|_| Reply::output("7"));
            let spec = world.spec(0);
            world.0.inbox.lock().unwrap().push_back(spec);
            assert!(world.work().is_empty(), "{n}");
            assert!(world.0.ran.lock().unwrap().is_empty(), "{n}");
        }
        if !waited {
            break;
        }
    }
    assert!(late > 0);
}

// An executor of this process's own.

#[test]
fn an_executor_of_our_own_needs_no_claim_objects() {
    for (claim, claims) in [(OWN, false), (CLAIM, true)] {
        let (world, engine) = started("name: w\ntasks:\n  a: {x, retries: 1}\n");
        let run = run_id("r");
        refuse_next(&world, StartError::Busy("full".into()));
        world.run(engine.step(&run, vec![], claim)).unwrap();
        assert_eq!(world.task("r", "a"), InstanceStatus::Retrying);
        world.pass(limits::ANNOUNCE_AGAIN);
        refuse_next(&world, refusal());
        world
            .run(engine.step(&run, vec![Event::Tick], claim))
            .unwrap();
        assert_eq!(world.status("r"), RunStatus::Failed);
        let written = world.0.object_writes.lock().unwrap().clone();
        // A refusal to start speaks of one claim only; an end must keep out whoever else may have the attempt.
        let wanted: &[&str] = if claims { &["runs/r/a/2/claim"] } else { &[] };
        assert_eq!(written, wanted);
    }
}

#[test]
fn an_executor_of_our_own_says_that_it_refuses_although_objects_are_down() {
    for (error, status) in [
        (refusal(), InstanceStatus::Failed),
        (StartError::Busy("full".into()), InstanceStatus::Retrying),
    ] {
        let (world, engine) = started(ONE);
        world.0.objects_down.store(true, SeqCst);
        refuse_next(&world, error);
        world.run(engine.step(&run_id("r"), vec![], OWN)).unwrap();
        assert_eq!(world.task("r", "a"), status);
        if status == InstanceStatus::Failed {
            assert_eq!(world.failure("r", "a"), "permanent: no such image");
            assert_eq!(world.status("r"), RunStatus::Failed);
        }
    }
}

// Workflows that are removed while they have runs.

fn limited() -> (World, Process) {
    let world = World::with(LIMITED);
    world.0.most_active.lock().unwrap().insert(name("w"), 1);
    let engine = world.engine();
    for id in ["r1", "r2", "r3"] {
        world.run(engine.start(named("w", id))).unwrap();
    }
    (world, engine)
}

fn standing(world: &World) -> Option<WorkflowDocument> {
    let document = world.document(Key::Workflow(name("w")))?;
    Some(serde_json::from_slice(&document.body).unwrap())
}

fn ran(world: &World) -> Vec<String> {
    let ran = world.0.ran.lock().unwrap();
    ran.iter().map(|id| id.run.to_string()).collect()
}

#[test]
fn a_workflow_that_is_removed_and_stored_anew_still_counts_its_runs() {
    let (world, engine) = limited();
    world.run(engine.delete_workflow(&name("w"))).unwrap();
    world.deploy(&format!("{LIMITED}  b: {{x}}\n"));
    let listed = world.run(engine.workflows()).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0].active, &listed[0].queued, listed[0].removed),
        (
            &vec![run_id("r1")],
            &vec![run_id("r2"), run_id("r3")],
            false
        )
    );
    // That no two are ever active is looked at after every commit.
    assert!(world.run(engine.start(named("w", "r4"))).unwrap().queued);
    world.drive(&engine);
    assert_eq!(ran(&world), ["r1", "r2", "r3", "r4", "r4"]);
    let standing = standing(&world).expect("it stays");
    assert!(standing.active.is_empty() && standing.queued.is_empty());
}

#[test]
fn a_workflow_that_was_removed_is_not_seen_while_its_runs_come_to_their_end() {
    let (world, engine) = limited();
    world.deploy("name: other\ntasks:\n  a: {x}\n");
    world.run(engine.delete_workflow(&name("w"))).unwrap();
    assert!(standing(&world).expect("it is kept for its runs").removed);
    let unseen = || {
        let listed = world.run(engine.workflows()).unwrap();
        let names: Vec<&str> = listed.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["other"]);
        let not_found = [
            world.run(engine.start(named("w", "r4"))).map(drop),
            world.run(engine.delete_workflow(&name("w"))),
            world.run(engine.enable(&name("w"), false)),
        ];
        for answer in not_found {
            assert_eq!(answer.unwrap_err().kind, EngineErrorKind::NotFound);
        }
    };
    unseen();
    while world.deliver(&engine) {
        unseen();
    }
    assert_eq!(ran(&world), ["r1", "r2", "r3"]);
    world.deploy(LIMITED);
    assert!(!world.run(engine.start(named("w", "r5"))).unwrap().queued);
}

#[test]
fn a_run_that_goes_on_again_after_its_workflow_was_removed_is_counted_when_that_is_stored_anew() {
    let (world, engine) = limited();
    world.drive(&engine);
    world.run(engine.delete_workflow(&name("w"))).unwrap();
    let again = Event::Command(Command::RetryTask { task: 0 });
    world
        .run(engine.step(&run_id("r2"), vec![again], None))
        .unwrap();
    world.deploy(LIMITED);
    assert!(world.run(engine.start(named("w", "r4"))).unwrap().queued);
    world.drive(&engine);
    assert_eq!(ran(&world), ["r1", "r2", "r3", "r2", "r4"]);
}

/// Children are made in the memory of whoever claimed them before they are stored one after the other; in between somebody else may find
/// that they are due and store them.
#[test]
fn a_command_is_not_refused_for_a_run_that_another_process_stored_meanwhile() {
    let mut paused = 0;
    for n in 0.. {
        let world =
            World::with("name: w\ntasks:\n  sub: {run_as: {workflow: child}, parallel: 3}\n");
        world.deploy("name: child\ntasks:\n  a: {x}\n");
        let (a, b, run) = (world.engine(), world.engine(), run_id("r"));
        world.run(a.start(named("w", "r"))).unwrap();
        let meanwhile = async {
            world.pass(limits::CHILD_CHECK);
            b.step(&run, vec![Event::Tick], None).await.unwrap();
            let children: Vec<RunId> = world
                .all_runs()
                .into_iter()
                .filter(|(_, child)| {
                    child.header.status == RunStatus::Running && child.header.id != run
                })
                .map(|(_, child)| child.header.id)
                .collect();
            for child in &children {
                let pause = vec![Event::Command(Command::Pause)];
                a.step(child, pause, None)
                    .await
                    .unwrap_or_else(|error| panic!("{n}: {error}"));
            }
            children.len()
        };
        let (_, found, waited) = world.interleaved(n, a.step(&run, vec![], CLAIM), meanwhile);
        paused += found;
        if !waited {
            break;
        }
    }
    assert!(paused > 0, "there were children that ran");
}
