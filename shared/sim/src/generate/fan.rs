//! Which tasks have several instances, and over what.

use ork_core::definition::Tolerate;

use crate::random::Random;

use super::behaviour::OutputKind;
use super::draw::{Mix, Size};
use super::edges::index;
use super::params::{ParamKind, ParamPlan};
use super::plan::WorkflowPlan;
use super::source::{Over, Spelling, Times};
use super::task_plan::{ForeachPlan, Kind, ParallelPlan};

/// Instances that a task may fan out over; of more than these nobody makes yet more.
const FEW: u32 = 12;

/// Lets some tasks fan out. Upstreams are given the output that this takes.
pub(super) fn draw(
    random: &mut Random,
    mix: &Mix,
    plan: &mut WorkflowPlan,
    level: usize,
    size: Size,
) {
    let wanted = match (level, size) {
        (0, Size::Small) => random.below(3),
        (0, Size::Mid) => random.between(1, 3),
        (0, Size::Large) => random.between(2, 6),
        _ => random.below(2),
    };
    let mut chosen = vec![false; plan.tasks.len()];
    for _ in 0..wanted {
        chosen[index(random.below(plan.tasks.len() as u64))] = true;
    }
    let pages = level == 0 && size == Size::Large && random.one_in(20);
    // Outputs that somebody counts on.
    let mut taken = vec![false; plan.tasks.len()];
    let ancestors = plan.ancestors();
    for at in 0..plan.tasks.len() {
        if !chosen[at] || taken[at] {
            continue;
        }
        let mut fan = Fan {
            above: &ancestors[at],
            taken: &mut taken,
            most: if matches!(plan.tasks[at].kind, Kind::Workflow(_)) {
                3
            } else {
                8
            },
        };
        match random.below(10) {
            0..=2 => fan.parallel(random, plan, at),
            3..=7 => fan.foreach(random, plan, at),
            _ => {
                fan.most = 3;
                fan.foreach(random, plan, at);
                fan.parallel(random, plan, at);
            }
        }
        cap(random, mix, plan, at);
    }
    if pages {
        several_pages(random, plan, &taken);
    }
}

struct Fan<'a> {
    above: &'a [bool],
    taken: &'a mut [bool],
    most: u64,
}

impl Fan<'_> {
    /// Mostly a few, now and then one or none.
    fn count(&self, random: &mut Random) -> u32 {
        let count = match random.below(12) {
            0 => 0,
            1 => 1,
            _ => random.between(2, self.most),
        };
        u32::try_from(count).expect("a few")
    }

    /// Ancestors that will give what they are told to.
    fn free(&self, plan: &WorkflowPlan) -> Vec<usize> {
        (0..plan.tasks.len())
            .filter(|&at| self.above[at] && !self.taken[at] && plan.gives(at, |_| true))
            .collect()
    }

    fn parallel(&mut self, random: &mut Random, plan: &mut WorkflowPlan, at: usize) {
        let free = self.free(plan);
        let times = match random.below(5) {
            0 | 1 if !free.is_empty() => {
                let above = *random.pick(&free);
                self.taken[above] = true;
                plan.tasks[above].behaviour.output = OutputKind::Int(self.count(random));
                Times::Output(above)
            }
            2 => {
                let kind = ParamKind::Int(self.count(random));
                Times::Param(param(plan, kind))
            }
            _ => Times::Fixed(self.count(random).max(1)),
        };
        plan.tasks[at].parallel = Some(ParallelPlan {
            times,
            spelled: spelling(random),
        });
    }

    fn foreach(&mut self, random: &mut Random, plan: &mut WorkflowPlan, at: usize) {
        let few = |plan: &WorkflowPlan, at| {
            plan.instances(at) <= FEW.min(u32::try_from(self.most).unwrap_or(FEW))
        };
        let lists: Vec<usize> = (0..plan.tasks.len())
            .filter(|&j| self.above[j] && (plan.tasks[j].fans_out() && few(plan, j)))
            .collect();
        let shared: Vec<usize> = (0..plan.tasks.len())
            .filter(|&j| self.above[j] && self.taken[j])
            .filter(|&j| {
                plan.gives(j, |kind| {
                    kind.items().is_some_and(|n| u64::from(n) <= self.most)
                })
            })
            .collect();
        let free = self.free(plan);
        let over = match random.below(10) {
            0..=3 if !lists.is_empty() => Over::Output(*random.pick(&lists)),
            4 if !shared.is_empty() => {
                let above = *random.pick(&shared);
                match plan.tasks[above].behaviour.output {
                    OutputKind::Files(_) => Over::Files(above),
                    _ => Over::Output(above),
                }
            }
            0..=7 if !free.is_empty() => {
                let above = *random.pick(&free);
                self.taken[above] = true;
                let count = self.count(random);
                let files = random.one_in(3);
                plan.tasks[above].behaviour.output = if files {
                    OutputKind::Files(count)
                } else {
                    OutputKind::List(count)
                };
                if files {
                    Over::Files(above)
                } else {
                    Over::Output(above)
                }
            }
            _ => {
                let count = self.count(random);
                let kind = if random.one_in(2) {
                    ParamKind::Ints(count)
                } else {
                    ParamKind::Rows(count)
                };
                Over::Param(param(plan, kind))
            }
        };
        plan.tasks[at].foreach = Some(ForeachPlan {
            over,
            spelled: spelling(random),
        });
    }
}

/// A param of this kind, made when there is none.
fn param(plan: &mut WorkflowPlan, kind: ParamKind) -> String {
    if let Some(known) = plan.params.iter().find(|param| param.kind == kind) {
        return known.name.clone();
    }
    let name = format!("fan{}", plan.params.len());
    plan.params.push(ParamPlan {
        name: name.clone(),
        kind,
        required: false,
        described: false,
    });
    name
}

fn spelling(random: &mut Random) -> Spelling {
    *random.pick(&[
        Spelling::Name,
        Spelling::Path,
        Spelling::Map,
        Spelling::Template,
    ])
}

/// `batch`, `tolerate` and `concurrency`.
fn cap(random: &mut Random, mix: &Mix, plan: &mut WorkflowPlan, at: usize) {
    let instances = plan.instances(at);
    let task = &mut plan.tasks[at];
    if task.foreach.is_some() && random.chance(mix.batch) {
        task.batch = Some(u32::try_from(random.between(1, 4)).expect("at most four"));
    }
    if random.chance(mix.tolerate) {
        task.tolerate = if random.one_in(2) {
            Tolerate::Count(u32::try_from(random.between(1, 3)).expect("at most three"))
        } else {
            Tolerate::BasisPoints(*random.pick(&[500, 1250, 3400, 5000, 10_000]))
        };
    }
    if random.chance(mix.concurrency) {
        let most = u64::from(instances.max(1)).min(4);
        task.concurrency = Some(u32::try_from(random.between(1, most)).expect("at most four"));
    }
}

/// Gives one task more instances than a page of the run's state holds.
fn several_pages(random: &mut Random, plan: &mut WorkflowPlan, taken: &[bool]) {
    let able: Vec<usize> = (0..plan.tasks.len())
        .filter(|&at| !taken[at] && plan.gives(at, |_| true))
        .collect();
    if able.is_empty() {
        return;
    }
    let at = *random.pick(&able);
    plan.tasks[at].parallel = Some(ParallelPlan {
        times: Times::Fixed(u32::try_from(random.between(260, 600)).expect("at most 600")),
        spelled: Spelling::Name,
    });
    if random.one_in(2) {
        plan.tasks[at].tolerate = Tolerate::BasisPoints(500);
    }
}
