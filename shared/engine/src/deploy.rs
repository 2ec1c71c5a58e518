//! Storing a version of a workflow.

use std::collections::BTreeMap;
use std::sync::Arc;

use ork_core::definition::Workflow;
use ork_core::ids::{PoolName, VersionHash, WorkflowName};
use ork_core::run::Graph;

use crate::Engine;
use crate::audit::{AuditResult, Deed};
use crate::documents::{PoolDocument, WorkflowDocument, decode, encode};
use crate::error::{EngineError, EngineErrorKind};
use crate::fire::workflow_index;
use crate::places::counts_runs;
use crate::ports::{
    Clock, Index, Key, ListQuery, Ports, Precondition, Store, StoreErrorKind, Write,
};

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The version.
    pub version: VersionHash,
    /// Whether it differs from what was current.
    pub changed: bool,
}

impl<P: Ports> Engine<P> {
    /// Makes `workflow` the current version; runs that are under way keep theirs. `source` says where its files are.
    pub async fn deploy(
        &self,
        workflow: &Workflow,
        source: Option<String>,
        pools: &BTreeMap<PoolName, u32>,
    ) -> Result<Deployment, EngineError> {
        self.deploy_for(workflow, source, pools, None).await
    }

    /// As [`Engine::deploy`], for somebody: recorded with the commit.
    pub(crate) async fn deploy_for(
        &self,
        workflow: &Workflow,
        source: Option<String>,
        pools: &BTreeMap<PoolName, u32>,
        deed: Option<&Deed>,
    ) -> Result<Deployment, EngineError> {
        let body = workflow.encode();
        let version = VersionHash::of(&body);
        let key = Key::Workflow(workflow.name.clone());
        let version_key = Key::WorkflowVersion(workflow.name.clone(), version.clone());
        // Whether a try whose answer was lost would have changed the version.
        let mut unsure = false;
        for _ in 0..8 {
            let now = self.ports.clock().now();
            let pool_keys: Vec<Key> = pools.keys().cloned().map(Key::Pool).collect();
            let mut keys = vec![key.clone(), version_key.clone()];
            keys.extend(pool_keys);
            let mut found = self.ports.store().read(&keys).await?.into_iter();
            let (standing, stored) = (found.next().flatten(), found.next().flatten());
            let (precondition, mut next, before) = match &standing {
                Some(document) => {
                    let known: WorkflowDocument = decode(&key.to_string(), &document.body)?;
                    // One that was removed begins anew, but for the runs that still hold its places.
                    let next = if known.removed {
                        WorkflowDocument {
                            active: known.active.clone(),
                            queued: known.queued.clone(),
                            ..WorkflowDocument::new(workflow.name.clone(), version.clone(), now)
                        }
                    } else {
                        known.clone()
                    };
                    let before = Some(known).filter(|known| !known.removed);
                    (Precondition::At(document.version), next, before)
                }
                None => (
                    Precondition::Absent,
                    WorkflowDocument::new(workflow.name.clone(), version.clone(), now),
                    None,
                ),
            };
            let changed = before
                .as_ref()
                .is_none_or(|before| before.current != version);
            if changed {
                // A schedule that is as it was keeps its place; a new or changed one begins now.
                let old = match &before {
                    Some(before) => match crate::loaded::graph(
                        &self.ports,
                        &self.memory,
                        &workflow.name,
                        &before.current,
                    )
                    .await
                    {
                        Ok(graph) => Some(graph),
                        // A version that nobody can read any more had no slots to keep.
                        Err(error)
                            if matches!(
                                error.kind,
                                EngineErrorKind::Corrupt | EngineErrorKind::NotFound
                            ) =>
                        {
                            None
                        }
                        Err(error) => return Err(error),
                    },
                    None => None,
                };
                let old = old
                    .as_ref()
                    .map(|graph| graph.workflow.schedules.as_slice())
                    .unwrap_or_default();
                let cursor = |schedule| {
                    old.iter()
                        .position(|known| known == schedule)
                        .and_then(|at| next.cursors.get(at).copied())
                        .unwrap_or(now)
                };
                next.cursors = workflow.schedules.iter().map(cursor).collect();
                next.current = version.clone();
                next.deployed_at = now;
            }
            next.source.clone_from(&source);
            let mut writes = Vec::new();
            if before.as_ref() != Some(&next) {
                let index = workflow_index(&next, workflow, now);
                writes.push(Write::Put {
                    key: key.clone(),
                    precondition,
                    body: encode(&next),
                    index,
                });
            }
            if stored.is_none() {
                let body =
                    crate::loaded::keep_definition(&self.ports, &workflow.name, &version, &body)
                        .await?;
                writes.push(Write::Put {
                    key: version_key.clone(),
                    precondition: Precondition::Absent,
                    body,
                    index: Index::default(),
                });
            }
            for ((name, &size), found) in pools.iter().zip(found) {
                let (precondition, pool) = match found {
                    Some(document) => (
                        Precondition::At(document.version),
                        decode(&format!("pool {name}"), &document.body)?,
                    ),
                    None => (Precondition::Absent, PoolDocument::new(0)),
                };
                if pool.size != size {
                    let pool = PoolDocument { size, ..pool };
                    writes.push(Write::Put {
                        key: Key::Pool(name.clone()),
                        precondition,
                        body: encode(&pool),
                        index: Index::default(),
                    });
                }
            }
            if writes.is_empty() {
                return Ok(Deployment {
                    version,
                    changed: unsure,
                });
            }
            if let Some(deed) = deed {
                let deed = deed.clone().saying("version", version.short());
                writes.push(self.record(&deed, AuditResult::Done));
            }
            match self.ports.store().commit(&writes).await {
                Ok(_) => {
                    self.memory.keep_graph(version.clone(), workflow.clone());
                    return Ok(Deployment { version, changed });
                }
                Err(error) if error.kind == StoreErrorKind::Conflict => {}
                Err(error) if error.kind == StoreErrorKind::Ambiguous => unsure |= changed,
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::new(
            EngineErrorKind::Unavailable,
            format!(
                "workflow {} is being changed by others: gave up, nothing was stored",
                workflow.name
            ),
        ))
    }

    /// Lets a workflow's schedules fire or not. Slots that pass while they do not are gone.
    pub async fn enable(&self, name: &WorkflowName, enabled: bool) -> Result<(), EngineError> {
        self.enable_for(name, enabled, None).await
    }

    /// As [`Engine::enable`], for somebody: recorded with the commit.
    pub(crate) async fn enable_for(
        &self,
        name: &WorkflowName,
        enabled: bool,
        deed: Option<&Deed>,
    ) -> Result<(), EngineError> {
        for _ in 0..8 {
            let (version, mut document) = self.workflow(name).await?;
            if document.enabled == enabled {
                return Ok(());
            }
            let graph =
                crate::loaded::graph(&self.ports, &self.memory, name, &document.current).await?;
            let now = self.ports.clock().now();
            document.enabled = enabled;
            if enabled {
                document.cursors = vec![now; graph.workflow.schedules.len()];
            }
            let mut writes = vec![self.put_workflow(&document, &graph, version, now)];
            writes.extend(deed.map(|deed| self.record(deed, AuditResult::Done)));
            match self.ports.store().commit(&writes).await {
                Ok(_) => return Ok(()),
                Err(error)
                    if matches!(
                        error.kind,
                        StoreErrorKind::Conflict | StoreErrorKind::Ambiguous
                    ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::new(
            EngineErrorKind::Unavailable,
            format!("workflow {name} is being changed by others: gave up"),
        ))
    }

    /// Removes a workflow: it starts no more runs. Its versions and runs stay, so that those under way end right.
    pub async fn delete_workflow(&self, name: &WorkflowName) -> Result<(), EngineError> {
        self.delete_workflow_for(name, None).await
    }

    /// As [`Engine::delete_workflow`], for somebody: recorded with the commit.
    pub(crate) async fn delete_workflow_for(
        &self,
        name: &WorkflowName,
        deed: Option<&Deed>,
    ) -> Result<(), EngineError> {
        let mut unsure = false;
        for _ in 0..8 {
            let (version, document) = match self.workflow(name).await {
                Ok(standing) => standing,
                Err(error) if unsure && error.kind == EngineErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            let key = Key::Workflow(name.clone());
            let graph =
                crate::loaded::graph(&self.ports, &self.memory, name, &document.current).await;
            let counted = match &graph {
                Ok(graph) => counts_runs(&graph.workflow),
                // Nobody can tell.
                Err(error) if error.kind != EngineErrorKind::Unavailable => true,
                Err(error) => return Err(error.clone()),
            };
            // Where places are counted they stay counted, should it be stored anew while one of its runs goes on, or goes on again.
            let write = if counted || document.has_runs() {
                let removed = WorkflowDocument {
                    removed: true,
                    ..document
                };
                Write::Put {
                    key,
                    precondition: Precondition::At(version),
                    body: encode(&removed),
                    index: Index {
                        workflow: Some(name.clone()),
                        ..Index::default()
                    },
                }
            } else {
                Write::Delete { key, version }
            };
            let mut writes = vec![write];
            writes.extend(deed.map(|deed| self.record(deed, AuditResult::Done)));
            match self.ports.store().commit(&writes).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind == StoreErrorKind::Conflict => {}
                Err(error) if error.kind == StoreErrorKind::Ambiguous => unsure = true,
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::new(
            EngineErrorKind::Unavailable,
            format!("workflow {name} is being changed by others: gave up"),
        ))
    }

    /// The definition of one version.
    pub async fn definition(
        &self,
        name: &WorkflowName,
        version: &VersionHash,
    ) -> Result<Arc<Graph>, EngineError> {
        crate::loaded::graph(&self.ports, &self.memory, name, version).await
    }

    /// All stored versions of a workflow, in no particular order.
    pub async fn versions(&self, name: &WorkflowName) -> Result<Vec<VersionHash>, EngineError> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = self
                .ports
                .store()
                .list(&ListQuery::Versions(name.clone()), cursor.as_deref(), 200)
                .await?;
            all.extend(page.items.into_iter().filter_map(|(key, _)| {
                if let Key::WorkflowVersion(_, version) = key {
                    Some(version)
                } else {
                    None
                }
            }));
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// A workflow as it stands.
    pub async fn workflow_standing(
        &self,
        name: &WorkflowName,
    ) -> Result<WorkflowDocument, EngineError> {
        let (_, _, standing) = self.standing(name).await?;
        Ok(standing)
    }

    /// Workflows by name, at most `limit`, and where to go on.
    pub async fn workflows_page(
        &self,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<WorkflowDocument>, Option<String>), EngineError> {
        let listing = self
            .ports
            .store()
            .list(&ListQuery::Workflows, cursor, limit);
        let page = listing.await?;
        let mut found = Vec::new();
        for (key, document) in page.items {
            let standing: WorkflowDocument = decode(&key.to_string(), &document.body)?;
            if !standing.removed {
                found.push(standing);
            }
        }
        Ok((found, page.cursor))
    }

    /// Every workflow, by name.
    pub async fn workflows(&self) -> Result<Vec<WorkflowDocument>, EngineError> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let (found, next) = self.workflows_page(cursor.as_deref(), 200).await?;
            all.extend(found);
            cursor = next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }
}
