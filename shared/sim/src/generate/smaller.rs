//! How a scenario may be cut down: the candidates, those that take away most first.

use super::cuts::{TASK_CUTS, WORKFLOW_CUTS, halve};
use super::plan::{Scenario, WorkflowPlan};
use super::task_plan::Kind;

impl Scenario {
    /// Smaller scenarios that parse, those that take away most first. Each is smaller by [`Scenario::measure`], so
    /// that going from candidate to candidate ends.
    pub fn smaller(&self) -> Vec<Self> {
        let mut candidates = Candidates {
            whole: self,
            size: self.measure(),
            found: Vec::new(),
        };
        candidates.fewer_workflows();
        candidates.fewer_tasks();
        candidates.one_feature_everywhere();
        for at in 0..self.workflows.len() {
            candidates.fewer_features(at);
            candidates.fewer_edges(at);
        }
        let mut found = candidates.found;
        // Equal ones keep the order they were thought of.
        found.sort_by_key(|(size, _)| *size);
        found.dedup_by(|one, other| one == other);
        found.into_iter().map(|(_, scenario)| scenario).collect()
    }
}

struct Candidates<'a> {
    whole: &'a Scenario,
    size: u64,
    found: Vec<(u64, Scenario)>,
}

impl Candidates<'_> {
    /// Keeps what `change` makes of the whole, when it has become smaller.
    fn offer(&mut self, change: impl FnOnce(&mut Scenario)) {
        let mut scenario = self.whole.clone();
        change(&mut scenario);
        scenario.mend();
        let size = scenario.measure();
        if size < self.size {
            self.found.push((size, scenario));
        }
    }

    fn offer_plan(&mut self, at: usize, plan: WorkflowPlan) {
        self.offer(|scenario| scenario.workflows[at] = plan);
    }

    /// Commands in the place of sub-workflows.
    fn fewer_workflows(&mut self) {
        for gone in 1..self.whole.workflows.len() {
            let name = &self.whole.workflows[gone].name;
            self.offer(|scenario| {
                let tasks = scenario
                    .workflows
                    .iter_mut()
                    .flat_map(|plan| &mut plan.tasks);
                for task in tasks.filter(|task| task.kind == Kind::Workflow(name.clone())) {
                    task.kind = Kind::Command;
                }
            });
        }
    }

    /// Halves, quarters and single tasks gone.
    fn fewer_tasks(&mut self) {
        for (at, plan) in self.whole.workflows.iter().enumerate() {
            let tasks = plan.tasks.len();
            let mut chunk = tasks / 2;
            while chunk > 0 {
                for start in (0..tasks).step_by(chunk) {
                    let gone: Vec<bool> = (0..tasks)
                        .map(|task| (start..start + chunk).contains(&task))
                        .collect();
                    self.offer_plan(at, plan.without(&gone));
                }
                chunk = match chunk {
                    1 => 0,
                    2..=7 => 1,
                    _ => chunk / 2,
                };
            }
        }
    }

    fn one_feature_everywhere(&mut self) {
        for cut in WORKFLOW_CUTS {
            self.offer(|scenario| scenario.workflows.iter_mut().for_each(cut.drop));
        }
        for cut in TASK_CUTS {
            self.offer(|scenario| {
                let tasks = scenario
                    .workflows
                    .iter_mut()
                    .flat_map(|plan| &mut plan.tasks);
                // Dropping what is not there may put something else in its place.
                tasks.filter(|task| (cut.has)(task)).for_each(cut.drop);
            });
        }
        self.offer(|scenario| {
            for plan in &mut scenario.workflows {
                plan.halve_params();
                for task in &mut plan.tasks {
                    halve(task);
                }
            }
        });
    }

    /// Single features of single tasks.
    fn fewer_features(&mut self, at: usize) {
        let plan = &self.whole.workflows[at];
        for cut in WORKFLOW_CUTS.iter().filter(|cut| (cut.has)(plan)) {
            self.offer(|scenario| (cut.drop)(&mut scenario.workflows[at]));
        }
        for param in 0..plan.params.len() {
            self.offer(|scenario| {
                scenario.workflows[at].params.remove(param);
            });
        }
        for (number, task) in plan.tasks.iter().enumerate() {
            for cut in TASK_CUTS.iter().filter(|cut| (cut.has)(task)) {
                self.offer(|scenario| (cut.drop)(&mut scenario.workflows[at].tasks[number]));
            }
            self.offer(|scenario| halve(&mut scenario.workflows[at].tasks[number]));
            for bind in 0..task.inputs.binds().len() {
                self.offer(|scenario| {
                    let inputs = &mut scenario.workflows[at].tasks[number].inputs;
                    if let Some(binds) = inputs.binds_mut() {
                        binds.remove(bind);
                    }
                });
            }
        }
    }

    fn fewer_edges(&mut self, at: usize) {
        for (number, task) in self.whole.workflows[at].tasks.iter().enumerate() {
            for edge in 0..task.depends_on.len() {
                self.offer(|scenario| {
                    scenario.workflows[at].tasks[number].depends_on.remove(edge);
                });
            }
        }
    }
}
