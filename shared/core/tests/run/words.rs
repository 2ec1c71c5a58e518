//! Events and effects as words.
//!
//! `start`, `claim N [remote] [POOL=N …]`, `started T`, `beat T`, `not_started T SPAN`, `ok T [JSON]`, `fail T CATEGORY [WHY]`,
//! `defer T N`, `job T N running|done|failed [CATEGORY]|busy [SPAN]|…`, `child T STATUS`, `tick`, `owner_lost`, `resolve T run N|skip|failed`,
//! `cancel`, `pause [T]`, `resume [T]`, `retry [T]`, `mark T [JSON]`, `recover failed|T|step N`. T is `task`, `task[2]`, `task[2]#1` for an earlier
//! attempt, `task#2.1` for an earlier fence. `looked_back failed|well`, `told KEY [#ATTEMPT] received|busy [SPAN]|never`, `resend [KEY]`, where
//! KEY is `failure.0.1`: what, whom, and how often the run had ended.

use ork_core::definition::TaskIndex;
use ork_core::ids::{PoolName, RunId};
use ork_core::run::{
    Attempt, Category, ClaimOffer, Command, Effect, Event, Graph, JobAnswer, NotStopped, NoticeKey,
    RecoverFrom, Resolution, Told, Unstopped,
};
use ork_core::task::{Output, Report, Verdict};
use ork_core::time::{Millis, Time};
use ork_core::usage::Usage;

use crate::world::World;

pub(crate) fn span(text: &str) -> Millis {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let n: u64 = digits
        .parse()
        .unwrap_or_else(|_| panic!("`{text}` is a span such as 5s"));
    Millis(match &text[digits.len()..] {
        "ms" => n,
        "s" => n * 1000,
        "m" => n * 60_000,
        "h" => n * 3_600_000,
        unit => panic!("`{unit}` is a unit of time"),
    })
}

/// The position of a task and the index of an instance.
pub(crate) fn place(graph: &Graph, text: &str) -> (TaskIndex, u32) {
    let (name, index) = match text.split_once('[') {
        Some((name, rest)) => (
            name,
            rest.trim_end_matches(']')
                .parse()
                .unwrap_or_else(|_| panic!("`{text}` names an instance")),
        ),
        None => (text, 0),
    };
    (
        graph
            .workflow
            .task_index(name)
            .unwrap_or_else(|| panic!("`{name}` is a task")),
        index,
    )
}

fn attempt(world: &World, text: &str) -> Attempt {
    let (who, which) = text
        .split_once('#')
        .map_or((text, None), |(who, which)| (who, Some(which)));
    let (task, index) = place(&world.graph, who);
    let live = world.run.instance(task, index);
    let mut attempt = Attempt {
        task,
        index,
        attempt: live.map_or(1, |i| i.attempt),
        fence: live.map_or(1, |i| i.fence),
    };
    if let Some(which) = which {
        let (number, fence) = which.split_once('.').unwrap_or((which, which));
        attempt.attempt = number.parse().expect("an attempt");
        attempt.fence = fence.parse().expect("a fence");
    }
    attempt
}

pub(crate) fn event(world: &World, line: &str) -> Event {
    let mut words = line.split_whitespace();
    let verb = words.next().expect("a verb");
    let rest: Vec<&str> = words.collect();
    let arg = |at: usize| {
        *rest
            .get(at)
            .unwrap_or_else(|| panic!("`{line}` lacks a word"))
    };
    let tail = |from: usize| rest.get(from..).unwrap_or_default().join(" ");
    let task = |at: usize| place(&world.graph, arg(at)).0;
    let who = || attempt(world, arg(0));
    match verb {
        "start" => Event::Start,
        "tick" => Event::Tick,
        "looked_back" => Event::LookedBack {
            failed: arg(0) == "failed",
        },
        "told" => {
            let notice = notice(arg(0));
            let known = world.run.notice(notice).map_or(1, |one| one.attempts);
            let (attempt, rest) = match arg(1).strip_prefix('#') {
                Some(number) => (number.parse().expect("a number"), &rest[2..]),
                None => (known, &rest[1..]),
            };
            let told = match rest {
                ["received"] => Told::Received,
                ["busy"] => Told::NotNow {
                    why: "503, it said".into(),
                    retry_after: None,
                },
                ["busy", asked] => Told::NotNow {
                    why: "503, it said".into(),
                    retry_after: Some(span(asked)),
                },
                ["never"] => Told::Never("it may not be told".into()),
                other => panic!("`{other:?}` is what becomes of telling"),
            };
            Event::Notified {
                notice,
                attempt,
                told,
            }
        }
        "owner_lost" => Event::OwnerLost {
            new_owner: Some("next".into()),
        },
        "claim" => {
            let pools = rest
                .iter()
                .filter_map(|word| word.split_once('='))
                .map(|(pool, n)| (PoolName::new(pool).unwrap(), n.parse().unwrap()))
                .collect();
            Event::Claim(ClaimOffer {
                places: arg(0).parse().expect("places"),
                pools,
                supervised: !rest.contains(&"remote"),
            })
        }
        "started" => Event::Started(who()),
        "beat" => Event::Heartbeat(who()),
        "not_started" => Event::NotStarted {
            attempt: who(),
            retry_after: span(arg(1)),
            why: "no room".into(),
        },
        "ok" => Event::Finished {
            attempt: who(),
            verdict: success(if rest.len() > 1 { rest[1] } else { "null" }),
            report: None,
        },
        "metered" => Event::Finished {
            attempt: who(),
            verdict: success("null"),
            report: Some(Box::new(Report {
                used: Some(Usage {
                    class_a: arg(1).parse().expect("a count"),
                    ..Usage::default()
                }),
                took: rest.get(2).map(|span_text| span(span_text)),
            })),
        },
        "fail" => {
            let category = arg(1).parse().expect("a category");
            let message = if rest.len() > 2 {
                tail(2)
            } else {
                "it broke".into()
            };
            Event::Finished {
                attempt: who(),
                verdict: Verdict::Failed {
                    category,
                    message,
                    log_tail: Vec::new(),
                    exit_code: None,
                },
                report: None,
            }
        }
        "defer" => Event::Finished {
            attempt: who(),
            verdict: Verdict::Deferred {
                jobs: Output::Inline("[\"jobs\"]".into()),
                count: arg(1).parse().expect("jobs"),
                every: None,
            },
            report: None,
        },
        "job" => {
            let answer = match arg(2) {
                "running" => JobAnswer::Running,
                "done" => JobAnswer::Done,
                "failed" => JobAnswer::Failed {
                    category: rest
                        .get(3)
                        .map_or(Category::Unknown, |word| word.parse().expect("a category")),
                    why: "it said no".into(),
                },
                "busy" => JobAnswer::Unanswered {
                    retry_after: rest.get(3).map(|text| span(text)),
                    why: Some("503, it said".into()),
                },
                "asking" => JobAnswer::Unanswered {
                    retry_after: None,
                    why: None,
                },
                "missing" => JobAnswer::Missing("there is no such job".into()),
                "denied" => JobAnswer::Denied("nobody may ask".into()),
                "lost" => JobAnswer::Lost("it cannot be read".into()),
                "gave" => JobAnswer::Gave(Output::Inline(arg(3).into())),
                "begun" => JobAnswer::Begun(arg(3).into()),
                "broke" => JobAnswer::Broke {
                    category: arg(3).parse().expect("a category"),
                    why: "it was refused".into(),
                },
                other => panic!("`{other}` is what a job can be"),
            };
            Event::Job {
                attempt: who(),
                job: arg(1).parse().expect("a job"),
                answer,
            }
        }
        "late" => Event::DeferredLate {
            attempt: who(),
            jobs: Output::Inline("[{}]".into()),
            count: arg(1).parse().expect("a number of jobs"),
        },
        "stopped" => {
            let refused = |because| NotStopped {
                why: "nobody may stop it".into(),
                because,
            };
            Event::JobsStopped {
                attempt: who(),
                over: arg(1).parse().expect("bits of jobs"),
                denied: rest.get(2).map(|word| {
                    refused(match *word {
                        "for_good" => Unstopped::ForGood,
                        "unanswered" => Unstopped::Unanswered,
                        _ => Unstopped::Refused,
                    })
                }),
            }
        }
        "child" => {
            let status = arg(1).parse().expect("a status");
            Event::ChildEnded {
                attempt: Attempt { fence: 0, ..who() },
                run: RunId::new("child-1").unwrap(),
                status,
                output: Output::Inline("{}".into()),
            }
        }
        "resolve" => {
            let result = match arg(1) {
                "run" => Resolution::Run(arg(2).parse().expect("a number")),
                "skip" => Resolution::Skip,
                "failed" => Resolution::Failed("there is no such field".into()),
                other => panic!("`{other}` is what a condition gives"),
            };
            Event::Resolved {
                task: task(0),
                generation: world.run.task(task(0)).generation,
                result,
            }
        }
        "cancel" => Event::Command(Command::Cancel {
            reason: "somebody asked".into(),
        }),
        "pause" if rest.is_empty() => Event::Command(Command::Pause),
        "pause" => Event::Command(Command::PauseTask { task: task(0) }),
        "resume" if rest.is_empty() => Event::Command(Command::Resume),
        "resume" => Event::Command(Command::ResumeTask { task: task(0) }),
        "retry" if rest.is_empty() => Event::Command(Command::Retry),
        "retry" => Event::Command(Command::RetryTask { task: task(0) }),
        "mark" => Event::Command(Command::MarkSuccess {
            task: task(0),
            index: arg(0).contains('[').then(|| place(&world.graph, arg(0)).1),
            output: Output::Inline(
                if rest.len() > 1 {
                    tail(1)
                } else {
                    "null".into()
                }
                .into(),
            ),
        }),
        "recover" => Event::Command(Command::Recover {
            from: match arg(0) {
                "failed" => RecoverFrom::Failed,
                "step" => RecoverFrom::Step(arg(1).parse().expect("a step")),
                _ => RecoverFrom::Task(task(0)),
            },
        }),
        "resend" => Event::Command(Command::Resend {
            notice: rest.first().map(|key| notice(key)),
        }),
        "remove" => Event::Command(Command::Remove {
            ended_by: Time(arg(0).parse().expect("an instant")),
        }),
        other => panic!("`{other}` is something that happens"),
    }
}

/// `failure.0.1`.
pub(crate) fn notice(text: &str) -> NoticeKey {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn success(json: &str) -> Verdict {
    Verdict::Success {
        output: Output::Inline(json.into()),
    }
}

pub(crate) fn effect(graph: &Graph, effect: &Effect) -> String {
    let name = |task: TaskIndex| graph.task(task).name.to_string();
    let attempt = |attempt: &Attempt| {
        let index = if graph.task(attempt.task).fans_out() {
            format!("[{}]", attempt.index)
        } else {
            String::new()
        };
        let fence = if attempt.fence == attempt.attempt {
            String::new()
        } else {
            format!(".{}", attempt.fence)
        };
        format!("{}{index}#{}{fence}", name(attempt.task), attempt.attempt)
    };
    match effect {
        Effect::Resolve { task, generation } => {
            format!("resolve {} for generation {generation}", name(*task))
        }
        Effect::Start(who) => format!("start {}", attempt(who)),
        Effect::CheckStart(who) => format!("see whether {} has begun", attempt(who)),
        Effect::Stop(who) => format!("stop {}", attempt(who)),
        Effect::StartChild(who) => format!("start the sub-workflow of {}", attempt(who)),
        Effect::StopChild(who) => format!("stop the sub-workflow of {}", attempt(who)),
        Effect::Reap { attempt: who, why } => format!("reap {} ({why:?})", attempt(who)),
        Effect::Poll(who) => format!("ask about the jobs of {}", attempt(who)),
        Effect::BeginJobs(who) => format!("begin the jobs of {}", attempt(who)),
        Effect::StopJobs(who) => format!("stop the jobs of {}", attempt(who)),
        Effect::LookForLate => "look for late verdicts".to_owned(),
        Effect::LookBack => "look back".to_owned(),
        Effect::Notify { notice, attempt } => format!("tell {notice} #{attempt}"),
        Effect::TaskEnded(task) => format!("task {} ended", name(*task)),
        Effect::RunEnded(status) => format!("run ended {status}"),
        Effect::Remove => "remove the run".to_owned(),
    }
}
