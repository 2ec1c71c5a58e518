//! A scenario by chance: how many workflows, how many tasks, and how strong each feature is in it.

use std::collections::BTreeMap;

use ork_core::definition::TriggerRule;

use crate::random::Random;

use super::edges::{self, index};
use super::params::{ParamKind, ParamPlan};
use super::plan::{DefaultsPlan, Format, Scenario, WorkflowExtra, WorkflowPlan};
use super::task_plan::{Kind, TaskPlan};
use super::{fan, features, given, schedules};

/// How large a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// One to four tasks.
    Small,
    /// Four to ten tasks, of which one to three fan out to two to eight.
    Mid,
    /// Eleven to twenty-five tasks; one in twenty has a fan-out of several pages.
    Large,
}

/// How strong each feature is in one scenario, in thousandths; a third of them are off, so that features meet each
/// other in ever different company.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mix {
    pub(super) kinds: u32,
    pub(super) trigger: u32,
    pub(super) when: u32,
    pub(super) tolerate: u32,
    pub(super) concurrency: u32,
    pub(super) batch: u32,
    pub(super) retries: u32,
    pub(super) timeouts: u32,
    pub(super) pool: u32,
    pub(super) order: u32,
    pub(super) inputs: u32,
    pub(super) env: u32,
    pub(super) extras: u32,
    pub(super) typed: u32,
    pub(super) planned: u32,
    pub(super) fails: u32,
    pub(super) fails_for_good: u32,
    pub(super) defers: u32,
    pub(super) oom: u32,
    pub(super) large: u32,
    pub(super) slow: u32,
}

impl Mix {
    fn draw(random: &mut Random) -> Self {
        let mut strength = |usual: u64| {
            let strength = if random.one_in(3) {
                0
            } else {
                random.between(usual / 2, (usual * 2).min(1000))
            };
            u32::try_from(strength).expect("at most a thousand")
        };
        Self {
            kinds: strength(500),
            trigger: strength(350),
            when: strength(250),
            tolerate: strength(400),
            concurrency: strength(400),
            batch: strength(300),
            retries: strength(600),
            timeouts: strength(300),
            pool: strength(400),
            order: strength(200),
            inputs: strength(500),
            env: strength(250),
            extras: strength(100),
            typed: strength(500),
            planned: strength(500),
            fails: strength(150),
            fails_for_good: strength(40),
            defers: strength(150),
            oom: strength(40),
            large: strength(60),
            slow: strength(250),
        }
    }
}

impl Scenario {
    /// A scenario of the given size.
    pub fn random(random: &mut Random, size: Size) -> Self {
        let mix = Mix::draw(random);
        let mut pools = BTreeMap::new();
        if mix.pool > 0 {
            for name in ["warehouse", "api", "gpu-1"]
                .iter()
                .take(index(random.between(1, 3)))
            {
                pools.insert((*name).to_owned(), places(random));
            }
        }
        // The deepest comes first, so that whoever starts it knows its params.
        let depth = match random.below(10) {
            0 => 1,
            1 => 2,
            _ => 0,
        };
        let mut children: Vec<WorkflowPlan> = Vec::new();
        for level in (0..depth).rev() {
            let name = ["child", "grandchild"][level];
            children.insert(
                0,
                workflow(random, &mix, name, level + 1, size, &children, &pools),
            );
        }
        let name = if random.one_in(40) {
            "a_name_as_long_as_names_may_be-0123456789-0123456789-0123456789"
        } else {
            "main"
        };
        let mut main = workflow(random, &mix, name, 0, size, &children, &pools);
        if main.format == Format::Yaml && random.one_in(3) {
            main.schedule = Some(schedules::draw(random));
            if random.one_in(6) {
                main.second_schedule = Some(schedules::draw(random));
            }
        }
        let mut workflows = vec![main];
        workflows.append(&mut children);
        let mut scenario = Self { workflows, pools };
        scenario.mend();
        scenario.draw_told(random.clone());
        scenario
    }
}

fn places(random: &mut Random) -> u32 {
    u32::try_from(random.between(1, 3)).expect("at most three")
}

/// The workflow at `level`, 0 being the main one, over the sub-workflows below it.
fn workflow(
    random: &mut Random,
    mix: &Mix,
    name: &str,
    level: usize,
    size: Size,
    children: &[WorkflowPlan],
    pools: &BTreeMap<String, u32>,
) -> WorkflowPlan {
    let count = match (level, size) {
        (0, Size::Small) => random.between(1, 4),
        (0, Size::Mid) => random.between(4, 10),
        (0, Size::Large) => random.between(11, 25),
        (_, Size::Large) => random.between(1, 5),
        _ => random.between(1, 3),
    };
    let mut plan = WorkflowPlan::new(name);
    for (at, above) in edges::draw(random, index(count)).into_iter().enumerate() {
        let mut task = TaskPlan::new(&task_name(random, at));
        task.depends_on = above;
        plan.tasks.push(task);
    }
    if children.is_empty() && random.one_in(20) {
        plan.format = Format::Fun;
        for task in &mut plan.tasks {
            // Names with `-` are fine in YAML and no names of Python functions.
            task.name = task.name.replace('-', "_");
            features::behave(random, mix, task);
        }
        return plan;
    }
    top(random, mix, &mut plan, level);
    for task in &mut plan.tasks {
        features::kind(random, mix, task);
    }
    if let Some(child) = children.first() {
        for _ in 0..random.between(1, 2) {
            let at = index(random.below(count));
            plan.tasks[at].kind = Kind::Workflow(child.name.clone());
        }
    }
    fan::draw(random, mix, &mut plan, level, size);
    for task in &mut plan.tasks {
        features::behave(random, mix, task);
    }
    plan.defaults = defaults(random, mix, children.is_empty(), pools);
    let ancestors = plan.ancestors();
    for (at, above) in ancestors.iter().enumerate() {
        features::task(random, mix, &mut plan, at, above, pools);
        given::draw(random, mix, &mut plan, at, above, children.first());
    }
    if random.one_in(4) {
        shuffle(random, &mut plan);
    }
    plan
}

fn task_name(random: &mut Random, at: usize) -> String {
    match random.below(24) {
        0 => format!("task-{at}"),
        1 => format!("Load_{at}"),
        2 => format!("t{at:_<62}"),
        _ => format!("t{at}"),
    }
}

/// What stands above the tasks.
fn top(random: &mut Random, mix: &Mix, plan: &mut WorkflowPlan, level: usize) {
    if random.one_in(2) {
        for at in 0..random.between(1, 4) {
            let kind = param_kind(random);
            // Something must be able to give the value.
            let bindable = matches!(kind, ParamKind::Int(_) | ParamKind::Text | ParamKind::Label);
            plan.params.push(ParamPlan {
                name: format!("p{at}"),
                kind,
                required: level > 0 && bindable && random.one_in(2),
                described: random.chance(mix.extras),
            });
        }
    }
    if random.one_in(5) {
        plan.max_active_runs = Some(u32::try_from(random.between(1, 2)).expect("at most two"));
    }
    if random.one_in(7) {
        plan.deadline_minutes = Some(u32::try_from(random.span(5, 240)).expect("at most 240"));
    }
    if random.one_in(5) {
        plan.max_recovery_attempts = u32::try_from(random.below(3)).expect("below three");
    }
    plan.aliases = mix.typed > 0 && random.chance(mix.typed / 2);
    if random.chance(mix.extras) {
        plan.extras.push(WorkflowExtra::Description);
    }
    if random.chance(mix.extras) {
        plan.extras.push(*random.pick(&[
            WorkflowExtra::OnObject,
            WorkflowExtra::OnMessage,
            WorkflowExtra::Import,
        ]));
    }
}

fn param_kind(random: &mut Random) -> ParamKind {
    let few = u32::try_from(random.below(5)).expect("below five");
    match random.below(8) {
        0 => ParamKind::Int(few),
        1 => ParamKind::Ints(few),
        2 => ParamKind::Rows(few),
        3 => ParamKind::Text,
        4 => ParamKind::Day,
        5 => ParamKind::Label,
        6 => ParamKind::Maybe,
        _ => ParamKind::Flag(random.one_in(2)),
    }
}

fn defaults(
    random: &mut Random,
    mix: &Mix,
    pooled: bool,
    pools: &BTreeMap<String, u32>,
) -> DefaultsPlan {
    if !random.one_in(5) {
        return DefaultsPlan::default();
    }
    let names: Vec<&String> = pools.keys().collect();
    // A sub-workflow that holds a place its own tasks wait for would never end.
    let pool =
        (pooled && !names.is_empty() && random.one_in(2)).then(|| (*random.pick(&names)).clone());
    DefaultsPlan {
        retries: random
            .chance(mix.retries)
            .then(|| u16::try_from(random.below(4)).expect("below four")),
        timeout: random.chance(mix.timeouts).then(|| random.span(20, 1800)),
        pool,
        trigger: (mix.trigger > 0 && random.one_in(3)).then(|| {
            *random.pick(&[
                TriggerRule::AllDone,
                TriggerRule::NoneFailed,
                TriggerRule::OneSuccess,
            ])
        }),
        concurrency: random
            .chance(mix.concurrency)
            .then(|| u32::try_from(random.between(1, 4)).expect("at most four")),
        env: random.chance(mix.env),
    }
}

/// Puts the tasks of the file into another order.
fn shuffle(random: &mut Random, plan: &mut WorkflowPlan) {
    let n = plan.tasks.len();
    let mut order: Vec<usize> = (0..n).collect();
    for at in (1..n).rev() {
        order.swap(at, index(random.below(at as u64 + 1)));
    }
    let mut place = vec![0; n];
    for (at, &old) in order.iter().enumerate() {
        place[old] = at;
    }
    plan.renumber(&|old| Some(place[old]));
    let mut old: Vec<Option<TaskPlan>> = std::mem::take(&mut plan.tasks)
        .into_iter()
        .map(Some)
        .collect();
    plan.tasks = order.into_iter().filter_map(|at| old[at].take()).collect();
}
