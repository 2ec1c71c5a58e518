//! A day on which nothing is due: what the tick reads, computes and costs when there are workflows and none of them runs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ork_core::parse::parse_workflow;
use ork_emulators::{Emulators, Options};
use ork_engine::Engine;
use ork_gcp::{Usage, prices};
use ork_host::{Role, Settings};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::connect::connect;
use crate::figures::{Spread, at_most, known, millis};
use crate::process;
use crate::services::Service;
use crate::table::Row;

const PROJECT: &str = "bench-idle";
const BUCKET: &str = "bench-idle-bucket";
const TICKS: u32 = 60;
const TICKS_A_DAY: u32 = 1_440;
const WORKFLOWS: u32 = 3;
/// Cloud Run bills a request's time in steps of this.
const BILLED_STEP: Duration = Duration::from_millis(100);
/// A job of Cloud Scheduler: $0.10 for 30 days.
const SCHEDULER_DAY: f64 = 0.10 / 30.0;

pub(crate) async fn idle(rows: &mut Vec<Row>) -> Result<()> {
    let emulators = Emulators::start(Options::for_project(PROJECT, BUCKET)).await?;
    let mut env = emulators.env();
    // There is no poll: nobody may want to be woken.
    env.insert("ORK_WAKE_QUEUE".into(), "off".into());
    let settings = Settings::read(Role::Tick, &env)?;

    // What is read is counted in this process, what is computed in one of its own.
    let google = connect(&emulators, PROJECT, BUCKET, None).await;
    let engine = Engine::new(google.clone(), None);
    for number in 0..WORKFLOWS {
        let text = format!(
            "name: yearly-{number}\nschedule: {{cron: \"{number} 0 29 2 *\"}}\ntasks:\n  a: {{command: x}}\n"
        );
        let parsed = parse_workflow("workflow.yaml", text.as_bytes());
        let parsed = parsed.map_err(|found| anyhow::anyhow!("{found:?}"))?;
        let pools = Default::default();
        engine.deploy(&parsed.workflow, None, &pools).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let counted_url = format!("http://{}/tick", listener.local_addr()?);
    let routes = ork_tick::router(engine, &settings);
    let served = tokio::spawn(async move { axum::serve(listener, routes).await });
    let before = google.meter().total();
    let client = reqwest::Client::new();
    tick_often(&client, &counted_url).await?;
    let mut used = google.meter().total();
    used.subtract(&before);
    served.abort();

    let service = Service::start("tick", &env).await;
    let pid = service.child.id();
    // The first connects to everything.
    tick(&client, &service.url("/tick")).await?;
    let cpu = process::cpu_ms(pid)?;
    let took = tick_often(&client, &service.url("/tick")).await?;
    let cpu = (process::cpu_ms(pid)? - cpu) / f64::from(TICKS);
    drop(service);
    emulators.stop().await;

    ensure!(
        used.messages == 0 && used.tasks == 0 && used.job_starts == 0,
        "an idle tick calls nobody: {used:?}"
    );
    let a_tick = |count: u64| count as f64 / f64::from(TICKS);
    rows.push(at_most(
        "idle: Firestore reads a tick",
        a_tick(used.store_reads),
        2.0,
        "",
        format!(
            "{} workflows, {TICKS} ticks; {:.1} writes, {:.1} object operations a tick",
            WORKFLOWS,
            a_tick(used.store_writes),
            a_tick(used.class_a + used.class_b)
        ),
    ));
    let day = |cpu_micros: u64| {
        let mut day = Usage {
            requests: u64::from(TICKS_A_DAY),
            cpu_micros,
            ..Usage::default()
        };
        let ticks = u64::from(TICKS_A_DAY) / u64::from(TICKS);
        day.store_reads = used.store_reads * ticks;
        day.store_writes = used.store_writes * ticks;
        day.class_a = used.class_a * ticks;
        day.class_b = used.class_b * ticks;
        prices::cost(&day).dollars()
    };
    let billed: Duration = took
        .iter()
        .map(|one| {
            BILLED_STEP
                * u32::try_from(one.as_nanos().div_ceil(BILLED_STEP.as_nanos())).unwrap_or(u32::MAX)
        })
        .sum();
    let billed = u64::try_from((billed / TICKS * TICKS_A_DAY).as_micros())?;
    let computed = (cpu * 1e3 * f64::from(TICKS_A_DAY)) as u64;
    rows.push(at_most(
        "idle: a day of 1,440 ticks, each billed in steps of 100 ms",
        day(billed),
        0.01,
        "$",
        format!(
            "${:.4} by processor time alone; Cloud Scheduler's job comes to ${SCHEDULER_DAY:.4} where three others are in use",
            day(computed)
        ),
    ));
    let took = Spread::of(took.iter().map(|one| millis(*one)));
    rows.push(known(
        "idle: a tick, request to answer",
        took.text(),
        format!("{cpu:.2} ms of processor time; {TICKS_A_DAY} requests a day"),
    ));
    Ok(())
}

async fn tick_often(client: &reqwest::Client, url: &str) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..TICKS {
        took.push(tick(client, url).await?);
    }
    Ok(took)
}

/// One tick, which must find nothing to do.
async fn tick(client: &reqwest::Client, url: &str) -> Result<Duration> {
    let began = Instant::now();
    let said = client.post(url).send().await?;
    ensure!(said.status().is_success(), "{url}: {}", said.status());
    let body = said.bytes().await?;
    let took = began.elapsed();
    let body: Value = serde_json::from_slice(&body).context("the tick's summary")?;
    let nothing = body["fired"] == Value::Array(Vec::new())
        && body["runs"] == Value::Array(Vec::new())
        && body["errors"] == 0;
    ensure!(nothing, "the tick found something: {body}");
    Ok(took)
}
