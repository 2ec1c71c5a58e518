//! What the state machine needs to know of a workflow's shape, computed once per version.

use crate::definition::{Executor, Task, TaskIndex, Workflow};
use crate::protect::Protections;

/// A workflow with its edges turned round and its steps numbered.
#[derive(Debug)]
pub struct Graph {
    /// The definition.
    pub workflow: Workflow,
    dependents: Vec<Vec<TaskIndex>>,
    order: Vec<TaskIndex>,
    step: Vec<u32>,
    has_children: bool,
    protections: Protections,
}

impl Graph {
    /// Prepares `workflow`, whose dependencies validation has found free of cycles.
    pub fn new(workflow: Workflow) -> Self {
        let n = workflow.tasks.len();
        let mut dependents = vec![Vec::new(); n];
        let mut unmet = vec![0usize; n];
        for (at, task) in workflow.tasks.iter().enumerate() {
            unmet[at] = task.depends_on.len();
            for &upstream in &task.depends_on {
                dependents[upstream as usize].push(index(at));
            }
        }
        // Smallest position first among the ready, so that steps follow the file where the graph allows.
        let mut ready: std::collections::BTreeSet<usize> =
            (0..n).filter(|&at| unmet[at] == 0).collect();
        let mut order = Vec::with_capacity(n);
        while let Some(at) = ready.pop_first() {
            order.push(index(at));
            for &next in &dependents[at] {
                unmet[next as usize] -= 1;
                if unmet[next as usize] == 0 {
                    ready.insert(next as usize);
                }
            }
        }
        assert_eq!(order.len(), n, "validation refuses cycles");
        let mut step = vec![0; n];
        for (at, &task) in order.iter().enumerate() {
            step[task as usize] = index(at);
        }
        let has_children = workflow
            .tasks
            .iter()
            .any(|task| matches!(task.executor, Executor::Workflow { .. }));
        Self {
            workflow,
            dependents,
            order,
            step,
            has_children,
            protections: Protections::default(),
        }
    }

    /// The same with other protections.
    #[must_use]
    pub fn protected_by(mut self, protections: Protections) -> Self {
        self.protections = protections;
        self
    }
    /// Which protections hold for its runs.
    pub const fn protections(&self) -> Protections {
        self.protections
    }

    /// The task at `at`.
    pub fn task(&self, at: TaskIndex) -> &Task {
        &self.workflow.tasks[at as usize]
    }
    /// The tasks that name `at` in `depends_on`.
    pub fn dependents(&self, at: TaskIndex) -> &[TaskIndex] {
        &self.dependents[at as usize]
    }
    /// Every task, upstreams first; the position in this list is the task's step, from 0.
    pub fn order(&self) -> &[TaskIndex] {
        &self.order
    }
    /// The step of a task.
    pub fn step(&self, at: TaskIndex) -> u32 {
        self.step[at as usize]
    }
    /// Whether any task is a sub-workflow.
    pub const fn has_children(&self) -> bool {
        self.has_children
    }
    /// Marks `from` and everything downstream of it in `marks`.
    pub fn mark_descendants(&self, from: TaskIndex, marks: &mut [bool]) {
        let mut todo = vec![from];
        while let Some(at) = todo.pop() {
            if !std::mem::replace(&mut marks[at as usize], true) {
                todo.extend_from_slice(self.dependents(at));
            }
        }
    }
    /// Marks `from` and everything upstream of it in `marks`.
    pub fn mark_ancestors(&self, from: TaskIndex, marks: &mut [bool]) {
        let mut todo = vec![from];
        while let Some(at) = todo.pop() {
            if !std::mem::replace(&mut marks[at as usize], true) {
                todo.extend_from_slice(&self.task(at).depends_on);
            }
        }
    }
}

fn index(at: usize) -> TaskIndex {
    TaskIndex::try_from(at).expect("validation allows at most 10,000 tasks")
}
