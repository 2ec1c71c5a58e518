//! From a task's verdict to the start of the task that waited for it.
//!
//! A hand-over goes: a worker has written the verdict (W); the notice of it reaches monitor (M); monitor settles it and publishes a hint (H);
//! the hint reaches dispatch (D); dispatch asks for an execution (J). M and D are noted by gates in front of the services, when a request
//! arrives there; H is Pub/Sub's own `publishTime` of the hint, W and J are noted by the worker and by the stand-in for Cloud Run.
//!
//! - delivery: W → M and H → D. The emulator delivers on a tick of its own; Google does it in some tens of milliseconds.
//! - own time: M → H and D → J. Monitor's answer, which comes a little after H, keeps nobody waiting and is shown apart.
//! - whole: W → J, the sum of both.
//!
//! `publishTime` has whole milliseconds, rounded down: a millisecond is added to it, so that own time is rather too long.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use ork_core::ids::RunId;
use ork_core::names::AttemptFile;
use ork_core::time::Time;
use serde::Deserialize;

use crate::counted::chain;
use crate::deployment::{Deployment, Left, Setup};
use crate::figures::{Spread, at_most, known, ms};
use crate::floor;
use crate::gate::Passed;
use crate::table::Row;

const TASKS: u32 = 41;
const RUNS: usize = 6;

/// What passed from one task to the next, in milliseconds.
struct HandOver {
    to_monitor: f64,
    settling: f64,
    monitor_answer: f64,
    to_dispatch: f64,
    starting: f64,
}

/// What is looked at of each hand-over.
type Part = fn(&HandOver) -> f64;

impl HandOver {
    fn own(&self) -> f64 {
        self.settling + self.starting
    }
    fn delivery(&self) -> f64 {
        self.to_monitor + self.to_dispatch
    }
    fn whole(&self) -> f64 {
        self.own() + self.delivery()
    }
}

pub(crate) async fn latency(rows: &mut Vec<Row>) -> Result<()> {
    let deployment = Deployment::start(Setup {
        name: "latency",
        processes: 1,
        notes: true,
    })
    .await?;
    let firestore = floor::firestore(deployment.engine.ports()).await?;
    let gate = floor::gate(&deployment).await?;
    let workflow = deployment.deploy(&chain(TASKS)).await?;
    let mut runs = Vec::new();
    for _ in 0..=RUNS {
        let run = deployment.begin(&workflow).await?;
        let look_every = Duration::from_millis(200);
        deployment
            .success(&run, look_every, async || Ok(()))
            .await?;
        runs.push(run);
    }
    let seen = Seen::of(&deployment)?;
    let mut found = Vec::new();
    let mut otherwise = 0;
    // The first run warms everything up.
    for run in &runs[1..] {
        for at in 1..TASKS {
            match seen.hand_over(run, at)? {
                Some(one) => found.push(one),
                None => otherwise += 1,
            }
        }
    }
    // Those that a tick found are the slow ones, and not in the figures.
    ensure!(
        otherwise * 20 <= found.len(),
        "{otherwise} of {} hand-overs came about without a hint",
        found.len() + otherwise
    );
    ensure!(!found.is_empty(), "no hand-over came about by a hint");
    let spread = |what: Part| Spread::of(found.iter().map(what));
    let own = spread(HandOver::own);
    let (commit, read) = (firestore.commit.median(), firestore.read.median());
    rows.push(at_most(
        "verdict written → next start requested, own time, p50",
        own.median(),
        30.0,
        "ms",
        format!(
            "Firestore's emulator: {commit:.1} ms a commit, {read:.1} ms a read; two commits and two reads: {:.1} ms",
            2.0 * (commit + read)
        ),
    ));
    rows.push(at_most(
        "the same, p99",
        own.percentile(99),
        200.0,
        "ms",
        format!(
            "two commits and two reads at their p99: {:.1} ms",
            2.0 * (firestore.commit.percentile(99) + firestore.read.percentile(99))
        ),
    ));
    rows.push(known(
        &format!("own time of {} hand-overs", found.len()),
        own.text(),
        format!("a gate adds {gate:.1} ms to each of two requests; {otherwise} more came about without a hint"),
    ));
    let parts: [(&str, Part); 7] = [
        ("  monitor: notice came → hint published", |one| {
            one.settling
        }),
        ("  dispatch: hint came → start requested", |one| {
            one.starting
        }),
        ("  monitor: notice came → answered", |one| {
            one.monitor_answer
        }),
        (
            "delivery by the Pub/Sub emulator, both hops",
            HandOver::delivery,
        ),
        ("  verdict written → notice at monitor", |one| {
            one.to_monitor
        }),
        ("  hint published → at dispatch", |one| one.to_dispatch),
        (
            "whole, verdict written → next start requested",
            HandOver::whole,
        ),
    ];
    for (what, part) in parts {
        rows.push(known(what, spread(part).text(), String::new()));
    }
    deployment.stop().await;
    Ok(())
}

/// Everything that was noted, by what it is looked up by.
struct Seen {
    /// By run and task.
    left: BTreeMap<(RunId, String), Left>,
    /// When executions were asked for, by their short names.
    executions: BTreeMap<String, SystemTime>,
    /// Notices by object; the first of each.
    notices: BTreeMap<String, Passed>,
    /// Hints by run, and when each was published.
    hints: BTreeMap<String, Vec<(SystemTime, Passed)>>,
}

#[derive(Deserialize)]
struct Envelope {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    attributes: BTreeMap<String, String>,
    #[serde(rename = "publishTime")]
    published: String,
}

impl Seen {
    fn of(deployment: &Deployment) -> Result<Self> {
        let mut seen = Self {
            left: BTreeMap::new(),
            executions: BTreeMap::new(),
            notices: BTreeMap::new(),
            hints: BTreeMap::new(),
        };
        for left in deployment.left() {
            let key = (left.spec.id.run.clone(), left.spec.task_name.to_string());
            let twice = seen.left.insert(key, left);
            ensure!(twice.is_none(), "an attempt ran twice: {twice:?}");
        }
        let jobs = deployment.emulators.run_jobs().context("it was started")?;
        for execution in jobs.executions(&deployment.emulators.names().worker_job) {
            let short = execution.name.rsplit('/').next().unwrap_or_default();
            let known = seen.executions.insert(short.to_owned(), execution.created);
            ensure!(known.is_none(), "two executions are called {short}");
        }
        for passed in deployment.gate("monitor").passed() {
            let message = message(&passed)?;
            let object = message.attributes.get("objectId");
            let object = object.context("a notice names its object")?.clone();
            let first = seen.notices.entry(object).or_insert_with(|| passed.clone());
            if passed.arrived < first.arrived {
                *first = passed;
            }
        }
        for passed in deployment.gate("dispatch").passed() {
            // The gate's own floor was measured with requests that have no message.
            if passed.body.is_empty() {
                continue;
            }
            let message = message(&passed)?;
            let run = message
                .attributes
                .get("run")
                .context("a hint names a run")?;
            let published = published(&message)?;
            let of_run = seen.hints.entry(run.clone()).or_default();
            of_run.push((published, passed));
        }
        Ok(seen)
    }

    /// What passed before task `at` of a chain was started; `None` when that was not because of a hint that came after the verdict.
    fn hand_over(&self, run: &RunId, at: u32) -> Result<Option<HandOver>> {
        let task = |at: u32| {
            let found = self.left.get(&(run.clone(), format!("t{at}")));
            found.with_context(|| format!("t{at} of {run} left a verdict"))
        };
        let (verdict, next) = (task(at - 1)?, task(at)?);
        let started = *self
            .executions
            .get(&next.execution)
            .with_context(|| format!("execution {} is known", next.execution))?;
        let object = verdict.spec.object(AttemptFile::Result).to_string();
        let Some(notice) = self.notices.get(&object) else {
            return Ok(None);
        };
        let hints = self.hints.get(run.as_str()).into_iter().flatten();
        let at_work = hints.filter(|(published, hint)| {
            *published >= notice.arrived && hint.arrived <= started && hint.answered >= started
        });
        let Some((published, hint)) = at_work.max_by_key(|(_, hint)| hint.arrived) else {
            return Ok(None);
        };
        Ok(Some(HandOver {
            to_monitor: ms(verdict.at, notice.arrived),
            settling: ms(notice.arrived, *published),
            monitor_answer: ms(notice.arrived, notice.answered),
            to_dispatch: ms(*published, hint.arrived),
            starting: ms(hint.arrived, started),
        }))
    }
}

fn message(passed: &Passed) -> Result<Message> {
    let envelope: Envelope = serde_json::from_slice(&passed.body).context("a push's envelope")?;
    Ok(envelope.message)
}

fn published(message: &Message) -> Result<SystemTime> {
    let Time(at) = Time::parse(&message.published)
        .map_err(anyhow::Error::msg)
        .context("a message's publishTime")?;
    let rounded_up = u64::try_from(at)? + 1;
    Ok(UNIX_EPOCH + Duration::from_millis(rounded_up))
}
