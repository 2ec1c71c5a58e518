//! What must hold after every effect, whoever made it. Names are those of the catalogue of failures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ork_core::definition::Overlap;
use ork_core::ids::{PoolName, RunId, WorkflowName};
use ork_core::limits;
use ork_core::run::{Attempt, Graph, RunState, RunStatus, RunTrigger};
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Key, Write};

use crate::catalogue::Prepared;
use crate::world::Inner;

mod attempts;
mod compare;
pub(crate) mod ends;
mod jobs;
mod notices;
mod word;

pub(crate) use jobs::handed_over_late;

pub(crate) use attempts::{
    Left, after_notice, after_tick, attempt_started, effect, leaves_verdicts, left, object_written,
    worker_gone,
};
pub(crate) use notices::told;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// A run as it was last stored.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) graph: Arc<Graph>,
    pub(crate) state: RunState,
    /// Somebody retried, recovered or cancelled something in it.
    pub(crate) commanded: bool,
    /// Newer code wrote something into it.
    newer: bool,
    /// The number of the commit that last changed its status.
    pub(crate) status_since: u64,
    /// The number of the last commit.
    changed: u64,
    /// Since when nobody waits for it any more.
    orphan_since: Option<Time>,
}

/// An instance across runs.
type Place = (RunId, u32, u32);

/// What was seen so far.
#[derive(Debug)]
pub(crate) struct Watch {
    prepared: Arc<Prepared>,
    pub(crate) runs: BTreeMap<RunId, Tracked>,
    /// Runs whose document was garbled.
    pub(crate) garbled: BTreeSet<RunId>,
    /// Whether attempts leave objects.
    pub(crate) remote: bool,
    held: BTreeMap<PoolName, BTreeMap<RunId, u32>>,
    slots: BTreeSet<(WorkflowName, Time)>,
    children: BTreeSet<(Place, u32)>,
    /// Attempts whose code ran, by instance.
    pub(crate) began: BTreeMap<Place, Vec<u32>>,
    /// Attempts whose workers found another verdict when they had handed over to jobs, in time for somebody to look.
    refused: BTreeSet<(RunId, Attempt)>,
    /// Workers that are alive, by attempt.
    pub(crate) alive: BTreeMap<(Place, u32), u32>,
    /// What whoever is at work now may do that others may not.
    pub(crate) commanding: bool,
    /// Commits by whoever carries out a wish: process and run.
    pub(crate) carried_out: Vec<(usize, RunId)>,
    /// Whether faults have stopped, and since when.
    pub(crate) quiet_since: Option<Time>,
}

impl Watch {
    pub(crate) fn new(prepared: Arc<Prepared>) -> Self {
        Self {
            prepared,
            runs: BTreeMap::new(),
            garbled: BTreeSet::new(),
            remote: true,
            held: BTreeMap::new(),
            slots: BTreeSet::new(),
            children: BTreeSet::new(),
            began: BTreeMap::new(),
            refused: BTreeSet::new(),
            alive: BTreeMap::new(),
            commanding: false,
            carried_out: Vec::new(),
            quiet_since: None,
        }
    }
    /// Whether a document was garbled on which others may depend.
    pub(crate) fn is_tainted(&self) -> bool {
        !self.garbled.is_empty()
    }
}

/// A rule and what was seen against it.
type Seen = Result<(), (&'static str, String)>;

fn expect(holds: bool, invariant: &'static str, what: impl FnOnce() -> String) -> Seen {
    if holds {
        Ok(())
    } else {
        Err((invariant, what()))
    }
}

impl Inner {
    /// Looks at what a commit wrote.
    pub(crate) fn committed(&mut self, writes: &[Write]) {
        self.stats.commits += 1;
        self.stats.writes += writes.len() as u64;
        if let Err((invariant, what)) = self.check_commit(writes) {
            self.violated(invariant, what);
        }
    }

    fn check_commit(&mut self, writes: &[Write]) -> Seen {
        let mut bytes = 0;
        for write in writes {
            if let Write::Put { key, body, .. } = write {
                bytes += body.len();
                expect(body.len() <= limits::DOCUMENT_BYTES, "I11", || {
                    format!("{key} has {} bytes", body.len())
                })?;
            }
        }
        expect(writes.len() <= 450 && bytes <= 10 << 20, "I11", || {
            format!("a commit of {} writes and {bytes} bytes", writes.len())
        })?;
        for write in writes {
            if let Write::Put {
                key: Key::Run(run),
                body,
                index,
                ..
            } = write
                && !self.watch.garbled.contains(run)
            {
                self.check_run(run, body, index.wake_at)?;
            }
        }
        Ok(())
    }

    fn check_run(&mut self, run: &RunId, body: &[u8], wake_at: Option<Time>) -> Seen {
        let (graph, state) = self.decode(run, body)?;
        state
            .verify(&graph)
            .map_err(|wrong| ("I5", format!("run {run}: {wrong}")))?;
        let status = state.header.status;
        let net = self.now + limits::WAKE_NET + Millis::from_secs(600);
        expect(wake_at.is_none() == state.is_at_rest(), "I6", || {
            format!("run {run} is {status} and is looked at {wake_at:?}")
        })?;
        expect(wake_at.is_none_or(|at| at <= net), "I6", || {
            format!("run {run} is not looked at before {wake_at:?}")
        })?;
        self.tell(|| format!("  {run} {}", crate::words::state(&graph, &state)));
        let before = self.watch.runs.remove(run);
        let (mut newer, mut commanded, mut status_since) =
            (false, self.watch.commanding, self.stats.commits);
        let mut orphan_since = None;
        match &before {
            Some(before) => {
                compare::runs(self, before, &state)?;
                newer = before.newer;
                commanded |= before.commanded;
                orphan_since = before.orphan_since;
                if before.state.header.status == status {
                    status_since = before.status_since;
                }
            }
            None => self.first_seen(&state)?,
        }
        expect(
            !newer || state.header.extra.contains_key("newer"),
            "C27",
            || format!("run {run} lost what newer code wrote"),
        )?;
        notices::decided(&graph, before.as_ref(), &state)?;
        self.note_orphans(run, &graph, before.as_ref(), &state);
        self.order(&graph, &state);
        let tracked = Tracked {
            graph,
            state,
            commanded,
            newer,
            status_since,
            changed: self.stats.commits,
            orphan_since,
        };
        self.watch.runs.insert(run.clone(), tracked);
        if self.watch.commanding {
            self.watch.carried_out.push((self.current, run.clone()));
        }
        self.check_places(run)?;
        self.disturb(run);
        Ok(())
    }

    fn decode(
        &self,
        run: &RunId,
        body: &[u8],
    ) -> Result<(Arc<Graph>, RunState), (&'static str, String)> {
        let broken = |error: String| ("I11", format!("run {run} cannot be read: {error}"));
        let graph = match self.watch.runs.get(run) {
            Some(tracked) => tracked.graph.clone(),
            None => {
                let header =
                    RunState::decode_header(body).map_err(|error| broken(error.to_string()))?;
                self.prepared
                    .graph(&header.version)
                    .cloned()
                    .ok_or_else(|| broken("nobody knows its version".into()))?
            }
        };
        let mut pages = Vec::new();
        for page in RunState::pages_of(body).map_err(|error| broken(error.to_string()))? {
            let key = Key::Page(run.clone(), page);
            let found = self.documents.get(&key);
            pages.push(
                found
                    .ok_or_else(|| broken(format!("{key} is missing")))?
                    .body
                    .clone(),
            );
        }
        let state =
            RunState::decode(&graph, body, &pages).map_err(|error| broken(error.to_string()))?;
        Ok((graph, state))
    }

    fn first_seen(&mut self, state: &RunState) -> Seen {
        self.stats.runs += 1;
        let header = &state.header;
        if header.trigger == RunTrigger::Schedule {
            let slot = (header.workflow.clone(), header.slot);
            expect(self.watch.slots.insert(slot), "I7", || {
                format!(
                    "a second run of the slot {}: {}",
                    header.slot.rfc3339(),
                    header.id
                )
            })?;
        }
        if header.trigger == RunTrigger::Schedule {
            self.check_slot(state)?;
        }
        if let Some(parent) = &header.parent {
            let place = (parent.run.clone(), parent.task, parent.index);
            let first = self.watch.children.insert((place, parent.attempt));
            expect(first, "I1", || {
                format!(
                    "a second run for one attempt of {}: {}",
                    parent.run, header.id
                )
            })?;
        }
        Ok(())
    }

    /// I7: a slot's run is made before the cursor passes it, and gives way where its schedule says so.
    fn check_slot(&self, state: &RunState) -> Seen {
        let header = &state.header;
        let Some(graph) = self.prepared.graph(&header.version) else {
            return Ok(());
        };
        let key = Key::Workflow(header.workflow.clone());
        let standing = self.documents.get(&key).and_then(|document| {
            serde_json::from_slice::<ork_engine::WorkflowDocument>(&document.body).ok()
        });
        let schedules = &graph.workflow.schedules;
        let Some(standing) = standing.filter(|standing| standing.current == header.version) else {
            return Ok(());
        };
        // Where nobody counts runs, making one is not conditional on the workflow's document.
        let counted = graph.workflow.max_active_runs.is_some()
            || schedules
                .iter()
                .any(|schedule| schedule.overlap != Overlap::Allow);
        let passed = standing.cursors.iter().all(|cursor| *cursor >= header.slot);
        expect(!passed || !counted, "I7", || {
            format!(
                "run {} was made when the cursors had passed its slot",
                header.id
            )
        })?;
        let skips = schedules
            .iter()
            .all(|schedule| schedule.overlap == Overlap::Skip);
        let others = self.watch.runs.values().find(|other| {
            let other = &other.state.header;
            other.workflow == header.workflow && !other.status.is_terminal()
        });
        expect(!skips || others.is_none(), "I10", || {
            format!(
                "run {} of a schedule with overlap: skip was made beside another",
                header.id
            )
        })
    }

    /// Remembers since when nobody waits for the run of a sub-workflow.
    fn note_orphans(
        &mut self,
        run: &RunId,
        graph: &Graph,
        before: Option<&Tracked>,
        state: &RunState,
    ) {
        let Some(before) = before.filter(|_| graph.has_children()) else {
            return;
        };
        let now = self.now;
        for (id, child) in &mut self.watch.runs {
            let Some(parent) = child.state.header.parent.as_ref().filter(|p| p.run == *run) else {
                continue;
            };
            let waits = |state: &RunState| {
                state
                    .instance(parent.task, parent.index)
                    .is_some_and(|instance| {
                        instance.attempt == parent.attempt && instance.status().is_in_flight()
                    })
            };
            if waits(&before.state) && !waits(state) && id != run {
                child.orphan_since = Some(now);
            }
        }
    }

    /// I10: pools and active runs.
    fn check_places(&mut self, run: &RunId) -> Seen {
        let Some(tracked) = self.watch.runs.get(run) else {
            return Ok(());
        };
        for (pool, n) in tracked.state.pools(&tracked.graph) {
            let held = self.watch.held.entry(pool.clone()).or_default();
            if n == 0 {
                held.remove(run);
            } else {
                held.insert(run.clone(), n);
            }
            let (held, size) = (held.values().sum::<u32>(), self.prepared.pools.get(&pool));
            let size = size.copied().unwrap_or(1);
            expect(held <= size, "I10", || {
                format!("{held} places of pool {pool} are held, it has {size}")
            })?;
        }
        let Some(most) = tracked.graph.workflow.max_active_runs else {
            return Ok(());
        };
        let name = &tracked.graph.workflow.name;
        let active = self.watch.runs.values().filter(|other| {
            let header = &other.state.header;
            header.workflow == *name
                && !header.status.is_terminal()
                && header.status != RunStatus::Pending
        });
        let active = active.count();
        expect(active <= most as usize, "I10", || {
            format!("{active} runs of {name} are active, {most} may be")
        })
    }

    /// What faults do to a document that was just written.
    fn disturb(&mut self, run: &RunId) {
        use crate::fault::Fault;
        if self.hit(Fault::NewerField)
            && let Some(tracked) = self.watch.runs.get_mut(run)
            && !tracked.newer
        {
            tracked.newer = true;
            let mut newer = tracked.state.clone();
            newer.header.extra.insert("newer".into(), true.into());
            let body = newer.encode().header;
            self.documents.overwrite(&Key::Run(run.clone()), body);
            self.tell(|| format!("newer code writes a field into {run}"));
        }
        if self.hit(Fault::Garbage) {
            self.tell(|| format!("the document of {run} turns to garbage"));
            let key = Key::Run(run.clone());
            self.documents.overwrite(&key, b"garbage".to_vec());
            self.watch.garbled.insert(run.clone());
            if let Some(gone) = self.watch.runs.remove(run) {
                for pool in gone.state.pools(&gone.graph).into_keys() {
                    self.watch.held.entry(pool).or_default().remove(run);
                }
            }
        }
    }
}
