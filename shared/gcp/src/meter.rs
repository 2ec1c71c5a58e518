//! Counts what costs money, per run and in all. Tries that a client repeats by itself count once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ork_core::ids::RunId;
pub use ork_core::usage::Usage;
use ork_engine::ports::Metering;

use crate::prices;

/// Runs that are counted apart at once. What is counted of one that has to give way is in the total only.
const RUNS: usize = 10_000;

/// Counts; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    function: String,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: Usage,
    runs: BTreeMap<RunId, Usage>,
    /// Whether the processor time of this process is counted, and how much of it has been.
    cpu: Option<Duration>,
}

impl Counts {
    /// Counts the processor time since it was last counted.
    fn count_cpu(&mut self, run: Option<&RunId>) {
        let Some(counted) = self.cpu else { return };
        let now = cpu_time();
        let micros = now.saturating_sub(counted).as_micros();
        let used = Usage {
            cpu_micros: u64::try_from(micros).unwrap_or(u64::MAX),
            ..Usage::default()
        };
        self.cpu = Some(now);
        self.total.add(&used);
        if let Some(run) = run {
            self.of_run(run, &used);
        }
    }
    fn of_run(&mut self, run: &RunId, used: &Usage) {
        if let Some(known) = self.runs.get_mut(run) {
            known.add(used);
            return;
        }
        // Of what was used after its last commit nobody takes the count: somebody has to go.
        if self.runs.len() >= RUNS {
            self.runs.pop_first();
        }
        self.runs.insert(run.clone(), *used);
    }
}

/// Processor time of this process, all of it since it began.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

impl Meter {
    /// For a process that is the function called so, whose processor time is paid.
    pub fn of_function(function: &str) -> Self {
        Self(Arc::new(Inner {
            function: function.to_owned(),
            counts: Mutex::new(Counts {
                cpu: Some(Duration::ZERO),
                ..Counts::default()
            }),
        }))
    }
    /// For a process that is called so and whose processor time is nothing that a run is charged with.
    pub fn of_client(name: &str) -> Self {
        Self(Arc::new(Inner {
            function: name.to_owned(),
            ..Inner::default()
        }))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts `used`, for `run` when it is known.
    pub fn count(&self, run: Option<&RunId>, used: &Usage) {
        let mut counts = self.counts();
        counts.total.add(used);
        if let Some(run) = run {
            counts.of_run(run, used);
        }
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

    /// What everything used since the meter was made.
    pub fn total(&self) -> Usage {
        let mut counts = self.counts();
        counts.count_cpu(None);
        counts.total
    }
}

impl Metering for Meter {
    fn function(&self) -> &str {
        &self.0.function
    }

    /// The processor time that nobody has counted yet goes to whoever takes next: what began for several runs at once is not told apart.
    fn take(&self, run: &RunId) -> Usage {
        let mut counts = self.counts();
        counts.count_cpu(Some(run));
        counts.runs.remove(run).unwrap_or_default()
    }

    fn give_back(&self, run: &RunId, used: &Usage) {
        self.counts().of_run(run, used);
    }

    fn forget(&self, run: &RunId, used: &Usage) {
        let mut counts = self.counts();
        if let Some(known) = counts.runs.get_mut(run) {
            known.subtract(used);
            if known.is_nothing() {
                counts.runs.remove(run);
            }
        }
    }

    fn total(&self) -> Usage {
        Self::total(self)
    }

    fn request(&self, run: Option<&RunId>, message_bytes: Option<usize>) {
        let used = Usage {
            requests: 1,
            messages: u64::from(message_bytes.is_some()),
            message_bytes: message_bytes.map_or(0, |bytes| prices::billed(bytes as u64)),
            ..Usage::default()
        };
        self.count(run, &used);
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
        meter.request(None, Some(40));
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
                messages: 1,
                message_bytes: 1_000,
                ..Usage::default()
            }
        );
    }

    #[test]
    fn what_is_given_back_is_taken_again_and_what_is_forgotten_is_not() {
        let meter = Meter::of_client("cli");
        assert_eq!(meter.function(), "cli");
        meter.class_a(Some(&run("a")));
        let taken = meter.take(&run("a"));
        meter.give_back(&run("a"), &taken);
        meter.class_a(Some(&run("a")));
        meter.forget(&run("a"), &taken);
        assert_eq!(meter.take(&run("a")).class_a, 1);
        assert_eq!(meter.total().class_a, 2, "giving back counts nothing");
    }

    #[test]
    fn processor_time_goes_to_whoever_takes_and_is_counted_once() {
        let meter = Meter::of_function("monitor");
        // Whatever it takes to make a clock of microseconds move.
        let mut sum = 0_u64;
        while cpu_time() < Duration::from_millis(2) {
            sum = std::hint::black_box(sum + 1);
        }
        let first = meter.take(&run("a")).cpu_micros;
        assert!(first >= 2_000, "{first}");
        let total = meter.total().cpu_micros;
        let second = meter.take(&run("b")).cpu_micros;
        assert_eq!(meter.counts().total.cpu_micros, total + second);
        assert!(first + second <= meter.total().cpu_micros);
    }

    #[test]
    fn a_meter_that_nobody_reads_does_not_grow_for_ever_and_goes_on_counting() {
        let meter = Meter::default();
        for n in 0..RUNS + 10 {
            meter.class_a(Some(&run(&format!("r{n:06}"))));
        }
        assert_eq!(meter.total().class_a, RUNS as u64 + 10);
        assert_eq!(meter.counts().runs.len(), RUNS);
        let last = run(&format!("r{:06}", RUNS + 9));
        let used = meter.take(&last);
        assert_eq!(used.class_a, 1);
        meter.give_back(&last, &used);
        meter.forget(&last, &used);
        assert_eq!(
            meter.counts().runs.len(),
            RUNS - 1,
            "nothing is kept of nothing"
        );
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
