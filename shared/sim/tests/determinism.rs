//! A seed is all there is: the same one gives the same world, whoever runs it, when, and beside what.

use ork_core::protect::Protections;
use ork_sim::batch::{Batch, run};
use ork_sim::catalogue::Catalogue;
use ork_sim::plan::Plan;
use ork_sim::shrink::{Budget, shrink};

const SEEDS: u64 = 200;

/// The hashes of some seeds, in the order of the seeds, run in the order given.
fn hashes(seeds: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut catalogue = Catalogue::default();
    let mut hashes: Vec<(u64, u64)> = seeds
        .map(|seed| {
            let plan = Plan::of(seed, &mut catalogue);
            (seed, run(&plan, Protections::default(), false).hash)
        })
        .collect();
    hashes.sort_unstable();
    hashes
}

#[test]
fn the_same_seed_gives_the_same_world_in_any_order_and_on_any_thread() {
    let once = hashes(0..SEEDS);
    let again = std::thread::spawn(|| hashes((0..SEEDS).rev()));
    assert_eq!(hashes(0..SEEDS), once, "a second time");
    assert_eq!(
        again.join().expect("it runs"),
        once,
        "backwards, on another thread"
    );
    let mut different: Vec<u64> = once.iter().map(|(_, hash)| *hash).collect();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), once.len(), "no two worlds are alike");
}

#[test]
fn a_trace_changes_nothing() {
    let mut catalogue = Catalogue::default();
    for seed in 0..SEEDS / 4 {
        let plan = Plan::of(seed, &mut catalogue);
        let plain = run(&plan, Protections::default(), false);
        let traced = run(&plan, Protections::default(), true);
        assert_eq!(traced.hash, plain.hash, "seed {seed}");
        assert_eq!(traced.stats, plain.stats, "seed {seed}");
        assert!(plain.trace.is_empty() && !traced.trace.is_empty());
    }
}

#[test]
fn the_number_of_threads_does_not_show() {
    let sums = [1, 3].map(|threads| {
        Batch {
            from: 1_000,
            seeds: 60,
            threads,
            protections: Protections::default(),
            chained: false,
        }
        .run(&|_, _| {})
    });
    let [one, several] = sums;
    assert_eq!(several.hash, one.hash);
    assert_eq!(several.stats, one.stats);
    assert_eq!(several.coverage, one.coverage);
    assert_eq!(several.points, one.points);
    assert_eq!(several.found, one.found);
}

#[test]
fn the_same_violation_shrinks_the_same_way_and_to_something_shorter() {
    let protections = Protections::without(ork_core::protect::Protection::ClaimOnce);
    let budget = Budget {
        simulations: 300,
        points: 1_000_000,
        time: None,
    };
    let mut catalogue = Catalogue::default();
    let plan = (0..300)
        .map(|seed| Plan::of(seed, &mut catalogue))
        .find(|plan| {
            // What is told in a few lines has nothing to lose.
            let told = run(plan, protections, true);
            told.violation.is_some() && told.trace.len() > 100
        })
        .expect("a seed that starts an attempt twice");
    let [first, second] = [(); 2]
        .map(|()| shrink(&plan, protections, budget).expect("what was found is found again"));
    assert_eq!(first.trace, second.trace);
    assert_eq!(first.simulations, second.simulations);
    assert_eq!(first.violation, second.violation);
    assert_eq!(
        first.plan.prepared.scenario.yaml(),
        second.plan.prepared.scenario.yaml()
    );
    assert!(
        !first.trace.is_empty() && first.trace.len() < first.lines_before,
        "{} lines, {} before",
        first.trace.len(),
        first.lines_before
    );
    let last = first.trace.last().expect("a line");
    assert!(last.contains("VIOLATION"), "{last}");
}
