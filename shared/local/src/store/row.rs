//! How keys and documents lie in columns, and back.

use ork_core::ids::{PoolName, RecordId, RunId, VersionHash, WorkflowName};
use ork_core::run::RunStatus;
use ork_core::time::Time;
use ork_engine::ports::{Document, Index, Key, Version};
use rusqlite::Row;
use rusqlite::types::Type;

/// Stands for "no `created_at`", so that the column orders without NULLs.
pub(super) const DATELESS: i64 = i64::MIN;

/// The columns of a document, in the order [`document`] reads them.
pub(super) const COLUMNS: &str = "key, version, wake_at, status, workflow, created_at, body";

/// The kind of a key as a number; the partial indexes name 0 and 2.
pub(super) fn kind(key: &Key) -> i64 {
    match key {
        Key::Workflow(_) => 0,
        Key::WorkflowVersion(..) => 1,
        Key::Run(_) => 2,
        Key::Page(..) => 3,
        Key::Pool(_) => 4,
        Key::Dead(_) => 5,
        Key::ApiKey(_) => 6,
        Key::Audit(_) => 7,
        Key::Ticks => 8,
    }
}

/// The strict inverse of a key's text.
pub(super) fn parse_key(text: &str) -> Option<Key> {
    if let Some(id) = text.strip_prefix("dead/") {
        return Some(Key::Dead(id.to_owned()));
    }
    let parts: Vec<&str> = text.split('/').collect();
    let key = match *parts.as_slice() {
        ["workflows", name] => Key::Workflow(WorkflowName::new(name).ok()?),
        ["workflows", name, "versions", hash] => {
            Key::WorkflowVersion(WorkflowName::new(name).ok()?, VersionHash::parse(hash)?)
        }
        ["runs", run] => Key::Run(RunId::new(run).ok()?),
        ["runs", run, "pages", page] => Key::Page(RunId::new(run).ok()?, page.parse().ok()?),
        ["pools", pool] => Key::Pool(PoolName::new(pool).ok()?),
        ["keys", id] => Key::ApiKey(RecordId::new(id).ok()?),
        ["audit", id] => Key::Audit(RecordId::new(id).ok()?),
        ["system", "ticks"] => Key::Ticks,
        _ => return None,
    };
    (key.to_string() == text).then_some(key)
}

pub(super) fn created_at(index: &Index) -> i64 {
    index.created_at.map_or(DATELESS, |at| at.0)
}

/// An error that says which column holds what Ork does not write.
pub(super) fn foreign(column: usize, what: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

pub(super) fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<Key> {
    let text = row.get_ref(column)?.as_str()?;
    parse_key(text).ok_or_else(|| foreign(column, format!("`{text}` is not a key of Ork's")))
}

/// A row of [`COLUMNS`], from its second column on.
pub(super) fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    let version: i64 = row.get(1)?;
    let status = match row.get_ref(3)?.as_str_or_null()? {
        Some(word) => Some(
            word.parse::<RunStatus>()
                .map_err(|error| foreign(3, error))?,
        ),
        None => None,
    };
    let workflow = match row.get_ref(4)?.as_str_or_null()? {
        Some(name) => Some(WorkflowName::new(name).map_err(|error| foreign(4, error.to_string()))?),
        None => None,
    };
    let created_at: i64 = row.get(5)?;
    Ok(Document {
        version: Version(
            u64::try_from(version)
                .map_err(|_| foreign(1, format!("{version} is not a version")))?,
        ),
        body: row.get_ref(6)?.as_blob()?.to_vec(),
        index: Index {
            wake_at: row.get::<_, Option<i64>>(2)?.map(Time),
            status,
            workflow,
            created_at: (created_at != DATELESS).then_some(Time(created_at)),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_text_are_the_same_thing() {
        let name = WorkflowName::new("a-b").expect("valid");
        let run = RunId::new("a--20260601T000000Z").expect("valid");
        let keys = [
            Key::Workflow(name.clone()),
            Key::WorkflowVersion(name, VersionHash::of(b"x")),
            Key::Run(run.clone()),
            Key::Page(run, 12),
            Key::Pool(PoolName::new("p").expect("valid")),
            Key::Dead("any/thing at all".to_owned()),
            Key::ApiKey(RecordId::new("7f3k").expect("valid")),
            Key::Audit(RecordId::new("7f3k-1").expect("valid")),
            Key::Ticks,
        ];
        for key in keys {
            assert_eq!(parse_key(&key.to_string()), Some(key));
        }
        for text in [
            "",
            "runs",
            "runs/",
            "runs/a/pages/01",
            "runs/a/pages/+1",
            "runs/a/b",
            "workflows/9",
            "pools/a/b",
            "keys/A",
            "audit/",
            "other/a",
        ] {
            assert_eq!(parse_key(text), None, "{text}");
        }
    }
}
