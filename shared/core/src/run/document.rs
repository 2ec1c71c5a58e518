//! A run as documents: a header with its task table, and pages of packed instances.
//!
//! Format 1. Every document is a magic, a format number and sections or records with their lengths in front. A record
//! may grow at its end: a reader keeps the bytes it does not know and writes them back. See docs/formats.md.

pub use super::codec::DecodeError;
use super::codec::{Reader, Writer};
use super::record::{read_instance, read_skip, write_instance, write_skip};
use super::{
    Counts, Graph, Header, Instance, InstanceStatus, RunState, SkipReason, State, TaskOutcome,
    TaskPhase, TaskState,
};
use crate::limits;
use crate::time::Time;

/// The format written.
pub const RUN_FORMAT: u64 = 1;

const HEADER_MAGIC: &[u8] = b"ORKR";
const PAGE_MAGIC: &[u8] = b"ORKP";
/// A run of up to this many tasks keeps its first page inside its header document, so that a small run is one document.
const TASKS_WITH_PAGE: usize = 1000;
/// Positions of instances in one run: a task that cannot be given its instances still gets one, to fail in.
const MOST_SLOTS: usize = limits::INSTANCES_PER_RUN as usize + limits::TASKS;

mod section {
    pub(super) const HEADER: u8 = 1;
    pub(super) const TASKS: u8 = 2;
    pub(super) const SLOTS: u8 = 3;
    pub(super) const FIRST_PAGE: u8 = 4;
}

/// An encoded page: its number and its bytes.
pub type PageBytes = (u32, Vec<u8>);

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRun {
    /// The header document.
    pub header: Vec<u8>,
    /// The pages that changed since the last encode (all of them for a new run).
    pub pages: Vec<PageBytes>,
}

impl RunState {
    /// How many pages [`Self::encode`] will give.
    pub fn pages_to_write(&self) -> usize {
        self.dirty
            .iter()
            .filter(|&&page| self.has_page(page))
            .count()
    }

    /// Whether a page is a document of its own.
    fn has_page(&self, page: u32) -> bool {
        page > 0 || self.tasks.len() > TASKS_WITH_PAGE
    }

    /// Encodes the header and the pages that changed, and counts them as unchanged from here on.
    ///
    /// If the commit then fails, the state is to be thrown away and read again.
    pub fn encode(&mut self) -> StoredRun {
        let dirty = std::mem::take(&mut self.dirty);
        self.header_changed = false;
        let embedded = self.tasks.len() <= TASKS_WITH_PAGE;
        let pages = dirty
            .into_iter()
            .filter(|&page| self.has_page(page))
            .map(|page| (page, self.encode_page(page)))
            .collect();
        let mut out = Writer(Vec::with_capacity(512 + self.tasks.len() * 12));
        out.0.extend_from_slice(HEADER_MAGIC);
        out.number(RUN_FORMAT);
        out.byte(section::HEADER);
        out.bytes(
            &serde_json::to_vec(&self.header)
                .expect("a header holds only string keys and finite numbers"),
        );
        out.byte(section::TASKS);
        let mut tasks = Writer(Vec::with_capacity(self.tasks.len() * 12));
        for task in &self.tasks {
            tasks.record(|out| write_task(out, task, self.header.created_at));
        }
        out.bytes(&tasks.0);
        out.byte(section::SLOTS);
        let mut slots = Writer::default();
        slots.number(self.instances.len() as u64);
        out.bytes(&slots.0);
        if embedded {
            out.byte(section::FIRST_PAGE);
            out.bytes(&self.encode_page(0));
        }
        StoredRun {
            header: out.0,
            pages,
        }
    }

    fn encode_page(&self, page: u32) -> Vec<u8> {
        let first = page as usize * limits::PAGE_INSTANCES;
        let last = (first + limits::PAGE_INSTANCES).min(self.instances.len());
        let instances = &self.instances[first.min(last)..last];
        let base = self.header.created_at;
        let mut out = Writer(Vec::with_capacity(16 + instances.len() * 24));
        out.0.extend_from_slice(PAGE_MAGIC);
        out.number(RUN_FORMAT);
        out.number(base.0.cast_unsigned());
        out.number(instances.len() as u64);
        for instance in instances {
            out.record(|out| write_instance(out, instance, base));
        }
        out.0
    }

    /// Marks every page as changed, so that the next encode gives the whole run.
    pub fn touch_all(&mut self) {
        self.dirty = (0..Self::pages_for(self.instances.len())).collect();
    }

    fn pages_for(slots: usize) -> u32 {
        u32::try_from(slots.div_ceil(limits::PAGE_INSTANCES)).expect("bounded by INSTANCES_PER_RUN")
    }

    /// Which page documents belong to a header document.
    pub fn pages_of(header: &[u8]) -> Result<std::ops::Range<u32>, DecodeError> {
        let sections = Sections::read(header)?;
        let first = u32::from(sections.first_page.is_some());
        Ok(first..Self::pages_for(sections.slots).max(first))
    }

    /// Reads the run as a whole out of a header document alone: who, what, where it stands.
    pub fn decode_header(header: &[u8]) -> Result<Header, DecodeError> {
        Sections::read(header)?.header()
    }

    /// Reads a run back. `pages` are the documents that [`RunState::pages_of`] names, in order.
    pub fn decode(graph: &Graph, header: &[u8], pages: &[Vec<u8>]) -> Result<Self, DecodeError> {
        let base = Self::decode_header(header)?;
        Self::decode_under(graph, base, header, pages)
    }

    /// As [`RunState::decode`], for whoever has read the header alone before: `base` is what [`RunState::decode_header`] gave.
    pub fn decode_under(
        graph: &Graph,
        base: Header,
        header: &[u8],
        pages: &[Vec<u8>],
    ) -> Result<Self, DecodeError> {
        let sections = Sections::read(header)?;
        let mut run = Self::without_tasks(base);
        let mut reader = Reader(sections.tasks);
        run.tasks.reserve_exact(graph.workflow.tasks.len());
        for _ in &graph.workflow.tasks {
            let task = read_task(&mut Reader(reader.bytes()?), run.header.created_at)?;
            run.tasks.push(task);
        }
        if !reader.is_empty() {
            return Err(DecodeError::Damaged("it has more tasks than its workflow"));
        }
        for page in sections
            .first_page
            .into_iter()
            .chain(pages.iter().map(Vec::as_slice))
        {
            read_page(page, &mut run.instances)?;
        }
        if run.instances.len() != sections.slots {
            return Err(DecodeError::Damaged(
                "its pages do not hold the instances its header counts",
            ));
        }
        run.require_positions(graph)?;
        run.index(graph)?;
        Ok(run)
    }

    /// Refuses what would lead outside the workflow later on.
    fn require_positions(&self, graph: &Graph) -> Result<(), DecodeError> {
        let inside = |task: u32| (task as usize) < self.tasks.len();
        let named = |reason: SkipReason| match reason {
            SkipReason::UpstreamFailed(task)
            | SkipReason::UpstreamSkipped(task)
            | SkipReason::UpstreamCancelled(task) => inside(task),
            SkipReason::NoUpstream | SkipReason::When | SkipReason::NotAskedFor => true,
        };
        let tasks = self.tasks.iter().all(|task| !matches!(task.phase, TaskPhase::Ended(TaskOutcome::Skipped(reason)) if !named(reason)));
        let instances = self
            .instances
            .iter()
            .all(|instance| !matches!(instance.state, State::Skipped(reason) if !named(reason)));
        let told = self.header.notices.iter().flat_map(|one| &one.failed);
        let mut listed = self.header.only.iter().chain(told);
        if !tasks || !instances || !listed.all(|&task| inside(task)) {
            return Err(DecodeError::Damaged(
                "it names a task that its workflow does not have",
            ));
        }
        if self
            .tasks
            .iter()
            .zip(&graph.workflow.tasks)
            .any(|(task, definition)| !definition.fans_out() && task.count != 1)
        {
            return Err(DecodeError::Damaged(
                "a task that does not fan out has not one instance",
            ));
        }
        Ok(())
    }

    /// Builds what is derived: owners, counts, queue, timers, upstream tallies.
    fn index(&mut self, graph: &Graph) -> Result<(), DecodeError> {
        let damaged = DecodeError::Damaged("a task's instances lie outside the run");
        self.owners = vec![u32::MAX; self.instances.len()];
        self.dirty.clear();
        self.timers.clear();
        self.ready.clear();
        self.unended = 0;
        for (at, task) in (0u32..).zip(&mut self.tasks) {
            let end = task
                .first
                .checked_add(task.capacity)
                .ok_or_else(|| damaged.clone())? as usize;
            if end > self.instances.len() || task.count > task.capacity {
                return Err(damaged);
            }
            let owned = &mut self.owners[task.first as usize..end];
            if owned.iter().any(|&owner| owner != u32::MAX) {
                return Err(DecodeError::Damaged("two tasks own the same instance"));
            }
            owned.fill(at);
            let mut counts = Counts::default();
            for slot in task.first..task.first + task.capacity {
                let instance = &self.instances[slot as usize];
                if slot < task.first + task.count {
                    counts.put(instance.status(), 1);
                }
                if let Some(wake_at) = instance.wake_at() {
                    self.timers.insert((wake_at, slot));
                }
            }
            task.counts = counts;
            if counts.of(InstanceStatus::Queued) > 0 {
                self.ready
                    .insert((std::cmp::Reverse(graph.task(at).priority), at));
            }
            if !matches!(task.phase, TaskPhase::Ended(_)) {
                self.unended += 1;
            }
        }
        self.count_upstreams(graph);
        Ok(())
    }

    /// Counts anew how each task's upstreams ended.
    pub(super) fn count_upstreams(&mut self, graph: &Graph) {
        for at in 0..self.tasks.len() {
            let mut tally = [0; 4];
            for &upstream in &graph.workflow.tasks[at].depends_on {
                if let TaskPhase::Ended(outcome) = self.tasks[upstream as usize].phase {
                    tally[outcome.tally()] += 1;
                }
            }
            self.tasks[at].upstream = tally;
        }
    }
}

struct Sections<'a> {
    header: &'a [u8],
    tasks: &'a [u8],
    slots: usize,
    first_page: Option<&'a [u8]>,
}

impl<'a> Sections<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = open(bytes, HEADER_MAGIC)?;
        let mut found = Self {
            header: &[],
            tasks: &[],
            slots: usize::MAX,
            first_page: None,
        };
        while !reader.is_empty() {
            match (reader.byte()?, reader.bytes()?) {
                (section::HEADER, body) => found.header = body,
                (section::TASKS, body) => found.tasks = body,
                (section::SLOTS, body) => found.slots = Reader(body).small()?,
                (section::FIRST_PAGE, body) => found.first_page = Some(body),
                // A section this code does not know can only be written back by code that does: the format number guards it.
                _ => return Err(DecodeError::Damaged("it has a section of an unknown kind")),
            }
        }
        if found.slots == usize::MAX {
            return Err(DecodeError::Damaged("it lacks a section"));
        }
        if found.slots > MOST_SLOTS {
            return Err(DecodeError::Damaged("it has too many instances"));
        }
        Ok(found)
    }
    fn header(&self) -> Result<Header, DecodeError> {
        serde_json::from_slice(self.header)
            .map_err(|_| DecodeError::Damaged("its header cannot be read"))
    }
}

/// Checks magic and format.
fn open<'a>(bytes: &'a [u8], magic: &[u8]) -> Result<Reader<'a>, DecodeError> {
    let mut reader = Reader(bytes.strip_prefix(magic).ok_or(DecodeError::Damaged(
        "it does not begin as Ork's documents do",
    ))?);
    let found = reader.number()?;
    if found > RUN_FORMAT {
        return Err(DecodeError::Newer {
            found,
            known: RUN_FORMAT,
        });
    }
    Ok(reader)
}

fn write_task(out: &mut Writer, task: &TaskState, base: Time) {
    let (phase, reason) = match task.phase {
        TaskPhase::Waiting => (0, None),
        TaskPhase::Resolving => (1, None),
        TaskPhase::Active => (2, None),
        TaskPhase::Ended(TaskOutcome::Success) => (3, None),
        TaskPhase::Ended(TaskOutcome::Failed) => (4, None),
        TaskPhase::Ended(TaskOutcome::Skipped(reason)) => (5, Some(reason)),
        TaskPhase::Ended(TaskOutcome::Cancelled) => (6, None),
    };
    out.byte(phase);
    if let Some(reason) = reason {
        write_skip(out, reason);
    }
    out.byte(u8::from(task.paused));
    out.number(task.generation);
    out.number(task.count);
    out.number(task.first);
    out.number(task.capacity);
    out.time_option(task.ready_at, base);
    out.time_option(task.finished_at, base);
    out.0.extend_from_slice(&task.extra);
}

fn read_task(reader: &mut Reader<'_>, base: Time) -> Result<TaskState, DecodeError> {
    let phase = match reader.byte()? {
        0 => TaskPhase::Waiting,
        1 => TaskPhase::Resolving,
        2 => TaskPhase::Active,
        3 => TaskPhase::Ended(TaskOutcome::Success),
        4 => TaskPhase::Ended(TaskOutcome::Failed),
        5 => TaskPhase::Ended(TaskOutcome::Skipped(read_skip(reader)?)),
        6 => TaskPhase::Ended(TaskOutcome::Cancelled),
        _ => return Err(DecodeError::Damaged("a task is in an unknown phase")),
    };
    let mut task = TaskState::new();
    task.phase = phase;
    task.paused = reader.byte()? != 0;
    task.generation = reader.small()?;
    task.count = reader.small()?;
    task.first = reader.small()?;
    task.capacity = reader.small()?;
    task.ready_at = reader.time_option(base)?;
    task.finished_at = reader.time_option(base)?;
    task.extra = reader.0.into();
    Ok(task)
}

fn read_page(bytes: &[u8], into: &mut Vec<Instance>) -> Result<(), DecodeError> {
    let mut reader = open(bytes, PAGE_MAGIC)?;
    let base = Time(reader.number()?.cast_signed());
    let count: usize = reader.small()?;
    if count > limits::PAGE_INSTANCES {
        return Err(DecodeError::Damaged("a page holds too many instances"));
    }
    for _ in 0..count {
        into.push(read_instance(&mut Reader(reader.bytes()?), base)?);
    }
    // A record keeps what it does not know; behind the records there is no place to keep anything.
    if reader.is_empty() {
        Ok(())
    } else {
        Err(DecodeError::Damaged(
            "a page goes on behind its last instance",
        ))
    }
}
