//! A store in memory, written to be obviously right: what the others are compared with, and what tests of use cases run on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use ork_core::ids::{RunId, WorkflowName};
use ork_core::limits::DOCUMENT_BYTES;
use ork_core::time::Time;

use crate::ports::{
    Document, Key, ListQuery, Listed, Precondition, Store, StoreError, StoreErrorKind, Version,
    Write,
};

/// Documents in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Model(Arc<Mutex<State>>);

/// The documents of a [`Model`] as they were at an instant.
#[derive(Debug, Clone)]
pub struct Backup(BTreeMap<Key, Document>);

#[derive(Debug, Default)]
struct State {
    documents: BTreeMap<Key, Document>,
    /// The last version given to anything.
    versions: u64,
}

impl State {
    fn check(&self, key: &Key, precondition: Precondition) -> Result<(), StoreError> {
        let found = self.documents.get(key).map(|document| document.version);
        let holds = match precondition {
            Precondition::Absent => found.is_none(),
            Precondition::At(version) => found == Some(version),
        };
        if holds {
            Ok(())
        } else {
            Err(StoreError::new(
                StoreErrorKind::Conflict,
                format!("`{key}` is not {precondition:?}: it is at {found:?}"),
            ))
        }
    }

    fn apply(&mut self, write: &Write) -> Version {
        match write {
            Write::Put {
                key, body, index, ..
            } => {
                self.versions += 1;
                let version = Version(self.versions);
                self.documents.insert(
                    key.clone(),
                    Document {
                        version,
                        body: body.clone(),
                        index: index.clone(),
                    },
                );
                version
            }
            Write::Delete { key, .. } => {
                self.documents.remove(key);
                Version(0)
            }
            Write::Check {
                precondition: Precondition::At(version),
                ..
            } => *version,
            Write::Check {
                precondition: Precondition::Absent,
                ..
            } => Version(0),
        }
    }

    /// What is due, by instant and then by name.
    fn due<Name: Ord>(
        &self,
        now: Time,
        limit: usize,
        name: impl Fn(&Key) -> Option<Name>,
    ) -> Vec<(Name, Time)> {
        let all = self.documents.iter().filter_map(|(key, document)| {
            Some((document.index.wake_at.filter(|at| *at <= now)?, name(key)?))
        });
        let mut due: Vec<_> = all.collect();
        due.sort();
        due.into_iter()
            .take(limit)
            .map(|(at, name)| (name, at))
            .collect()
    }

    fn matching(&self, query: &ListQuery) -> Vec<(Key, Document)> {
        let fits = |key: &Key, document: &Document| match (query, key) {
            (ListQuery::Workflows, Key::Workflow(_))
            | (ListQuery::Dead, Key::Dead(_))
            | (ListQuery::ApiKeys, Key::ApiKey(_))
            | (ListQuery::Audit, Key::Audit(_)) => true,
            (ListQuery::Versions(wanted), Key::WorkflowVersion(name, _)) => wanted == name,
            (
                ListQuery::Runs {
                    status,
                    workflow,
                    made_by,
                },
                Key::Run(_),
            ) => {
                let index = &document.index;
                (status.is_none() || index.status == *status)
                    && (workflow.is_none() || index.workflow == *workflow)
                    && made_by.is_none_or(|by| index.created_at.is_some_and(|at| at <= by))
            }
            _ => false,
        };
        let mut found: Vec<_> = self
            .documents
            .iter()
            .filter(|(key, document)| fits(key, document))
            .map(|(key, document)| (key.clone(), document.clone()))
            .collect();
        if matches!(query, ListQuery::Runs { .. }) {
            found.sort_by_key(|(key, document)| Reverse((document.index.created_at, key.clone())));
        }
        found
    }
}

impl Model {
    /// All documents as they are now.
    pub fn backup(&self) -> Backup {
        Backup(self.state().documents.clone())
    }
    /// Puts the documents of a backup in the place of all that are there. Each gets a version that it never had, as an import gives it.
    pub fn restore(&self, backup: &Backup) {
        let mut state = self.state();
        let mut documents = backup.0.clone();
        for document in documents.values_mut() {
            state.versions += 1;
            document.version = Version(state.versions);
        }
        state.documents = documents;
    }
}

/// The position of an item in its listing, as text.
fn cursor(query: &ListQuery, key: &Key, document: &Document) -> String {
    match query {
        ListQuery::Runs { .. } => match document.index.created_at {
            Some(at) => format!("{}:{key}", at.0),
            None => format!("none:{key}"),
        },
        _ => key.to_string(),
    }
}

/// Whether the item stands behind the cursor.
fn is_behind(
    query: &ListQuery,
    cursor: &str,
    key: &Key,
    document: &Document,
) -> Result<bool, StoreError> {
    let foreign = || {
        StoreError::new(
            StoreErrorKind::Refused,
            format!("`{cursor}` is not a cursor of this listing"),
        )
    };
    if !matches!(query, ListQuery::Runs { .. }) {
        return Ok(key.to_string().as_str() > cursor);
    }
    let (at, last) = cursor.split_once(":runs/").ok_or_else(foreign)?;
    let at = if at == "none" {
        None
    } else {
        Some(Time(at.parse().map_err(|_| foreign())?))
    };
    let last = Key::Run(RunId::new(last).map_err(|_| foreign())?);
    Ok((document.index.created_at, key) < (at, &last))
}

impl Model {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no operation of the model panics")
    }

    fn commit_now(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        let mut state = self.state();
        let mut keys = BTreeSet::new();
        for write in writes {
            let key = write.key();
            if !keys.insert(key) {
                return Err(StoreError::new(
                    StoreErrorKind::Refused,
                    format!("`{key}` occurs twice in one commit"),
                ));
            }
            if let Write::Put { body, .. } = write
                && body.len() > DOCUMENT_BYTES
            {
                return Err(StoreError::new(
                    StoreErrorKind::Refused,
                    format!(
                        "`{key}` has {} bytes, more than {DOCUMENT_BYTES}",
                        body.len()
                    ),
                ));
            }
        }
        for write in writes {
            match write {
                Write::Put {
                    key, precondition, ..
                }
                | Write::Check { key, precondition } => state.check(key, *precondition)?,
                Write::Delete { key, version } => state.check(key, Precondition::At(*version))?,
            }
        }
        Ok(writes.iter().map(|write| state.apply(write)).collect())
    }

    fn list_now(
        &self,
        query: &ListQuery,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        let mut items = self.state().matching(query);
        if let Some(after) = after {
            let mut behind = Vec::new();
            for (key, document) in items {
                if is_behind(query, after, &key, &document)? {
                    behind.push((key, document));
                }
            }
            items = behind;
            // An empty listing must still tell a foreign cursor.
            is_behind(
                query,
                after,
                &Key::Dead(String::new()),
                &Document {
                    version: Version(0),
                    body: Vec::new(),
                    index: Default::default(),
                },
            )?;
        }
        let more = items.len() > limit.max(1);
        items.truncate(limit.max(1));
        let cursor = items
            .last()
            .filter(|_| more)
            .map(|(key, document)| cursor(query, key, document));
        Ok(Listed { items, cursor })
    }
}

impl Store for Model {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        let state = self.state();
        Ok(keys
            .iter()
            .map(|key| state.documents.get(key).cloned())
            .collect())
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        self.commit_now(writes)
    }

    async fn due_runs(&self, now: Time, limit: usize) -> Result<Vec<(RunId, Time)>, StoreError> {
        Ok(self.state().due(now, limit, |key| {
            if let Key::Run(run) = key {
                Some(run.clone())
            } else {
                None
            }
        }))
    }

    async fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
        Ok(self.state().due(now, limit, |key| {
            if let Key::Workflow(name) = key {
                Some(name.clone())
            } else {
                None
            }
        }))
    }

    async fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        self.list_now(query, cursor, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Job, StoreWorld, block_on, on_threads};
    use super::*;

    impl StoreWorld for Model {
        type Store = Self;
        async fn open(&self) -> Self {
            self.clone()
        }
        async fn together<'a>(&'a self, jobs: Vec<Job<'a>>) {
            on_threads(jobs);
        }
    }

    crate::store_conformance!(Model::default(), block_on);

    #[test]
    fn every_case_is_in_the_list() {
        let names: BTreeSet<_> = super::super::store::all::<Model>()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let sources = [
            include_str!("store_commits.rs"),
            include_str!("store_documents.rs"),
            include_str!("store_due.rs"),
            include_str!("store_queries.rs"),
            include_str!("store_races.rs"),
        ]
        .concat();
        let written: BTreeSet<_> = sources
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn "))
            .filter_map(|line| line.split('<').next())
            .collect();
        assert_eq!(names, written);
    }
}
