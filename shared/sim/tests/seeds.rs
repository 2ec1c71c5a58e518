//! Thousands of worlds in which everything goes wrong, and nothing is lost, done twice or left undone.

mod support;

use ork_core::protect::Protections;
use ork_sim::batch::Batch;
use ork_sim::coverage::Pair;
use ork_sim::report::Report;

/// An unoptimised build simulates twenty times slower.
const OPTIMISED: bool = !cfg!(debug_assertions);

/// Thousandths of the transition table that are met at least, pairs with a reason against them left out.
const COVERAGE: usize = 950;

#[test]
fn no_world_in_which_everything_is_chained_violates_anything() {
    let sum = Batch {
        from: 0,
        seeds: if OPTIMISED { 1_000 } else { 60 },
        threads: 2,
        protections: Protections::default(),
        chained: true,
    }
    .run(&|_, _| {});
    support::expect_nothing_found(&sum);
    let times = |status: &str, event: &str| {
        let pairs = sum.coverage.pairs();
        let of = |pair: &&Pair| pair.status == status && pair.event == event;
        pairs.iter().find(of).map_or(0, |pair| pair.times)
    };
    assert!(
        times("handed on", "begins") > sum.seeds / 4,
        "attempts are handed on: {:?}",
        sum.coverage.pairs()
    );
    for (status, event) in [
        ("handed on twice", "somebody has it"),
        ("message again", "it was given up"),
        ("known", "nothing follows"),
        ("awaited", "fails"),
    ] {
        let times = times(status, event);
        assert!(!OPTIMISED || times > 0, "{status} × {event}: {times}");
    }
}

#[test]
fn no_seed_violates_anything_and_everything_is_met() {
    let sum = Batch {
        from: 0,
        seeds: if OPTIMISED { 20_000 } else { 1_000 },
        threads: 2,
        protections: Protections::default(),
        chained: false,
    }
    .run(&|_, _| {});
    support::expect_nothing_found(&sum);

    let report = Report {
        sum,
        without: None,
        findings: Vec::new(),
        every_pair: false,
    };
    assert_eq!(
        report.never_happened(),
        Vec::<&str>::new(),
        "every kind of fault happens at least once"
    );
    assert!(
        report.sum.stats.effects > report.sum.seeds,
        "worlds do some work: {:?}",
        report.sum.stats
    );
    assert_eq!(
        report.met_against_reason(),
        Vec::<String>::new(),
        "what is said never to meet does not"
    );
    assert!(
        !OPTIMISED || report.coverage() >= COVERAGE,
        "{} thousandths of the transition table are met, not {COVERAGE}; unmet without a reason: {:#?}",
        report.coverage(),
        report.unmet_without_reason()
    );
}
