//! `ork-emulators`: starts everything Ork needs of Google Cloud on this machine, until Ctrl-C.

mod arguments;
mod env_file;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use ork_emulators::Emulators;
use ork_emulators::run_jobs::Job;
use ork_emulators::scheduler::{Scheduler, SchedulerOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};

use arguments::Arguments;
use env_file::EnvFile;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = runtime
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "ork-emulators: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Starts, serves until a signal, stops.
async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut signals = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ]
    .into_iter()
    .map(signal)
    .collect::<Result<Vec<Signal>, _>>()
    .context("signals cannot be waited for")?;
    let options = arguments.options();
    let started = tokio::select! {
        started = Emulators::start(options.clone()) => started?,
        () = any(&mut signals) => return Ok(()),
    };
    let mut emulators = started;
    let outcome = serve(&arguments, &mut emulators, &mut signals).await;
    emulators.stop().await;
    outcome
}

async fn serve(
    arguments: &Arguments,
    emulators: &mut Emulators,
    signals: &mut [Signal],
) -> anyhow::Result<()> {
    let options = arguments.options();
    if !arguments.worker.is_empty() {
        let job = Job::new(arguments.worker.clone());
        emulators.register_worker(&options.project, &options.bucket, job)?;
    }
    let scheduler = match &arguments.tick {
        Some(url) => Some(Scheduler::start(SchedulerOptions::new(
            url,
            arguments.tick_every,
        ))?),
        None => None,
    };
    // Written last: whoever waits for the file may use everything.
    let _file = match &arguments.env_file {
        Some(path) => Some(EnvFile::write(path, &emulators.env())?),
        None => None,
    };
    say(arguments, emulators)?;
    let outcome = tokio::select! {
        () = any(signals) => Ok(()),
        reason = emulators.ended() => Err(reason),
    };
    if let Some(scheduler) = scheduler {
        scheduler.stop().await;
    }
    outcome
}

/// Resolves when any of the signals comes.
async fn any(signals: &mut [Signal]) {
    let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(waits).await;
}

/// The table of what listens where, and what to do with it.
fn say(arguments: &Arguments, emulators: &Emulators) -> anyhow::Result<()> {
    let addresses = emulators.addresses();
    let width = addresses
        .iter()
        .map(|(what, _)| what.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (what, address) in addresses {
        text.push_str(&format!("{what:width$}  {address}\n"));
    }
    if let Some(url) = &arguments.tick {
        text.push_str(&format!(
            "{:width$}  POST {url}\n",
            "Cloud Scheduler (stand-in)"
        ));
    }
    text.push('\n');
    match &arguments.env_file {
        Some(path) => text.push_str(&format!(
            "The environment is in {0}: `. {0}`\n",
            path.display()
        )),
        None => text.push_str(&env_file::exports(&emulators.env())),
    }
    text.push_str("Ctrl-C stops everything; nothing is kept.\n");
    let mut output = std::io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .context("the table cannot be printed")
}
