//! Counts what costs money, per run and in all. Tries that a client repeats by itself count once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use serde::{Deserialize, Serialize};

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Documents read; a query that finds nothing counts as one.
    pub store_reads: u64,
    /// Documents written.
    pub store_writes: u64,
    /// Documents removed.
    pub store_deletes: u64,
    /// Object writes and listings.
    pub class_a: u64,
    /// Object reads.
    pub class_b: u64,
    /// Messages published.
    pub messages: u64,
    /// Their bytes.
    pub message_bytes: u64,
    /// Wakes scheduled.
    pub tasks: u64,
    /// Executions started.
    pub job_starts: u64,
    /// Requests served.
    pub requests: u64,
    /// Processor time of those, in microseconds.
    pub cpu_micros: u64,
}

impl Usage {
    /// Adds `other`.
    pub const fn add(&mut self, other: &Self) {
        self.store_reads += other.store_reads;
        self.store_writes += other.store_writes;
        self.store_deletes += other.store_deletes;
        self.class_a += other.class_a;
        self.class_b += other.class_b;
        self.messages += other.messages;
        self.message_bytes += other.message_bytes;
        self.tasks += other.tasks;
        self.job_starts += other.job_starts;
        self.requests += other.requests;
        self.cpu_micros += other.cpu_micros;
    }
    /// Whether nothing was used.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Runs that are counted apart at once. What others use meanwhile is in the total only.
const RUNS: usize = 10_000;

/// Counts; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    total: Usage,
    runs: BTreeMap<RunId, Usage>,
}

impl Meter {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts `used`, for `run` when it is known.
    pub fn count(&self, run: Option<&RunId>, used: &Usage) {
        let mut counts = self.counts();
        counts.total.add(used);
        let Some(run) = run else { return };
        if let Some(known) = counts.runs.get_mut(run) {
            known.add(used);
        } else if counts.runs.len() < RUNS {
            counts.runs.insert(run.clone(), *used);
        }
    }

    /// Counts a request that was served, and the processor time it took.
    pub fn request(&self, run: Option<&RunId>, cpu: Duration) {
        let used = Usage {
            requests: 1,
            cpu_micros: u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX),
            ..Usage::default()
        };
        self.count(run, &used);
    }

    /// Counts a write or a listing of objects.
    pub(crate) fn class_a(&self, run: Option<&RunId>) {
        let used = Usage {
            class_a: 1,
            ..Usage::default()
        };
        self.count(run, &used);
    }

    /// Counts a read of an object.
    pub(crate) fn class_b(&self, run: Option<&RunId>) {
        let used = Usage {
            class_b: 1,
            ..Usage::default()
        };
        self.count(run, &used);
    }

    /// What `run` used since it was last taken.
    pub fn take(&self, run: &RunId) -> Usage {
        self.counts().runs.remove(run).unwrap_or_default()
    }

    /// What everything used since the meter was made.
    pub fn total(&self) -> Usage {
        self.counts().total
    }
}

/// The run that an object belongs to.
pub(crate) const fn run_of(name: &ObjectName) -> Option<&RunId> {
    match name {
        ObjectName::Batch(run, _)
        | ObjectName::TaskOutput(run, _)
        | ObjectName::TaskText(run, _)
        | ObjectName::Attempt { run, .. } => Some(run),
        ObjectName::Upload(_)
        | ObjectName::UploadStatus(_)
        | ObjectName::Definition(..)
        | ObjectName::Bundle(..) => None,
    }
}

/// The run that a listing is about, when its prefix names one whole.
pub(crate) fn run_of_prefix(prefix: &str) -> Option<RunId> {
    let (run, _) = prefix.strip_prefix("runs/")?.split_once('/')?;
    RunId::new(run).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> RunId {
        RunId::new(id).expect("a run id")
    }

    #[test]
    fn runs_are_counted_apart_and_together() {
        let meter = Meter::default();
        meter.class_a(Some(&run("a")));
        let other = meter.clone();
        other.class_b(Some(&run("a")));
        meter.class_b(Some(&run("b")));
        meter.request(None, Duration::from_micros(1500));
        assert_eq!(
            meter.take(&run("a")),
            Usage {
                class_a: 1,
                class_b: 1,
                ..Usage::default()
            }
        );
        assert!(meter.take(&run("a")).is_nothing(), "it was taken");
        assert_eq!(
            meter.total(),
            Usage {
                class_a: 1,
                class_b: 2,
                requests: 1,
                cpu_micros: 1500,
                ..Usage::default()
            }
        );
    }

    #[test]
    fn a_meter_that_nobody_reads_does_not_grow_for_ever() {
        let meter = Meter::default();
        for n in 0..RUNS + 10 {
            meter.class_a(Some(&run(&format!("r{n}"))));
        }
        assert_eq!(meter.total().class_a, RUNS as u64 + 10);
        assert!(meter.take(&run(&format!("r{}", RUNS + 5))).is_nothing());
        assert_eq!(meter.counts().runs.len(), RUNS);
    }

    #[test]
    fn a_listing_belongs_to_the_run_its_prefix_names_whole() {
        assert_eq!(run_of_prefix("runs/a/"), Some(run("a")));
        assert_eq!(run_of_prefix("runs/a/t"), Some(run("a")));
        for prefix in ["", "runs/", "runs/a", "workflows/a/", "runs//"] {
            assert_eq!(run_of_prefix(prefix), None, "{prefix}");
        }
    }
}
