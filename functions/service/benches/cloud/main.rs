//! `make bench-cloud`: what the functions promise on Google Cloud, measured on the emulators.
//!
//! Names as arguments run only those parts. With `--check` it ends with 1 when something was not reached.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is its purpose"
)]

mod binary;
mod chain;
#[path = "../../tests/e2e/connect.rs"]
mod connect;
#[path = "../../tests/e2e/costs/counted.rs"]
mod counted;
mod deferred;
mod deployment;
mod fan;
mod figures;
mod floor;
mod gate;
mod idle;
#[path = "../../tests/e2e/costs/instant.rs"]
mod instant;
mod latency;
mod many;
mod process;
#[path = "../../tests/e2e/services.rs"]
mod services;
#[path = "../../../../shared/bench/src/table.rs"]
mod table;
mod writes;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use futures_util::FutureExt;
use tokio::signal::unix::{SignalKind, signal};

use table::Row;

const PARTS: [&str; 8] = [
    "latency", "writes", "idle", "fan", "binary", "many", "deferred", "chain",
];

fn main() -> ExitCode {
    match bench() {
        Ok(code) => code,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<ExitCode> {
    let mut check = false;
    let mut only = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            // What cargo adds by itself.
            "--bench" | "" => {}
            "--check" => check = true,
            name if PARTS.contains(&name) => only.push(argument),
            other => bail!("`{other}` is none of --check, {}", PARTS.join(", ")),
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (rows, result) = runtime.block_on(async {
        let mut rows = Vec::new();
        // What was started is ended by whoever drops it, so that must happen before this process ends.
        let mut terminate = signal(SignalKind::terminate())?;
        let result = tokio::select! {
            result = measure(&only, &mut rows) => result,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow::anyhow!("told to end")),
        };
        anyhow::Ok((rows, result))
    })?;
    println!("{}", table::render(&rows));
    result?;
    let missed = rows.iter().any(|row| row.met == Some(false));
    Ok(if check && missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn measure(only: &[String], rows: &mut Vec<Row>) -> Result<()> {
    let mut failed = Vec::new();
    for part in PARTS {
        if !only.is_empty() && !only.iter().any(|name| name == part) {
            continue;
        }
        say(part);
        // One that panics does not take the others along.
        let measured = AssertUnwindSafe(one(part, rows)).catch_unwind().await;
        let measured = measured.unwrap_or_else(|_| bail!("it panicked, as said above"));
        if let Err(error) = measured {
            failed.push(format!("{part} was not measured: {error:#}"));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

async fn one(part: &str, rows: &mut Vec<Row>) -> Result<()> {
    match part {
        "latency" => Box::pin(latency::latency(rows)).await,
        "writes" => Box::pin(writes::writes(rows)).await,
        "idle" => Box::pin(idle::idle(rows)).await,
        "fan" => Box::pin(fan::fan(rows)).await,
        "binary" => Box::pin(binary::binary(rows)).await,
        "many" => Box::pin(many::many(rows)).await,
        "deferred" => Box::pin(deferred::deferred(rows)).await,
        "chain" => Box::pin(chain::chain(rows)).await,
        other => bail!("{other} is no part"),
    }
}

/// Says how far it is, beside the table.
pub(crate) fn say(what: &str) {
    eprintln!("{what}");
}
