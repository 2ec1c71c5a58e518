//! What a task has by chance: executor, trigger, `when`, retries, timeouts, pool, order, extras; and how it behaves.

use std::collections::BTreeMap;

use ork_core::definition::TriggerRule;
use ork_core::run::Category;

use crate::random::Random;

use super::behaviour::OutputKind;
use super::draw::Mix;
use super::edges::index;
use super::params::ParamKind;
use super::plan::WorkflowPlan;
use super::source::{Condition, Times};
use super::task_plan::{Kind, ParallelPlan, RetryPlan, RetryPolicyPlan, TaskExtra, TaskPlan};

const TRIGGERS: [TriggerRule; 6] = [
    TriggerRule::AllSuccess,
    TriggerRule::AllDone,
    TriggerRule::OneSuccess,
    TriggerRule::OneFailed,
    TriggerRule::NoneFailed,
    TriggerRule::Always,
];

const KINDS: [Kind; 20] = [
    Kind::Program,
    Kind::Script,
    Kind::Python,
    Kind::Python,
    Kind::PythonReuse,
    Kind::Http,
    Kind::Query,
    Kind::Query,
    Kind::Execution,
    Kind::OwnJob,
    Kind::OwnJob,
    Kind::Sensor,
    Kind::CloudRun,
    Kind::CloudRunImage,
    Kind::Docker,
    Kind::Kubernetes,
    Kind::Library,
    Kind::Service,
    Kind::Dbt,
    Kind::Custom,
];

const EXTRAS: [TaskExtra; 7] = [
    TaskExtra::Description,
    TaskExtra::Resources,
    TaskExtra::Image,
    TaskExtra::Worker,
    TaskExtra::ConfigFile,
    TaskExtra::EstimatedDuration,
    TaskExtra::Secrets,
];

/// What runs it: mostly a command.
pub(super) fn kind(random: &mut Random, mix: &Mix, task: &mut TaskPlan) {
    if random.one_in(10) {
        task.kind = Kind::Marker;
    } else if random.chance(mix.kinds) {
        task.kind = random.pick(&KINDS).clone();
    }
}

/// What the simulated worker does with it. The output stays as it is when somebody counts on it.
pub(super) fn behave(random: &mut Random, mix: &Mix, task: &mut TaskPlan) {
    let few =
        !matches!(&task.parallel, Some(ParallelPlan { times: Times::Fixed(n), .. }) if *n > 16);
    let behaviour = &mut task.behaviour;
    if mix.fails > 0 && !random.one_in(3) {
        behaviour.fail_thousandths = if random.one_in(25) { 1000 } else { mix.fails };
    }
    if mix.fails_for_good > 0 && random.one_in(3) {
        behaviour.permanent_thousandths = if random.one_in(12) {
            1000
        } else {
            mix.fails_for_good
        };
    }
    if mix.defers > 0 && random.one_in(4) {
        behaviour.defer_thousandths = if random.one_in(2) { 1000 } else { mix.defers };
    }
    if mix.oom > 0 && random.one_in(4) {
        behaviour.oom_thousandths = mix.oom;
    }
    if random.chance(mix.slow) {
        let most = random.span(20, 1500);
        behaviour.runs_seconds = (random.between(1, most), most);
    } else {
        behaviour.runs_seconds = (1, random.between(1, 20));
    }
    if behaviour.output == OutputKind::Small {
        if random.one_in(12) {
            behaviour.output = OutputKind::Null;
        } else if few && random.chance(mix.large) {
            // A hundred of the largest would be all that a world does.
            let huge = task.parallel.is_none() && task.foreach.is_none() && random.one_in(4);
            behaviour.output = if huge {
                OutputKind::Huge
            } else {
                OutputKind::Large
            };
        }
    }
}

/// Everything else but what it is given.
pub(super) fn task(
    random: &mut Random,
    mix: &Mix,
    plan: &mut WorkflowPlan,
    at: usize,
    above: &[bool],
    pools: &BTreeMap<String, u32>,
) {
    if random.chance(mix.when) {
        plan.tasks[at].when = condition(random, plan, above);
    }
    let retries = retries(random, mix);
    let task = &mut plan.tasks[at];
    task.retries = retries;
    let loads = task.fans_out();
    // Without the list it fans out over, a task can only fail; that is met often enough.
    if !task.depends_on.is_empty()
        && random.chance(if loads { mix.trigger / 4 } else { mix.trigger })
    {
        task.trigger = *random.pick(&TRIGGERS);
        task.older_trigger = random.one_in(2);
    }
    let (least, most) = task.behaviour.runs_seconds;
    if random.chance(mix.timeouts) {
        // Some are too short for what runs.
        task.timeout = Some(if random.one_in(3) {
            random.between(1, most)
        } else {
            most + random.span(5, 900) + least
        });
    }
    if random.chance(mix.timeouts / 2) {
        task.start_timeout = Some(random.span(10, 600));
    }
    if random.chance(mix.timeouts / 2) {
        task.heartbeat_timeout = Some(random.between(30, 300));
    }
    let names: Vec<&String> = pools.keys().collect();
    // A sub-workflow that holds a place its own tasks wait for would never end.
    let waits = matches!(task.kind, Kind::Workflow(_));
    if !waits && !names.is_empty() && random.chance(mix.pool) {
        task.pool = Some((*random.pick(&names)).clone());
    }
    if random.chance(mix.order) {
        task.priority = Some(*random.pick(&[-1_000_000, -5, 0, 1, 10, 1_000_000]));
    }
    if random.chance(mix.order / 2) {
        task.topic = Some((*random.pick(&["gpu", "eu.batch"])).to_owned());
    }
    for extra in EXTRAS {
        if random.chance(mix.extras / 2) {
            task.extras.push(extra);
        }
    }
    task.typed_output = task.kind.gives_output() && random.chance(mix.typed);
}

fn retries(random: &mut Random, mix: &Mix) -> RetryPlan {
    if !random.chance(mix.retries) {
        return RetryPlan::None;
    }
    let max = u16::try_from(random.below(5)).expect("below five");
    if random.one_in(2) {
        return RetryPlan::Number(max);
    }
    let delay = random.one_in(2).then(|| random.span(1, 600));
    let mut on: Vec<Category> = Vec::new();
    if random.one_in(3) {
        for category in Category::ALL {
            if *category != Category::Permanent && random.one_in(2) {
                on.push(*category);
            }
        }
    }
    RetryPlan::Policy(RetryPolicyPlan {
        max,
        delay,
        exponential: random.one_in(2).then(|| random.one_in(2)),
        max_delay: random
            .one_in(3)
            .then(|| delay.unwrap_or(1) + random.below(600)),
        jitter: random.one_in(2).then(|| !random.one_in(4)),
        on,
    })
}

fn condition(random: &mut Random, plan: &WorkflowPlan, above: &[bool]) -> Option<Condition> {
    let ancestors: Vec<usize> = (0..plan.tasks.len()).filter(|&j| above[j]).collect();
    let some = |of: Vec<usize>, random: &mut Random| (!of.is_empty()).then(|| *random.pick(&of));
    match random.below(12) {
        0 => Some(Condition::Literal(true)),
        1 => Some(Condition::Literal(false)),
        2..=4 => some(ancestors, random).map(|task| Condition::Status {
            task,
            word: ["success", "failed", "skipped"][index(random.below(3))],
            equal: random.one_in(2),
        }),
        5 | 6 => {
            let of = ancestors
                .into_iter()
                .filter(|&j| plan.gives(j, OutputKind::has_number));
            some(of.collect(), random).map(|task| Condition::Number {
                task,
                least: u32::try_from(random.between(1, 8)).expect("at most eight"),
            })
        }
        7 => {
            let of = ancestors.into_iter().filter(|&j| plan.gives_list(j));
            some(of.collect(), random).map(|task| Condition::Length {
                task,
                least: u32::try_from(random.between(1, 4)).expect("at most four"),
            })
        }
        8 => Some(Condition::FirstTime),
        _ => {
            let able = plan.params.iter().filter_map(|param| match param.kind {
                ParamKind::Int(n) => Some(Condition::Param {
                    name: param.name.clone(),
                    least: n,
                }),
                ParamKind::Flag(_) => Some(Condition::Flag(param.name.clone())),
                _ => None,
            });
            let able: Vec<Condition> = able.collect();
            (!able.is_empty()).then(|| random.pick(&able).clone())
        }
    }
}
