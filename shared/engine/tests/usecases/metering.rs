//! What a run used is kept with the run, once, whatever becomes of a commit.

use ork_core::usage::Usage;
use ork_engine::ports::Metering;

use crate::support::*;

/// Starts a run of one task, counts `requests` for it, and claims its task while commits meet `faults`, by their number from there on.
/// Gives what is stored as used, and what is counted and not stored.
fn claimed(requests: usize, faults: &[Fault]) -> (Usage, Usage) {
    let world = World::with("name: w\ntasks:\n  a: {x}\n");
    let meter = world.0.meter.get_or_init(Counts::default);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    let run = run_id("r");
    for _ in 0..requests {
        meter.request(Some(&run), None);
    }
    for (at, fault) in (1..).zip(faults) {
        world.fault(at, *fault);
    }
    world.run(engine.step(&run, vec![], CLAIM)).unwrap();
    assert!(world.0.faults.lock().unwrap().is_empty(), "all were met");
    let stored = world.run(world.engine().run(&run)).unwrap();
    let by_function: Vec<(&str, Usage)> = stored.header.usage.iter().collect();
    let [("here", used)] = by_function[..] else {
        panic!("{by_function:?}");
    };
    (used, meter.take(&run))
}

#[test]
fn a_commit_keeps_what_was_counted_and_its_own_writes() {
    let (stored, left) = claimed(3, &[]);
    assert_eq!((stored.requests, stored.store_writes), (3, 2));
    assert!(left.is_nothing(), "{left:?}");
}

#[test]
fn what_a_commit_could_not_keep_the_next_one_does() {
    let (stored, left) = claimed(3, &[Fault::Conflict, Fault::Conflict]);
    assert_eq!((stored.requests, stored.store_writes), (3, 2));
    assert!(left.is_nothing(), "{left:?}");
}

#[test]
fn a_commit_whose_answer_was_lost_counts_once() {
    let (stored, left) = claimed(3, &[Fault::AmbiguousApplied]);
    assert_eq!((stored.requests, stored.store_writes), (3, 2));
    assert!(left.is_nothing(), "{left:?}");
}

#[test]
fn a_commit_that_was_lost_with_its_answer_takes_along_what_it_was_to_keep() {
    let (stored, left) = claimed(3, &[Fault::AmbiguousLost]);
    assert_eq!((stored.requests, stored.store_writes), (0, 2));
    assert!(left.is_nothing(), "{left:?}");
}
