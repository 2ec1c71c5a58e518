//! Random small workflows under random events: valid, stale, repeated and in any order. What must always hold is checked by
//! [`World::apply`] at every step; what must hold in the end is checked here.

use ork_core::run::{
    Attempt, Category, ClaimOffer, Command, Event, InstanceStatus, JobAnswer, RecoverFrom,
    Resolution, RunStatus, State,
};
use ork_core::task::{Output, Verdict};
use ork_core::time::Millis;
use proptest::prelude::*;

use crate::shapes::check;
use crate::words::success;
use crate::world::{World, pools};

/// What a random workflow is made of: a few numbers for each task.
type Shape = Vec<[u8; 6]>;
/// A random event: what, to whom, how.
type Choice = [u8; 4];

fn shapes() -> impl Strategy<Value = Shape> {
    prop::collection::vec(any::<[u8; 6]>(), 1..6)
}

/// A workflow whose every task follows from its numbers.
fn yaml(shape: &Shape, seconds: u8) -> String {
    const RULES: [&str; 6] = [
        "all_success",
        "all_done",
        "one_success",
        "one_failed",
        "none_failed",
        "always",
    ];
    let deadline = if seconds < 40 {
        format!("deadline: {}m\n", 1 + seconds)
    } else {
        String::new()
    };
    let mut text = format!("name: random\nmax_recovery_attempts: 2\n{deadline}tasks:\n");
    for (at, [edges, rule, kind, fan, retry, hold]) in shape.iter().enumerate() {
        let upstreams: Vec<String> = (0..at)
            .filter(|up| edges >> up & 1 == 1)
            .map(|up| format!("t{up}"))
            .collect();
        let what = match kind % 8 {
            0 => "executor: marker".to_owned(),
            1 => "run_as: {workflow: other}".to_owned(),
            _ => "command: work".to_owned(),
        };
        let mut keys = vec![
            what,
            format!("trigger: {}", RULES[usize::from(rule % 6)]),
            format!("priority: {}", hold % 3),
        ];
        match (fan % 4, upstreams.first()) {
            (0, _) => keys.push(format!("parallel: {}", 1 + fan / 4 % 3)),
            (1, Some(upstream)) => keys.push(format!("foreach: {upstream}")),
            _ => {}
        }
        let fans = keys.len() > 3;
        if fans && retry % 3 == 0 {
            keys.push("tolerate: 1".into());
        }
        if fans && hold % 4 == 0 {
            keys.push("concurrency: 1".into());
        }
        if hold % 5 == 0 {
            keys.push("pool: p".into());
        }
        if kind % 5 == 0 {
            keys.push("when: \"{{ run.id == 'x' }}\"".into());
        }
        if kind % 8 != 0 {
            keys.push(format!(
                "retries: {{max: {}, delay: {}s, jitter: {}}}",
                retry % 3,
                retry / 8 % 3,
                retry % 2 == 0
            ));
        }
        if !upstreams.is_empty() {
            keys.push(format!("depends_on: [{}]", upstreams.join(", ")));
        }
        text += &format!("  t{at}: {{{}}}\n", keys.join(", "));
    }
    text
}

/// An attempt that may be live, of an earlier attempt or fence, or of nobody.
fn attempt(world: &World, [_, who, how, _]: Choice) -> Attempt {
    let tasks = world.graph.order().len() as u32;
    let flying: Vec<(u32, u32)> = (0..tasks)
        .flat_map(|task| {
            (0u32..)
                .zip(world.run.instances(task))
                .filter(|(_, i)| i.status().is_in_flight())
                .map(move |(index, _)| (task, index))
                .collect::<Vec<_>>()
        })
        .collect();
    let (task, index) = match flying.get(usize::from(who) % flying.len().max(1)) {
        Some(&found) if how % 5 != 0 => found,
        _ => (u32::from(who) % (tasks + 1), u32::from(who / 16) % 4),
    };
    let (number, fence) = world
        .run
        .instance(task, index)
        .map_or((1, 1), |instance| (instance.attempt, instance.fence));
    match how % 7 {
        6 => Attempt {
            task,
            index,
            attempt: number.saturating_sub(1),
            fence,
        },
        5 => Attempt {
            task,
            index,
            attempt: number,
            fence: fence.saturating_sub(1),
        },
        4 if how > 200 => Attempt {
            task,
            index,
            attempt: number + 1,
            fence: fence + 1,
        },
        _ => Attempt {
            task,
            index,
            attempt: number,
            fence,
        },
    }
}

fn event(world: &World, choice: Choice) -> Event {
    let [what, who, how, more] = choice;
    let task = u32::from(who) % (world.graph.order().len() as u32 + u32::from(how == 255));
    let attempt = attempt(world, choice);
    let verdict = |how: u8| match how % 6 {
        0..3 => success("[1]"),
        3 => Verdict::Deferred {
            jobs: Output::Inline("[1,2]".into()),
            count: u32::from(more % 3),
            every: None,
        },
        _ => Verdict::Failed {
            category: ork_core::run::Category::ALL[usize::from(more % 7)],
            message: "no".into(),
            log_tail: Vec::new(),
            exit_code: None,
        },
    };
    let resolution = || match more % 8 {
        0 => Resolution::Skip,
        1 => Resolution::Failed("no".into()),
        _ => Resolution::Run(u32::from(more) % 4),
    };
    match what % 40 {
        0 => Event::Start,
        1..6 => match world.run.unresolved().first() {
            Some(&(task, generation)) if how % 4 != 0 => Event::Resolved {
                task,
                generation,
                result: resolution(),
            },
            _ => Event::Resolved {
                task,
                generation: u32::from(how % 3),
                result: resolution(),
            },
        },
        6..13 => Event::Claim(ClaimOffer {
            places: u32::from(who) % 5,
            pools: pools(&[("p", u32::from(how) % 3)]),
            supervised: more % 2 == 0,
        }),
        13..16 => Event::Started(attempt),
        16 => Event::Heartbeat(attempt),
        17 => Event::NotStarted {
            attempt,
            retry_after: Millis(u64::from(more) * 10),
            why: "full".into(),
        },
        18..25 => Event::Finished {
            attempt,
            verdict: verdict(more),
            report: None,
        },
        25..28 => {
            let answers = [
                JobAnswer::Running,
                JobAnswer::Done,
                JobAnswer::Done,
                JobAnswer::Failed {
                    category: Category::ALL[usize::from(more) % Category::ALL.len()],
                    why: "no".into(),
                },
                JobAnswer::Unanswered {
                    retry_after: None,
                    why: Some("503".into()),
                },
                JobAnswer::Missing("unknown".into()),
                JobAnswer::Denied("forbidden".into()),
                JobAnswer::Lost("unreadable".into()),
            ];
            Event::Job {
                attempt,
                job: u32::from(more) % 3,
                answer: answers[usize::from(how % 8)].clone(),
            }
        }
        28 | 29 => {
            let status = RunStatus::ALL[usize::from(more) % RunStatus::ALL.len()];
            Event::ChildEnded {
                attempt: Attempt {
                    fence: 0,
                    ..attempt
                },
                run: "child-1".parse().unwrap(),
                status,
                output: Output::null(),
            }
        }
        30..34 => Event::Tick,
        34 => Event::OwnerLost {
            new_owner: (how % 2 == 0).then(|| "me".into()),
        },
        _ => Event::Command(match (how % 16, more % 4) {
            (0, 0) => Command::Cancel {
                reason: "no".into(),
            },
            (0..3, _) => Command::Pause,
            (3..6, _) => Command::Resume,
            (6 | 7, _) => Command::PauseTask { task },
            (8 | 9, _) => Command::ResumeTask { task },
            (10, _) => Command::Retry,
            (11..14, _) => Command::RetryTask { task },
            (14, _) => Command::MarkSuccess {
                task,
                index: (more % 3 == 0).then_some(u32::from(more) % 3),
                output: Output::null(),
            },
            (_, 0) => Command::Recover {
                from: RecoverFrom::Failed,
            },
            (_, 1) => Command::Recover {
                from: RecoverFrom::Step(u32::from(who) % 5),
            },
            _ => Command::Recover {
                from: RecoverFrom::Task(task),
            },
        }),
    }
}

/// Lets everything that is under way end well, as an engine would: answers what is asked, claims what is ready, lets time pass.
fn finish(world: &mut World) {
    let _ = world.apply(&Event::Start);
    let _ = world.apply(&Event::Command(Command::Resume));
    for task in 0..world.graph.order().len() as u32 {
        let _ = world.apply(&Event::Command(Command::ResumeTask { task }));
    }
    for _ in 0..200 {
        if world.run.header.status.is_terminal() {
            return;
        }
        for (task, generation) in world.run.unresolved() {
            world
                .apply(&Event::Resolved {
                    task,
                    generation,
                    result: Resolution::Run(2),
                })
                .unwrap();
        }
        world
            .apply(&Event::Claim(ClaimOffer {
                places: 9,
                pools: pools(&[("p", 9)]),
                supervised: true,
            }))
            .unwrap();
        for task in 0..world.graph.order().len() as u32 {
            for index in 0..world.run.instances(task).len() as u32 {
                let instance = world.run.instance(task, index).unwrap();
                let attempt = Attempt {
                    task,
                    index,
                    attempt: instance.attempt,
                    fence: instance.fence,
                };
                if let State::Deferred(deferral) = &instance.state {
                    for job in 0..deferral.count {
                        world
                            .apply(&Event::Job {
                                attempt,
                                job,
                                answer: JobAnswer::Done,
                            })
                            .unwrap();
                    }
                } else if instance.status().is_in_flight() {
                    world
                        .apply(&Event::Finished {
                            attempt,
                            verdict: success("1"),
                            report: None,
                        })
                        .unwrap();
                }
            }
        }
        // Nothing but the instant it asks to be looked at.
        if let Some(at) = world.run.next_wake_at(world.now) {
            world.now = world.now.max(at);
            world.apply(&Event::Tick).unwrap();
        }
    }
    panic!("it does not end\n{:?} {}", world.status(), world.states());
}

#[test]
fn whatever_happens_the_run_stays_consistent_and_ends_when_its_tasks_do() {
    let inputs = (
        shapes(),
        any::<u8>(),
        prop::collection::vec(any::<Choice>(), 0..60),
    );
    check(400, inputs, |(shape, seconds, choices)| {
        let mut world = World::new(&yaml(&shape, seconds));
        let mut told: Vec<Event> = Vec::new();
        world.apply(&Event::Start).unwrap();
        for choice in choices {
            let [.., more] = choice;
            // Some of what was said is said again, later.
            let event = match told.get(usize::from(choice[1]) % told.len().max(1)) {
                Some(old) if choice[0] > 230 => old.clone(),
                _ => event(&world, choice),
            };
            let _refused = world.apply(&event);
            told.push(event);
            world.now = world.now
                + Millis(if more % 4 == 0 {
                    u64::from(more) * 500
                } else {
                    u64::from(more % 3)
                });
        }
        finish(&mut world);
    });
}

#[test]
fn the_order_in_which_verdicts_arrive_does_not_matter() {
    let inputs = (
        shapes(),
        prop::collection::vec(any::<u8>(), 24),
        prop::collection::vec(any::<u16>(), 24),
    );
    check(400, inputs, |(shape, verdicts, keys)| {
        let mut first = World::new(&yaml(&shape, 255));
        let mut second = World::new(&yaml(&shape, 255));
        for world in [&mut first, &mut second] {
            world.apply(&Event::Start).unwrap();
            for _ in 0..3 {
                for (task, generation) in world.run.unresolved() {
                    world
                        .apply(&Event::Resolved {
                            task,
                            generation,
                            result: Resolution::Run(3),
                        })
                        .unwrap();
                }
            }
            world
                .apply(&Event::Claim(ClaimOffer {
                    places: 99,
                    pools: pools(&[("p", 99)]),
                    supervised: true,
                }))
                .unwrap();
        }
        let mut events = Vec::new();
        for task in 0..first.graph.order().len() as u32 {
            for (index, instance) in (0u32..).zip(first.run.instances(task)) {
                if instance.status().is_in_flight() {
                    let attempt = Attempt {
                        task,
                        index,
                        attempt: instance.attempt,
                        fence: instance.fence,
                    };
                    let how = verdicts[events.len() % 24];
                    let failed = Verdict::Failed {
                        category: ork_core::run::Category::ALL[usize::from(how % 7)],
                        message: "no".into(),
                        log_tail: Vec::new(),
                        exit_code: None,
                    };
                    events.push(Event::Finished {
                        attempt,
                        verdict: if how % 2 == 0 { success("1") } else { failed },
                        report: None,
                    });
                }
            }
        }
        for event in &events {
            first.apply(event).unwrap();
        }
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by_key(|&at| keys[at % 24]);
        for at in order {
            second.apply(&events[at]).unwrap();
            second.apply(&events[at]).unwrap();
        }
        assert_eq!(statuses(&first), statuses(&second));
        assert_eq!(
            (first.states(), first.status()),
            (second.states(), second.status())
        );
    });
}

fn statuses(world: &World) -> Vec<(InstanceStatus, u32, u16)> {
    let tasks = 0..world.graph.order().len() as u32;
    tasks
        .flat_map(|task| {
            world
                .run
                .instances(task)
                .iter()
                .map(|i| (i.status(), i.attempt, i.failures))
        })
        .collect()
}
