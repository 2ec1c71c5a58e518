//! What the kernel says of a process.

use std::fs;

use anyhow::{Context, Result};

/// MB of its memory that are in RAM, files that are mapped included; and those that are its own alone.
pub(crate) fn memory(pid: u32) -> Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |field: &str| -> Result<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let line = line.with_context(|| format!("no {field} in the status of process {pid}"))?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1024.0 / 1e6)
    };
    Ok((of("VmRSS:")?, of("RssAnon:")?))
}

/// Milliseconds of processor time its threads have had. A thread that ended is not in it: a service has one, for good.
pub(crate) fn cpu_ms(pid: u32) -> Result<f64> {
    let mut nanos = 0_u64;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = text
            .split_whitespace()
            .next()
            .context("an empty schedstat")?;
        nanos += first.parse::<u64>()?;
    }
    Ok(nanos as f64 / 1e6)
}

/// Seconds of processor time by who had it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shares {
    services: f64,
    emulators: f64,
    own: f64,
}

impl Shares {
    /// What this process, the services and Google's emulators that it started have had so far.
    pub(crate) fn now() -> Result<Self> {
        let me = std::process::id();
        let mut shares = Self::default();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // One that has ended meanwhile is not looked at.
            let Some((command, parent, seconds)) = of_process(pid) else {
                continue;
            };
            if pid == me {
                shares.own = seconds;
            } else if parent == me && command == "java" {
                shares.emulators += seconds;
            } else if parent == me {
                shares.services += seconds;
            }
        }
        Ok(shares)
    }

    /// What they had since `before`, for a person.
    pub(crate) fn since(self, before: Self) -> String {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "processor time: services {:.0} s, Google's emulators {:.0} s, stand-ins and workers {:.0} s; {cores} cores",
            self.services - before.services,
            self.emulators - before.emulators,
            self.own - before.own
        )
    }
}

/// A process's command, parent and seconds of processor time.
fn of_process(pid: u32) -> Option<(String, u32, f64)> {
    /// Of the kernel's interface, whatever the kernel itself counts in.
    const TICKS_A_SECOND: f64 = 100.0;
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command stands in parentheses and may have some itself.
    let (begin, rest) = text.rsplit_once(") ")?;
    let (_, command) = begin.split_once('(')?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let (parent, user, system) = (number(1)?, number(11)?, number(12)?);
    let seconds = (user + system) as f64 / TICKS_A_SECOND;
    Some((command.to_owned(), u32::try_from(parent).ok()?, seconds))
}
