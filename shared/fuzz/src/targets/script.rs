//! Events for a run, read from bytes: each pair is an event and what it is about.

use std::collections::BTreeMap;

use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_core::run::{
    Attempt, Category, ClaimOffer, Command, Event, Graph, JobAnswer, Out, RecoverFrom, Resolution,
    RunState, RunStatus,
};
use ork_core::task::{Output, Verdict};
use ork_core::time::{Millis, Time};

/// When the runs of the fixtures were made.
pub(super) const MADE: Time = Time(1_750_000_000_000);
/// Events of one script.
const MOST: usize = 24;

/// Applies a script. With `sound` every event has to leave the run sound.
pub(super) fn play(graph: &Graph, run: &mut RunState, script: &[u8], sound: bool) {
    let mut now = MADE + Millis(90_000);
    for pair in script.chunks(2).take(MOST) {
        let (word, about) = (pair[0], pair.get(1).copied().unwrap_or(0));
        if word == b'+' {
            now = now + Millis(1000 << (about % 24));
            continue;
        }
        let event = event(graph, run, word, about);
        let mut out = Out::default();
        let before = run.header.status;
        let refused = run.apply(graph, &event, now, &mut out);
        for note in &out.notes {
            note.render(graph);
        }
        if let Err(refusal) = refused {
            assert!(!refusal.0.is_empty());
            assert_eq!(run.header.status, before, "refused and done: {refusal}");
        }
        if sound {
            run.verify(graph)
                .unwrap_or_else(|wrong| panic!("after {event:?}: {wrong}"));
        }
        run.progress(graph, now);
        let wake = run.next_wake_at(now);
        let rests = run.is_at_rest();
        assert_eq!(wake.is_none(), rests, "its wake");
    }
}

fn event(graph: &Graph, run: &RunState, word: u8, about: u8) -> Event {
    let tasks = u32::try_from(graph.workflow.tasks.len()).expect("at most 10,000 tasks");
    let task = u32::from(about) % (tasks + 1);
    let attempt = attempt(run, tasks, about);
    let finished = |verdict| Event::Finished {
        attempt,
        verdict,
        report: None,
    };
    match word {
        b's' => Event::Start,
        b'r' => resolved(run, tasks, about),
        b'c' | b'C' => Event::Claim(ClaimOffer {
            places: u32::from(about),
            pools: BTreeMap::new(),
            supervised: word == b'C',
        }),
        b'S' => Event::Started(attempt),
        b'h' => Event::Heartbeat(attempt),
        b'n' => Event::NotStarted {
            attempt,
            retry_after: Millis(u64::from(about) * 100),
            why: "full".to_owned(),
        },
        b'o' => finished(Verdict::Success {
            output: Output::Inline("[1]".into()),
        }),
        b'O' => finished(Verdict::Success {
            output: Output::Object {
                bytes: u64::from(about) << 40,
            },
        }),
        b'f' => finished(Verdict::Failed {
            category: Category::ALL[usize::from(about) % Category::ALL.len()],
            message: "ü".repeat(usize::from(about) * 8),
            log_tail: Vec::new(),
            exit_code: None,
        }),
        b'd' => finished(Verdict::Deferred {
            jobs: Output::Inline("[]".into()),
            count: u32::from(about) % 70,
            every: None,
        }),
        b'j' | b'J' | b'k' => Event::Job {
            attempt,
            job: u32::from(about) % 66,
            answer: match (word, about % 5) {
                (b'j', _) => JobAnswer::Running,
                (b'J', _) => JobAnswer::Done,
                (_, 0) => JobAnswer::Unanswered {
                    retry_after: None,
                    why: Some("503".to_owned()),
                },
                (_, 1) => JobAnswer::Missing("unknown".to_owned()),
                (_, 2) => JobAnswer::Denied("forbidden".to_owned()),
                (_, 3) => JobAnswer::Lost("unreadable".to_owned()),
                _ => JobAnswer::Failed {
                    category: Category::ALL[usize::from(about) % Category::ALL.len()],
                    why: "gone".to_owned(),
                },
            },
        },
        b'D' => Event::DeferredLate {
            attempt,
            jobs: Output::Inline("[{}]".into()),
            count: u32::from(about) % 3,
        },
        b'z' => Event::JobsStopped {
            attempt,
            over: u64::from(about),
            denied: None,
        },
        b'e' => Event::ChildEnded {
            attempt,
            run: RunId::new("child").expect("a run id"),
            status: RunStatus::ALL[usize::from(about) % RunStatus::ALL.len()],
            output: Output::null(),
        },
        b't' => Event::Tick,
        b'l' => Event::OwnerLost {
            new_owner: (about > 127).then(|| "other".to_owned()),
        },
        _ => Event::Command(command(word, task, about)),
    }
}

fn command(word: u8, task: TaskIndex, about: u8) -> Command {
    match word {
        b'p' => Command::Pause,
        b'u' => Command::Resume,
        b'P' => Command::PauseTask { task },
        b'U' => Command::ResumeTask { task },
        b'y' => Command::Retry,
        b'Y' => Command::RetryTask { task },
        b'm' => Command::MarkSuccess {
            task,
            index: (about < 128).then_some(u32::from(about)),
            output: Output::null(),
        },
        b'v' => Command::Recover {
            from: RecoverFrom::Failed,
        },
        b'V' => Command::Recover {
            from: RecoverFrom::Task(task),
        },
        b'w' => Command::Recover {
            from: RecoverFrom::Step(u32::from(about)),
        },
        b'R' => Command::Resend { notice: None },
        b'x' => Command::Remove {
            ended_by: Time(i64::MAX),
        },
        _ => Command::Cancel {
            reason: "enough".to_owned(),
        },
    }
}

fn resolved(run: &RunState, tasks: u32, about: u8) -> Event {
    let asked = run.unresolved();
    let unasked = (u32::from(about) % (tasks + 1), 0);
    let (task, generation) = *asked
        .get(usize::from(about) % asked.len().max(1))
        .unwrap_or(&unasked);
    Event::Resolved {
        task,
        generation,
        result: match about % 8 {
            0 => Resolution::Skip,
            1 => Resolution::Failed("no such field".to_owned()),
            2 => Resolution::Run(300),
            3 => Resolution::Run(u32::MAX),
            n => Resolution::Run(u32::from(n) - 4),
        },
    }
}

/// The live attempt of an instance in flight, most often; else one that is not.
fn attempt(run: &RunState, tasks: u32, about: u8) -> Attempt {
    let live: Vec<Attempt> = (0..tasks)
        .flat_map(|task| {
            (0u32..)
                .zip(run.instances(task))
                .filter(|(_, instance)| instance.status().is_in_flight())
                .map(move |(index, instance)| Attempt {
                    task,
                    index,
                    attempt: instance.attempt,
                    fence: instance.fence,
                })
        })
        .take(64)
        .collect();
    let stale = Attempt {
        task: u32::from(about) % (tasks + 1),
        index: u32::from(about) / 16,
        attempt: 1,
        fence: 1,
    };
    if about >= 0xf0 {
        return stale;
    }
    live.get(usize::from(about) % live.len().max(1))
        .copied()
        .unwrap_or(stale)
}
