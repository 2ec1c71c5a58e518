//! From a plan that shows something to the smallest one that still does.
//!
//! Any change shifts every later draw, so each candidate is tried with a handful of seeds, and counts if one of them
//! violates the same invariant. Nothing is drawn at random here: the same plan shrinks the same way.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ork_core::protect::Protections;

use crate::batch::run;
use crate::catalogue::Prepared;
use crate::fault::{Fault, Faults};
use crate::lane::Lane;
use crate::plan::{Act, Plan};
use crate::random::Random;
use crate::simulation::Outcome;
use crate::watch::Violation;

/// How much may be tried.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Worlds.
    pub simulations: u64,
    /// Points in all of them together.
    pub points: u64,
    /// Time, where it matters more than coming to the same end on every machine.
    pub time: Option<Duration>,
}

impl Budget {
    /// For somebody who waits.
    pub const FOR_PEOPLE: Self = Self {
        simulations: 2_000,
        points: 20_000_000,
        time: Some(Duration::from_secs(20)),
    };
}

/// The smallest plan that was found.
#[derive(Debug)]
pub struct Shrunk {
    /// The plan.
    pub plan: Plan,
    /// What it shows.
    pub violation: Violation,
    /// How it comes about; empty if it is far too long to be read.
    pub trace: Vec<String>,
    /// Lines of the trace at the beginning; 0 if it was far too long to be read.
    pub lines_before: usize,
    /// Worlds that were tried.
    pub simulations: u64,
    /// Whether the budget was used up before nothing more could be taken away.
    pub cut_short: bool,
}

/// Seeds that each candidate is tried with, at last.
const SEEDS: usize = 8;
/// Seeds that each candidate is tried with at first: most that fail do so soon.
const SEEDS_AT_FIRST: usize = 2;
/// Seeds among which the shortest trace is looked for.
const SEEDS_FOR_LENGTH: usize = 300;
/// No trace is kept of worlds with more points.
const READABLE_POINTS: u64 = 300_000;

/// Finds a smaller plan that violates what `plan` violates. `None` if it violates nothing.
pub fn shrink(plan: &Plan, protections: Protections, budget: Budget) -> Option<Shrunk> {
    let first = run(plan, protections, false);
    let violation = first.violation?;
    let lines_before = if first.stats.points <= READABLE_POINTS {
        run(plan, protections, true).trace.len()
    } else {
        0
    };
    let mut random = Random::new(plan.seed).fork();
    let mut seeds = vec![plan.seed];
    seeds.extend((1..SEEDS).map(|_| random.next()));
    let mut search = Search {
        protections,
        violation,
        best: plan.clone(),
        length: first.stats.points,
        seeds,
        tries: SEEDS_AT_FIRST,
        // A part is kept for the search for the shortest trace.
        left: budget.simulations * 4 / 5,
        points: budget.points * 4 / 5,
        until: budget.time.map(|time| Instant::now() + time * 4 / 5),
        simulations: 1,
    };
    search.never_reached(first.stats.virtual_ms);
    search.reduce();
    let cut_short = search.is_over();
    search.left += budget.simulations / 5;
    search.points += budget.points / 5;
    search.until = search
        .until
        .and(budget.time)
        .map(|time| Instant::now() + time / 5);
    let trace = search.shortest();
    Some(Shrunk {
        plan: search.best,
        violation: search.violation,
        trace,
        lines_before,
        simulations: search.simulations,
        cut_short,
    })
}

struct Search {
    protections: Protections,
    /// What the best plan shows.
    violation: Violation,
    best: Plan,
    /// How many points it has then.
    length: u64,
    /// What each candidate is tried with, besides the seed that showed it last.
    seeds: Vec<u64>,
    tries: usize,
    left: u64,
    points: u64,
    until: Option<Instant>,
    simulations: u64,
}

impl Search {
    fn is_over(&self) -> bool {
        self.left == 0
            || self.points == 0
            || self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn run(&mut self, plan: &Plan) -> Outcome {
        let outcome = run(plan, self.protections, false);
        self.simulations += 1;
        self.left = self.left.saturating_sub(1);
        self.points = self.points.saturating_sub(outcome.stats.points.max(1));
        outcome
    }

    /// What is seen against the rule that this is about.
    fn shown(&self, outcome: Outcome) -> Option<Violation> {
        let rule = self.violation.invariant;
        outcome
            .violation
            .filter(|violation| violation.invariant == rule)
    }

    /// Keeps what `change` makes of the best plan, if it still shows the same.
    fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        self.attempt_within(u64::MAX, change)
    }

    /// The same, if it shows it within so many points.
    fn attempt_within(&mut self, most: u64, change: impl FnOnce(&mut Plan)) -> bool {
        let mut plan = self.best.clone();
        change(&mut plan);
        let last = self.best.seed;
        let others: Vec<u64> = self.seeds.iter().copied().filter(|&s| s != last).collect();
        for seed in [last].into_iter().chain(others).take(self.tries) {
            if self.is_over() {
                return false;
            }
            plan.seed = seed;
            let outcome = self.run(&plan);
            let length = outcome.stats.points;
            if let Some(violation) = self.shown(outcome).filter(|_| length <= most) {
                self.length = length;
                self.violation = violation;
                self.best = plan;
                return true;
            }
        }
        false
    }

    /// Wishes that come after the end of the world change nothing.
    fn never_reached(&mut self, virtual_ms: u64) {
        if self
            .best
            .wishes
            .iter()
            .any(|wish| wish.after_ms > virtual_ms)
        {
            self.attempt(|plan| plan.wishes.retain(|wish| wish.after_ms <= virtual_ms));
        }
    }

    /// Takes away whatever can be taken away, until nothing can.
    fn reduce(&mut self) {
        loop {
            let changed = [
                self.fewer_wishes(),
                self.fewer_faults(),
                self.smaller_numbers(),
                self.smaller_scenario(),
                self.weaker_faults(),
            ];
            if self.is_over() {
                return;
            }
            if !changed.contains(&true) {
                if self.tries == SEEDS {
                    return;
                }
                self.tries = SEEDS;
            }
        }
    }

    /// Tries to do without each part of `len` things: all, halves, quarters, single ones.
    fn without_parts(
        &mut self,
        mut len: usize,
        mut without: impl FnMut(&mut Self, Range<usize>) -> bool,
    ) -> bool {
        let mut changed = false;
        let mut chunk = len;
        while chunk > 0 {
            let mut start = 0;
            while start < len {
                let end = len.min(start + chunk);
                if without(self, start..end) {
                    len -= end - start;
                    changed = true;
                } else {
                    start = end;
                }
            }
            chunk /= 2;
        }
        changed
    }

    /// A run that somebody asks for is read more easily than one that a schedule makes: it stays while schedules may still go.
    fn fewer_wishes(&mut self) -> bool {
        let first = self.best.wishes.first().map(|wish| &wish.act);
        let stays = self.tries < SEEDS && matches!(first, Some(Act::Start { .. }));
        let stay = usize::from(stays);
        self.without_parts(self.best.wishes.len() - stay, |search, part| {
            search.attempt(|plan| {
                plan.wishes.drain(part.start + stay..part.end + stay);
            })
        })
    }

    /// What is left may have to do the work of what is gone, and is tried as strong as it can be, too.
    fn fewer_faults(&mut self) -> bool {
        self.without_parts(self.best.faults.present().count(), |search, part| {
            let present: Vec<Fault> = search.best.faults.present().collect();
            let without = |plan: &mut Plan| {
                for &fault in &present[part.clone()] {
                    plan.faults.set(fault, 0);
                }
            };
            search.attempt(without)
                || search.attempt(|plan| {
                    without(plan);
                    strengthen(&mut plan.faults);
                })
        })
    }

    /// What happens rarely may take long to happen: weaker faults are kept only where that is not so.
    fn weaker_faults(&mut self) -> bool {
        let strong = |faults: &Faults| faults.present().any(|fault| faults.of(fault) > 1);
        let mut changed = strong(&self.best.faults)
            && self.attempt_within(self.length, |plan| {
                for fault in plan.faults.clone().present() {
                    plan.faults.set(fault, plan.faults.of(fault).div_ceil(2));
                }
            });
        let present: Vec<Fault> = self.best.faults.present().collect();
        for fault in present {
            while self.best.faults.of(fault) > 1
                && self.attempt_within(self.length, |plan| {
                    plan.faults.set(fault, plan.faults.of(fault) / 2);
                })
            {
                changed = true;
            }
        }
        changed
    }

    fn smaller_numbers(&mut self) -> bool {
        const SHORTEST: u64 = 60_000;
        let mut changed = false;
        while self.best.faulty_ms > SHORTEST
            && self.attempt(|plan| {
                plan.faulty_ms = (plan.faulty_ms / 2).max(SHORTEST);
                for wish in &mut plan.wishes {
                    wish.after_ms = wish.after_ms.min(plan.faulty_ms);
                }
            })
        {
            changed = true;
        }
        while self.best.instances > 1 && self.attempt(|plan| plan.instances /= 2) {
            changed = true;
        }
        while self.best.places > 1
            && (self.attempt(|plan| plan.places = 1) || self.attempt(|plan| plan.places /= 2))
        {
            changed = true;
        }
        if self.best.settle_claims {
            changed |= self.attempt(|plan| plan.settle_claims = false);
        }
        if self.best.drain {
            changed |= self.attempt(|plan| plan.drain = false);
        }
        changed | self.smaller_lane()
    }

    /// No worker services, or fewer and simpler ones.
    fn smaller_lane(&mut self) -> bool {
        if self.best.lane.is_none() {
            return false;
        }
        if self.attempt(|plan| plan.lane = None) {
            return true;
        }
        let mut changed = false;
        let cuts: [fn(&mut Lane); 4] = [
            |lane| lane.chaining = false,
            |lane| lane.topics = 1,
            |lane| lane.instances = 1,
            |lane| lane.share = 1000,
        ];
        for cut in cuts {
            let mut lane = self.best.lane.clone();
            lane.iter_mut().for_each(cut);
            if lane != self.best.lane {
                changed |= self.attempt(|plan| plan.lane = lane);
            }
        }
        changed
    }

    /// Goes round among the smaller scenarios until none of them shows it.
    fn smaller_scenario(&mut self) -> bool {
        let mut changed = false;
        let mut candidates = self.best.prepared.scenario.smaller();
        let (mut at, mut in_vain) = (0, 0);
        while in_vain < candidates.len() && !self.is_over() {
            // Where the last one was found: those before it take away more and were tried in vain.
            at %= candidates.len();
            let prepared = Prepared::new(candidates[at].clone());
            if let Ok(prepared) = prepared
                && self.attempt(|plan| give(plan, prepared))
            {
                changed = true;
                candidates = self.best.prepared.scenario.smaller();
                in_vain = 0;
            } else {
                in_vain += 1;
                at += 1;
            }
        }
        changed
    }

    /// Looks for the shortest trace among many seeds of the best plan, with its faults as they are and as strong as
    /// they can be; nothing if even that is far too long.
    fn shortest(&mut self) -> Vec<String> {
        let mut random = Random::new(self.best.seed).fork();
        let mut plans = [self.best.clone(), self.best.clone()];
        strengthen(&mut plans[1].faults);
        let mut shortest: Option<Vec<String>> = None;
        let mut most = READABLE_POINTS;
        for nth in 0..SEEDS_FOR_LENGTH {
            if self.is_over() && nth > 0 {
                break;
            }
            let mut plan = plans[nth % 2].clone();
            if nth > 0 {
                plan.seed = random.next();
            }
            let untraced = self.run(&plan);
            let points = untraced.stats.points;
            let Some(violation) = self.shown(untraced).filter(|_| points <= most) else {
                continue;
            };
            // Fewer points mostly are fewer lines, not always.
            most = most.min(points * 3 / 2);
            let lines = run(&plan, self.protections, true).trace;
            if shortest
                .as_ref()
                .is_none_or(|least| lines.len() < least.len())
            {
                (self.best, self.violation) = (plan, violation);
                shortest = Some(lines);
            }
        }
        shortest.unwrap_or_default()
    }
}

/// Makes every fault that happens at all happen as often as it can.
fn strengthen(faults: &mut Faults) {
    for fault in faults.clone().present() {
        faults.set(fault, fault.most());
    }
}

/// Puts another scenario under a plan; wishes keep to tasks that there are.
fn give(plan: &mut Plan, prepared: Prepared) {
    let tasks = u32::try_from(prepared.workflows[0].tasks.len()).unwrap_or(u32::MAX);
    let fit = |task: &mut u32| *task %= tasks.max(1);
    for wish in &mut plan.wishes {
        match &mut wish.act {
            Act::Start {
                only: Some(task), ..
            }
            | Act::PauseTask(task)
            | Act::ResumeTask(task)
            | Act::RetryTask(task)
            | Act::Recover(_, task) => fit(task),
            _ => {}
        }
    }
    plan.prepared = Arc::new(prepared);
}
