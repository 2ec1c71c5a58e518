//! What is measured inside a process: the core alone, many runs at once, memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ork_core::parse::parse_workflow;
use ork_core::run::{Attempt, ClaimOffer, Effect, Event, Graph, Header, Out, RunState, RunStatus};
use ork_core::task::{Output, Verdict};
use ork_core::time::Time;
use ork_local::{Control, Embedded, EmbeddedConfig, Silent, StartRun, Until};

pub(crate) fn workflow(text: &str) -> Result<ork_core::definition::Workflow> {
    match parse_workflow("w.yaml", text.as_bytes()) {
        Ok(parsed) => Ok(parsed.workflow),
        Err(problems) => bail!("the benchmark's workflow is wrong: {problems:?}"),
    }
}

/// Transitions per second of the state machine alone: one, 10,000 and one processes, each claimed, started and finished.
pub(crate) fn core_speed() -> Result<f64> {
    let graph = Graph::new(workflow(&crate::command::process_fan(10_000))?);
    let mut best = 0f64;
    for _ in 0..5 {
        let header = Header::new(
            "bench-1".parse()?,
            graph.workflow.name.clone(),
            graph.workflow.version(),
            Time(0),
        );
        let mut run = RunState::new(&graph, header);
        let mut out = Out::default();
        let mut now = Time(1_000);
        let start = Instant::now();
        let mut transitions = 0u64;
        run.apply(&graph, &Event::Start, now, &mut out)?;
        while !run.header.status.is_terminal() {
            now.0 += 1;
            out.effects.clear();
            out.notes.clear();
            run.apply(
                &graph,
                &Event::Claim(ClaimOffer {
                    places: 64,
                    supervised: true,
                    ..ClaimOffer::default()
                }),
                now,
                &mut out,
            )?;
            let attempts: Vec<Attempt> = out
                .effects
                .iter()
                .filter_map(|effect| {
                    if let Effect::Start(attempt) = effect {
                        Some(*attempt)
                    } else {
                        None
                    }
                })
                .collect();
            ensure!(!attempts.is_empty(), "nothing to start");
            for attempt in attempts {
                run.apply(&graph, &Event::Started(attempt), now, &mut out)?;
                run.apply(
                    &graph,
                    &Event::Finished {
                        attempt,
                        verdict: Verdict::Success {
                            output: Output::null(),
                        },
                        report: None,
                    },
                    now,
                    &mut out,
                )?;
                transitions += 3;
            }
        }
        best = best.max(rate(transitions, start.elapsed()));
    }
    Ok(best)
}

fn rate(n: u64, took: Duration) -> f64 {
    // Counts here are far below what a float holds exactly.
    u32::try_from(n).map_or(f64::INFINITY, f64::from) / took.as_secs_f64()
}

/// Starts `runs` runs of the workflow in `folder` together and drives them to their end.
pub(crate) fn many_runs(folder: &Path, text: &str, runs: usize) -> Result<Duration> {
    let workflow = workflow(text)?;
    let config = EmbeddedConfig {
        env: std::env::vars_os().collect(),
        ork_exe: Some(crate::command::ork()?),
        ..EmbeddedConfig::new(folder.join(".ork"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let start = Instant::now();
    runtime.block_on(async {
        let mut embedded = Embedded::open(config)?;
        embedded
            .deploy(&workflow, &folder.join("w.yaml"), &BTreeMap::new())
            .await?;
        let mut ids = Vec::new();
        for _ in 0..runs {
            ids.push(
                embedded
                    .start(StartRun::of(workflow.name.clone()))
                    .await?
                    .id,
            );
        }
        embedded
            .drive(Until::RunsEnd(ids.clone()), &mut Silent, Control::new())
            .await?;
        for id in ids {
            let status = embedded.run(&id).await?.header.status;
            ensure!(status == RunStatus::Success, "run {id} is {status}");
        }
        Ok(())
    })?;
    Ok(start.elapsed())
}

/// The most memory a process holds over a run of `n` processes; run in a process of its own.
pub(crate) fn memory_of_fan(n: usize) -> Result<f64> {
    let text = crate::command::process_fan(n);
    let bed = crate::command::Bed::new(&text, 0)?;
    many_runs(bed.path(), &text, 1)?;
    crate::measure::peak_memory().context("read the peak")
}
