//! What was run and what was met, for people and for programs.

use std::io::{self, Write};

use ork_core::protect::Protection;

mod fold;
mod json;

use fold::fold;

use crate::batch::{Found, Sum};
use crate::coverage::Pair;
use crate::fault::Fault;
use crate::plan::Plan;
use crate::shrink::Shrunk;

/// Lines of a trace that are shown; of a longer one the last.
const SHOWN: usize = 60;
/// Seeds that are listed for one invariant.
const LISTED: usize = 10;

/// A violation that somebody should look at: the first of its kind.
#[derive(Debug)]
pub struct Finding {
    /// As it was found.
    pub found: Found,
    /// Cut down, if that was asked for.
    pub shrunk: Option<Shrunk>,
}

/// Everything there is to say.
#[derive(Debug)]
pub struct Report {
    /// The numbers.
    pub sum: Sum,
    /// What did not hold, if anything.
    pub without: Option<Protection>,
    /// The first violation of each kind.
    pub findings: Vec<Finding>,
    /// Whether every pair of the transition table is shown, or only those that were not met.
    pub every_pair: bool,
}

/// How the transition table was walked.
struct Table {
    pairs: Vec<Pair>,
}

impl Table {
    fn met(&self) -> usize {
        self.pairs.iter().filter(|pair| pair.times > 0).count()
    }
    /// Pairs that there is no reason not to meet, and how many of them were met.
    fn expected(&self) -> (usize, usize) {
        let expected = || self.pairs.iter().filter(|pair| pair.why_not().is_none());
        (
            expected().filter(|pair| pair.times > 0).count(),
            expected().count(),
        )
    }
}

impl Report {
    /// Thousandths of the pairs without a reason that were met.
    pub fn coverage(&self) -> usize {
        let (met, all) = self.table().expected();
        met * 1000 / all.max(1)
    }
    fn table(&self) -> Table {
        Table {
            pairs: self.sum.coverage.pairs(),
        }
    }
    /// What was not met, and what was met although there is a reason against it, is always shown.
    fn shows(&self, pair: &Pair) -> bool {
        self.every_pair || pair.times == 0 || pair.why_not().is_some()
    }
    /// Pairs that were met although there is said to be a reason against it.
    pub fn met_against_reason(&self) -> Vec<String> {
        let pairs = self.table().pairs.into_iter();
        pairs
            .filter_map(|pair| {
                let why = pair.why_not().filter(|_| pair.times > 0)?;
                Some(format!("{}, although {why}", name(&pair)))
            })
            .collect()
    }
    /// Pairs that were not met, and nobody knows why.
    pub fn unmet_without_reason(&self) -> Vec<String> {
        let pairs = self.table().pairs.into_iter();
        pairs
            .filter(|pair| pair.times == 0 && pair.why_not().is_none())
            .map(|pair| name(&pair))
            .collect()
    }
    fn injected(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        let times = self.sum.stats.injected.0;
        Fault::ALL
            .iter()
            .map(move |&fault| (fault, times[fault as usize]))
    }
    /// Kinds of fault that never happened.
    pub fn never_happened(&self) -> Vec<&'static str> {
        self.injected()
            .filter(|(_, times)| *times == 0)
            .map(|(fault, _)| fault.as_str())
            .collect()
    }
    fn days(&self) -> f64 {
        self.sum.stats.virtual_ms as f64 / 86_400_000.0
    }

    /// The command that shows what a seed does.
    pub fn command(&self, seed: u64) -> String {
        let without = self
            .without
            .map_or_else(String::new, |one| format!(" --without {one}"));
        let chained = if self.sum.chained { " --chained" } else { "" };
        format!("cargo run --profile sim -p ork-sim -- --seed {seed} --trace{chained}{without}")
    }

    /// For people.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_numbers(out)?;
        self.write_faults(out)?;
        self.write_coverage(out)?;
        self.write_violations(out)?;
        for finding in &self.findings {
            self.write_finding(out, finding)?;
        }
        Ok(())
    }

    fn write_numbers(&self, out: &mut impl Write) -> io::Result<()> {
        let Sum { from, seeds, .. } = self.sum;
        let what = match self.without {
            None => "every protection holds".to_owned(),
            Some(one) => format!("without {one}: {}", one.describe()),
        };
        let last = from + seeds.saturating_sub(1);
        writeln!(out, "{} seeds, {from} to {last}; {what}\n", grouped(seeds))?;
        let stats = &self.sum.stats;
        let (seed, most) = self.sum.longest().unwrap_or_default();
        let rows = [
            (
                "speed",
                format!(
                    "{} seeds a second per core: {:.2} s of processor time simulating, and {:.2} s preparing scenarios, on {} thread{}",
                    grouped(self.sum.seeds_per_second() as u64),
                    self.sum.simulating.as_secs_f64(),
                    self.sum.preparing.as_secs_f64(),
                    self.sum.threads,
                    if self.sum.threads == 1 { "" } else { "s" },
                ),
            ),
            (
                "I/O points",
                format!(
                    "{} per seed in the mean; median {}, p99 {}, most {} (seed {seed}); {} a second",
                    grouped(self.sum.mean_points() as u64),
                    grouped(self.sum.points_at(500)),
                    grouped(self.sum.points_at(990)),
                    grouped(most),
                    grouped(self.sum.points_per_second() as u64),
                ),
            ),
            (
                "commits",
                format!(
                    "{} that wrote {} documents; {} objects written",
                    grouped(stats.commits),
                    grouped(stats.writes),
                    grouped(stats.objects)
                ),
            ),
            ("runs", grouped(stats.runs)),
            (
                "attempts",
                format!("{} whose code ran", grouped(stats.effects)),
            ),
            ("virtual time", format!("{:.1} days", self.days())),
            ("hash", format!("{:016x}", self.sum.hash)),
        ];
        for (name, value) in rows {
            writeln!(out, "{name:<14}{value}")?;
        }
        Ok(())
    }

    fn write_faults(&self, out: &mut impl Write) -> io::Result<()> {
        let never = self.never_happened();
        writeln!(
            out,
            "\nfaults injected: {}, of {} of {} kinds",
            grouped(self.sum.stats.injected.total()),
            Fault::ALL.len() - never.len(),
            Fault::ALL.len()
        )?;
        for (fault, times) in self.injected() {
            let times = match times {
                0 => "never".to_owned(),
                times => grouped(times),
            };
            writeln!(out, "  {times:>14}  {}", fault.as_str())?;
        }
        Ok(())
    }

    fn write_coverage(&self, out: &mut impl Write) -> io::Result<()> {
        let table = self.table();
        let (met, expected) = table.expected();
        writeln!(
            out,
            "\ntransition table: {} of {} pairs of state and event met; {met} of the {expected} without a reason against it ({:.1} %)",
            table.met(),
            table.pairs.len(),
            100.0 * met as f64 / expected.max(1) as f64
        )?;
        for pair in table.pairs.iter().filter(|pair| self.shows(pair)) {
            let name = name(pair);
            let times = match pair.times {
                0 => "not met".to_owned(),
                times => grouped(times),
            };
            match (pair.times, pair.why_not()) {
                (0, why) => {
                    let why = why.unwrap_or("no reason known");
                    writeln!(out, "  {times:>14}  {name}: {why}")?;
                }
                (_, None) => writeln!(out, "  {times:>14}  {name}")?,
                (_, Some(why)) => writeln!(out, "  {times:>14}  {name}, although {why}")?,
            }
        }
        Ok(())
    }

    fn write_violations(&self, out: &mut impl Write) -> io::Result<()> {
        let found = &self.sum.found;
        if found.is_empty() {
            return writeln!(out, "\nviolations: none");
        }
        writeln!(
            out,
            "\nviolations: {} of {} seeds",
            grouped(found.len() as u64),
            grouped(self.sum.seeds)
        )?;
        for first in &self.findings {
            let seeds = self.seeds_of(first.found.violation.invariant);
            let listed: Vec<String> = seeds.iter().take(LISTED).map(u64::to_string).collect();
            let more = if seeds.len() > LISTED { ", …" } else { "" };
            writeln!(
                out,
                "  {:<6} {:>6} of them: {}{more}",
                first.found.violation.invariant,
                seeds.len(),
                listed.join(", ")
            )?;
        }
        Ok(())
    }

    fn seeds_of(&self, invariant: &str) -> Vec<u64> {
        let found = self.sum.found.iter();
        found
            .filter(|found| found.violation.invariant == invariant)
            .map(|found| found.seed)
            .collect()
    }

    fn write_finding(&self, out: &mut impl Write, finding: &Finding) -> io::Result<()> {
        let Found { seed, violation } = &finding.found;
        writeln!(
            out,
            "\n━━ seed {seed} violates {}: {}",
            violation.invariant, violation.what
        )?;
        writeln!(out, "   {}", self.command(*seed))?;
        match &finding.shrunk {
            Some(shrunk) => write_shrunk(out, shrunk),
            None => Ok(()),
        }
    }
}

/// The smallest plan that shows a violation, and how it comes about there.
pub fn write_shrunk(out: &mut impl Write, shrunk: &Shrunk) -> io::Result<()> {
    let trace = &shrunk.trace;
    let before = match shrunk.lines_before {
        0 => "more than can be read".to_owned(),
        lines => grouped(lines as u64),
    };
    writeln!(
        out,
        "   shrunk from {before} to {} lines in {} simulations{}: {}",
        grouped(trace.len() as u64),
        grouped(shrunk.simulations),
        if shrunk.cut_short {
            ", which were all it had"
        } else {
            ""
        },
        shrunk.violation.what
    )?;
    for line in fold(trace, SHOWN) {
        writeln!(out, "   {line}")?;
    }
    writeln!(out)?;
    write_plan(out, &shrunk.plan)
}

/// A plan in full: numbers, faults, wishes and files.
pub fn write_plan(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    for line in plan_lines(plan) {
        writeln!(out, "   {line}")?;
    }
    writeln!(out)?;
    for line in plan.prepared.scenario.yaml().lines() {
        writeln!(out, "   {line}")?;
    }
    Ok(())
}

fn plan_lines(plan: &Plan) -> Vec<String> {
    use ork_core::time::Millis;
    let mut lines = vec![
        format!(
            "{:?}, {} instance{}, begins {}, faults for {}",
            plan.mode,
            plan.instances,
            if plan.instances == 1 { "" } else { "s" },
            plan.start.rfc3339(),
            Millis(plan.faulty_ms)
        ),
        format!(
            "a claim takes {}; settle claims: {}; what is late still arrives: {}; world drawn from {}",
            plan.places, plan.settle_claims, plan.drain, plan.seed
        ),
    ];
    if let Some(lane) = &plan.lane {
        lines.push(format!(
            "worker services: {}‰ of the tasks, {} topic{}, {} instance{} with {} places, chaining: {}",
            lane.share,
            lane.topics,
            if lane.topics == 1 { "" } else { "s" },
            lane.instances,
            if lane.instances == 1 { "" } else { "s" },
            lane.places,
            lane.chaining
        ));
    }
    let faults: Vec<String> = plan
        .faults
        .present()
        .map(|fault| format!("{} {}‰", fault.as_str(), plan.faults.of(fault)))
        .collect();
    lines.push(match faults.len() {
        0 => "no faults".to_owned(),
        _ => format!("faults: {}", faults.join(", ")),
    });
    if plan.wishes.is_empty() {
        lines.push("no wishes".to_owned());
    }
    let wishes = plan.wishes.iter();
    lines.extend(wishes.map(|wish| format!("after {}: {:?}", Millis(wish.after_ms), wish.act)));
    lines
}

fn name(pair: &Pair) -> String {
    format!("{} {} × {}", pair.of, pair.status, pair.event)
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
