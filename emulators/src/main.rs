//! `ork-emulators`: starts everything Ork needs of Google Cloud on this machine, and Ork's functions when asked to, until Ctrl-C.

mod arguments;
mod env_file;
mod table;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use ork_emulators::run_jobs::Job;
use ork_emulators::scheduler::{Scheduler, SchedulerOptions};
use ork_emulators::{Emulators, Functions, FunctionsOptions};
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

use arguments::Arguments;
use env_file::EnvFile;
use table::Table;

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
    let functions = match &arguments.functions {
        Some(program) => Some(Wished::of(&arguments, program)?),
        None => None,
    };
    // What is dropped half-way is killed.
    let mut running = tokio::select! {
        started = Running::start(&arguments, functions) => started?,
        () = any(&mut signals) => return Ok(()),
    };
    let outcome = tokio::select! {
        () = any(&mut signals) => Ok(()),
        reason = running.ended() => Err(reason),
    };
    tokio::select! {
        () = running.stop() => {}
        // Somebody cannot wait: then all is killed as it is dropped.
        _ = signals[0].recv() => {}
    }
    outcome
}

/// The functions as the command line wishes them.
struct Wished {
    options: FunctionsOptions,
    /// The folder of their logs, when it is a new one: it goes away again if they are never started.
    fresh: Option<TempDir>,
}

impl Wished {
    /// As far as it can be checked before anything starts.
    fn of(arguments: &Arguments, program: &Path) -> anyhow::Result<Self> {
        let code = match &arguments.code {
            Some(code) => code.clone(),
            None => std::env::current_dir().context("the current folder is unknown")?,
        };
        let (logs, fresh) = match &arguments.logs {
            Some(logs) => (logs.clone(), None),
            None => {
                let fresh = tempfile::Builder::new().prefix("ork-logs-").tempdir();
                let fresh = fresh.context("no temporary folder for the logs")?;
                (fresh.path().to_path_buf(), Some(fresh))
            }
        };
        let mut options = FunctionsOptions::new(program, code, logs);
        options.verbose = arguments.verbose;
        Ok(Self {
            options: options.checked()?,
            fresh,
        })
    }

    /// A log is looked at when it is over: from now on the folder stays.
    fn keep(self) -> FunctionsOptions {
        if let Some(fresh) = self.fresh {
            let _ = fresh.keep();
        }
        self.options
    }
}

/// Everything that runs, in the order in which it is stopped.
struct Running {
    file: Option<EnvFile>,
    scheduler: Option<Scheduler>,
    functions: Option<Functions>,
    emulators: Emulators,
}

impl Running {
    /// Starts all of it and says so.
    async fn start(arguments: &Arguments, functions: Option<Wished>) -> anyhow::Result<Self> {
        let emulators = Emulators::start(arguments.options()).await?;
        let mut running = Self {
            file: None,
            scheduler: None,
            functions: None,
            emulators,
        };
        match running.go_on(arguments, functions).await {
            Ok(()) => Ok(running),
            Err(error) => {
                running.stop().await;
                Err(error)
            }
        }
    }

    async fn go_on(
        &mut self,
        arguments: &Arguments,
        functions: Option<Wished>,
    ) -> anyhow::Result<()> {
        let options = arguments.options();
        if !arguments.worker.is_empty() {
            let job = Job::new(arguments.worker.clone());
            self.emulators
                .register_worker(&options.project, &options.bucket, job)?;
        }
        let functions = functions.map(Wished::keep);
        let logs = functions.as_ref().map(|options| options.logs.clone());
        if let Some(options) = functions {
            self.functions = Some(Functions::start(&mut self.emulators, options).await?);
        }
        let own = self.functions.as_ref().map(Functions::tick_url);
        let tick = own.or_else(|| arguments.tick.clone());
        if let Some(url) = &tick {
            let options = SchedulerOptions::new(url, arguments.tick_every());
            self.scheduler = Some(Scheduler::start(options)?);
        }
        let mut env = self.emulators.env();
        // Not for the functions, but for people and tests.
        env.extend(
            self.emulators
                .control()
                .map(|url| ("EMULATORS_CONTROL".to_owned(), url)),
        );
        // Written last: whoever waits for the file may use everything.
        if let Some(path) = &arguments.env_file {
            self.file = Some(EnvFile::write(path, &env)?);
        }
        let table = Table {
            emulators: &self.emulators,
            functions: self.functions.as_ref().zip(logs.as_deref()),
            tick: tick.as_deref().map(|url| (url, arguments.tick_every())),
            env_file: arguments.env_file.as_deref(),
            env: &env,
        };
        table.print()
    }

    /// Resolves when something ended by itself, with the reason.
    async fn ended(&mut self) -> anyhow::Error {
        let functions = async {
            match &mut self.functions {
                Some(functions) => functions.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            reason = functions => reason,
            reason = self.emulators.ended() => reason,
        }
    }

    /// Stops everything: first what calls, then what is called, last what both need.
    async fn stop(self) {
        let Self {
            file,
            scheduler,
            functions,
            emulators,
        } = self;
        drop(file);
        if let Some(scheduler) = scheduler {
            scheduler.stop().await;
        }
        if let Some(functions) = functions {
            functions.stop().await;
        }
        emulators.stop().await;
    }
}

/// Resolves when any of the signals comes.
async fn any(signals: &mut [Signal]) {
    let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(waits).await;
}
