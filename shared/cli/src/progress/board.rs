//! What is known of the runs under way. Keeping it up to date costs what changed, not what there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_core::run::{Counts, Graph, InstanceStatus, Note, RunState, RunStatus};
use ork_core::time::Time;

/// A task as it stood after the last commit that touched it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaskView {
    pub(super) status: InstanceStatus,
    pub(super) counts: Counts,
    pub(super) ready_at: Option<Time>,
    /// Of the only instance, when it does not fan out.
    pub(super) started_at: Option<Time>,
    pub(super) attempt: u32,
    /// Tenths of a fan-out that lines were printed for.
    pub(super) tenths: u32,
}

impl TaskView {
    fn of(graph: &Graph, state: &RunState, task: TaskIndex, tenths: u32) -> Self {
        let seen = state.task(task);
        let only = if graph.task(task).fans_out() {
            None
        } else {
            state.instance(task, 0)
        };
        Self {
            status: seen.status(),
            counts: *seen.counts(),
            ready_at: seen.ready_at,
            started_at: only.and_then(|instance| instance.started_at),
            attempt: only.map_or(0, |instance| instance.attempt),
            tenths,
        }
    }

    /// Ended and known instances; a fan-out that has not been expanded counts as one to come.
    fn weight(&self) -> (u64, u64) {
        let total = u64::from(self.counts.total());
        let hidden = total == 0 && !self.status.is_terminal();
        (u64::from(self.counts.ended()), total + u64::from(hidden))
    }
}

/// A run under way.
#[derive(Debug)]
pub(super) struct RunView {
    pub(super) graph: Arc<Graph>,
    pub(super) status: RunStatus,
    pub(super) started_at: Option<Time>,
    pub(super) eta: Option<Time>,
    pub(super) eta_at: Time,
    pub(super) tasks: Vec<TaskView>,
    pub(super) tasks_ended: u32,
    ended: u64,
    total: u64,
}

impl RunView {
    fn new(graph: &Arc<Graph>, state: &RunState) -> Self {
        let count = TaskIndex::try_from(state.tasks().len()).unwrap_or(TaskIndex::MAX);
        let tasks: Vec<TaskView> = (0..count)
            .map(|task| TaskView::of(graph, state, task, 0))
            .collect();
        let (ended, total) = tasks
            .iter()
            .map(TaskView::weight)
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let tasks_ended = tasks
            .iter()
            .map(|task| u32::from(task.status.is_terminal()))
            .sum();
        Self {
            graph: Arc::clone(graph),
            status: state.header.status,
            started_at: None,
            eta: None,
            eta_at: Time(0),
            tasks,
            tasks_ended,
            ended,
            total,
        }
    }

    fn refresh(&mut self, state: &RunState, task: TaskIndex) {
        let view = &mut self.tasks[task as usize];
        let before = view.weight();
        let was_over = view.status.is_terminal();
        *view = TaskView::of(&self.graph, state, task, view.tenths);
        let after = view.weight();
        self.ended = self.ended + after.0 - before.0;
        self.total = self.total + after.1 - before.1;
        self.tasks_ended =
            self.tasks_ended + u32::from(view.status.is_terminal()) - u32::from(was_over);
    }

    /// 0 to 100; 100 only at the end.
    pub(super) fn percent(&self) -> u64 {
        if self.status.is_terminal() {
            100
        } else {
            (self.ended * 100)
                .checked_div(self.total)
                .unwrap_or(0)
                .min(99)
        }
    }
}

/// All runs under way.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) runs: BTreeMap<RunId, RunView>,
}

impl Board {
    /// Takes in what a commit changed: the tasks its notes name, and only those.
    pub(super) fn take(
        &mut self,
        run: &RunId,
        graph: &Arc<Graph>,
        state: &RunState,
        notes: &[Note],
    ) -> &mut RunView {
        if !self.runs.contains_key(run) {
            self.runs.insert(run.clone(), RunView::new(graph, state));
        }
        let view = self
            .runs
            .get_mut(run)
            .expect("it was just inserted if it was not there");
        if notes.is_empty() || state.header.status.is_terminal() {
            // Somebody else's commits, or a cancel: no note says which tasks it changed.
            let tenths: Vec<u32> = view.tasks.iter().map(|task| task.tenths).collect();
            let eta = (view.eta, view.eta_at);
            *view = RunView::new(graph, state);
            (view.eta, view.eta_at) = eta;
            for (task, tenths) in view.tasks.iter_mut().zip(tenths) {
                task.tenths = tenths;
            }
        }
        let mut last = None;
        for task in notes.iter().filter_map(|note| note.task) {
            // The notes of a fan-out's commit name one task many times in a row.
            if last != Some(task) {
                view.refresh(state, task);
                last = Some(task);
            }
        }
        view.status = state.header.status;
        view.started_at = state.header.started_at;
        view
    }
}
