//! Reads and listings.

use ork_core::time::Time;
use ork_engine::ports::{Document, Key, ListQuery, Listed, StoreError};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::cursor;
use super::row::{COLUMNS, DATELESS, document, key};

/// One snapshot of the documents asked for.
pub(super) fn read(
    connection: &Connection,
    keys: &[Key],
) -> rusqlite::Result<Vec<Option<Document>>> {
    // A transaction saves taking and giving back the lock for each key.
    let transaction = if keys.len() > 1 {
        Some(connection.unchecked_transaction()?)
    } else {
        None
    };
    let mut select = connection.prepare_cached("SELECT key, version, wake_at, status, workflow, created_at, body FROM documents WHERE key = ?")?;
    let documents = keys
        .iter()
        .map(|key| select.query_row([key.to_string()], document).optional())
        .collect();
    drop(select);
    transaction.map_or(Ok(()), rusqlite::Transaction::finish)?;
    documents
}

/// Which documents wake up.
#[derive(Clone, Copy)]
pub(super) enum Due {
    Runs,
    Workflows,
}

/// Up to and including `now`, earliest first.
pub(super) fn due(
    connection: &Connection,
    of: Due,
    now: Time,
    limit: usize,
) -> rusqlite::Result<Vec<(Key, Time)>> {
    // The kind is part of the text: only then SQLite may use the partial index.
    let sql = match of {
        Due::Runs => {
            "SELECT key, wake_at FROM documents WHERE kind = 2 AND wake_at IS NOT NULL AND wake_at <= ? ORDER BY wake_at, key LIMIT ?"
        }
        Due::Workflows => {
            "SELECT key, wake_at FROM documents WHERE kind = 0 AND wake_at IS NOT NULL AND wake_at <= ? ORDER BY wake_at, key LIMIT ?"
        }
    };
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map(params![now.0, count(limit)], |row| {
        Ok((key(row, 0)?, Time(row.get(1)?)))
    })?;
    rows.collect()
}

/// What can stop a listing.
pub(super) enum ListError {
    Cursor(StoreError),
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for ListError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// One page of a listing.
pub(super) fn list(
    connection: &Connection,
    query: &ListQuery,
    after: Option<&str>,
    limit: usize,
) -> Result<Listed, ListError> {
    let limit = limit.max(1);
    // One more than asked for tells whether anything follows.
    let wanted = count(limit.saturating_add(1));
    let mut items = match query {
        ListQuery::Runs {
            status,
            workflow,
            made_by,
        } => {
            let (at, last) = match after {
                Some(after) => cursor::of_runs(after).map_err(ListError::Cursor)?,
                None => (cursor::NEWEST.0, cursor::NEWEST.1.to_owned()),
            };
            let status = status.map(|status| status.as_str());
            let workflow = workflow.as_ref().map(|name| name.as_str());
            let filter = match (status, workflow) {
                (None, None) => "",
                (Some(_), None) => "AND status = ?4",
                (None, Some(_)) => "AND workflow = ?5",
                (Some(_), Some(_)) => "AND status = ?4 AND workflow = ?5",
            };
            let made_by = made_by.map(|at| at.0);
            let old = made_by.map_or("", |_| "AND created_at <= ?6 AND created_at > ?7");
            let sql = format!(
                "SELECT {COLUMNS} FROM documents WHERE kind = 2 {filter} {old} AND (created_at, key) < (?1, ?2) ORDER BY created_at DESC, key DESC LIMIT ?3"
            );
            // Every parameter must occur; the unused ones stay out of the text.
            let mut given: Vec<(&str, &dyn ToSql)> =
                vec![("?1", &at), ("?2", &last), ("?3", &wanted)];
            if status.is_some() {
                given.push(("?4", &status));
            }
            if workflow.is_some() {
                given.push(("?5", &workflow));
            }
            if made_by.is_some() {
                given.push(("?6", &made_by));
                given.push(("?7", &DATELESS));
            }
            rows(connection, &sql, &given)?
        }
        ListQuery::Workflows => {
            let after = key_cursor(query, after)?;
            let sql = format!(
                "SELECT {COLUMNS} FROM documents WHERE kind = 0 AND key > ?1 ORDER BY key LIMIT ?2"
            );
            rows(connection, &sql, &[("?1", &after), ("?2", &wanted)])?
        }
        ListQuery::Versions(name) => between(
            connection,
            &format!("workflows/{name}/versions/"),
            &key_cursor(query, after)?,
            wanted,
        )?,
        ListQuery::Dead => between(connection, "dead/", &key_cursor(query, after)?, wanted)?,
        ListQuery::ApiKeys => between(connection, "keys/", &key_cursor(query, after)?, wanted)?,
        ListQuery::Audit => between(connection, "audit/", &key_cursor(query, after)?, wanted)?,
    };
    let more = items.len() > limit;
    items.truncate(limit);
    let cursor = items
        .last()
        .filter(|_| more)
        .map(|(key, document)| cursor::after(query, key, document));
    Ok(Listed { items, cursor })
}

fn key_cursor(query: &ListQuery, after: Option<&str>) -> Result<String, ListError> {
    after.map_or_else(
        || Ok(String::new()),
        |after| cursor::of_keys(query, after).map_err(ListError::Cursor),
    )
}

/// Keys that begin with `prefix`, which ends in `/`, behind `after`.
fn between(
    connection: &Connection,
    prefix: &str,
    after: &str,
    limit: i64,
) -> rusqlite::Result<Vec<(Key, Document)>> {
    // `0` is what follows `/`.
    let end = format!("{}0", prefix.trim_end_matches('/'));
    let sql = format!(
        "SELECT {COLUMNS} FROM documents WHERE key >= ?1 AND key > ?2 AND key < ?3 ORDER BY key LIMIT ?4"
    );
    rows(
        connection,
        &sql,
        &[
            ("?1", &prefix),
            ("?2", &after),
            ("?3", &end),
            ("?4", &limit),
        ],
    )
}

fn rows(
    connection: &Connection,
    sql: &str,
    given: &[(&str, &dyn ToSql)],
) -> rusqlite::Result<Vec<(Key, Document)>> {
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map(given, |row| Ok((key(row, 0)?, document(row)?)))?;
    rows.collect()
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
