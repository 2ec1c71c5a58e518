//! What a task is given by chance: inputs of either style, and its environment.

use crate::random::Random;

use super::behaviour::OutputKind;
use super::draw::Mix;
use super::edges::index;
use super::params::{ParamKind, ParamPlan};
use super::plan::WorkflowPlan;
use super::source::{Bind, How, Source};
use super::task_plan::{Inputs, Kind};

/// Draws both for the task at `at`. `child` is the sub-workflow that the workflow's tasks may start.
pub(super) fn draw(
    random: &mut Random,
    mix: &Mix,
    plan: &mut WorkflowPlan,
    at: usize,
    above: &[bool],
    child: Option<&WorkflowPlan>,
) {
    let here = Here { plan, at, above };
    let planned = random.chance(mix.planned);
    // Whoever has items mostly wants to see them.
    let inputs = match plan.tasks[at].foreach {
        Some(_) => mix.inputs.max(500),
        None => mix.inputs,
    };
    let child = child.filter(|_| matches!(plan.tasks[at].kind, Kind::Workflow(_)));
    let binds = match child {
        Some(child) => here.params_of(random, child),
        None if random.chance(inputs) => here.some(random, "in", 4, true),
        None => Vec::new(),
    };
    let mut env = Vec::new();
    if random.chance(mix.env) {
        env = here.some(random, "VAR_", 3, false);
        env.retain(|bind| bind.source != Source::Data);
    }
    let typed = random.chance(mix.typed);
    let task = &mut plan.tasks[at];
    task.env = env;
    task.inputs = match (binds.is_empty(), planned) {
        (true, _) => Inputs::None,
        (false, true) => Inputs::Planned(as_planned(random, binds)),
        (false, false) => Inputs::Strict {
            typed,
            binds: as_strict(binds),
        },
    };
}

/// A task and what it can see.
struct Here<'a> {
    plan: &'a WorkflowPlan,
    at: usize,
    above: &'a [bool],
}

impl Here<'_> {
    fn some(&self, random: &mut Random, prefix: &str, most: u64, secrets: bool) -> Vec<Bind> {
        let sources = self.sources();
        (0..random.between(1, most))
            .map(|number| Bind {
                name: format!("{prefix}{number}"),
                source: random.pick(&sources).clone(),
                how: how(random),
            })
            .filter(|bind| secrets || bind.source != Source::Item)
            .collect()
    }

    /// Everything it can see; what others gave more than once, so that it is drawn more often.
    fn sources(&self) -> Vec<Source> {
        let mut all = vec![
            Source::Const(7),
            Source::Const(-3_000_000_000),
            Source::Text,
            Source::Data,
            Source::Secret,
            Source::RunId,
            Source::Slot,
            Source::Attempt,
            Source::Recoveries,
            Source::Index,
            Source::Count,
        ];
        let params = self.plan.params.iter();
        all.extend(params.map(|param| Source::Param(param.name.clone())));
        if self.plan.tasks[self.at].foreach.is_some() {
            all.extend([Source::Item, Source::Item, Source::Item, Source::ItemIndex]);
        }
        if self.plan.has_rows(&self.plan.tasks[self.at]) {
            all.extend(vec![Source::ItemNumber; 6]);
        }
        for task in (0..self.plan.tasks.len()).filter(|&task| self.above[task]) {
            all.push(Source::Status(task));
            // Nobody copies hundreds of outputs into each of its own inputs.
            if self.plan.instances(task) <= 100 {
                all.extend([Source::Output(task), Source::Output(task)]);
            }
            if self.plan.gives(task, OutputKind::has_number) {
                all.extend([Source::Number(task), Source::Number(task)]);
            }
        }
        all
    }

    /// The params of a sub-workflow: all that are required, and some of the others.
    fn params_of(&self, random: &mut Random, child: &WorkflowPlan) -> Vec<Bind> {
        let wanted: Vec<&ParamPlan> = child
            .params
            .iter()
            .filter(|param| param.required || random.one_in(2))
            .collect();
        wanted
            .into_iter()
            .filter_map(|param| {
                let able = self.fitting(param.kind);
                (!able.is_empty()).then(|| Bind {
                    name: param.name.clone(),
                    source: random.pick(&able).clone(),
                    how: How::Ref,
                })
            })
            .collect()
    }

    /// What has a value of this kind whenever everything went well.
    fn fitting(&self, kind: ParamKind) -> Vec<Source> {
        let mut able: Vec<Source> = self
            .plan
            .params
            .iter()
            .filter(|param| std::mem::discriminant(&param.kind) == std::mem::discriminant(&kind))
            .map(|param| Source::Param(param.name.clone()))
            .collect();
        let tasks = (0..self.plan.tasks.len()).filter(|&task| self.above[task]);
        match kind {
            ParamKind::Int(_) => able.extend([Source::Const(2), Source::Index, Source::Attempt]),
            ParamKind::Text | ParamKind::Label => {
                able.extend([Source::Text, Source::RunId]);
                able.extend(tasks.map(Source::Status));
            }
            ParamKind::Maybe => {
                able.push(Source::Const(5));
                let numbers = tasks.filter(|&task| self.plan.gives(task, OutputKind::has_number));
                able.extend(numbers.map(Source::Number));
            }
            ParamKind::Rows(_) => {
                let lists = tasks.filter(|&task| {
                    self.plan
                        .gives(task, |kind| matches!(kind, OutputKind::List(_)))
                });
                able.extend(lists.map(Source::Output));
            }
            ParamKind::Ints(_) | ParamKind::Day | ParamKind::Flag(_) => {}
        }
        able
    }
}

fn how(random: &mut Random) -> How {
    [How::Ref, How::Expr, How::Template, How::Inside][index(random.below(4))]
}

/// Strict bindings are paths or expressions.
fn as_strict(mut binds: Vec<Bind>) -> Vec<Bind> {
    for bind in &mut binds {
        bind.how = match bind.how {
            How::Template => How::Ref,
            How::Inside => How::Expr,
            how => how,
        };
    }
    binds
}

/// Free values are templates, and secrets have no place among them.
fn as_planned(random: &mut Random, mut binds: Vec<Bind>) -> Vec<Bind> {
    for bind in &mut binds {
        if bind.how == How::Ref {
            bind.how = How::Template;
        }
        if bind.source == Source::Secret {
            bind.source = if random.one_in(2) {
                Source::Text
            } else {
                Source::Data
            };
        }
    }
    binds
}
