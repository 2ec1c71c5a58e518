//! A chain of small Python tasks on a worker service, from the start of the run to its success.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::deployment::{Deployment, Setup};
use crate::figures::{Spread, at_most, known};
use crate::table::Row;

const TASKS: u32 = 50;
/// Runs that are measured, after one that warms everything up.
const RUNS: usize = 5;

/// Each adds one to what the task before it returned.
const TASK: &str = "def add(n=0):\n    return n + 1\n";

fn workflow() -> String {
    let task = "file: add.py, function: add, isolation: reuse, worker: service";
    let mut text = format!("name: python\ntasks:\n  t0: {{{task}}}\n");
    for at in 1..TASKS {
        let before = at - 1;
        text += &format!(
            "  t{at}: {{{task}, depends_on: [t{before}], inputs: {{n: {{ref: tasks.t{before}.output}}}}}}\n"
        );
    }
    text
}

pub(crate) async fn chain(rows: &mut Vec<Row>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("add.py"), TASK)?;
    let mut deployment = Deployment::start(Setup {
        name: "chain",
        processes: 1,
        notes: false,
    })
    .await?;
    deployment.serve_in(folder.path(), true).await?;
    let found = runs(&deployment).await?;
    rows.push(at_most(
        &format!("a chain of {TASKS} Python tasks on a worker service"),
        found.median() / 1e3,
        2.5,
        "s",
        format!("longest of {RUNS}: {:.2} s", found.max() / 1e3),
    ));
    deployment.serve_in(folder.path(), false).await?;
    let found = runs(&deployment).await?;
    rows.push(known(
        "the same without chaining",
        format!("{:.2} s", found.median() / 1e3),
        format!(
            "longest of {RUNS}: {:.2} s; Pub/Sub's emulator delivers on a tick of 100 ms, three times for each task",
            found.max() / 1e3
        ),
    ));
    deployment.stop().await;
    Ok(())
}

/// Milliseconds from the start of each run to its success.
async fn runs(deployment: &Deployment) -> Result<Spread> {
    let workflow = deployment.deploy(&workflow()).await?;
    let mut found = Vec::new();
    for _ in 0..=RUNS {
        let began = Instant::now();
        let run = deployment.begin(&workflow).await?;
        let look_every = Duration::from_millis(10);
        deployment
            .success(&run, look_every, async || Ok(()))
            .await?;
        found.push(began.elapsed().as_secs_f64() * 1e3);
        let view = deployment.engine.run(&run).await?;
        let output = deployment.engine.task_output(&view, TASKS - 1).await?;
        let sum: u32 = serde_json::from_str(&output).context("the last task's output")?;
        ensure!(sum == TASKS, "{sum} is not what {TASKS} tasks come to");
    }
    Ok(Spread::of(found.into_iter().skip(1)))
}
