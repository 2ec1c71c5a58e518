//! Documents with versions and the two queries by instant: what the simulated store keeps.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ork_core::ids::{RunId, WorkflowName};
use ork_core::limits::DOCUMENT_BYTES;
use ork_core::time::Time;
use ork_engine::ports::{
    Document, Key, ListQuery, Listed, Precondition, StoreError, StoreErrorKind, Version, Write,
};

/// Documents, and when each is due.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    all: BTreeMap<Key, Document>,
    due: BTreeSet<(Time, Key)>,
    versions: u64,
}

impl Documents {
    /// One document.
    pub fn get(&self, key: &Key) -> Option<&Document> {
        self.all.get(key)
    }
    /// Every document.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Document)> {
        self.all.iter()
    }
    /// The earliest instant at which anything is due.
    pub fn earliest(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    fn holds(&self, key: &Key, precondition: Precondition) -> Result<(), StoreError> {
        let found = self.all.get(key).map(|document| document.version);
        let holds = match precondition {
            Precondition::Absent => found.is_none(),
            Precondition::At(version) => found == Some(version),
        };
        if holds {
            return Ok(());
        }
        let message = format!("`{key}` is not {precondition:?}: it is at {found:?}");
        Err(StoreError::new(StoreErrorKind::Conflict, message))
    }

    /// Whether the writes make sense at all.
    fn acceptable(writes: &[Write]) -> Result<(), StoreError> {
        let refused = |message| Err(StoreError::new(StoreErrorKind::Refused, message));
        for (at, write) in writes.iter().enumerate() {
            let key = write.key();
            if writes[..at].iter().any(|earlier| earlier.key() == key) {
                return refused(format!("`{key}` occurs twice in one commit"));
            }
            if let Write::Put { body, .. } = write
                && body.len() > DOCUMENT_BYTES
            {
                let bytes = body.len();
                return refused(format!(
                    "`{key}` has {bytes} bytes, more than {DOCUMENT_BYTES}"
                ));
            }
        }
        Ok(())
    }

    /// Applies all writes or none; `conditional` says whether preconditions count.
    pub fn commit(
        &mut self,
        writes: &[Write],
        conditional: bool,
    ) -> Result<Vec<Version>, StoreError> {
        Self::acceptable(writes)?;
        for write in writes.iter().filter(|_| conditional) {
            match write {
                Write::Put {
                    key, precondition, ..
                }
                | Write::Check { key, precondition } => self.holds(key, *precondition)?,
                Write::Delete { key, version } => self.holds(key, Precondition::At(*version))?,
            }
        }
        Ok(writes.iter().map(|write| self.apply(write)).collect())
    }

    fn apply(&mut self, write: &Write) -> Version {
        match write {
            Write::Put {
                key, body, index, ..
            } => {
                self.versions += 1;
                let version = Version(self.versions);
                let document = Document {
                    version,
                    body: body.clone(),
                    index: index.clone(),
                };
                if let Some(at) = index.wake_at {
                    self.due.insert((at, key.clone()));
                }
                let before = self.all.insert(key.clone(), document);
                if let Some(at) = before.and_then(|before| before.index.wake_at)
                    && Some(at) != index.wake_at
                {
                    self.due.remove(&(at, key.clone()));
                }
                version
            }
            Write::Delete { key, .. } => {
                if let Some(at) = self.all.remove(key).and_then(|was| was.index.wake_at) {
                    self.due.remove(&(at, key.clone()));
                }
                Version(0)
            }
            Write::Check { precondition, .. } => match precondition {
                Precondition::At(version) => *version,
                Precondition::Absent => Version(0),
            },
        }
    }

    /// Replaces a body behind everybody's back, as newer code or a fault of the disk would.
    pub(crate) fn overwrite(&mut self, key: &Key, body: Vec<u8>) {
        self.versions += 1;
        let version = Version(self.versions);
        if let Some(document) = self.all.get_mut(key) {
            document.body = body;
            document.version = version;
        }
    }

    fn due_until(&self, now: Time) -> impl Iterator<Item = &(Time, Key)> {
        self.due.iter().take_while(move |(at, _)| *at <= now)
    }
    /// Runs that are due, earliest first.
    pub fn due_runs(&self, now: Time, limit: usize) -> Vec<(RunId, Time)> {
        let runs = self.due_until(now).filter_map(|(at, key)| match key {
            Key::Run(run) => Some((run.clone(), *at)),
            _ => None,
        });
        runs.take(limit).collect()
    }
    /// Workflows that are due, earliest first.
    pub fn due_workflows(&self, now: Time, limit: usize) -> Vec<(WorkflowName, Time)> {
        let workflows = self.due_until(now).filter_map(|(at, key)| match key {
            Key::Workflow(name) => Some((name.clone(), *at)),
            _ => None,
        });
        workflows.take(limit).collect()
    }

    /// A page of a listing.
    pub fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
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
        let mut found: Vec<(&Key, &Document)> = self
            .all
            .iter()
            .filter(|(key, document)| fits(key, document))
            .collect();
        let newest_first = matches!(query, ListQuery::Runs { .. });
        if newest_first {
            found.sort_by_key(|(key, document)| Reverse((document.index.created_at, *key)));
        }
        let place = |key: &Key, document: &Document| -> String {
            if newest_first {
                let at = document.index.created_at;
                let at = at.map_or_else(|| "-".to_owned(), |at| at.0.to_string());
                format!("{at}:{key}")
            } else {
                key.to_string()
            }
        };
        let from = match cursor {
            None => 0,
            Some(cursor) => self.behind(query, cursor, &found)?,
        };
        let items: Vec<(Key, Document)> = found[from..]
            .iter()
            .take(limit)
            .map(|&(key, document)| (key.clone(), document.clone()))
            .collect();
        let more = from + items.len() < found.len();
        let cursor = items
            .last()
            .filter(|_| more)
            .map(|(key, document)| place(key, document));
        Ok(Listed { items, cursor })
    }

    /// Where a listing goes on behind its cursor.
    fn behind(
        &self,
        query: &ListQuery,
        cursor: &str,
        found: &[(&Key, &Document)],
    ) -> Result<usize, StoreError> {
        if !matches!(query, ListQuery::Runs { .. }) {
            return Ok(found.partition_point(|(key, _)| key.to_string().as_str() <= cursor));
        }
        let parsed = cursor.split_once(":runs/").and_then(|(at, run)| {
            let at = match at {
                "-" => None,
                at => Some(Time(at.parse().ok()?)),
            };
            Some((at, Key::Run(RunId::new(run).ok()?)))
        });
        let Some((at, last)) = parsed else {
            let message = format!("`{cursor}` is not a cursor of this listing");
            return Err(StoreError::new(StoreErrorKind::Refused, message));
        };
        Ok(found
            .partition_point(|(key, document)| (document.index.created_at, *key) >= (at, &last)))
    }
}
