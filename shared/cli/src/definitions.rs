//! The versions of deployed workflows, read from the store: the engine has no other use for showing them.

use std::path::Path;

use ork_core::definition::Workflow;
use ork_core::ids::{VersionHash, WorkflowName};
use ork_engine::ports::{Key, ListQuery, Store, StoreError};
use ork_local::state_dir::{Options, StateDir};
use ork_local::store::{Options as StoreOptions, Sqlite, Sync};

use crate::failure::Failure;

/// The stored definitions of a state folder.
pub(crate) struct Definitions(Sqlite);

impl Definitions {
    /// Opens a folder that must be there.
    pub(crate) fn open(state: &Path) -> Result<Self, Failure> {
        let folder = StateDir::open(
            state,
            Options {
                sync: Sync::Normal,
                create: false,
            },
        )
        .map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self(
            Sqlite::open(&folder.database(), &StoreOptions::default()).map_err(store)?,
        ))
    }

    /// One version of a workflow.
    pub(crate) async fn version(
        &self,
        name: &WorkflowName,
        version: &VersionHash,
    ) -> Result<Workflow, Failure> {
        let key = Key::WorkflowVersion(name.clone(), version.clone());
        let found = self.0.read(&[key]).await.map_err(store)?.pop().flatten();
        let found = found.ok_or_else(|| {
            Failure::new(format!(
                "version {} of workflow {name} is not stored",
                version.short()
            ))
        })?;
        Workflow::decode(&found.body)
            .map_err(|error| Failure::new(format!("workflow {name}: {error}")))
    }

    /// All versions of a workflow, in no particular order.
    pub(crate) async fn versions(&self, name: &WorkflowName) -> Result<Vec<VersionHash>, Failure> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = self
                .0
                .list(&ListQuery::Versions(name.clone()), cursor.as_deref(), 200)
                .await
                .map_err(store)?;
            all.extend(page.items.into_iter().filter_map(|(key, _)| match key {
                Key::WorkflowVersion(_, version) => Some(version),
                _ => None,
            }));
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }
}

fn store(error: StoreError) -> Failure {
    Failure::new(error.message)
}
