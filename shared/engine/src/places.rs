//! Places that runs share: the pools of their tasks and the active runs of their workflow. Both change in the run's own commit.

use std::collections::BTreeMap;

use ork_core::definition::{Overlap, Workflow};
use ork_core::ids::{PoolName, RunId};
use ork_core::protect::Protection;
use ork_core::run::RunStatus;

use crate::documents::{PoolDocument, WorkflowDocument, decode, encode};
use crate::error::EngineError;
use crate::loaded::Loaded;
use crate::ports::{Index, Key, Ports, Precondition, Store, Version, Write};

/// Whether runs of this workflow have to be counted.
pub(crate) fn counts_runs(workflow: &Workflow) -> bool {
    workflow.max_active_runs.is_some()
        || workflow
            .schedules
            .iter()
            .any(|schedule| schedule.overlap != Overlap::Allow)
}

/// Runs at once. Without a limit of its own a workflow has a queue only for `overlap: queue`: one at a time.
fn most_active(workflow: &Workflow) -> usize {
    workflow.max_active_runs.map_or(1, |most| most as usize)
}

/// Runs that a pool remembers to tell; whoever comes later finds a free place by looking.
const WAITING: usize = 1_000;
/// Runs that are told of free places beyond one for each: one of those that waited may be gone. All others would look in vain, and each look
/// of a run at a full pool costs reads.
const SPARE: usize = 1;

/// The shared documents that a commit of one run may have to change.
pub(crate) struct Places {
    pools: BTreeMap<PoolName, (Option<Version>, PoolDocument)>,
    workflow: Option<(Version, Index, WorkflowDocument)>,
    /// Runs to be told that a place came free.
    freed: Vec<RunId>,
}

impl Places {
    /// Reads what the run's graph calls for; nothing at all for most.
    pub(crate) async fn read<P: Ports>(ports: &P, loaded: &Loaded) -> Result<Self, EngineError> {
        let mut places = Self {
            pools: BTreeMap::new(),
            workflow: None,
            freed: Vec::new(),
        };
        let names: Vec<PoolName> = loaded.state.pools(&loaded.graph).into_keys().collect();
        let mut keys: Vec<Key> = names.iter().cloned().map(Key::Pool).collect();
        // The count of active runs changes when a run ends or begins again.
        let counted = counts_runs(&loaded.graph.workflow);
        if counted {
            keys.push(Key::Workflow(loaded.state.header.workflow.clone()));
        }
        if keys.is_empty() {
            return Ok(places);
        }
        let mut found = ports.store().read(&keys).await?;
        if counted && let Some(document) = found.pop().flatten() {
            let what = format!("workflow {}", loaded.state.header.workflow);
            let standing = decode(&what, &document.body)?;
            places.workflow = Some((document.version, document.index, standing));
        }
        for (name, document) in names.into_iter().zip(found) {
            let pool = match document {
                Some(document) => (
                    Some(document.version),
                    decode(&format!("pool {name}"), &document.body)?,
                ),
                None => (None, PoolDocument::new(1)),
            };
            places.pools.insert(name, pool);
        }
        if loaded.state.has_ready() {
            places.drop_departed(ports, &loaded.state.header.id).await?;
        }
        Ok(places)
    }

    /// Takes places from runs that are not stored any more, where that is all that keeps this one waiting. Asks about one holder of
    /// a pool, which is left to chance: that there is such a run is so rare that every look need not read all of them.
    async fn drop_departed<P: Ports>(&mut self, ports: &P, run: &RunId) -> Result<(), EngineError> {
        for (_, pool) in self.pools.values_mut() {
            if pool.free_for(run) > 0 {
                continue;
            }
            let others = pool.held.keys().filter(|holder| *holder != run);
            let mut holders: Vec<Key> = others.cloned().map(Key::Run).collect();
            if holders.len() > 1 {
                let at = ports.random() % holders.len() as u64;
                holders = vec![holders.swap_remove(usize::try_from(at).unwrap_or(0))];
            }
            let found = ports.store().read(&holders).await?;
            for (holder, found) in holders.into_iter().zip(found) {
                if let (Key::Run(holder), None) = (holder, found) {
                    pool.held.remove(&holder);
                }
            }
        }
        Ok(())
    }

    /// Places this run may still take in each pool.
    pub(crate) fn offer(&self, loaded: &Loaded) -> BTreeMap<PoolName, u32> {
        let held = loaded.state.pools(&loaded.graph);
        let run = &loaded.state.header.id;
        self.pools
            .iter()
            .map(|(name, (_, pool))| {
                (
                    name.clone(),
                    pool.free_for(run)
                        .saturating_sub(held.get(name).copied().unwrap_or(0)),
                )
            })
            .collect()
    }

    /// Whether a run that waits has its place. Where places are not counted any more, everybody has one.
    pub(crate) fn may_begin(&self, loaded: &Loaded) -> bool {
        let run = &loaded.state.header.id;
        self.workflow.as_ref().is_none_or(|(_, _, standing)| {
            let unknown = !standing.queued.contains(run);
            standing.active.contains(run)
                || (unknown
                    && standing.queued.is_empty()
                    && standing.active.len() < most_active(&loaded.graph.workflow))
        })
    }

    /// Why a run that had ended may not go on now, if its workflow has no place for it.
    pub(crate) fn refuse_again(&self, loaded: &Loaded) -> Option<String> {
        let header = &loaded.state.header;
        let (_, _, standing) = self.workflow.as_ref()?;
        let most = loaded.graph.workflow.max_active_runs? as usize;
        let full = !header.status.is_terminal()
            && !standing.active.contains(&header.id)
            && standing.active.len() >= most;
        full.then(|| format!("run {} cannot go on now: {} run(s) of {} are active, which is its limit (max_active_runs); wait for their end or cancel them", header.id, standing.active.len(), header.workflow))
    }

    /// The writes that bring the shared documents in line with the run's new state.
    pub(crate) fn writes(&mut self, loaded: &Loaded) -> Vec<Write> {
        let run = &loaded.state.header.id;
        let held = loaded.state.pools(&loaded.graph);
        let mut writes = Vec::new();
        self.freed.clear();
        for (name, (version, pool)) in &mut self.pools {
            let mut next = pool.clone();
            let now_held = held.get(name).copied().unwrap_or(0);
            let before = next.held.remove(run).unwrap_or(0);
            if now_held > 0 {
                next.held.insert(run.clone(), now_held);
            }
            let full = next.held.values().sum::<u32>() >= next.size;
            let waits =
                full && loaded.state.has_ready() && !loaded.state.header.status.is_terminal();
            if !waits {
                next.waiting.retain(|waiting| waiting != run);
            } else if next.waiting.len() < WAITING && !next.waiting.contains(run) {
                next.waiting.push(run.clone());
            }
            if now_held < before {
                let others = next.waiting.iter().filter(|waiting| *waiting != run);
                let places = (before - now_held) as usize;
                let told: Vec<RunId> = others.take(places + SPARE).cloned().collect();
                // Whoever is told and does not come is behind those who were not told yet.
                next.waiting.retain(|waiting| !told.contains(waiting));
                next.waiting.extend_from_slice(&told);
                self.freed.extend(told);
            }
            if next != *pool && loaded.graph.protections().hold(Protection::PoolInCommit) {
                let precondition = version.map_or(Precondition::Absent, Precondition::At);
                writes.push(Write::Put {
                    key: Key::Pool(name.clone()),
                    precondition,
                    body: encode(&next),
                    index: Index::default(),
                });
            }
        }
        if let Some((version, index, workflow)) = &self.workflow {
            let mut next = workflow.clone();
            let status = loaded.state.header.status;
            if status.is_terminal() {
                next.active.retain(|active| active != run);
                next.queued.retain(|queued| queued != run);
            } else if status != RunStatus::Pending && !next.active.contains(run) {
                next.queued.retain(|queued| queued != run);
                next.active.push(run.clone());
            } else if status == RunStatus::Pending
                && !next.active.contains(run)
                && !next.queued.contains(run)
            {
                // The workflow was removed and stored anew in the meantime.
                next.queued.push(run.clone());
            }
            let most = most_active(&loaded.graph.workflow);
            while next.active.len() < most && !next.queued.is_empty() {
                let promoted = next.queued.remove(0);
                self.freed.push(promoted.clone());
                next.active.push(promoted);
            }
            if next != *workflow {
                // Its schedules and their cursors are as they were, and so is when they are due.
                let index = if loaded.graph.protections().hold(Protection::IndexKept) {
                    index.clone()
                } else {
                    Index::default()
                };
                writes.push(Write::Put {
                    key: Key::Workflow(next.name.clone()),
                    precondition: Precondition::At(*version),
                    body: encode(&next),
                    index,
                });
            }
        }
        writes
    }

    /// Runs that should look again after the commit.
    pub(crate) fn freed(&self) -> Vec<RunId> {
        self.freed.clone()
    }
}
