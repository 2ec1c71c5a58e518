//! Simulated workers: they run the shipping worker's protocol and misbehave around it.

use ork_core::definition::Executor;
use ork_core::run::Category;
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_core::time::{Millis, Time};
use ork_engine::Worker;
use ork_engine::ports::{Clock as _, ObjectError};

use crate::fault::Fault;
use crate::process::End;
use crate::random::Random;
use crate::world::{Handle, Inner};

/// What an attempt comes to, drawn from what its task is like.
pub(crate) fn draw(inner: &mut Inner, spec: &TaskSpec) -> (Millis, Verdict) {
    let behaviour = inner
        .prepared
        .behaviour(&spec.workflow_name, spec.task_name.as_str());
    let (least, most) = behaviour.runs_seconds;
    let mut takes = Millis(inner.random.between(least * 1000, most.max(least) * 1000));
    // An hour of work shows no more than minutes do, unless it is to run into a timeout.
    if spec.timeout > Millis::from_secs(600) {
        takes = takes.min(Millis::from_secs(300));
    }
    if inner.watch.quiet_since.is_some() {
        takes = takes.min(Millis::from_secs(20));
    }
    let failed = |category, message: &str| Verdict::Failed {
        category,
        message: message.into(),
        log_tail: vec!["the last line".into()],
        exit_code: Some(1),
    };
    let verdict = if inner.random.chance(behaviour.permanent_thousandths) {
        failed(Category::Permanent, "simulated: for good")
    } else if inner.random.chance(behaviour.oom_thousandths) {
        failed(Category::Oom, "simulated: out of memory")
    } else if inner.random.chance(behaviour.fail_thousandths) {
        let category = *inner.random.pick(&[
            Category::Unknown,
            Category::Transient,
            Category::Recoverable,
        ]);
        failed(category, "simulated")
    } else if !matches!(spec.executor, Executor::Script { .. })
        && inner.random.chance(behaviour.defer_thousandths)
    {
        let count = inner.random.between(1, 6);
        let jobs = inner.make_jobs(&spec.id, count);
        Verdict::Deferred {
            jobs: Output::Inline(jobs.into()),
            count: u32::try_from(count).unwrap_or(1),
            every: None,
        }
    } else {
        let mut salt = Random::new(
            u64::from(spec.id.task) << 40
                ^ u64::from(spec.id.index) << 20
                ^ u64::from(spec.id.attempt),
        );
        let text = behaviour.output.text(salt.next());
        // What a script prints is text.
        let text = match spec.executor {
            Executor::Script { .. } => serde_json::Value::String(text).to_string(),
            _ => text,
        };
        Verdict::Success {
            output: Output::Inline(text.into()),
        }
    };
    (takes, verdict)
}

/// A worker that an executor started, from its first act to its last.
pub(crate) async fn work(handle: Handle, spec: Box<TaskSpec>) -> End {
    let (name, protections) = {
        let mut inner = handle.world().lock();
        (inner.name(), inner.protections)
    };
    let worker = Worker::new(&handle, &spec, format!("w{name:016x}")).protected_by(protections);
    let mut began = false;
    for _ in 0..5 {
        match worker.begin(handle.now()).await {
            Ok(mine) => {
                began = mine;
                break;
            }
            Err(_) => handle.sleep(Millis::from_secs(2)).await,
        }
    }
    if !began {
        return End::Done;
    }
    let place = (
        (spec.id.run.clone(), spec.id.task, spec.id.index),
        spec.id.attempt,
    );
    let (takes, verdict) = {
        let mut inner = handle.world().lock();
        inner.tell(|| format!("runs {}", crate::words::id(&spec.id)));
        crate::watch::effect(&mut inner, &spec);
        *inner.watch.alive.entry(place).or_default() += 1;
        draw(&mut inner, &spec)
    };
    let started_at = handle.now();
    let Some(verdict) = run(&handle, &worker, &spec, started_at, takes, verdict).await else {
        return End::Done;
    };
    leave(&handle, &worker, &spec, verdict).await;
    End::Done
}

/// Runs the code, with signs of life; `None`: it was told that it is over, and has nothing to say to that.
pub(crate) async fn run(
    handle: &Handle,
    worker: &Worker<'_, Handle>,
    spec: &TaskSpec,
    started_at: Time,
    takes: Millis,
    verdict: Verdict,
) -> Option<Verdict> {
    // A worker sees to its own timeout; the reaper is for those that do not.
    let (takes, verdict) = if takes > spec.timeout {
        let late = Verdict::Failed {
            category: Category::Timeout,
            message: "simulated: timeout".into(),
            log_tail: Vec::new(),
            exit_code: None,
        };
        (spec.timeout, late)
    } else {
        (takes, verdict)
    };
    let mut left = takes.0;
    // The claim was the first sign of life.
    loop {
        let rest = left.min(spec.heartbeat.0);
        handle.sleep(Millis(rest)).await;
        left -= rest;
        if left == 0 {
            return Some(verdict);
        }
        let lost = handle.world().lock().hit(Fault::BeatLost);
        // A sign of life that fails kills nobody.
        if !lost
            && worker
                .beat(started_at, handle.now())
                .await
                .is_ok_and(|on| !on)
        {
            // Its code is told to end, and may say which jobs it has started.
            let started = matches!(verdict, Verdict::Deferred { .. });
            return started.then_some(verdict);
        }
    }
}

/// Leaves the verdict, or what a broken worker leaves instead. Says whether this very verdict stands, as far as the worker knows.
pub(crate) async fn leave(
    handle: &Handle,
    worker: &Worker<'_, Handle>,
    spec: &TaskSpec,
    verdict: Verdict,
) -> bool {
    use ork_core::names::AttemptFile;
    use ork_engine::ports::Objects;
    let (missing, garbage, oversize, twice) = {
        let mut inner = handle.world().lock();
        (
            inner.hit(Fault::VerdictMissing),
            inner.hit(Fault::VerdictGarbage),
            inner.hit(Fault::VerdictOversize),
            inner.hit(Fault::VerdictTwice),
        )
    };
    if missing {
        return false;
    }
    let name = spec.object(AttemptFile::Result);
    if garbage || oversize {
        let bytes = if garbage {
            b"{\"outcome\": \"succ".to_vec()
        } else {
            vec![b' '; 300 * 1024]
        };
        let _ = handle.create(&name, &bytes).await;
        return false;
    }
    let mut stands = false;
    for _ in 0..6 {
        match worker.finish(&verdict).await {
            Ok(first) => {
                if !first && matches!(verdict, Verdict::Deferred { .. }) {
                    crate::watch::handed_over_late(&mut handle.world().lock(), spec);
                }
                stands = first;
                break;
            }
            Err(ObjectError::Unavailable(_)) => handle.sleep(Millis::from_secs(5)).await,
            Err(_) => return false,
        }
    }
    if twice {
        let other = Verdict::Failed {
            category: Category::Unknown,
            message: "simulated: the same worker once more".into(),
            log_tail: Vec::new(),
            exit_code: Some(2),
        };
        let _ = worker.finish(&other).await;
    }
    stands
}

/// A child of the engine's own process: no objects, it just says what becomes of it.
pub(crate) async fn work_here(handle: Handle, spec: Box<TaskSpec>) -> End {
    use crate::process::Message;
    use crate::world::Item;
    use ork_core::run::{Attempt, Event};
    let attempt = Attempt::from(&spec.id);
    let say = |event: Event| {
        let mut inner = handle.world().lock();
        let at = inner.now;
        let message = Message::Said(spec.id.run.clone(), vec![event]);
        inner.schedule(at, Item::Deliver(message, 0));
    };
    say(Event::Started(attempt));
    let (takes, verdict) = {
        let mut inner = handle.world().lock();
        inner.tell(|| format!("runs {}", crate::words::id(&spec.id)));
        crate::watch::effect(&mut inner, &spec);
        draw(&mut inner, &spec)
    };
    handle.sleep(takes.min(spec.timeout)).await;
    let verdict = if takes > spec.timeout {
        Verdict::Failed {
            category: Category::Timeout,
            message: "simulated: timeout".into(),
            log_tail: Vec::new(),
            exit_code: None,
        }
    } else {
        small(&handle, &spec, verdict)
    };
    say(Event::Finished {
        attempt,
        verdict,
        report: None,
    });
    End::Done
}

/// As the local runner hands it over: what does not fit a page is an object.
fn small(handle: &Handle, spec: &TaskSpec, verdict: Verdict) -> Verdict {
    use ork_core::limits::INLINE_OUTPUT_BYTES;
    use ork_core::names::AttemptFile;
    let keep = |text: &str| {
        let mut inner = handle.world().lock();
        let now = inner.now;
        let name = spec.object(AttemptFile::Output);
        // A folder beside the process does not fail on its own.
        let _ = inner.objects.put(&name, text.as_bytes(), None, now);
        Output::Object {
            bytes: text.len() as u64,
        }
    };
    match verdict {
        Verdict::Success {
            output: Output::Inline(text),
        } if text.len() > INLINE_OUTPUT_BYTES => Verdict::Success {
            output: keep(&text),
        },
        other => other,
    }
}
