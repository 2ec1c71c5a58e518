//! What one seed does: which workflows, which faults, who wants what when. Data, so that it can be cut down.

use std::sync::Arc;

use ork_core::schedule::{Compiled, slots_between};
use ork_core::time::{Millis, Time};

use crate::catalogue::{Catalogue, Prepared};
use crate::fault::{Fault, Faults};
use crate::lane::Lane;
use crate::random::Random;

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A run of the main workflow, asked for under a name of its own or without one.
    Start {
        /// Whether it has an idempotency key.
        named: bool,
        /// Whether only some tasks are asked for.
        only: Option<u32>,
    },
    /// The end of a run.
    Cancel,
    /// A rest.
    Pause,
    /// The end of a rest.
    Resume,
    /// A rest for one task.
    PauseTask(u32),
    /// The end of it.
    ResumeTask(u32),
    /// Another go at what failed.
    Retry,
    /// Another go at one task.
    RetryTask(u32),
    /// A recovery: from what failed, from a step, from a task.
    Recover(u8, u32),
    /// Another go at telling those who could not be told.
    Resend,
    /// Schedules that fire, or do not.
    Enable(bool),
    /// The other version of the main workflow.
    Redeploy,
    /// No workflow any more; it comes back a while later.
    Delete,
}

/// What somebody wants, and of which run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Milliseconds after the beginning.
    pub after_ms: u64,
    /// What.
    pub act: Act,
    /// Which of the runs there are then.
    pub which: u64,
}

/// Which engine it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Several instances of stateless services; workers elsewhere.
    Cloud,
    /// One process whose children the workers are.
    Embedded,
}

/// What one seed does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Draws everything that is not said here.
    pub seed: u64,
    /// The workflows.
    pub prepared: Arc<Prepared>,
    /// What goes wrong.
    pub faults: Faults,
    /// Who wants what.
    pub wishes: Vec<Wish>,
    /// Which engine.
    pub mode: Mode,
    /// Instances of the services.
    pub instances: usize,
    /// When it begins.
    pub start: Time,
    /// How long things go wrong, in milliseconds.
    pub faulty_ms: u64,
    /// Attempts that one claim takes.
    pub places: u32,
    /// Whether whoever settles a verdict also claims what became ready.
    pub settle_claims: bool,
    /// Whether no message arrives any more when faults stop: ticks alone have to do.
    pub silent: bool,
    /// Whether whatever is still on its way when all runs are over arrives after all.
    pub drain: bool,
    /// The worker services, if some tasks have any.
    pub lane: Option<Lane>,
    /// Whether it is a day that is counted, and longer than a seed may be.
    pub day: bool,
}

/// Thursday, 1 January 2026, midnight UTC.
const NEW_YEAR: Time = Time(1_767_225_600_000);

impl Plan {
    /// The plan of `seed`.
    pub fn of(seed: u64, catalogue: &mut Catalogue) -> Self {
        let prepared = catalogue.of(seed);
        let mut random = Random::new(seed);
        let mut random = random.fork();
        let mut faults = Faults::random(&mut random);
        // Now and then answers take so long, and people want so much, that what is said is about what has long changed.
        let stormy = random.one_in(6);
        if stormy {
            for fault in [Fault::TrackerSlow, Fault::ObjectsSlow, Fault::StartSlow] {
                faults.set(fault, 300);
            }
        }
        let day = random.below(365);
        let minute = random.below(1440);
        let into = (day * 86_400_000 + minute * 60_000 + random.below(60_000)).cast_signed();
        let start = Time(NEW_YEAR.0 + into);
        let faulty_ms = random.span(600_000, 4 * 3_600_000);
        let faulty_ms = until_slots(&prepared, start, faulty_ms);
        let mode = if random.one_in(8) {
            Mode::Embedded
        } else {
            Mode::Cloud
        };
        let tasks = prepared.workflows[0].tasks.len() as u64;
        let mut wishes = vec![Wish {
            after_ms: random.between(0, 1_000),
            act: Act::Start {
                named: random.one_in(2),
                only: None,
            },
            which: 0,
        }];
        let more = if stormy {
            random.between(10, 25)
        } else if random.one_in(2) {
            random.between(1, 6)
        } else {
            0
        };
        for _ in 0..more {
            let task = u32::try_from(random.below(tasks)).unwrap_or(0);
            let act = match random.below(24) {
                0..=2 => Act::Start {
                    named: random.one_in(2),
                    only: random.one_in(4).then_some(task),
                },
                3..=4 => Act::Cancel,
                5..=6 => Act::Pause,
                7 => Act::Resume,
                8..=9 => Act::PauseTask(task),
                10 => Act::ResumeTask(task),
                11..=13 => Act::Retry,
                14..=16 => Act::RetryTask(task),
                17..=20 => Act::Recover(u8::try_from(random.below(3)).unwrap_or(0), task),
                21 => Act::Enable(random.one_in(2)),
                22 => Act::Redeploy,
                _ if random.one_in(3) => Act::Delete,
                _ => Act::Redeploy,
            };
            wishes.push(Wish {
                after_ms: random.span(1_000, faulty_ms),
                act,
                which: random.next(),
            });
        }
        wishes.sort_by_key(|wish| wish.after_ms);
        let mut all = prepared.workflows.iter();
        if all.any(|one| !one.notifications.is_empty()) && faults != Faults::NONE {
            // Apart from everything else, which is as it would be without.
            let mut random = Random::new(seed ^ 0x746f_6c64);
            let kinds = Fault::ALL.iter().filter(|fault| fault.is_of_receivers());
            kinds.for_each(|&fault| faults.draw(fault, &mut random));
            for _ in 0..random.below(4) {
                wishes.push(Wish {
                    after_ms: random.span(1_000, faulty_ms),
                    act: Act::Resend,
                    which: random.next(),
                });
            }
            wishes.sort_by_key(|wish| wish.after_ms);
        }
        let lane = match mode {
            Mode::Cloud => Lane::draw(seed, &mut faults),
            Mode::Embedded => None,
        };
        Self {
            seed,
            prepared,
            faults,
            wishes,
            mode,
            instances: if mode == Mode::Embedded {
                1
            } else {
                *random.pick(&[1, 1, 2, 2, 3])
            },
            start,
            faulty_ms,
            places: *random.pick(&[1, 2, 5, 1000, 1000]),
            settle_claims: random.one_in(2),
            silent: random.one_in(2),
            drain: random.one_in(4),
            lane,
            day: false,
        }
    }
}

impl Plan {
    /// The plan of `seed` as [`Plan::of`] gives it, but with worker services for all tasks, which are chained.
    pub fn chained(seed: u64, catalogue: &mut Catalogue) -> Self {
        let mut plan = Self::of(seed, catalogue);
        plan.mode = Mode::Cloud;
        plan.lane = Some(Lane::chained(seed, &mut plan.faults));
        plan
    }
}

/// Slots of a schedule that a world lives through: more of the same would only take longer.
const SLOTS: usize = 4;

/// Cut short where the schedules have fired a few times.
fn until_slots(prepared: &Prepared, start: Time, faulty_ms: u64) -> u64 {
    let mut most = faulty_ms;
    for schedule in &prepared.workflows[0].schedules {
        let Ok(compiled) = Compiled::of(schedule) else {
            continue;
        };
        let until = start + Millis(faulty_ms);
        let slots = slots_between(&compiled.cron, &compiled.zone, start, until, SLOTS + 1);
        if let Some(last) = slots.get(SLOTS) {
            most = most.min(last.since(start).0.max(600_000));
        }
    }
    most
}
