//! Commits: each put is one conditional statement, whose count of changed rows says whether its precondition held.

use std::collections::BTreeSet;

use ork_core::limits::DOCUMENT_BYTES;
use ork_engine::ports::{Index, Key, Precondition, StoreError, StoreErrorKind, Version, Write};
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, params};

use super::row::{created_at, kind};

/// What stopped a commit.
pub(super) enum Stop {
    /// A precondition of this document did not hold.
    Conflict(String),
    /// SQLite failed before the commit was asked for: nothing is written.
    Failed(rusqlite::Error),
    /// SQLite failed while committing, in a way that leaves the outcome open.
    Ambiguous(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// Refuses what no store takes.
pub(super) fn check_shape(writes: &[Write]) -> Result<(), StoreError> {
    let refused = |message: String| Err(StoreError::new(StoreErrorKind::Refused, message));
    let mut keys = BTreeSet::new();
    for write in writes {
        if writes.len() > 1 && !keys.insert(write.key()) {
            return refused(format!(
                "`{}` occurs twice in one commit; merge its writes into one",
                write.key()
            ));
        }
        if let Write::Put { key, body, .. } = write
            && body.len() > DOCUMENT_BYTES
        {
            return refused(format!(
                "`{key}` has {} bytes, more than the {DOCUMENT_BYTES} a document may have",
                body.len()
            ));
        }
    }
    Ok(())
}

/// Applies all writes or none; `fresh` gives versions nobody had.
pub(super) fn apply(
    connection: &Connection,
    writes: &[Write],
    mut fresh: impl FnMut() -> i64,
) -> Result<Vec<Version>, Stop> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let answer = apply_each(connection, writes, &mut fresh)
        .and_then(|versions| finish(connection).map(|()| versions));
    if answer.is_err() && !connection.is_autocommit() {
        // Its own failure says nothing new: without the commit nothing is written, and a connection that
        // is still inside a transaction fails at the next BEGIN.
        let _ = connection.execute_batch("ROLLBACK");
    }
    answer
}

fn finish(connection: &Connection) -> Result<(), Stop> {
    let mut commit = connection.prepare_cached("COMMIT")?;
    match commit.execute([]) {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => {
            Err(Stop::Ambiguous(error))
        }
        Err(error) => Err(Stop::Failed(error)),
    }
}

fn apply_each(
    connection: &Connection,
    writes: &[Write],
    fresh: &mut impl FnMut() -> i64,
) -> Result<Vec<Version>, Stop> {
    let mut versions = Vec::with_capacity(writes.len());
    for write in writes {
        let path = write.key().to_string();
        let (held, version) = match write {
            Write::Put {
                key,
                precondition,
                body,
                index,
            } => {
                let version = fresh();
                let changed = match precondition {
                    Precondition::Absent => insert(connection, key, &path, version, body, index)?,
                    Precondition::At(at) => match i64::try_from(at.0) {
                        Ok(at) => update(connection, &path, at, version, body, index)?,
                        // Never given out by this store.
                        Err(_) => 0,
                    },
                };
                (changed == 1, Version(version.unsigned_abs()))
            }
            Write::Delete { version, .. } => {
                let mut delete = connection
                    .prepare_cached("DELETE FROM documents WHERE key = ? AND version = ?")?;
                let removed = match i64::try_from(version.0) {
                    Ok(version) => delete.execute(params![path, version])?,
                    Err(_) => 0,
                };
                (removed == 1, Version(0))
            }
            Write::Check { precondition, .. } => {
                let found = version_of(connection, &path)?;
                match precondition {
                    Precondition::Absent => (found.is_none(), Version(0)),
                    Precondition::At(at) => (found == Some(at.0), *at),
                }
            }
        };
        if !held {
            return Err(Stop::Conflict(conflict(connection, write, &path)?));
        }
        versions.push(version);
    }
    Ok(versions)
}

fn insert(
    connection: &Connection,
    key: &Key,
    path: &str,
    version: i64,
    body: &[u8],
    index: &Index,
) -> rusqlite::Result<usize> {
    let sql =
        "INSERT INTO documents (key, kind, version, wake_at, status, workflow, created_at, body)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING";
    let (wake_at, status, workflow, created) = columns(index);
    connection.prepare_cached(sql)?.execute(params![
        path,
        kind(key),
        version,
        wake_at,
        status,
        workflow,
        created,
        body
    ])
}

/// SQLite rewrites every index that covers a column an UPDATE names, changed or not. Most writes leave the index as it is (pages,
/// a run at work), so first the statement that names none of its columns, for rows whose index is the wanted one already; it
/// costs a failed look-up when it is not.
fn update(
    connection: &Connection,
    path: &str,
    at: i64,
    version: i64,
    body: &[u8],
    index: &Index,
) -> rusqlite::Result<usize> {
    let (wake_at, status, workflow, created) = columns(index);
    let body_only = "UPDATE documents SET version = ?, body = ?
                     WHERE key = ? AND version = ? AND wake_at IS ? AND status IS ? AND workflow IS ? AND created_at = ?";
    let mut statement: CachedStatement<'_> = connection.prepare_cached(body_only)?;
    if statement.execute(params![
        version, body, path, at, wake_at, status, workflow, created
    ])? == 1
    {
        return Ok(1);
    }
    let wake_too = "UPDATE documents SET version = ?, body = ?, wake_at = ?
                    WHERE key = ? AND version = ? AND status IS ? AND workflow IS ? AND created_at = ?";
    if connection.prepare_cached(wake_too)?.execute(params![
        version, body, wake_at, path, at, status, workflow, created
    ])? == 1
    {
        return Ok(1);
    }
    let whole = "UPDATE documents SET version = ?, body = ?, wake_at = ?, status = ?, workflow = ?, created_at = ? WHERE key = ? AND version = ?";
    connection.prepare_cached(whole)?.execute(params![
        version, body, wake_at, status, workflow, created, path, at
    ])
}

fn columns(index: &Index) -> (Option<i64>, Option<&'static str>, Option<&str>, i64) {
    (
        index.wake_at.map(|at| at.0),
        index.status.map(|status| status.as_str()),
        index.workflow.as_ref().map(|name| name.as_str()),
        created_at(index),
    )
}

fn version_of(connection: &Connection, path: &str) -> rusqlite::Result<Option<u64>> {
    let mut select = connection.prepare_cached("SELECT version FROM documents WHERE key = ?")?;
    let version = select
        .query_row([path], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(version.map(i64::unsigned_abs))
}

/// What was wanted and what is there.
fn conflict(connection: &Connection, write: &Write, path: &str) -> rusqlite::Result<String> {
    let wanted = match write {
        Write::Put {
            precondition: Precondition::Absent,
            ..
        }
        | Write::Check {
            precondition: Precondition::Absent,
            ..
        } => "absent".to_owned(),
        Write::Put {
            precondition: Precondition::At(at),
            ..
        }
        | Write::Check {
            precondition: Precondition::At(at),
            ..
        } => format!("at version {}", at.0),
        Write::Delete { version, .. } => format!("at version {}", version.0),
    };
    let found = version_of(connection, path)?.map_or_else(
        || "absent".to_owned(),
        |version| format!("at version {version}"),
    );
    Ok(format!(
        "`{path}` is {found}, not {wanted}: somebody else was faster; read it again"
    ))
}
