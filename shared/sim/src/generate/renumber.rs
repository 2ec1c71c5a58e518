//! Moves tasks to other positions, or out of the file, with everything that refers to them.

use super::plan::WorkflowPlan;
use super::source::{Bind, Over, Source, Spelling, Times};
use super::task_plan::ParallelPlan;

impl WorkflowPlan {
    /// Gives every reference to a task its new position. What refers to a task that has none is dropped; a fan-out
    /// stays one.
    pub(super) fn renumber(&mut self, place: &dyn Fn(usize) -> Option<usize>) {
        let moved = |task: Option<&mut usize>| match task {
            Some(task) => match place(*task) {
                Some(new) => {
                    *task = new;
                    true
                }
                None => false,
            },
            None => true,
        };
        for task in &mut self.tasks {
            task.depends_on = task.depends_on.iter().filter_map(|at| place(*at)).collect();
            if let Some(when) = &mut task.when
                && !moved(when.task_mut())
            {
                task.when = None;
            }
            if let Some(foreach) = &mut task.foreach
                && !moved(Over::task_mut(&mut foreach.over))
            {
                task.foreach = None;
                task.parallel.get_or_insert(ParallelPlan::TWO);
            }
            if let Some(parallel) = &mut task.parallel
                && !moved(Times::task_mut(&mut parallel.times))
            {
                parallel.times = Times::Fixed(2);
            }
            let keep = |bind: &mut Bind| moved(Source::task_mut(&mut bind.source));
            if let Some(binds) = task.inputs.binds_mut() {
                binds.retain_mut(keep);
            }
            task.env.retain_mut(keep);
        }
    }

    /// The same without the tasks that are marked. Whoever waited for one waits for what that one waited for.
    pub(super) fn without(&self, gone: &[bool]) -> Self {
        let mut plan = self.clone();
        for task in &mut plan.tasks {
            let mut open = std::mem::take(&mut task.depends_on);
            while let Some(above) = open.pop() {
                if gone[above] {
                    open.extend(&self.tasks[above].depends_on);
                } else if !task.depends_on.contains(&above) {
                    task.depends_on.push(above);
                }
            }
            task.depends_on.sort_unstable();
        }
        let kept = gone.iter().map(|gone| !gone);
        let place: Vec<Option<usize>> = kept
            .scan(0, |next, kept| {
                let at = kept.then_some(*next);
                *next += usize::from(kept);
                Some(at)
            })
            .collect();
        plan.renumber(&|at| place[at]);
        let mut at = 0;
        plan.tasks.retain(|_| {
            at += 1;
            !gone[at - 1]
        });
        plan
    }
}

impl ParallelPlan {
    /// Two instances: what is left of a fan-out whose list is gone.
    pub(super) const TWO: Self = Self {
        times: Times::Fixed(2),
        spelled: Spelling::Name,
    };
}
