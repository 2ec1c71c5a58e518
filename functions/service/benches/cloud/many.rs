//! A hundred runs at once, with two processes of each service, to each of which any request may go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::deployment::{Deployment, Setup};
use crate::figures::{at_most, known};
use crate::process::Shares;
use crate::table::Row;

const RUNS: usize = 100;
const TASKS: usize = 10;
/// Ten tasks: one, four beside each other, one, three, one.
const WORKFLOW: &str = "name: ten
tasks:
  a: {command: x}
  b1: {command: x, depends_on: [a]}
  b2: {command: x, depends_on: [a]}
  b3: {command: x, depends_on: [a]}
  b4: {command: x, depends_on: [a]}
  c: {command: x, depends_on: [b1, b2, b3, b4]}
  d1: {command: x, depends_on: [c]}
  d2: {command: x, depends_on: [c]}
  d3: {command: x, depends_on: [c]}
  e: {command: x, depends_on: [d1, d2, d3]}
";

pub(crate) async fn many(rows: &mut Vec<Row>) -> Result<()> {
    let deployment = Deployment::start(Setup {
        name: "many",
        processes: 2,
        notes: false,
    })
    .await?;
    let deployment = Arc::new(deployment);
    let workflow = deployment.deploy(WORKFLOW).await?;
    let before = Shares::now()?;
    let began = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..RUNS {
        let (deployment, workflow) = (deployment.clone(), workflow.clone());
        all.spawn(async move {
            let run = deployment.begin(&workflow).await?;
            let look_every = Duration::from_millis(250);
            deployment
                .success(&run, look_every, async || Ok(()))
                .await?;
            anyhow::Ok(began.elapsed())
        });
    }
    let mut first = None;
    while let Some(ended) = all.join_next().await {
        let ended = ended??;
        first.get_or_insert(ended);
    }
    let took = began.elapsed().as_secs_f64();
    let shares = Shares::now()?.since(before);
    let left = deployment.left();
    let different: BTreeSet<_> = left
        .iter()
        .map(|one| (one.spec.id.run.clone(), one.spec.task_name.to_string()))
        .collect();
    ensure!(
        left.len() == RUNS * TASKS && different.len() == left.len(),
        "{} tasks of {RUNS} runs left {} verdicts, {} of them different",
        RUNS * TASKS,
        left.len(),
        different.len()
    );
    rows.push(at_most(
        "100 runs of 10 tasks at once, two processes of each service",
        took,
        60.0,
        "s",
        format!("all succeeded, every task ran once; {shares}"),
    ));
    let first = first.map_or(0.0, |first| first.as_secs_f64());
    rows.push(known(
        "the first of them was over after",
        format!("{first:.1} s"),
        String::new(),
    ));
    if let Ok(deployment) = Arc::try_unwrap(deployment) {
        deployment.stop().await;
    }
    Ok(())
}
