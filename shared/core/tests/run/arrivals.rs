//! What can arrive about a run between two commits, all of it true at once; see [`crate::permutations`].

use ork_core::definition::Executor;
use ork_core::run::{Attempt, Category, Event, Graph, JobAnswer, RunState, RunStatus, State};
use ork_core::task::{Output, Report, Verdict};
use ork_core::time::{Millis, Time};
use ork_core::usage::Usage;

use crate::shapes::Tape;
use crate::words::success;

fn verdict(tape: &mut Tape, lost: bool) -> Verdict {
    match tape.below(6) {
        0..=2 => success(["1", "[1,2]", "null"][tape.below(3)]),
        3 => Verdict::Deferred {
            jobs: Output::Inline("[1]".into()),
            count: tape.below(4) as u32,
            every: None,
        },
        _ => Verdict::Failed {
            category: match *tape.pick(Category::ALL) {
                Category::Lost if !lost => Category::Unknown,
                category => category,
            },
            message: "no".into(),
            log_tail: Vec::new(),
            exit_code: None,
        },
    }
}

/// What a worker says that it used: a different sum if a verdict counts twice or not at all.
fn spent() -> Option<Box<Report>> {
    let used = Usage {
        class_a: 2,
        class_b: 1,
        ..Usage::default()
    };
    Some(Box::new(Report {
        used: Some(used),
        took: None,
    }))
}

/// What arrives about one attempt between two commits: things that can all be true.
fn about(run: &RunState, live: Attempt, child: bool, tape: &mut Tape) -> Vec<Event> {
    let instance = run.instance(live.task, live.index).expect("it exists");
    let mut events = Vec::new();
    match &instance.state {
        State::Dispatched { .. } => match tape.below(8) {
            0 => {}
            1 => events.push(Event::NotStarted {
                attempt: live,
                retry_after: Millis([0, 500, 20_000][tape.below(3)]),
                why: "full".into(),
            }),
            // Lost before anybody knew that it had begun.
            2 => events.push(Event::Finished {
                attempt: live,
                verdict: Verdict::Failed {
                    category: Category::Lost,
                    message: "gone".into(),
                    log_tail: Vec::new(),
                    exit_code: None,
                },
                report: None,
            }),
            what => {
                if what & 1 == 1 {
                    events.push(Event::Started(live));
                }
                if what & 2 == 2 {
                    events.push(Event::Heartbeat(live));
                }
                if what & 4 == 4 {
                    events.push(Event::Finished {
                        attempt: live,
                        verdict: verdict(tape, false),
                        report: spent(),
                    });
                }
            }
        },
        State::Running { .. } if child => {
            let ended = Event::ChildEnded {
                attempt: Attempt { fence: 0, ..live },
                run: "child-1".parse().unwrap(),
                status: *tape.pick(RunStatus::ALL),
                output: Output::Inline("{}".into()),
            };
            events.extend(tape.one_in(2).then_some(ended));
        }
        State::Running { .. } => {
            events.push(Event::Started(live));
            if tape.one_in(2) {
                events.push(Event::Heartbeat(live));
            }
            if tape.one_in(2) {
                events.push(Event::Finished {
                    attempt: live,
                    verdict: verdict(tape, true),
                    report: spent(),
                });
            }
        }
        State::Deferred(deferral) => {
            let mut failed = false;
            for job in 0..deferral.count {
                let known = deferral.done >> job & 1 == 1;
                let mut tell = |answer| {
                    events.push(Event::Job {
                        attempt: live,
                        job,
                        answer,
                    });
                };
                tell(JobAnswer::Running);
                match tape.below(4) {
                    1 | 2 => tell(JobAnswer::Done),
                    3 if !known && !failed => {
                        failed = true;
                        tell(JobAnswer::Failed {
                            category: Category::Unknown,
                            why: "no".into(),
                        });
                    }
                    _ => {}
                }
            }
            // What was said while it ran, late.
            events.push(Event::Started(live));
            events.push(Event::Finished {
                attempt: live,
                verdict: verdict(tape, true),
                report: spent(),
            });
        }
        _ => {}
    }
    events
}

/// What arrives about attempts that are superseded or over.
fn late(tape: &mut Tape, of: Attempt) -> Event {
    match tape.below(6) {
        0 => Event::Started(of),
        1 => Event::Heartbeat(of),
        2 => Event::NotStarted {
            attempt: of,
            retry_after: Millis(0),
            why: "full".into(),
        },
        3 => Event::Job {
            attempt: of,
            job: 0,
            answer: JobAnswer::Done,
        },
        4 => Event::ChildEnded {
            attempt: of,
            run: "child-0".parse().unwrap(),
            status: RunStatus::Failed,
            output: Output::null(),
        },
        _ => {
            let verdict = match verdict(tape, true) {
                // An attempt has one verdict, and this one's was another.
                Verdict::Deferred { .. } => success("1"),
                other => other,
            };
            Event::Finished {
                attempt: of,
                verdict,
                report: spent(),
            }
        }
    }
}

/// Whether time alone ends something at `now`.
fn time_decides(graph: &Graph, run: &RunState, now: Time) -> bool {
    let past = |at: Time| at <= now;
    run.header.deadline_at.is_some_and(past)
        || (0..).zip(run.tasks()).any(|(task, _)| {
            let child = matches!(graph.task(task).executor, Executor::Workflow { .. });
            run.instances(task)
                .iter()
                .any(|instance| match &instance.state {
                    State::Deferred(deferral) => past(deferral.end_by),
                    State::Running { end_by, .. } if child => end_by.is_some_and(past),
                    // It may hand over to jobs just now, whose time would be over at once.
                    State::Running { .. } => instance
                        .started_at
                        .is_some_and(|from| past(from + graph.task(task).timeout)),
                    _ => false,
                })
        })
}

/// Everything that arrives between two commits.
pub(crate) fn batch(graph: &Graph, run: &RunState, tape: &mut Tape, now: Time) -> Vec<Event> {
    let mut events = Vec::new();
    let tick = !time_decides(graph, run, now) && tape.one_in(2);
    for task in 0..run.tasks().len() as u32 {
        let child = matches!(graph.task(task).executor, Executor::Workflow { .. });
        for (index, instance) in (0u32..).zip(run.instances(task)) {
            let live = Attempt {
                task,
                index,
                attempt: instance.attempt,
                fence: instance.fence,
            };
            let begin = match instance.state {
                State::Dispatched { begin, .. } => begin,
                _ => None,
            };
            let mut said = about(run, live, child, tape);
            if tick && begin.is_some_and(|(check_at, _)| check_at <= now) {
                said.retain(|event| !matches!(event, Event::NotStarted { .. }));
            }
            events.append(&mut said);
            if instance.attempt > 0 && tape.one_in(3) {
                let over = !instance.status().is_in_flight();
                let earlier = Attempt {
                    attempt: instance.attempt - u32::from(!over),
                    ..live
                };
                events.push(late(tape, earlier));
            }
        }
    }
    if tick {
        events.push(Event::Tick);
    }
    events
}

/// Each event one to three times, in any order.
pub(crate) fn shuffled(events: &[Event], tape: &mut Tape) -> Vec<Event> {
    let mut keyed: Vec<(u16, Event)> = Vec::new();
    for event in events {
        for _ in 0..1 + tape.below(3) {
            let key = u16::from(tape.next()) << 8 | u16::from(tape.next());
            keyed.push((key, event.clone()));
        }
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, event)| event).collect()
}
