//! Attempts that handed over to jobs outside: asking, failing, stopping.

use std::collections::VecDeque;

use ork_core::limits;
use ork_core::run::{Category, Command, Event, RunStatus, State};
use ork_core::task::{Output, Verdict};
use ork_core::time::Millis;
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use ork_engine::report::RunReport;
use serde_json::{Value, json};

use crate::support::*;

const YAML: &str = "name: w\ntasks:\n  a: {x, timeout: 10m}\n  b: {x, depends_on: [a]}\n";

type Answer = Result<JobStatus, TrackerError>;

fn deferred(jobs: &[&str], answers: Vec<(&str, Vec<Answer>)>) -> (World, Process) {
    let world = World::with(YAML);
    let names: Vec<String> = jobs.iter().map(|job| (*job).to_owned()).collect();
    world.script(move |spec| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if spec.task_name.as_str() == "a" {
            Reply::defer(&names)
        } else {
            Reply::output("1")
        }
    });
    *world.0.tracker.lock().unwrap() = answers
        .into_iter()
        .map(|(job, answers)| (job.to_owned(), VecDeque::from(answers)))
        .collect();
    let engine = world.begin();
    assert_eq!(world.task("r", "a").as_str(), "deferred");
    (world, engine)
}

#[test]
fn an_attempt_succeeds_when_all_its_jobs_have() {
    let (world, engine) = deferred(
        &["x", "y"],
        vec![
            ("x", vec![Ok(JobStatus::Succeeded)]),
            ("y", vec![Ok(JobStatus::Running), Ok(JobStatus::Succeeded)]),
        ],
    );
    assert!(
        world.0.asked.lock().unwrap().is_empty(),
        "not before it is time"
    );
    world.look(&engine);
    assert_eq!(world.task("r", "a").as_str(), "deferred");
    world.look(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    let asked: Vec<_> = world
        .0
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|job| job["id"].clone())
        .collect();
    assert_eq!(
        asked,
        ["x", "y", "y"],
        "a job that is done is not asked about again"
    );
    assert_eq!(world.output("r", "a"), "[{\"id\":\"x\"},{\"id\":\"y\"}]");
    assert!(world.0.cancelled_jobs.lock().unwrap().is_empty());
}

#[test]
fn who_takes_long_to_answer_holds_nobody_up() {
    for (impatient, order) in [
        (true, ["x", "slow", "slow"].as_slice()),
        (false, &["x", "slow"]),
    ] {
        let world = World::with("name: w\ntasks:\n  a: {x}\n  b: {x}\n");
        world
            .0
            .impatient
            .store(impatient, std::sync::atomic::Ordering::SeqCst);
        world.script(|spec| match spec.task_name.as_str() {
            "a" => Reply::defer(&["x"]),
            _ => Reply::defer(&["slow"]),
        });
        let done = VecDeque::from([Ok(JobStatus::Succeeded)]);
        *world.0.tracker.lock().unwrap() = [("x".to_owned(), done)].into();
        let engine = world.begin();
        let before = world.commits();
        world.look(&engine);
        assert_eq!(world.status("r"), RunStatus::Success);
        let asked: Vec<_> = world
            .0
            .asked
            .lock()
            .unwrap()
            .iter()
            .map(|job| job["id"].clone())
            .collect();
        assert_eq!(asked, order);
        let commits = world.commits() - before;
        assert_eq!(
            commits,
            if impatient { 2 } else { 1 },
            "one for who answered at once"
        );
    }
}

#[test]
fn one_job_that_fails_stops_the_others() {
    let job = |id: &str| json!({"id": id});
    for (answer, stopped) in [
        (Ok(JobStatus::failed("quota")), vec![job("z")]),
        // It may be at work although nobody can ask about it.
        (
            Err(TrackerError::Permanent("quota".into())),
            vec![job("y"), job("z")],
        ),
    ] {
        let (world, engine) = deferred(
            &["x", "y", "z"],
            vec![
                ("x", vec![Ok(JobStatus::Succeeded)]),
                ("y", vec![Ok(JobStatus::Running), answer]),
            ],
        );
        world.look(&engine);
        world.look(&engine);
        assert_eq!(world.status("r"), RunStatus::Failed);
        assert!(
            world
                .failure("r", "a")
                .contains("deferred job 1 failed: quota"),
            "{}",
            world.failure("r", "a")
        );
        assert_eq!(
            *world.0.cancelled_jobs.lock().unwrap(),
            stopped,
            "what is over needs no stopping"
        );
    }
}

#[test]
fn errors_on_the_way_only_cost_time() {
    let transient = |retry_after| {
        Err(TrackerError::Transient {
            message: "503".into(),
            retry_after,
        })
    };
    let (world, engine) = deferred(
        &["x"],
        vec![(
            "x",
            vec![
                transient(None),
                transient(Some(Millis::from_secs(77))),
                Ok(JobStatus::Succeeded),
            ],
        )],
    );
    world.look(&engine);
    let before = world.time();
    world.look(&engine);
    assert_eq!(world.time().since(before), limits::POLL_INTERVAL);
    let before = world.time();
    world.look(&engine);
    assert_eq!(world.time().since(before), Millis::from_secs(77));
    assert_eq!(world.status("r"), RunStatus::Success);
}

#[test]
fn cancelling_stops_the_jobs() {
    let (world, engine) = deferred(&["x", "y"], vec![]);
    let other = world.engine();
    world
        .run(other.step(
            &run_id("r"),
            vec![Event::Command(Command::Cancel { reason: "x".into() })],
            None,
        ))
        .unwrap();
    assert_eq!(world.0.cancelled_jobs.lock().unwrap().len(), 2);
    assert!(
        world.0.stopped.lock().unwrap().is_empty(),
        "no worker has it"
    );
    drop(engine);
    assert_eq!(world.next_due(), None, "there is nothing left to do");
}

#[test]
fn whoever_cancels_asks_until_the_jobs_are_over() {
    let (world, engine) = deferred(&["x", "y"], vec![]);
    world.0.stopping.lock().unwrap().extend([
        Ok(Stopping::Asked),
        Ok(Stopping::Over),
        Err(TrackerError::Denied("not for now".into())),
        Err(TrackerError::Transient {
            message: "503".into(),
            retry_after: None,
        }),
        Ok(Stopping::Asked),
        Err(TrackerError::Missing("404".into())),
    ]);
    let cancel = Event::Command(Command::Cancel { reason: "x".into() });
    world
        .run(engine.step(&run_id("r"), vec![cancel], None))
        .unwrap();
    assert_eq!(world.status("r"), RunStatus::Cancelled);
    drop(engine);
    // Whoever comes next finds what is left to do in what is stored.
    let mut looks = 0;
    while world.next_due().is_some() {
        world.look(&world.engine());
        looks += 1;
    }
    let asked: Vec<_> = world.0.cancelled_jobs.lock().unwrap().clone();
    let of = |id: &str| asked.iter().filter(|job| job["id"] == *id).count();
    // That it was not known so soon after its attempt ended need not mean that it is over.
    assert_eq!((of("x"), of("y")), (6, 1), "{asked:?}");
    assert_eq!(looks, 5, "and then nobody looks any more");
}

#[test]
fn a_retry_waits_until_the_jobs_of_the_attempt_before_are_over() {
    let world =
        World::with("name: w\ntasks:\n  a: {x, timeout: 10m, retries: {max: 1, delay: 1s}}\n");
    let first = std::sync::atomic::AtomicBool::new(true);
    world.script(move |_| {
        if first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            Reply::defer(&["x", "y"])
        } else {
            Reply::output("1")
        }
    });
    let failed = VecDeque::from([Ok(JobStatus::failed("quota"))]);
    world.0.tracker.lock().unwrap().insert("x".into(), failed);
    world
        .0
        .stopping
        .lock()
        .unwrap()
        .extend([Ok(Stopping::Asked), Ok(Stopping::Asked)]);
    let engine = world.begin();
    world.look(&engine);
    world.look(&engine);
    world.look(&engine);
    assert_eq!(world.task("r", "a").as_str(), "retrying");
    assert_eq!(world.0.started.lock().unwrap().len(), 1);
    world.look(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(world.0.cancelled_jobs.lock().unwrap().len(), 3);
}

#[test]
fn a_question_and_its_answers_are_one_commit() {
    let (world, engine) = deferred(&["x", "y", "z"], vec![]);
    for _ in 0..3 {
        let before = world.commits();
        world.look(&engine);
        assert_eq!(world.commits() - before, 1);
    }
    assert_eq!(world.0.asked.lock().unwrap().len(), 9);
}

#[test]
fn of_very_many_jobs_the_longest_due_are_asked_about_first_and_the_others_at_once_afterwards() {
    let world = World::with("name: w\ntasks:\n  a: {x, timeout: 10m, parallel: 150}\n");
    world.script(|_| Reply::defer(&["x", "y"]));
    let engine = world.begin();
    let due = world.next_due().expect("it is not over");
    let mut asked = Vec::new();
    for _ in 0..3 {
        world.look(&engine);
        asked.push(std::mem::take(&mut *world.0.asked.lock().unwrap()).len());
    }
    assert_eq!(asked, [100, 100, 100]);
    assert_eq!(world.time(), due, "all of it without waiting");
    assert!(world.next_due() > Some(due));
}

#[test]
fn jobs_that_take_too_long_are_stopped() {
    let (world, engine) = deferred(&["x"], vec![]);
    world.finish_by_wakes(&engine);
    assert_eq!(world.status("r"), RunStatus::Failed);
    assert!(
        world.failure("r", "a").starts_with("timeout"),
        "{}",
        world.failure("r", "a")
    );
    assert_eq!(world.0.cancelled_jobs.lock().unwrap().len(), 1);
}

#[test]
fn many_jobs_are_kept_outside_the_page() {
    let names: Vec<String> = (0..limits::DEFERRED_JOBS)
        .map(|n| format!("{n}-{}", "x".repeat(40)))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answers = names
        .iter()
        .map(|name| (*name, vec![Ok(JobStatus::Succeeded)]))
        .collect();
    let (world, engine) = deferred(&names, answers);
    world.look(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(world.0.asked.lock().unwrap().len(), limits::DEFERRED_JOBS);
}

#[test]
fn a_list_outside_the_page_says_how_often_it_is_asked_about_too() {
    for (asked, every) in [
        (json!({}), Millis::from_secs(10)),
        (json!({"poll_interval": "3s"}), Millis::from_secs(3)),
        // No more often than once a second, whatever it says.
        (json!({"poll_interval": 0.001}), Millis::from_secs(1)),
    ] {
        let mut jobs: Vec<Value> = (0..limits::DEFERRED_JOBS)
            .map(|n| json!({"id": format!("{n}-{}", "x".repeat(40)), "poll_interval": "30s"}))
            .collect();
        jobs[7] = json!({"id": "often"});
        if let (Value::Object(job), Value::Object(asked)) = (&mut jobs[7], &asked) {
            job.extend(asked.clone());
        }
        if asked == json!({}) {
            for job in &mut jobs {
                job.as_object_mut().unwrap().remove("poll_interval");
            }
        }
        let text: std::sync::Arc<str> = json!(jobs).to_string().into();
        let world = World::with(YAML);
        world.script(move |_| {
            Reply::Give(Verdict::Deferred {
                jobs: Output::Inline(text.clone()),
                count: limits::DEFERRED_JOBS as u32,
                every: None,
            })
        });
        let engine = world.begin();
        assert_eq!(world.task("r", "a").as_str(), "deferred");
        for _ in 0..2 {
            let before = world.time();
            world.look(&engine);
            assert_eq!(world.time().since(before), every, "{asked}");
        }
    }
}

#[test]
fn a_list_of_jobs_that_makes_no_sense_fails_the_attempt() {
    for (jobs, count) in [("[{\"id\":\"x\"}]", 2), ("{}", 1), ("[1, 2", 2)] {
        let world = World::with(YAML);
        world.script(move |_| {
            Reply::Give(Verdict::Deferred {
                jobs: Output::Inline(jobs.into()),
                count,
                every: None,
            })
        });
        world.run(world.engine().start(named("w", "r"))).unwrap();
        world.finish_by_wakes(&world.engine());
        assert_eq!(world.status("r"), RunStatus::Failed, "{jobs}");
        assert!(
            world.failure("r", "a").contains("deferred"),
            "{}",
            world.failure("r", "a")
        );
        assert!(
            world.time().since(MONDAY) < Millis::from_secs(590),
            "before its timeout"
        );
    }
}

#[test]
fn a_jobs_failure_is_retried_by_its_category() {
    for (category, attempts) in [
        (Category::Permanent, 1),
        (Category::Oom, 1),
        (Category::Transient, 2),
    ] {
        let world = World::with(
            "name: w\ntasks:\n  a: {x, timeout: 10m, retries: {max: 1, delay: 1s, on: [transient]}}\n",
        );
        world.script(|_| Reply::defer(&["x"]));
        let failed = || {
            Ok(JobStatus::Failed {
                category,
                why: "no".into(),
            })
        };
        let answers = VecDeque::from([failed(), failed()]);
        world.0.tracker.lock().unwrap().insert("x".into(), answers);
        let engine = world.begin();
        world.finish_by_wakes(&engine);
        assert_eq!(world.status("r"), RunStatus::Failed);
        assert_eq!(
            world.0.started.lock().unwrap().len(),
            attempts,
            "{category}"
        );
        let failure = world.failure("r", "a");
        assert!(failure.starts_with(category.as_str()), "{failure}");
    }
}

#[test]
fn why_questions_get_no_answer_is_shown_and_costs_no_commit() {
    let busy = |message: &str| {
        Err(TrackerError::Transient {
            message: message.into(),
            retry_after: None,
        })
    };
    let (world, engine) = deferred(
        &["x", "y"],
        vec![(
            "x",
            vec![
                busy("HTTP 503"),
                Err(TrackerError::Elsewhere("somebody asks")),
                busy("HTTP 502"),
                Ok(JobStatus::Running),
            ],
        )],
    );
    let told = || {
        let view = world.run(engine.run(&run_id("r"))).unwrap();
        let Some(State::Deferred(deferral)) = view.state.instance(0, 0).map(|a| &a.state) else {
            panic!("it waits")
        };
        let told = deferral.trouble.as_ref();
        told.map(|told| (told.jobs, told.times, told.why.to_string()))
    };
    for expected in [
        Some((1, 1, "HTTP 503".to_owned())),
        Some((1, 1, "HTTP 503".to_owned())),
        Some((1, 2, "HTTP 502".to_owned())),
        None,
    ] {
        let before = world.commits();
        world.look(&engine);
        assert_eq!(world.commits() - before, 1);
        assert_eq!(told(), expected);
    }
}

#[test]
fn why_jobs_are_not_stopped_is_shown_with_the_next_commit() {
    let (world, engine) = deferred(&["x"], vec![]);
    let busy = || {
        Err(TrackerError::Transient {
            message: "HTTP 503".into(),
            retry_after: None,
        })
    };
    world.0.stopping.lock().unwrap().extend([
        busy(),
        busy(),
        Ok(Stopping::Asked),
        Err(TrackerError::Denied("not yours".into())),
    ]);
    let report = || {
        let view = world.run(engine.run(&run_id("r"))).unwrap();
        let mut stopping = RunReport::of(&view, world.time()).stopping;
        let one = stopping.remove(0);
        let told = one.unanswered.map(|told| (told.why, told.times));
        (one.asked, one.denied, told)
    };
    let why = |why: &str, times| Some((why.to_owned(), times));
    let cancel = Event::Command(Command::Cancel { reason: "x".into() });
    world
        .run(engine.step(&run_id("r"), vec![cancel], None))
        .unwrap();
    assert_eq!(report(), (1, 0, None));
    for (expected, commits) in [
        ((2, 0, why("HTTP 503", 1)), 1),
        ((3, 0, why("HTTP 503", 2)), 1),
        // It was taken, which is told with what follows.
        ((4, 1, why("not yours", 1)), 2),
    ] {
        let before = world.commits();
        world.look(&engine);
        assert_eq!(report(), expected);
        assert_eq!(world.commits() - before, commits, "{expected:?}");
    }
}
