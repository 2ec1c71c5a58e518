//! `cargo run --profile sim -p ork-sim -- …`: runs seeds, reports what was met, and cuts down what was found.
//!
//! The profile `sim` is as fast as a release and reports panics as violations. Without it everything works as well, many times slower.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use ork_core::protect::{Protection, Protections};
use ork_core::time::Millis;
use ork_sim::batch::{self, Batch, Found, Sum};
use ork_sim::catalogue::Catalogue;
use ork_sim::day::{Day, Shape};
use ork_sim::report::{Finding, Report, write_plan};
use ork_sim::shrink::{Budget, shrink};

/// Run seeds of the simulated world and report what they met
///
/// Exit codes: 0 if nothing was found, 1 if a seed violates an invariant, 2 for wrong use.
#[derive(Debug, Parser)]
#[command(
    name = "ork-sim",
    version,
    after_help = "With cargo: cargo run --profile sim -p ork-sim -- --seeds 20000 --threads 2\nThe profile is as fast as a release, in which panics cannot be caught; the one cargo takes by itself is many times slower."
)]
struct Cli {
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    from: u64,
    /// One seed only
    #[arg(long, value_name = "S", conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print everything that happens, the plan and the workflows
    #[arg(long, requires = "seed", conflicts_with = "json")]
    trace: bool,
    /// Turn one protection off
    #[arg(long, value_name = "PROTECTION", value_parser = protection)]
    without: Option<Protection>,
    /// Give all tasks worker services that are chained
    #[arg(long)]
    chained: bool,
    /// List the protections
    #[arg(long)]
    protections: bool,
    /// Print every pair of the transition table, not only those that were not met
    #[arg(long)]
    coverage: bool,
    /// Leave what is found as it is
    #[arg(long)]
    no_shrink: bool,
    /// Threads, each with seeds of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Instead of seeds, a day without faults: what so many runs of one shape cost, and which documents become hot
    #[arg(long, value_name = "SHAPE", conflicts_with_all = ["seed", "seeds", "from", "without", "chained", "protections", "coverage", "threads", "json"])]
    day: Option<Shape>,
    /// Instances of the task in the middle of a fan
    #[arg(long, value_name = "N", default_value_t = 100, requires = "day", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    width: u32,
    /// Runs of the day
    #[arg(long, value_name = "N", default_value_t = 1_000, requires = "day", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Minutes over which they are started
    #[arg(long, value_name = "M", default_value_t = 1_440, requires = "day", value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: u32,
    /// Instances of the services on that day
    #[arg(long, value_name = "N", default_value_t = 3, requires = "day", value_parser = clap::value_parser!(u8).range(1..=50))]
    instances: u8,
}

fn protection(name: &str) -> Result<Protection, String> {
    let found = Protection::ALL.iter().find(|one| one.as_str() == name);
    found
        .copied()
        .ok_or_else(|| "there is no such protection; --protections lists them".to_owned())
}

/// A violation was found.
const FOUND: u8 = 1;
/// Used wrongly, or unable to say what came out.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that went away has seen what it wanted.
            let _ = error.print();
            let code = if error.use_stderr() { WRONG } else { 0 };
            return code.into();
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let done = if cli.protections {
        list_protections(&mut out).map(|()| ExitCode::SUCCESS)
    } else if let Some(shape) = cli.day {
        live(&cli, shape, &mut out)
    } else {
        simulate(&cli, &mut out)
    };
    match done.and_then(|code| out.flush().map(|()| code)) {
        Ok(code) => code,
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe {
                let _ = writeln!(io::stderr(), "ork-sim: {error}");
            }
            WRONG.into()
        }
    }
}

/// Lives through a day and says what it cost.
fn live(cli: &Cli, shape: Shape, out: &mut impl Write) -> io::Result<ExitCode> {
    let day = Day {
        shape,
        width: cli.width,
        runs: cli.runs,
        over: Millis::from_secs(u64::from(cli.minutes) * 60),
        instances: cli.instances.into(),
        seed: 0,
    };
    let outcome = match day.live() {
        Ok(outcome) => outcome,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            return Ok(WRONG.into());
        }
    };
    day.write(&outcome, out)?;
    if day.is_done(&outcome) {
        return Ok(ExitCode::SUCCESS);
    }
    match &outcome.violation {
        Some(violation) => writeln!(out, "{}: {}", violation.invariant, violation.what)?,
        None => writeln!(
            out,
            "not everything was done, or something twice: {:?}",
            outcome.stats
        )?,
    }
    Ok(FOUND.into())
}

fn list_protections(out: &mut impl Write) -> io::Result<()> {
    let widest = Protection::ALL.iter().map(|one| one.as_str().len()).max();
    for one in Protection::ALL {
        writeln!(
            out,
            "{one:<width$}  {}",
            one.describe(),
            width = widest.unwrap_or(0)
        )?;
    }
    Ok(())
}

fn simulate(cli: &Cli, out: &mut impl Write) -> io::Result<ExitCode> {
    let (from, seeds) = match cli.seed {
        Some(seed) => (seed, 1),
        None => (cli.from, cli.seeds),
    };
    if from.checked_add(seeds).is_none() {
        let _ = writeln!(
            io::stderr(),
            "error: {seeds} seeds from {from} on are more than there are numbers"
        );
        return Ok(WRONG.into());
    }
    let protections = cli
        .without
        .map_or_else(Protections::default, Protections::without);
    let mut catalogue = Catalogue::default();
    let batch = Batch {
        from,
        seeds,
        threads: cli.threads.into(),
        protections,
        chained: cli.chained,
    };
    if cli.trace {
        let plan = batch.plan(from, &mut catalogue);
        for line in batch::run(&plan, protections, true).trace {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        write_plan(out, &plan)?;
        writeln!(out)?;
    }
    let progress = Progress::new(seeds);
    let sum = batch.run(&|done, found| progress.tell(done, found));
    let findings = findings(cli, &sum, &batch, &mut catalogue);
    let code = if sum.found.is_empty() { 0 } else { FOUND };
    let report = Report {
        sum,
        without: cli.without,
        findings,
        every_pair: cli.coverage,
    };
    if cli.json {
        writeln!(out, "{:#}", report.json())?;
    } else {
        report.write(out)?;
    }
    Ok(code.into())
}

/// The first violation of each invariant, cut down.
fn findings(cli: &Cli, sum: &Sum, batch: &Batch, catalogue: &mut Catalogue) -> Vec<Finding> {
    let mut findings = Vec::new();
    for found in sum.first_of_each() {
        let shrunk = (!cli.no_shrink).then(|| {
            let plan = batch.plan(found.seed, catalogue);
            shrink(&plan, batch.protections, Budget::FOR_PEOPLE)
        });
        findings.push(Finding {
            found: found.clone(),
            shrunk: shrunk.flatten(),
        });
    }
    findings
}

/// Says now and then how far it is, to whoever waits at a terminal.
struct Progress {
    seeds: u64,
    last: Mutex<Option<(Instant, u64)>>,
}

impl Progress {
    fn new(seeds: u64) -> Self {
        let last = io::stderr().is_terminal().then(|| (Instant::now(), 0));
        Self {
            seeds,
            last: Mutex::new(last),
        }
    }

    fn tell(&self, done: u64, found: &[Found]) {
        const EVERY: Duration = Duration::from_secs(10);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((told, all)) = &mut *last else {
            return;
        };
        *all += found.len() as u64;
        if told.elapsed() >= EVERY {
            *told = Instant::now();
            let _ = writeln!(
                io::stderr(),
                "{done} of {} seeds, {all} violations",
                self.seeds
            );
        }
    }
}
