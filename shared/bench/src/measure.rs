//! Timing: several runs, the median of them.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Runs `work` once to warm up and `times` times for the figure; gives the median.
pub(crate) fn median(times: usize, mut work: impl FnMut() -> Result<()>) -> Result<Duration> {
    work()?;
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        work()?;
        taken.push(start.elapsed());
    }
    taken.sort_unstable();
    Ok(taken[taken.len() / 2])
}

/// Megabytes of memory this process held at most, from `/proc`.
pub(crate) fn peak_memory() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or_else(|| anyhow::anyhow!("no VmHWM in /proc/self/status"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
