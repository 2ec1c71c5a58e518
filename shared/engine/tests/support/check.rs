//! What must hold after every commit, whoever made it.

use std::collections::BTreeMap;

use ork_core::definition::Workflow;
use ork_core::ids::{PoolName, WorkflowName};
use ork_core::limits;
use ork_core::run::{Graph, RunState, RunStatus};
use ork_engine::PoolDocument;
use ork_engine::ports::{Document, Key, ListQuery, Store};

use super::World;

impl World {
    /// Every run in the store that can be read.
    pub(crate) fn all_runs(&self) -> Vec<(Graph, RunState)> {
        ork_engine::conformance::block_on(self.read_runs())
    }
    async fn read_runs(&self) -> Vec<(Graph, RunState)> {
        let query = ListQuery::Runs {
            status: None,
            workflow: None,
            made_by: None,
        };
        let mut found = Vec::new();
        for (key, document) in self
            .0
            .store
            .list(&query, None, 100_000)
            .await
            .unwrap()
            .items
        {
            found.extend(self.decode(&key, &document).await);
        }
        found
    }
    async fn one(&self, key: Key) -> Option<Document> {
        self.0.store.read(&[key]).await.unwrap().remove(0)
    }
    async fn decode(&self, key: &Key, document: &Document) -> Option<(Graph, RunState)> {
        let Key::Run(run) = key else { return None };
        let header = RunState::decode_header(&document.body).ok()?;
        let version = self
            .one(Key::WorkflowVersion(header.workflow, header.version))
            .await?;
        let graph = Graph::new(Workflow::decode(&version.body).ok()?);
        let mut pages = Vec::new();
        for page in RunState::pages_of(&document.body).ok()? {
            pages.push(self.one(Key::Page(run.clone(), page)).await?.body);
        }
        let state = RunState::decode(&graph, &document.body, &pages).ok()?;
        Some((graph, state))
    }

    pub(super) async fn check_commit(&self) {
        let most = self.0.most_active.lock().unwrap().clone();
        let mut active: BTreeMap<WorkflowName, usize> = BTreeMap::new();
        let mut held: BTreeMap<PoolName, u32> = BTreeMap::new();
        // Looking at everything after every commit is for small worlds.
        if self.commits() > 150 {
            return;
        }
        let runs = self
            .0
            .store
            .list(
                &ListQuery::Runs {
                    status: None,
                    workflow: None,
                    made_by: None,
                },
                None,
                1000,
            )
            .await
            .unwrap()
            .items;
        for (key, document) in runs {
            assert!(document.body.len() <= limits::DOCUMENT_BYTES);
            if RunState::pages_of(&document.body).is_ok_and(|pages| !pages.is_empty()) {
                continue;
            }
            let Some((graph, state)) = self.decode(&key, &document).await else {
                continue;
            };
            let status = state.header.status;
            let rests = state.is_at_rest();
            assert_eq!(
                document.index.wake_at.is_none(),
                rests,
                "{key} is {status} and wakes at {:?}",
                document.index.wake_at
            );
            if !status.is_terminal() && status != RunStatus::Pending {
                *active.entry(state.header.workflow.clone()).or_default() += 1;
            }
            for (pool, n) in state.pools(&graph) {
                *held.entry(pool).or_default() += n;
            }
        }
        for (workflow, n) in active {
            let most = most.get(&workflow).copied().unwrap_or(usize::MAX);
            assert!(
                n <= most,
                "{n} runs of {workflow} are active, {most} may be"
            );
        }
        for (pool, n) in held {
            let document = self.one(Key::Pool(pool.clone())).await;
            // One that is damaged on purpose says nothing.
            let Ok(size) = document.map_or(Ok(1), |document| {
                serde_json::from_slice::<PoolDocument>(&document.body).map(|pool| pool.size)
            }) else {
                continue;
            };
            assert!(n <= size, "pool {pool} has {size} place(s), {n} are held");
        }
    }
}
