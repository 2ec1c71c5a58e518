//! The store itself: one connection, the versions it may give out, and the port.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ork_core::ids::{RunId, WorkflowName};
use ork_core::time::Time;
use ork_engine::ports::{
    Document, Key, ListQuery, Listed, Store, StoreError, StoreErrorKind, Version, Write,
};
use rusqlite::Connection;

use super::commit::{Stop, apply, check_shape};
use super::error::explain;
use super::open::{Options, open};
use super::query::{Due, ListError, due, list, read};
use super::row::foreign;
use super::stats::{Counters, Stats};

/// How many versions a handle takes at once. What it does not use is lost, which 2^63 versions can bear.
const BLOCK: i64 = 1 << 20;

/// Documents in one SQLite file. Operations never wait but for another process's commit.
#[derive(Debug)]
pub struct Sqlite {
    inner: Mutex<Inner>,
    path: PathBuf,
    counters: Counters,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    /// Versions this handle alone may give out. Taken in blocks from the file, so that no commit has to write a counter, and no
    /// version is ever given twice, whoever dies when and whatever is removed.
    versions: std::ops::Range<i64>,
    /// What `PRAGMA data_version` said last.
    seen: i64,
}

impl Inner {
    fn reserve(&mut self, wanted: usize) -> rusqlite::Result<()> {
        let left = self.versions.end - self.versions.start;
        if usize::try_from(left).is_ok_and(|left| left >= wanted) {
            return Ok(());
        }
        let block = BLOCK.max(i64::try_from(wanted).unwrap_or(i64::MAX));
        let mut take = self
            .connection
            .prepare_cached("UPDATE versions SET next = next + ? RETURNING next")?;
        let end: i64 = take.query_row([block], |row| row.get(0))?;
        self.versions = end - block..end;
        Ok(())
    }

    fn data_version(&self) -> rusqlite::Result<i64> {
        self.connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))
    }
}

impl Sqlite {
    /// Opens the store at `path`, making it when there is none.
    pub fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let connection = open(path, options)?;
        let mut inner = Inner {
            connection,
            versions: 0..0,
            seen: 0,
        };
        inner.seen = inner
            .data_version()
            .map_err(|error| explain(path, "opening the state", &error))?;
        Ok(Self {
            inner: Mutex::new(inner),
            path: path.to_owned(),
            counters: Counters::default(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What this handle has done since it was opened.
    pub fn stats(&self) -> Stats {
        self.counters.stats()
    }

    /// Whether another handle, of this or another process, committed since this was last asked.
    pub fn changed_elsewhere(&self) -> Result<bool, StoreError> {
        let mut inner = self.inner();
        let now = inner
            .data_version()
            .map_err(|error| self.explain("looking for changes", &error))?;
        Ok(std::mem::replace(&mut inner.seen, now) != now)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic between two statements leaves at worst a transaction open, which the next BEGIN reports.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn explain(&self, doing: &str, error: &rusqlite::Error) -> StoreError {
        explain(&self.path, doing, error)
    }

    fn commit_now(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        check_shape(writes)?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let inner = &mut *self.inner();
        inner
            .reserve(writes.len())
            .map_err(|error| self.explain("committing", &error))?;
        let versions = &mut inner.versions;
        let answer = apply(&inner.connection, writes, || {
            versions
                .next()
                .expect("as many were reserved as there are writes")
        });
        match answer {
            Ok(answer) => {
                let bodies = writes.iter().map(|write| {
                    if let Write::Put { body, .. } = write {
                        body.len() as u64
                    } else {
                        0
                    }
                });
                let written = writes
                    .iter()
                    .filter(|write| !matches!(write, Write::Check { .. }))
                    .count();
                self.counters.committed(written as u64, bodies.sum());
                Ok(answer)
            }
            Err(Stop::Conflict(message)) => {
                self.counters.conflict();
                Err(StoreError::new(StoreErrorKind::Conflict, message))
            }
            Err(Stop::Failed(error)) => Err(self.explain("committing", &error)),
            Err(Stop::Ambiguous(error)) => {
                let explained = self.explain("committing", &error);
                Err(StoreError::new(
                    StoreErrorKind::Ambiguous,
                    format!("{}; the commit may or may not be stored", explained.message),
                ))
            }
        }
    }

    fn due_now<Name>(
        &self,
        of: Due,
        now: Time,
        limit: usize,
        name: impl Fn(Key) -> Option<Name>,
    ) -> Result<Vec<(Name, Time)>, StoreError> {
        self.counters.read(1);
        let doing = "looking for what is due";
        let found = due(&self.inner().connection, of, now, limit)
            .map_err(|error| self.explain(doing, &error))?;
        let named = found.into_iter().map(|(key, at)| {
            let path = key.to_string();
            name(key).map(|name| (name, at)).ok_or_else(|| {
                self.explain(
                    doing,
                    &foreign(0, format!("`{path}` is filed under another kind")),
                )
            })
        });
        named.collect()
    }
}

impl Store for Sqlite {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        self.counters.read(keys.len());
        read(&self.inner().connection, keys).map_err(|error| self.explain("reading", &error))
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        self.commit_now(writes)
    }

    async fn due_runs(&self, now: Time, limit: usize) -> Result<Vec<(RunId, Time)>, StoreError> {
        self.due_now(Due::Runs, now, limit, |key| {
            if let Key::Run(run) = key {
                Some(run)
            } else {
                None
            }
        })
    }

    async fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
        self.due_now(Due::Workflows, now, limit, |key| {
            if let Key::Workflow(name) = key {
                Some(name)
            } else {
                None
            }
        })
    }

    async fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        self.counters.read(1);
        list(&self.inner().connection, query, cursor, limit).map_err(|error| match error {
            ListError::Cursor(error) => error,
            ListError::Failed(error) => self.explain("listing", &error),
        })
    }
}
