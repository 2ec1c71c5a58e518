//! What happens outside arrives in any order and any number of times, and it comes to the same.
//!
//! Between two commits the following commute and may be repeated: of each attempt that is in flight, its start, its signs of life
//! and its one verdict; the answers about its deferred jobs, one end for each job; the end of its sub-workflow; its refusal to
//! start, when it has neither begun nor a verdict; anything at all about attempts that are superseded or over; and a tick.
//! They do because each attempt has one verdict, whose effect does not depend on how the others stand; because an instance
//! counts for its task only once it has ended, and tasks and runs are decided by counting; and because a tick only turns
//! waits that are over into readiness and asks for what is late without deciding it. It comes to the same for a person:
//! statuses, attempts used, outputs, kinds of failures. What may differ: fences, instants of the next look, which of two
//! failed upstreams a skipped task names, which of two failed jobs of one attempt its message names.
//!
//! These do not commute, and the order in which they are applied decides:
//! * Commands and claims, which are wishes and not facts: each is meant for the state it finds.
//! * A refusal to start against a start or a verdict of the same claim. They contradict each other (an executor that answered
//!   "no place" and started it all the same). Whoever is first stands: a refusal first puts the attempt back, its number is spent
//!   and its late verdict is stale; a start or a verdict first makes the refusal stale.
//! * A refusal to start against a tick at which the claim's lease is over: the tick raises the fence, and from there on a
//!   refusal of the earlier claim is stale.
//! * A tick at or after an instant that is an end in itself (the run's deadline, the timeout of an attempt whose work is a
//!   sub-workflow or deferred jobs, be it that it deferred just now) against the verdict that comes with it. Whoever applies
//!   them together should put the tick last.
//! * A verdict "lost" against a sign of life of an attempt that was not known to have begun. A loss before the start is not
//!   charged against the retries, one after it is: which of the two it was, is known only by the order.
//! * Two tasks that both want the last instances a run may have: the one that is ready first gets them.

use ork_core::run::{
    Attempt, Category, ClaimOffer, Command, Event, Graph, Instance, InstanceStatus, JobAnswer, Out,
    RecoverFrom, Resolution, RunState, RunStatus, State,
};
use ork_core::task::{Output, Verdict};
use ork_core::time::{Millis, Time};
use ork_core::usage::Usage;

use crate::arrivals::{batch, shuffled};
use crate::shapes::{Tape, check, mix, rules, tapes, yaml};
use crate::words::success;
use crate::world::{World, bytes, pools};

/// What a person sees of an instance.
type Seen = (
    InstanceStatus,
    u32,
    u16,
    u16,
    Option<Output>,
    Option<Category>,
);

/// What a person sees of a run.
#[derive(Debug, PartialEq)]
struct Visible {
    run: (RunStatus, Option<String>, Option<Time>),
    used: Usage,
    tasks: Vec<(InstanceStatus, Vec<Seen>)>,
}

fn visible(run: &RunState) -> Visible {
    let seen = |instance: &Instance| {
        let output = match &instance.state {
            State::Success { output } => Some(output.clone()),
            _ => None,
        };
        let category = instance.failure.as_ref().map(|failure| failure.category);
        (
            instance.status(),
            instance.attempt,
            instance.failures,
            instance.losses,
            output,
            category,
        )
    };
    Visible {
        run: (
            run.header.status,
            run.header.error.clone(),
            run.header.finished_at,
        ),
        used: run.header.usage.total(),
        tasks: (0..)
            .zip(run.tasks())
            .map(|(at, task)| (task.status(), run.instances(at).iter().map(seen).collect()))
            .collect(),
    }
}

/// Applies an event when it happened: a sign of life is as old as the object it was read from.
fn apply(graph: &Graph, run: &mut RunState, event: &Event, now: Time) -> Out {
    let mut out = Out::default();
    let at = match event {
        Event::Heartbeat(_) => now - Millis(500),
        _ => now,
    };
    run.apply(graph, event, at, &mut out)
        .expect("only commands are refused");
    out
}

/// What evaluating a task gives: the same whenever it is asked for.
fn resolution(salt: u64, task: u32, generation: u32) -> Resolution {
    match mix(salt ^ u64::from(task) << 8 ^ u64::from(generation)) % 10 {
        0 => Resolution::Skip,
        1 => Resolution::Failed("there is no such field".into()),
        2 => Resolution::Run(0),
        n => Resolution::Run(n as u32 % 4 + 1),
    }
}

/// What an engine does before each commit: evaluates what has to be, and starts what may start.
fn complete(graph: &Graph, run: &mut RunState, now: Time, salt: u64, offer: &ClaimOffer) {
    while let Some(&(task, generation)) = run.unresolved().first() {
        if run.header.status.is_terminal() {
            break;
        }
        let result = resolution(salt, task, generation);
        let event = Event::Resolved {
            task,
            generation,
            result,
        };
        apply(graph, run, &event, now);
    }
    apply(graph, run, &Event::Claim(offer.clone()), now);
}

fn command(tape: &mut Tape, tasks: u32) -> Command {
    let task = u32::from(tape.next()) % tasks;
    match tape.below(11) {
        0 => Command::Pause,
        1..=3 => Command::Resume,
        4 => Command::PauseTask { task },
        5 => Command::ResumeTask { task },
        6 => Command::Retry,
        7 => Command::RetryTask { task },
        8 => Command::Cancel {
            reason: "no".into(),
        },
        9 => Command::MarkSuccess {
            task,
            index: None,
            output: Output::null(),
        },
        _ => Command::Recover {
            from: RecoverFrom::Failed,
        },
    }
}

/// Ends well whatever is under way, as if nothing were ever lost again.
fn end_well(graph: &Graph, run: &mut RunState, mut now: Time, salt: u64) {
    // Looking for late words takes time, which deadlines do not stand still for.
    run.header.late = None;
    let offer = ClaimOffer {
        places: 99,
        pools: pools(&[("p", 9), ("q", 9)]),
        supervised: true,
    };
    for task in 0..run.tasks().len() as u32 {
        let _unless_paused = run.apply(
            graph,
            &Event::Command(Command::ResumeTask { task }),
            now,
            &mut Out::default(),
        );
    }
    let _unless_paused = run.apply(
        graph,
        &Event::Command(Command::Resume),
        now,
        &mut Out::default(),
    );
    for _ in 0..300 {
        if run.header.status.is_terminal() {
            return;
        }
        complete(graph, run, now, salt, &offer);
        for task in 0..run.tasks().len() as u32 {
            for index in 0..run.instances(task).len() as u32 {
                let instance = run.instance(task, index).expect("it exists");
                let attempt = Attempt {
                    task,
                    index,
                    attempt: instance.attempt,
                    fence: instance.fence,
                };
                let stopping: Vec<u32> = instance
                    .cancellations()
                    .iter()
                    .map(|one| one.attempt)
                    .collect();
                let jobs = match &instance.state {
                    _ if !stopping.is_empty() => {
                        for of in stopping {
                            let stopped = Event::JobsStopped {
                                attempt: Attempt {
                                    attempt: of,
                                    ..attempt
                                },
                                over: u64::MAX,
                                denied: None,
                            };
                            apply(graph, run, &stopped, now);
                        }
                        continue;
                    }
                    State::Deferred(deferral) => deferral.count,
                    state if state.status().is_in_flight() => 0,
                    _ => continue,
                };
                for job in 0..jobs {
                    let done = Event::Job {
                        attempt,
                        job,
                        answer: JobAnswer::Done,
                    };
                    apply(graph, run, &done, now);
                }
                if jobs == 0 {
                    let done = Event::Finished {
                        attempt,
                        verdict: success("[1]"),
                        report: None,
                    };
                    apply(graph, run, &done, now);
                }
            }
        }
        if let Some(at) = run.next_timer(now) {
            now = now.max(at);
            apply(graph, run, &Event::Tick, now);
        }
    }
    panic!("it does not end: {:?}", visible(run));
}

#[test]
fn any_order_and_any_repetition_of_what_arrives_comes_to_the_same() {
    let (batches, events) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    check(320, (tapes(80), tapes(200)), |(shape, choices)| {
        let mut world = World::new(&yaml(&mut Tape::new(&shape), 6, false));
        let mut tape = Tape::new(&choices);
        let salt = u64::from(tape.next());
        let graph = &world.graph;
        let mut run = world.run.clone();
        apply(graph, &mut run, &Event::Start, world.now);
        for _ in 0..1 + tape.below(8) {
            let offer = ClaimOffer {
                places: 1 + u32::from(tape.next()) % 9,
                pools: pools(&[("p", 2), ("q", 1)]),
                supervised: tape.one_in(3),
            };
            complete(graph, &mut run, world.now, salt, &offer);
            world.now = world.now + Millis([0, 700, 30_000, 70_000, 400_000][tape.below(5)]);
            let arrived = batch(graph, &run, &mut tape, world.now);
            batches.set(batches.get() + usize::from(arrived.len() > 1));
            events.set(events.get() + arrived.len());
            let before = run.clone();
            for event in &arrived {
                apply(graph, &mut run, event, world.now);
            }
            let mut next = run.clone();
            complete(graph, &mut next, world.now, salt, &offer);
            for _ in 0..2 {
                let order = shuffled(&arrived, &mut tape);
                let mut other = before.clone();
                for event in &order {
                    apply(graph, &mut other, event, world.now);
                }
                other.verify(graph).unwrap();
                let told = format!("{arrived:#?}\nin this order:\n{order:#?}");
                assert_eq!(visible(&other), visible(&run), "{told}");
                // And from there on everything goes the same way.
                complete(graph, &mut other, world.now, salt, &offer);
                assert_eq!(visible(&other), visible(&next), "after {told}");
                let mut end = run.clone();
                end_well(graph, &mut end, world.now, salt);
                end_well(graph, &mut other, world.now, salt);
                assert_eq!(visible(&other).tasks, visible(&end).tasks, "after {told}");
            }
            if tape.one_in(4) {
                let command = Event::Command(command(&mut tape, graph.order().len() as u32));
                let _refused = run.apply(graph, &command, world.now, &mut Out::default());
            }
        }
    });
    assert!(
        batches.get() > 350 && events.get() > 4 * batches.get(),
        "{} events in {} batches",
        events.get(),
        batches.get()
    );
}

#[test]
fn the_rules_decide_the_same_in_whatever_order_the_tasks_above_end() {
    const ORDERS: [[u32; 3]; 6] = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    check(1500, (tapes(60), 0..8_u32), |(shape, failing)| {
        let world = World::new(&rules(&mut Tape::new(&shape), false));
        let graph = &world.graph;
        let mut begun = world.run.clone();
        apply(graph, &mut begun, &Event::Start, world.now);
        let offer = ClaimOffer {
            places: 9,
            ..ClaimOffer::default()
        };
        apply(graph, &mut begun, &Event::Claim(offer), world.now);
        let ends = ORDERS.map(|order| {
            let mut run = begun.clone();
            for task in order {
                let instance = run.instance(task, 0).expect("it does not fan out");
                let attempt = Attempt {
                    task,
                    index: 0,
                    attempt: instance.attempt,
                    fence: instance.fence,
                };
                let verdict = if failing >> task & 1 == 1 {
                    Verdict::Failed {
                        category: Category::Permanent,
                        message: "no".into(),
                        log_tail: Vec::new(),
                        exit_code: None,
                    }
                } else {
                    success("1")
                };
                apply(
                    graph,
                    &mut run,
                    &Event::Finished {
                        attempt,
                        verdict,
                        report: None,
                    },
                    world.now,
                );
            }
            visible(&run)
        });
        for (end, order) in ends.iter().zip(ORDERS) {
            assert_eq!(end, &ends[0], "in the order {order:?}");
        }
    });
}

#[test]
fn what_was_told_once_changes_nothing_and_asks_for_nothing_when_it_is_told_again_at_any_time() {
    let again = std::cell::Cell::new(0);
    check(250, (tapes(80), tapes(200)), |(shape, choices)| {
        let mut world = World::new(&yaml(&mut Tape::new(&shape), 6, false));
        let mut tape = Tape::new(&choices);
        let salt = u64::from(tape.next());
        let graph = &world.graph;
        let mut run = world.run.clone();
        apply(graph, &mut run, &Event::Start, world.now);
        let mut told = vec![Event::Start];
        for _ in 0..2 + tape.below(10) {
            let offer = ClaimOffer {
                places: 1 + u32::from(tape.next()) % 9,
                pools: pools(&[("p", 2), ("q", 1)]),
                supervised: tape.one_in(3),
            };
            complete(graph, &mut run, world.now, salt, &offer);
            world.now = world.now + Millis([0, 700, 30_000, 70_000, 4_000_000][tape.below(5)]);
            for event in batch(graph, &run, &mut tape, world.now) {
                apply(graph, &mut run, &event, world.now);
                // The same at once: not a bit of difference, and a tick has nothing left to do.
                let mut twice = run.clone();
                apply(graph, &mut twice, &event, world.now);
                assert_eq!(bytes(&twice), bytes(&run), "{event:?}");
                if event != Event::Tick {
                    told.push(event);
                }
            }
            if tape.one_in(3) {
                let command = Event::Command(command(&mut tape, graph.order().len() as u32));
                let _refused = run.apply(graph, &command, world.now, &mut Out::default());
            }
            for event in &told {
                // What was nobody's business when it was told is news to whoever has the job stopped.
                if let Event::Job { attempt, .. } = event
                    && run.cancellations().any(|(task, index, one)| {
                        (task, index, one.attempt) == (attempt.task, attempt.index, attempt.attempt)
                    })
                {
                    continue;
                }
                let mut other = run.clone();
                let out = apply(graph, &mut other, event, world.now);
                assert_eq!(visible(&other), visible(&run), "{event:?} again");
                assert_eq!(out.effects, [], "{event:?} again");
                again.set(again.get() + 1);
            }
        }
    });
    assert!(again.get() > 10_000, "{}", again.get());
}

#[test]
fn a_command_given_twice_is_refused_or_begins_anew_what_had_ended() {
    check(250, (tapes(60), tapes(150)), |(shape, choices)| {
        let mut world = World::new(&yaml(&mut Tape::new(&shape), 6, false));
        let mut tape = Tape::new(&choices);
        let graph = &world.graph;
        let mut run = world.run.clone();
        apply(graph, &mut run, &Event::Start, world.now);
        let offer = ClaimOffer {
            places: 3,
            pools: pools(&[("p", 1), ("q", 1)]),
            supervised: true,
        };
        for _ in 0..1 + tape.below(12) {
            complete(graph, &mut run, world.now, 1, &offer);
            world.now = world.now + Millis(10_000);
            for event in batch(graph, &run, &mut tape, world.now) {
                apply(graph, &mut run, &event, world.now);
            }
            let command = command(&mut tape, graph.order().len() as u32);
            let event = Event::Command(command.clone());
            if run
                .apply(graph, &event, world.now, &mut Out::default())
                .is_err()
            {
                continue;
            }
            let mut twice = run.clone();
            let second = twice.apply(graph, &event, world.now, &mut Out::default());
            let ended_at_once = match &command {
                Command::Retry | Command::Recover { .. } => run.header.status.is_terminal(),
                Command::RetryTask { task } => run.task(*task).finished_at.is_some(),
                _ => false,
            };
            assert!(
                second.is_err() || ended_at_once,
                "{command:?} was done twice"
            );
            assert!(second.is_ok() || bytes(&twice) == bytes(&run));
        }
    });
}

/// The run after a script, with `last` in its order and in the other.
fn both_ways(yaml: &str, script: &str, last: [&str; 2]) -> [String; 2] {
    [[last[0], last[1]], [last[1], last[0]]].map(|order| {
        let mut world = World::new(yaml);
        world.play(script).play(order[0]).play(order[1]);
        format!("{}: {}", world.status(), world.states())
    })
}

#[test]
fn a_refusal_to_start_and_what_contradicts_it_are_decided_by_which_is_first() {
    let yaml = "  a: {x}\n";
    assert_eq!(
        both_ways(yaml, "start; claim 1 remote", ["not_started a 5s", "ok a"]),
        ["running: a retrying", "success: a success"]
    );
    assert_eq!(
        both_ways(
            yaml,
            "start; claim 1 remote",
            ["not_started a 5s", "started a"]
        ),
        ["running: a retrying", "running: a running"]
    );
    // The claim's lease is over: the tick hands it over again, and the refusal speaks of the earlier claim.
    assert_eq!(
        both_ways(
            yaml,
            "start; claim 1 remote; +61s",
            ["not_started a#1.1 5s", "tick"]
        ),
        ["running: a retrying", "running: a dispatched"]
    );
}

#[test]
fn at_an_instant_that_is_an_end_in_itself_a_tick_and_a_verdict_are_decided_by_which_is_first() {
    assert_eq!(
        both_ways(
            "name: t\ndeadline: 1m\ntasks:\n  a: {x}\n",
            "start; claim 1; +1m",
            ["tick", "ok a"]
        ),
        ["failed: a cancelled", "success: a success"]
    );
    assert_eq!(
        both_ways(
            "  a: {x, timeout: 1m}\n",
            "start; claim 1; defer a 1; +1m",
            ["tick", "job a 0 done"]
        ),
        ["success: a success", "success: a success"],
        "its jobs are asked about once more before its time is over"
    );
    assert_eq!(
        both_ways(
            "  a: {run_as: {workflow: w}, timeout: 1m}\n",
            "start; claim 1; +1m",
            ["tick", "child a success"]
        ),
        ["failed: a failed", "success: a success"]
    );
}
