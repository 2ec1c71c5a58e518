//! A thousand jobs of BigQuery that fifty runs wait for: how regularly each is asked about, what that is written for, what memory it takes.
//!
//! Half the runs have twenty attempts of one job each, the other half one attempt of twenty. The stand-in counts how often each job was
//! asked about; it is looked at ten times a second, so that a time may be off by that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::run::{RunState, RunStatus};
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_core::usage::Usage;
use ork_engine::StartRun;
use ork_engine::ports::{Key, Ports, Store};
use ork_gcp::Google;
use serde_json::{Value, json};

use crate::deployment::{Deployment, Setup};
use crate::figures::{Spread, at_most, known};
use crate::floor;
use crate::process::{self, Shares};
use crate::table::Row;

const NAME: &str = "deferred";
const PROJECT: &str = "bench-deferred";
const RUNS: usize = 50;
/// Jobs of a run.
const JOBS: u32 = 20;
/// Between two looks at the stand-in.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the jobs are at work after the last was handed over, at least.
const AT_WORK: Duration = Duration::from_secs(110);
/// The first of them to the last.
const SPREAD: Duration = Duration::from_secs(40);
/// Cycles in which commits are counted.
const CYCLES: u32 = 8;
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(600);

const WIDE: &str = "name: wide\ntasks:\n  a: {command: x, parallel: 20}\n";
const DEEP: &str = "name: deep\ntasks:\n  a: {command: x}\n";

/// What is known of one job.
#[derive(Debug)]
struct Asked {
    /// When its attempt handed over, and whenever it was asked about since.
    at: Vec<SystemTime>,
    times: u32,
}

pub(crate) async fn deferred(rows: &mut Vec<Row>) -> Result<()> {
    let setup = Setup {
        name: NAME,
        processes: 1,
        notes: false,
    };
    let deployment = Deployment::start_with(setup, hand_over).await?;
    let firestore = floor::firestore(deployment.engine.ports()).await?;
    let workflows = [
        deployment.deploy(WIDE).await?,
        deployment.deploy(DEEP).await?,
    ];
    let mut runs = Vec::new();
    for n in 0..RUNS {
        let run = RunId::new(&format!("r{n:02}"))?;
        make_jobs(&deployment, &run).await?;
        runs.push((run, n % 2 == 0));
    }
    let before = Shares::now()?;
    for (run, wide) in &runs {
        let workflow = workflows[usize::from(!wide)].clone();
        let wish = StartRun {
            id: Some(run.clone()),
            ..StartRun::of(workflow)
        };
        deployment.begin_as(wish).await?;
    }
    let began = Instant::now();
    let mut watch = Watch::default();
    watch.until_all_are_waited_for(&deployment).await?;
    let last_handed_over = Instant::now();
    let handed_over = last_handed_over - began;
    let poll = deployment.gate("poll").services()[0].child.id();

    // The first cycle: everything is read and connected to.
    let interval = limits::POLL_INTERVAL.to_duration();
    watch.go_on(&deployment, interval * 3 / 2).await?;
    let written = written(&deployment, &runs).await?;
    let (first, _) = process::memory(poll)?;
    watch.go_on(&deployment, interval * CYCLES).await?;
    let later = self::written(&deployment, &runs).await?;
    ensure!(
        watch.jobs.values().all(|job| job.at.len() > 1) && last_handed_over.elapsed() < AT_WORK,
        "this machine is too slow for that: the jobs may be over before they are counted"
    );
    // And to their ends.
    let until = Instant::now() + PATIENCE;
    while !all_over(&deployment, &runs).await? {
        ensure!(
            Instant::now() < until,
            "the runs take longer than {PATIENCE:?}"
        );
        watch.go_on(&deployment, Duration::from_secs(1)).await?;
    }
    let (last, _) = process::memory(poll)?;
    let shares = Shares::now()?.since(before);

    ensure!(watch.jobs.len() == RUNS * JOBS as usize, "jobs were lost");
    let gaps = Spread::of(watch.jobs.values().flat_map(gaps));
    let questions: usize = watch.jobs.values().map(|job| job.at.len() - 1).sum();
    rows.push(at_most(
        "1,000 deferred jobs of 50 runs: longest time between two questions about one, in intervals",
        gaps.max(),
        2.0,
        "",
        format!("{questions} questions, every job was asked about until it was over; 1.000 is what is asked for"),
    ));
    rows.push(known(
        "the same, p50 and p99",
        format!("{:.3}, {:.3}", gaps.median(), gaps.percentile(99)),
        format!("all handed over within {:.1} s", handed_over.as_secs_f64()),
    ));
    for (wide, shape) in [
        (false, "one attempt of 20 jobs"),
        (true, "20 attempts of one job"),
    ] {
        let of = |all: &BTreeMap<RunId, u64>| -> u64 {
            let runs = runs.iter().filter(|(_, one)| *one == wide);
            runs.map(|(run, _)| all[run]).sum()
        };
        let commits = of(&later) - of(&written);
        let of_shape = runs.iter().filter(|(_, one)| *one == wide).count();
        rows.push(at_most(
            &format!("store writes a run and cycle, {shape}"),
            commits as f64 / (of_shape as f64 * f64::from(CYCLES)),
            1.0,
            "",
            format!(
                "1 is one commit for the questions and all their answers; Firestore's emulator: {:.1} ms a commit",
                firestore.commit.median()
            ),
        ));
    }
    rows.push(at_most(
        "memory of poll: after the last cycle more than after the first",
        last - first,
        2.0,
        "MB",
        format!("{first:.1} MB after the first, {last:.1} MB after the last; {shares}"),
    ));
    deployment.stop().await;
    Ok(())
}

/// What an attempt does: hands over to the job of its index, or to all of its run.
fn hand_over(spec: &TaskSpec, _: u32) -> Verdict {
    let jobs = match spec.fans_out {
        true => spec.id.index..spec.id.index + 1,
        false => 0..JOBS,
    };
    let described: Vec<Value> = jobs
        .map(|n| {
            json!({
                "service_type": "bigquery", "project": PROJECT,
                "job_id": format!("{}-{n}", spec.id.run), "location": "EU",
            })
        })
        .collect();
    Verdict::Deferred {
        count: u32::try_from(described.len()).unwrap_or(u32::MAX),
        every: None,
        jobs: Output::Inline(Value::Array(described).to_string().into()),
    }
}

/// Has the stand-in run a run's jobs, whose ends are spread over some time.
async fn make_jobs(deployment: &Deployment, run: &RunId) -> Result<()> {
    let services = deployment.emulators.services().context("it was started")?;
    let url = format!(
        "{}/bigquery/v2/projects/{PROJECT}/jobs",
        services.endpoint()
    );
    let client = reqwest::Client::new();
    for n in 0..JOBS {
        // Handing all of them over takes some time, too.
        let least = AT_WORK.as_secs() + 60;
        let seconds = least + u64::from(n) * SPREAD.as_secs() / u64::from(JOBS);
        let job = json!({
            "jobReference": {"projectId": PROJECT, "jobId": format!("{run}-{n}"), "location": "EU"},
            "configuration": {
                "query": {"query": "SELECT 1", "useLegacySql": false},
                "labels": {"ork-seconds": seconds.to_string()},
            },
        });
        let said = client.post(&url).json(&job).send().await?;
        ensure!(said.status().is_success(), "{url}: {}", said.status());
    }
    Ok(())
}

/// Who watches the stand-in.
#[derive(Debug, Default)]
struct Watch {
    jobs: BTreeMap<String, Asked>,
}

impl Watch {
    /// Goes on for some time.
    async fn go_on(&mut self, deployment: &Deployment, span: Duration) -> Result<()> {
        let until = Instant::now() + span;
        while Instant::now() < until {
            self.look(deployment)?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn until_all_are_waited_for(&mut self, deployment: &Deployment) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.jobs.len() < RUNS * JOBS as usize {
            ensure!(
                Instant::now() < until,
                "{} jobs are handed over after {PATIENCE:?}",
                self.jobs.len()
            );
            self.look(deployment)?;
            for left in deployment.left() {
                let Verdict::Deferred {
                    jobs: Output::Inline(jobs),
                    ..
                } = hand_over(&left.spec, 0)
                else {
                    continue;
                };
                let jobs: Vec<Value> = serde_json::from_str(&jobs)?;
                for job in &jobs {
                    let id = job["job_id"].as_str().context("a job has an id")?;
                    self.jobs.entry(id.to_owned()).or_insert_with(|| Asked {
                        at: vec![left.at],
                        times: 0,
                    });
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    fn look(&mut self, deployment: &Deployment) -> Result<()> {
        let services = deployment.emulators.services().context("it was started")?;
        let now = SystemTime::now();
        for job in services.jobs() {
            let Some(known) = self.jobs.get_mut(&job.id) else {
                continue;
            };
            if job.asked > known.times {
                known.times = job.asked;
                known.at.push(now);
            }
        }
        Ok(())
    }
}

/// The times between two questions about a job, in the intervals that it has at its age: ten seconds, later a tenth of the age.
fn gaps(job: &Asked) -> Vec<f64> {
    let since = |from: SystemTime, to: SystemTime| to.duration_since(from).unwrap_or_default();
    let began = job.at[0];
    let pairs = job.at.windows(2);
    pairs
        .map(|pair| {
            let least = limits::POLL_INTERVAL.to_duration();
            let most = limits::POLL_LONGEST.to_duration();
            let interval = (since(began, pair[0]) / 10).clamp(least, most);
            since(pair[0], pair[1]).as_secs_f64() / interval.as_secs_f64()
        })
        .collect()
}

/// Documents that were written for each run so far, by what the run itself says it used.
async fn written(deployment: &Deployment, runs: &[(RunId, bool)]) -> Result<BTreeMap<RunId, u64>> {
    let mut found = BTreeMap::new();
    for (run, _) in runs {
        let header = RunState::decode_header(&document(deployment.engine.ports(), run).await?)
            .map_err(|error| anyhow::anyhow!("{run}: {error}"))?;
        let used: Usage = header.usage.total();
        found.insert(run.clone(), used.store_writes);
    }
    Ok(found)
}

async fn all_over(deployment: &Deployment, runs: &[(RunId, bool)]) -> Result<bool> {
    for (run, _) in runs {
        let key = [Key::Run(run.clone())];
        let found = deployment.engine.ports().store().read(&key).await?;
        let status = found.into_iter().flatten().next();
        let status = status.and_then(|found| found.index.status);
        match status.with_context(|| format!("run {run} has a status"))? {
            RunStatus::Success => {}
            other if other.is_terminal() => anyhow::bail!("run {run} ended as {other}"),
            _ => return Ok(false),
        }
    }
    Ok(true)
}

async fn document(google: &Google, run: &RunId) -> Result<Vec<u8>> {
    let found = google.store().read(&[Key::Run(run.clone())]).await?;
    let found = found.into_iter().flatten().next();
    Ok(found.with_context(|| format!("run {run} is stored"))?.body)
}
