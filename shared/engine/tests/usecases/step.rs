//! One commit of one run: how many there are, and what faults, conflicts and memory do to it.

use std::sync::atomic::Ordering::SeqCst;

use ork_core::run::{Attempt, Category, Command, Event, RunStatus};
use ork_core::task::{Output, Verdict};
use ork_engine::ports::{Key, StartError};
use ork_engine::{ClaimRequest, EngineErrorKind};

use crate::support::*;

const CHAIN: &str = "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n  c: {x, depends_on: [b]}\n  d: {x, depends_on: [c]}\n";

fn started(yaml: &str) -> (World, Process) {
    let world = World::with(yaml);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    (world, engine)
}

fn verdict(attempt: u32, task: u32) -> Event {
    let attempt = Attempt {
        task,
        index: 0,
        attempt,
        fence: attempt,
    };
    Event::Finished {
        attempt,
        verdict: Verdict::Success {
            output: Output::Inline("1".into()),
        },
        report: None,
    }
}

#[test]
fn a_chain_costs_at_most_three_writes_a_task() {
    let (world, engine) = started(CHAIN);
    let before = world.written();
    world.drive(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert!(
        world.written() - before <= 3 * 4,
        "{}",
        world.written() - before
    );
}

#[test]
fn a_fan_out_of_a_thousand_costs_at_most_a_tenth_of_a_write_a_task() {
    let (world, engine) =
        started("name: w\ntasks:\n  a: {x, parallel: 1000}\n  b: {x, depends_on: [a]}\n");
    world.drive(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert!(world.written() <= 100, "{}", world.written());
    assert_eq!(world.0.ran.lock().unwrap().len(), 1001);
}

#[test]
fn every_fault_at_every_commit_of_a_run_leaves_it_right() {
    for supervised in [false, true] {
        for fault in [
            Fault::Conflict,
            Fault::AmbiguousApplied,
            Fault::AmbiguousLost,
            Fault::Unavailable,
            Fault::Refused,
        ] {
            for n in 1..=7 {
                let world = World::with(CHAIN);
                world.script(|spec| Reply::output(&format!("\"{}\"", spec.task_name)));
                world.fault(n, fault);
                let engine = world.engine();
                let stored = |result: Result<(), ork_engine::EngineError>| match result {
                    Ok(()) => true,
                    Err(error) => {
                        assert!(
                            matches!(fault, Fault::Unavailable | Fault::Refused),
                            "{fault:?} at {n}: {error}"
                        );
                        false
                    }
                };
                // Whoever is refused asks again.
                while !stored(world.run(engine.start(named("w", "r"))).map(drop)) {}
                let claim = Some(ClaimRequest {
                    places: 10,
                    supervised,
                });
                while !stored(
                    world
                        .run(engine.step(&run_id("r"), vec![], claim))
                        .map(drop),
                ) {}
                for _ in 0..4 {
                    let events: Vec<Event> =
                        world.work().into_iter().map(|(_, event)| event).collect();
                    assert_eq!(
                        events.len(),
                        1,
                        "{fault:?} at {n}: the next attempt was started"
                    );
                    while !stored(
                        world
                            .run(engine.step(&run_id("r"), events.clone(), claim))
                            .map(drop),
                    ) {}
                }
                assert!(world.0.faults.lock().unwrap().is_empty() || n > 6, "{n}");
                assert_eq!(world.status("r"), RunStatus::Success, "{fault:?} at {n}");
                world.assert_ran_once();
                for task in ["a", "b", "c", "d"] {
                    assert!(
                        world
                            .0
                            .names
                            .lock()
                            .unwrap()
                            .contains(&format!("runs/r/{task}/output.json")),
                        "{fault:?} at {n}: {task} was published"
                    );
                }
            }
        }
    }
}

#[test]
fn effects_of_a_lost_answer_are_not_lost_when_somebody_else_commits_behind_it() {
    let claim = Some(ClaimRequest {
        places: 2,
        supervised: true,
    });
    let pause = Event::Command(Command::PauseTask { task: 1 });
    let mut met = false;
    for n in 0.. {
        let (world, engine) = started("name: w\ntasks:\n  a: {x}\n  b: {x}\n");
        let other = world.engine();
        world.fault(1, Fault::AmbiguousApplied);
        let (a, b, waited) = world.interleaved(
            n,
            engine.step(&run_id("r"), vec![], claim),
            other.step(&run_id("r"), vec![pause.clone()], None),
        );
        a.unwrap();
        b.unwrap();
        let view = world.view(&run_id("r"));
        for task in [0, 1] {
            let instance = view.state.instance(task, 0).unwrap();
            let times = world
                .0
                .started
                .lock()
                .unwrap()
                .iter()
                .filter(|spec| spec.id.task == task && spec.id.fence == instance.fence)
                .count();
            let dispatched = instance.status().as_str() == "dispatched";
            assert_eq!(
                times,
                usize::from(dispatched),
                "task {task} at {n}: {}",
                instance.status()
            );
            met |= dispatched && view.state.task(1).paused;
        }
        if !waited {
            break;
        }
    }
    assert!(met, "the pause came behind the claim at least once");
}

#[test]
fn a_refused_command_changes_nothing() {
    let (world, engine) = started(CHAIN);
    let commands = [
        Command::Resume,
        Command::Retry,
        Command::ResumeTask { task: 0 },
        Command::RetryTask { task: 0 },
        Command::PauseTask { task: 99 },
    ];
    for command in commands {
        let before = world.document(Key::Run(run_id("r")));
        let error = world
            .run(engine.step(&run_id("r"), vec![Event::Command(command.clone())], CLAIM))
            .unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Refused, "{command:?}");
        assert_eq!(world.document(Key::Run(run_id("r"))), before, "{command:?}");
    }
    assert!(world.0.started.lock().unwrap().is_empty());
    let unknown = world
        .run(engine.step(&run_id("nobody"), vec![Event::Tick], None))
        .unwrap_err();
    assert!(unknown.kind == EngineErrorKind::NotFound && unknown.message.contains("nobody"));
}

#[test]
fn a_command_that_comes_too_late_does_not_take_what_came_with_it_along() {
    let (world, engine) = started("name: w\ntasks:\n  a: {x}\n");
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    let cancel = Event::Command(Command::Cancel {
        reason: "late".into(),
    });
    let stepped = world
        .run(engine.step(&run_id("r"), vec![verdict(1, 0), cancel], CLAIM))
        .unwrap();
    assert!(
        stepped
            .refused
            .is_some_and(|error| error.message.contains("already success"))
    );
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn memory_never_speaks_for_what_somebody_else_has_committed() {
    let world = World::with("name: w\ntasks:\n  a: {x, retries: {max: 2, delay: 0s}}\n");
    let (a, b) = (world.engine(), world.engine());
    world.run(a.start(named("w", "r"))).unwrap();
    world.run(a.step(&run_id("r"), vec![], CLAIM)).unwrap();
    // The other process settles the first attempt and claims the second.
    let failed = Verdict::Failed {
        category: Category::Transient,
        message: "x".into(),
        log_tail: vec![],
        exit_code: None,
    };
    let first = Attempt {
        task: 0,
        index: 0,
        attempt: 1,
        fence: 1,
    };
    world
        .run(b.step(
            &run_id("r"),
            vec![Event::Finished {
                attempt: first,
                verdict: failed,
                report: None,
            }],
            CLAIM,
        ))
        .unwrap();
    assert_eq!(
        a.peek(&run_id("r"), |_, state| state
            .instance(0, 0)
            .unwrap()
            .attempt),
        Some(1),
        "this process has not heard of it"
    );
    // An event that would be of no meaning to what it remembers.
    world
        .run(a.step(&run_id("r"), vec![verdict(2, 0)], CLAIM))
        .unwrap();
    assert_eq!(world.status("r"), RunStatus::Success);
    // A command that what is remembered would refuse.
    world
        .run(b.step(
            &run_id("r"),
            vec![Event::Command(Command::RetryTask { task: 0 })],
            None,
        ))
        .unwrap();
    world
        .run(a.step(
            &run_id("r"),
            vec![Event::Command(Command::PauseTask { task: 0 })],
            None,
        ))
        .unwrap();
    assert!(world.view(&run_id("r")).state.task(0).paused);
}

#[test]
fn what_is_forgotten_is_read_again() {
    let (world, engine) = started(CHAIN);
    assert_eq!(
        engine.peek(&run_id("r"), |graph, state| (
            graph.workflow.tasks.len(),
            state.header.status
        )),
        Some((4, RunStatus::Running))
    );
    engine.forget(&run_id("r"));
    assert_eq!(engine.peek(&run_id("r"), |_, _| ()), None);
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    assert_eq!(world.order().len(), 1);
}

#[test]
fn more_runs_than_memory_holds_lose_nothing() {
    let world = World::with("name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n");
    let engine = world.engine();
    // The least names go first, and these come last.
    for n in (0..300).rev() {
        world
            .run(engine.start(named("w", &format!("r{n:03}"))))
            .unwrap();
    }
    world.drive(&engine);
    assert!(
        world
            .all_runs()
            .iter()
            .all(|(_, run)| run.header.status == RunStatus::Success)
    );
    assert_eq!(world.0.ran.lock().unwrap().len(), 600);
}

#[test]
fn what_the_executor_says_decides_what_becomes_of_an_attempt() {
    let (world, engine) = started("name: w\ntasks:\n  a: {x, retries: 1}\n");
    world
        .0
        .start_answers
        .lock()
        .unwrap()
        .push_back(StartError::Busy("full".into()));
    world.drive(&engine);
    assert_eq!(world.task("r", "a").as_str(), "retrying");
    world.pass(ork_core::limits::ANNOUNCE_AGAIN);
    world
        .0
        .start_answers
        .lock()
        .unwrap()
        .push_back(StartError::Refused {
            category: Category::Permanent,
            message: "no such image".into(),
        });
    world
        .run(engine.step(&run_id("r"), vec![Event::Tick], CLAIM))
        .unwrap();
    world.drive(&engine);
    assert_eq!(
        (world.status("r"), world.failure("r", "a")),
        (RunStatus::Failed, "permanent: no such image".into())
    );

    let (world, engine) = started("name: w\ntasks:\n  a: {x}\n");
    world
        .0
        .start_answers
        .lock()
        .unwrap()
        .push_back(StartError::Ambiguous("timeout".into()));
    world.drive(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn objects_that_are_down_hold_up_no_start_and_lose_none() {
    let (world, engine) = started(
        "name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a], input: {v: \"{{ tasks.a.output }}\"}}\n  c: {x, depends_on: [a]}\n",
    );
    let claim = Some(ClaimRequest {
        places: 10,
        supervised: true,
    });
    world.run(engine.step(&run_id("r"), vec![], claim)).unwrap();
    world.work();
    world.0.objects_down.store(true, SeqCst);
    let large = Attempt {
        task: 0,
        index: 0,
        attempt: 1,
        fence: 1,
    };
    let event = Event::Finished {
        attempt: large,
        verdict: Verdict::Success {
            output: Output::Object { bytes: 5000 },
        },
        report: None,
    };
    let error = world
        .run(engine.step(&run_id("r"), vec![event], claim))
        .unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable);
    assert_eq!(
        (world.task("r", "b").as_str(), world.task("r", "c").as_str()),
        ("retrying", "retrying"),
        "they were given back, not lost"
    );
}

#[test]
fn an_executor_without_places_is_asked_once() {
    let (world, engine) = started("name: w\ntasks:\n  a: {x, parallel: 1000}\n");
    let claim = Some(ork_engine::ClaimRequest {
        places: 10,
        supervised: false,
    });
    let full = |_| StartError::Busy("full".into());
    world
        .0
        .start_answers
        .lock()
        .unwrap()
        .extend((0..1000).map(full));
    let before = world.commits();
    let hints = world.0.hints.lock().unwrap().len();
    let stepped = world.run(engine.step(&run_id("r"), vec![], claim)).unwrap();
    assert!(stepped.held_up);
    assert_eq!(world.commits() - before, 2, "claimed, and given back");
    let left = world.0.start_answers.lock().unwrap().len();
    assert_eq!(left, 990, "ten were asked for");
    // Those are left alone for a while; others are claimed when somebody looks again, which nobody is told to.
    assert_eq!(world.0.hints.lock().unwrap().len(), hints);
    world.0.start_answers.lock().unwrap().clear();
    world.finish_by_wakes(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    world.assert_ran_once();
}
