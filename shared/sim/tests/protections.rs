//! The simulator is tested, too: with any protection off it finds a violation, or there is a reason why nothing is lost without it.

use ork_core::protect::{Protection, Protections};
use ork_sim::catalogue::Catalogue;
use ork_sim::fault::{Fault, Faults};
use ork_sim::lane::Lane;
use ork_sim::plan::{Mode, Plan};
use ork_sim::simulate;

/// Seeds that are tried with a protection off.
const SEEDS: u64 = 2_000;

/// Protections without which nothing is lost, repeated or stuck, and what else sees to that.
const REDUNDANT: [(Protection, &str); 4] = [
    (
        Protection::CheckStart,
        "an attempt that was never handed over is given up at its start timeout, sealed and tried again, uncharged: only later",
    ),
    (
        Protection::Owed,
        "the claim lease starts, the child check tells and stops, and whoever ends the run publishes: only later",
    ),
    (
        Protection::CancelCheck,
        "it cannot see what is cancelled a moment later either: the stop takes the claim or leaves a verdict, so that such a start comes to nothing; this saves it",
    ),
    (
        Protection::PagesMatch,
        "what was read in two halves cannot be committed: every write is conditional on the header and the pages that were read",
    ),
];

/// The first seed that shows what goes wrong without `protection`.
fn caught(
    protection: Protection,
    redundant: bool,
    catalogue: &mut Catalogue,
) -> Option<(u64, String)> {
    // Seeds that find nothing take their time: unoptimised that would be minutes.
    let seeds = match (redundant, cfg!(debug_assertions)) {
        (_, true) => SEEDS / 20,
        (true, false) => SEEDS / 4,
        (false, false) => SEEDS,
    };
    // Runs of several pages are rare: the seeds that have them.
    let seeds: Vec<u64> = match protection {
        Protection::PagesMatch => vec![533, 1408, 2414],
        _ => (0..seeds).collect(),
    };
    seeds.into_iter().find_map(|seed| {
        let mut plan = Plan::of(seed, catalogue);
        if protection == Protection::NoticeLease {
            // Who sends at the same time is told apart only where clocks are right and nobody stands still.
            plan.faults = Faults::NONE;
            plan.faults.set(Fault::ReceiverSlow, 500);
        }
        let found = simulate(&plan, Protections::without(protection), false).violation?;
        Some((seed, format!("{}: {}", found.invariant, found.what)))
    })
}

/// A world in which all tasks are chained, and nothing goes wrong but this.
fn chained(seed: u64, faults: &[(Fault, u16)], catalogue: &mut Catalogue) -> Plan {
    let mut plan = Plan::of(seed, catalogue);
    plan.mode = Mode::Cloud;
    plan.faults = Faults::NONE;
    for (fault, strength) in faults {
        plan.faults.set(*fault, *strength);
    }
    plan.lane = Some(Lane {
        share: 1000,
        topics: 1,
        instances: 2,
        // Nobody is turned away, so that no message comes again.
        places: 1_000,
        chaining: true,
        salt: 0,
    });
    plan
}

#[test]
fn what_was_handed_on_is_kept_from_running_twice_or_late_by_its_claim_object() {
    let mut catalogue = Catalogue::default();
    // What is handed on late may have been given up meanwhile, as no message has come through.
    let late = [(Fault::HandedLate, 200), (Fault::PushLost, 900)];
    for (protection, rule, faults) in [
        (
            Protection::ClaimOnce,
            "I1",
            &[(Fault::HandedTwice, 300)][..],
        ),
        (Protection::Seal, "I16", &late[..]),
    ] {
        let mut sees = |seed: &u64| {
            let plan = chained(*seed, faults, &mut catalogue);
            let holds = simulate(&plan, Protections::default(), false).violation;
            assert_eq!(holds, None, "seed {seed}: every protection holds");
            let found = simulate(&plan, Protections::without(protection), false).violation;
            found.is_some_and(|found| found.invariant == rule)
        };
        let found = (0..SEEDS).find(|seed| sees(seed));
        assert!(
            found.is_some(),
            "nothing is seen of {rule} without {protection}"
        );
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the table is for whoever asks with --nocapture"
)]
fn without_any_protection_the_simulator_finds_what_goes_wrong_or_there_is_a_reason() {
    let mut catalogue = Catalogue::default();
    let mut table = String::from("protection          seed  what it finds without it\n");
    let mut wrong = Vec::new();
    for &protection in Protection::ALL {
        let reason = REDUNDANT
            .iter()
            .find(|(redundant, _)| *redundant == protection)
            .map(|(_, reason)| reason);
        let line = match (caught(protection, reason.is_some(), &mut catalogue), reason) {
            (Some((seed, found)), None) => format!("{protection:<18} {seed:>5}  {found}"),
            (None, Some(reason)) => format!("{protection:<18}     -  redundant: {reason}"),
            (Some((seed, found)), Some(_)) => {
                wrong.push(format!(
                    "{protection} is listed as redundant, and seed {seed} finds {found}"
                ));
                continue;
            }
            // A debug build tries too few seeds to say so.
            (None, None) if cfg!(debug_assertions) => {
                format!("{protection:<18}     ?  not found in the few seeds of a debug build")
            }
            (None, None) => {
                wrong.push(format!("{SEEDS} seeds find nothing without {protection}"));
                continue;
            }
        };
        table.push_str(&line.chars().take(170).collect::<String>());
        table.push('\n');
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{}\n\n{table}", wrong.join("\n"));
}
