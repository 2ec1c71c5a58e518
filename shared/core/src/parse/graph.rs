//! Which task waits for which: unknown names, self, doubles, cycles, ancestors.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::definition::TaskIndex;
use crate::diagnostic::{Diagnostics, Position};

use super::codes;
use super::suggest;

/// The ancestors of the task that was asked about last: those marked with its stamp.
#[derive(Debug, Default)]
struct Ancestors {
    of: Option<TaskIndex>,
    stamp: u32,
    marks: Vec<u32>,
}

/// The tasks by name and the edges between them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    names: Vec<String>,
    indices: BTreeMap<String, TaskIndex>,
    edges: Vec<Vec<(TaskIndex, Position)>>,
    ancestors: RefCell<Ancestors>,
}

impl Graph {
    /// Adds a task; `None` when there is one with this name.
    pub(super) fn add(&mut self, name: &str) -> Option<TaskIndex> {
        let index =
            TaskIndex::try_from(self.names.len()).expect("a file of a megabyte holds fewer tasks");
        if self.indices.contains_key(name) {
            return None;
        }
        self.indices.insert(name.to_owned(), index);
        self.names.push(name.to_owned());
        self.edges.push(Vec::new());
        Some(index)
    }

    /// The position of the task called `name`.
    pub(super) fn index(&self, name: &str) -> Option<TaskIndex> {
        self.indices.get(name).copied()
    }

    /// The name of a task.
    pub(super) fn name(&self, index: TaskIndex) -> &str {
        self.names.get(index as usize).map_or("?", String::as_str)
    }

    /// All names in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(String::as_str)
    }

    /// What `task` waits for, each once.
    pub(super) fn depends_on(&self, task: TaskIndex) -> Vec<TaskIndex> {
        self.edges[task as usize]
            .iter()
            .map(|(upstream, _)| *upstream)
            .collect()
    }

    /// Says that there is no task `name`, which `label` refers to.
    pub(super) fn unknown(&self, name: &str, label: &str, at: Position, found: &mut Diagnostics) {
        let message = format!("{label} refers to the unknown task `{name}`");
        let hint = suggest::hint(name, self.names(), found);
        found
            .error(codes::UNKNOWN_TASK, at, message)
            .maybe_hint(hint);
    }

    /// `task` waits for `upstream`. A double is an error where the file has a list of dependencies, and fine
    /// where two arguments may name the same producer.
    pub(super) fn depend(
        &mut self,
        task: TaskIndex,
        upstream: &str,
        at: Position,
        doubles: bool,
        found: &mut Diagnostics,
    ) -> Option<TaskIndex> {
        let name = self.name(task).to_owned();
        let Some(index) = self.index(upstream) else {
            self.unknown(upstream, &format!("task `{name}`"), at, found);
            return None;
        };
        if index == task {
            found
                .error(
                    codes::SELF_DEPENDENCY,
                    at,
                    format!("task `{name}` depends on itself"),
                )
                .hint("remove it; to run again after a failure use `retries`");
            return None;
        }
        let edges = &mut self.edges[task as usize];
        if edges.iter().any(|(known, _)| *known == index) {
            if !doubles {
                found
                    .error(
                        codes::DUPLICATE_DEPENDENCY,
                        at,
                        format!("task `{name}` depends on `{upstream}` twice"),
                    )
                    .hint("remove one of them");
            }
        } else {
            edges.push((index, at));
        }
        Some(index)
    }

    /// Reports cycles as a → b → a, at the dependency by which its first task in the file waits for it.
    pub(super) fn check_cycles(&self, found: &mut Diagnostics) {
        /// Whoever has this many cycles mends some of them first.
        const CYCLES: usize = 100;
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; self.names.len()];
        let mut reported = 0;
        for start in 0..self.names.len() {
            if marks[start] != Mark::New {
                continue;
            }
            marks[start] = Mark::Open;
            // The path walked so far, and which edge comes next at each of its tasks.
            let mut path: Vec<(usize, usize)> = vec![(start, 0)];
            while let Some((task, next)) = path.last_mut() {
                let Some((upstream, _)) = self.edges[*task].get(*next) else {
                    marks[*task] = Mark::Done;
                    path.pop();
                    continue;
                };
                *next += 1;
                let upstream = *upstream as usize;
                match marks[upstream] {
                    Mark::New => {
                        marks[upstream] = Mark::Open;
                        path.push((upstream, 0));
                    }
                    Mark::Open => {
                        if reported == CYCLES {
                            return;
                        }
                        reported += 1;
                        let from = path
                            .iter()
                            .position(|(task, _)| *task == upstream)
                            .unwrap_or(0);
                        let cycle: Vec<usize> =
                            path[from..].iter().map(|(task, _)| *task).collect();
                        self.report(&cycle, found);
                    }
                    Mark::Done => {}
                }
            }
        }
    }

    /// `cycle` holds tasks of which each waits for the next, and the last for the first.
    fn report(&self, cycle: &[usize], found: &mut Diagnostics) {
        const SHOWN: usize = 12;
        let Some(first) = cycle
            .iter()
            .enumerate()
            .min_by_key(|(_, task)| **task)
            .map(|(at, _)| at)
        else {
            return;
        };
        let turned: Vec<usize> = cycle[first..]
            .iter()
            .chain(&cycle[..=first])
            .copied()
            .collect();
        let name = |task: &usize| self.names[*task].as_str();
        let at = self.edges[turned[0]]
            .iter()
            .find(|(upstream, _)| turned.get(1) == Some(&(*upstream as usize)))
            .map_or(Position::START, |(_, at)| *at);
        let mut shown: Vec<&str> = turned.iter().map(name).collect();
        if shown.len() > SHOWN {
            shown.splice(SHOWN / 2..shown.len() - SHOWN / 2, ["…"]);
        }
        let message = format!("the tasks wait for each other: {}", shown.join(" → "));
        found
            .error(codes::CYCLE, at, message)
            .hint("remove one of these dependencies");
    }

    /// Whether `upstream` has always ended when `task` starts.
    pub(super) fn is_ancestor(&self, upstream: TaskIndex, task: TaskIndex) -> bool {
        if self.edges[task as usize]
            .iter()
            .any(|(direct, _)| *direct == upstream)
        {
            return upstream != task;
        }
        let known = &mut *self.ancestors.borrow_mut();
        if known.of != Some(task) {
            known.of = Some(task);
            known.stamp += 1;
            known.marks.resize(self.names.len(), 0);
            let mut open = vec![task];
            while let Some(next) = open.pop() {
                for (up, _) in &self.edges[next as usize] {
                    if known.marks[*up as usize] != known.stamp {
                        known.marks[*up as usize] = known.stamp;
                        open.push(*up);
                    }
                }
            }
        }
        upstream != task && known.marks[upstream as usize] == known.stamp
    }
}
