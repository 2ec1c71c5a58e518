//! A run's state: header, tasks, instances, and the indexes that make deciding cheap.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::deferral::Deferral;
use super::stopping::Cancellation;
use super::{Category, Counts, Graph, Header, InstanceStatus};
use crate::definition::{Task, TaskIndex};
use crate::ids::PoolName;
use crate::limits;
use crate::task::Output;
use crate::time::{Millis, Time};

/// Why a task did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// This task above it failed.
    UpstreamFailed(TaskIndex),
    /// This upstream was skipped.
    UpstreamSkipped(TaskIndex),
    /// This task above it was cancelled.
    UpstreamCancelled(TaskIndex),
    /// No upstream ended the way the trigger rule asks.
    NoUpstream,
    /// Its `when` was false.
    When,
    /// It is not among the tasks that were asked for.
    NotAskedFor,
}

impl SkipReason {
    /// The reason in words.
    pub fn render(self, graph: &Graph) -> String {
        let name = |task: TaskIndex| graph.task(task).name.clone();
        match self {
            Self::UpstreamFailed(task) => format!("upstream {} failed", name(task)),
            Self::UpstreamSkipped(task) => format!("upstream {} was skipped", name(task)),
            Self::UpstreamCancelled(task) => format!("upstream {} was cancelled", name(task)),
            Self::NoUpstream => "no upstream ended the way its trigger rule asks".into(),
            Self::When => "its `when` is false".into(),
            Self::NotAskedFor => "it was not asked for".into(),
        }
    }
}

/// The last failure of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind.
    pub category: Category,
    /// What happened, at most [`limits::ERROR_BYTES`].
    pub message: Arc<str>,
    /// The attempt it was.
    pub attempt: u32,
}

/// Where an instance stands, with what only that standing has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Waits for its upstreams.
    Pending,
    /// Ready since.
    Queued {
        /// When it became ready.
        since: Time,
    },
    /// Handed to an executor.
    Dispatched {
        /// When.
        since: Time,
        /// When to see whether it began, and by when it must have; `None` when the executor is supervised.
        begin: Option<(Time, Time)>,
    },
    /// At work.
    Running {
        /// By when a sign of life is due; `None` without heartbeats.
        beat_by: Option<Time>,
        /// By when it must end; `None` when the executor sees to that.
        end_by: Option<Time>,
    },
    /// Its jobs are at work elsewhere.
    Deferred(Box<Deferral>),
    /// Waits for its back-off.
    Retrying {
        /// When it is ready again.
        due: Time,
    },
    /// Held back by a pause of its task.
    Paused {
        /// When its back-off ends, if it was waiting for one.
        due: Option<Time>,
    },
    /// Done.
    Success {
        /// What it gave.
        output: Output,
    },
    /// Out of retries.
    Failed,
    /// Not run.
    Skipped(SkipReason),
    /// Cancelled.
    Cancelled,
}

impl State {
    /// The word for it.
    pub const fn status(&self) -> InstanceStatus {
        match self {
            Self::Pending => InstanceStatus::Pending,
            Self::Queued { .. } => InstanceStatus::Queued,
            Self::Dispatched { .. } => InstanceStatus::Dispatched,
            Self::Running { .. } => InstanceStatus::Running,
            Self::Deferred(_) => InstanceStatus::Deferred,
            Self::Retrying { .. } => InstanceStatus::Retrying,
            Self::Paused { .. } => InstanceStatus::Paused,
            Self::Success { .. } => InstanceStatus::Success,
            Self::Failed => InstanceStatus::Failed,
            Self::Skipped(_) => InstanceStatus::Skipped,
            Self::Cancelled => InstanceStatus::Cancelled,
        }
    }

    /// The instant at which it must be looked at, if there is one.
    pub fn wake_at(&self) -> Option<Time> {
        match self {
            Self::Dispatched { begin, .. } => {
                begin.map(|(check_at, start_by)| check_at.min(start_by))
            }
            Self::Running { beat_by, end_by } => match (beat_by, end_by) {
                (Some(a), Some(b)) => Some(*a.min(b)),
                (a, b) => a.or(*b),
            },
            Self::Deferred(deferral) => Some(deferral.poll_at.min(deferral.end_by)),
            Self::Retrying { due } => Some(*due),
            Self::Pending
            | Self::Queued { .. }
            | Self::Paused { .. }
            | Self::Success { .. }
            | Self::Failed
            | Self::Skipped(_)
            | Self::Cancelled => None,
        }
    }
}

/// One instance of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Where it stands.
    pub state: State,
    /// The latest attempt, 0 before the first. Never goes down, not even when the run is recovered.
    pub attempt: u32,
    /// Raised at each claim.
    pub fence: u32,
    /// Failures charged against the retries since it was last reset.
    pub failures: u16,
    /// Attempts lost before they began, since it was last reset.
    pub losses: u16,
    /// When the latest attempt began.
    pub started_at: Option<Time>,
    /// When it ended for good.
    pub finished_at: Option<Time>,
    /// The last failure, also while it retries or after it succeeded.
    pub failure: Option<Box<Failure>>,
    /// Jobs of earlier attempts that are to be stopped.
    #[expect(
        clippy::box_collection,
        reason = "nearly no instance has one, and there are 100,000 instances"
    )]
    pub(super) cancellations: Option<Box<Vec<Cancellation>>>,
    /// Bit per attempt, of the latest 64, that is known to have handed over to jobs: it is not to be heard of twice.
    pub(super) handed_over: u64,
    /// Fields a newer Ork wrote and this one keeps, as they were encoded.
    pub(super) extra: Option<Box<[u8]>>,
}

impl Instance {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Pending,
            attempt: 0,
            fence: 0,
            failures: 0,
            losses: 0,
            started_at: None,
            finished_at: None,
            failure: None,
            cancellations: None,
            handed_over: 0,
            extra: None,
        }
    }
    /// Jobs of earlier attempts that are to be stopped and of which not all are known to be.
    pub fn cancellations(&self) -> &[Cancellation] {
        self.cancellations.as_deref().map_or(&[], Vec::as_slice)
    }
    /// The instant at which it must be looked at, if there is one.
    pub fn wake_at(&self) -> Option<Time> {
        let asks = self.cancellations().iter().map(|one| one.ask_at);
        asks.chain(self.state.wake_at()).min()
    }
    /// The word for where it stands.
    pub const fn status(&self) -> InstanceStatus {
        self.state.status()
    }
    /// Start to end of the latest attempt, once it ended.
    pub fn took(&self) -> Option<Millis> {
        Some(self.finished_at?.since(self.started_at?))
    }
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskOutcome {
    /// Its failures, if any, are tolerated.
    Success,
    /// Too many instances failed.
    Failed,
    /// It did not run.
    Skipped(SkipReason),
    /// It was cancelled.
    Cancelled,
}

/// Where a task stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskPhase {
    /// Waits for its upstreams.
    Waiting,
    /// Its conditions are being evaluated.
    Resolving,
    /// Its instances exist.
    Active,
    /// All of them ended, or it never had any.
    Ended(TaskOutcome),
}

/// One task of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// Where it stands.
    pub phase: TaskPhase,
    /// Whether somebody paused it.
    pub paused: bool,
    /// Raised at each reset, so that what belongs to an earlier life is recognised.
    pub generation: u32,
    /// Instances in this life.
    pub count: u32,
    /// When it became ready.
    pub ready_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// Its first instance's position among all.
    pub(super) first: u32,
    /// Positions it owns; at least `count`.
    pub(super) capacity: u32,
    pub(super) counts: Counts,
    /// No instance below this index is queued, but for those in `requeued`. Derived.
    pub(super) cursor: u32,
    /// Instances below the cursor that were queued again; some may have moved on since. Derived.
    pub(super) requeued: BTreeSet<u32>,
    /// Ends of its upstreams: success, failed, skipped, cancelled. Derived.
    pub(super) upstream: [u32; 4],
    /// Fields a newer Ork wrote and this one keeps, as they were encoded.
    pub(super) extra: Box<[u8]>,
}

impl TaskState {
    pub(super) fn new() -> Self {
        Self {
            phase: TaskPhase::Waiting,
            paused: false,
            generation: 0,
            count: 0,
            ready_at: None,
            finished_at: None,
            first: 0,
            capacity: 0,
            counts: Counts::NONE,
            cursor: 0,
            requeued: BTreeSet::new(),
            upstream: [0; 4],
            extra: Box::default(),
        }
    }
    /// Its instances by state; all zero before it is ready when it fans out.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }
    /// The one word for it: its outcome, or how far its instances are.
    pub fn status(&self) -> InstanceStatus {
        match self.phase {
            TaskPhase::Waiting | TaskPhase::Resolving => {
                if self.paused {
                    InstanceStatus::Paused
                } else {
                    InstanceStatus::Pending
                }
            }
            TaskPhase::Ended(TaskOutcome::Success) => InstanceStatus::Success,
            TaskPhase::Ended(TaskOutcome::Failed) => InstanceStatus::Failed,
            TaskPhase::Ended(TaskOutcome::Skipped(_)) => InstanceStatus::Skipped,
            TaskPhase::Ended(TaskOutcome::Cancelled) => InstanceStatus::Cancelled,
            TaskPhase::Active => {
                use InstanceStatus as S;
                // The liveliest instance speaks for the task.
                [
                    S::Running,
                    S::Deferred,
                    S::Dispatched,
                    S::Retrying,
                    S::Paused,
                ]
                .into_iter()
                .find(|&status| self.counts.of(status) > 0)
                .unwrap_or_else(|| {
                    if self.counts.ended() > 0 {
                        S::Running
                    } else {
                        S::Queued
                    }
                })
            }
        }
    }
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct RunState {
    /// The run as a whole.
    pub header: Header,
    pub(super) tasks: Vec<TaskState>,
    pub(super) instances: Vec<Instance>,
    /// Which task owns each position. Derived.
    pub(super) owners: Vec<TaskIndex>,
    /// Pages that changed since the last encode. Derived.
    pub(super) dirty: BTreeSet<u32>,
    /// Instants to look again, with positions; entries may be outdated. A set, so that entries that are renewed to the
    /// same instant become one. Derived.
    pub(super) timers: BTreeSet<(Time, u32)>,
    /// Tasks with queued instances, by falling priority. Derived.
    pub(super) ready: BTreeSet<(Reverse<i32>, TaskIndex)>,
    /// Tasks that have not ended. Derived.
    pub(super) unended: u32,
    /// Whether the header has something new that no instance has. Derived.
    pub(super) header_changed: bool,
}

impl RunState {
    /// A new run, pending. `header.only` may restrict its tasks.
    pub fn new(graph: &Graph, header: Header) -> Self {
        let n = graph.workflow.tasks.len();
        let mut run = Self {
            tasks: vec![TaskState::new(); n],
            unended: u32::try_from(n).expect("at most 10,000 tasks"),
            ..Self::without_tasks(header)
        };
        for (at, task) in graph.workflow.tasks.iter().enumerate() {
            if !task.fans_out() {
                run.reserve(u32::try_from(at).expect("at most 10,000 tasks"), 1);
                run.tasks[at].count = 1;
                run.tasks[at].counts.put(InstanceStatus::Pending, 1);
            }
        }
        run.dirty.insert(0);
        run
    }

    /// The frame that tasks are put into.
    pub(super) const fn without_tasks(header: Header) -> Self {
        Self {
            header,
            tasks: Vec::new(),
            instances: Vec::new(),
            owners: Vec::new(),
            dirty: BTreeSet::new(),
            timers: BTreeSet::new(),
            ready: BTreeSet::new(),
            unended: 0,
            header_changed: false,
        }
    }

    /// The tasks, in the order of the definition.
    pub fn tasks(&self) -> &[TaskState] {
        &self.tasks
    }
    /// The task at `task`.
    pub fn task(&self, task: TaskIndex) -> &TaskState {
        &self.tasks[task as usize]
    }
    /// The instances of a task, by index.
    pub fn instances(&self, task: TaskIndex) -> &[Instance] {
        let task = &self.tasks[task as usize];
        &self.instances[task.first as usize..(task.first + task.count) as usize]
    }
    /// One instance, if there is such an index.
    pub fn instance(&self, task: TaskIndex, index: u32) -> Option<&Instance> {
        let task = self.tasks.get(task as usize)?;
        (index < task.count).then(|| &self.instances[(task.first + index) as usize])
    }
    /// All instances by state.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for task in &self.tasks {
            sum.add(&task.counts);
        }
        sum
    }
    /// Places this run holds in each pool.
    pub fn pools(&self, graph: &Graph) -> BTreeMap<PoolName, u32> {
        let mut held = BTreeMap::new();
        for (state, task) in self.tasks.iter().zip(&graph.workflow.tasks) {
            if let Some(pool) = &task.pool {
                *held.entry(pool.clone()).or_insert(0) += state.counts.in_flight();
            }
        }
        held
    }
    /// Whether any instance waits to be claimed.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }
    /// Whether any instance or notice changed since the last encode.
    pub fn is_changed(&self) -> bool {
        !self.dirty.is_empty() || self.header_changed
    }
    /// Tasks whose conditions still have to be evaluated.
    pub fn unresolved(&self) -> Vec<(TaskIndex, u32)> {
        (0..)
            .zip(&self.tasks)
            .filter(|(_, task)| task.phase == TaskPhase::Resolving)
            .map(|(at, task)| (at, task.generation))
            .collect()
    }

    /// Whether the positions of `task` are the last ones, so that it can grow where it is.
    fn is_last(&self, task: TaskIndex) -> bool {
        let owned = &self.tasks[task as usize];
        owned.capacity > 0 && (owned.first + owned.capacity) as usize == self.instances.len()
    }
    /// How many positions the run gets when `task` is given `capacity`.
    pub(super) fn growth(&self, task: TaskIndex, capacity: u32) -> u32 {
        let owned = self.tasks[task as usize].capacity;
        if self.is_last(task) {
            capacity.saturating_sub(owned)
        } else if capacity > owned {
            capacity
        } else {
            0
        }
    }
    /// Gives `task` at least `capacity` positions, keeping attempt numbers of earlier lives.
    pub(super) fn reserve(&mut self, task: TaskIndex, capacity: u32) {
        let owned = &self.tasks[task as usize];
        if owned.capacity >= capacity {
            return;
        }
        let len = u32::try_from(self.instances.len()).expect("bounded by INSTANCES_PER_RUN");
        let kept = owned.first as usize..(owned.first + owned.capacity) as usize;
        let in_place = self.is_last(task);
        let first = if in_place { owned.first } else { len };
        if !in_place {
            let earlier: Vec<Instance> = self.instances[kept.clone()].to_vec();
            // They moved: what they still have to see to is in one place only.
            for (slot, instance) in (owned.first..).zip(&mut self.instances[kept]) {
                if instance.cancellations.take().is_some() {
                    self.dirty.insert(slot / limits::PAGE_INSTANCES as u32);
                }
            }
            for (slot, instance) in (len..).zip(&earlier) {
                if let Some(at) = instance.wake_at() {
                    self.timers.insert((at, slot));
                }
            }
            self.instances.extend(earlier);
        }
        self.instances
            .resize((first + capacity) as usize, Instance::new());
        self.owners.resize((first + capacity) as usize, task);
        let page = |slot: u32| slot / limits::PAGE_INSTANCES as u32;
        self.dirty.extend(page(first)..=page(first + capacity - 1));
        let owned = &mut self.tasks[task as usize];
        owned.first = first;
        owned.capacity = capacity;
    }

    /// The one place where an instance changes state: keeps counts, timers, queue and dirty pages right.
    pub(super) fn set(&mut self, definition: &Task, task: TaskIndex, index: u32, state: State) {
        let owner = &mut self.tasks[task as usize];
        let slot = owner.first + index;
        let instance = &mut self.instances[slot as usize];
        let mut state = state;
        if let (State::Queued { .. }, Some(cancellations)) = (&state, &mut instance.cancellations) {
            // Two attempts' jobs are not at work at the same time, unless nobody can help it.
            let waited_for = || cancellations.iter().filter(|one| !one.is_refused());
            if let Some(due) = waited_for().map(|one| one.ask_at).min() {
                cancellations.iter_mut().for_each(|one| one.holds = true);
                state = State::Retrying { due };
            }
        }
        let (from, to) = (instance.status(), state.status());
        if let Some(at) = state.wake_at() {
            self.timers.insert((at, slot));
        }
        instance.state = state;
        owner.counts.moved(from, to);
        self.dirty.insert(slot / limits::PAGE_INSTANCES as u32);
        if to == InstanceStatus::Queued {
            if index < owner.cursor {
                owner.requeued.insert(index);
            }
            self.ready.insert((Reverse(definition.priority), task));
        } else if from == InstanceStatus::Queued && owner.counts.of(InstanceStatus::Queued) == 0 {
            self.ready.remove(&(Reverse(definition.priority), task));
        }
    }

    /// Mutable access to an instance whose state does not change.
    pub(super) fn instance_mut(&mut self, task: TaskIndex, index: u32) -> &mut Instance {
        let slot = self.tasks[task as usize].first + index;
        self.dirty.insert(slot / limits::PAGE_INSTANCES as u32);
        &mut self.instances[slot as usize]
    }
}

/// Cuts `text` to at most `limit` bytes at a character boundary, saying so.
pub(super) fn cut(text: &str, limit: usize) -> Arc<str> {
    const MARK: &str = " … (cut)";
    if text.len() <= limit {
        return text.into();
    }
    let mut end = limit - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end]).into()
}
