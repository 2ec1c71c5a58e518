//! What tests of whole seeds share: a violation told so that somebody can start from it.

use ork_core::protect::Protections;
use ork_sim::batch::Sum;
use ork_sim::catalogue::Catalogue;
use ork_sim::plan::Plan;
use ork_sim::report::write_shrunk;
use ork_sim::shrink::{Budget, shrink};

/// Panics if anything was found: with the seeds, the first of each invariant, and the trace of the smallest plan that shows it.
pub(crate) fn expect_nothing_found(sum: &Sum) {
    if sum.found.is_empty() {
        return;
    }
    let seeds: Vec<u64> = sum.found.iter().map(|found| found.seed).collect();
    let mut text = format!(
        "{} of {} seeds violate something: {seeds:?}",
        seeds.len(),
        sum.seeds
    );
    for found in sum.first_of_each() {
        let violation = &found.violation;
        text.push_str(&format!(
            "\n\nseed {} violates {}: {}\n",
            found.seed, violation.invariant, violation.what
        ));
        let mut catalogue = Catalogue::default();
        let plan = if sum.chained {
            Plan::chained(found.seed, &mut catalogue)
        } else {
            Plan::of(found.seed, &mut catalogue)
        };
        let shrunk = shrink(&plan, Protections::default(), Budget::FOR_PEOPLE);
        let mut lines = Vec::new();
        match shrunk {
            Some(shrunk) => write_shrunk(&mut lines, &shrunk).expect("memory takes everything"),
            None => lines.extend(b"it finds nothing when it is run again: it is not deterministic"),
        }
        text.push_str(&String::from_utf8_lossy(&lines));
    }
    panic!("{text}");
}
