//! Many seeds on several threads, added up so that neither their order nor the number of threads can be seen in the sum.

use std::cell::RefCell;
use std::hash::Hasher as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use ork_core::protect::Protections;

use crate::catalogue::Catalogue;
use crate::coverage::Coverage;
use crate::plan::Plan;
use crate::simulation::{Outcome, simulate};
use crate::trace::Hash;
use crate::watch::Violation;
use crate::world::Stats;

/// Which seeds, and how.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// The first seed.
    pub from: u64,
    /// How many, the first included.
    pub seeds: u64,
    /// Threads of the operating system, each with seeds of its own.
    pub threads: usize,
    /// Which protections hold.
    pub protections: Protections,
    /// Whether all tasks have worker services that are chained, whatever the seed says.
    pub chained: bool,
}

/// A seed that found something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The seed.
    pub seed: u64,
    /// What it found.
    pub violation: Violation,
}

/// What became of all of them together.
#[derive(Debug, Default)]
pub struct Sum {
    /// The first seed.
    pub from: u64,
    /// How many there were.
    pub seeds: u64,
    /// Threads they ran on.
    pub threads: usize,
    /// Whether all tasks had worker services that were chained.
    pub chained: bool,
    /// Numbers, added up.
    pub stats: Stats,
    /// Which states met which events.
    pub coverage: Coverage,
    /// Points per seed and the seed, fewest first.
    pub points: Vec<(u64, u64)>,
    /// All hashes as one, in the order of the seeds.
    pub hash: u64,
    /// What was found, in the order of the seeds.
    pub found: Vec<Found>,
    /// Processor time spent simulating, threads added up: how busy the machine is besides does not show.
    pub simulating: Duration,
    /// Processor time spent drawing and reading scenarios, threads added up.
    pub preparing: Duration,
}

impl Sum {
    /// Seeds in a second on one core, scenarios apart.
    pub fn seeds_per_second(&self) -> f64 {
        self.seeds as f64 / self.simulating.as_secs_f64().max(f64::MIN_POSITIVE)
    }
    /// Points in a second on one core, scenarios apart.
    pub fn points_per_second(&self) -> f64 {
        self.stats.points as f64 / self.simulating.as_secs_f64().max(f64::MIN_POSITIVE)
    }
    /// Points per seed, in the mean.
    pub fn mean_points(&self) -> f64 {
        self.stats.points as f64 / self.seeds.max(1) as f64
    }
    /// The points of the seed that has `thousandths` of all seeds below it.
    pub fn points_at(&self, thousandths: usize) -> u64 {
        let at = self.points.len().saturating_sub(1) * thousandths / 1000;
        self.points.get(at).map_or(0, |(points, _)| *points)
    }
    /// The seed with the most points, and how many.
    pub fn longest(&self) -> Option<(u64, u64)> {
        self.points.last().map(|(points, seed)| (*seed, *points))
    }
    /// The first that was found of each kind, in the order of the seeds.
    pub fn first_of_each(&self) -> Vec<&Found> {
        let mut first: Vec<&Found> = Vec::new();
        for found in &self.found {
            let invariant = found.violation.invariant;
            if first
                .iter()
                .all(|known| known.violation.invariant != invariant)
            {
                first.push(found);
            }
        }
        first
    }
}

/// What is kept of one seed.
struct Row {
    seed: u64,
    points: u64,
    hash: u64,
}

/// What one thread adds up.
#[derive(Default)]
struct Part {
    rows: Vec<Row>,
    stats: Stats,
    coverage: Coverage,
    found: Vec<Found>,
    simulating: Duration,
    preparing: Duration,
}

impl Part {
    fn take(&mut self, seed: u64, outcome: Outcome) {
        self.rows.push(Row {
            seed,
            points: outcome.stats.points,
            hash: outcome.hash,
        });
        add(&mut self.stats, &outcome.stats);
        self.coverage.add(&outcome.coverage);
        if let Some(violation) = outcome.violation {
            self.found.push(Found { seed, violation });
        }
    }
}

fn add(sum: &mut Stats, one: &Stats) {
    sum.points += one.points;
    sum.commits += one.commits;
    sum.writes += one.writes;
    sum.objects += one.objects;
    sum.effects += one.effects;
    sum.runs += one.runs;
    sum.virtual_ms += one.virtual_ms;
    sum.injected.add(&one.injected);
}

impl Batch {
    /// What one of its seeds does.
    pub fn plan(&self, seed: u64, catalogue: &mut Catalogue) -> Plan {
        if self.chained {
            Plan::chained(seed, catalogue)
        } else {
            Plan::of(seed, catalogue)
        }
    }

    /// Runs them all. `after` hears how many seeds are done and what each thread found since it last said so.
    pub fn run(&self, after: &(impl Fn(u64, &[Found]) + Sync)) -> Sum {
        hear_panics();
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let catalogue = Mutex::new(Catalogue::default());
        let mut parts = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads.max(1))
                .map(|_| scope.spawn(|| self.part(&catalogue, &next, &done, after)))
                .collect();
            for thread in threads {
                parts.push(
                    thread
                        .join()
                        .expect("panics of a world are caught in the world"),
                );
            }
        });
        self.sum(parts)
    }

    /// What one thread does: whatever seeds are left.
    fn part(
        &self,
        catalogue: &Mutex<Catalogue>,
        next: &AtomicU64,
        done: &AtomicU64,
        after: &(impl Fn(u64, &[Found]) + Sync),
    ) -> Part {
        const TOGETHER: u64 = 16;
        let mut part = Part::default();
        loop {
            let first = next.fetch_add(TOGETHER, Ordering::Relaxed);
            if first >= self.seeds {
                return part;
            }
            let known = part.found.len();
            let last = self.seeds.min(first + TOGETHER);
            for seed in (first..last).map(|nth| self.from + nth) {
                let began = worked();
                let plan = {
                    let mut catalogue = catalogue.lock().unwrap_or_else(PoisonError::into_inner);
                    self.plan(seed, &mut catalogue)
                };
                let prepared = worked();
                let outcome = run(&plan, self.protections, false);
                part.simulating += worked().saturating_sub(prepared);
                part.preparing += prepared.saturating_sub(began);
                part.take(seed, outcome);
            }
            let done = done.fetch_add(last - first, Ordering::Relaxed) + (last - first);
            after(done, &part.found[known..]);
        }
    }

    fn sum(&self, parts: Vec<Part>) -> Sum {
        let mut sum = Sum {
            from: self.from,
            seeds: self.seeds,
            threads: self.threads.max(1),
            chained: self.chained,
            ..Sum::default()
        };
        let mut rows = Vec::new();
        for part in parts {
            rows.extend(part.rows);
            add(&mut sum.stats, &part.stats);
            sum.coverage.add(&part.coverage);
            sum.found.extend(part.found);
            sum.simulating += part.simulating;
            sum.preparing += part.preparing;
        }
        rows.sort_unstable_by_key(|row| row.seed);
        sum.found.sort_by_key(|found| found.seed);
        let mut hash = Hash::default();
        for row in &rows {
            hash.write_u64(row.hash);
        }
        sum.hash = hash.finish();
        sum.points = rows.iter().map(|row| (row.points, row.seed)).collect();
        sum.points.sort_unstable();
        sum
    }
}

/// Processor time that this thread has used.
fn worked() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(used).expect("a thread has not worked for less than no time")
}

/// What is going on in this thread, for whoever hears of a panic.
#[derive(Clone)]
enum Doing {
    Nothing,
    /// The world of a seed.
    Seed(u64),
    /// Where in the code it panicked.
    Panicked(String),
}

thread_local! {
    static DOING: RefCell<Doing> = const { RefCell::new(Doing::Nothing) };
}

/// Runs one plan; a panic in its world is a violation that says where in the code it was, and nothing else is printed of it.
pub fn run(plan: &Plan, protections: Protections, tracing: bool) -> Outcome {
    hear_panics();
    DOING.set(Doing::Seed(plan.seed));
    let mut outcome = simulate(plan, protections, tracing);
    if let (Doing::Panicked(place), Some(violation)) =
        (DOING.replace(Doing::Nothing), &mut outcome.violation)
        && violation.invariant == "panic"
    {
        violation.what = format!("{} (at {place})", violation.what);
    }
    outcome
}

/// Panics of simulated worlds are kept for the report; all others are told as ever.
fn hear_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(ToString::to_string);
            let place = place.unwrap_or_else(|| "an unknown place".into());
            match DOING.replace(Doing::Panicked(place)) {
                Doing::Seed(_) if cfg!(panic = "unwind") => {}
                Doing::Seed(seed) => {
                    // The process ends here: it was built so.
                    let advice =
                        "build with --profile sim to have panics reported like all violations";
                    let _ = writeln!(std::io::stderr(), "seed {seed} panics; {advice}");
                    before(panic);
                }
                doing => {
                    DOING.set(doing);
                    before(panic);
                }
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ork_core::protect::Protections;

    use super::run;
    use crate::catalogue::{Catalogue, Prepared};
    use crate::plan::Plan;

    #[test]
    fn a_panic_in_a_world_is_a_violation_that_says_where_it_was() {
        let mut plan = Plan::of(0, &mut Catalogue::default());
        let mut prepared = Prepared::default();
        prepared.workflows.clear();
        plan.prepared = Arc::new(prepared);
        for _ in 0..2 {
            let violation = run(&plan, Protections::default(), false).violation;
            let violation = violation.expect("there is no workflow to start");
            assert_eq!(violation.invariant, "panic");
            assert!(
                violation.what.contains("index out of bounds") && violation.what.contains(".rs:"),
                "{violation:?}"
            );
        }
    }
}
